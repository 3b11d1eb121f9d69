/* SPDX-License-Identifier: MIT */
/*
 * How names meet: every article and category name of a program is folded once into a sorted index,
 * a basket's names are looked up in it, and after that names are numbers. What a match is good for
 * is not decided here.
 */

#include <string.h>

#include "base/text.h"
#include "plugins/loyalty/rules/bill.h"

#define SHORT_NAME 128 /* longer names are folded on the heap */

struct tb_name_index {
	char **folded; /* sorted, each once */
	uint32_t n;
	uint32_t *ids; /* of all lists, one behind the other */
};

/*
 * NFC, case and blanks folded as tb_text_fold() does. ASCII and the letters of U+00C0 to U+00FF,
 * which is nearly all that tills send, need no tables and no memory: composed they are already, and
 * their cases lie 32 apart, but for the sharp s, which is two letters, and the two signs among
 * them. ret_heap is to be freed; the result is NULL without memory or when text is not UTF-8.
 */
static const char *
fold(const char *text, char *room, char **ret_heap)
{
	char *to = room;
	bool gap = false;

	*ret_heap = NULL;
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		unsigned char c = *p, second = 0;

		if (c == 0xc3 && p[1] >= 0x80 && p[1] <= 0xbf && p[1] != 0x9f)
			second = *++p;
		else if (c >= 0x80)
			return *ret_heap = tb_text_fold(text);
		if (to - room >= SHORT_NAME - 4)
			return *ret_heap = tb_text_fold(text);
		if (c == ' ' || (c >= '\t' && c <= '\r')) {
			gap = to != room;
			continue;
		}
		if (gap)
			*to++ = ' ';
		gap = false;
		*to++ = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
		if (second)
			*to++ = (char)(second < 0x9f && second != 0x97 ? second + 0x20 : second);
	}
	*to = '\0';
	return room;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

uint32_t
tb_match_name(const struct tb_program *program, const char *text)
{
	_cleanup_free_ char *heap = NULL;
	char room[SHORT_NAME];
	const struct tb_name_index *index = program->index;
	const char *folded;
	char **found;

	if (!text || !index || index->n == 0)
		return TB_NO_NAME;
	folded = fold(text, room, &heap);
	if (!folded)
		return TB_NO_NAME;
	found = bsearch(&folded, index->folded, index->n, sizeof(*index->folded), by_text);
	return found ? (uint32_t)(found - index->folded) : TB_NO_NAME;
}

static bool
has_id(const struct tb_names *names, uint32_t id)
{
	if (id == TB_NO_NAME)
		return false;
	for (size_t i = 0; i < names->count; i++)
		if (names->ids[i] == id)
			return true;
	return false;
}

bool
tb_match_scope(const struct tb_bill_line *line, const struct tb_names *articles,
	const struct tb_names *categories)
{
	if (articles->count == 0 && categories->count == 0)
		return true;
	return has_id(articles, line->name) || has_id(categories, line->category);
}

bool
tb_match_word(const struct tb_names *names, const char *word)
{
	for (size_t i = 0; word && i < names->count; i++)
		if (strcmp(names->names[i], word) == 0)
			return true;
	return false;
}

int
tb_match_same(const char *a, const char *b, bool *ret)
{
	_cleanup_free_ char *heap_a = NULL, *heap_b = NULL;
	char room_a[SHORT_NAME], room_b[SHORT_NAME];
	const char *fold_a, *fold_b;

	if (strcmp(a, b) == 0) {
		*ret = true;
		return 0;
	}
	fold_a = fold(a, room_a, &heap_a);
	fold_b = fold(b, room_b, &heap_b);
	if (!fold_a || !fold_b)
		return -ENOMEM;
	*ret = strcmp(fold_a, fold_b) == 0;
	return 0;
}

/* ---- the index of a program ---- */

typedef int (*names_fn)(struct tb_names *names, void *userdata);

