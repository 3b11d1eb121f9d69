/* SPDX-License-Identifier: MIT */
/*
 * A connection's descriptor and buffers. Events are not copied for each client: each has a place in
 * the ring of those that are kept (events.h), and is dropped when it falls too far behind it.
 */

#include "bridge/rpc/client.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "base/log.h"

#define LINGER_US 5000000               /* for the last line to be taken */
#define DRAIN_MAX ((uint64_t)64 << 20)  /* bytes that are read and thrown away meanwhile */
#define CHUNK ((size_t)64 * 1024)       /* events are put into the output up to this size */
#define KEEP_BUFFER ((size_t)16 * 1024) /* larger ones are freed when they are empty */
#define READY_MANY 8                    /* answers that are worth a write of their own */

static void on_fd(int fd, uint32_t events, void *userdata);

/* The lowest number that no other connection of that name has. */
static unsigned
free_number(const struct tb_rpc *rpc, const char *name)
{
	uint64_t taken[(TB_RPC_CLIENTS_MAX + 63) / 64 + 1] = {};
	struct tb_client *other;
	unsigned i = 0;

	tb_list_for_each(other, &rpc->clients, node) {
		if (strcmp(other->name, name) == 0 && other->number <= TB_RPC_CLIENTS_MAX)
			taken[other->number / 64] |= UINT64_C(1) << (other->number % 64);
	}
	while (taken[i / 64] >> (i % 64) & 1)
		i++;
	return i;
}

static int
name_client(struct tb_client *client, const char *name)
{
	client->name = strdup(name);
	if (!client->name)
		return -ENOMEM;
	client->number = free_number(client->rpc, name);
	if (client->number == 0)
		client->audience = strdup(name);
	else if (asprintf(&client->audience, "%s#%u", name, client->number + 1) < 0)
		client->audience = NULL;
	return client->audience ? 0 : -ENOMEM;
}

static void
client_free(struct tb_client *client)
{
	tb_buf_done(&client->in);
	tb_buf_done(&client->out);
	free(client->marks);
	free(client->audience);
	free(client->name);
	free(client);
}

static int
client_alloc(struct tb_rpc *rpc, int fd, uint32_t events, struct tb_client **ret)
{
	struct tb_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->rpc = rpc;
	client->fd = fd;
	client->id = ++rpc->next_id;
	client->watched = events;
	tb_list_init(&client->node);
	tb_list_init(&client->dirty);
	r = tb_loop_add_fd(rpc->bridge->loop, fd, events, on_fd, client, &client->source);
	if (r < 0) {
		free(client);
		return r;
	}
	*ret = client;
	return 0;
}

int
tb_client_new(struct tb_rpc *rpc, int fd, uint32_t roles, const char *name, struct tb_client **ret)
{
	_cleanup_close_ int owned = fd;
	struct tb_client *client;
	int r = client_alloc(rpc, fd, EPOLLIN, &client);

	if (r < 0)
		return r;
	client->roles = roles;
	r = name_client(client, name);
	if (r < 0) {
		tb_source_remove(&client->source);
		client_free(client);
		return r;
	}
	TAKE_FD(owned);
	tb_list_append(&rpc->clients, &client->node);
	rpc->n_clients++;
	*ret = client;
	return 0;
}

static void
set_watch(struct tb_client *client)
{
	uint32_t events = 0;

	if (!client->blocked &&
		(client->state == TB_CLIENT_OPEN || client->state == TB_CLIENT_LEAVING))
		events |= EPOLLIN;
	if (client->out.len > client->sent)
		events |= EPOLLOUT;
	if (events == client->watched)
		return;
	client->watched = events;
	if (tb_source_set_events(client->source, events) < 0)
		client->fate = TB_FATE_CLOSE;
}

/* The last lines are in the output; nothing else is read, and none of its calls is answered. */
static void
leave(struct tb_client *client)
{
	struct tb_rpc *rpc = client->rpc;

	client->state = TB_CLIENT_LEAVING;
	client->fate = TB_FATE_NONE;
	client->blocked = false;
	client->deadline_us = tb_loop_now_us(rpc->bridge->loop) + LINGER_US;
	tb_buf_done(&client->in);
	tb_list_remove(&client->node);
	tb_list_append(&rpc->leaving, &client->node);
	if (rpc->n_leaving++ == 0)
		tb_source_set_timer(rpc->linger, client->deadline_us);
	tb_rpc_mark(client);
}

