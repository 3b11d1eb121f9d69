/* SPDX-License-Identifier: MIT */
/*
 * How fast bytes become a page: a recorded coupon told as elements, and drawn and written as a PNG.
 * One line a figure; fails when a picture takes more than it may.
 *
 *   bench-paper STREAM FOLDER
 */

#include <stdio.h>
#include <string.h>
#include <time.h>
#include "hw/sim/glyphs.h"
#include "hw/sim/png.h"

#define ROUNDS 300
#define PICTURE_US_MAX 5000

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static int
ascending(const void *a, const void *b)
{
	return (*(const int64_t *)a > *(const int64_t *)b) -
	       (*(const int64_t *)a < *(const int64_t *)b);
}

static void
on_ticket(const struct tb_canvas *canvas, bool cut, void *userdata)
{
	if (tb_png_write(userdata, canvas) < 0)
		abort();
}

static void
read_once(const uint8_t *bytes, size_t len, struct tb_glyphs *glyphs, char *path)
{
	const struct tb_interpret_config config = {.glyphs = glyphs};
	const struct tb_interpret_ops ops = {.ticket = path ? on_ticket : NULL};
	struct tb_interpret *in = tb_interpret_new(&config, &ops, path);

	if (!in)
		abort();
	tb_interpret_feed(in, bytes, len);
	tb_interpret_end(in);
	tb_interpret_free(in);
}

/* The median of many rounds. */
static int64_t
measure(const uint8_t *bytes, size_t len, struct tb_glyphs *glyphs, char *path)
{
	static int64_t times[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		int64_t start = now_us();

		read_once(bytes, len, glyphs, path);
		times[i] = now_us() - start;
	}
	qsort(times, ROUNDS, sizeof(*times), ascending);
	return times[ROUNDS / 2];
}

int
main(int argc, char **argv)
{
	_cleanup_(tb_sim_glyphs_freep) struct tb_sim_glyphs *glyphs = NULL;
	static uint8_t bytes[64 * 1024];
	const char *missing;
	char path[512];
	int64_t read_us, picture_us;
	size_t len;
	FILE *file;

	if (argc != 3 || !(file = fopen(argv[1], "rb"))) {
		fprintf(stderr, "bench-paper STREAM FOLDER\n");
		return 2;
	}
	len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	if (tb_sim_glyphs_open(&glyphs, &missing) < 0) {
		fprintf(stderr, "%s is not there\n", missing);
		return 77;
	}
	snprintf(path, sizeof(path), "%s/bench-paper.png", argv[2]);
	read_us = measure(bytes, len, tb_sim_glyphs_get(glyphs), NULL);
	picture_us = measure(bytes, len, tb_sim_glyphs_get(glyphs), path);
	unlink(path);
	printf("%-28s %10lld µs\n", "coupon read and drawn", (long long)read_us);
	printf("%-28s %10lld µs, at most %d\n", "coupon to PNG", (long long)picture_us,
		PICTURE_US_MAX);
	return picture_us <= PICTURE_US_MAX ? 0 : 1;
}
