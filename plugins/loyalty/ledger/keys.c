/* SPDX-License-Identifier: MIT */
/* Keys, body hashes and stored answers. */

#include "plugins/loyalty/ledger/keys.h"

#include <nettle/sha2.h>
#include <string.h>

#define KEEP_US (100 * TB_USEC_PER_DAY) /* at least 90 days, R14 */
#define PRUNE_ROWS 200                  /* in one go: a turn must stay short */
#define MEMBERS_MAX 32                  /* of one object, without another allocation */

/* ---- hash --------------------------------------------------------------------------------- */

/* Small pieces are gathered: the hash is fed in blocks. */
struct hashing {
	struct sha256_ctx sha;
	size_t n;
	uint8_t piece[512];
};

static int hash_value(struct hashing *h, const json_t *value);

static void
feed(struct hashing *h, const void *data, size_t len)
{
	if (h->n + len > sizeof(h->piece)) {
		sha256_update(&h->sha, h->n, h->piece);
		h->n = 0;
	}
	if (len > sizeof(h->piece)) {
		sha256_update(&h->sha, len, data);
		return;
	}
	memcpy(h->piece + h->n, data, len);
	h->n += len;
}

static void
feed_sized(struct hashing *h, char tag, const char *text, size_t len)
{
	uint8_t head[9] = {(uint8_t)tag};
	uint64_t n = len;

	/* With its length in front no two values read alike. */
	memcpy(head + 1, &n, sizeof(n));
	feed(h, head, sizeof(head));
	if (len)
		feed(h, text, len);
}

struct member {
	const char *name;
	const json_t *value;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

/* Objects are small and often sorted already: insertion beats qsort, but not for a hundred. */
static void
sort(struct member *members, size_t n)
{
	if (n > MEMBERS_MAX) {
		qsort(members, n, sizeof(*members), by_name);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct member m = members[i];
		size_t k = i;

		for (; k > 0 && by_name(&members[k - 1], &m) > 0; k--)
			members[k] = members[k - 1];
		members[k] = m;
	}
}

static bool
is_among(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* except: names that do not count, NULL ends them. */
static int
hash_object(struct hashing *h, const json_t *object, const char *const *except)
{
	struct member few[MEMBERS_MAX], *members = few;
	_cleanup_free_ struct member *many = NULL;
	size_t n = 0, count = json_object_size(object);
	int r = 0;

	if (count > MEMBERS_MAX) {
		members = many = calloc(count, sizeof(*many));
		if (!many)
			return -ENOMEM;
	}
	for (void *i = json_object_iter((json_t *)object); i;
		i = json_object_iter_next((json_t *)object, i)) {
		const char *name = json_object_iter_key(i);

		if (!is_among(except, name))
			members[n++] = (struct member){name, json_object_iter_value(i)};
	}
	sort(members, n);
	feed_sized(h, '{', (const char *)&n, sizeof(n));
	for (size_t i = 0; i < n && r >= 0; i++) {
		feed_sized(h, 'm', members[i].name, strlen(members[i].name));
		r = hash_value(h, members[i].value);
	}
	return r;
}

static int
hash_array(struct hashing *h, const json_t *array)
{
	size_t n = json_array_size(array);
	int r = 0;

	feed_sized(h, '[', (const char *)&n, sizeof(n));
	for (size_t i = 0; i < n && r >= 0; i++)
		r = hash_value(h, json_array_get(array, i));
	return r;
}

/* Depth is bounded by the line's: 32. */
static int
hash_value(struct hashing *h, const json_t *value)
{
	json_int_t number;
	double real;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return hash_object(h, value, NULL);
	case JSON_ARRAY:
		return hash_array(h, value);
	case JSON_STRING:
		feed_sized(h, 's', json_string_value(value), json_string_length(value));
		return 0;
	case JSON_INTEGER:
		number = json_integer_value(value);
		feed_sized(h, 'i', (const char *)&number, sizeof(number));
		return 0;
	case JSON_REAL: /* only in a member nobody knows: compared as it was read */
		real = json_real_value(value);
		feed_sized(h, 'r', (const char *)&real, sizeof(real));
		return 0;
	default:
		feed_sized(h, "tfn"[json_typeof(value) - JSON_TRUE], NULL, 0);
		return 0;
	}
}

int
tb_hash_body(const struct tb_operation *op, uint8_t out[TB_HASH_SIZE])
{
	static const char *const key[] = {"key", NULL};
	static const char *const of_passage[] = {"key", "business_day", "passage", "uses", NULL};
	struct hashing h = {};
	int r;

	sha256_init(&h.sha);
	r = hash_object(&h, op->params, op->call->op == TB_OP_PASSAGE_POST ? of_passage : key);
	sha256_update(&h.sha, h.n, h.piece);
	sha256_digest(&h.sha, TB_HASH_SIZE, out);
	return r;
}

/* ---- keys --------------------------------------------------------------------------------- */

static const char *
method_of(const struct tb_operation *op)
{
	static const char *const methods[] = {
#define X(name, method) [TB_OP_##name] = (method),
		TB_OPS(X)
#undef X
	};

	return methods[op->call->op];
}

int
tb_key_find(struct tb_operation *op, const uint8_t hash[TB_HASH_SIZE], bool *ret_said)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	const char *answer, *old;
	size_t len;
	int r;

