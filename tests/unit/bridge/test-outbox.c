/* SPDX-License-Identifier: MIT */
/* The outbox: what is on disk when, who goes before whom, how often, and what a till is told. */

#include "tests/unit/bridge/outbox-stage.h"

#include <stdlib.h>
#include "bridge/outbox-parts.h"

#define POSTED "{\"passage\":\"p_1\",\"state\":\"posted\",\"coupons\":[]}"

static void
test_posted(void **state)
{
	_cleanup_request_ struct tb_request first = {}, again = {}, other = {};

	post(&first, "S1", "c_1");
	assert_null(first.answer);
	assert_int_equal(flying(), 1);
	assert_int_equal(on_disk("SELECT count(*) FROM outbox WHERE state = 'queued'"), 1);
	assert_non_null(strstr(f->sent[0].params, "\"passage\":\"p_"));
	answer(nth_flying(0), POSTED);
	assert_string_equal(first.answer, POSTED);
	post(&again, "S1", "c_1");
	assert_string_equal(again.answer, POSTED);
	assert_int_equal(f->n_sent, 1);
	assert_int_equal(on_disk("SELECT count(*) FROM outbox WHERE state = 'confirmed'"
				 " AND params IS NULL"),
		1);
	post(&other, "S1", "c_2");
	assert_string_equal(other.error, "idempotency_conflict");
}

/* The same members in another order are the same call; another key for the same sale is the same.
 */
static void
test_same_call(void **state)
{
	_cleanup_request_ struct tb_request first = {}, again = {}, key = {}, other = {};

	say(&first, "passage.post",
		"{\"sale\":\"S1\",\"occurred_at\":\"2025-05-06T10:00:00+02:00\",\"total\":5}");
	answer(nth_flying(0), POSTED);
	say(&again, "passage.post",
		"{\"total\":5,\"occurred_at\":\"2025-05-06T10:00:00+02:00\",\"sale\":\"S1\"}");
	assert_string_equal(again.answer, POSTED);
	say(&key, "passage.post",
		"{\"key\":\"k\",\"sale\":\"S1\",\"occurred_at\":\"2025-05-06T10:00:00+02:00\","
		"\"total\":5}");
	assert_string_equal(key.answer, POSTED);
	/* A number that was used for another day is another sale. */
	say(&other, "passage.post",
		"{\"sale\":\"S1\",\"occurred_at\":\"2025-05-07T10:00:00+02:00\",\"total\":5}");
	assert_null(other.error);
	assert_int_equal(flying(), 1);
	answer(nth_flying(0), POSTED);
}

static void
test_deadline(void **state)
{
	_cleanup_request_ struct tb_request till = {}, again = {};
	uint64_t began = tb_loop_now_us(f->bridge.loop);
	char passage[64];

	post(&till, "S1", "c_1");
	advance_ms(1850);
	assert_null(till.answer);
	advance_ms(150);
	assert_string_equal(answer_member(&till, "state"), "queued");
	assert_true(till.at_us - began <= 2000000);
	assert_non_null(strstr(answer_member(&till, "message"), "delivered later"));
	snprintf(passage, sizeof(passage), "%s", answer_member(&till, "passage"));
	assert_int_equal(tb_outbox_depth(f->bridge.outbox), 1);
	/* The late answer counts. */
	answer(nth_flying(0), POSTED);
	assert_int_equal(tb_outbox_depth(f->bridge.outbox), 0);
	assert_int_equal(f->delivered, 1);
	post(&again, "S1", "c_1");
	assert_string_equal(again.answer, POSTED);
	assert_non_null(strstr(f->sent[0].params, passage));
}

static void
test_down(void **state)
{
	_cleanup_request_ struct tb_request first = {}, second = {}, again = {};

	post(&first, "S1", "c_1");
	lose(nth_flying(0), true);
	/* Nobody is let wait for a line that is cut. */
	assert_string_equal(answer_member(&first, "state"), "queued");
	post(&second, "S2", "c_1");
	assert_string_equal(answer_member(&second, "state"), "queued");
	post(&again, "S2", "c_1");
	assert_string_equal(again.answer, second.answer);
	assert_int_equal(tb_outbox_depth(f->bridge.outbox), 2);
	assert_non_null(strstr(f->events, "\"depth\":1"));
	link_is(true);
	assert_int_equal(flying(), 1);
	assert_string_equal(sale_of(nth_flying(0)), "S1");
	answer(nth_flying(0), POSTED);
	assert_string_equal(sale_of(nth_flying(0)), "S2");
	answer(nth_flying(0), POSTED);
	assert_int_equal(tb_outbox_depth(f->bridge.outbox), 0);
	assert_non_null(strstr(f->events, "\"depth\":0"));
}

