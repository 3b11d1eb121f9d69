/* SPDX-License-Identifier: MIT */
/* What every store has in common: running a statement to its end, and the values it is given. */

#include "plugins/loyalty/ledger/store.h"

#include <limits.h>
#include <string.h>

struct tb_value
tb_value_text(const char *text)
{
	return (struct tb_value){
		.type = text ? TB_VALUE_TEXT : TB_VALUE_NULL,
		.data = text,
		.len = text ? strlen(text) : 0,
	};
}

int
tb_store_get_n(struct tb_store *store, struct tb_rows **ret, const char *sql,
	const struct tb_value *values, size_t n)
{
	int r;

	tb_rows_donep(ret);
	r = store->ops->query(store, sql, values, n, ret);
	return r < 0 ? r : store->ops->next(*ret);
}

int
tb_store_run_n(struct tb_store *store, const char *sql, const struct tb_value *values, size_t n)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t changes;
	int r;

	r = store->ops->query(store, sql, values, n, &rows);
	if (r < 0)
		return r;
	do
		r = store->ops->next(rows);
	while (r > 0);
	if (r < 0)
		return r;
	changes = store->ops->changes(store);
	return changes > INT_MAX ? INT_MAX : (int)changes;
}
