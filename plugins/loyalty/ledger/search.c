/* SPDX-License-Identifier: MIT */
/*
 * customer.search: every word of the text must begin a word of the customer's names, e-mails, town,
 * postcode, phones, cards or references, or end a phone; accents and case folded. One word leads,
 * the rarest: its rows are walked in alphabetical order and the others are looked for in each
 * customer's own words. Digits alone walk cards, references, phones and postcodes, and then all
 * phones for those that end so. The cursor is where the walk stopped.
 */

#include <stdio.h>
#include <string.h>
#include "plugins/loyalty/ledger/customers.h"
#include "plugins/loyalty/ledger/words.h"

#define WALK_MAX 5000  /* rows of one call: then it answers with what it found, and a cursor */
#define COUNT_MAX 1000 /* a word that begins more rows than this is frequent */
#define BEYOND "\xf4\x8f\xbf\xbf" /* sorts behind every character */

struct searching {
	struct tb_operation *op;
	char *typed;
	char lead[300], end[310]; /* [lead, end) */
	bool digits;
	char phone[320], phone_end[330]; /* the same as it stands in E.164 */
	char from_value[300];            /* where the last page ended; bound while we walk */
	int64_t from_customer;
	char last_value[300]; /* where the walk stands */
	int64_t last_customer;
	int64_t found[TB_PAGE_MAX];
	int64_t n_found, limit;
	struct tb_jsonw w;
};

/* ---- what leads --------------------------------------------------------------------------- */

static bool
has_letter(const char *word, size_t len)
{
	return strspn(word, "0123456789") < len;
}

struct leader {
	struct searching *s;
	const char *word;
	size_t len;
	int64_t rows; /* how many it would walk, COUNT_MAX for more; digits come last */
	int r;
};

static void set_range(struct searching *s, const char *word, size_t len);

/* How many rows a word begins, counted no further than it matters. */
static int
count_rows(struct searching *s, const char *word, size_t len, int64_t *ret)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r;

	*ret = COUNT_MAX + 1;
	if (!has_letter(word, len))
		return 0;
	set_range(s, word, len);
	r = tb_store_get(s->op->store, &rows,
		"SELECT COUNT(*) FROM (SELECT 1 FROM words WHERE word >= ?1 AND word < ?2 LIMIT ?3)"
		" AS some",
		V_TEXT(s->lead), V_TEXT(s->end), V_INT(COUNT_MAX));
	/* One that begins no row may be of an e-mail's other half: it narrows, but cannot lead. */
	if (r > 0)
		*ret = tb_rows_int(rows, 0) ? tb_rows_int(rows, 0) : COUNT_MAX + 2;
	return r < 0 ? r : 0;
}

/* The rarest word leads, of equally frequent ones the longest. */
static bool
better(const char *word, size_t len, void *userdata)
{
	struct leader *best = userdata;
	int64_t n;

	best->r = count_rows(best->s, word, len, &n);
	if (best->r < 0)
		return true;
	if (best->len == 0 || n < best->rows || (n == best->rows && len > best->len)) {
		best->word = word;
		best->len = len;
		best->rows = n;
	}
	return false;
}

static void
set_range(struct searching *s, const char *word, size_t len)
{
	const struct tb_ledger *l = s->op->ledger;
	const char *rest = s->lead;

	snprintf(s->lead, sizeof(s->lead), "%.*s", (int)TB_MIN(len, sizeof(s->lead) - 1), word);
	snprintf(s->end, sizeof(s->end), "%s" BEYOND, s->lead);
	s->digits = !has_letter(s->lead, strlen(s->lead));
	/* 06… is looked for as it is kept: +336… */
	if (l->dial_trunk_zero && *rest == '0')
		snprintf(s->phone, sizeof(s->phone), "%s%s", l->dial_prefix, rest + 1);
	else
		snprintf(s->phone, sizeof(s->phone), "+%s", rest);
	snprintf(s->phone_end, sizeof(s->phone_end), "%s" BEYOND, s->phone);
}

/* "value customer"; a value has no blank in it but its last one. */
static int
read_cursor(struct searching *s)
{
	const char *cursor = tb_param_text(s->op, "cursor");
	const char *blank = cursor ? strrchr(cursor, ' ') : NULL;
	char *end;

	if (!cursor)
		return 0;
	if (!blank || (size_t)(blank - cursor) >= sizeof(s->from_value))
		return tb_refuse_cursor(s->op);
	snprintf(s->from_value, sizeof(s->from_value), "%.*s", (int)(blank - cursor), cursor);
	s->from_customer = strtoll(blank + 1, &end, 10);
	return end == blank + 1 || *end ? tb_refuse_cursor(s->op) : 0;
}

