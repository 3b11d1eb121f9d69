/* SPDX-License-Identifier: MIT */
/*
 * How fast documents become bytes: a coupon with its QR native and drawn, and pictures by each way
 * of dithering. One line a figure.
 */

#include <stdio.h>
#include <string.h>
#include <time.h>
#include "hw/escpos/encode.h"

#define ROUND_NS INT64_C(500000000)

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* What a bakery hands out. */
static struct tb_document *
coupon(void)
{
	static const struct tb_text_style name = {
		.align = TB_ALIGN_CENTER, .bold = true, .width = 2, .height = 2};
	static const struct tb_text_style centred = {.align = TB_ALIGN_CENTER};
	static const struct tb_text_style gain = {
		.align = TB_ALIGN_CENTER, .bold = true, .height = 2};
	const struct tb_column rows[][2] = {
		{{(char *)"Café crème", 36, TB_ALIGN_LEFT}, {(char *)"2,50 €", 12, TB_ALIGN_RIGHT}},
		{{(char *)"Éclair au chocolat", 36, TB_ALIGN_LEFT},
			{(char *)"3,20 €", 12, TB_ALIGN_RIGHT}},
		{{(char *)"Votre solde", 36, TB_ALIGN_LEFT},
			{(char *)"120 points", 12, TB_ALIGN_RIGHT}},
	};
	struct tb_document *document = tb_document_new();

	tb_document_add_text(document, "Boulangerie Été", &name);
	tb_document_add_text(document, "12 rue de la République\n69001 Lyon", &centred);
	tb_document_add_rule(document, 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tb_document_add_columns(document, rows[i], 2);
	tb_document_add_rule(document, 0);
	tb_document_add_text(document, "Un café offert", &gain);
	tb_document_add_text(document, "Valable jusqu'au 30 juin 2025", &centred);
	tb_document_add_qr(document, "TBC-8F3K2MQX71", 14, 6, TB_QR_ECC_M);
	tb_document_add_text(document, "TBC-8F3K2MQX71", &centred);
	tb_document_add_cut(document, true);
	return document;
}

static void
bench_coupon(const char *what, const char *profile_name)
{
	const struct tb_profile *profile = tb_profile_find(profile_name);
	struct tb_document *document = coupon();
	int64_t start = now_ns(), end;
	size_t bytes = 0;
	uint64_t n = 0;

	do {
		for (int i = 0; i < 100; i++) {
			struct tb_encoded encoded;
			char *why;

			if (tb_encode_document(document, profile, NULL, &encoded, &why) < 0)
				abort();
			bytes = encoded.bytes.len;
			tb_encoded_done(&encoded);
		}
		n += 100;
		end = now_ns();
	} while (end - start < ROUND_NS);
	printf("%-28s %10lld coupons/s  %zu bytes\n", what,
		(long long)((__int128)n * 1000000000 / (end - start)), bytes);
	tb_document_free(document);
}

static void
bench_dither(const char *what, enum tb_dither dither)
{
	static uint8_t gray[576 * 576];
	int64_t start = now_ns(), end;
	uint64_t n = 0;

	for (size_t i = 0; i < sizeof(gray); i++)
		gray[i] = (uint8_t)(i % 576 * 255 / 575 + i / 576 % 7);
	do {
		struct tb_raster raster;

		if (tb_raster_init(&raster, gray, 576, 576, dither, 576) < 0)
			abort();
		tb_raster_done(&raster);
		n++;
		end = now_ns();
	} while (end - start < ROUND_NS);
	printf("%-28s %10lld Mpx/s\n", what,
		(long long)((__int128)n * sizeof(gray) * 1000 / (end - start)));
}

int
main(void)
{
	bench_coupon("coupon, native QR", "default80");
	bench_coupon("coupon, drawn QR", "clone");
	bench_dither("576 x 576, threshold", TB_DITHER_THRESHOLD);
	bench_dither("576 x 576, bayer", TB_DITHER_BAYER);
	bench_dither("576 x 576, floyd", TB_DITHER_FLOYD);
	bench_dither("576 x 576, atkinson", TB_DITHER_ATKINSON);
	return 0;
}
