/* SPDX-License-Identifier: MIT */
/*
 * Where the ledger keeps its tables: transactions, prepared statements and the index of words,
 * behind one table of functions. Everything above speaks SQL in the part that SQLite and PostgreSQL
 * share (numbered parameters, ON CONFLICT, no functions of one product) and never sees a product's
 * header; a store that talks to a server fills in the same table. No rule and no JSON is here.
 *
 * Calls block. Results are 0 or more on success; failures are -ENOSPC (disk full), -EIO, -EBUSY
 * (somebody else writes), -EROFS, -EEXIST (a unique value is taken), -EBADMSG (damaged), -ENOMEM,
 * -EPROTO (a statement that the store refuses: a fault of ours).
 */
#pragma once

#include "base/macros.h"

struct tb_store {
	const struct tb_store_ops *ops;
};

/* A statement that is being read, row by row. */
struct tb_rows {
	struct tb_store *store;
};

struct tb_value {
	enum { TB_VALUE_NULL, TB_VALUE_INT, TB_VALUE_TEXT, TB_VALUE_BLOB } type;
	int64_t number;
	const void *data; /* borrowed until the statement is done */
	size_t len;
};

struct tb_store_ops {
	const char *name;
	void (*close)(struct tb_store *store);

	/* A transaction that may write, begun with the right to write: only this one may be -EBUSY.
	 */
	int (*begin)(struct tb_store *store);
	/* Durable when it returns 0. After a failure the transaction may live or not:
	 * in_transaction. */
	int (*commit)(struct tb_store *store);
	void (*rollback)(struct tb_store *store);
	bool (*in_transaction)(struct tb_store *store);
	/* A view that only reads, for look-ups that follow each other; ended by commit. Anything
	 * else needs it ended first. */
	int (*begin_view)(struct tb_store *store);
	/* One level within the transaction: a call's own effects. */
	int (*savepoint)(struct tb_store *store);
	int (*release)(struct tb_store *store);
	int (*undo)(struct tb_store *store);

	/* sql lives as long as the store (a literal): it is prepared once. Rows are done before the
	 * transaction ends. */
	int (*query)(struct tb_store *store, const char *sql, const struct tb_value *values,
		size_t n, struct tb_rows **ret);
	int (*next)(struct tb_rows *rows); /* 1: there is a row */
	void (*done)(struct tb_rows *rows);
	int64_t (*changes)(struct tb_store *store); /* rows that the last statement wrote */
	int64_t (*written)(struct tb_store *store); /* rows written since it was opened */
	int64_t (*column_int)(struct tb_rows *rows, int column);
	/* NULL for a null; NUL terminated; valid until the next row. ret_len may be NULL. */
	const char *(*column_text)(struct tb_rows *rows, int column, size_t *ret_len);

	/* A big load begins: more memory may be used until rest(). */
	void (*bulk)(struct tb_store *store);
	/* Nobody has asked for a while: what memory was for speed alone is given back. */
	void (*rest)(struct tb_store *store);
	/* What was deleted leaves the log, too; outside of a transaction. */
	int (*forget)(struct tb_store *store);
	/* The last failure in the store's words, without any value. */
	const char *(*why)(struct tb_store *store);
};

/*
 * Opens dir/ledger.db, creating or migrating it. ret_why: a sentence for the installer, to free. A
 * file that is damaged, newer or not ours is left as it is.
 */
int tb_store_sqlite_open(const char *dir, struct tb_store **ret, char **ret_why);

#define V_INT(v) ((struct tb_value){.type = TB_VALUE_INT, .number = (v)})
/* An id, an instant or a count for which 0 means that there is none. */
#define V_ID(v) tb_value_id(v)
#define V_TEXT(v) tb_value_text(v)
#define V_TEXT_N(v, n) ((struct tb_value){.type = TB_VALUE_TEXT, .data = (v), .len = (n)})
#define V_BLOB(v, n) ((struct tb_value){.type = TB_VALUE_BLOB, .data = (v), .len = (n)})
#define V_NONE ((struct tb_value){.type = TB_VALUE_NULL})

struct tb_value tb_value_text(const char *text);

static inline struct tb_value
tb_value_id(int64_t id)
{
	return (struct tb_value){.type = id ? TB_VALUE_INT : TB_VALUE_NULL, .number = id};
}

#define TB_VALUES(...) \
	(struct tb_value[]) \
	{ \
		__VA_ARGS__ \
	}
#define TB_VALUES_N(...) (sizeof(TB_VALUES(__VA_ARGS__)) / sizeof(struct tb_value))

int tb_store_run_n(
	struct tb_store *store, const char *sql, const struct tb_value *values, size_t n);
int tb_store_get_n(struct tb_store *store, struct tb_rows **ret, const char *sql,
	const struct tb_value *values, size_t n);

/* Runs a statement to its end; the number of rows it wrote, at most INT_MAX. */
#define tb_store_run(store, sql, ...) \
	tb_store_run_n(store, sql, TB_VALUES(__VA_ARGS__), TB_VALUES_N(__VA_ARGS__))
/* Begins a statement and reads the first row: 1 when there is one, else 0. *ret is to be done in
 * either case, by _cleanup_rows_. */
#define tb_store_get(store, ret, sql, ...) \
	tb_store_get_n(store, ret, sql, TB_VALUES(__VA_ARGS__), TB_VALUES_N(__VA_ARGS__))

static inline int
tb_rows_next(struct tb_rows *rows)
{
	return rows->store->ops->next(rows);
}

static inline int64_t
tb_rows_int(struct tb_rows *rows, int column)
{
	return rows->store->ops->column_int(rows, column);
}

static inline const char *
tb_rows_text(struct tb_rows *rows, int column)
{
	return rows->store->ops->column_text(rows, column, NULL);
}

static inline const char *
tb_rows_text_n(struct tb_rows *rows, int column, size_t *ret_len)
{
	return rows->store->ops->column_text(rows, column, ret_len);
}

static inline void
tb_rows_donep(struct tb_rows **rows)
{
	if (*rows)
		(*rows)->store->ops->done(*rows);
	*rows = NULL;
}

#define _cleanup_rows_ _cleanup_(tb_rows_donep)