/* ---- walking ------------------------------------------------------------------------------ */

/* Columns: value, customer, words, record. */
static int
begin_walk(struct searching *s, struct tb_rows **ret)
{
	if (!s->digits)
		return tb_store_get(s->op->store, ret,
			"SELECT w.word, w.customer, c.words, c.record FROM words w"
			" JOIN customers c ON c.id = w.customer WHERE w.word >= ?1 AND w.word < ?2"
			" AND (w.word, w.customer) > (?3, ?4) ORDER BY w.word, w.customer",
			V_TEXT(s->lead), V_TEXT(s->end), V_TEXT(s->from_value),
			V_INT(s->from_customer));
	/* Each part in its index's order, merged: nothing is sorted, however many begin so. */
	return tb_store_get(s->op->store, ret,
		"SELECT h.value, h.customer, c.words, c.record FROM ("
		"SELECT number AS value, customer FROM cards WHERE number >= ?1 AND number < ?2"
		" AND customer IS NOT NULL AND (number, customer) > (?5, ?6)"
		" UNION ALL SELECT value, customer FROM handles WHERE value >= ?1 AND value < ?2"
		" AND kind = 'ref' AND (value, customer) > (?5, ?6)"
		" UNION ALL SELECT value, customer FROM handles WHERE value >= ?3 AND value < ?4"
		" AND kind = 'phone' AND (value, customer) > (?5, ?6)"
		" UNION ALL SELECT word, customer FROM words WHERE word >= ?1 AND word < ?2"
		" AND (word, customer) > (?5, ?6)"
		") AS h CROSS JOIN customers c WHERE c.id = h.customer"
		" ORDER BY h.value, h.customer",
		V_TEXT(s->lead), V_TEXT(s->end), V_TEXT(s->phone), V_TEXT(s->phone_end),
		V_TEXT(s->from_value), V_INT(s->from_customer));
}

struct earlier {
	const struct searching *s;
	const char *value;
};

/* A word of his that begins alike and sorts before: he has been met there. */
static bool
met_before(const char *word, size_t len, void *userdata)
{
	const struct earlier *e = userdata;
	size_t n = strlen(e->s->lead), m = strlen(e->value);
	int order = memcmp(word, e->value, TB_MIN(len, m));

	return len >= n && memcmp(word, e->s->lead, n) == 0 &&
	       (order < 0 || (order == 0 && len < m));
}

static bool
is_found(const struct searching *s, int64_t customer)
{
	for (int64_t i = 0; i < s->n_found; i++)
		if (s->found[i] == customer)
			return true;
	return false;
}

static void
look_at(struct searching *s, struct tb_rows *rows)
{
	struct earlier earlier = {.s = s, .value = tb_rows_text(rows, 0)};
	const char *words = tb_rows_text(rows, 2), *record;
	int64_t customer = tb_rows_int(rows, 1);
	size_t len;

	if (!words || is_found(s, customer) ||
		(!s->digits && tb_words_each(words, met_before, &earlier)) ||
		!tb_words_match(s->typed, words))
		return;
	s->found[s->n_found++] = customer;
	record = tb_rows_text_n(rows, 3, &len);
	tb_jsonw_raw(&s->w, NULL, record, len);
}

/* ret_more: it stopped for the page or for the time it takes, not for want of rows. */
static int
walk(struct searching *s, bool *ret_more)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int r = begin_walk(s, &rows);

	for (int i = 0; r > 0 && s->n_found < s->limit && i < WALK_MAX; i++) {
		look_at(s, rows);
		snprintf(s->last_value, sizeof(s->last_value), "%s", tb_rows_text(rows, 0));
		s->last_customer = tb_rows_int(rows, 1);
		r = tb_rows_next(rows);
	}
	*ret_more = r > 0;
	return r < 0 ? r : 0;
}

/* ---- the end of a phone ------------------------------------------------------------------- */

#define SCAN_MAX 50000 /* phones of one call: some hundredths of a second */
#define SCAN_MARK '~'  /* before the phone in a cursor */

/* Adds the customer of a phone that ends so, unless the walk has met him. */
static int
add_phone_owner(struct searching *s, int64_t customer)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	const char *words, *record;
	size_t len;
	int r = tb_store_get(s->op->store, &rows,
		"SELECT words, record FROM customers WHERE id = ?1", V_INT(customer));

	if (r <= 0)
		return r;
	words = tb_rows_text(rows, 0);
	if (!words || is_found(s, customer) || tb_words_begin(words, s->lead, strlen(s->lead)) ||
		!tb_words_match(s->typed, words))
		return 0;
	s->found[s->n_found++] = customer;
	record = tb_rows_text_n(rows, 1, &len);
	tb_jsonw_raw(&s->w, NULL, record, len);
	return 0;
}