int
tb_client_new_leaving(struct tb_rpc *rpc, int fd, const char *line, size_t len)
{
	_cleanup_close_ int owned = fd;
	struct tb_client *client;
	int r = client_alloc(rpc, fd, EPOLLIN, &client);

	if (r < 0)
		return r;
	TAKE_FD(owned);
	tb_buf_add(&client->out, line, len);
	leave(client);
	return 0;
}

/* Takes it from the living: its claims end, its place is free. */
static void
depart(struct tb_client *client)
{
	struct tb_rpc *rpc = client->rpc;

	client->kinds = 0;
	rpc->n_clients--;
	if (rpc->gone)
		rpc->gone(client->id, rpc->gone_userdata);
}

void
tb_client_close(struct tb_client *client)
{
	struct tb_rpc *rpc = client->rpc;
	enum tb_client_state before = client->state;

	if (before != TB_CLIENT_GONE) {
		/* whoever hears of it may answer a call of the client's, and so come here again */
		client->in_flight++;
		client->state = TB_CLIENT_GONE;
		tb_source_remove(&client->source);
		close(client->fd);
		client->fd = -1;
		tb_list_remove(&client->dirty);
		tb_list_remove(&client->node);
		if (before == TB_CLIENT_LEAVING)
			rpc->n_leaving--;
		else
			depart(client);
		client->in_flight--;
	}
	if (client->in_flight == 0)
		client_free(client);
}

void
tb_client_say(struct tb_client *client, const char *line, size_t len)
{
	if (client->state >= TB_CLIENT_LEAVING || client->fate != TB_FATE_NONE)
		return;
	client->held = true;
	tb_buf_add(&client->out, line, len);
	tb_rpc_mark(client);
}

bool
tb_client_hung_up(const struct tb_client *client)
{
	struct pollfd poll_fd = {.fd = client->fd};

	return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR));
}

/* ---- events ---- */

static bool
may_see(const struct tb_client *client, enum tb_notice notice, uint64_t seq, const char *audience)
{
	return (client->kinds >> notice & 1) && seq > client->from[notice] &&
	       (!audience || strcmp(audience, client->audience) == 0);
}

void
tb_client_event(struct tb_client *client, enum tb_notice notice, uint64_t seq, const char *audience,
	size_t len)
{
	if (client->fate != TB_FATE_NONE || !may_see(client, notice, seq, audience))
		return;
	client->backlog++;
	client->backlog_bytes += len;
	tb_rpc_mark(client);
	if (client->backlog < TB_RPC_BACKLOG_EVENTS_MAX &&
		client->backlog_bytes <= TB_RPC_BACKLOG_BYTES_MAX)
		return;
	tb_client_flush(client);
	if (client->fate == TB_FATE_NONE &&
		(client->backlog >= TB_RPC_BACKLOG_EVENTS_MAX ||
			client->backlog_bytes > TB_RPC_BACKLOG_BYTES_MAX))
		client->fate = TB_FATE_DROPPED;
}

int
tb_client_subscribe(struct tb_client *client, uint32_t kinds, uint64_t since)
{
	uint64_t last = tb_events_last(client->rpc->bridge->events);
	uint64_t start = TB_MIN(since, last);
	uint64_t oldest = tb_events_oldest(client->rpc->bridge->events);

	if (!client->marks) {
		client->marks = calloc(TB_CLIENT_MARKS, sizeof(*client->marks));
		if (!client->marks)
			return -ENOMEM;
	}
	if (client->kinds == 0) {
		client->cursor = client->sent_seq = client->live_from = last;
		client->backlog = client->backlog_bytes = 0;
	}
	for (int i = 0; i < TB_NOTICE_COUNT; i++) {
		bool asked = kinds >> i & 1, had = client->kinds >> i & 1;

		if (asked && (!had || since != UINT64_MAX))
			client->from[i] = start;
		else if (had) /* what it has had is not told again when the place goes back */
			client->from[i] = TB_MAX(client->from[i], client->cursor);
	}
	client->kinds |= kinds;
	if (start < client->cursor) {
		/* What is told anew is no backlog. */
		client->live_from = last;
		client->cursor = TB_MAX(start, oldest);
		client->sent_seq = TB_MIN(client->sent_seq, client->cursor);
	}
	tb_rpc_mark(client);
	return 0;
}

void
tb_client_unsubscribe(struct tb_client *client, uint32_t kinds)
{
	client->kinds &= ~kinds;
}

