/* SPDX-License-Identifier: MIT */
/*
 * A stream is the same in whatever pieces it comes: byte by byte, in two at every place (of the
 * short ones), in a handful at random places.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/unit/escpos-read/reading.h"

#define EVERY_PLACE_MAX 450
#define RANDOM_ROUNDS 5
#define PIECES 8

/* A generator of one's own: the same places on every machine. */
static uint32_t
random_number(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void
same(const struct told *whole, const struct told *pieces)
{
	assert_string_equal(whole->lines.data, pieces->lines.data);
	assert_int_equal(whole->tickets, pieces->tickets);
	assert_true(whole->dots == pieces->dots);
}

static void
check(const struct told *whole, const struct tb_interpret_config *config, const uint8_t *bytes,
	size_t len, const size_t *cuts, size_t n)
{
	struct told pieces = {0};

	tell(&pieces, config, bytes, len, cuts, n);
	same(whole, &pieces);
	told_done(&pieces);
}

static int
ascending(const void *a, const void *b)
{
	return (*(const size_t *)a > *(const size_t *)b) -
	       (*(const size_t *)a < *(const size_t *)b);
}

static void
check_random(const struct told *whole, const struct tb_interpret_config *config,
	const uint8_t *bytes, size_t len)
{
	uint32_t seed = (uint32_t)len;
	size_t cuts[PIECES];

	for (int round = 0; round < RANDOM_ROUNDS; round++) {
		for (size_t i = 0; i < PIECES; i++)
			cuts[i] = random_number(&seed) % (len + 1);
		qsort(cuts, PIECES, sizeof(*cuts), ascending);
		check(whole, config, bytes, len, cuts, PIECES);
	}
}

static void
test_pieces(void **state)
{
	const json_t *entry = *state;
	struct tb_interpret_config config = {0};
	struct told whole = {0};
	size_t len;
	uint8_t *bytes = recorded_bytes(json_string_value(json_object_get(entry, "file")), &len);

	if (strcmp(json_string_value(json_object_get(entry, "dialect")), "star") == 0)
		config.dialect = TB_DIALECT_STAR;
	tell(&whole, &config, bytes, len, &(size_t){0}, 1);
	check(&whole, &config, bytes, len, NULL, 0);
	for (size_t at = 1; at < len && len <= EVERY_PLACE_MAX; at++)
		check(&whole, &config, bytes, len, &at, 1);
	check_random(&whole, &config, bytes, len);
	told_done(&whole);
	free(bytes);
}

/* Cut short at every byte: told as unknown or as nothing, never as something else than before. */
static void
test_cut_short(void **state)
{
	const json_t *entry = *state;
	struct tb_interpret_config config = {0};
	size_t len;
	uint8_t *bytes = recorded_bytes(json_string_value(json_object_get(entry, "file")), &len);

	for (size_t n = 0; n < len && len <= EVERY_PLACE_MAX; n++) {
		struct told told = {0};
		uint8_t *copy = malloc(n ? n : 1); /* of that length, for the sanitizer */

		assert_non_null(copy);
		memcpy(copy, bytes, n);
		config.dialect = n % 2 ? TB_DIALECT_STAR : TB_DIALECT_ESCPOS;
		tell(&told, &config, copy, n, &(size_t){0}, 1);
		free(copy);
		told_done(&told);
	}
	free(bytes);
}

int
main(void)
{
	json_t *list = recorded_list(), *entry;
	size_t n = 0, i;
	struct CMUnitTest *tests = calloc(2 * json_array_size(list), sizeof(*tests));
	int r;

	if (!tests)
		return 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	json_array_foreach(list, i, entry) {
		const char *file = json_string_value(json_object_get(entry, "file"));

		tests[n++] = (struct CMUnitTest){file, test_pieces, NULL, NULL, entry};
		tests[n++] = (struct CMUnitTest){file, test_cut_short, NULL, NULL, entry};
	}
	r = _cmocka_run_group_tests("split", tests, n, NULL, NULL);
	free(tests);
	json_decref(list);
	return r;
}
