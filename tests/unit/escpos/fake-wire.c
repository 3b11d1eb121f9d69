/* SPDX-License-Identifier: MIT */
/* The printer in memory; it understands nothing but questions, and knows the job beforehand. */

#include "tests/unit/escpos/fake-wire.h"

#include <string.h>

struct fake_printer *fake_next;

static struct fake_printer *
to_fake(struct tb_stream *stream)
{
	return container_of(stream, struct fake_printer, wire);
}

static bool
is_well(const struct fake_printer *fake)
{
	return !fake->paper_out && !fake->cover_open && !fake->cutter && !fake->offline;
}

static void
answer_dle_eot(struct fake_printer *fake, uint8_t n)
{
	uint8_t byte = 0x12;

	fake->questions++;
	if (fake->mute)
		return;
	if (!fake->always_online && n == 1 && !is_well(fake))
		byte |= 0x08;
	if (!fake->always_online && n == 2)
		byte |= (uint8_t)((fake->cover_open ? 0x04 : 0) | (fake->paper_out ? 0x20 : 0) |
				  (fake->cutter ? 0x40 : 0));
	if (!fake->always_online && n == 3 && fake->cutter)
		byte |= 0x08;
	if (!fake->always_online && n == 4 && fake->paper_out)
		byte |= 0x6C;
	tb_buf_add_byte(&fake->answers, byte);
}

static void
answer_proofs(struct fake_printer *fake)
{
	for (; fake->owed_proofs > 0 && is_well(fake) && !fake->mute && !fake->no_proof;
		fake->owed_proofs--) {
		if (fake->id[0]) {
			tb_buf_add(&fake->answers, "\x37\x22", 2);
			tb_buf_add(&fake->answers, fake->id, 5);
			fake->id[0] = '\0';
		}
		tb_buf_add_byte(&fake->answers, 0x00);
	}
}

/*
 * Whether the bytes in `partial` are one of ours: 1 whole, 0 may become one, -1 not. Ours are
 * questions, GS a, the proofs; 00 and ESC @ before the job are counted.
 */
static int
match_ours(struct fake_printer *fake, bool before)
{
	const uint8_t *p = (const uint8_t *)fake->partial.data;
	size_t n = fake->partial.len;

	if (before && p[0] == 0x00) {
		fake->zeros++;
		return 1;
	}
	if (p[0] == 0x10) {
		if (n < 3)
			return n < 2 || p[1] == 0x04 ? 0 : -1;
		answer_dle_eot(fake, p[2]);
		return 1;
	}
	if (p[0] != 0x1D)
		return -1;
	if (n < 2)
		return 0;
	if (p[1] == 'a' || p[1] == 'r') {
		if (n < 3)
			return 0;
		if (p[1] == 'r') {
			fake->proofs++;
			fake->owed_proofs++;
		}
		return 1;
	}
	if (p[1] == '(' && (n < 3 || p[2] == 'H')) {
		if (n < 11)
			return 0;
		memcpy(fake->id, p + 7, 4);
		return 1;
	}
	return -1;
}

/* May anything of ours stand before job byte `got`? */
static bool
between_commands(const struct fake_printer *fake)
{
	if (!fake->bytes || fake->got == 0 || fake->got == fake->len)
		return true;
	return fake->job && tb_encoded_boundary(fake->job, fake->got) == fake->got;
}

static void
take_job_byte(struct fake_printer *fake, uint8_t byte)
{
	if (fake->got >= fake->len || fake->bytes[fake->got] != byte)
		fake->broken = true;
	fake->got++;
	if (fake->got >= fake->paper_out_at) {
		fake->paper_out = true;
		fake->paper_out_at = SIZE_MAX;
	}
}

/* A prefix of the job as it goes on from here, so that GS of the job is not taken for one of ours.
 */
static bool
job_goes_on(const struct fake_printer *fake)
{
	return fake->bytes && fake->got + fake->partial.len <= fake->len &&
	       memcmp(fake->bytes + fake->got, fake->partial.data, fake->partial.len) == 0;
}

static void
take_byte(struct fake_printer *fake, uint8_t byte)
{
	int ours;

	fake->taken++;
	tb_buf_add_byte(&fake->stream, byte);
	tb_buf_add_byte(&fake->partial, byte);
	/* The reset before the job looks like the job's own beginning: told apart by a second one.
	 */
	if (job_goes_on(fake) && fake->partial.len == 1) {
		take_job_byte(fake, byte);
		tb_buf_reset(&fake->partial);
		return;
	}
	if (fake->got == 2 && fake->bytes && byte == 0x10 && fake->resets == 0) {
		fake->resets++;
		fake->got = 0;
	}
	ours = between_commands(fake) ? match_ours(fake, fake->got == 0) : -1;
	if (ours < 0)
		fake->broken = true;
	if (ours != 0)
		tb_buf_reset(&fake->partial);
}

