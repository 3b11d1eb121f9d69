/* SPDX-License-Identifier: MIT */
/*
 * Keys of a keyboard that lies: one byte chooses the layout and the light of Caps Lock, then events
 * of eight bytes (type, code, value, as recordings have them). What is typed stays within its room
 * and is UTF-8, and once every key is up nothing is down. A SYN_DROPPED takes the next 96 bytes for
 * the keys that are down.
 */

#include <linux/input-event-codes.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "hw/codec/keymap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEYS_BYTES 96

static void
feed(struct tb_keymap *map, uint16_t code, int32_t value)
{
	char text[TB_KEYMAP_TEXT + 1];
	size_t n;

	text[TB_KEYMAP_TEXT] = 0x55;
	n = tb_keymap_feed(map, code, value, text);
	if (n > TB_KEYMAP_TEXT || text[TB_KEYMAP_TEXT] != 0x55 || !tb_utf8_valid(text, n))
		__builtin_trap();
}

static void
release_all(struct tb_keymap *map)
{
	for (unsigned code = 0; code <= KEY_MAX; code++)
		feed(map, (uint16_t)code, 0);
	if (!tb_keymap_idle(map))
		__builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const layouts[] = {"us", "fr", "be", "de", "ch", "gb", "it", "es"};
	static struct tb_keymap *maps[ARRAY_SIZE(layouts)];
	struct tb_keymap **map;

	if (size < 1)
		return 0;
	map = &maps[data[0] % ARRAY_SIZE(layouts)];
	if (!*map && tb_keymap_new(layouts[data[0] % ARRAY_SIZE(layouts)], "1252", map) < 0)
		__builtin_trap();
	tb_keymap_reset(*map, data[0] & 0x80);
	data++, size--;
	while (size >= 8) {
		uint16_t type = (uint16_t)(data[0] | data[1] << 8);
		uint16_t code = (uint16_t)(data[2] | data[3] << 8);
		int32_t value = (int32_t)((uint32_t)data[4] | (uint32_t)data[5] << 8 |
					  (uint32_t)data[6] << 16 | (uint32_t)data[7] << 24);

		data += 8, size -= 8;
		if (type == EV_KEY) {
			feed(*map, code, value);
		} else if (type == EV_LED) {
			tb_keymap_set_caps(*map, value != 0);
		} else if (type == EV_SYN && code == SYN_DROPPED) {
			size_t n = TB_MIN(size, (size_t)KEYS_BYTES);

			tb_keymap_resync(*map, data, n);
			data += n, size -= n;
		}
	}
	release_all(*map);
	return 0;
}
