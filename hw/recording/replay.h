/* SPDX-License-Identifier: MIT */
/*
 * The contract of the module replay.so: a recording in, a line of JSON for each thing that came of
 * it. A module, since tillctl is small and starts often and codecs and keyboard layouts are
 * neither.
 */
#pragma once

#include "base/macros.h"

#define TB_REPLAY_SYMBOL "tb_replay"

struct tb_replay {
	/*
	 * Calls fn with {t_us, code, raw?, symbology?, aim?, fields?}, {t_us, dropped}, {t_us,
	 * refused} or {t_us, omitted}, each an object's text. 0; -EINVAL with a sentence in ret_why
	 * (to free), -ENOMEM.
	 */
	int (*play)(const char *text, size_t len,
		void (*fn)(const char *json, size_t len, void *userdata), void *userdata,
		char **ret_why);
};