static ssize_t
fake_read(struct tb_stream *stream, void *data, size_t size)
{
	struct fake_printer *fake = to_fake(stream);
	size_t n = TB_MIN(size, fake->answers.len);

	if (n == 0)
		return fake->hung ? -EPIPE : -EAGAIN;
	memcpy(data, fake->answers.data, n);
	tb_buf_consume(&fake->answers, n);
	return (ssize_t)n;
}

static ssize_t
fake_write(struct tb_stream *stream, const void *data, size_t len)
{
	struct fake_printer *fake = to_fake(stream);
	size_t n = TB_MIN(TB_MIN(len, fake->per_write), fake->room);

	if (fake->hung)
		return -EIO;
	if (fake->taken >= fake->hang_up_at) {
		fake_hangs_up(fake);
		return -EIO;
	}
	n = TB_MIN(n, fake->hang_up_at - fake->taken);
	if (n == 0)
		return -EAGAIN;
	if (fake->room != SIZE_MAX)
		fake->room -= n;
	for (size_t i = 0; i < n; i++)
		take_byte(fake, ((const uint8_t *)data)[i]);
	answer_proofs(fake);
	fake_changed(fake);
	return (ssize_t)n;
}

static void
fake_want_write(struct tb_stream *stream, bool on)
{
	struct fake_printer *fake = to_fake(stream);

	fake->want_write = on;
	fake_changed(fake);
}

static ssize_t
fake_pending(struct tb_stream *stream)
{
	return 0;
}

static void
fake_close(struct tb_stream *stream)
{
	struct fake_printer *fake = to_fake(stream);

	tb_source_remove(&fake->wake);
	fake->attached = false;
}

static const struct tb_stream_ops fake_ops = {
	.read = fake_read,
	.write = fake_write,
	.want_write = fake_want_write,
	.pending = fake_pending,
	.close = fake_close,
};

static void
fake_wakes(void *userdata)
{
	struct fake_printer *fake = userdata;

	if (fake->told_lost)
		return;
	if (!fake->opened && !fake->hung) {
		fake->opened = true;
		fake->handler.opened(fake->userdata);
	} else if (fake->answers.len > 0) {
		fake->handler.readable(fake->userdata);
	} else if (fake->hung) {
		fake->told_lost = true;
		fake->handler.lost(-EPIPE, "the fake printer has hung up", fake->userdata);
		return;
	} else if (fake->want_write && fake->room > 0) {
		fake->handler.writable(fake->userdata);
	} else {
		return;
	}
	fake_changed(fake);
}

void
fake_changed(struct fake_printer *fake)
{
	if (!fake->attached)
		return;
	answer_proofs(fake);
	tb_source_set_timer_in(fake->wake, 0);
}

void
fake_says(struct fake_printer *fake, const void *bytes, size_t len)
{
	tb_buf_add(&fake->answers, bytes, len);
	fake_changed(fake);
}

void
fake_hangs_up(struct fake_printer *fake)
{
	fake->hung = true;
	fake_changed(fake);
}

void
fake_init(struct fake_printer *fake)
{
	*fake = (struct fake_printer){.paper_out_at = SIZE_MAX,
		.per_write = SIZE_MAX,
		.room = SIZE_MAX,
		.hang_up_at = SIZE_MAX,
		.wire.ops = &fake_ops};
}

void
fake_done(struct fake_printer *fake)
{
	tb_buf_done(&fake->stream);
	tb_buf_done(&fake->answers);
	tb_buf_done(&fake->partial);
}

void
fake_expect(struct fake_printer *fake, const struct tb_encoded *encoded)
{
	fake_expect_raw(fake, (const uint8_t *)encoded->bytes.data, encoded->bytes.len);
	fake->job = encoded;
}

void
fake_expect_raw(struct fake_printer *fake, const uint8_t *bytes, size_t len)
{
	fake->job = NULL;
	fake->bytes = bytes;
	fake->len = len;
	fake->got = fake->zeros = fake->resets = 0;
}

int
tb_stream_open(struct tb_loop *loop, const char *address, const struct tb_stream_settings *settings,
	const struct tb_stream_handler *handler, void *userdata, struct tb_stream **ret,
	char **ret_why)
{
	struct fake_printer *fake = fake_next;

	if (fake->unreachable) {
		*ret_why = strdup("there is no such printer");
		return -ENOENT;
	}
	fake->loop = loop;
	fake->handler = *handler;
	fake->userdata = userdata;
	if (tb_loop_add_timer(loop, 1, fake_wakes, fake, &fake->wake) < 0)
		return -ENOMEM;
	fake->attached = true;
	fake_changed(fake);
	*ret = &fake->wire;
	return 0;
}
