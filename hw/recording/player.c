/* SPDX-License-Identifier: MIT */
/* The way from wire to code, for each driver that reads codes. */

#include "hw/recording/player.h"

#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>
#include "hw/codec/frame.h"
#include "hw/codec/hid-pos.h"
#include "hw/codec/keymap.h"
#include "hw/drivers/double-read.h"

/* One event of a keyboard in a recording: type and code in two bytes, value in four, little endian.
 */
#define KEY_EVENT 8

struct player_kind;

struct tb_player {
	const struct player_kind *kind;
	const struct tb_device_config *config;
	const struct tb_setting_spec *specs;
	tb_played_fn fn;
	void *userdata;
	uint64_t now_us;
	struct tb_double_read double_read;
	struct tb_frame frame;
	struct tb_hid_pos *pos;
	struct tb_keymap *keymap;
	/* Of a wedge: events were lost in this code, which is dropped up to its end, or to silence
	 * after its last key. */
	bool broken;
	uint64_t last_us;
	struct tb_device_config own_config;
};

struct player_kind {
	const char *driver;
	/* -EINVAL with a sentence. */
	int (*init)(struct tb_player *player, const struct tb_recording *r, char **ret_why);
	void (*feed)(struct tb_player *player, const uint8_t *bytes, size_t len);
	/* When silence means something, UINT64_MAX for never; and what it means. */
	uint64_t (*deadline)(const struct tb_player *player);
	void (*silence)(struct tb_player *player);
};

static void
tell_dropped(struct tb_player *player, const char *reason)
{
	player->fn(
		&(struct tb_played){.t_us = player->now_us, .dropped = reason}, player->userdata);
}

static void
tell_code(struct tb_player *player, const uint8_t *code, size_t len, const char *symbology)
{
	struct tb_played played = {.t_us = player->now_us};
	struct tb_scan scan;
	int r;

	if (tb_double_read_is(&player->double_read, code, len, player->now_us))
		return;
	r = tb_scan_init(&scan, code, len, symbology);
	if (r == -ENODATA)
		return;
	if (r < 0) {
		tell_dropped(player, r == -E2BIG ? "code_too_long" : "out_of_memory");
		return;
	}
	played.scan = &scan;
	player->fn(&played, player->userdata);
	tb_scan_done(&scan);
}

static void
on_frame(const uint8_t *code, size_t len, const char *reason, void *userdata)
{
	if (reason)
		tell_dropped(userdata, reason);
	else
		tell_code(userdata, code, len, NULL);
}

static const char *
text_of(const struct tb_player *player, const char *key)
{
	return tb_device_setting(player->config, player->specs, key, 0);
}

static int64_t
number_of(const struct tb_player *player, const char *key)
{
	return tb_device_setting_number(player->config, player->specs, key);
}

static int
init_frame(struct tb_player *player, const struct tb_recording *r, char **ret_why)
{
	struct tb_frame_config config = {
		/* the words of the key stand in the order of the enum */
		.terminator = (enum tb_terminator)number_of(player, "terminator"),
		.idle_us = (uint64_t)number_of(player, "idle"),
		.max_length = (size_t)number_of(player, "max_length"),
	};
	ssize_t prefix = tb_escapes_decode(
		text_of(player, "prefix"), config.prefix, sizeof(config.prefix));
	ssize_t suffix = tb_escapes_decode(
		text_of(player, "suffix"), config.suffix, sizeof(config.suffix));

	if (prefix < 0 || suffix < 0)
		return -EINVAL;
	config.prefix_len = (size_t)prefix;
	config.suffix_len = (size_t)suffix;
	return tb_frame_init(&player->frame, &config, on_frame, player);
}

static uint64_t
frame_deadline(const struct tb_player *player)
{
	return tb_frame_deadline(&player->frame);
}

static void
frame_silence(struct tb_player *player)
{
	tb_frame_silence(&player->frame);
}

static void
feed_serial(struct tb_player *player, const uint8_t *bytes, size_t len)
{
	tb_frame_feed(&player->frame, bytes, len, player->now_us);
}

