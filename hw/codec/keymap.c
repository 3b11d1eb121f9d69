/* SPDX-License-Identifier: MIT */
/*
 * A wedge's keys to text. Levels, Caps and AltGr are libxkbcommon's; dead keys, Alt + keypad and
 * what a key held down means are done here, as the scanners' manuals describe what they type.
 */

#include "hw/codec/keymap.h"

#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>
#include <xkbcommon/xkbcommon.h>
#include "hw/escpos/codepage.h"

#define EVDEV_TO_XKB 8 /* the offset between the two numberings */
#define KEYS (KEY_MAX + 1)
#define KEYPAD_DIGITS_MAX 7 /* U+10FFFF is 1114111 */

struct tb_keymap {
	struct xkb_context *context;
	struct xkb_keymap *keymap;
	struct xkb_state *state;
	enum tb_page keypad_page;
	const struct dead_key *dead; /* waits for the letter it goes on */
	bool alt;
	char keypad[KEYPAD_DIGITS_MAX + 1];
	size_t n_keypad;
	bool keypad_bad;
	uint8_t down[(KEYS + 7) / 8];
	size_t n_down;
};

/* A dead key, the combining mark it puts on a letter, and the sign it is with a blank. */
static const struct dead_key {
	xkb_keysym_t sym;
	uint32_t mark, sign;
} dead_keys[] = {
	{XKB_KEY_dead_grave, 0x300, '`'},
	{XKB_KEY_dead_acute, 0x301, 0xb4},
	{XKB_KEY_dead_circumflex, 0x302, '^'},
	{XKB_KEY_dead_tilde, 0x303, '~'},
	{XKB_KEY_dead_macron, 0x304, 0xaf},
	{XKB_KEY_dead_breve, 0x306, 0x2d8},
	{XKB_KEY_dead_abovedot, 0x307, 0x2d9},
	{XKB_KEY_dead_diaeresis, 0x308, 0xa8},
	{XKB_KEY_dead_abovering, 0x30a, 0xb0},
	{XKB_KEY_dead_doubleacute, 0x30b, 0x2dd},
	{XKB_KEY_dead_caron, 0x30c, 0x2c7},
	{XKB_KEY_dead_cedilla, 0x327, 0xb8},
	{XKB_KEY_dead_ogonek, 0x328, 0x2db},
};

static void
forget_half_typed(struct tb_keymap *map)
{
	map->dead = NULL;
	map->alt = false;
	map->n_keypad = 0;
	map->keypad_bad = false;
	explicit_bzero(map->keypad, sizeof(map->keypad));
}

static void
quiet(struct xkb_context *context, enum xkb_log_level level, const char *format, va_list args)
{
}

/* "ch(fr)" is layout ch, variant fr. */
static struct xkb_keymap *
compile(struct xkb_context *context, const char *name)
{
	char layout[32], variant[32] = "";
	struct xkb_rule_names names = {.rules = "evdev",
		.model = "pc105",
		.layout = layout,
		.variant = variant,
		.options = ""};
	const char *open = strchr(name, '('), *end = name + strlen(name);

	if (strlen(name) >= sizeof(layout) || name[0] == '\0' || strpbrk(name, ",:+/"))
		return NULL;
	snprintf(layout, sizeof(layout), "%s", name);
	if (open) {
		if (end[-1] != ')')
			return NULL;
		layout[open - name] = '\0';
		snprintf(variant, sizeof(variant), "%.*s", (int)(end - open - 2), open + 1);
	}
	return xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
}

int
tb_keymap_new(const char *layout, const char *keypad_codepage, struct tb_keymap **ret)
{
	_cleanup_(tb_keymap_freep) struct tb_keymap *map = calloc(1, sizeof(*map));

	if (!map)
		return -ENOMEM;
	if (tb_page_find(keypad_codepage, &map->keypad_page) < 0)
		return -ENOENT;
	map->context = xkb_context_new(XKB_CONTEXT_NO_ENVIRONMENT_NAMES);
	if (!map->context)
		return -ENOMEM;
	xkb_context_set_log_fn(map->context, quiet);
	map->keymap = compile(map->context, layout);
	if (!map->keymap)
		return -ENOENT;
	map->state = xkb_state_new(map->keymap);
	if (!map->state)
		return -ENOMEM;
	*ret = TAKE_PTR(map);
	return 0;
}

void
tb_keymap_free(struct tb_keymap *map)
{
	if (!map)
		return;
	xkb_state_unref(map->state);
	xkb_keymap_unref(map->keymap);
	xkb_context_unref(map->context);
	free(map);
}

