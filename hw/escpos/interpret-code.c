/* SPDX-License-Identifier: MIT */
/*
 * Codes: checks what a command wants printed as a printer does, tells it, and draws bars and QR
 * symbols. Symbologies that we do not draw get a box that bears their name.
 * Sources: Epson's pages gs_lk, gs_lparen_lk (functions 65 to 82 of each cn).
 */

#include "hw/escpos/interpret-state.h"

#include <qrencode.h>
#include <stdio.h>
#include <string.h>
#include "base/text.h"

#define QUIET_BAR 10u
#define QUIET_QR 4u
#define MARKS_MAX 512

/* By m of GS k in form A; form B counts from 65. */
static const char *const bar_types[] = {"upca", "upce", "ean13", "ean8", "code39", "itf", "codabar",
	"code93", "code128", "gs1-128", "gs1-databar-omni", "gs1-databar-truncated",
	"gs1-databar-limited", "gs1-databar-expanded", "code128"};
#define BAR_CODE128_AUTO 14

/* A code on its way to the paper. */
struct code {
	const char *type;
	const char *text; /* UTF-8 */
	size_t len;
	const uint8_t *bars; /* what tb_bars_encode() gets */
	size_t n_bars;
};

static uint8_t
check_digit(const char *digits, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (unsigned)(digits[n - 1 - i] - '0') * (i % 2 ? 1 : 3);
	return (uint8_t)('0' + (10 - sum % 10) % 10);
}

static bool
digits_only(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
	}
	return true;
}

/* Tells the code; data that is no UTF-8 is taken for Latin-1, as readers do. */
static void
tell(struct tb_interpret *in, struct tb_element *element, const char *data, size_t len)
{
	_cleanup_buf_ struct tb_buf latin = TB_BUF_INIT(0);
	char utf8[4];

	if (!tb_utf8_valid(data, len)) {
		for (size_t i = 0; i < len; i++)
			tb_buf_add(&latin, utf8, tb_utf8_put((uint8_t)data[i], utf8));
		data = latin.data ? latin.data : "";
		len = latin.len;
	}
	element->kind = TB_ELEMENT_CODE;
	element->code.data = data;
	element->code.len = len;
	if (in->page.on) {
		int x = (int)element->x, y = (int)element->y;

		tb_page_map(in, &x, &y, element->w, element->h);
		element->x = (unsigned)TB_MAX(x, 0);
		element->y = (unsigned)TB_MAX(y, 0);
		tb_page_keep(in, element);
	} else {
		tb_line_flush(in);
		tb_interpret_tell(in, element);
	}
}

/*
 * Codes stand where the text would; at the edge of the head they are moved in by what a reader
 * needs before them, as the paper's own margin does.
 */
static int
quiet(const struct tb_interpret *in, int x, unsigned w, unsigned zone)
{
	int room = (int)in->canvas.width - (int)w;

	if (in->page.on || (unsigned)x >= zone || room < 0)
		return x;
	return TB_MIN((int)zone, room / 2);
}

static void
write_hri(struct tb_interpret *in, const struct code *code, int x, int y, unsigned w)
{
	struct tb_style style = {.font = in->bar_hri_font, .width = 1, .height = 1};
	unsigned cell, height;
	int shift;

	tb_cell_size(in, &style, false, &cell, &height);
	shift = ((int)w - (int)(cell * code->len)) / 2;
	tb_cell_write(in, TB_MAX(x + shift, 0), y, code->text, code->len, in->bar_hri_font);
}

static void
draw_bars(struct tb_interpret *in, const struct tb_bars *bars, int x, int y)
{
	for (size_t i = 0; i < bars->n; i++) {
		if (i % 2 == 0)
			tb_line_fill(in, x, y, bars->widths[i], in->bar_height);
		x += bars->widths[i];
	}
}

