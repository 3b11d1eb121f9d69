/* SPDX-License-Identifier: MIT */
/* A sentence in memory of its own. */

#include "base/why.h"

#include <stdarg.h>
#include <stdio.h>

int
tb_why(int error, char **ret_why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (ret_why && vasprintf(ret_why, format, args) < 0)
		*ret_why = NULL;
	va_end(args);
	return error;
}