/* Puts events that wait into the output, as long as it is not long. */
static void
pump(struct tb_client *client)
{
	const struct tb_events *events = client->rpc->bridge->events;
	struct tb_event_view event;

	/* The ring has overtaken who was told old events and took them slowly. */
	if (client->cursor < tb_events_oldest(events)) {
		client->fate = TB_FATE_DROPPED;
		return;
	}
	while (client->n_marks < TB_CLIENT_MARKS && client->out.len - client->sent < CHUNK &&
		tb_events_next(events, client->cursor, &event)) {
		client->cursor = event.seq;
		if (!may_see(client, event.notice, event.seq, event.audience))
			continue;
		tb_buf_add(&client->out, event.line, event.len);
		client->marks[client->n_marks++] = (struct tb_mark){client->out.len, event.seq};
	}
}

/* Bytes have been taken: which events are through. */
static void
pass_marks(struct tb_client *client)
{
	unsigned n = 0;

	while (n < client->n_marks && client->marks[n].end <= client->sent)
		client->sent_seq = client->marks[n++].seq;
	if (n == 0)
		return;
	client->n_marks -= n;
	memmove(client->marks, client->marks + n, client->n_marks * sizeof(*client->marks));
}

/* Counts anew what has not been taken; cheap, since it is done only when something was late. */
static void
count_backlog(struct tb_client *client)
{
	const struct tb_events *events = client->rpc->bridge->events;
	uint64_t after = TB_MAX(client->sent_seq, client->live_from);
	struct tb_event_view event;

	client->backlog = client->backlog_bytes = 0;
	while (tb_events_next(events, after, &event)) {
		after = event.seq;
		if (!may_see(client, event.notice, event.seq, event.audience))
			continue;
		client->backlog++;
		client->backlog_bytes += event.len;
	}
}

/* ---- output ---- */

static void
all_sent(struct tb_client *client)
{
	client->sent = 0;
	client->n_marks = 0;
	if (client->out.cap > KEEP_BUFFER)
		tb_buf_done(&client->out);
	else
		tb_buf_reset(&client->out);
}

/* One write of what stands in the output. False when nothing more can be written now. */
static bool
send_some(struct tb_client *client)
{
	ssize_t n = send(client->fd, client->out.data + client->sent,
		client->out.len - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0) {
		if (errno != EAGAIN)
			client->fate = TB_FATE_CLOSE;
		return false;
	}
	client->sent += (size_t)n;
	pass_marks(client);
	if (client->out.len == client->sent)
		all_sent(client);
	return true;
}

void
tb_client_flush(struct tb_client *client)
{
	bool late = client->out.len > client->sent || client->backlog > 0;

	client->ready = 0;
	client->held = false;
	do {
		if (client->kinds && client->fate == TB_FATE_NONE)
			pump(client);
		if (tb_buf_error(&client->out) < 0)
			client->fate = TB_FATE_CLOSE;
		if (client->fate != TB_FATE_NONE)
			return;
	} while (client->out.len > client->sent && send_some(client));
	if (client->out.len == client->sent) {
		if (client->kinds)
			client->sent_seq = client->cursor;
		client->backlog = client->backlog_bytes = 0;
	} else if (late && client->kinds) {
		count_backlog(client);
	}
}

/* The other end takes them while the next are made, and says the next meanwhile. */
void
tb_client_send_ready(struct tb_client *client)
{
	if (client->ready < READY_MANY || client->held || client->fate != TB_FATE_NONE)
		return;
	client->ready = 0;
	if (tb_buf_error(&client->out) == 0 && client->out.len > client->sent)
		(void)send_some(client);
}

/* ---- input ---- */

/* Lines that stand in `in`, then what of it is left. */
static void
resume_lines(struct tb_client *client)
{
	size_t done;

	if (client->in.len == 0) {
		client->blocked = false;
		return;
	}
	done = tb_client_lines(client, client->in.data, client->in.len);
	tb_buf_consume(&client->in, done);
	/* a till may have sent a payment card's number: nothing of a line outlives it */
	if (client->in.data)
		explicit_bzero(client->in.data + client->in.len, done);
	if (client->in.len == 0)
		tb_buf_done(&client->in);
}

static void
take_input(struct tb_client *client, char *data, size_t len)
{
	if (client->in.len == 0) {
		size_t done = tb_client_lines(client, data, len);

		data += done;
		len -= done;
		tb_buf_add(&client->in, data, len);
	} else {
		tb_buf_add(&client->in, data, len);
		if (tb_buf_error(&client->in) == 0)
			resume_lines(client);
	}
	if (tb_buf_error(&client->in) < 0 && client->fate == TB_FATE_NONE)
		client->fate = TB_FATE_CLOSE;
}

