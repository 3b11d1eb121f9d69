/* SPDX-License-Identifier: MIT */
/*
 * Data to GS k, form B (Epson, page gs_lk). Codes are checked and never padded or cut: a code that
 * reads as another one is worse than none.
 */

#include "hw/escpos/barcode.h"

#include <string.h>

#define FNC1 0x1D /* GS stands for it, as scanners say it */

enum {
	SYSTEM_UPCA = 65,
	SYSTEM_UPCE,
	SYSTEM_EAN13,
	SYSTEM_EAN8,
	SYSTEM_CODE39,
	SYSTEM_ITF,
	SYSTEM_CODABAR,
	SYSTEM_CODE93,
	SYSTEM_CODE128
};

/* The check digit ('0'..'9') of n digits as EAN, UPC and GS1 compute it. */
static char
gtin_check(const char *digits, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (unsigned)(digits[i] - '0') * ((n - i) % 2 ? 3 : 1);
	return (char)('0' + (10 - sum % 10) % 10);
}

static bool
all_digits(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] < '0' || data[i] > '9')
			return false;
	}
	return true;
}

/* `full` digits with the check digit, or one less. */
static int
encode_gtin(const char *data, size_t len, size_t full, uint8_t system, unsigned modules,
	struct tb_barcode *ret, const char **ret_why)
{
	char check;

	if (!all_digits(data, len) || (len != full && len != full - 1)) {
		*ret_why = full == 13   ? "an ean13 has 12 or 13 digits"
		           : full == 12 ? "an upca has 11 or 12 digits"
		                        : "an ean8 has 7 or 8 digits";
		return -EINVAL;
	}
	check = gtin_check(data, full - 1);
	if (len == full && data[full - 1] != check) {
		*ret_why = "its check digit is wrong";
		return -EINVAL;
	}
	memcpy(ret->data, data, full - 1);
	ret->data[full - 1] = (uint8_t)check;
	ret->len = full;
	ret->system = system;
	ret->narrow = modules;
	return 0;
}

/* The ten digits behind the number system that six short ones stand for. */
static void
upce_expand(const char *d, char out[10])
{
	memset(out, '0', 10);
	if (d[5] <= '2') {
		memcpy(out, d, 2);
		out[2] = d[5];
		memcpy(out + 7, d + 2, 3);
	} else if (d[5] == '3') {
		memcpy(out, d, 3);
		memcpy(out + 8, d + 3, 2);
	} else if (d[5] == '4') {
		memcpy(out, d, 4);
		out[9] = d[4];
	} else {
		memcpy(out, d, 5);
		out[9] = d[5];
	}
}

/* Whether eleven digits of an UPC-A have a short form. */
static bool
upce_can(const char *d)
{
	const char *maker = d + 1, *product = d + 6;

	if (d[0] != '0')
		return false;
	if (maker[2] <= '2' && memcmp(maker + 3, "00", 2) == 0 && memcmp(product, "00", 2) == 0)
		return true;
	if (memcmp(maker + 3, "00", 2) == 0 && memcmp(product, "000", 3) == 0)
		return true;
	if (maker[4] == '0' && memcmp(product, "0000", 4) == 0)
		return true;
	return memcmp(product, "0000", 4) == 0 && product[4] >= '5';
}

/* Sent as the UPC-A that it stands for: the one form that old and new printers read alike. */
static int
encode_upce(const char *data, size_t len, struct tb_barcode *ret, const char **ret_why)
{
	char long_form[12] = "0";
	const char *check = NULL;

	*ret_why = "an upce has 6 digits, 7 or 8 that begin with 0, or is an upca that can be "
		   "shortened";
	if (!all_digits(data, len))
		return -EINVAL;
	if (len == 11 || len == 12) {
		if (!upce_can(data))
			return -EINVAL;
		memcpy(long_form, data, 11);
		check = len == 12 ? data + 11 : NULL;
	} else if (len >= 6 && len <= 8) {
		if (len > 6 && data[0] != '0')
			return -EINVAL;
		upce_expand(len > 6 ? data + 1 : data, long_form + 1);
		check = len == 8 ? data + 7 : NULL;
	} else {
		return -EINVAL;
	}
	long_form[11] = gtin_check(long_form, 11);
	if (check && *check != long_form[11]) {
		*ret_why = "its check digit is wrong";
		return -EINVAL;
	}
	memcpy(ret->data, long_form, 12);
	ret->len = 12;
	ret->system = SYSTEM_UPCE;
	ret->narrow = 51;
	return 0;
}

