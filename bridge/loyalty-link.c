/* SPDX-License-Identifier: MIT */
/*
 * Whether the server is there, and how far its clock is from ours. Every call tells; while it is
 * down a probe asks each second. What follows from it is the outbox's and the offline front's.
 */

#include "bridge/loyalty-parts.h"

#include "base/timestamp.h"
#include "bridge/events.h"
#include "bridge/offline.h"
#include "bridge/outbox.h"
#include "bridge/printing.h"

#define PROBE_US 1000000
#define PROBE_SLACK_US 20000
#define SKEW_KEPT_US (UINT64_C(600) * 1000000) /* clocks drift: then it is measured anew */

static int64_t
skew_ms(const struct tb_link *link)
{
	/* The server tells whole seconds: what may be nothing is said to be nothing. */
	if (!link->skew_since_us || (link->skew_low_us <= 0 && link->skew_high_us >= 0))
		return 0;
	return (link->skew_low_us + (link->skew_high_us - link->skew_low_us) / 2) / 1000;
}

static void
write_members(const struct tb_loyalty *loyalty, struct tb_jsonw *w)
{
	char since[TB_TIME_TEXT];

	if (!loyalty || tb_loyalty_is_local(loyalty))
		tb_jsonw_string(w, "state", "none");
	else
		tb_jsonw_string(w, "state", loyalty->link.up ? "up" : "down");
	if (loyalty) {
		tb_time_format(loyalty->link.since_us, 0, since);
		tb_jsonw_string(w, "since", since);
	}
	tb_jsonw_int(w, "skew_ms", loyalty ? skew_ms(&loyalty->link) : 0);
}

void
tb_loyalty_write_link(const struct tb_loyalty *loyalty, struct tb_jsonw *w)
{
	tb_jsonw_object(w, "link");
	write_members(loyalty, w);
	tb_jsonw_end_object(w);
}

static void
emit(struct tb_loyalty *loyalty)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	write_members(loyalty, &w);
	if (tb_buf_error(&buf) == 0)
		tb_events_emit(loyalty->bridge->events, TB_NOTICE_LINK, NULL, buf.data, buf.len);
}

void
tb_loyalty_link_heard(struct tb_loyalty *loyalty, bool up)
{
	struct tb_link *link = &loyalty->link;
	struct tb_bridge *bridge = loyalty->bridge;
	bool was_known = link->known;

	if (was_known && link->up == up)
		return;
	link->known = true;
	link->falls += !up;
	if (link->up != up) {
		link->up = up;
		link->since_us = tb_loop_wall_us(bridge->loop);
		emit(loyalty);
	}
	(void)tb_source_set_timer(
		link->probe, up ? TB_NEVER : tb_loop_now_us(bridge->loop) + PROBE_US);
	if (bridge->outbox)
		tb_outbox_link(bridge->outbox, up);
	if (up && bridge->offline)
		tb_offline_link_up(bridge->offline);
	if (up && bridge->printing)
		tb_printing_link_up(bridge->printing);
}

void
tb_loyalty_link_changed(const struct tb_host *host, bool up)
{
	tb_loyalty_link_heard(host->userdata, up);
}

void
tb_loyalty_skew_measured(const struct tb_host *host, int64_t low_us, int64_t high_us)
{
	struct tb_loyalty *loyalty = host->userdata;
	struct tb_link *link = &loyalty->link;
	uint64_t now_us = tb_loop_now_us(loyalty->bridge->loop);

	/* Each answer narrows it down; one that contradicts says that a clock was set. */
	if (link->skew_since_us && now_us - link->skew_since_us < SKEW_KEPT_US &&
		TB_MAX(low_us, link->skew_low_us) <= TB_MIN(high_us, link->skew_high_us)) {
		link->skew_low_us = TB_MAX(low_us, link->skew_low_us);
		link->skew_high_us = TB_MIN(high_us, link->skew_high_us);
		return;
	}
	link->skew_low_us = low_us;
	link->skew_high_us = high_us;
	link->skew_since_us = now_us;
}

/* ---- probing ---- */

static void
on_probe(void *userdata)
{
	struct tb_loyalty *loyalty = userdata;
	uint64_t until_us = tb_loop_now_us(loyalty->bridge->loop) + PROBE_US;

	if (loyalty->link.up || !loyalty->state || !loyalty->connector->probe)
		return;
	(void)tb_source_set_timer(loyalty->link.probe, until_us);
	loyalty->connector->probe(loyalty->state, until_us);
}

int
tb_loyalty_link_init(struct tb_loyalty *loyalty)
{
	struct tb_loop *loop = loyalty->bridge->loop;
	int r;

	r = tb_loop_add_timer(loop, PROBE_SLACK_US, on_probe, loyalty, &loyalty->link.probe);
	if (r < 0)
		return r;
	/* The first one at once, so that it is known before a till asks. */
	return tb_source_set_timer(loyalty->link.probe, tb_loop_now_us(loop));
}

void
tb_loyalty_link_done(struct tb_loyalty *loyalty)
{
	tb_source_remove(&loyalty->link.probe);
}