	*ret_said = false;
	r = tb_store_get(op->store, &rows,
		"SELECT method, hash, answer, coupons FROM keys"
		" WHERE key = ?1 AND till = ?2 AND site = ?3",
		V_TEXT(op->call->key), V_TEXT(op->call->caller.till),
		V_TEXT(op->call->caller.site));
	if (r <= 0)
		return r;
	old = tb_rows_text_n(rows, 1, &len);
	if (strcmp(tb_rows_text(rows, 0), method_of(op)) != 0)
		return TB_ERROR_IDEMPOTENCY_CONFLICT;
	if (!tb_rows_text(rows, 2))
		return TB_ERROR_CUSTOMER_UNKNOWN; /* it spoke of somebody who was deleted since */
	if (len != TB_HASH_SIZE || memcmp(old, hash, len) != 0)
		return TB_ERROR_IDEMPOTENCY_CONFLICT;
	answer = tb_rows_text_n(rows, 2, &len);
	tb_buf_add(op->out, answer, len);
	op->coupons = (unsigned)tb_rows_int(rows, 3);
	*ret_said = true;
	return 0;
}

int
tb_key_put(struct tb_operation *op, const uint8_t hash[TB_HASH_SIZE])
{
	int64_t id;
	int r = tb_id_draw(op, &id);

	if (r < 0)
		return r;
	r = tb_store_run(op->store,
		"INSERT INTO keys(id, site, till, key, method, customer, coupons, hash, answer)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		V_INT(id), V_TEXT(op->call->caller.site), V_TEXT(op->call->caller.till),
		V_TEXT(op->call->key), V_TEXT(method_of(op)), V_ID(op->about), V_INT(op->coupons),
		V_BLOB(hash, TB_HASH_SIZE), V_TEXT_N(op->out->data, op->out->len));
	return r < 0 ? r : 0;
}

int
tb_keys_forget(struct tb_operation *op, int64_t customer)
{
	int r = tb_store_run(op->store,
		"UPDATE keys SET answer = NULL, hash = X'00', customer = NULL WHERE customer = ?1",
		V_INT(customer));

	return r < 0 ? r : 0;
}

int
tb_keys_prune(struct tb_ledger *ledger, int64_t now)
{
	int r = tb_store_run(ledger->store,
		"DELETE FROM keys WHERE id IN"
		" (SELECT id FROM keys WHERE id < ?1 ORDER BY id LIMIT ?2)",
		V_INT(tb_id_at(now - KEEP_US)), V_INT(PRUNE_ROWS));

	return r < 0 ? r : r == PRUNE_ROWS;
}
