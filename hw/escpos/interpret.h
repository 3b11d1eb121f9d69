/* SPDX-License-Identifier: MIT */
/*
 * The reading half: bytes that went to a printer -> what stands on the paper. Pure and incremental:
 * one byte at a time gives the same as all at once, memory is bounded, no input breaks it or makes
 * it lose its place within a command whose length is known. It reads ESC/POS and Star's language;
 * it opens no file, draws characters only with the glyphs that it is given, and answers nothing:
 * what a printer would answer is its caller's, told by `request`.
 * Sources: Epson's command reference (page of the command's name), Star's StarPRNT and Star Line
 * command specifications.
 */
#pragma once

#include "base/buf.h"
#include "hw/escpos/canvas.h"
#include "hw/escpos/profile.h"

/* Bytes of one command that are kept; what is longer is read to its end and cropped. */
#define TB_INTERPRET_COMMAND_MAX (8u << 20)
/* Bytes of an unknown command that are shown. */
#define TB_INTERPRET_UNKNOWN_MAX 4096u

enum tb_dialect { TB_DIALECT_ESCPOS, TB_DIALECT_STAR };

enum tb_element_kind {
	TB_ELEMENT_TEXT,
	TB_ELEMENT_CODE,
	TB_ELEMENT_IMAGE,
	TB_ELEMENT_CUT,
	TB_ELEMENT_PULSE,
	TB_ELEMENT_UNKNOWN,
	TB_ELEMENT_DIALECT,
};

/* One thing of the page; borrowed for the time of the call. */
struct tb_element {
	enum tb_element_kind kind;
	unsigned x, y; /* dots from the left edge of the head and from the top of the ticket */
	unsigned w, h; /* dots; of text: its cells */
	union {
		struct {
			const char *text; /* UTF-8 */
			size_t len;
			uint8_t width, height, underline, font;
			bool bold, invert;
		} text;
		struct {
			const char *type; /* "qr", "ean13" …: the words of design/devices */
			const char *data; /* UTF-8, as printed */
			size_t len;
			bool printed; /* false: too wide for the paper, or not to be encoded */
		} code;
		struct {
			bool partial;
		} cut;
		struct {
			unsigned pin, on_ms, off_ms;
		} pulse;
		struct {
			const uint8_t *bytes;
			size_t len;
		} unknown;
		struct {
			const char *suspect;
		} dialect;
	};
};

enum tb_request_kind {
	TB_REQUEST_DLE_EOT,    /* n */
	TB_REQUEST_DLE_ENQ,    /* n */
	TB_REQUEST_CLEAR,      /* DLE DC4 8: forget what is buffered */
	TB_REQUEST_POWER_OFF,  /* DLE DC4 2 */
	TB_REQUEST_STATUS,     /* GS r n, ESC v as n 1, ESC u as n 2 */
	TB_REQUEST_AUTO,       /* GS a n */
	TB_REQUEST_ID,         /* GS I n */
	TB_REQUEST_PROCESS_ID, /* GS ( H fn 48: id */
	TB_REQUEST_QR_SIZE,    /* GS ( k fn 82: width n, height n, 0 when there is none */
	TB_REQUEST_REALTIME,   /* GS ( D: n bit 0 pulse, bit 1 power off; which are allowed */
	TB_REQUEST_STAR_STATUS,
	TB_REQUEST_INIT, /* ESC @ */
};

struct tb_request {
	enum tb_request_kind kind;
	unsigned n;
	uint8_t id[4];
};

/* Each may be NULL. Told in the order of the stream, a request as soon as it was read. */
struct tb_interpret_ops {
	void (*element)(const struct tb_element *element, void *userdata);
	void (*request)(const struct tb_request *request, void *userdata);
	/* A ticket ends: after its cut was told, and at the end of the stream when something came
	 * after the last cut. The canvas is borrowed. */
	void (*ticket)(const struct tb_canvas *canvas, bool cut, void *userdata);
};

/*
 * The glyph of a character in a cell of cell_w * cell_h dots; false when the font has none. ret is
 * borrowed until the next call, at most as large as the cell.
 */
struct tb_glyphs {
	bool (*find)(struct tb_glyphs *glyphs, uint32_t character, bool bold, unsigned cell_w,
		unsigned cell_h, struct tb_bitmap *ret);
};

struct tb_interpret_config {
	const struct tb_profile *profile; /* NULL: the default one */
	enum tb_dialect dialect;
	struct tb_glyphs *glyphs; /* borrowed; NULL: characters are boxes */
	bool no_qr;               /* GS ( k is not known and its bytes are printed */
};

struct tb_interpret;

/* NULL without memory. */
struct tb_interpret *tb_interpret_new(const struct tb_interpret_config *config,
	const struct tb_interpret_ops *ops, void *userdata);
void tb_interpret_free(struct tb_interpret *in);
TB_DEFINE_CLEANUP(struct tb_interpret *, tb_interpret_free);

/* 0, or -ENOMEM when something was lost for want of memory (it goes on reading all the same). */
int tb_interpret_feed(struct tb_interpret *in, const void *data, size_t len);
/* The stream is over: half a command is unknown, what stands on the paper is a ticket. */
int tb_interpret_end(struct tb_interpret *in);
/* Whether the next byte begins a command or is text; false inside of one. */
bool tb_interpret_at_rest(const struct tb_interpret *in);

/* What is buffered and not printed yet is forgotten, half a command with it; modes stay. */
void tb_interpret_clear(struct tb_interpret *in);
/* The paper is torn off by hand: what stands on it is a ticket, unless there is nothing. */
void tb_interpret_tear(struct tb_interpret *in);
/* The power was off: buffers and modes are as at the start, the paper is as it was. */
void tb_interpret_restart(struct tb_interpret *in);

/* All elements of one stream at once, owned; for those who want no callbacks. */
struct tb_page_list {
	struct tb_element *items;
	size_t n, cap;
	unsigned tickets; /* with marks */
};

int tb_page_list_read(struct tb_page_list *list, const struct tb_interpret_config *config,
	const void *data, size_t len);
void tb_page_list_done(struct tb_page_list *list);

/* An element as one object, as `tillsim render` writes it, without the line's end. */
void tb_element_json(const struct tb_element *element, struct tb_buf *out);
