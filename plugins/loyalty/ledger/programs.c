/* SPDX-License-Identifier: MIT */
/* Program versions: loading, the few kept parsed, program.show and program.replace. */

#include "plugins/loyalty/ledger/programs.h"

#include <stdio.h>
#include <string.h>
#include "plugins/loyalty/ledger/account.h"
#include "plugins/loyalty/ledger/gone.h"
#include "plugins/loyalty/shapes/json.h"

#define PARSED_MAX 4 /* old versions kept parsed beside the current one */

struct tb_programs {
	struct tb_program_version *items; /* by version; the last is in force */
	size_t count;
	uint64_t clock;
};

static void
unload(struct tb_program_version *v)
{
	for (size_t i = 0; v->rewards && i < v->program->n_rewards; i++)
		free(v->rewards[i]);
	free(v->rewards);
	tb_program_freep(&v->program);
	json_decref(v->json);
	v->rewards = NULL;
	v->program = NULL;
	v->json = NULL;
}

static void
forget_all(struct tb_programs *p)
{
	for (size_t i = 0; i < p->count; i++)
		unload(&p->items[i]);
	free(p->items);
	p->items = NULL;
	p->count = 0;
}

void
tb_programs_free(struct tb_ledger *ledger)
{
	if (!ledger->programs)
		return;
	forget_all(ledger->programs);
	free(ledger->programs);
	ledger->programs = NULL;
}

/* ---- parsing ------------------------------------------------------------------------------ */

static const char *
kind_word(enum tb_reward_kind kind)
{
	static const char *const words[] = {"article", "amount", "percent", "cashback", "gift"};

	return words[kind];
}

/* A reward as a look-up shows it when it can be used. */
static char *
reward_text(const struct tb_reward *reward)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_string(&w, "id", reward->id);
	tb_jsonw_string(&w, "kind", kind_word(reward->kind));
	tb_jsonw_string(&w, "title", reward->title);
	tb_jsonw_bool(&w, "applicable", true);
	/* An every-N reward is usable only when it is reached, and then it is offered. */
	tb_jsonw_bool(&w, "auto", reward->every_n > 0);
	tb_jsonw_int(&w, "cost_points", reward->cost_points);
	if (reward->value)
		tb_jsonw_int(&w, "value", reward->value);
	if (reward->bp)
		tb_jsonw_int(&w, "bp", reward->bp);
	if (reward->min_ticket)
		tb_jsonw_int(&w, "min_ticket", reward->min_ticket);
	tb_jsonw_string(&w, "till_reference", reward->till_reference);
	tb_jsonw_end_object(&w);
	return tb_buf_take(&buf);
}

static int
make_ready(struct tb_program_version *v)
{
	const struct tb_program *p = v->program;

	v->rewards = calloc(p->n_rewards + 1, sizeof(*v->rewards));
	if (!v->rewards)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_rewards; i++) {
		v->rewards[i] = reward_text(&p->rewards[i]);
		if (!v->rewards[i])
			return -ENOMEM;
		v->has_every_n |= p->rewards[i].every_n > 0;
		v->has_welcome |= p->rewards[i].welcome;
	}
	for (size_t i = 0; i < p->n_coupons; i++) {
		v->has_dated_coupons |= p->coupons[i].on == TB_COUPON_BEFORE_BIRTHDAY ||
		                        p->coupons[i].on == TB_COUPON_UNSEEN;
		v->has_every_n_coupons |= p->coupons[i].on == TB_COUPON_EVERY_N;
	}
	return 0;
}

/* Parses text into v. A stored program has been checked when it was taken. */
static int
parse(struct tb_program_version *v, const char *text, size_t len)
{
	_cleanup_faults_ struct tb_faults faults = {};
	int r;

	v->json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (!v->json)
		return -EBADMSG;
	r = tb_program_from_json(v->json, NULL, "", &v->program, &faults);
	if (r >= 0)
		r = make_ready(v);
	if (r < 0)
		unload(v);
	return r == -EINVAL ? -EBADMSG : r;
}

static int
parse_version(struct tb_store *store, struct tb_program_version *v)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	const char *text;
	size_t len;
	int r;

	r = tb_store_get(
		store, &rows, "SELECT program FROM programs WHERE version = ?1", V_INT(v->version));
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	text = tb_rows_text_n(rows, 0, &len);
	return parse(v, text, len);
}

