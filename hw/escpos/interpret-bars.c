/* SPDX-License-Identifier: MIT */
/*
 * One-dimensional symbols as widths of bars and gaps. What is handed in is complete: check digits
 * of EAN and UPC stand in the data, a CODE128 comes as its symbol values from the start value on.
 * The check characters that a symbology computes itself (CODE93, CODE128) are added here. Sources:
 * ISO/IEC 15420, 16388, 16390, 15417; AIM BC3 and BC5.
 */

#include "hw/escpos/interpret-state.h"

#include <string.h>

static const char *const ean_digits[] = {
	"3211", "2221", "2122", "1411", "1132", "1231", "1114", "1312", "1213", "3112"};
/* Which of the six left digits are mirrored, by the first digit. */
static const char *const ean13_parity[] = {"LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG",
	"LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL"};
/* The same of UPC-E by its check digit, for number system 0; system 1 is the opposite. */
static const char *const upce_parity[] = {"GGGLLL", "GGLGLL", "GGLLGL", "GGLLLG", "GLGGLL",
	"GLLGGL", "GLLLGG", "GLGLGL", "GLGLLG", "GLLGLG"};

static const char code39_signs[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%*";
static const char *const code39[] = {"nnnwwnwnn", "wnnwnnnnw", "nnwwnnnnw", "wnwwnnnnn",
	"nnnwwnnnw", "wnnwwnnnn", "nnwwwnnnn", "nnnwnnwnw", "wnnwnnwnn", "nnwwnnwnn", "wnnnnwnnw",
	"nnwnnwnnw", "wnwnnwnnn", "nnnnwwnnw", "wnnnwwnnn", "nnwnwwnnn", "nnnnnwwnw", "wnnnnwwnn",
	"nnwnnwwnn", "nnnnwwwnn", "wnnnnnnww", "nnwnnnnww", "wnwnnnnwn", "nnnnwnnww", "wnnnwnnwn",
	"nnwnwnnwn", "nnnnnnwww", "wnnnnnwwn", "nnwnnnwwn", "nnnnwnwwn", "wwnnnnnnw", "nwwnnnnnw",
	"wwwnnnnnn", "nwnnwnnnw", "wwnnwnnnn", "nwwnwnnnn", "nwnnnnwnw", "wwnnnnwnn", "nwwnnnwnn",
	"nwnwnwnnn", "nwnwnnnwn", "nwnnnwnwn", "nnnwnwnwn", "nwnnwnwnn"};

static const char codabar_signs[] = "0123456789-$:/.+ABCD";
static const char *const codabar[] = {"nnnnnww", "nnnnwwn", "nnnwnnw", "wwnnnnn", "nnwnnwn",
	"wnnnnwn", "nwnnnnw", "nwnnwnn", "nwwnnnn", "wnnwnnn", "nnnwwnn", "nnwwnnn", "wnnnwnw",
	"wnwnnnw", "wnwnwnn", "nnwnwnw", "nnwwnwn", "nwnwnnw", "nnnwnww", "nnnwwwn"};

static const char *const itf[] = {
	"nnwwn", "wnnnw", "nwnnw", "wwnnn", "nnwnw", "wnwnn", "nwwnn", "nnnww", "wnnwn", "nwnwn"};

static const char code93_signs[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%";
#define CODE93_SHIFT_DOLLAR 43
#define CODE93_SHIFT_PERCENT 44
#define CODE93_SHIFT_SLASH 45
#define CODE93_SHIFT_PLUS 46
#define CODE93_START 47
static const char *const code93[] = {"131112", "111213", "111312", "111411", "121113", "121212",
	"121311", "111114", "131211", "141111", "211113", "211212", "211311", "221112", "221211",
	"231111", "112113", "112212", "112311", "122112", "132111", "111123", "111222", "111321",
	"121122", "131121", "212112", "212211", "211122", "211221", "221121", "222111", "112122",
	"112221", "122121", "123111", "121131", "311112", "311211", "321111", "112131", "113121",
	"211131", "121221", "312111", "311121", "122211", "111141"};

#define CODE128_STOP 106
static const char *const code128[] = {"212222", "222122", "222221", "121223", "121322", "131222",
	"122213", "122312", "132212", "221213", "221312", "231212", "112232", "122132", "122231",
	"113222", "123122", "123221", "223211", "221132", "221231", "213212", "223112", "312131",
	"311222", "321122", "321221", "312212", "322112", "322211", "212123", "212321", "232121",
	"111323", "131123", "131321", "112313", "132113", "132311", "211313", "231113", "231311",
	"112133", "112331", "132131", "113123", "113321", "133121", "313121", "211331", "231131",
	"213113", "213311", "213131", "311123", "311321", "331121", "312113", "312311", "332111",
	"314111", "221411", "431111", "111224", "111422", "121124", "121421", "141122", "141221",
	"112214", "112412", "122114", "122411", "142112", "142211", "241211", "221114", "413111",
	"241112", "134111", "111242", "121142", "121241", "114212", "124112", "124211", "411212",
	"421112", "421211", "212141", "214121", "412121", "111143", "111341", "131141", "114113",
	"114311", "411113", "411311", "113141", "114131", "311141", "411131", "211412", "211214",
	"211232", "2331112"};

struct pen {
	struct tb_bars *bars;
	unsigned module, wide;
	bool full;
};

static void
put(struct pen *pen, unsigned dots)
{
	if (pen->bars->n == TB_BARS_MAX || dots > UINT8_MAX) {
		pen->full = true;
		return;
	}
	pen->bars->widths[pen->bars->n++] = (uint8_t)dots;
	pen->bars->dots += dots;
}

/* Widths in modules, as digits. */
static void
modules(struct pen *pen, const char *widths)
{
	for (; *widths; widths++)
		put(pen, (unsigned)(*widths - '0') * pen->module);
}

static void
mirrored(struct pen *pen, const char *widths)
{
	for (size_t i = strlen(widths); i-- > 0;)
		put(pen, (unsigned)(widths[i] - '0') * pen->module);
}

/* Widths as n and w. */
static void
narrow_wide(struct pen *pen, const char *widths)
{
	for (; *widths; widths++)
		put(pen, *widths == 'w' ? pen->wide : pen->module);
}

static bool
all_digits(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] < '0' || data[i] > '9')
			return false;
	}
	return true;
}