/* Bars, and the text above and below them. */
static void
print_bars(struct tb_interpret *in, const struct code *code)
{
	struct tb_element element = {.code = {.type = code->type}};
	struct tb_style style = {.font = in->bar_hri_font, .width = 1, .height = 1};
	unsigned above, below, cell, line;
	struct tb_place place;
	struct tb_bars bars;

	tb_line_flush(in);
	if (tb_bars_encode(code->type, code->bars, code->n_bars, in->bar_module, false, &bars) <
			0 ||
		(bars.dots > tb_line_area(in) &&
			(tb_bars_encode(code->type, code->bars, code->n_bars, in->bar_module, true,
				 &bars) < 0 ||
				bars.dots > tb_line_area(in)))) {
		element.y = in->page.on ? 0 : in->y;
		tell(in, &element, code->text, code->len);
		return;
	}
	tb_cell_size(in, &style, false, &cell, &line);
	above = in->bar_hri & 1 ? line : 0;
	below = in->bar_hri & 2 ? line : 0;
	element.w = bars.dots;
	element.h = above + in->bar_height + below;
	place = tb_line_block(in, element.w, element.h);
	place.x = quiet(in, place.x, bars.dots, QUIET_BAR * in->bar_module);
	draw_bars(in, &bars, place.x, place.y + (int)above);
	if (above)
		write_hri(in, code, place.x, place.y, bars.dots);
	if (below)
		write_hri(in, code, place.x, place.y + (int)(above + in->bar_height), bars.dots);
	element.x = (unsigned)TB_MAX(place.x, 0);
	element.y = (unsigned)place.y;
	element.code.printed = true;
	tell(in, &element, code->text, code->len);
}

/* The whole number behind a short one: 0 + 123456 + check. false when it is none. */
static bool
upce(const char *data, size_t len, char out[9])
{
	char upca[13];
	const char *d = upca + 1;
	char last;

	if (len == 6 || len == 7 || len == 8) {
		out[0] = len == 6 ? '0' : data[0];
		memcpy(out + 1, len == 6 ? data : data + 1, 6);
		last = out[6];
		if (last <= '2')
			snprintf(upca, sizeof(upca), "%c%.2s%c0000%.3s", out[0], out + 1, last,
				out + 3);
		else if (last == '3')
			snprintf(upca, sizeof(upca), "%c%.3s00000%.2s", out[0], out + 1, out + 4);
		else if (last == '4')
			snprintf(upca, sizeof(upca), "%c%.4s00000%c", out[0], out + 1, out[5]);
		else
			snprintf(upca, sizeof(upca), "%c%.5s0000%c", out[0], out + 1, last);
		out[7] = len == 8 ? data[7] : (char)check_digit(upca, 11);
		return out[0] <= '1';
	}
	if ((len != 11 && len != 12) || data[0] > '1')
		return false;
	memcpy(upca, data, len);
	out[0] = data[0];
	if (d[2] <= '2' && memcmp(d + 3, "0000", 4) == 0)
		snprintf(out + 1, 7, "%.2s%.3s%c", d, d + 7, d[2]);
	else if (memcmp(d + 3, "00000", 5) == 0)
		snprintf(out + 1, 7, "%.3s%.2s3", d, d + 8);
	else if (memcmp(d + 4, "00000", 5) == 0)
		snprintf(out + 1, 7, "%.4s%c4", d, d[9]);
	else if (memcmp(d + 5, "0000", 4) == 0 && d[9] >= '5')
		snprintf(out + 1, 7, "%.5s%c", d, d[9]);
	else
		return false;
	out[7] = len == 12 ? data[11] : (char)check_digit(data, 11);
	return true;
}

/* EAN and UPC: the check digit is added where it lacks, and printed as it came where it does not.
 */
static bool
print_ean(struct tb_interpret *in, const char *type, const char *data, size_t len)
{
	size_t whole = strcmp(type, "upca") == 0 ? 12 : strcmp(type, "ean13") == 0 ? 13 : 8;
	struct code code = {.type = type};
	char digits[14];

	if (!digits_only(data, len) || len > 13)
		return false;
	if (strcmp(type, "upce") == 0) {
		if (!upce(data, len, digits))
			return false;
	} else if (len == whole || len == whole - 1) {
		memcpy(digits, data, len);
		if (len < whole)
			digits[len] = (char)check_digit(data, len);
	} else {
		return false;
	}
	code.text = digits;
	code.len = code.n_bars = whole;
	code.bars = (const uint8_t *)digits;
	print_bars(in, &code);
	return true;
}

