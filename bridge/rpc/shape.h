/* SPDX-License-Identifier: MIT */
/*
 * What a parameter may be, written as tables: one row a member. The checking of calls, the help and
 * the OpenAPI file are all read from them; none of them knows a method.
 */
#pragma once

#include "base/macros.h"

enum tb_type {
	TB_TYPE_STRING,
	TB_TYPE_KEY,  /* printable characters */
	TB_TYPE_CODE, /* a string that must not be the number of a payment card */
	TB_TYPE_WORD, /* one of `words` */
	TB_TYPE_INT,
	TB_TYPE_BOOL,
	TB_TYPE_TRUE,   /* true, or absent */
	TB_TYPE_TIME,   /* RFC 3339 with offset */
	TB_TYPE_DATE,   /* 2025-05-06 */
	TB_TYPE_WHEN,   /* either */
	TB_TYPE_OBJECT, /* of `shape` */
	TB_TYPE_MAP,    /* an object of strings, names free; max: of each */
	TB_TYPE_SCALAR, /* string, integer or true/false */
	TB_TYPE_ANY,    /* not checked here but for null, fractions and NUL */
};

enum {
	TB_REQUIRED = 1 << 0,
	TB_LIST = 1 << 1, /* an array of these, at most `items` */
	/* Of a list: an item with a value at fault does not refuse the others. It is handed on as
	 * {"fault": [{pointer, code}]}, which no shape has, and the connector reports it. */
	TB_ALONE = 1 << 2,
	/* What one bridge says to another: only a caller with a token has it. */
	TB_BRIDGES = 1 << 3,
};

struct tb_shape;

struct tb_field {
	const char *name; /* NULL ends a table */
	enum tb_type type;
	unsigned flags;
	unsigned items;    /* TB_LIST */
	int64_t min, max;  /* of an integer; of a string's length in characters */
	const char *unit;  /* of an integer, NULL for a plain count */
	const char *words; /* blanks between them */
	/* The member belongs to these alternatives of a one_of (blanks between them) and to no
	 * other; NULL: to all. */
	const char *with;
	const struct tb_shape *shape;
	const char *prose;
};

struct tb_shape {
	const char *name; /* its name in the OpenAPI file; NULL for the parameters of a method */
	const struct tb_field *fields;
	/* Exactly one of these members stands in the object (blanks between them); NULL: no such
	 * rule. */
	const char *one_of;
	const char *at_most_one_of;
};

#define TB_SHAPE_FIELDS_MAX 64 /* rows of one table */

/* Lengths in characters. */
#define TB_KEY_CHARS 64
#define TB_ID_CHARS 128
#define TB_NAME_CHARS 256

/* Rows, so that a table reads like a schema. n: name, f: flags, p: prose. */
#define TB_F_STRING(n, f, lo, hi, p) \
	{ \
		.name = (n), .type = TB_TYPE_STRING, .flags = (f), .min = (lo), .max = (hi), \
		.prose = (p) \
	}
#define TB_F_ID(n, f, p) TB_F_STRING(n, f, 1, TB_ID_CHARS, p)
#define TB_F_NAME(n, f, p) TB_F_STRING(n, f, 0, TB_NAME_CHARS, p)
#define TB_F_CODE(n, f, hi, p) \
	{ \
		.name = (n), .type = TB_TYPE_CODE, .flags = (f), .min = 1, .max = (hi), \
		.prose = (p) \
	}
#define TB_F_WORD(n, f, w, p) \
	{ \
		.name = (n), .type = TB_TYPE_WORD, .flags = (f), .words = (w), .prose = (p) \
	}
#define TB_F_INT(n, f, lo, hi, u, p) \
	{ \
		.name = (n), .type = TB_TYPE_INT, .flags = (f), .min = (lo), .max = (hi), \
		.unit = (u), .prose = (p) \
	}
#define TB_F_BOOL(n, f, p) \
	{ \
		.name = (n), .type = TB_TYPE_BOOL, .flags = (f), .prose = (p) \
	}
#define TB_F_TRUE(n, f, p) \
	{ \
		.name = (n), .type = TB_TYPE_TRUE, .flags = (f), .prose = (p) \
	}
#define TB_F_TIME(n, f, p) \
	{ \
		.name = (n), .type = TB_TYPE_TIME, .flags = (f), .prose = (p) \
	}
#define TB_F_DATE(n, f, p) \
	{ \
		.name = (n), .type = TB_TYPE_DATE, .flags = (f), .prose = (p) \
	}
#define TB_F_WHEN(n, f, p) \
	{ \
		.name = (n), .type = TB_TYPE_WHEN, .flags = (f), .prose = (p) \
	}
#define TB_F_OBJECT(n, f, s, p) \
	{ \
		.name = (n), .type = TB_TYPE_OBJECT, .flags = (f), .shape = (s), .prose = (p) \
	}
#define TB_F_OBJECTS(n, f, i, s, p) \
	{ \
		.name = (n), .type = TB_TYPE_OBJECT, .flags = (f) | TB_LIST, .items = (i), \
		.shape = (s), .prose = (p) \
	}
#define TB_F_STRINGS(n, f, i, hi, p) \
	{ \
		.name = (n), .type = TB_TYPE_STRING, .flags = (f) | TB_LIST, .items = (i), \
		.min = 1, .max = (hi), .prose = (p) \
	}
#define TB_F_WORDS(n, f, i, w, p) \
	{ \
		.name = (n), .type = TB_TYPE_WORD, .flags = (f) | TB_LIST, .items = (i), \
		.words = (w), .prose = (p) \
	}

/* The shapes that several methods share (shapes-*.c). */
extern const struct tb_shape tb_shape_article, tb_shape_basket, tb_shape_block, tb_shape_document,
	tb_shape_imported_article, tb_shape_line, tb_shape_program, tb_shape_record,
	tb_shape_returned_line, tb_shape_tender, tb_shape_use;
