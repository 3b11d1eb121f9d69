/* SPDX-License-Identifier: MIT */
/*
 * Saying it twice prints it once: the till's key, the hash of what it said, the stored answer. The
 * keys of print and drawer calls are a space of their own; those of loyalty calls are the ledger's.
 */
#include "bridge/printing-parts.h"

#include <string.h>
#include <nettle/sha2.h>

/* A request that waits for the commit. */
struct waiting {
	struct tb_request *request;
	size_t len;
	char json[];
};

void
tb_print_fail(struct tb_request *request, int error)
{
	tb_request_fail(
		request, error == -ENOBUFS ? TB_ERROR_RATE_LIMITED : TB_ERROR_INTERNAL, NULL);
}

static void
on_commit(int error, void *userdata)
{
	struct waiting *waiting = userdata;

	if (error < 0)
		tb_print_fail(waiting->request, error);
	else
		tb_request_answer(waiting->request, waiting->json, waiting->len);
	free(waiting);
}

void
tb_print_answer(
	struct tb_printing *printing, struct tb_request *request, const char *json, size_t len)
{
	struct waiting *waiting = malloc(sizeof(*waiting) + len);
	int r = -ENOMEM;

	if (waiting) {
		waiting->request = request;
		waiting->len = len;
		memcpy(waiting->json, json, len);
		r = tb_state_after_commit(printing->bridge->state, on_commit, waiting);
	}
	if (r < 0) {
		free(waiting);
		tb_print_fail(request, r);
	}
}

/* The order of members is nobody's business, so they are sorted. */
static int
hash_call(const char *method, const json_t *params, uint8_t *out)
{
	_cleanup_free_ char *text = json_dumps(params, JSON_SORT_KEYS | JSON_COMPACT);
	struct sha256_ctx sha;

	if (!text)
		return -ENOMEM;
	sha256_init(&sha);
	sha256_update(&sha, strlen(method) + 1, (const uint8_t *)method);
	sha256_update(&sha, strlen(text), (const uint8_t *)text);
	sha256_digest(&sha, TB_PRINT_HASH_SIZE, out);
	return 0;
}

int
tb_print_key_begin(struct tb_printing *printing, struct tb_request *request, const char *method,
	struct tb_print_key *ret)
{
	_cleanup_free_ char *answer = NULL;
	json_t *params = tb_request_params(request);
	struct tb_print_key key = {
		.site = tb_request_site(request),
		.till = tb_request_till(request),
		.key = json_string_value(json_object_get(params, "key")),
	};
	int r;

	if (!key.key) {
		tb_request_fail_at(request, "/key", "missing");
		return 1;
	}
	r = hash_call(method, params, key.hash);
	if (r == 0)
		r = tb_print_journal_key(printing->journal, &key, &answer);
	if (r == 0) {
		*ret = key;
		return 0;
	}
	if (r == -EEXIST)
		tb_request_fail(request, TB_ERROR_IDEMPOTENCY_CONFLICT, NULL);
	else if (r < 0)
		tb_print_fail(request, r);
	else /* its first call may have been in this very turn */
		tb_print_answer(printing, request, answer, strlen(answer));
	return 1;
}

void
tb_print_key_answer(struct tb_printing *printing, struct tb_request *request,
	const struct tb_print_key *key, const char *json, size_t len)
{
	int r = tb_print_journal_add_key(printing->journal, key, json, len);

	if (r == 0) {
		tb_print_answer(printing, request, json, len);
		return;
	}
	/* A job without its key would be printed again when the till asks again. */
	tb_state_doom(printing->bridge->state, r);
	tb_print_fail(request, r);
}