static int
encode_code39(const char *data, size_t len, struct tb_barcode *ret, const char **ret_why)
{
	/* The stars are start and stop: the printer adds them. */
	if (len >= 2 && data[0] == '*' && data[len - 1] == '*') {
		data++;
		len -= 2;
	}
	*ret_why = "a code39 holds 0-9 A-Z blank $ % + - . /";
	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (!data[i] || !strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%+-./", data[i]))
			return -EINVAL;
	}
	memcpy(ret->data, data, len);
	ret->len = len;
	ret->system = SYSTEM_CODE39;
	ret->narrow = 7 * ((unsigned)len + 2) - 1;
	ret->wide = 3 * ((unsigned)len + 2);
	return 0;
}

static int
encode_itf(const char *data, size_t len, struct tb_barcode *ret, const char **ret_why)
{
	if (!all_digits(data, len) || len % 2 != 0) {
		*ret_why = "an itf has an even number of digits";
		return -EINVAL;
	}
	memcpy(ret->data, data, len);
	ret->len = len;
	ret->system = SYSTEM_ITF;
	ret->narrow = 4 + 3 * (unsigned)len + 2;
	ret->wide = 2 * (unsigned)len + 1;
	return 0;
}

static bool
codabar_stop(char c)
{
	return (c >= 'A' && c <= 'D') || (c >= 'a' && c <= 'd');
}

static int
encode_codabar(const char *data, size_t len, struct tb_barcode *ret, const char **ret_why)
{
	bool framed = len >= 2 && codabar_stop(data[0]) && codabar_stop(data[len - 1]);
	char start = framed ? (char)(data[0] & ~0x20) : 'A';
	char stop = framed ? (char)(data[len - 1] & ~0x20) : 'A';

	if (framed) {
		data++;
		len -= 2;
	}
	*ret_why = "a codabar holds 0-9 - $ : / . + between A, B, C or D";
	if (len == 0)
		return -EINVAL;
	/* Start and stop have three wide elements, and so have the signs with points. */
	ret->wide = 6;
	for (size_t i = 0; i < len; i++) {
		if (!data[i] || !strchr("0123456789-$:/.+", data[i]))
			return -EINVAL;
		ret->wide += strchr(":/.+", data[i]) ? 3 : 2;
	}
	ret->data[0] = (uint8_t)start;
	memcpy(ret->data + 1, data, len);
	ret->data[len + 1] = (uint8_t)stop;
	ret->len = len + 2;
	ret->system = SYSTEM_CODABAR;
	ret->narrow = 8 * (unsigned)ret->len - 1 - ret->wide;
	return 0;
}

static int
encode_code93(const char *data, size_t len, struct tb_barcode *ret, const char **ret_why)
{
	unsigned symbols = 4; /* start, two checks, stop */

	for (size_t i = 0; i < len; i++) {
		if (data[i] < ' ' || data[i] > '~') {
			*ret_why = "a code93 holds printable ASCII";
			return -EINVAL;
		}
		symbols += strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%", data[i]) ? 1 : 2;
	}
	memcpy(ret->data, data, len);
	ret->len = len;
	ret->system = SYSTEM_CODE93;
	ret->narrow = 9 * symbols + 1;
	return 0;
}

/*
 * CODE128: the cheapest way through sets A, B and C, from the end to the beginning. cost[i][s] is
 * how many symbols the rest from i takes when set s is in force; next[i][s] is the set to be in at
 * i.
 */
enum set { SET_A, SET_B, SET_C, SETS };

#define COST_NEVER 10000u

struct paths {
	unsigned cost[TB_DOCUMENT_BARCODE_MAX + 4][SETS];
};

static bool
is_pair(const uint8_t *text, size_t len, size_t i)
{
	return i + 1 < len && text[i] >= '0' && text[i] <= '9' && text[i + 1] >= '0' &&
	       text[i + 1] <= '9';
}

/*
 * A pair of digits is one byte of 0 to 99, and 16 04, 16 05, 16 20 would be DLE EOT, DLE ENQ, DLE
 * DC4, which printers obey even here. Such a pair is not taken behind a 16.
 */
