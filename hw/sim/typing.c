/* SPDX-License-Identifier: MIT */
/* Finds the key of each character by asking libxkbcommon what every key gives. */

#include "hw/sim/typing.h"

#include <linux/input-event-codes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xkbcommon/xkbcommon.h>

#define EVDEV_TO_XKB 8
#define KEYS_MAX 512

enum { SHIFT = 1, ALTGR = 2 };

struct key {
	uint32_t point;
	xkb_keysym_t sym;
	uint16_t code;
	uint8_t modifiers;
};

struct tb_typing {
	struct key keys[KEYS_MAX];
	size_t n;
	tb_typing_fn fn;
	void *userdata;
};

/* What a dead key makes of which letters, and its own sign, which a blank gives. */
static const struct {
	xkb_keysym_t sym;
	uint32_t sign;
	const char *letters, *composed;
} dead_keys[] = {
	{XKB_KEY_dead_grave, '`', "aeiouAEIOU", "àèìòùÀÈÌÒÙ"},
	{XKB_KEY_dead_acute, 0xb4, "aeiouyAEIOUY", "áéíóúýÁÉÍÓÚÝ"},
	{XKB_KEY_dead_circumflex, '^', "aeiouAEIOU", "âêîôûÂÊÎÔÛ"},
	{XKB_KEY_dead_tilde, '~', "anoANO", "ãñõÃÑÕ"},
	{XKB_KEY_dead_diaeresis, 0xa8, "aeiouyAEIOU", "äëïöüÿÄËÏÖÜ"},
	{XKB_KEY_dead_abovering, 0xb0, "aA", "åÅ"},
	{XKB_KEY_dead_caron, 0x2c7, "szcSZC", "šžčŠŽČ"},
	{XKB_KEY_dead_cedilla, 0xb8, "cC", "çÇ"},
};

uint32_t
tb_typing_next(const char **text, const char *end)
{
	const uint8_t *p = (const uint8_t *)*text;
	unsigned more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : p[0] >= 0xc0 ? 1 : 0;
	uint32_t point = more ? p[0] & (0x3fu >> more) : p[0];

	if ((size_t)(end - *text) <= more)
		more = 0, point = p[0];
	for (unsigned i = 1; i <= more; i++)
		point = point << 6 | (p[i] & 0x3f);
	*text += 1 + more;
	return point;
}

static void
add_key(struct tb_typing *typing, struct xkb_state *state, uint16_t code, uint8_t modifiers)
{
	xkb_keysym_t sym = xkb_state_key_get_one_sym(state, code + EVDEV_TO_XKB);
	bool dead = sym >= XKB_KEY_dead_grave && sym <= XKB_KEY_dead_greek;

	if (typing->n < KEYS_MAX && (dead || xkb_keysym_to_utf32(sym) > ' '))
		typing->keys[typing->n++] = (struct key){
			dead ? 0 : xkb_keysym_to_utf32(sym), sym, code, modifiers};
}

/* The keys between Escape and the blank, and the one beside the left Shift. */
static void
add_keys(struct tb_typing *typing, struct xkb_keymap *map, uint8_t modifiers)
{
	struct xkb_state *state = xkb_state_new(map);

	if (modifiers & SHIFT)
		xkb_state_update_key(state, KEY_LEFTSHIFT + EVDEV_TO_XKB, XKB_KEY_DOWN);
	if (modifiers & ALTGR)
		xkb_state_update_key(state, KEY_RIGHTALT + EVDEV_TO_XKB, XKB_KEY_DOWN);
	for (uint16_t code = KEY_1; state && code <= KEY_SLASH; code++)
		if (code != KEY_BACKSPACE && code != KEY_TAB && code != KEY_ENTER)
			add_key(typing, state, code, modifiers);
	if (state)
		add_key(typing, state, KEY_102ND, modifiers);
	xkb_state_unref(state);
}

static struct xkb_keymap *
compile(struct xkb_context *context, const char *name)
{
	char layout[32], variant[32] = "";
	struct xkb_rule_names names = {
		.rules = "evdev", .model = "pc105", .layout = layout, .variant = variant};
	const char *open = strchr(name, '(');

	if (strlen(name) >= sizeof(layout))
		return NULL;
	snprintf(layout, sizeof(layout), "%.*s", (int)strcspn(name, "("), name);
	if (open)
		snprintf(variant, sizeof(variant), "%.*s", (int)strcspn(open + 1, ")"), open + 1);
	return xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
}

