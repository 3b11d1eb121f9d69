/* SPDX-License-Identifier: MIT */
/*
 * What a scanner that is a keyboard does with a code: text to keys, under the layout it is set to.
 * It shares nothing with what reads such keys (codec/keymap), so that each can be held against the
 * other.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tb_typing;

/* code as in linux/input-event-codes.h, value 1 down, 0 up. */
typedef void (*tb_typing_fn)(uint16_t code, int32_t value, void *userdata);

/* layout: "us", "fr", "ch(fr)" …; NULL when xkb has none of that name. */
struct tb_typing *tb_typing_new(const char *layout);
void tb_typing_free(struct tb_typing *typing);

/*
 * The keys of a character; CR is Enter, other control characters go with Ctrl. How it is typed: 0
 * not at all, 1 by a key and its modifiers, 2 by a dead key before it, 3 by Alt and its number on
 * the keypad (1252, or Unicode).
 */
int tb_typing_type(struct tb_typing *typing, uint32_t point, tb_typing_fn fn, void *userdata);

/* The next character of a text, advancing over it; a byte that is none stands for itself. */
uint32_t tb_typing_next(const char **text, const char *end);
