/* SPDX-License-Identifier: MIT */
/*
 * Coupons that a passage earned: their print jobs, and the answer that says which. A passage that
 * was delivered later has its coupons printed too, unless its sale is from another day. How a
 * coupon is printed is printing.h's.
 */

#include "bridge/loyalty-parts.h"

#include <string.h>
#include "base/log.h"
#include "base/timestamp.h"
#include "bridge/printing.h"
#include "bridge/rpc/methods.h"
#include "bridge/state.h"

struct earned {
	struct tb_bridge *bridge;
	struct tb_request *request; /* NULL: nobody waits any more */
	char *text;                 /* the connector's answer */
	size_t len;
	char *with_jobs; /* the same with the jobs in it */
};

static void
give(struct earned *earned, const char *text, size_t len)
{
	if (earned->request)
		tb_request_answer(earned->request, text, len);
	free(earned->text);
	free(earned->with_jobs);
	free(earned);
}

/* The passage is posted whatever becomes of its print jobs: without them the till prints later. */
static void
on_jobs_kept(int error, void *userdata)
{
	struct earned *earned = userdata;

	if (error < 0)
		give(earned, earned->text, earned->len);
	else
		give(earned, earned->with_jobs, strlen(earned->with_jobs));
}

/* Queues each coupon and writes its job into it. NULL when there is nothing to write. */
static char *
queue_coupons(struct earned *earned, const char *first_name)
{
	struct tb_printing *printing = earned->bridge->printing;
	json_t *result = json_loadb(earned->text, earned->len, 0, NULL);
	json_t *coupons = json_object_get(result, "coupons"), *coupon;
	char *text = NULL;
	unsigned queued = 0;
	size_t i;

	json_array_foreach(coupons, i, coupon) {
		_cleanup_free_ char *job = NULL;
		int r = tb_printing_coupon(printing, coupon, first_name, &job);

		if (r < 0 && r != -ENODEV)
			tb_log_warning("an earned coupon is not queued: %s", strerror(-r));
		if (r >= 0 && job && json_object_set_new(coupon, "job", json_string(job)) == 0)
			queued++;
	}
	if (queued > 0)
		text = json_dumps(result, JSON_COMPACT);
	json_decref(result);
	return text;
}

static void
on_customer(const struct tb_answer *answer, void *userdata)
{
	struct earned *earned = userdata;
	json_t *shown = answer && answer->error == TB_OK
	                        ? json_loadb(answer->json, answer->len, 0, NULL)
	                        : NULL;
	const char *first_name = json_string_value(
		json_object_get(json_object_get(shown, "customer"), "first_name"));

	if (earned->bridge->printing)
		earned->with_jobs = queue_coupons(earned, first_name);
	json_decref(shown);
	if (!earned->with_jobs) {
		give(earned, earned->text, earned->len);
		return;
	}
	if (tb_state_after_commit(earned->bridge->state, on_jobs_kept, earned) < 0)
		on_jobs_kept(-ENOMEM, earned);
}

/* The first name stands on the coupon, so the customer is asked for first. */
static bool
print_coupons(struct tb_loyalty *loyalty, struct tb_request *request, const json_t *passage,
	const struct tb_answer *answer)
{
	struct earned *earned = calloc(1, sizeof(*earned));
	const json_t *id = json_object_get(passage, "customer");
	json_t *params;

	if (!earned)
		return false;
	earned->bridge = loyalty->bridge;
	earned->request = request;
	earned->len = answer->len;
	earned->text = strndup(answer->json, answer->len);
	if (!earned->text) {
		free(earned);
		return false;
	}
	params = id ? json_pack("{s:O}", "id", id) : NULL;
	if (params)
		tb_loyalty_call(loyalty, TB_OP_CUSTOMER_LOOKUP, params, on_customer, earned);
	else
		on_customer(NULL, earned);
	json_decref(params);
	return true;
}

/* A passage that another bridge sends is told by the id it drew: its coupons are printed there. */
static bool
is_another_bridges(struct tb_request *request)
{
	return json_object_get(tb_request_params(request), "passage") != NULL;
}

void
tb_loyalty_answer(struct tb_request *request, const struct tb_answer *answer)
{
	struct tb_bridge *bridge = tb_request_bridge(request);

	if (answer->coupons > 0 && tb_request_method(request)->op == TB_OP_PASSAGE_POST &&
		bridge->printing && !is_another_bridges(request) &&
		print_coupons(bridge->loyalty, request, tb_request_params(request), answer))
		return;
	tb_request_answer(request, answer->json, answer->len);
}

void
tb_loyalty_delivered(struct tb_loyalty *loyalty, enum tb_op op, const json_t *params,
	const struct tb_answer *answer)
{
	const char *text = json_string_value(json_object_get(params, "occurred_at"));
	int64_t at_us;

	if (op != TB_OP_PASSAGE_POST || answer->coupons == 0 || !loyalty->bridge->printing ||
		!text || tb_time_parse(text, &at_us, NULL) < 0)
		return;
	/* What the start prints of what a crash left is bounded likewise. */
	if (tb_loop_wall_us(loyalty->bridge->loop) - at_us < TB_USEC_PER_DAY)
		(void)print_coupons(loyalty, NULL, params, answer);
}
