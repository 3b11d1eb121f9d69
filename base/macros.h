/* SPDX-License-Identifier: MIT */
/*
 * Cleanup attributes, ownership transfer and the few macros that the language lacks. Nothing here
 * does anything by itself.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define TB_EXPORT __attribute__((visibility("default")))
#define TB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define TB_UNUSED __attribute__((unused))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define TB_MIN(a, b) ((a) < (b) ? (a) : (b))
#define TB_MAX(a, b) ((a) > (b) ? (a) : (b))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Runs f(&variable) when the variable goes out of scope. */
#define _cleanup_(f) __attribute__((cleanup(f)))

/* Defines freep-style function NAMEp for a `void name(type *)` that takes NULL. */
#define TB_DEFINE_CLEANUP(type, func) \
	static inline void func##p(type *p) \
	{ \
		if (*p) \
			func(*p); \
	} \
	struct tb_swallow_semicolon

static inline void
tb_freep(void *p)
{
	free(*(void **)p);
}

static inline void
tb_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define _cleanup_free_ _cleanup_(tb_freep)
#define _cleanup_close_ _cleanup_(tb_closep)

#define TAKE_PTR(p) \
	({ \
		__typeof__(p) *tb_pp = &(p); \
		__typeof__(p) tb_taken = *tb_pp; \
		*tb_pp = NULL; \
		tb_taken; \
	})

#define TAKE_FD(fd) \
	({ \
		int *tb_fdp = &(fd); \
		int tb_taken = *tb_fdp; \
		*tb_fdp = -1; \
		tb_taken; \
	})