struct tb_typing *
tb_typing_new(const char *layout)
{
	struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_ENVIRONMENT_NAMES);
	struct xkb_keymap *map;
	struct tb_typing *typing = NULL;

	if (!context)
		return NULL;
	xkb_context_set_log_level(context, XKB_LOG_LEVEL_CRITICAL);
	map = compile(context, layout);
	if (map)
		typing = calloc(1, sizeof(*typing));
	for (uint8_t modifiers = 0; typing && modifiers <= (SHIFT | ALTGR); modifiers++)
		add_keys(typing, map, modifiers);
	xkb_keymap_unref(map);
	xkb_context_unref(context);
	return typing;
}

void
tb_typing_free(struct tb_typing *typing)
{
	free(typing);
}

static void
tap(const struct tb_typing *typing, uint16_t code)
{
	typing->fn(code, 1, typing->userdata);
	typing->fn(code, 0, typing->userdata);
}

static void
press(const struct tb_typing *typing, const struct key *key)
{
	if (key->modifiers & SHIFT)
		typing->fn(KEY_LEFTSHIFT, 1, typing->userdata);
	if (key->modifiers & ALTGR)
		typing->fn(KEY_RIGHTALT, 1, typing->userdata);
	tap(typing, key->code);
	if (key->modifiers & ALTGR)
		typing->fn(KEY_RIGHTALT, 0, typing->userdata);
	if (key->modifiers & SHIFT)
		typing->fn(KEY_LEFTSHIFT, 0, typing->userdata);
}

static const struct key *
find(const struct tb_typing *typing, uint32_t point)
{
	for (size_t i = 0; i < typing->n; i++)
		if (typing->keys[i].point == point)
			return &typing->keys[i];
	return NULL;
}

static const struct key *
find_dead(const struct tb_typing *typing, xkb_keysym_t sym)
{
	for (size_t i = 0; i < typing->n; i++)
		if (typing->keys[i].sym == sym)
			return &typing->keys[i];
	return NULL;
}

/* The letter below a dead key that gives the character, ' ' for its own sign, 0 for none. */
static uint32_t
below_dead(size_t i, uint32_t point)
{
	const char *p = dead_keys[i].composed, *end = p + strlen(p);

	if (point == dead_keys[i].sign)
		return ' ';
	for (const char *letter = dead_keys[i].letters; p < end; letter++)
		if (tb_typing_next(&p, end) == point)
			return (uint8_t)*letter;
	return 0;
}

static bool
type_by_dead_key(const struct tb_typing *typing, uint32_t point)
{
	for (size_t i = 0; i < sizeof(dead_keys) / sizeof(dead_keys[0]); i++) {
		uint32_t letter = below_dead(i, point);
		const struct key *dead = find_dead(typing, dead_keys[i].sym), *key;

		key = letter > ' ' ? find(typing, letter) : NULL;
		if (!letter || !dead || (letter > ' ' && !key))
			continue;
		press(typing, dead);
		if (key)
			press(typing, key);
		else
			tap(typing, KEY_SPACE);
		return true;
	}
	return false;
}

static void
type_by_number(const struct tb_typing *typing, uint32_t point)
{
	static const uint16_t keys[] = {KEY_KP0, KEY_KP1, KEY_KP2, KEY_KP3, KEY_KP4, KEY_KP5,
		KEY_KP6, KEY_KP7, KEY_KP8, KEY_KP9};
	char digits[16];

	snprintf(digits, sizeof(digits), point > 0xff ? "%u" : "0%u", (unsigned)point);
	typing->fn(KEY_LEFTALT, 1, typing->userdata);
	for (const char *p = digits; *p; p++)
		tap(typing, keys[*p - '0']);
	typing->fn(KEY_LEFTALT, 0, typing->userdata);
}

static bool
type_control(const struct tb_typing *typing, uint32_t point)
{
	const struct key *key = find(typing, point + (point >= 1 && point <= 26 ? 0x60 : 0x40));

	if (!key)
		return false;
	typing->fn(KEY_LEFTCTRL, 1, typing->userdata);
	press(typing, key);
	typing->fn(KEY_LEFTCTRL, 0, typing->userdata);
	return true;
}

int
tb_typing_type(struct tb_typing *typing, uint32_t point, tb_typing_fn fn, void *userdata)
{
	const struct key *key = find(typing, point);

	typing->fn = fn;
	typing->userdata = userdata;
	if (point == '\r' || point == '\t' || point == ' ') {
		tap(typing, point == '\r' ? KEY_ENTER : point == '\t' ? KEY_TAB : KEY_SPACE);
		return 1;
	}
	if (point < ' ' && type_control(typing, point))
		return 1;
	if (key) {
		press(typing, key);
		return 1;
	}
	if (type_by_dead_key(typing, point))
		return 2;
	/* from 80 to 9F 1252 has others */
	if (point > 0x10ffff || (point >= 0x7f && point < 0xa0))
		return 0;
	type_by_number(typing, point);
	return 3;
}