/* Calls fn for each list of names that is compared folded. */
static int
each_list(struct tb_program *program, names_fn fn, void *userdata)
{
	struct tb_reward *rewards = (struct tb_reward *)program->rewards;
	struct tb_offer *offers = (struct tb_offer *)program->offers;
	int r = 0;

	for (size_t i = 0; r == 0 && i < program->n_rewards; i++) {
		r = fn(&rewards[i].articles, userdata);
		if (r == 0)
			r = fn(&rewards[i].categories, userdata);
	}
	for (size_t i = 0; r == 0 && i < program->n_offers; i++) {
		r = fn(&offers[i].articles, userdata);
		if (r == 0)
			r = fn(&offers[i].categories, userdata);
	}
	return r;
}

static int
count_names(struct tb_names *names, void *userdata)
{
	*(size_t *)userdata += names->count;
	return 0;
}

static int
fold_names(struct tb_names *names, void *userdata)
{
	struct tb_name_index *index = userdata;

	for (size_t i = 0; i < names->count; i++) {
		char *folded = tb_text_fold(names->names[i]);

		if (!folded)
			return -ENOMEM;
		index->folded[index->n++] = folded;
	}
	return 0;
}

struct numbering {
	struct tb_program *program;
	uint32_t *next;
};

static int
number_names(struct tb_names *names, void *userdata)
{
	struct numbering *numbering = userdata;

	names->ids = numbering->next;
	for (size_t i = 0; i < names->count; i++)
		*numbering->next++ = tb_match_name(numbering->program, names->names[i]);
	return 0;
}

static void
keep_each_once(struct tb_name_index *index)
{
	uint32_t kept = 0;

	qsort(index->folded, index->n, sizeof(*index->folded), by_text);
	for (uint32_t i = 0; i < index->n; i++) {
		if (kept > 0 && strcmp(index->folded[kept - 1], index->folded[i]) == 0)
			free(index->folded[i]);
		else
			index->folded[kept++] = index->folded[i];
	}
	index->n = kept;
}

int
tb_program_prepare(struct tb_program *program)
{
	struct numbering numbering = {.program = program};
	struct tb_name_index *index;
	size_t n = 0;

	tb_program_release(program);
	each_list(program, count_names, &n);
	if (n >= TB_NO_NAME)
		return -EOVERFLOW;
	program->index = index = calloc(1, sizeof(*index));
	if (!index)
		return -ENOMEM;
	index->folded = calloc(n ? n : 1, sizeof(*index->folded));
	index->ids = calloc(n ? n : 1, sizeof(*index->ids));
	if (!index->folded || !index->ids || each_list(program, fold_names, index) < 0) {
		tb_program_release(program);
		return -ENOMEM;
	}
	keep_each_once(index);
	numbering.next = index->ids;
	return each_list(program, number_names, &numbering);
}

void
tb_program_release(struct tb_program *program)
{
	struct tb_name_index *index = program->index;

	if (!index)
		return;
	for (uint32_t i = 0; i < index->n; i++)
		free(index->folded[i]);
	free(index->folded);
	free(index->ids);
	free(index);
	program->index = NULL;
}

const struct tb_reward *
tb_program_reward(const struct tb_program *program, const char *id)
{
	for (size_t i = 0; i < program->n_rewards; i++)
		if (strcmp(program->rewards[i].id, id) == 0)
			return &program->rewards[i];
	return NULL;
}

const struct tb_coupon_rule *
tb_program_coupon_rule(const struct tb_program *program, const char *id)
{
	for (size_t i = 0; i < program->n_coupons; i++)
		if (strcmp(program->coupons[i].id, id) == 0)
			return &program->coupons[i];
	return NULL;
}

bool
tb_reference_from_word(const char *word, enum tb_reference *ret)
{
	static const char *const words[] = {
		[TB_REFERENCE_LABEL] = "label",
		[TB_REFERENCE_CODE] = "code",
		[TB_REFERENCE_EAN] = "ean",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(word ? word : "label", words[i]) == 0) {
			*ret = (enum tb_reference)i;
			return true;
		}
	return false;
}

const char *
tb_reason_word(enum tb_reason reason)
{
	static const char *const words[] = {[TB_REASON_NONE] = NULL,
#define X(name, word) [TB_REASON_##name] = word,
		TB_REASONS(X)
#undef X
	};

	return (size_t)reason < ARRAY_SIZE(words) ? words[reason] : NULL;
}