static bool
is_safe_pair(const uint8_t *text, size_t len, size_t i)
{
	if (!is_pair(text, len, i))
		return false;
	if (i < 2 || text[i - 2] != '1' || text[i - 1] != '6')
		return true;
	return memcmp(text + i, "04", 2) != 0 && memcmp(text + i, "05", 2) != 0 &&
	       memcmp(text + i, "20", 2) != 0;
}

/* Characters that one symbol of the set takes at i; 0 when it cannot. */
static size_t
takes(const uint8_t *text, size_t len, size_t i, enum set set)
{
	if (text[i] == FNC1)
		return 1;
	switch (set) {
	case SET_A:
		return text[i] < 0x60;
	case SET_B:
		return text[i] >= 0x20 && text[i] < 0x80;
	case SET_C:
		return is_safe_pair(text, len, i) ? 2 : 0;
	case SETS:
		break;
	}
	return 0;
}

static void
find_paths(const uint8_t *text, size_t len, struct paths *paths)
{
	for (unsigned s = 0; s < SETS; s++)
		paths->cost[len][s] = 0;
	for (size_t i = len; i-- > 0;) {
		unsigned best = COST_NEVER;

		for (unsigned s = 0; s < SETS; s++) {
			size_t n = takes(text, len, i, s);

			paths->cost[i][s] = n ? 1 + paths->cost[i + n][s] : COST_NEVER;
			best = TB_MIN(best, paths->cost[i][s]);
		}
		for (unsigned s = 0; s < SETS; s++)
			paths->cost[i][s] = TB_MIN(paths->cost[i][s], best + 1);
	}
}

static bool
put(struct tb_barcode *barcode, uint8_t byte)
{
	if (barcode->len >= sizeof(barcode->data))
		return false;
	barcode->data[barcode->len++] = byte;
	return true;
}

/* B before A before C where they cost the same: set B is what other encoders are tested with. */
static enum set
cheapest(const struct paths *paths, size_t i)
{
	enum set best = SET_B;

	if (paths->cost[i][SET_A] < paths->cost[i][best])
		best = SET_A;
	if (paths->cost[i][SET_C] < paths->cost[i][best])
		best = SET_C;
	return best;
}

static bool
put_symbol(struct tb_barcode *barcode, const uint8_t *text, size_t i, enum set set)
{
	if (text[i] == FNC1)
		return put(barcode, '{') && put(barcode, '1');
	if (set == SET_C)
		return put(barcode, (uint8_t)((text[i] - '0') * 10 + text[i + 1] - '0'));
	if (text[i] == '{' && !put(barcode, '{'))
		return false;
	return put(barcode, text[i]);
}

static int
encode_code128(const uint8_t *text, size_t len, struct tb_barcode *ret, const char **ret_why)
{
	struct paths paths;
	unsigned symbols = 1; /* start */
	enum set set;

	find_paths(text, len, &paths);
	set = cheapest(&paths, 0);
	ret->system = SYSTEM_CODE128;
	*ret_why = "a code128 of that length has no room in the printer's command";
	if (!put(ret, '{') || !put(ret, (uint8_t)('A' + set)))
		return -EINVAL;
	for (size_t i = 0; i < len;) {
		size_t n = takes(text, len, i, set);

		if (n == 0 || paths.cost[i][set] != 1 + paths.cost[i + n][set]) {
			set = cheapest(&paths, i);
			symbols++;
			if (!put(ret, '{') || !put(ret, (uint8_t)('A' + set)))
				return -EINVAL;
			n = takes(text, len, i, set);
		}
		if (!put_symbol(ret, text, i, set))
			return -EINVAL;
		symbols++;
		i += n;
	}
	/* Check symbol, and a stop of 13 modules. */
	ret->narrow = 11 * (symbols + 1) + 13;
	return 0;
}

static int
check_code128(const char *data, size_t len, const char **ret_why)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)data[i];

		if (byte >= 0x80) {
			*ret_why = "a code128 holds ASCII";
			return -EINVAL;
		}
		/* A printer that does not know the command would obey these. */
		if (byte == 0x10 || byte == 0x1B || byte == 0x1C || byte == 0) {
			*ret_why = "a code128 may not hold NUL, DLE, ESC or FS";
			return -EINVAL;
		}
	}
	return 0;
}