static bool
print_code128(struct tb_interpret *in, struct tb_code128 *code128, const char *type)
{
	struct code code = {.type = code128->gs1 ? "gs1-128" : type,
		.text = code128->text.data ? code128->text.data : "",
		.len = code128->text.len,
		.bars = code128->values,
		.n_bars = code128->bad ? 0 : code128->n};

	print_bars(in, &code);
	tb_buf_done(&code128->text);
	return true;
}

static bool
code128_named(struct tb_interpret *in, const uint8_t *data, size_t len)
{
	struct tb_code128 code = {.text = TB_BUF_INIT(0)};

	tb_code128_named(&code, data, len);
	return print_code128(in, &code, "code128");
}

/* The check digit that stands for `*`: over the digits of its field. */
static void
check_at(uint16_t *marks, size_t from, size_t *n)
{
	size_t to = *n;
	unsigned sum = 0;

	for (size_t i = to; i-- > from;) {
		if (marks[i] >= '0' && marks[i] <= '9')
			sum += (unsigned)(marks[i] - '0') * ((to - 1 - i) % 2 ? 1 : 3);
	}
	marks[(*n)++] = (uint16_t)('0' + (10 - sum % 10) % 10);
}

/* GS1-128: brackets and blanks are for people, `*` is a check digit, {1 is FNC1. */
static bool
code128_gs1(struct tb_interpret *in, const uint8_t *data, size_t len)
{
	struct tb_code128 code = {.text = TB_BUF_INIT(0)};
	uint16_t marks[MARKS_MAX];
	size_t n = 0, field = 1, i = 0;

	marks[n++] = TB_CODE128_FNC1;
	if (len >= 2 && data[0] == '{' && data[1] >= 'A' && data[1] <= 'C')
		i = 2;
	if (i + 1 < len && data[i] == '{' && data[i + 1] == '1')
		i += 2; /* the first FNC1 is there already */
	for (; i < len && n < MARKS_MAX; i++) {
		if (data[i] == ')')
			field = n;
		else if (data[i] == '*')
			check_at(marks, field, &n);
		else if (data[i] == '{' && i + 1 < len)
			marks[n++] = data[++i] == '1' ? TB_CODE128_FNC1 : data[i];
		else if (data[i] == 0x1D)
			marks[n++] = TB_CODE128_FNC1;
		else if (data[i] != '(' && data[i] != ' ')
			marks[n++] = data[i];
	}
	tb_code128_chosen(&code, marks, n);
	return print_code128(in, &code, "gs1-128");
}

static bool
code128_plain(struct tb_interpret *in, const uint8_t *data, size_t len)
{
	struct tb_code128 code = {.text = TB_BUF_INIT(0)};
	uint16_t marks[MARKS_MAX];
	size_t n = 0;

	for (; n < len && n < MARKS_MAX; n++)
		marks[n] = data[n];
	tb_code128_chosen(&code, marks, n);
	return print_code128(in, &code, "code128");
}

static bool
print_plain(struct tb_interpret *in, const char *type, const uint8_t *data, size_t len)
{
	struct code code = {
		.type = type, .text = (const char *)data, .len = len, .bars = data, .n_bars = len};

	if (strcmp(type, "itf") == 0)
		code.len = code.n_bars = len & ~(size_t)1; /* an odd last digit is dropped */
	if (strcmp(type, "code39") == 0 && len >= 2 && data[0] == '*' && data[len - 1] == '*') {
		code.bars++;
		code.n_bars -= 2;
	}
	print_bars(in, &code);
	return true;
}

