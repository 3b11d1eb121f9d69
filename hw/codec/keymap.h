/* SPDX-License-Identifier: MIT */
/*
 * Keys of a keyboard wedge to the bytes the scanner meant, under the layout *the scanner* was set
 * to (libxkbcommon's names), never that of the screen. Pure but for the loading of the layout: key
 * codes in, text out, no device, no clock.
 */
#pragma once

#include "base/macros.h"

#define TB_KEYMAP_TEXT 16 /* what one key event can give */

struct tb_keymap;

/*
 * layout: "us", "fr", "be", "de", "ch", "ch(fr)" … keypad_codepage: "1252", "850" …, the page of
 * Alt + 0 and digits on the keypad (without the 0 it is 850, above 255 it is Unicode). -ENOENT: no
 * such layout or page; -ENOMEM.
 */
int tb_keymap_new(const char *layout, const char *keypad_codepage, struct tb_keymap **ret);
void tb_keymap_free(struct tb_keymap *map);
TB_DEFINE_CLEANUP(struct tb_keymap *, tb_keymap_free);

/* All keys up, nothing half typed; Caps Lock as the device's light says. */
void tb_keymap_reset(struct tb_keymap *map, bool caps_on);

/*
 * One EV_KEY event: code as in linux/input-event-codes.h, value 1 down, 0 up, 2 repeat. Writes what
 * it typed to out (UTF-8, control characters as themselves, Enter and keypad Enter as CR) and
 * returns how many bytes; 0 for most events.
 */
size_t tb_keymap_feed(
	struct tb_keymap *map, uint16_t code, int32_t value, char out[TB_KEYMAP_TEXT]);

/* Caps Lock is on, or is not, by another's doing. */
void tb_keymap_set_caps(struct tb_keymap *map, bool on);

/* Events were lost: these keys are down now (a bit each, as EVIOCGKEY tells them), and what was
 * half typed is nothing any more. */
void tb_keymap_resync(struct tb_keymap *map, const uint8_t *keys, size_t n_bytes);

/* Whether any key is down: a device may be grabbed only when none is. */
bool tb_keymap_idle(const struct tb_keymap *map);