/* Digits in a row, those that parity marks G mirrored. */
static void
ean_left(struct pen *pen, const uint8_t *data, const char *parity, bool opposite)
{
	for (size_t i = 0; parity[i]; i++) {
		const char *widths = ean_digits[data[i] - '0'];

		if ((parity[i] == 'G') != opposite)
			mirrored(pen, widths);
		else
			modules(pen, widths);
	}
}

static int
encode_ean(struct pen *pen, const uint8_t *data, size_t len, size_t half, const char *parity)
{
	modules(pen, "111");
	ean_left(pen, data, parity, false);
	modules(pen, "11111");
	for (size_t i = half; i < len; i++)
		modules(pen, ean_digits[data[i] - '0']);
	modules(pen, "111");
	return 0;
}

static int
encode_ean13(struct pen *pen, const uint8_t *data, size_t len)
{
	if (len != 13 || !all_digits(data, len))
		return -EINVAL;
	return encode_ean(pen, data + 1, 12, 6, ean13_parity[data[0] - '0']);
}

static int
encode_upca(struct pen *pen, const uint8_t *data, size_t len)
{
	if (len != 12 || !all_digits(data, len))
		return -EINVAL;
	return encode_ean(pen, data, 12, 6, ean13_parity[0]);
}

static int
encode_ean8(struct pen *pen, const uint8_t *data, size_t len)
{
	if (len != 8 || !all_digits(data, len))
		return -EINVAL;
	return encode_ean(pen, data, 8, 4, "LLLL");
}

static int
encode_upce(struct pen *pen, const uint8_t *data, size_t len)
{
	if (len != 8 || !all_digits(data, len) || data[0] > '1')
		return -EINVAL;
	modules(pen, "111");
	ean_left(pen, data + 1, upce_parity[data[7] - '0'], data[0] == '1');
	modules(pen, "111111");
	return 0;
}

static int
encode_code39(struct pen *pen, const uint8_t *data, size_t len)
{
	narrow_wide(pen, code39[43]);
	for (size_t i = 0; i < len; i++) {
		const char *sign = data[i] ? strchr(code39_signs, data[i]) : NULL;

		if (!sign)
			return -EINVAL;
		put(pen, pen->module);
		narrow_wide(pen, code39[sign - code39_signs]);
	}
	put(pen, pen->module);
	narrow_wide(pen, code39[43]);
	return 0;
}

static int
encode_codabar(struct pen *pen, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t upper = data[i] >= 'a' && data[i] <= 'd' ? data[i] - 32 : data[i];
		const char *sign = upper ? strchr(codabar_signs, upper) : NULL;

		if (!sign)
			return -EINVAL;
		if (i > 0)
			put(pen, pen->module);
		narrow_wide(pen, codabar[sign - codabar_signs]);
	}
	return len > 1 ? 0 : -EINVAL;
}

