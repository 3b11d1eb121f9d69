/* SPDX-License-Identifier: MIT */
/*
 * Log lines on standard error with the priority prefix that the journal understands. Code that
 * computes does not log; code that decides does, once. Codes and names pass tb_log_mask() first.
 */
#pragma once

#include "base/macros.h"

enum tb_log_level {
	TB_LOG_ERROR = 3,
	TB_LOG_WARNING = 4,
	TB_LOG_NOTICE = 5,
	TB_LOG_INFO = 6,
	TB_LOG_DEBUG = 7,
};

/* Lines above this level are dropped; TB_LOG_INFO at the start. */
void tb_log_set_level(enum tb_log_level level);

void tb_log(enum tb_log_level level, const char *format, ...) TB_PRINTF(2, 3);

#define tb_log_error(...) tb_log(TB_LOG_ERROR, __VA_ARGS__)
#define tb_log_warning(...) tb_log(TB_LOG_WARNING, __VA_ARGS__)
#define tb_log_notice(...) tb_log(TB_LOG_NOTICE, __VA_ARGS__)
#define tb_log_info(...) tb_log(TB_LOG_INFO, __VA_ARGS__)
#define tb_log_debug(...) tb_log(TB_LOG_DEBUG, __VA_ARGS__)

#define TB_MASK_TEXT 40

/*
 * What may be said of a code or a name in a log: its length and nothing else, as "[13 characters]".
 * out has TB_MASK_TEXT bytes; returns out.
 */
const char *tb_log_mask(const char *secret, char *out);