/* Length of the predefined-length fields' data behind an AI of two digits; others end with FNC1. */
static bool
gs1_has_fixed_length(const char *ai)
{
	static const char fixed[][3] = {"00", "01", "02", "03", "04", "11", "12", "13", "14", "15",
		"16", "17", "18", "19", "20", "31", "32", "33", "34", "35", "36", "41"};

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		if (memcmp(ai, fixed[i], 2) == 0)
			return true;
	}
	return false;
}

/* "(01)…(10)…" to the fields in a row, FNC1 first and behind each field of open length but the
 * last. */
static int
gs1_from_brackets(const char *data, size_t len, uint8_t *out, size_t *ret_len)
{
	size_t n = 0, i = 0;
	bool open = false;

	out[n++] = FNC1;
	while (i < len) {
		size_t digits = 0;

		if (data[i++] != '(')
			return -EINVAL;
		while (i + digits < len && data[i + digits] >= '0' && data[i + digits] <= '9')
			digits++;
		if (digits < 2 || digits > 4 || i + digits >= len || data[i + digits] != ')')
			return -EINVAL;
		if (open)
			out[n++] = FNC1;
		open = !gs1_has_fixed_length(data + i);
		memcpy(out + n, data + i, digits);
		n += digits;
		i += digits + 1;
		if (i == len || data[i] == '(')
			return -EINVAL;
		while (i < len && data[i] != '(')
			out[n++] = (uint8_t)data[i++];
	}
	*ret_len = n;
	return 0;
}

static int
encode_gs1(const char *data, size_t len, struct tb_barcode *ret, const char **ret_why)
{
	uint8_t text[TB_DOCUMENT_BARCODE_MAX + 2];
	size_t n = 0;

	if (len > 0 && data[0] == '(') {
		if (gs1_from_brackets(data, len, text, &n) < 0) {
			*ret_why = "a gs1-128 in brackets is written (01)…(10)…";
			return -EINVAL;
		}
		return encode_code128(text, n, ret, ret_why);
	}
	if (data[0] != FNC1)
		text[n++] = FNC1;
	memcpy(text + n, data, len);
	return encode_code128(text, n + len, ret, ret_why);
}

int
tb_barcode_encode(enum tb_barcode_kind kind, const char *data, size_t len, struct tb_barcode *ret,
	const char **ret_why)
{
	*ret = (struct tb_barcode){0};
	*ret_why = "it is empty or too long";
	if (len == 0 || len > TB_DOCUMENT_BARCODE_MAX)
		return -EINVAL;
	switch (kind) {
	case TB_BARCODE_UPCA:
		return encode_gtin(data, len, 12, SYSTEM_UPCA, 95, ret, ret_why);
	case TB_BARCODE_UPCE:
		return encode_upce(data, len, ret, ret_why);
	case TB_BARCODE_EAN13:
		return encode_gtin(data, len, 13, SYSTEM_EAN13, 95, ret, ret_why);
	case TB_BARCODE_EAN8:
		return encode_gtin(data, len, 8, SYSTEM_EAN8, 67, ret, ret_why);
	case TB_BARCODE_CODE39:
		return encode_code39(data, len, ret, ret_why);
	case TB_BARCODE_ITF:
		return encode_itf(data, len, ret, ret_why);
	case TB_BARCODE_CODABAR:
		return encode_codabar(data, len, ret, ret_why);
	case TB_BARCODE_CODE93:
		return encode_code93(data, len, ret, ret_why);
	case TB_BARCODE_CODE128:
	case TB_BARCODE_GS1_128:
		if (check_code128(data, len, ret_why) < 0)
			return -EINVAL;
		if (kind == TB_BARCODE_GS1_128)
			return encode_gs1(data, len, ret, ret_why);
		return encode_code128((const uint8_t *)data, len, ret, ret_why);
	}
	*ret_why = "its symbology is not known";
	return -EINVAL;
}

unsigned
tb_barcode_width(const struct tb_barcode *barcode, unsigned module)
{
	/* Wide elements at GS w 2 to 6 (Epson, page gs_lw). */
	static const uint8_t wide[] = {5, 8, 10, 13, 16};

	module = TB_MIN(TB_MAX(module, 2u), 6u);
	return barcode->narrow * module + barcode->wide * wide[module - 2];
}