static int
init_hid(struct tb_player *player, const struct tb_recording *r, char **ret_why)
{
	struct tb_hid_pos_layout layout;
	int error = -EBADMSG;

	player->pos = malloc(sizeof(*player->pos));
	if (!player->pos)
		return -ENOMEM;
	if (r->descriptor)
		error = tb_hid_pos_parse(r->descriptor, r->descriptor_len, &layout);
	if (error == -ENOENT) {
		*ret_why = strdup(
			"its report descriptor is no bar code scanner's: the driver would "
			"not have opened it");
		return -EINVAL;
	}
	tb_hid_pos_init(player->pos, error == 0 ? &layout : NULL);
	return 0;
}

static void
feed_hid(struct tb_player *player, const uint8_t *bytes, size_t len)
{
	switch (tb_hid_pos_feed(player->pos, bytes, len, player->now_us)) {
	case TB_HID_POS_CODE:
		tell_code(player, player->pos->code, player->pos->len,
			tb_hid_pos_symbology(player->pos));
		break;
	case TB_HID_POS_DROPPED:
		tell_dropped(player, "report_malformed");
		break;
	case TB_HID_POS_MORE:
	case TB_HID_POS_IGNORED:
		break;
	}
}

static uint64_t
hid_deadline(const struct tb_player *player)
{
	return tb_hid_pos_deadline_us(player->pos);
}

static void
hid_silence(struct tb_player *player)
{
	if (tb_hid_pos_expire(player->pos, player->now_us))
		tell_dropped(player, "continuation_missing");
}

static int
init_wedge(struct tb_player *player, const struct tb_recording *r, char **ret_why)
{
	int error = tb_keymap_new(
		text_of(player, "layout"), text_of(player, "keypad_codepage"), &player->keymap);

	if (error == -ENOENT &&
		asprintf(ret_why, "no keyboard layout %s, or no code page %s",
			text_of(player, "layout"), text_of(player, "keypad_codepage")) < 0)
		*ret_why = NULL;
	if (error < 0)
		return error == -ENOENT ? -EINVAL : error;
	tb_keymap_reset(player->keymap, false);
	return init_frame(player, r, ret_why);
}

/* The kernel had no room for some events. Which keys are down since then nobody has recorded: none.
 */
static void
lose_keys(struct tb_player *player)
{
	tb_keymap_resync(player->keymap, NULL, 0);
	tb_frame_reset(&player->frame);
	player->broken = true;
	player->last_us = player->now_us;
	tell_dropped(player, "keys_lost");
}

static uint64_t
wedge_deadline(const struct tb_player *player)
{
	return player->broken ? player->last_us + player->frame.config.idle_us
	                      : tb_frame_deadline(&player->frame);
}

static void
wedge_silence(struct tb_player *player)
{
	player->broken = false;
	tb_frame_silence(&player->frame);
}

static void
feed_wedge(struct tb_player *player, const uint8_t *bytes, size_t len)
{
	for (; len >= KEY_EVENT; bytes += KEY_EVENT, len -= KEY_EVENT) {
		uint16_t type = (uint16_t)(bytes[0] | bytes[1] << 8);
		uint16_t code = (uint16_t)(bytes[2] | bytes[3] << 8);
		uint32_t value = (uint32_t)bytes[4] | (uint32_t)bytes[5] << 8 |
		                 (uint32_t)bytes[6] << 16 | (uint32_t)bytes[7] << 24;
		char text[TB_KEYMAP_TEXT];
		size_t n;

		if (type == EV_LED && code == LED_CAPSL)
			tb_keymap_set_caps(player->keymap, value != 0);
		if (type == EV_SYN && code == SYN_DROPPED)
			lose_keys(player);
		if (type != EV_KEY)
			continue;
		player->last_us = player->now_us;
		n = tb_keymap_feed(player->keymap, code, (int32_t)value, text);
		if (player->broken)
			player->broken = !tb_frame_is_end(&player->frame, text, n);
		else
			tb_frame_feed(&player->frame, (const uint8_t *)text, n, player->now_us);
	}
}