bool
tb_code_bars_typed(struct tb_interpret *in, const char *type, const uint8_t *data, size_t len)
{
	if (len == 0)
		return false;
	if (strcmp(type, "upca") == 0 || strcmp(type, "upce") == 0 || strncmp(type, "ean", 3) == 0)
		return print_ean(in, type, (const char *)data, len);
	if (strcmp(type, "gs1-128") == 0)
		return code128_gs1(in, data, len);
	if (strcmp(type, "code128") == 0)
		return code128_plain(in, data, len);
	if (strncmp(type, "gs1-databar", 11) == 0) {
		tb_code_other(in, type, data, len);
		return true;
	}
	return print_plain(in, type, data, len);
}

bool
tb_code_bars(struct tb_interpret *in, uint8_t m, const uint8_t *data, size_t len)
{
	unsigned type = m >= 65 ? m - 65u : m;

	if (type >= ARRAY_SIZE(bar_types) || len == 0)
		return false;
	if (strcmp(bar_types[type], "code128") == 0 && type != BAR_CODE128_AUTO)
		return code128_named(in, data, len);
	return tb_code_bars_typed(in, bar_types[type], data, len);
}

/* A symbol that is made of squares, `module` dots each. */
static void
print_squares(struct tb_interpret *in, const char *type, const QRcode *qr, unsigned module,
	const uint8_t *data, size_t len)
{
	struct tb_element element = {.code = {.type = type}};
	size_t side = qr ? (size_t)qr->width : 0, stride = (side + 7) / 8;
	_cleanup_free_ uint8_t *bits = qr ? calloc(side, stride) : NULL;
	struct tb_place place;

	if (!bits || side * module > tb_line_area(in)) {
		tb_line_flush(in);
		element.y = in->page.on ? 0 : in->y;
		tell(in, &element, (const char *)data, len);
		return;
	}
	for (size_t i = 0; i < side * side; i++) {
		if (qr->data[i] & 1)
			bits[i / side * stride + i % side / 8] |= (uint8_t)(0x80u >>
									    (i % side % 8));
	}
	element.w = element.h = (unsigned)side * module;
	place = tb_line_block(in, element.w, element.h);
	place.x = quiet(in, place.x, element.w, QUIET_QR * module);
	tb_image_put(in, place.x, place.y, bits, (unsigned)side, (unsigned)side, module, module);
	element.x = (unsigned)TB_MAX(place.x, 0);
	element.y = (unsigned)place.y;
	element.code.printed = true;
	tell(in, &element, (const char *)data, len);
}

static QRcode *
encode_micro(const uint8_t *data, size_t len, QRecLevel level)
{
	QRcode *qr = NULL;

	for (int version = 1; version <= 4 && !qr && len < 64; version++) {
		char text[64];

		memcpy(text, data, len);
		text[len] = '\0';
		qr = QRcode_encodeStringMQR(text, version, level, QR_MODE_8, 1);
	}
	return qr;
}

void
tb_code_qr(struct tb_interpret *in, const uint8_t *data, size_t len, unsigned module, unsigned ecc,
	bool micro)
{
	QRecLevel level = (QRecLevel)(ecc & 3);
	_cleanup_free_ char *text = strndup((const char *)data, len);
	QRcode *qr;

	if (len == 0)
		return;
	if (micro)
		qr = encode_micro(data, len, level > QR_ECLEVEL_Q ? QR_ECLEVEL_Q : level);
	else if (text && strlen(text) == len)
		qr = QRcode_encodeString(text, 0, level, QR_MODE_8, 1);
	else
		qr = QRcode_encodeData((int)len, data, 0, level);
	if (!qr && micro)
		qr = encode_micro(data, len, QR_ECLEVEL_L);
	print_squares(in, micro ? "microqr" : "qr", qr, module, data, len);
	QRcode_free(qr);
}

