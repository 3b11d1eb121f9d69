/* SPDX-License-Identifier: MIT */
/*
 * The life of a print job. It is marked touched, that mark is committed, and only then the driver
 * gets it: whatever happens after that, a job that may have been printed is never sent again by
 * itself. A driver that holds a job whose first byte was not taken has to give it back, so that the
 * mark can be taken off and a restart finds it waiting. Documents are read from the journal when
 * their turn comes and dropped when it is over.
 */
#include "bridge/printing-parts.h"

#include <string.h>
#include "base/jsonw.h"
#include "base/log.h"
#include "bridge/events.h"
#include "bridge/rpc/document.h"

/* Between the connector's answers and the journal's commit. */
#define RANK_PUMP (TB_RANK_CONNECTOR + 5)
/* A printer that holds is asked again, should it not say by itself that it is well. */
#define HELD_RETRY_US UINT64_C(3000000)
/* The journal could not be written, the driver was busy, memory was short. */
#define FAULT_RETRY_US UINT64_C(1000000)
#define RETRY_SLACK_US UINT64_C(100000)
/* A drawer that opens when nobody stands there any more is worse than one that does not. */
#define DRAWER_LIFE_US (30 * INT64_C(1000000))
#define PRUNE_EVERY 256

enum phase {
	PHASE_IDLE,
	PHASE_MARKING,  /* marked touched, not committed yet */
	PHASE_HANDED,   /* the driver has it */
	PHASE_STOPPING, /* held before its first byte: the driver was asked to give it back */
	PHASE_LEAVING,  /* ended or given back; the journal does not have it yet */
};

struct printer {
	struct tb_list node;
	struct tb_printing *printing;
	char *name;
	const struct tb_driver *driver;
	struct tb_device *device; /* NULL while it is away */
	int state;                /* enum tb_printer_state as last told, -1: never */
	char reason[TB_JOB_REASON_SIZE];
	bool doubted;      /* held its last job and has not said since that it is well */
	uint64_t retry_us; /* nothing is begun or written again before; 0: at once */

	enum phase phase;
	struct tb_print_row row; /* of the job under way: as it stands or is to stand on disk */
	bool taken;              /* not held before its first byte, as far as the driver says */
	bool quiet;              /* tried again: told only when something comes of it */
	bool stop;               /* to be given back at the end of the turn */
	bool cancel;             /* the till does not want it any more */
	bool unsaved;            /* row is not on disk: to be written again */
	struct tb_document *document;
	uint8_t *raw;
	struct tb_print_job job; /* what the driver sees */
};

/* What is done when a row is on disk. */
struct saved {
	struct tb_printing *printing;
	struct printer *printer; /* that has the job under way, NULL when none has */
	enum phase phase;        /* of its job when the row was written */
	int64_t seq;
	char id[TB_JOB_ID_SIZE];
	char *device;
	enum tb_job_state state;
	char reason[TB_JOB_REASON_SIZE];
	bool tell; /* the state changed */
};