/*
 * No index has numbers by their end: it would cost a load a third of its speed. They stand together
 * and are looked through.
 */
static int
scan_phones(struct searching *s, bool *ret_more)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	bool again = s->from_value[0] == SCAN_MARK;
	size_t n = strlen(s->lead), len;
	int r = tb_store_get(s->op->store, &rows,
		"SELECT value, customer FROM handles WHERE value >= '+' AND value < ','"
		" AND kind = 'phone' AND (value, customer) > (?1, ?2) ORDER BY value, customer",
		V_TEXT(again ? s->from_value + 1 : "+"), V_INT(again ? s->from_customer : 0));

	for (int i = 0; r > 0 && s->n_found < s->limit && i < SCAN_MAX; i++) {
		const char *phone = tb_rows_text_n(rows, 0, &len);

		if (len > n && memcmp(phone + len - n, s->lead, n) == 0)
			r = add_phone_owner(s, tb_rows_int(rows, 1));
		if (r < 0)
			return r;
		if (i + 1 == SCAN_MAX || s->n_found == s->limit) {
			snprintf(s->last_value, sizeof(s->last_value), "%c%s", SCAN_MARK, phone);
			s->last_customer = tb_rows_int(rows, 1);
		}
		r = tb_rows_next(rows);
	}
	*ret_more = r > 0;
	return r < 0 ? r : 0;
}

/* ---- what leads nowhere ------------------------------------------------------------------- */

#define LOOK_MAX 20000 /* customers of one call */
#define LOOK_MARK "!"

/* A mail's domain alone: everybody's words are looked at, a part of them a call. */
static int
look_through(struct searching *s, bool *ret_more)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	const char *record;
	size_t len;
	int r = tb_store_get(s->op->store, &rows,
		"SELECT id, words, record FROM customers WHERE id > ?1 AND state = 'live'"
		" ORDER BY id",
		V_INT(strcmp(s->from_value, LOOK_MARK) == 0 ? s->from_customer : 0));

	for (int i = 0; r > 0 && s->n_found < s->limit && i < LOOK_MAX; i++) {
		s->last_customer = tb_rows_int(rows, 0);
		if (tb_words_match(s->typed, tb_rows_text(rows, 1))) {
			s->found[s->n_found++] = s->last_customer;
			record = tb_rows_text_n(rows, 2, &len);
			tb_jsonw_raw(&s->w, NULL, record, len);
		}
		r = tb_rows_next(rows);
	}
	snprintf(s->last_value, sizeof(s->last_value), LOOK_MARK);
	*ret_more = r > 0;
	return r < 0 ? r : 0;
}

static int
search(struct searching *s, bool *ret_more)
{
	int r = 0;

	if (s->from_value[0] != SCAN_MARK)
		r = walk(s, ret_more);
	if (r < 0 || *ret_more || !s->digits || strlen(s->lead) < TB_WORDS_END_MIN)
		return r;
	return scan_phones(s, ret_more);
}

int
tb_customer_search(struct tb_operation *op)
{
	struct searching s = {.op = op, .limit = tb_param_limit(op), .w = TB_JSONW(op->out)};
	struct leader lead = {.s = &s};
	char cursor[330];
	bool more = false;
	int r = read_cursor(&s);

	if (r != 0)
		return r;
	s.typed = tb_words_typed(tb_param_text(op, "text"));
	if (!s.typed)
		return -ENOMEM;
	tb_words_each(s.typed, better, &lead);
	tb_jsonw_object(&s.w, NULL);
	tb_jsonw_array(&s.w, "customers");
	r = lead.r;
	if (r >= 0 && s.typed[0] && (lead.len == 0 || lead.rows > COUNT_MAX + 1)) {
		r = look_through(&s, &more);
	} else if (r >= 0 && lead.len) {
		set_range(&s, lead.word, lead.len);
		r = search(&s, &more);
	}
	tb_jsonw_end_array(&s.w);
	if (more) {
		snprintf(cursor, sizeof(cursor), "%s %lld", s.last_value,
			(long long)s.last_customer);
		tb_jsonw_string(&s.w, "cursor", cursor);
	}
	tb_jsonw_end_object(&s.w);
	free(s.typed);
	return r;
}
