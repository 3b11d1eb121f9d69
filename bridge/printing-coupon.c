/* SPDX-License-Identifier: MIT */
/*
 * Coupons on their way through the print queue: those a passage earned, those a till asks for, and
 * what the connector is told when one was printed. The account is the connector's and the paper the
 * printer's; each step between them may be said again and is done once.
 */
#include "bridge/printing-parts.h"

#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/timestamp.h"
#include "bridge/conf.h"
#include "bridge/coupon.h"
#include "bridge/devices.h"
#include "bridge/loyalty.h"

/* A connector that could not be told is told again. */
#define TELL_RETRY_US (60 * UINT64_C(1000000))

/* One call of the connector under way. It outlives the queue when that is freed first. */
struct tb_asked {
	struct tb_list node;
	struct tb_printing *printing; /* NULL once the queue is gone */
	int64_t seq;                  /* coupon.printed: the job's */
	/* print.coupon: */
	struct tb_request *request;
	struct tb_print_key key;
	char *printer;
	json_t *coupon; /* as coupon.check answered */
};

static void
asked_free(struct tb_asked *asked)
{
	tb_list_remove(&asked->node);
	json_decref(asked->coupon);
	free(asked->printer);
	free(asked);
}

static struct tb_asked *
asked_new(struct tb_printing *printing)
{
	struct tb_asked *asked = calloc(1, sizeof(*asked));

	if (!asked)
		return NULL;
	asked->printing = printing;
	tb_list_append(&printing->asked, &asked->node);
	return asked;
}

void
tb_printing_coupon_stop(struct tb_printing *printing)
{
	struct tb_asked *asked, *tmp;

	tb_list_for_each_safe(asked, tmp, &printing->asked, node) {
		asked->printing = NULL;
		tb_list_remove(&asked->node);
	}
}

/* Calls the connector with one parameter. */
static void
ask(struct tb_printing *printing, enum tb_op op, const char *name, const char *value,
	tb_done_fn done, struct tb_asked *asked)
{
	json_t *params = json_pack("{s:s}", name, value);

	if (params)
		tb_loyalty_call(printing->bridge->loyalty, op, params, done, asked);
	else
		done(&(struct tb_answer){.error = TB_ERROR_INTERNAL}, asked);
	json_decref(params);
}

/* The facts of a coupon as they are kept in its job. */
static char *
write_body(const json_t *coupon, const char *first_name, bool printed)
{
	static const char *const names[] = {"code", "title", "valid_to"};
	json_t *body = json_object();
	char *text = NULL;
	int r = body ? 0 : -1;

	for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++) {
		json_t *value = json_object_get(coupon, names[i]);

		if (value)
			r = json_object_set(body, names[i], value);
	}
	if (r == 0 && first_name)
		r = json_object_set_new(body, "first_name", json_string(first_name));
	if (r == 0 && printed)
		r = json_object_set_new(body, "printed", json_true());
	if (r == 0)
		text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return text;
}

int
tb_printing_coupon_document(struct tb_printing *printing, const uint8_t *body, size_t len,
	bool reprint, struct tb_document **ret)
{
	json_t *json = json_loadb((const char *)body, len, 0, NULL);
	const struct tb_conf *conf = printing->bridge->conf;
	struct tb_coupon coupon = {
		.code = json_string_value(json_object_get(json, "code")),
		.title = json_string_value(json_object_get(json, "title")),
		.valid_to = json_string_value(json_object_get(json, "valid_to")),
		.first_name = json_string_value(json_object_get(json, "first_name")),
		.language = conf->language,
		/* A site that nobody named is no shop's name. */
		.shop = strcmp(conf->site, "shop") != 0 ? conf->site : NULL,
		.reprint = reprint || json_is_true(json_object_get(json, "printed")),
	};
	int r = -EINVAL;

	if (coupon.code && coupon.title)
		r = tb_coupon_document(&coupon, ret);
	json_decref(json);
	return r;
}

static int
add_coupon(struct tb_printing *printing, const char *printer, const json_t *coupon,
	const char *first_name, bool printed, char *id_out)
{
	_cleanup_free_ char *body = write_body(coupon, first_name, printed);
	struct tb_print_order order = {
		.printer = printer,
		.kind = TB_PRINT_COUPON,
		.body = body,
		.len = body ? strlen(body) : 0,
		.coupon = json_string_value(json_object_get(coupon, "code")),
	};

	if (!body)
		return -ENOMEM;
	if (!order.coupon || !json_is_string(json_object_get(coupon, "title")))
		return -EINVAL;
	return tb_printing_add(printing, &order, id_out);
}

/* Adds the job and its key; without a printer the key alone, with an empty answer, so that a
 * printer plugged in tomorrow does not spit out what nobody waits for. */
