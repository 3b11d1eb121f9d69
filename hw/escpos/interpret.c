/* SPDX-License-Identifier: MIT */
/*
 * Cuts the stream into commands and text, and tells what came of it. Which commands there are
 * stands in the tables of interpret-escpos.c and interpret-star.c.
 */

#include "hw/escpos/interpret.h"

#include <string.h>
#include "hw/escpos/interpret-state.h"

/* A command's memory is given back when it was a large one. */
#define KEEP_BYTES (64u << 10)

void
tb_interpret_init_modes(struct tb_interpret *in)
{
	in->style = (struct tb_style){.width = 1, .height = 1};
	in->align = 0;
	in->char_space = in->kanji_left = in->kanji_right = 0;
	in->line_space = in->config.dialect == TB_DIALECT_STAR ? 32 : 30;
	in->left_margin = 0;
	in->area_width = 0;
	in->unit_x = in->unit_y = 0;
	in->upside_down = in->double_strike = false;
	in->n_tabs = 0;
	for (unsigned i = 8; i <= TB_TABS_MAX * 8 && in->n_tabs < TB_TABS_MAX; i += 8)
		in->tabs[in->n_tabs++] = (uint16_t)(i * 12);
	in->bar_height = in->config.dialect == TB_DIALECT_STAR ? 80 : 162;
	in->bar_module = 3;
	in->bar_hri = in->bar_hri_font = 0;
	in->clone_symbol = 2;
	in->star_on = in->star_off = 20;
	in->raster = false;
	tb_text_reset(in);
	tb_code_2d_reset(in);
}

struct tb_interpret *
tb_interpret_new(const struct tb_interpret_config *config, const struct tb_interpret_ops *ops,
	void *userdata)
{
	struct tb_interpret *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->config = *config;
	in->ops = *ops;
	in->userdata = userdata;
	in->profile = config->profile ? config->profile : tb_profile_find(NULL);
	in->lenient = strncmp(in->profile->name, "default", 7) == 0;
	in->reader.bytes = TB_BUF_INIT(0);
	for (size_t i = 0; i < TB_KANJI_COUNT; i++)
		in->converters[i] = (iconv_t)-1;
	in->items = calloc(TB_LINE_ITEMS_MAX, sizeof(*in->items));
	if (!in->items || tb_canvas_init(&in->canvas, in->profile->dots) < 0) {
		tb_interpret_free(in);
		return NULL;
	}
	tb_interpret_init_modes(in);
	return in;
}

void
tb_interpret_free(struct tb_interpret *in)
{
	if (!in)
		return;
	if (in->items)
		tb_line_drop(in);
	free(in->items);
	tb_page_done(in);
	tb_image_done(in);
	tb_code_2d_reset(in);
	tb_text_done(in);
	tb_canvas_done(&in->canvas);
	tb_buf_done(&in->reader.bytes);
	free(in);
}

void
tb_interpret_tell(struct tb_interpret *in, const struct tb_element *element)
{
	if (element->kind != TB_ELEMENT_IMAGE)
		tb_image_flush(in);
	in->used = true;
	if (in->ops.element)
		in->ops.element(element, in->userdata);
}

void
tb_interpret_request(struct tb_interpret *in, enum tb_request_kind kind, unsigned n)
{
	struct tb_request request = {.kind = kind, .n = n};

	if (in->ops.request)
		in->ops.request(&request, in->userdata);
}

void
tb_interpret_pulse(struct tb_interpret *in, unsigned pin, unsigned on_ms, unsigned off_ms)
{
	struct tb_element element = {.kind = TB_ELEMENT_PULSE, .y = in->y};

	element.pulse.pin = pin;
	element.pulse.on_ms = on_ms;
	element.pulse.off_ms = off_ms;
	tb_line_tell(in, &element);
}

void
tb_interpret_unknown(struct tb_interpret *in, const uint8_t *bytes, size_t len)
{
	struct tb_element element = {.kind = TB_ELEMENT_UNKNOWN, .y = in->y};

	element.unknown.bytes = bytes;
	element.unknown.len = TB_MIN(len, (size_t)TB_INTERPRET_UNKNOWN_MAX);
	tb_line_tell(in, &element);
}

/* A command that only Star has: said once, later ones are merely unknown. */
void
tb_interpret_suspect(struct tb_interpret *in, const uint8_t *bytes, size_t len)
{
	struct tb_element element = {.kind = TB_ELEMENT_DIALECT, .y = in->y};

	if (in->suspect_told) {
		tb_interpret_unknown(in, bytes, len);
		return;
	}
	in->suspect_told = true;
	element.dialect.suspect = "star";
	tb_line_tell(in, &element);
}