static const struct player_kind kinds[] = {
	{"scanner-hid", init_hid, feed_hid, hid_deadline, hid_silence},
	{"scanner-serial", init_frame, feed_serial, frame_deadline, frame_silence},
	{"scanner-wedge", init_wedge, feed_wedge, wedge_deadline, wedge_silence},
};

static const struct player_kind *
find_kind(const char *driver)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].driver, driver))
			return &kinds[i];
	return NULL;
}

static int
check_settings(const struct tb_recording *r, const struct tb_driver *driver, char **ret_why)
{
	for (size_t i = 0; i < r->n_settings; i++) {
		const struct tb_setting *setting = &r->settings[i];

		if (tb_setting_check(driver->settings, setting->key, setting->value) == 0)
			continue;
		if (asprintf(ret_why, "%s = %s is no setting of %s", setting->key, setting->value,
			    r->driver) < 0)
			*ret_why = NULL;
		return -EINVAL;
	}
	return 0;
}

/* What a second reading is; the wedge's own default hangs on another of its keys. */
static uint64_t
window_of(const struct tb_player *player)
{
	if (text_of(player, "debounce"))
		return (uint64_t)number_of(player, "debounce");
	return number_of(player, "pass_through") ? 0 : UINT64_C(500000);
}

int
tb_player_new(const struct tb_recording *r, tb_played_fn fn, void *userdata, struct tb_player **ret,
	char **ret_why)
{
	const struct tb_driver *driver = tb_driver_find(r->driver);
	const struct player_kind *kind = find_kind(r->driver);
	struct tb_player *player;
	int error;

	*ret_why = NULL;
	if (!driver || !kind) {
		if (asprintf(ret_why, "%s reads no codes that could be played", r->driver) < 0)
			*ret_why = NULL;
		return -EINVAL;
	}
	error = check_settings(r, driver, ret_why);
	if (error < 0)
		return error;
	player = calloc(1, sizeof(*player));
	if (!player)
		return -ENOMEM;
	player->kind = kind;
	player->own_config = (struct tb_device_config){
		.name = r->device, .settings = r->settings, .n_settings = r->n_settings};
	player->config = &player->own_config;
	player->specs = driver->settings;
	player->fn = fn;
	player->userdata = userdata;
	tb_double_read_init(&player->double_read, window_of(player));
	error = kind->init(player, r, ret_why);
	if (error < 0) {
		tb_player_free(player);
		return error;
	}
	*ret = player;
	return 0;
}

void
tb_player_free(struct tb_player *player)
{
	if (!player)
		return;
	tb_frame_done(&player->frame);
	tb_keymap_free(player->keymap);
	free(player->pos);
	free(player);
}

void
tb_player_wait(struct tb_player *player, uint64_t now_us)
{
	uint64_t deadline_us;

	while ((deadline_us = player->kind->deadline(player)) <= now_us &&
		deadline_us != UINT64_MAX) {
		player->now_us = TB_MAX(deadline_us, player->now_us);
		player->kind->silence(player);
	}
	if (now_us != UINT64_MAX)
		player->now_us = TB_MAX(now_us, player->now_us);
}

void
tb_player_feed(struct tb_player *player, const uint8_t *bytes, size_t len, uint64_t now_us)
{
	player->now_us = TB_MAX(now_us, player->now_us);
	player->kind->feed(player, bytes, len);
}

static void
play_line(struct tb_player *player, const struct tb_recorded *line)
{
	struct tb_played played = {
		.t_us = line->t_us, .refused = line->refused, .omitted = line->omitted};

	if (line->out)
		return;
	tb_player_wait(player, line->t_us);
	if (line->refused || line->omitted)
		player->fn(&played, player->userdata);
	if (line->len > 0)
		tb_player_feed(player, line->bytes, line->len, line->t_us);
}

int
tb_recording_play(
	const struct tb_recording *recording, tb_played_fn fn, void *userdata, char **ret_why)
{
	struct tb_player *player;
	int r = tb_player_new(recording, fn, userdata, &player, ret_why);

	if (r < 0)
		return r;
	for (size_t i = 0; i < recording->n_lines; i++)
		play_line(player, &recording->lines[i]);
	tb_player_wait(player, UINT64_MAX);
	tb_player_free(player);
	return 0;
}
