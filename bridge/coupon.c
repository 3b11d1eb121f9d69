/* SPDX-License-Identifier: MIT */
/* The coupon's template. A width is never named, so that it fits 58 mm as well as 80 mm. */

#include "bridge/coupon.h"

#include <stdio.h>
#include <string.h>
#include "base/timestamp.h"

struct words {
	const char *language;
	const char *reprint, *for_whom, *valid_until, *how;
	const char *first, *day, *time; /* of a date: 1 June, 2 June; what comes before a time */
	const char *months[12];
};

/*
 * REPRINT stands beside the language's own word, so that a shop's neighbour, an accountant or a
 * program reading the paper know it too.
 */
static const struct words languages[] = {
	{
		.language = "en",
		.reprint = " REPRINT ",
		.for_whom = "For ",
		.valid_until = "Valid until ",
		.how = "Please show this coupon at the till",
		.first = "%d %s %d",
		.day = "%d %s %d",
		.time = ", %02d:%02d",
		.months = {"January", "February", "March", "April", "May", "June", "July", "August",
			"September", "October", "November", "December"},
	},
	{
		.language = "fr",
		.reprint = " DUPLICATA - REPRINT ",
		.for_whom = "Pour ",
		.valid_until = "Valable jusqu'au ",
		.how = "Bon à présenter en caisse",
		.first = "%der %s %d",
		.day = "%d %s %d",
		.time = " à %02d:%02d",
		.months = {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août",
			"septembre", "octobre", "novembre", "décembre"},
	},
	{
		.language = "de",
		.reprint = " NACHDRUCK - REPRINT ",
		.for_whom = "Für ",
		.valid_until = "Gültig bis ",
		.how = "Bitte an der Kasse vorzeigen",
		.first = "%d. %s %d",
		.day = "%d. %s %d",
		.time = ", %02d:%02d Uhr",
		.months = {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August",
			"September", "Oktober", "November", "Dezember"},
	},
	{
		.language = "it",
		.reprint = " DUPLICATO - REPRINT ",
		.for_whom = "Per ",
		.valid_until = "Valido fino al ",
		.how = "Da presentare alla cassa",
		.first = "%d° %s %d",
		.day = "%d %s %d",
		.time = ", ore %02d:%02d",
		.months = {"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio",
			"agosto", "settembre", "ottobre", "novembre", "dicembre"},
	},
};

static const struct words *
words_of(const char *language)
{
	for (size_t i = 0; language && i < ARRAY_SIZE(languages); i++)
		if (strcmp(languages[i].language, language) == 0)
			return &languages[i];
	return &languages[0];
}

/*
 * The last day the coupon is good for, and the time where it ends within that day. A window's end
 * is the first instant that is out of it, so midnight is the day before.
 */
static bool
last_day(const char *valid_to, struct tb_date *ret_day, int *ret_minute)
{
	int64_t at_us, in_day_us;
	int offset_s = 0;

	*ret_minute = -1;
	if (tb_date_parse(valid_to, ret_day) == 0) {
		*ret_day = tb_date_from_days(tb_date_to_days(*ret_day) - 1);
		return true;
	}
	if (tb_time_parse(valid_to, &at_us, &offset_s) < 0)
		return false;
	at_us += offset_s * TB_USEC_PER_SEC;
	if (at_us <= 0)
		return false;
	in_day_us = at_us % TB_USEC_PER_DAY;
	*ret_day = tb_date_from_days((at_us - 1) / TB_USEC_PER_DAY);
	/* 23:59 is how many say the end of the day. */
	if (in_day_us > 0 && in_day_us < TB_USEC_PER_DAY - 60 * TB_USEC_PER_SEC)
		*ret_minute = (int)(in_day_us / (60 * TB_USEC_PER_SEC));
	return true;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static bool
write_validity(const struct words *words, const char *valid_to, char *out, size_t size)
{
	struct tb_date day;
	int minute, n;

	if (!valid_to || !last_day(valid_to, &day, &minute))
		return false;
	n = snprintf(out, size, "%s", words->valid_until);
	n += snprintf(out + n, size - (size_t)n, day.day == 1 ? words->first : words->day, day.day,
		words->months[day.month - 1], day.year);
	if (minute >= 0)
		n += snprintf(out + n, size - (size_t)n, words->time, minute / 60, minute % 60);
	return n > 0 && (size_t)n < size;
}
#pragma GCC diagnostic pop

static const struct tb_text_style plain = {.align = TB_ALIGN_CENTER};
static const struct tb_text_style strong = {.align = TB_ALIGN_CENTER, .bold = true};
static const struct tb_text_style tall = {.align = TB_ALIGN_CENTER, .bold = true, .height = 2};
static const struct tb_text_style large = {
	.align = TB_ALIGN_CENTER, .bold = true, .width = 2, .height = 2};
static const struct tb_text_style inverse = {
	.align = TB_ALIGN_CENTER, .bold = true, .invert = true, .height = 2};

/* Whose it is, and until when. */
static int
add_facts(struct tb_document *document, const struct tb_coupon *coupon, const struct words *words)
{
	_cleanup_free_ char *whom = NULL;
	char validity[160];
	int r = 0;

	if (coupon->first_name && coupon->first_name[0]) {
		if (asprintf(&whom, "%s%s", words->for_whom, coupon->first_name) < 0)
			return -ENOMEM;
		r = tb_document_add_text(document, whom, &plain);
	}
	if (r == 0 && write_validity(words, coupon->valid_to, validity, sizeof(validity)))
		r = tb_document_add_text(document, validity, &strong);
	return r;
}

int
tb_coupon_document(const struct tb_coupon *coupon, struct tb_document **ret)
{
	_cleanup_(tb_document_freep) struct tb_document *document = tb_document_new();
	const struct words *words = words_of(coupon->language);
	int r = 0;

	if (!document)
		return -ENOMEM;
	if (coupon->shop && coupon->shop[0]) {
		r = tb_document_add_text(document, coupon->shop, &tall);
		if (r == 0)
			r = tb_document_add_rule(document, '-');
	}
	if (r == 0 && coupon->reprint)
		r = tb_document_add_text(document, words->reprint, &inverse);
	if (r == 0)
		r = tb_document_add_feed(document, 1);
	if (r == 0)
		r = tb_document_add_text(document, coupon->title, &large);
	if (r == 0)
		r = tb_document_add_feed(document, 1);
	if (r == 0)
		r = add_facts(document, coupon, words);
	if (r == 0)
		r = tb_document_add_qr(
			document, coupon->code, strlen(coupon->code), 0, TB_QR_ECC_M);
	if (r == 0)
		r = tb_document_add_text(document, coupon->code, &strong);
	if (r == 0)
		r = tb_document_add_feed(document, 1);
	if (r == 0)
		r = tb_document_add_text(document, words->how, &plain);
	if (r == 0)
		r = tb_document_add_cut(document, false);
	if (r < 0)
		return r == -E2BIG ? -EINVAL : r;
	*ret = TAKE_PTR(document);
	return 0;
}