static void
end_ticket(struct tb_interpret *in, bool cut)
{
	tb_image_flush(in);
	tb_canvas_reach(&in->canvas, in->y);
	if (in->ops.ticket)
		in->ops.ticket(&in->canvas, cut, in->userdata);
	tb_canvas_clear(&in->canvas);
	in->y = 0;
	in->used = false;
}

void
tb_interpret_cut(struct tb_interpret *in, bool partial)
{
	struct tb_element element = {.kind = TB_ELEMENT_CUT};

	tb_line_flush(in);
	element.y = in->y;
	element.cut.partial = partial;
	tb_interpret_tell(in, &element);
	end_ticket(in, true);
}

struct match {
	const struct tb_command *exact;
	bool partial; /* more bytes may make it one */
};

static void
match_in(
	const struct tb_command_table *table, const uint8_t *bytes, size_t len, struct match *found)
{
	for (size_t i = 0; i < table->n && !found->exact; i++) {
		const struct tb_command *command = &table->commands[i];
		size_t n = TB_MIN(len, (size_t)command->n_lead);

		if (command->lead[n - 1] != bytes[n - 1] || memcmp(command->lead, bytes, n) != 0)
			continue;
		if (n == command->n_lead)
			found->exact = command;
		else
			found->partial = true;
	}
}

static struct match
match(const struct tb_command_table *table, const uint8_t *bytes, size_t len)
{
	struct match found = {0};

	for (; table; table = table->next)
		match_in(table, bytes, len, &found);
	return found;
}

static void
reader_reset(struct tb_reader *reader)
{
	if (reader->bytes.cap > KEEP_BYTES)
		tb_buf_done(&reader->bytes);
	else
		tb_buf_reset(&reader->bytes);
	reader->command = NULL;
	reader->want = 0;
	reader->foreign = reader->cropped = false;
}

static void
reader_add(struct tb_interpret *in, const uint8_t *bytes, size_t len)
{
	struct tb_reader *reader = &in->reader;
	size_t room = TB_INTERPRET_COMMAND_MAX - reader->bytes.len;

	if (len > room) {
		len = room;
		reader->cropped = true;
	}
	tb_buf_add(&reader->bytes, bytes, len);
	if (tb_buf_error(&reader->bytes) < 0) {
		in->error = -ENOMEM;
		reader->cropped = true;
	}
}

static void
run(struct tb_interpret *in)
{
	struct tb_reader *reader = &in->reader;
	const struct tb_command *command = reader->command;
	const uint8_t *bytes = (const uint8_t *)reader->bytes.data;
	size_t len = reader->bytes.len;

	if (in->deselected && !(bytes[0] == ESC && bytes[1] == '='))
		; /* it is for the customer display */
	else if (reader->foreign && in->config.dialect == TB_DIALECT_ESCPOS)
		tb_interpret_suspect(in, bytes, len);
	else if (reader->foreign)
		tb_interpret_unknown(in, bytes, len);
	else if (command->run && !command->run(in, bytes, len))
		tb_interpret_unknown(in, bytes, len);
	reader_reset(reader);
}

/* What has come is no command: it is shown, and a control character at its end begins anew. */
static void
give_up(struct tb_interpret *in)
{
	struct tb_reader *reader = &in->reader;
	const uint8_t *bytes = (const uint8_t *)reader->bytes.data;
	size_t len = reader->bytes.len;
	uint8_t last = bytes[len - 1];
	bool again = len > 1 && last < 0x20;
	/* ESC GS and ESC RS are Star's, whatever follows. */
	bool star = in->config.dialect == TB_DIALECT_ESCPOS && len == 3 && bytes[0] == ESC &&
	            (bytes[1] == GS || bytes[1] == RS);

	if (star && !in->deselected)
		tb_interpret_suspect(in, bytes, again ? len - 1 : len);
	else if (!in->deselected)
		tb_interpret_unknown(in, bytes, again ? len - 1 : len);
	reader_reset(reader);
	if (again)
		tb_interpret_feed(in, &last, 1);
}

/* Asks how much more the command needs; runs it when that is nothing. */
static void
settle(struct tb_interpret *in)
{
	struct tb_reader *reader = &in->reader;
	long more = 0;

	if (reader->command->need && !reader->cropped)
		more = reader->command->need(
			(const uint8_t *)reader->bytes.data, reader->bytes.len);
	if (more == TB_NEED_BAD) {
		if (!in->deselected)
			tb_interpret_unknown(
				in, (const uint8_t *)reader->bytes.data, reader->bytes.len);
		reader_reset(reader);
		return;
	}
	reader->want = (uint64_t)more;
	if (more == 0)
		run(in);
}