/* Reads once. False when the connection is to be closed. */
static bool
read_input(struct tb_client *client)
{
	struct tb_rpc *rpc = client->rpc;
	ssize_t n = recv(client->fd, rpc->scratch, sizeof(rpc->scratch), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (client->state == TB_CLIENT_LEAVING) {
		client->drained += (uint64_t)n;
		/* It may still be listening to the rest of its last line. */
		client->blocked = n == 0;
		tb_rpc_mark(client);
		return client->drained < DRAIN_MAX && (n > 0 || client->out.len > client->sent);
	}
	if (n == 0) {
		client->state = TB_CLIENT_HALF;
		tb_rpc_mark(client);
	} else {
		take_input(client, rpc->scratch, (size_t)n);
		explicit_bzero(rpc->scratch, (size_t)n);
	}
	return true;
}

static void
on_fd(int fd, uint32_t events, void *userdata)
{
	struct tb_client *client = userdata;

	if ((events & EPOLLIN) && !read_input(client)) {
		tb_client_close(client);
		return;
	}
	/* After a hang-up what was said before it is still read, to its end. */
	if ((events & (EPOLLHUP | EPOLLERR)) &&
		(!(events & EPOLLIN) || client->state == TB_CLIENT_HALF)) {
		tb_client_close(client);
		return;
	}
	if (events & EPOLLOUT)
		tb_rpc_mark(client);
	else if (client->fate != TB_FATE_NONE || client->blocked)
		tb_rpc_mark(client);
}

/* ---- the turn's end ---- */

/* Drops what was not begun to be written; what was begun is written to the end of its line. */
static void
keep_line_in_progress(struct tb_client *client)
{
	const char *end;
	size_t keep = client->sent;

	if (client->sent > 0 && client->sent < client->out.len &&
		client->out.data[client->sent - 1] != '\n') {
		end = memchr(client->out.data + keep, '\n', client->out.len - keep);
		keep = end ? (size_t)(end - client->out.data) + 1 : client->out.len;
	}
	for (unsigned i = 0; i < client->n_marks && client->marks[i].end <= keep; i++)
		client->sent_seq = client->marks[i].seq;
	client->out.len = keep;
	client->n_marks = 0;
	tb_buf_consume(&client->out, client->sent);
	client->sent = 0;
}

static void
meet_fate(struct tb_client *client)
{
	enum tb_client_fate fate = client->fate;
	char members[128];

	if (fate == TB_FATE_CLOSE || client->state == TB_CLIENT_LEAVING) {
		tb_client_close(client);
		return;
	}
	if (fate == TB_FATE_TOO_LARGE) {
		tb_log_notice("a client's line is longer than %zu bytes: closed", TB_RPC_LINE_MAX);
		tb_client_error_line(
			client->rpc->bridge, &client->out, TB_RPC_OUR_ERROR, TB_ERROR_TOO_LARGE);
	} else {
		tb_log_notice("a client does not read its events: dropped");
		keep_line_in_progress(client);
		snprintf(members, sizeof(members), "\"cursor\":%" PRIu64 ",\"reason\":\"backlog\"",
			client->sent_seq);
		tb_codec_notification(&client->out, "dropped", members, strlen(members));
	}
	/* Its place is free from now on, whatever becomes of its last line. */
	depart(client);
	leave(client);
}

static void
settle_leaving(struct tb_client *client)
{
	tb_client_flush(client);
	if (client->fate != TB_FATE_NONE) {
		tb_client_close(client);
		return;
	}
	/* All is said: the other end reads it, then the end of the file. */
	if (client->out.len == client->sent)
		shutdown(client->fd, SHUT_WR);
	if (client->blocked && client->out.len == client->sent) {
		tb_client_close(client);
		return;
	}
	set_watch(client);
}

void
tb_client_settle(struct tb_client *client)
{
	if (client->state == TB_CLIENT_LEAVING) {
		settle_leaving(client);
		return;
	}
	if (client->fate == TB_FATE_NONE)
		tb_client_flush(client);
	if (client->fate == TB_FATE_NONE && client->in.len > 0)
		resume_lines(client);
	if (client->fate != TB_FATE_NONE) {
		meet_fate(client);
		return;
	}
	/* Who says nothing more and waits for nothing more is let go. */
	if (client->state == TB_CLIENT_HALF && client->in_flight == 0 && !client->kinds &&
		client->out.len == client->sent && !client->blocked) {
		tb_client_close(client);
		return;
	}
	set_watch(client);
}