/* Entries that were not sent before their tills were told are given time like any other. */
static void
test_told_before_it_went(void **state)
{
	struct tb_request tills[2 * TB_OUTBOX_LANES] = {};
	char sale[8];

	for (unsigned i = 0; i < ARRAY_SIZE(tills); i++) {
		snprintf(sale, sizeof(sale), "S%u", i);
		post(&tills[i], sale, NULL);
	}
	assert_int_equal(flying(), TB_OUTBOX_LANES);
	while (flying() > 0)
		lose(nth_flying(0), true);
	for (unsigned i = 0; i < ARRAY_SIZE(tills); i++)
		assert_string_equal(answer_member(&tills[i], "state"), "queued");
	advance_ms(60000);
	while (flying() > 0)
		lose(nth_flying(0), true);
	link_is(true);
	assert_int_equal(flying(), TB_OUTBOX_LANES);
	for (unsigned i = 0; i < ARRAY_SIZE(tills); i++) {
		assert_true(nth_flying(0)->deadline_us > tb_loop_now_us(f->bridge.loop));
		answer(nth_flying(0), POSTED);
		request_done(&tills[i]);
	}
	assert_int_equal(tb_outbox_depth(f->bridge.outbox), 0);
}

static void
fill(unsigned n, unsigned accounts)
{
	char sale[32], customer[32];

	for (unsigned i = 0; i < n; i++) {
		_cleanup_request_ struct tb_request till = {};

		snprintf(sale, sizeof(sale), "S%u", i);
		snprintf(customer, sizeof(customer), "c_%u", i % accounts);
		post(&till, sale, customer);
		assert_string_equal(answer_member(&till, "state"), "queued");
	}
}

static void
test_order(void **state)
{
	unsigned seen[7] = {}, n = 0;

	link_is(false);
	fill(70, 7);
	link_is(true);
	while (flying() > 0) {
		/* The last is answered first: order must not come from the server. */
		struct sent *sent = nth_flying(flying() - 1);
		unsigned sale = (unsigned)atoi(sale_of(sent) + 1);

		assert_true(flying() <= TB_OUTBOX_LANES);
		assert_int_equal(seen[sale % 7], sale / 7);
		seen[sale % 7]++;
		n++;
		answer(sent, POSTED);
	}
	assert_int_equal(n, 70);
	assert_int_equal(tb_outbox_depth(f->bridge.outbox), 0);
}

/* What waits is on disk and not in memory. */
static void
test_many(void **state)
{
	unsigned n = 0;

	link_is(false);
	fill(300, 300);
	link_is(true);
	while (flying() > 0) {
		assert_true(f->bridge.outbox->n_ready <= TB_OUTBOX_READY_MAX);
		answer(nth_flying(0), POSTED);
		n++;
	}
	assert_int_equal(n, 300);
}

static void
test_pauses(void **state)
{
	_cleanup_request_ struct tb_request till = {}, retry = {};
	uint64_t most = 1000000;

	post(&till, "S1", NULL);
	for (unsigned i = 0; i < 8; i++) {
		size_t n = f->n_sent;

		lose(nth_flying(0), true);
		assert_int_equal(flying(), 0);
		tb_virtual_loop_advance(f->bridge.loop, most + 2000);
		settle();
		assert_int_equal(f->n_sent, n + 1);
		most = TB_MIN(most * 2, UINT64_C(30000000));
	}
	lose(nth_flying(0), true);
	say(&retry, "outbox.retry", "{}");
	assert_non_null(retry.answer);
	assert_int_equal(flying(), 1);
	lose(nth_flying(0), true);
	link_is(true);
	assert_int_equal(flying(), 1);
	answer(nth_flying(0), POSTED);
	assert_int_equal(on_disk("SELECT count(*) FROM outbox"), 1);
}

