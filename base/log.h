/* SPDX-License-Identifier: MIT */
/*
 * Log lines on standard error with the priority prefix that the journal understands. Code that
 * computes does not log; code that decides does, once. No code and no name
 * of a customer is in any line.
 */
#pragma once

#include "base/macros.h"

enum tb_log_level {
	TB_LOG_ERROR = 3,
	TB_LOG_WARNING = 4,
	TB_LOG_NOTICE = 5,
	TB_LOG_INFO = 6,
};

void tb_log(enum tb_log_level level, const char *format, ...) TB_PRINTF(2, 3);

#define tb_log_error(...) tb_log(TB_LOG_ERROR, __VA_ARGS__)
#define tb_log_warning(...) tb_log(TB_LOG_WARNING, __VA_ARGS__)
#define tb_log_notice(...) tb_log(TB_LOG_NOTICE, __VA_ARGS__)
#define tb_log_info(...) tb_log(TB_LOG_INFO, __VA_ARGS__)