void
tb_keymap_set_caps(struct tb_keymap *map, bool on)
{
	xkb_mod_index_t caps = xkb_keymap_mod_get_index(map->keymap, XKB_MOD_NAME_CAPS);
	xkb_mod_mask_t locked = xkb_state_serialize_mods(map->state, XKB_STATE_MODS_LOCKED);

	if (caps == XKB_MOD_INVALID)
		return;
	locked = on ? locked | 1u << caps : locked & ~(1u << caps);
	xkb_state_update_mask(map->state,
		xkb_state_serialize_mods(map->state, XKB_STATE_MODS_DEPRESSED),
		xkb_state_serialize_mods(map->state, XKB_STATE_MODS_LATCHED), locked, 0, 0, 0);
}

void
tb_keymap_reset(struct tb_keymap *map, bool caps_on)
{
	xkb_mod_index_t caps = xkb_keymap_mod_get_index(map->keymap, XKB_MOD_NAME_CAPS);
	struct xkb_state *fresh = xkb_state_new(map->keymap);

	if (fresh) {
		xkb_state_unref(map->state);
		map->state = fresh;
	}
	if (caps != XKB_MOD_INVALID)
		xkb_state_update_mask(map->state, 0, 0, caps_on ? 1u << caps : 0, 0, 0, 0);
	forget_half_typed(map);
	memset(map->down, 0, sizeof(map->down));
	map->n_down = 0;
}

bool
tb_keymap_idle(const struct tb_keymap *map)
{
	return map->n_down == 0;
}

static size_t
put(char *out, uint32_t point)
{
	utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)point, (utf8proc_uint8_t *)out);

	return n > 0 ? (size_t)n : 0;
}

static const struct dead_key *
dead_key(xkb_keysym_t sym)
{
	for (size_t i = 0; i < ARRAY_SIZE(dead_keys); i++)
		if (dead_keys[i].sym == sym)
			return &dead_keys[i];
	return NULL;
}

/* The letter with the mark as one character, 0 when there is none. */
static uint32_t
composed(uint32_t letter, uint32_t mark)
{
	utf8proc_int32_t pair[2] = {(utf8proc_int32_t)letter, (utf8proc_int32_t)mark};
	utf8proc_ssize_t n = utf8proc_normalize_utf32(pair, 2, UTF8PROC_STABLE | UTF8PROC_COMPOSE);

	return n == 1 ? (uint32_t)pair[0] : 0;
}

static size_t
type_after_dead(struct tb_keymap *map, uint32_t point, char *out)
{
	const struct dead_key *dead = map->dead;
	uint32_t one = point == ' ' ? dead->sign : composed(point, dead->mark);
	size_t n;

	map->dead = NULL;
	if (one)
		return put(out, one);
	n = put(out, dead->sign);
	return n + put(out + n, point);
}

static int
keypad_digit(uint16_t code)
{
	static const uint16_t keys[] = {KEY_KP0, KEY_KP1, KEY_KP2, KEY_KP3, KEY_KP4, KEY_KP5,
		KEY_KP6, KEY_KP7, KEY_KP8, KEY_KP9};

	for (int i = 0; i < 10; i++)
		if (keys[i] == code)
			return i;
	return -1;
}