/* An answer that may be another one later is waited for, and holds up nobody else. */
static void
test_retryable(void **state)
{
	_cleanup_request_ struct tb_request one = {}, two = {};

	post(&one, "S1", "c_1");
	refuse(nth_flying(0), TB_ERROR_IN_PROGRESS);
	assert_null(one.answer);
	post(&two, "S2", "c_2");
	answer(nth_flying(0), POSTED);
	assert_non_null(two.answer);
	tb_virtual_loop_advance(f->bridge.loop, 1002000);
	settle();
	assert_string_equal(sale_of(nth_flying(0)), "S1");
	answer(nth_flying(0), POSTED);
	assert_string_equal(one.answer, POSTED);
}

static void
test_refused_at_once(void **state)
{
	_cleanup_request_ struct tb_request first = {}, again = {};
	const char *params = "{\"key\":\"k\",\"customer\":\"c_1\",\"card\":\"1\"}";

	say(&first, "card.attach", params);
	refuse(nth_flying(0), TB_ERROR_CONFLICT);
	assert_string_equal(first.error, "conflict");
	assert_int_equal(on_disk("SELECT count(*) FROM outbox"), 0);
	/* A refusal stores no key. */
	say(&again, "card.attach", params);
	answer(nth_flying(0), "{\"customer\":{}}");
	assert_string_equal(again.answer, "{\"customer\":{}}");
}

static void
test_refused_later(void **state)
{
	_cleanup_request_ struct tb_request made = {}, his = {}, list = {}, settled = {},
					    twice = {}, early = {}, again = {};
	char id[64], params[160];

	link_is(false);
	say(&made, "customer.create", "{\"key\":\"k\",\"record\":{\"first_name\":\"Max\"}}");
	assert_string_equal(answer_member(&made, "state"), "queued");
	snprintf(id, sizeof(id), "%s", strstr(made.answer, "\"c_") + 1);
	id[strcspn(id, "\"")] = '\0';
	post(&his, "S1", id);
	say(&early, "outbox.settle", "{\"key\":\"e\",\"id\":\"o_1\",\"reason\":\"no\"}");
	assert_string_equal(early.error, "conflict");
	link_is(true);
	assert_int_equal(flying(), 1);
	assert_non_null(strstr(f->sent[0].params, id));
	refuse(nth_flying(0), TB_ERROR_CONFLICT);
	/* What is his waits for him. */
	assert_int_equal(flying(), 0);
	say(&list, "outbox.list", "{}");
	assert_non_null(strstr(list.answer, "\"id\":\"o_1\",\"method\":\"customer.create\""));
	assert_non_null(strstr(list.answer, "\"state\":\"refused\",\"last_error\":\"conflict\""));
	assert_null(strstr(list.answer, "Max"));
	say(&again, "customer.create", "{\"key\":\"k\",\"record\":{\"first_name\":\"Max\"}}");
	assert_string_equal(again.answer, made.answer);
	stop();
	start();
	assert_int_equal(flying(), 0);
	snprintf(params, sizeof(params),
		"{\"key\":\"s\",\"id\":\"o_1\",\"reason\":\"made by hand\"}");
	say(&settled, "outbox.settle", params);
	assert_non_null(settled.answer);
	say(&twice, "outbox.settle", params);
	assert_string_equal(twice.answer, settled.answer);
	assert_int_equal(on_disk("SELECT reason = 'made by hand' FROM outbox WHERE seq = 1"), 1);
	assert_string_equal(sale_of(nth_flying(0)), "S1");
	answer(nth_flying(0), POSTED);
}

