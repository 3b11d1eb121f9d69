/* SPDX-License-Identifier: MIT */
/*
 * Holds keys, and lets them go no faster than a keyboard on USB can: a program that reads the
 * kernel's queue of 64 events must not lose any because a whole code comes in one moment.
 */

#include "hw/drivers/typed-on.h"

#include <string.h>

#define KEYS (KEY_MAX + 1)
/* Events held: a code of 8192 characters with Shift for each. What is more cannot be ours. */
#define HELD_MAX ((size_t)1 << 17)
/* Events that wait to be typed; a scanner that floods loses what is beyond. */
#define QUEUE_MAX ((size_t)1 << 18)
/* Reports typed at once, and the time in which another one may follow: USB's frame. */
#define BURST 8
#define REPORT_US UINT64_C(1000)

struct event {
	uint16_t type, code;
	int32_t value;
};

struct events {
	struct event *items;
	size_t n, size;
};

struct tb_typed_on {
	struct tb_loop *loop;
	tb_type_fn fn;
	void *userdata;
	struct tb_source *timer;
	struct events report, held, queue;
	size_t typed;                    /* of the queue */
	size_t cut;                      /* bytes of the next event that were taken already */
	uint64_t from_us;                /* the reports of BURST may be typed from then on */
	uint8_t down[KEYS / 8 + 1];      /* for the till program, once the queue is typed */
	uint8_t swallowed[KEYS / 8 + 1]; /* it does not know that they are down */
};

static bool
has(const uint8_t *keys, unsigned code)
{
	return code < KEYS && keys[code / 8] >> code % 8 & 1;
}

static void
set(uint8_t *keys, unsigned code, bool on)
{
	uint8_t bit = (uint8_t)(1 << code % 8);

	if (code < KEYS)
		keys[code / 8] = (uint8_t)(on ? keys[code / 8] | bit : keys[code / 8] & ~bit);
}

static void
forget(struct events *events)
{
	if (events->items)
		explicit_bzero(events->items, events->n * sizeof(*events->items));
	events->n = 0;
}

/* Grows by hand: what is moved away from is wiped. */
static bool
append(struct events *events, struct event event)
{
	if (events->n == events->size) {
		size_t size = events->size ? events->size * 2 : 64;
		struct event *items = calloc(size, sizeof(*items));

		if (!items)
			return false;
		if (events->items) {
			memcpy(items, events->items, events->n * sizeof(*items));
			explicit_bzero(events->items, events->n * sizeof(*items));
		}
		free(events->items);
		events->items = items;
		events->size = size;
	}
	events->items[events->n++] = event;
	return true;
}

static void
append_key(struct tb_typed_on *typed, unsigned code, int32_t value)
{
	append(&typed->queue, (struct event){EV_KEY, (uint16_t)code, value});
	append(&typed->queue, (struct event){EV_SYN, SYN_REPORT, 0});
	set(typed->down, code, value != 0);
}

/* Writes one report of the queue; false when the wire takes no more now. */
static bool
type_report(struct tb_typed_on *typed)
{
	bool end = false;

	while (!end && typed->typed < typed->queue.n) {
		const struct event *event = &typed->queue.items[typed->typed];
		struct input_event out = {
			.type = event->type, .code = event->code, .value = event->value};
		ssize_t n = typed->fn((const uint8_t *)&out + typed->cut, sizeof(out) - typed->cut,
			typed->userdata);

		if (n == -EAGAIN)
			return false;
		typed->cut = n > 0 ? (typed->cut + (size_t)n) % sizeof(out) : 0;
		if (typed->cut)
			return false;
		end = event->type == EV_SYN;
		typed->typed++;
	}
	return true;
}

static void
type_queue(struct tb_typed_on *typed)
{
	uint64_t now_us = tb_loop_now_us(typed->loop);

	if (typed->from_us + BURST * REPORT_US < now_us)
		typed->from_us = now_us - BURST * REPORT_US;
	while (typed->typed < typed->queue.n && typed->from_us + REPORT_US <= now_us &&
		type_report(typed))
		typed->from_us += REPORT_US;
	if (typed->typed < typed->queue.n) {
		tb_source_set_timer(typed->timer, TB_MAX(typed->from_us, now_us) + REPORT_US);
		return;
	}
	forget(&typed->queue);
	typed->typed = 0;
	tb_source_set_timer(typed->timer, TB_NEVER);
}

static void
on_timer(void *userdata)
{
	type_queue(userdata);
}

/* Modifiers that went down with a swallowed code and are still held are part of what follows. */
static void
press_modifiers(struct tb_typed_on *typed)
{
	static const uint16_t modifiers[] = {KEY_LEFTSHIFT, KEY_RIGHTSHIFT, KEY_LEFTCTRL,
		KEY_RIGHTCTRL, KEY_LEFTALT, KEY_RIGHTALT, KEY_LEFTMETA, KEY_RIGHTMETA};

	for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++)
		if (has(typed->swallowed, modifiers[i])) {
			set(typed->swallowed, modifiers[i], false);
			append_key(typed, modifiers[i], 1);
		}
}

