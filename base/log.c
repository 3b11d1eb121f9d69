/* SPDX-License-Identifier: MIT */
/* One line, one write: lines of several processes on one pipe stay whole. */

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 1024

void
tb_log(enum tb_log_level level, const char *format, ...)
{
	int saved = errno;
	char line[LINE_MAX_BYTES];
	va_list args;
	size_t len;
	int n;

	len = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	va_start(args, format);
	n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	len = strlen(line);
	/* A control character from a peer must not forge a second line. */
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0) {
		/* There is no other place to say it. */
	}
	errno = saved;
}