/* A till that is not let in: what is paid waits, what is asked is told; and it is tried again. */
static void
test_barred(void **state)
{
	_cleanup_request_ struct tb_request paid = {}, behind = {}, other = {}, asked = {};
	static const char last[] = "\"depth\":0,\"oldest_s\":0,\"refused\":0\n";
	unsigned tries = 1;

	post(&paid, "S1", "c_1");
	assert_null(paid.answer);
	refuse(nth_flying(0), TB_ERROR_NOT_PERMITTED);
	assert_string_equal(answer_member(&paid, "state"), "queued");
	assert_int_equal(tb_outbox_depth(f->bridge.outbox), 1);
	assert_non_null(strstr(f->events, "\"reason\":\"not_permitted\""));
	/* What stands behind it waits for nothing; what stands before nothing is tried at once. */
	post(&behind, "S2", "c_1");
	assert_string_equal(answer_member(&behind, "state"), "queued");
	assert_int_equal(flying(), 0);
	post(&other, "S3", "c_2");
	assert_string_equal(sale_of(nth_flying(0)), "S3");
	refuse(nth_flying(0), TB_ERROR_NOT_PERMITTED);
	assert_string_equal(answer_member(&other, "state"), "queued");
	say(&asked, "customer.create", "{\"key\":\"c\",\"record\":{\"first_name\":\"Ana\"}}");
	refuse(nth_flying(0), TB_ERROR_NOT_PERMITTED);
	assert_string_equal(asked.error, "not_permitted");
	assert_int_equal(tb_outbox_depth(f->bridge.outbox), 3);
	/* Ten minutes at 30 s at most, 15 s as a rule: one at a time, each in its turn. */
	for (unsigned s = 0; s < 600; s++) {
		advance_ms(1000);
		assert_true(flying() <= 1);
		for (; flying() > 0; tries++)
			refuse(nth_flying(0), TB_ERROR_NOT_PERMITTED);
	}
	assert_in_range(tries, 20, 120);
	assert_int_equal(on_disk("SELECT count(*) FROM outbox WHERE state = 'queued'"
				 " AND last_error = 'not_permitted'"),
		2);
	/* Paired again. */
	tb_outbox_send_again(f->bridge.outbox);
	settle();
	while (flying() > 0)
		answer(nth_flying(0), POSTED);
	advance_ms(1000);
	while (flying() > 0)
		answer(nth_flying(0), POSTED);
	assert_int_equal(tb_outbox_depth(f->bridge.outbox), 0);
	assert_string_equal(f->events + strlen(f->events) - strlen(last), last);
}

/* The card of a sent call. */
static const char *
card_of(const struct sent *sent)
{
	static char text[64];
	json_t *params = json_loads(sent->params, 0, NULL);
	const char *card = json_string_value(json_object_get(params, "card"));

	snprintf(text, sizeof(text), "%s", card ? card : "");
	json_decref(params);
	return text;
}

/* A number that was drawn here and is somebody's already: another one goes with the same key. */
static void
test_drawn_twice(void **state)
{
	static const char taken[] = "{\"errors\":[{\"pointer\":\"/card\",\"code\":\"conflict\"}]}";
	_cleanup_request_ struct tb_request one = {}, own = {};
	char first[64];

	say(&one, "customer.create", "{\"key\":\"c\",\"record\":{},\"draw_card\":true}");
	snprintf(first, sizeof(first), "%s", card_of(nth_flying(0)));
	assert_int_equal(strlen(first), 11);
	refuse_with(nth_flying(0), TB_ERROR_CONFLICT, taken);
	assert_null(one.error);
	advance_ms(1100);
	assert_string_not_equal(card_of(nth_flying(0)), first);
	assert_string_equal(nth_flying(0)->key, "c");
	answer(nth_flying(0), "{\"customer\":{\"id\":\"c_9\"}}");
	assert_non_null(one.answer);
	/* One that the till gave is his to know about. */
	say(&own, "customer.create", "{\"key\":\"d\",\"record\":{},\"card\":\"29001\"}");
	refuse_with(nth_flying(0), TB_ERROR_CONFLICT, taken);
	assert_string_equal(own.error, "conflict");
}

static void
test_crash(void **state)
{
	_cleanup_request_ struct tb_request one = {}, again = {};
	char *params;

	post(&one, "S1", "c_1");
	params = strdup(f->sent[0].params);
	crash();
	start();
	/* Whoever had it when the plug was pulled is told the very same again. */
	assert_int_equal(flying(), 1);
	assert_string_equal(f->sent[0].params, params);
	post(&again, "S1", "c_1");
	assert_null(again.error);
	answer(nth_flying(0), POSTED);
	assert_string_equal(again.answer, POSTED);
	free(params);
}