void
tb_code_other(struct tb_interpret *in, const char *type, const uint8_t *data, size_t len)
{
	struct tb_element element = {.code = {.type = type}};
	struct tb_place place;
	unsigned name = (unsigned)strlen(type) * 9 + 12;
	int x, y;

	element.w = TB_MIN(TB_MAX(name, 96u), tb_line_area(in));
	element.h = strcmp(type, "pdf417") == 0 || strncmp(type, "gs1", 3) == 0 ? 64 : element.w;
	place = tb_line_block(in, element.w, element.h);
	x = place.x;
	y = place.y;
	tb_line_fill(in, x, y, element.w, 3);
	tb_line_fill(in, x, y + (int)element.h - 3, element.w, 3);
	tb_line_fill(in, x, y, 3, element.h);
	tb_line_fill(in, x + (int)element.w - 3, y, 3, element.h);
	tb_cell_write(in, x + 6, y + (int)element.h / 2 - 9, type, strlen(type), 1);
	element.x = (unsigned)TB_MAX(x, 0);
	element.y = (unsigned)y;
	element.code.printed = true;
	tell(in, &element, (const char *)data, len);
}

/* cn of GS ( k, from 48. */
static const char *const symbol_types[TB_SYMBOL_KINDS] = {
	"pdf417", "qr", "maxicode", NULL, "composite", "aztec", "datamatrix", NULL};
#define SYMBOL_QR 1
#define SYMBOL_DATABAR 3

static const char *
databar_type(uint8_t n)
{
	switch (n) {
	case 72:
		return "gs1-databar-stacked";
	case 73:
		return "gs1-databar-stacked-omni";
	default:
		return "gs1-databar-expanded-stacked";
	}
}

bool
tb_symbol_store(struct tb_symbol *symbol, const uint8_t *data, size_t len)
{
	uint8_t *copy;

	if (len > TB_SYMBOL_DATA_MAX)
		return false;
	copy = malloc(len + 1);
	if (!copy)
		return false;
	if (len > 0)
		memcpy(copy, data, len);
	free(symbol->data);
	symbol->data = copy;
	symbol->len = len;
	return true;
}

static void
print_symbol(struct tb_interpret *in, unsigned kind)
{
	struct tb_symbol *symbol = &in->symbols[kind];

	if (symbol->len == 0)
		return; /* nothing was stored: nothing is printed */
	if (kind == SYMBOL_QR)
		tb_code_qr(in, symbol->data, symbol->len, symbol->module, symbol->ecc,
			symbol->model == 51);
	else if (kind == SYMBOL_DATABAR)
		tb_code_other(in, databar_type(symbol->model), symbol->data, symbol->len);
	else if (symbol_types[kind])
		tb_code_other(in, symbol_types[kind], symbol->data, symbol->len);
}

static bool
symbol_store(struct tb_interpret *in, unsigned kind, const uint8_t *body, size_t len)
{
	struct tb_symbol *symbol = &in->symbols[kind];
	size_t head = kind == SYMBOL_DATABAR ? 4 : 3;

	if (len < head)
		return false;
	if (kind == SYMBOL_DATABAR)
		symbol->model = body[3];
	return tb_symbol_store(symbol, body + head, len - head);
}

bool
tb_code_2d(struct tb_interpret *in, const uint8_t *body, size_t len)
{
	unsigned kind;
	struct tb_symbol *symbol;

	if (len < 2 || body[0] < 48 || body[0] >= 48 + TB_SYMBOL_KINDS)
		return false;
	kind = body[0] - 48u;
	symbol = &in->symbols[kind];
	switch (body[1]) {
	case 80:
		return symbol_store(in, kind, body, len);
	case 81:
		print_symbol(in, kind);
		return true;
	case 82:
		tb_interpret_request(in, TB_REQUEST_QR_SIZE, (unsigned)symbol->len);
		return true;
	default:
		break;
	}
	if (kind != SYMBOL_QR || len < 3)
		return true; /* settings of symbols that we do not draw */
	if (body[1] == 65 && body[2] >= 49 && body[2] <= 51)
		symbol->model = body[2];
	else if (body[1] == 67 && body[2] >= 1 && body[2] <= 16)
		symbol->module = body[2];
	else if (body[1] == 69 && body[2] >= 48 && body[2] <= 51)
		symbol->ecc = body[2] - 48;
	return true;
}

void
tb_code_2d_reset(struct tb_interpret *in)
{
	for (size_t i = 0; i < TB_SYMBOL_KINDS; i++) {
		free(in->symbols[i].data);
		in->symbols[i] = (struct tb_symbol){.model = 50, .module = 3};
	}
}