/* The time zone a shop of that country most likely keeps, until a program says so. */
static const char *
zone_of(const char *country)
{
	static const char *const zones[][2] = {{"AT", "Europe/Vienna"}, {"BE", "Europe/Brussels"},
		{"CH", "Europe/Zurich"}, {"DE", "Europe/Berlin"}, {"FR", "Europe/Paris"},
		{"IT", "Europe/Rome"}, {"LU", "Europe/Luxembourg"}};

	for (size_t i = 0; country && i < ARRAY_SIZE(zones); i++)
		if (strcmp(zones[i][0], country) == 0)
			return zones[i][1];
	return "Etc/UTC";
}

static int
no_program(const struct tb_host *host, struct tb_program_version *v)
{
	char text[160];
	int n = snprintf(text, sizeof(text),
		"{\"currency\":\"%.8s\",\"time_zone\":\"%s\",\"earning\":{}}", host->currency,
		zone_of(host->country));

	return parse(v, text, (size_t)n);
}

/* ---- versions ----------------------------------------------------------------------------- */

static int
append(struct tb_programs *p, int64_t version, int64_t from_at)
{
	struct tb_program_version *items = reallocarray(p->items, p->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	p->items = items;
	items[p->count++] = (struct tb_program_version){.version = version, .from_at = from_at};
	return 0;
}

int
tb_programs_reload(struct tb_ledger *ledger)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	struct tb_programs *p = ledger->programs;
	int r;

	forget_all(p);
	r = tb_store_get(
		ledger->store, &rows, "SELECT version, from_at FROM programs ORDER BY version");
	for (; r > 0; r = tb_rows_next(rows)) {
		int e = append(p, tb_rows_int(rows, 0), tb_rows_int(rows, 1));

		if (e < 0)
			return e;
	}
	tb_rows_donep(&rows);
	if (r < 0)
		return r;
	if (p->count > 0)
		return parse_version(ledger->store, &p->items[p->count - 1]);
	r = append(p, 0, 0);
	return r < 0 ? r : no_program(ledger->host, &p->items[0]);
}

int
tb_programs_load(struct tb_ledger *ledger, char **ret_why)
{
	const char *currency;
	int r;

	ledger->programs = calloc(1, sizeof(*ledger->programs));
	if (!ledger->programs)
		return -ENOMEM;
	r = tb_programs_reload(ledger);
	if (r < 0)
		return r;
	currency = tb_program_now(ledger)->program->currency;
	if (strcmp(currency, ledger->host->currency) == 0)
		return 0;
	if (asprintf(ret_why,
		    "the ledger in %s keeps its accounts in %s, but the bridge is configured for "
		    "%s:"
		    " set currency = %s, or give the bridge another state directory.",
		    ledger->host->state_dir, currency, ledger->host->currency, currency) < 0)
		*ret_why = NULL;
	return -EINVAL;
}

const struct tb_program_version *
tb_program_now(const struct tb_ledger *ledger)
{
	return &ledger->programs->items[ledger->programs->count - 1];
}

/* Parses v if need be, and forgets the one not asked for longest. */
static int
ready(struct tb_operation *op, struct tb_program_version *v, const struct tb_program_version **ret)
{
	struct tb_programs *p = op->ledger->programs;
	struct tb_program_version *oldest = NULL;
	size_t parsed = 0;

	v->used = ++p->clock;
	*ret = v;
	if (v->program)
		return 0;
	for (size_t i = 0; i + 1 < p->count; i++) {
		if (!p->items[i].program)
			continue;
		parsed++;
		if (!oldest || p->items[i].used < oldest->used)
			oldest = &p->items[i];
	}
	if (parsed >= PARSED_MAX)
		unload(oldest);
	return parse_version(op->store, v);
}

int
tb_program_at(struct tb_operation *op, int64_t at, const struct tb_program_version **ret)
{
	struct tb_programs *p = op->ledger->programs;
	size_t i = p->count - 1;

	/* Before the first came into force the first judges. Of two that came into force at the
	 * same time, or under a clock that went back, the later said wins. */
	while (i > 0 && p->items[i].from_at > at)
		i--;
	return ready(op, &p->items[i], ret);
}