/* Where saying it twice is no good the server is asked first. */
static void
test_unkeyed(void **state)
{
	_cleanup_request_ struct tb_request one = {}, two = {}, card = {}, list = {};

	post(&one, "S1", "c_1");
	assert_int_equal(on_disk("SELECT count(*) FROM outbox WHERE state = 'sending'"), 1);
	crash();
	start();
	assert_int_equal(nth_flying(0)->op, TB_OP_PASSAGE_SHOW);
	answer(nth_flying(0), "{\"passage\":\"p_9\",\"state\":\"posted\"}");
	assert_int_equal(flying(), 0);
	post(&two, "S2", "c_1");
	lose(nth_flying(0), false);
	link_is(true);
	assert_int_equal(nth_flying(0)->op, TB_OP_PASSAGE_SHOW);
	refuse(nth_flying(0), TB_ERROR_PASSAGE_UNKNOWN);
	assert_int_equal(nth_flying(0)->op, TB_OP_PASSAGE_POST);
	answer(nth_flying(0), POSTED);
	/* What cannot be asked about is a person's. */
	say(&card, "card.attach", "{\"key\":\"k\",\"customer\":\"c_1\",\"card\":\"1\"}");
	lose(nth_flying(0), false);
	link_is(true);
	assert_int_equal(flying(), 0);
	say(&list, "outbox.list", "{\"state\":\"unknown\"}");
	assert_non_null(strstr(list.answer, "card.attach"));
}

static void
test_polite(void **state)
{
	_cleanup_request_ struct tb_request till = {};

	link_is(false);
	fill(20, 20);
	f->busy = true;
	link_is(true);
	assert_int_equal(flying(), 1);
	tb_virtual_loop_advance(f->bridge.loop, 5000);
	answer(nth_flying(0), POSTED);
	/* A till that waits goes at once, what waited does not. */
	assert_int_equal(flying(), 0);
	post(&till, "LIVE", NULL);
	assert_string_equal(sale_of(nth_flying(0)), "LIVE");
	answer(nth_flying(0), POSTED);
	assert_string_equal(till.answer, POSTED);
	f->busy = false;
	advance_ms(500);
	assert_int_equal(flying(), TB_OUTBOX_LANES);
	while (flying() > 0)
		answer(nth_flying(0), POSTED);
	assert_int_equal(tb_outbox_depth(f->bridge.outbox), 0);
}

static void
test_kept(void **state)
{
	_cleanup_request_ struct tb_request one = {}, again = {}, other = {};

	post(&one, "S1", "c_1");
	answer(nth_flying(0), POSTED);
	for (unsigned day = 0; day < 89; day++)
		advance_ms(UINT64_C(86400000));
	post(&again, "S1", "c_1");
	assert_string_equal(again.answer, POSTED);
	for (unsigned day = 0; day < 4; day++)
		advance_ms(UINT64_C(86400000));
	post(&other, "S2", "c_1");
	answer(nth_flying(0), POSTED);
	advance_ms(1000);
	assert_int_equal(on_disk("SELECT count(*) FROM outbox WHERE sale = 'S1'"), 0);
}

/* A clock that is a year ahead for a moment throws nothing away. */
static void
test_a_clock_that_is_set(void **state)
{
	_cleanup_request_ struct tb_request one = {}, again = {};
	int64_t year_us = 366 * INT64_C(86400) * 1000000;

	post(&one, "S1", "c_1");
	answer(nth_flying(0), POSTED);
	advance_ms(3600000);
	tb_virtual_loop_set_wall(f->bridge.loop, tb_loop_wall_us(f->bridge.loop) + year_us);
	advance_ms(3600000);
	tb_virtual_loop_set_wall(f->bridge.loop, tb_loop_wall_us(f->bridge.loop) - year_us);
	post(&again, "S1", "c_1");
	assert_string_equal(again.answer, POSTED);
}

/* Without a clock ids differ all the same. */
static void
test_ids_without_a_clock(void **state)
{
	char ids[3000][TB_OUTBOX_DRAWN_TEXT];

	tb_virtual_loop_set_wall(f->bridge.loop, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(tb_outbox_draw(f->bridge.loop, 'p', ids[i]), 0);
	qsort(ids, ARRAY_SIZE(ids), sizeof(ids[0]),
		(int (*)(const void *, const void *))(void (*)(void))strcmp);
	for (size_t i = 1; i < ARRAY_SIZE(ids); i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STAGED(test_posted),
		STAGED(test_a_clock_that_is_set),
		STAGED(test_ids_without_a_clock),
		STAGED(test_same_call),
		STAGED(test_deadline),
		STAGED(test_down),
		STAGED(test_told_before_it_went),
		STAGED(test_order),
		STAGED(test_many),
		STAGED(test_pauses),
		STAGED(test_retryable),
		STAGED(test_refused_at_once),
		STAGED(test_refused_later),
		STAGED(test_barred),
		STAGED(test_drawn_twice),
		STAGED(test_crash),
		STAGED_UNKEYED(test_unkeyed),
		STAGED(test_polite),
		STAGED(test_kept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