static int
add_earned(struct tb_printing *printing, const struct tb_print_key *key, const json_t *coupon,
	const char *customer, char *id_out)
{
	const struct tb_driver *driver;
	const struct tb_device_config *config;
	const char *printer = tb_devices_printer(printing->bridge->devices, NULL, &driver, &config);
	int r = printer ? add_coupon(printing, printer, coupon, customer, false, id_out) : 0;

	if (r < 0)
		return r;
	r = tb_print_journal_add_key(printing->journal, key, id_out, strlen(id_out));
	if (r < 0)
		tb_state_doom(printing->bridge->state, r);
	return r < 0 ? r : printer ? 0 : -ENODEV;
}

/* The key of a coupon's own job, in a space that no till has. text_out is to be freed. */
static int
earned_key(const char *code, char **text_out, struct tb_print_key *ret)
{
	if (asprintf(text_out, "coupon:%s", code) < 0) {
		*text_out = NULL;
		return -ENOMEM;
	}
	*ret = (struct tb_print_key){.site = "", .till = "", .key = *text_out};
	return 0;
}

int
tb_printing_coupon(
	struct tb_printing *printing, const json_t *coupon, const char *customer, char **ret_job)
{
	const char *code = json_string_value(json_object_get(coupon, "code"));
	_cleanup_free_ char *text = NULL, *job = NULL;
	char id[TB_JOB_ID_SIZE] = "";
	struct tb_print_key key;
	int r;

	if (!code)
		return -EINVAL;
	/* The bridge is ending: whether there is a printer is not known any more, and the next
	 * start asks for what was earned. */
	if (!printing->bridge->devices)
		return -ECANCELED;
	r = earned_key(code, &text, &key);
	if (r < 0)
		return r;
	r = tb_print_journal_key(printing->journal, &key, &job);
	if (r > 0 && !job[0])
		return -ENODEV;
	if (r == 0) {
		r = add_earned(printing, &key, coupon, customer, id);
		if (r == 0)
			job = strdup(id);
		if (r == 0 && !job)
			r = -ENOMEM;
	}
	if (r < 0)
		return r;
	*ret_job = TAKE_PTR(job);
	return 0;
}

/* The last step of print.coupon: everything is known. */
static void
print_asked(struct tb_asked *asked, const char *first_name)
{
	struct tb_printing *printing = asked->printing;
	_cleanup_free_ char *json = NULL;
	char id[TB_JOB_ID_SIZE];
	int n, r;

	/* The same call may have come again while the connector was asked. */
	if (tb_print_key_begin(printing, asked->request, "print.coupon", &asked->key))
		return;
	r = add_coupon(printing, asked->printer, asked->coupon, first_name,
		json_object_get(asked->coupon, "printed_at") != NULL, id);
	if (r < 0) {
		tb_print_fail(asked->request, r);
		return;
	}
	n = asprintf(&json, "{\"job\":\"%s\"}", id);
	if (n < 0) {
		json = NULL;
		tb_state_doom(printing->bridge->state, -ENOMEM);
		tb_print_fail(asked->request, -ENOMEM);
		return;
	}
	tb_print_key_answer(printing, asked->request, &asked->key, json, (size_t)n);
}

static void
on_customer(const struct tb_answer *answer, void *userdata)
{
	struct tb_asked *asked = userdata;
	json_t *json = NULL;

	if (!asked->printing) {
		tb_request_fail(asked->request, TB_ERROR_SERVER_UNREACHABLE, NULL);
	} else {
		/* A name that cannot be had is no reason to keep the coupon back. */
		if (answer->error == TB_OK)
			json = json_loadb(answer->json, answer->len, 0, NULL);
		print_asked(asked, json_string_value(json_object_get(
					   json_object_get(json, "customer"), "first_name")));
	}
	json_decref(json);
	asked_free(asked);
}

static void
on_checked(const struct tb_answer *answer, void *userdata)
{
	struct tb_asked *asked = userdata;
	const char *customer;

	if (answer->error != TB_OK || !asked->printing) {
		tb_request_fail(asked->request,
			answer->error != TB_OK ? answer->error : TB_ERROR_SERVER_UNREACHABLE,
			answer->error != TB_OK ? answer->json : NULL);
		asked_free(asked);
		return;
	}
	asked->coupon = json_loadb(answer->json, answer->len, 0, NULL);
	if (!json_is_string(json_object_get(asked->coupon, "code"))) {
		tb_print_fail(asked->request, -EIO);
		asked_free(asked);
		return;
	}
	customer = json_string_value(json_object_get(asked->coupon, "customer"));
	if (customer) {
		ask(asked->printing, TB_OP_CUSTOMER_LOOKUP, "id", customer, on_customer, asked);
		return;
	}
	print_asked(asked, NULL);
	asked_free(asked);
}

void
tb_printing_coupon_call(struct tb_printing *printing, struct tb_request *request)
{
	json_t *params = tb_request_params(request);
	struct tb_print_choice choice;
	struct tb_print_key key;
	struct tb_asked *asked;

	if (tb_print_key_begin(printing, request, "print.coupon", &key) ||
		!tb_print_choose(request, &choice))
		return;
	asked = asked_new(printing);
	if (asked)
		asked->printer = strdup(choice.name);
	if (!asked || !asked->printer) {
		if (asked)
			asked_free(asked);
		tb_print_fail(request, -ENOMEM);
		return;
	}
	asked->request = request;
	ask(printing, TB_OP_COUPON_CHECK, "code",
		json_string_value(json_object_get(params, "code")), on_checked, asked);
}