static int
encode_itf(struct pen *pen, const uint8_t *data, size_t len)
{
	if (len < 2 || len % 2 || !all_digits(data, len))
		return -EINVAL;
	narrow_wide(pen, "nnnn");
	for (size_t i = 0; i < len; i += 2) {
		const char *bars = itf[data[i] - '0'], *gaps = itf[data[i + 1] - '0'];

		for (size_t k = 0; k < 5; k++) {
			put(pen, bars[k] == 'w' ? pen->wide : pen->module);
			put(pen, gaps[k] == 'w' ? pen->wide : pen->module);
		}
	}
	narrow_wide(pen, "wnn");
	return 0;
}

/* One character as one or two values of CODE93; their number. */
static size_t
code93_values(uint8_t c, uint8_t out[2])
{
	const char *sign = c ? strchr(code93_signs, c) : NULL;

	if (sign) {
		out[0] = (uint8_t)(sign - code93_signs);
		return 1;
	}
	if (c == 0 || c >= 0x7B || c == '@' || c == '`') {
		out[0] = CODE93_SHIFT_PERCENT;
		out[1] = c == 0     ? 'U' - 'A'
		         : c == '@' ? 'V' - 'A'
		         : c == '`' ? 'W' - 'A'
		                    : (uint8_t)('P' - 'A' + c - 0x7B);
	} else if (c < 0x1B) {
		out[0] = CODE93_SHIFT_DOLLAR;
		out[1] = (uint8_t)(c - 1);
	} else if (c < 0x20) {
		out[0] = CODE93_SHIFT_PERCENT;
		out[1] = (uint8_t)(c - 0x1B);
	} else if (c < 0x40) {
		/* ! to , then : and on; the rest stands in the plain set */
		out[0] = c < 0x3B ? CODE93_SHIFT_SLASH : CODE93_SHIFT_PERCENT;
		out[1] = c < 0x3B ? (uint8_t)(c - 0x21) : (uint8_t)('F' - 'A' + c - 0x3B);
	} else if (c < 0x61) {
		out[0] = CODE93_SHIFT_PERCENT;
		out[1] = (uint8_t)('K' - 'A' + c - 0x5B);
	} else {
		out[0] = CODE93_SHIFT_PLUS;
		out[1] = (uint8_t)(c - 0x61);
	}
	out[1] += 10; /* the letters follow the digits */
	return 2;
}

static uint8_t
code93_check(const uint8_t *values, size_t n, unsigned weights)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += values[n - 1 - i] * (unsigned)(i % weights + 1);
	return (uint8_t)(sum % 47);
}

static int
encode_code93(struct pen *pen, const uint8_t *data, size_t len)
{
	uint8_t values[2 * 255 + 2];
	size_t n = 0;

	if (len == 0 || len > 255)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (data[i] > 0x7F)
			return -EINVAL;
		n += code93_values(data[i], values + n);
	}
	values[n] = code93_check(values, n, 20);
	n++;
	values[n] = code93_check(values, n, 15);
	n++;
	modules(pen, code93[CODE93_START]);
	for (size_t i = 0; i < n; i++)
		modules(pen, code93[values[i]]);
	modules(pen, code93[CODE93_START]);
	modules(pen, "1");
	return 0;
}

static int
encode_code128(struct pen *pen, const uint8_t *values, size_t n)
{
	unsigned sum = 0;

	if (n < 2 || values[0] < 103 || values[0] > 105)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (values[i] >= CODE128_STOP)
			return -EINVAL;
		sum = (sum + values[i] * (unsigned)(i ? i : 1)) % 103;
		modules(pen, code128[values[i]]);
	}
	modules(pen, code128[sum]);
	modules(pen, code128[CODE128_STOP]);
	return 0;
}

static const struct {
	const char *type;
	int (*encode)(struct pen *pen, const uint8_t *data, size_t len);
} encoders[] = {
	{"codabar", encode_codabar},
	{"code128", encode_code128},
	{"code39", encode_code39},
	{"code93", encode_code93},
	{"ean13", encode_ean13},
	{"ean8", encode_ean8},
	{"gs1-128", encode_code128},
	{"itf", encode_itf},
	{"upca", encode_upca},
	{"upce", encode_upce},
};

int
tb_bars_encode(const char *type, const uint8_t *data, size_t len, unsigned module, bool narrow,
	struct tb_bars *ret)
{
	struct pen pen = {.bars = ret, .module = module};

	/* Wide bars are 2.5 narrow ones, twice where the paper is short. */
	pen.wide = narrow ? 2 * module : (5 * module + 1) / 2;
	ret->n = 0;
	ret->dots = 0;
	for (size_t i = 0; i < ARRAY_SIZE(encoders); i++) {
		if (strcmp(encoders[i].type, type) == 0) {
			int r = encoders[i].encode(&pen, data, len);

			return r < 0 ? r : pen.full ? -EINVAL : 0;
		}
	}
	return -EINVAL;
}