static struct printer *
find_printer(struct tb_printing *printing, const char *name)
{
	struct printer *p;

	tb_list_for_each(p, &printing->printers, node) {
		if (strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

static struct printer *
get_printer(struct tb_printing *printing, const char *name)
{
	struct printer *p = find_printer(printing, name);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (p)
		p->name = strdup(name);
	if (!p || !p->name) {
		free(p);
		tb_log_error("print queue: no memory for a printer");
		return NULL;
	}
	p->printing = printing;
	p->state = -1;
	tb_list_append(&printing->printers, &p->node);
	return p;
}

static void
set_reason(char *out, const char *reason)
{
	size_t len = reason ? strnlen(reason, TB_JOB_REASON_SIZE - 1) : 0;

	if (reason && reason != out)
		memmove(out, reason, len);
	out[len] = '\0';
}

static void
put_off(struct printer *p, uint64_t delay_us)
{
	p->retry_us = tb_loop_now_us(p->printing->bridge->loop) + delay_us;
	(void)tb_source_arm(p->printing->pump);
}

/* Forgets the job under way; the driver is done with its bytes. */
static void
drop_job(struct printer *p)
{
	if (p->row.coupon)
		p->printing->told_idle = false;
	tb_document_free(TAKE_PTR(p->document));
	free(TAKE_PTR(p->raw));
	tb_print_row_done(&p->row);
	p->job = (struct tb_print_job){0};
	p->phase = PHASE_IDLE;
	p->taken = p->quiet = p->stop = p->cancel = p->unsaved = false;
	(void)tb_source_arm(p->printing->pump);
}

static void
emit_job(const struct saved *saved)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(4096);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_string(&w, "id", saved->id);
	tb_jsonw_string(&w, "device", saved->device);
	tb_jsonw_string(&w, "state", tb_job_state_word(saved->state));
	if (saved->reason[0])
		tb_jsonw_string(&w, "reason", saved->reason);
	if (tb_buf_error(&buf) == 0)
		(void)tb_events_emit(
			saved->printing->bridge->events, TB_NOTICE_JOB, NULL, buf.data, buf.len);
}

static void hand_over(struct printer *p);
static void end_job(struct printer *p, enum tb_job_state state, const char *reason);

/* The job's row could not be written. Before it was handed over that is no harm: it waits. */
static void
on_save_failed(struct printer *p)
{
	if (p->phase == PHASE_MARKING)
		drop_job(p);
	else
		p->unsaved = true;
	put_off(p, FAULT_RETRY_US);
}

static void
on_saved(int error, void *userdata)
{
	struct saved *saved = userdata;
	struct printer *p = saved->printer;
	bool ours = p && p->phase != PHASE_IDLE && p->row.seq == saved->seq;
	bool last = ours && p->phase == saved->phase;

	if (error == 0 && saved->tell)
		emit_job(saved);
	if (ours && error < 0)
		on_save_failed(p);
	else if (last && p->phase == PHASE_MARKING)
		hand_over(p);
	else if (last && p->phase == PHASE_LEAVING && p->cancel && !p->row.ended)
		end_job(p, TB_JOB_CANCELLED, NULL);
	else if (last && p->phase == PHASE_LEAVING)
		drop_job(p);
	free(saved->device);
	free(saved);
}

/* Sees to what follows when the turn's transaction is on disk. */
static int
after_commit(
	struct tb_printing *printing, struct printer *p, const struct tb_print_row *row, bool tell)
{
	struct saved *saved = calloc(1, sizeof(*saved));
	int r = -ENOMEM;

	if (saved)
		saved->device = strdup(row->printer);
	if (saved && saved->device) {
		saved->printing = printing;
		saved->printer = p;
		saved->phase = p ? p->phase : PHASE_IDLE;
		saved->seq = row->seq;
		memcpy(saved->id, row->id, sizeof(saved->id));
		saved->state = row->state;
		set_reason(saved->reason, row->reason);
		saved->tell = tell;
		r = tb_state_after_commit(printing->bridge->state, on_saved, saved);
	}
	if (r < 0) {
		if (saved)
			free(saved->device);
		free(saved);
	}
	return r;
}

/* Writes the row in the turn's transaction; what follows is done by on_saved(). */
static int
save_row(struct tb_printing *printing, struct printer *p, const struct tb_print_row *row, bool tell)
{
	int r = tb_print_journal_set(printing->journal, row);

	if (r == 0)
		r = after_commit(printing, p, row, tell);
	if (r < 0)
		tb_log_error(
			"print job %s: its state cannot be written: %s", row->id, strerror(-r));
	return r;
}

/* Gives the job under way a new state. */
static void
change(struct printer *p, enum tb_job_state state, const char *reason)
{
	bool tell = p->row.state != state || strcmp(p->row.reason, reason ? reason : "") != 0;

	p->row.state = state;
	set_reason(p->row.reason, reason);
	if (!tell && p->phase != PHASE_LEAVING)
		return;
	if (save_row(p->printing, p, &p->row, tell) < 0)
		on_save_failed(p);
}

/* It said that it cannot print now. */
static bool
holds(const struct printer *p)
{
	return p->state == TB_PRINTER_PAPER_OUT || p->state == TB_PRINTER_COVER_OPEN ||
	       p->state == TB_PRINTER_OFFLINE;
}

static void
end_job(struct printer *p, enum tb_job_state state, const char *reason)
{
	if (state == TB_JOB_UNKNOWN || state == TB_JOB_FAILED)
		tb_log_warning("print job %s on %s: %s%s%s", p->row.id, p->name,
			tb_job_state_word(state), reason ? ", " : "", reason ? reason : "");
	p->phase = PHASE_LEAVING;
	p->row.ended = true;
	p->retry_us = 0;
	if (state == TB_JOB_SENT || state == TB_JOB_CONFIRMED) {
		p->doubted = false;
		/* It prints, whatever it said last. */
		if (holds(p))
			p->state = -1;
	}
	change(p, state, reason);
	/* In this turn, so that whoever hears of the job finds the coupon printed. */
	if (p->row.coupon && (state == TB_JOB_SENT || state == TB_JOB_CONFIRMED)) {
		p->printing->told_idle = false;
		tb_printing_tell(p->printing);
	}
}

/* Nothing of the job was printed: it waits again, as if it had never been handed over. */
static void
take_back(struct printer *p, enum tb_job_state state, const char *reason, uint64_t delay_us)
{
	p->phase = PHASE_LEAVING;
	p->row.touched = false;
	change(p, state, reason);
	put_off(p, delay_us);
}

static void
hand_over(struct printer *p)
{
	int r;

	if (p->cancel) {
		p->row.touched = false;
		end_job(p, TB_JOB_CANCELLED, NULL);
		return;
	}
	if (!p->device) {
		take_back(p, TB_JOB_HELD, "lost", 0);
		return;
	}
	p->phase = PHASE_HANDED;
	p->taken = true;
	r = p->driver->printer->print(p->device, &p->job);
	if (r == 0)
		return;
	p->taken = false;
	p->row.touched = false;
	if (r == -EINVAL || r == -E2BIG)
		end_job(p, TB_JOB_FAILED, "unprintable");
	else if (r == -EBUSY)
		take_back(p, TB_JOB_QUEUED, NULL, FAULT_RETRY_US);
	else
		take_back(p, TB_JOB_HELD, r == -ENOMEM ? "offline" : "lost", FAULT_RETRY_US);
}

static int
load_document(struct printer *p, const uint8_t *body, size_t len)
{
	json_t *json = json_loadb((const char *)body, len, 0, NULL);
	int r = -EINVAL;

	if (json)
		r = tb_document_from_json(json, "", &p->document, NULL);
	json_decref(json);
	return r;
}

/* The bytes or the document of the job under way. */
static int
load_job(struct printer *p)
{
	_cleanup_free_ uint8_t *body = NULL;
	struct tb_print_row *row = &p->row;
	size_t len;
	int r = tb_print_journal_body(p->printing->journal, row->seq, &body, &len);

	if (r < 0)
		return r;
	if (row->kind == TB_PRINT_COUPON) {
		r = tb_print_journal_was_printed(p->printing->journal, row->coupon, row->seq);
		if (r >= 0)
			r = tb_printing_coupon_document(
				p->printing, body, len, r > 0, &p->document);
	} else if (row->kind == TB_PRINT_RAW) {
		p->raw = TAKE_PTR(body);
	} else {
		r = load_document(p, body, len);
	}
	p->job = (struct tb_print_job){
		.id = row->id, .document = p->document, .raw = p->raw, .raw_len = p->raw ? len : 0};
	return r;
}

/* Takes the row as the job under way, or sees that it never will be. */
static void
begin_job(struct printer *p)
{
	bool tell;
	int r;

	/* A run before this one could not even write what had become of it. */
	if (p->row.touched) {
		end_job(p, TB_JOB_UNKNOWN, "lost");
		return;
	}
	if (p->row.kind == TB_PRINT_DRAWER &&
		tb_loop_wall_us(p->printing->bridge->loop) - p->row.created_us > DRAWER_LIFE_US) {
		end_job(p, TB_JOB_CANCELLED, "expired");
		return;
	}
	r = load_job(p);
	if (r == -EINVAL || r == -E2BIG || r == -ENODATA) {
		end_job(p, TB_JOB_FAILED, "unprintable");
		return;
	}
	if (r < 0) {
		drop_job(p);
		put_off(p, FAULT_RETRY_US);
		return;
	}
	p->phase = PHASE_MARKING;
	p->row.touched = true;
	/* One that is only tried again stays held until its printer takes it. */
	p->quiet = p->row.state == TB_JOB_HELD && (holds(p) || p->doubted);
	tell = !p->quiet;
	if (tell) {
		p->row.state = TB_JOB_PRINTING;
		p->row.reason[0] = '\0';
	}
	if (save_row(p->printing, p, &p->row, tell) < 0)
		on_save_failed(p);
}

static void
begin_next(struct printer *p)
{
	int r = tb_print_journal_next(p->printing->journal, p->name, &p->row);

	if (r < 0)
		put_off(p, FAULT_RETRY_US);
	if (r <= 0)
		return;
	if (holds(p) && p->row.state != TB_JOB_HELD) {
		p->row.state = TB_JOB_HELD;
		set_reason(p->row.reason, tb_printer_state_word((enum tb_printer_state)p->state));
		(void)save_row(p->printing, NULL, &p->row, true);
		tb_print_row_done(&p->row);
		put_off(p, HELD_RETRY_US);
		return;
	}
	begin_job(p);
}

/* Asks the driver for a job that it holds before its first byte. */
static void
stop_job(struct printer *p)
{
	p->stop = false;
	p->phase = PHASE_STOPPING;
	if (p->driver->printer->cancel(p->device) < 0 && p->phase == PHASE_STOPPING)
		p->phase = PHASE_HANDED;
}

static void
pump_printer(struct printer *p, uint64_t now_us)
{
	if (p->stop && p->device && p->phase == PHASE_HANDED && !p->taken)
		stop_job(p);
	if (p->retry_us > now_us)
		return;
	if (p->unsaved) {
		p->unsaved = false;
		if (save_row(p->printing, p, &p->row, true) < 0)
			on_save_failed(p);
	}
	if (p->phase == PHASE_IDLE && p->device)
		begin_next(p);
}

static void
on_pump(void *userdata)
{
	struct tb_printing *printing = userdata;
	uint64_t now_us = tb_loop_now_us(printing->bridge->loop);
	uint64_t next_us = TB_NEVER;
	struct printer *p;

	tb_list_for_each(p, &printing->printers, node) {
		pump_printer(p, now_us);
		if (p->retry_us > now_us && (p->device || p->unsaved))
			next_us = TB_MIN(next_us, p->retry_us);
	}
	tb_printing_tell(printing);
	if (!printing->telling && !printing->told_idle && printing->told_retry_us > now_us)
		next_us = TB_MIN(next_us, printing->told_retry_us);
	(void)tb_source_set_timer(printing->retry, next_us);
}

static void
on_retry(void *userdata)
{
	struct tb_printing *printing = userdata;

	(void)tb_source_arm(printing->pump);
}

static void
on_printer_state(struct printer *p, const struct tb_event *event)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(4096);
	struct tb_jsonw w = TB_JSONW(&buf);

	if (p->state == (int)event->printer &&
		strcmp(p->reason, event->reason ? event->reason : "") == 0)
		return;
	p->state = (int)event->printer;
	set_reason(p->reason, event->reason);
	if (!holds(p) && !p->unsaved) {
		p->doubted = false;
		p->retry_us = 0;
		(void)tb_source_arm(p->printing->pump);
		if (p->phase == PHASE_HANDED && p->quiet && p->taken)
			change(p, TB_JOB_PRINTING, NULL);
		p->quiet = false;
	}
	tb_jsonw_string(&w, "device", p->name);
	tb_jsonw_string(&w, "state", tb_printer_state_word(event->printer));
	if (p->reason[0])
		tb_jsonw_string(&w, "reason", p->reason);
	if (tb_buf_error(&buf) == 0)
		(void)tb_events_emit(
			p->printing->bridge->events, TB_NOTICE_PRINTER, NULL, buf.data, buf.len);
}

static void
on_job(struct printer *p, const struct tb_event *event)
{
	const char *reason = event->reason;

	if ((p->phase != PHASE_HANDED && p->phase != PHASE_STOPPING) ||
		strcmp(p->row.id, event->job.id) != 0)
		return;
	/* Once it goes on, a byte may be taken at any time and need not be told. */
	p->taken = event->job.touched || event->job.state == TB_JOB_PRINTING;
	switch (event->job.state) {
	case TB_JOB_QUEUED:
		break;
	case TB_JOB_PRINTING:
		p->stop = false;
		if (event->job.touched || !p->quiet)
			change(p, TB_JOB_PRINTING, NULL);
		break;
	case TB_JOB_HELD:
		change(p, TB_JOB_HELD, reason);
		p->stop = !p->taken;
		(void)tb_source_arm(p->printing->pump);
		break;
	case TB_JOB_CANCELLED:
		if (p->phase == PHASE_STOPPING && !p->cancel && !p->taken) {
			p->doubted = true;
			take_back(p, TB_JOB_HELD, p->row.reason, HELD_RETRY_US);
			break;
		}
		p->row.touched = p->taken;
		end_job(p, TB_JOB_CANCELLED, reason);
		break;
	case TB_JOB_FAILED:
		p->row.touched = p->taken;
		/* fall through */
	case TB_JOB_SENT:
	case TB_JOB_CONFIRMED:
	case TB_JOB_UNKNOWN:
		end_job(p, event->job.state, reason);
		break;
	}
}

void
tb_printing_event(struct tb_printing *printing, const char *name, const struct tb_event *event)
{
	struct printer *p = get_printer(printing, name);

	if (p && event->kind == TB_EVENT_PRINTER)
		on_printer_state(p, event);
	else if (p && event->kind == TB_EVENT_JOB)
		on_job(p, event);
}

void
tb_printing_device_ready(struct tb_printing *printing, const char *name,
	const struct tb_driver *driver, struct tb_device *device)
{
	struct printer *p = get_printer(printing, name);

	if (!p)
		return;
	p->driver = driver;
	p->device = device;
	p->doubted = false;
	p->retry_us = 0;
	(void)tb_source_arm(printing->pump);
}

void
tb_printing_device_gone(struct tb_printing *printing, const char *name)
{
	struct printer *p = find_printer(printing, name);

	if (!p || !p->device)
		return;
	p->device = NULL;
	p->driver = NULL;
	p->state = -1;
	p->reason[0] = '\0';
	if (p->phase != PHASE_HANDED && p->phase != PHASE_STOPPING)
		return;
	if (p->taken)
		end_job(p, TB_JOB_UNKNOWN, "lost");
	else if (p->cancel)
		end_job(p, TB_JOB_CANCELLED, NULL);
	else
		take_back(p, TB_JOB_HELD, "lost", 0);
}

int
tb_printing_cancel(struct tb_printing *printing, struct tb_print_row *row)
{
	struct printer *p = find_printer(printing, row->printer);

	if (row->ended)
		return 0;
	if (!p || p->phase == PHASE_IDLE || p->row.seq != row->seq) {
		row->state = TB_JOB_CANCELLED;
		row->reason[0] = '\0';
		row->ended = true;
		return save_row(printing, NULL, row, true);
	}
	p->cancel = true;
	if (p->phase != PHASE_HANDED || !p->device)
		return 0;
	p->stop = false;
	return TB_MIN(p->driver->printer->cancel(p->device), 0);
}

int
tb_printing_add(struct tb_printing *printing, const struct tb_print_order *order, char *id_out)
{
	struct tb_print_row row = {.kind = order->kind};
	int r = -ENOMEM;

	row.printer = strdup(order->printer);
	if (order->coupon)
		row.coupon = strdup(order->coupon);
	if (row.printer && (row.coupon || !order->coupon))
		r = tb_print_journal_add(printing->journal, &row, order->body, order->len);
	if (r == 0) {
		r = after_commit(printing, NULL, &row, true);
		if (r < 0)
			tb_state_doom(printing->bridge->state, r);
	}
	if (r == 0) {
		memcpy(id_out, row.id, TB_JOB_ID_SIZE);
		(void)tb_source_arm(printing->pump);
		if (++printing->added % PRUNE_EVERY == 0)
			(void)tb_print_journal_prune(printing->journal);
	}
	tb_print_row_done(&row);
	return r;
}

/* What the run before this one left: waiting jobs wait, those that may have been printed are not
 * known. */
static void
resume(struct tb_printing *printing)
{
	struct tb_print_row row;
	int64_t after = 0;
	int r;

	while ((r = tb_print_journal_pending(printing->journal, after, &row)) > 0) {
		after = row.seq;
		if (row.touched) {
			row.state = TB_JOB_UNKNOWN;
			set_reason(row.reason, "lost");
			row.ended = true;
			(void)save_row(printing, NULL, &row, true);
		} else if (row.state != TB_JOB_QUEUED) {
			row.state = TB_JOB_QUEUED;
			row.reason[0] = '\0';
			(void)save_row(printing, NULL, &row, true);
		}
		tb_print_row_done(&row);
	}
	if (r < 0)
		tb_log_error("print queue: its jobs cannot be read: %s", strerror(-r));
	(void)tb_print_journal_prune(printing->journal);
}

int
tb_printing_new(struct tb_bridge *bridge, struct tb_printing **ret)
{
	struct tb_printing *printing = calloc(1, sizeof(*printing));
	int r;

	if (!printing)
		return -ENOMEM;
	printing->bridge = bridge;
	tb_list_init(&printing->printers);
	tb_list_init(&printing->asked);
	r = tb_print_journal_new(bridge, &printing->journal);
	if (r == 0)
		r = tb_loop_add_turn_end(
			bridge->loop, RANK_PUMP, on_pump, printing, &printing->pump);
	if (r == 0)
		r = tb_loop_add_timer(
			bridge->loop, RETRY_SLACK_US, on_retry, printing, &printing->retry);
	if (r < 0) {
		tb_printing_free(printing);
		return r;
	}
	resume(printing);
	(void)tb_source_arm(printing->pump);
	*ret = printing;
	return 0;
}

void
tb_printing_free(struct tb_printing *printing)
{
	struct printer *p, *tmp;

	if (!printing)
		return;
	/* The devices are closed: nothing is handed over, but what was written is heard of, and a
	 * job that was about to be handed over is written once more. */
	(void)tb_state_flush(printing->bridge->state);
	(void)tb_state_flush(printing->bridge->state);
	tb_printing_coupon_stop(printing);
	tb_source_remove(&printing->pump);
	tb_source_remove(&printing->retry);
	tb_list_for_each_safe(p, tmp, &printing->printers, node) {
		tb_document_free(p->document);
		free(p->raw);
		tb_print_row_done(&p->row);
		free(p->name);
		free(p);
	}
	tb_print_journal_free(printing->journal);
	free(printing);
}
