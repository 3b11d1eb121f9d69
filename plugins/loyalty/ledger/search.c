/* SPDX-License-Identifier: MIT */
/*
 * customer.search: every word of the text must begin a word of the customer's names, phones,
 * e-mails, cards, references or town; accents and case folded. In order of enrolment; the cursor is
 * the last id.
 */

#include <stdio.h>
#include <string.h>
#include "plugins/loyalty/ledger/customers.h"

static int
write_customers(struct tb_operation *op, const int64_t *ids, size_t n)
{
	struct tb_jsonw w = TB_JSONW(op->out);
	size_t limit = (size_t)tb_param_limit(op);
	char cursor[24];

	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "customers");
	for (size_t i = 0; i < n && i < limit; i++) {
		_cleanup_customer_ struct tb_customer c = {};
		int r = tb_customer_get(op, ids[i], &c);

		if (r < 0)
			return r;
		if (r == 0)
			tb_jsonw_raw(&w, NULL, c.record, c.record_len);
	}
	tb_jsonw_end_array(&w);
	if (n > limit) {
		snprintf(cursor, sizeof(cursor), "%lld", (long long)ids[limit - 1]);
		tb_jsonw_string(&w, "cursor", cursor);
	}
	tb_jsonw_end_object(&w);
	return 0;
}

int
tb_customer_search(struct tb_operation *op)
{
	_cleanup_free_ char *words = tb_search_words(op, tb_param_text(op, "text"));
	size_t limit = (size_t)tb_param_limit(op), n = 0;
	int64_t ids[TB_PAGE_MAX + 1];
	int r = 0;

	if (!words)
		return -ENOMEM;
	if (*words)
		r = op->store->ops->words_find(
			op->store, words, tb_param_cursor(op, 0), limit + 1, ids, &n);
	return r < 0 ? r : write_customers(op, ids, n);
}