static void
on_told(const struct tb_answer *answer, void *userdata)
{
	struct tb_asked *asked = userdata;
	struct tb_printing *printing = asked->printing;
	int r = 0;

	if (printing) {
		printing->telling = false;
		if (answer->error == TB_OK || !tb_error_retryable(answer->error))
			r = tb_print_journal_told(printing->journal, asked->seq);
		else
			r = -EAGAIN;
		if (r < 0)
			printing->told_retry_us = tb_loop_now_us(printing->bridge->loop) +
			                          TELL_RETRY_US;
		(void)tb_source_arm(printing->pump);
	}
	asked_free(asked);
}

static void
tell_next(struct tb_printing *printing)
{
	struct tb_asked *asked;
	struct tb_print_row row;
	int r = tb_print_journal_untold(printing->journal, 0, &row);

	if (r == 0)
		printing->told_idle = true;
	if (r <= 0)
		return;
	asked = asked_new(printing);
	if (asked) {
		asked->seq = row.seq;
		printing->telling = true;
		printing->told_retry_us = 0;
		ask(printing, TB_OP_COUPON_PRINTED, "code", row.coupon, on_told, asked);
	}
	tb_print_row_done(&row);
}

/* ---- coupons of which a crash left the account and not the job ---- */

static void
print_earned(struct tb_asked *asked, const char *first_name)
{
	_cleanup_free_ char *job = NULL;
	int r = tb_printing_coupon(asked->printing, asked->coupon, first_name, &job);

	if (r < 0 && r != -ENODEV)
		tb_log_warning("an earned coupon is not queued: %s", strerror(-r));
}

static void
on_earner(const struct tb_answer *answer, void *userdata)
{
	struct tb_asked *asked = userdata;
	json_t *json = NULL;

	if (answer->error == TB_OK)
		json = json_loadb(answer->json, answer->len, 0, NULL);
	if (asked->printing)
		print_earned(asked, json_string_value(json_object_get(
					    json_object_get(json, "customer"), "first_name")));
	json_decref(json);
	asked_free(asked);
}

/* Each has one key: one that had its job, or was earned where no printer was, gets none. */
static void
queue_unprinted(struct tb_printing *printing, json_t *coupon)
{
	const char *code = json_string_value(json_object_get(coupon, "code"));
	const char *customer = json_string_value(json_object_get(coupon, "customer"));
	_cleanup_free_ char *text = NULL, *job = NULL;
	struct tb_print_key key;
	struct tb_asked *asked;

	if (!code || earned_key(code, &text, &key) < 0 ||
		tb_print_journal_key(printing->journal, &key, &job) != 0)
		return;
	asked = asked_new(printing);
	if (!asked)
		return;
	asked->coupon = json_incref(coupon);
	if (customer) {
		ask(printing, TB_OP_CUSTOMER_LOOKUP, "id", customer, on_earner, asked);
		return;
	}
	print_earned(asked, NULL);
	asked_free(asked);
}

static void
on_unprinted(const struct tb_answer *answer, void *userdata)
{
	struct tb_asked *asked = userdata;
	json_t *json = NULL, *coupon;
	size_t i;

	if (asked->printing && answer->error == TB_OK)
		json = json_loadb(answer->json, answer->len, 0, NULL);
	json_array_foreach(json_object_get(json, "coupons"), i, coupon)
		queue_unprinted(asked->printing, coupon);
	if (asked->printing)
		asked->printing->unprinted_asked = answer->error == TB_OK ||
		                                   !tb_error_retryable(answer->error);
	json_decref(json);
	asked_free(asked);
}

static void
ask_unprinted(struct tb_printing *printing)
{
	int64_t since_us = tb_loop_wall_us(printing->bridge->loop) - TB_USEC_PER_DAY;
	struct tb_asked *asked = asked_new(printing);
	char since[TB_TIME_TEXT];

	if (!asked)
		return;
	printing->unprinted_asked = true;
	tb_time_format(since_us, 0, since);
	ask(printing, TB_OP_COUPON_UNPRINTED, "since", since, on_unprinted, asked);
}

/* What could not be asked or told goes now. */
void
tb_printing_link_up(struct tb_printing *printing)
{
	printing->told_retry_us = 0;
	(void)tb_source_arm(printing->pump);
}

void
tb_printing_tell(struct tb_printing *printing)
{
	const struct tb_driver *driver;
	const struct tb_device_config *config;

	/* Not before there is a printer: one that udev has not found yet is no reason to give up.
	 */
	if (!printing->unprinted_asked &&
		tb_devices_printer(printing->bridge->devices, NULL, &driver, &config))
		ask_unprinted(printing);
	if (!printing->telling && !printing->told_idle &&
		printing->told_retry_us <= tb_loop_now_us(printing->bridge->loop))
		tell_next(printing);
}
