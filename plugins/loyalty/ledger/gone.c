/* SPDX-License-Identifier: MIT */
/* One row a deletion, two a merge. They are few. */

#include "plugins/loyalty/ledger/gone.h"

#include "base/timestamp.h"
#include "plugins/loyalty/ledger/ids.h"
#include "plugins/loyalty/ledger/store.h"

#define PIECE 1000
#define KEPT_US (45 * TB_USEC_PER_DAY) /* longer than anybody remembers him */

int
tb_gone_add(struct tb_operation *op, int64_t customer, bool merged)
{
	/* The last one stays, so that its number is not given again. */
	int r = tb_store_run(op->store,
		"DELETE FROM gone WHERE at < ?1 AND seq < (SELECT max(seq) FROM gone)",
		V_INT(op->now - KEPT_US));

	if (r >= 0)
		r = tb_store_run(op->store,
			"INSERT INTO gone(customer, merged, at) VALUES(?1, ?2, ?3)",
			V_INT(customer), V_INT(merged), V_INT(op->now));
	return r < 0 ? r : 0;
}

/* The number of the last one there ever was. */
static int
last_number(struct tb_operation *op, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = tb_store_get(
		op->store, &rows, "SELECT coalesce(max(seq), 0) FROM gone WHERE ?1", V_INT(1));

	*ret = r > 0 ? tb_rows_int(rows, 0) : 0;
	return r < 0 ? r : 0;
}

int
tb_gone_write(struct tb_operation *op, struct tb_jsonw *w, int64_t after)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t seq = 0, last;
	unsigned n = 0;
	int r = last_number(op, &last);

	if (r < 0)
		return r;
	/* A ledger that was put back to an older day counts from there. */
	seq = after > last ? 0 : after;
	tb_jsonw_object(w, "gone");
	tb_jsonw_array(w, "customers");
	r = tb_store_get(op->store, &rows,
		"SELECT seq, customer, merged FROM gone WHERE seq > ?1 ORDER BY seq LIMIT ?2",
		V_INT(seq), V_INT(PIECE));
	for (; r > 0; r = tb_rows_next(rows), n++) {
		seq = tb_rows_int(rows, 0);
		tb_jsonw_object(w, NULL);
		tb_id_write(w, "id", 'c', tb_rows_int(rows, 1));
		tb_jsonw_bool(w, "merged", tb_rows_int(rows, 2) != 0);
		tb_jsonw_end_object(w);
	}
	tb_jsonw_end_array(w);
	tb_jsonw_int(w, "seq", n == PIECE ? seq : last);
	tb_jsonw_bool(w, "more", n == PIECE);
	tb_jsonw_end_object(w);
	return r < 0 ? r : 0;
}