int
tb_program_of(struct tb_operation *op, int64_t version, const struct tb_program_version **ret)
{
	struct tb_programs *p = op->ledger->programs;

	for (size_t i = p->count; i-- > 0;)
		if (p->items[i].version == version)
			return ready(op, &p->items[i], ret);
	/* A passage from before any program was there: version 0 was the empty one. */
	return ready(op, &p->items[0], ret);
}

const struct tb_zone *
tb_shop_zone(const struct tb_ledger *ledger)
{
	return tb_program_now(ledger)->program->zone;
}

int64_t
tb_shop_day(const struct tb_ledger *ledger, int64_t at)
{
	return tb_date_to_days(tb_zone_date(tb_shop_zone(ledger), at, NULL));
}

/* ---- program.show, program.replace -------------------------------------------------------- */

int
tb_program_show(struct tb_operation *op)
{
	const struct tb_program_version *v = tb_program_now(op->ledger);
	_cleanup_free_ char *text = tb_json_text(v->json);
	struct tb_jsonw w = TB_JSONW(op->out);

	if (!text)
		return -ENOMEM;
	tb_jsonw_object(&w, NULL);
	tb_jsonw_raw(&w, "program", text, strlen(text));
	tb_jsonw_int(&w, "version", v->version);
	tb_jsonw_end_object(&w);
	return 0;
}

/* Bytes of programs in one answer; the newest is in it whatever its size. */
#define VERSIONS_BYTES (512 << 10)
#define VERSIONS_MAX 8

int
tb_program_versions(struct tb_operation *op)
{
	_cleanup_rows_ struct tb_rows *rows = NULL;
	int64_t known = tb_param_int(op, "known", 0);
	int64_t newest = tb_program_now(op->ledger)->version;
	struct tb_jsonw w = TB_JSONW(op->out);
	bool any = false;
	int r;

	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "versions");
	r = tb_store_get(op->store, &rows,
		"SELECT version, from_at, program FROM programs WHERE version > ?1"
		" ORDER BY version DESC LIMIT ?2",
		V_INT(known > newest ? 0 : known), V_INT(VERSIONS_MAX));
	for (; r > 0; r = tb_rows_next(rows)) {
		size_t len;
		const char *text = tb_rows_text_n(rows, 2, &len);

		if (any && op->out->len + len > VERSIONS_BYTES)
			break;
		any = true;
		tb_jsonw_object(&w, NULL);
		tb_jsonw_int(&w, "version", tb_rows_int(rows, 0));
		tb_time_write(op, &w, "from_at", tb_rows_int(rows, 1));
		tb_jsonw_raw(&w, "program", text, len);
		tb_jsonw_end_object(&w);
	}
	tb_jsonw_end_array(&w);
	tb_jsonw_int(&w, "version", newest);
	tb_jsonw_int(&w, "articles", op->ledger->articles_at);
	if (r >= 0)
		r = tb_gone_write(op, &w, tb_param_int(op, "gone", 0));
	tb_jsonw_end_object(&w);
	return r < 0 ? r : 0;
}

int
tb_program_replace(struct tb_operation *op)
{
	struct tb_programs *p = op->ledger->programs;
	_cleanup_faults_ struct tb_faults faults = {};
	_cleanup_(tb_program_freep) struct tb_program *program = NULL;
	_cleanup_free_ char *text = NULL;
	struct tb_jsonw w = TB_JSONW(op->out);
	int64_t version = p->items[p->count - 1].version + 1;
	json_t *json = tb_param(op, "program");
	int r;

	r = tb_program_from_json(json, op->ledger->host->currency, "/program", &program, &faults);
	if (r == -EINVAL)
		return tb_refuse_faults(op, &faults);
	if (r < 0)
		return r;
	text = tb_json_text(json);
	if (!text)
		return -ENOMEM;
	r = tb_store_run(op->store,
		"INSERT INTO programs(version, from_at, by, program) VALUES(?1, ?2, ?3, ?4)",
		V_INT(version), V_INT(op->now), V_TEXT(tb_op_by(op)), V_TEXT(text));
	if (r < 0)
		return r;
	r = tb_programs_reload(op->ledger);
	if (r < 0)
		return r;
	tb_jsonw_object(&w, NULL);
	tb_jsonw_int(&w, "version", version);
	tb_jsonw_end_object(&w);
	return 0;
}