/* Alt was let go: what was typed on the keypad under it is one character. */
static size_t
keypad_character(struct tb_keymap *map, char *out)
{
	bool zero = map->keypad[0] == '0';
	unsigned long value;
	uint32_t point;

	map->keypad[map->n_keypad] = '\0';
	value = strtoul(map->keypad, NULL, 10);
	map->n_keypad = 0;
	explicit_bzero(map->keypad, sizeof(map->keypad));
	if (map->keypad_bad || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	if (value < 0x80 || value > 0xff)
		return put(out, (uint32_t)value);
	point = tb_page_decode(zero ? map->keypad_page : TB_PAGE_850, (uint8_t)value);
	return point ? put(out, point) : 0;
}

static bool
is_down(const struct tb_keymap *map, uint16_t code)
{
	return map->down[code / 8] >> code % 8 & 1;
}

/* The control character of a sign, -1 when it has none. */
static int
control_of(uint32_t sign)
{
	bool letter = (sign >= 'a' && sign <= 'z') || (sign >= '@' && sign <= '_');

	return letter ? (int)(sign & 0x1f) : -1;
}

/* With Ctrl: by the sign the modifiers choose, else by any that stands on the key. */
static int
control_character(const struct tb_keymap *map, uint16_t code, xkb_keysym_t sym)
{
	xkb_keycode_t key = code + EVDEV_TO_XKB;
	int control = control_of(xkb_keysym_to_utf32(sym));
	const xkb_keysym_t *syms;

	for (xkb_level_index_t level = 0; control < 0; level++) {
		if (level >= xkb_keymap_num_levels_for_key(map->keymap, key, 0))
			break;
		if (xkb_keymap_key_get_syms_by_level(map->keymap, key, 0, level, &syms) == 1)
			control = control_of(xkb_keysym_to_utf32(syms[0]));
	}
	return control;
}

/* Ctrl and Alt together are AltGr, as on the systems most scanners are made for. */
static xkb_keysym_t
sym_with_altgr(const struct tb_keymap *map, uint16_t code)
{
	struct xkb_state *state = xkb_state_new(map->keymap);
	bool shift = is_down(map, KEY_LEFTSHIFT) || is_down(map, KEY_RIGHTSHIFT);
	xkb_keysym_t sym = XKB_KEY_NoSymbol;

	if (!state)
		return sym;
	xkb_state_update_mask(
		state, 0, 0, xkb_state_serialize_mods(map->state, XKB_STATE_MODS_LOCKED), 0, 0, 0);
	xkb_state_update_key(state, KEY_RIGHTALT + EVDEV_TO_XKB, XKB_KEY_DOWN);
	if (shift)
		xkb_state_update_key(state, KEY_LEFTSHIFT + EVDEV_TO_XKB, XKB_KEY_DOWN);
	sym = xkb_state_key_get_one_sym(state, code + EVDEV_TO_XKB);
	xkb_state_unref(state);
	return sym;
}

static size_t
type(struct tb_keymap *map, uint16_t code, char *out)
{
	bool ctrl = is_down(map, KEY_LEFTCTRL) || is_down(map, KEY_RIGHTCTRL);
	bool altgr = is_down(map, KEY_LEFTCTRL) && map->alt;
	xkb_keysym_t sym;
	uint32_t point;
	int control;

	if (code == KEY_ENTER || code == KEY_KPENTER)
		return put(out, '\r');
	sym = altgr ? sym_with_altgr(map, code)
	            : xkb_state_key_get_one_sym(map->state, code + EVDEV_TO_XKB);
	if (dead_key(sym)) {
		size_t n = map->dead ? put(out, map->dead->sign) : 0;

		map->dead = dead_key(sym);
		return n;
	}
	control = ctrl && !altgr ? control_character(map, code, sym) : -1;
	if (control >= 0) {
		map->dead = NULL;
		return put(out, (uint32_t)control);
	}
	point = xkb_keysym_to_utf32(sym);
	/* Num Lock is off, and a scanner means digits */
	if (sym >= XKB_KEY_KP_Home && sym <= XKB_KEY_KP_Delete && keypad_digit(code) >= 0)
		point = (uint32_t)('0' + keypad_digit(code));
	else if (sym == XKB_KEY_KP_Delete)
		point = '.';
	if (point == 0)
		return 0;
	return map->dead ? type_after_dead(map, point, out) : put(out, point);
}

/* Keeps the set of keys that are down; false for an event that changes nothing. */
static bool
track(struct tb_keymap *map, uint16_t code, int32_t value)
{
	uint8_t bit = (uint8_t)(1 << (code % 8));
	bool was = map->down[code / 8] & bit;

	if (value == 1 && !was) {
		map->down[code / 8] |= bit;
		map->n_down++;
	} else if (value == 0 && was) {
		map->down[code / 8] &= (uint8_t)~bit;
		map->n_down--;
	} else {
		return false;
	}
	return true;
}

size_t
tb_keymap_feed(struct tb_keymap *map, uint16_t code, int32_t value, char out[TB_KEYMAP_TEXT])
{
	size_t n = 0;

	/* A scanner types no repeats: a key the kernel repeats is one that was held up. */
	if (code >= KEYS || !track(map, code, value))
		return 0;
	if (code == KEY_LEFTALT) {
		map->alt = value == 1;
		if (!map->alt && map->n_keypad > 0)
			n = keypad_character(map, out);
		map->keypad_bad = false;
	} else if (value == 1 && map->alt && keypad_digit(code) >= 0) {
		if (map->n_keypad < KEYPAD_DIGITS_MAX)
			map->keypad[map->n_keypad++] = (char)('0' + keypad_digit(code));
		else
			map->keypad_bad = true;
		return 0;
	} else if (value == 1) {
		n = type(map, code, out);
	}
	xkb_state_update_key(
		map->state, code + EVDEV_TO_XKB, value == 1 ? XKB_KEY_DOWN : XKB_KEY_UP);
	return n;
}

void
tb_keymap_resync(struct tb_keymap *map, const uint8_t *keys, size_t n_bytes)
{
	for (uint16_t code = 0; code < KEYS; code++) {
		bool now = code / 8u < n_bytes && keys[code / 8] >> code % 8 & 1;

		/* Caps Lock is the light's to tell */
		if (track(map, code, now) && code != KEY_CAPSLOCK)
			xkb_state_update_key(
				map->state, code + EVDEV_TO_XKB, now ? XKB_KEY_DOWN : XKB_KEY_UP);
	}
	forget_half_typed(map);
	map->alt = is_down(map, KEY_LEFTALT);
}