/* Nothing but keys coming up: their fate was told when they went down. */
static bool
only_releases(const struct events *report)
{
	for (size_t i = 0; i < report->n; i++)
		if (report->items[i].type == EV_KEY && report->items[i].value != 0)
			return false;
	return true;
}

/* What has been typed is taken out of the queue. */
static void
make_room(struct tb_typed_on *typed)
{
	struct events *queue = &typed->queue;

	if (queue->n == 0 || typed->typed < queue->n / 2)
		return;
	memmove(queue->items, queue->items + typed->typed,
		(queue->n - typed->typed) * sizeof(*queue->items));
	queue->n -= typed->typed;
	typed->typed = 0;
}

static void
pass(struct tb_typed_on *typed)
{
	bool any = false; /* in this report */

	if (typed->held.n == 0)
		return;
	make_room(typed);
	if (!only_releases(&typed->held))
		press_modifiers(typed);
	for (size_t i = 0; i < typed->held.n; i++) {
		const struct event *event = &typed->held.items[i];
		bool is_end = event->type == EV_SYN;

		if (event->type == EV_KEY && has(typed->swallowed, event->code)) {
			/* its press was never told, nor the scan code before it */
			if (event->value == 0)
				set(typed->swallowed, event->code, false);
			if (any && typed->queue.items[typed->queue.n - 1].type == EV_MSC)
				typed->queue.n--;
			any = typed->queue.n > 0 &&
			      typed->queue.items[typed->queue.n - 1].type != EV_SYN;
			continue;
		}
		if (is_end && !any)
			continue;
		if (event->type == EV_KEY)
			set(typed->down, event->code, event->value != 0);
		append(&typed->queue, *event);
		any = !is_end;
	}
	forget(&typed->held);
	type_queue(typed);
}

static void
swallow(struct tb_typed_on *typed)
{
	for (size_t i = 0; i < typed->held.n; i++) {
		const struct event *event = &typed->held.items[i];

		if (event->type != EV_KEY)
			continue;
		if (event->value == 0 && has(typed->down, event->code))
			append_key(typed, event->code, 0);
		else
			set(typed->swallowed, event->code, event->value != 0);
	}
	forget(&typed->held);
	type_queue(typed);
}

void
tb_typed_on_settle(struct tb_typed_on *typed, enum tb_verdict verdict)
{
	if (verdict == TB_VERDICT_PASS && typed->queue.n - typed->typed < QUEUE_MAX)
		pass(typed);
	else if (verdict != TB_VERDICT_HOLD)
		swallow(typed);
}

void
tb_typed_on_add(struct tb_typed_on *typed, const struct input_event *event)
{
	append(&typed->report, (struct event){event->type, event->code, event->value});
}

void
tb_typed_on_report(struct tb_typed_on *typed, enum tb_verdict verdict)
{
	bool first = typed->held.n == 0;

	if (typed->report.n == 0 && verdict == TB_VERDICT_HOLD)
		return;
	if (verdict == TB_VERDICT_HOLD &&
		((first && only_releases(&typed->report)) || typed->held.n > HELD_MAX))
		verdict = TB_VERDICT_PASS;
	for (size_t i = 0; i < typed->report.n; i++)
		append(&typed->held, typed->report.items[i]);
	if (typed->report.n > 0)
		append(&typed->held, (struct event){EV_SYN, SYN_REPORT, 0});
	forget(&typed->report);
	tb_typed_on_settle(typed, verdict);
}

void
tb_typed_on_resync(struct tb_typed_on *typed, const uint8_t *keys, size_t n_bytes)
{
	forget(&typed->report);
	swallow(typed);
	for (unsigned code = 0; code < KEYS; code++) {
		bool now = code / 8 < n_bytes && has(keys, code);

		if (!now && has(typed->down, code))
			append_key(typed, code, 0);
		set(typed->swallowed, code, now && !has(typed->down, code));
	}
	type_queue(typed);
}

bool
tb_typed_on_holds(const struct tb_typed_on *typed)
{
	return typed->held.n > 0;
}

int
tb_typed_on_new(struct tb_loop *loop, tb_type_fn fn, void *userdata, struct tb_typed_on **ret)
{
	struct tb_typed_on *typed = calloc(1, sizeof(*typed));
	int r;

	if (!typed)
		return -ENOMEM;
	typed->loop = loop;
	typed->fn = fn;
	typed->userdata = userdata;
	r = tb_loop_add_timer(loop, 100, on_timer, typed, &typed->timer);
	if (r < 0) {
		free(typed);
		return r;
	}
	*ret = typed;
	return 0;
}

void
tb_typed_on_free(struct tb_typed_on *typed)
{
	if (!typed)
		return;
	tb_source_remove(&typed->timer);
	forget(&typed->report);
	forget(&typed->held);
	forget(&typed->queue);
	free(typed->report.items);
	free(typed->held.items);
	free(typed->queue.items);
	free(typed);
}