/*
 * Whether a command of the other dialect may say how many bytes belong to it. A lone one in a
 * stream that is ours would swallow what follows: it is believed when the stream has shown where it
 * is from.
 */
static bool
trusted(const struct tb_interpret *in, const uint8_t *bytes)
{
	return in->config.dialect == TB_DIALECT_STAR || in->suspect_told ||
	       (bytes[0] == ESC && (bytes[1] == GS || bytes[1] == RS));
}

/* A byte of the lead. */
static void
lead(struct tb_interpret *in, uint8_t byte)
{
	struct tb_reader *reader = &in->reader;
	static const struct tb_command no_more = {.n_lead = 0};
	bool star = in->config.dialect == TB_DIALECT_STAR;
	const struct tb_command_table *own = star ? &tb_commands_star : &tb_commands_escpos;
	const struct tb_command_table *other = star ? &tb_commands_escpos : &tb_commands_star;
	const uint8_t *bytes;
	struct match mine, theirs;

	reader_add(in, &byte, 1);
	bytes = (const uint8_t *)reader->bytes.data;
	if (!bytes || reader->bytes.len == 0) {
		reader_reset(reader);
		return;
	}
	mine = match(own, bytes, reader->bytes.len);
	theirs = match(other, bytes, reader->bytes.len);
	if (mine.exact) {
		reader->command = mine.exact;
	} else if (theirs.exact && !mine.partial) {
		reader->command = theirs.exact;
		reader->foreign = true;
		if (theirs.exact->need && !trusted(in, bytes)) {
			reader->command = &no_more;
			settle(in);
			return;
		}
	} else if (!mine.partial && !theirs.partial) {
		give_up(in);
		return;
	}
	if (!reader->command)
		return;
	reader->want = reader->command->args;
	if (reader->want == 0)
		settle(in);
}

static bool
begins(const struct tb_interpret *in, uint8_t byte)
{
	if (in->n_pair > 0)
		return false;
	switch (byte) {
	case ESC:
	case GS:
	case DLE:
		return true;
	case FS:
	case DC2:
		return in->config.dialect == TB_DIALECT_ESCPOS;
	case 'b':
	case 'k':
		return in->raster;
	default:
		return false;
	}
}

static void
byte_outside(struct tb_interpret *in, uint8_t byte)
{
	if (in->n_pair > 0 && byte < 0x20)
		tb_text_break(in);
	if (begins(in, byte)) {
		lead(in, byte);
	} else if (in->deselected) {
		return;
	} else if (in->config.dialect == TB_DIALECT_STAR) {
		tb_star_byte(in, byte);
	} else {
		tb_escpos_byte(in, byte);
	}
}

int
tb_interpret_feed(struct tb_interpret *in, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	struct tb_reader *reader = &in->reader;

	while (len > 0) {
		size_t n = 1;

		if (reader->command) {
			n = (size_t)TB_MIN((uint64_t)len, reader->want);
			reader_add(in, bytes, n);
			reader->want -= n;
			if (reader->want == 0)
				settle(in);
		} else if (reader->bytes.len > 0) {
			lead(in, *bytes);
		} else {
			byte_outside(in, *bytes);
		}
		bytes += n;
		len -= n;
	}
	return in->error;
}

bool
tb_interpret_at_rest(const struct tb_interpret *in)
{
	return in->reader.bytes.len == 0 && in->n_pair == 0;
}

void
tb_interpret_clear(struct tb_interpret *in)
{
	in->n_pair = 0;
	reader_reset(&in->reader);
	if (in->page.on)
		tb_page_leave(in);
	tb_line_drop(in);
}

void
tb_interpret_tear(struct tb_interpret *in)
{
	if (in->used || in->canvas.rows > 0)
		end_ticket(in, false);
}

void
tb_interpret_restart(struct tb_interpret *in)
{
	tb_interpret_clear(in);
	in->deselected = false;
	tb_interpret_init_modes(in);
}

int
tb_interpret_end(struct tb_interpret *in)
{
	tb_text_break(in);
	if (in->reader.bytes.len > 0) {
		tb_interpret_unknown(
			in, (const uint8_t *)in->reader.bytes.data, in->reader.bytes.len);
		reader_reset(&in->reader);
	}
	tb_page_clear(in);
	in->page.on = false;
	tb_line_flush(in);
	tb_image_flush(in);
	if (in->used || in->canvas.rows > 0 || in->y > 0)
		end_ticket(in, false);
	return in->error;
}
