/* SPDX-License-Identifier: MIT */
/* Baskets and uses out of their JSON, with the sums and numbers that a table of types cannot check.
 */

#include <string.h>

#include "base/money.h"
#include "plugins/loyalty/shapes/shapes.h"

static int64_t
get_int(const json_t *object, const char *member, int64_t absent)
{
	const json_t *value = json_object_get(object, member);

	return json_is_integer(value) ? json_integer_value(value) : absent;
}

static const char *
get_text(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

static uint32_t
read_flags(const json_t *list)
{
	static const struct {
		const char *word;
		uint32_t flag;
	} words[] = {
		{"gift_card_sale", TB_LINE_GIFT_CARD_SALE},
		{"deposit", TB_LINE_DEPOSIT},
		{"no_loyalty", TB_LINE_NO_LOYALTY},
		{"return_of", TB_LINE_RETURN_OF},
	};
	const json_t *word;
	uint32_t flags = 0;
	size_t i;

	json_array_foreach(list, i, word) {
		for (size_t k = 0; json_is_string(word) && k < ARRAY_SIZE(words); k++)
			if (strcmp(json_string_value(word), words[k].word) == 0)
				flags |= words[k].flag;
	}
	return flags;
}

static enum tb_price_kind
read_price_kind(const char *word)
{
	if (word && strcmp(word, "promo") == 0)
		return TB_PRICE_PROMO;
	return word && strcmp(word, "manual") == 0 ? TB_PRICE_MANUAL : TB_PRICE_NORMAL;
}

static bool
is(const char *name, const char *member)
{
	return strcmp(name, member) == 0;
}

static void
read_article(json_t *json, struct tb_line *line)
{
	const char *name;
	json_t *value;

	json_object_foreach(json, name, value) {
		const char *text = json_string_value(value);

		if (is(name, "code"))
			line->code = text;
		else if (is(name, "label"))
			line->label = text;
		else if (is(name, "ean"))
			line->ean = text;
		else if (is(name, "category"))
			line->category = text;
	}
}

static void
read_int(const json_t *value, int64_t *ret)
{
	if (json_is_integer(value))
		*ret = json_integer_value(value);
}

/* The members as they come: asking for each by its name costs half of reading a long ticket. */
static void
read_line(json_t *json, struct tb_line *line)
{
	const char *name;
	json_t *value;

	*line = (struct tb_line){.vat_bp = -1, .price_kind = TB_PRICE_NORMAL};
	json_object_foreach(json, name, value) {
		if (is(name, "no"))
			read_int(value, &line->no);
		else if (is(name, "article"))
			read_article(value, line);
		else if (is(name, "quantity"))
			read_int(value, &line->quantity);
		else if (is(name, "unit_price"))
			read_int(value, &line->unit_price);
		else if (is(name, "discount"))
			read_int(value, &line->discount);
		else if (is(name, "total"))
			read_int(value, &line->total);
		else if (is(name, "vat_bp"))
			read_int(value, &line->vat_bp);
		else if (is(name, "price_kind"))
			line->price_kind = read_price_kind(json_string_value(value));
		else if (is(name, "flags"))
			line->flags |= read_flags(value);
		else if (is(name, "return_of") && !json_is_false(value))
			line->flags |= TB_LINE_RETURN_OF;
	}
}

/* Of something there is some; what is taken back is not charged, what is sold costs something. */
static void
check_line(const struct tb_line *line, const char *prefix, size_t i, struct tb_faults *faults)
{
	if (line->quantity == 0)
		tb_faults_add(faults, "out_of_range", "%s/lines/%zu/quantity", prefix, i);
	if (line->quantity < 0 && line->total > 0)
		tb_faults_add(faults, "out_of_range", "%s/lines/%zu/total", prefix, i);
	if (line->quantity > 0 && line->total >= 0) {
		if (line->unit_price < 0)
			tb_faults_add(faults, "out_of_range", "%s/lines/%zu/unit_price", prefix, i);
		if (line->discount < 0)
			tb_faults_add(faults, "out_of_range", "%s/lines/%zu/discount", prefix, i);
	}
}

struct numbered {
	int64_t no;
	size_t index;
};

static int
by_number(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	if (x->no != y->no)
		return x->no < y->no ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

static int
check_numbers(const struct tb_basket *basket, const char *prefix, struct tb_faults *faults)
{
	_cleanup_free_ struct numbered *numbers = calloc(basket->n_lines + 1, sizeof(*numbers));

	if (!numbers)
		return -ENOMEM;
	for (size_t i = 0; i < basket->n_lines; i++)
		numbers[i] = (struct numbered){basket->lines[i].no, i};
	qsort(numbers, basket->n_lines, sizeof(*numbers), by_number);
	for (size_t i = 1; i < basket->n_lines; i++)
		if (numbers[i].no == numbers[i - 1].no)
			tb_faults_add(
				faults, "duplicate", "%s/lines/%zu/no", prefix, numbers[i].index);
	return 0;
}

static void
check_total(const struct tb_basket_lines *basket, const char *prefix, struct tb_faults *faults)
{
	tb_i128 sum = 0;

	for (size_t i = 0; i < basket->basket.n_lines; i++)
		sum += basket->lines[i].total;
	if (sum != basket->basket.total)
		tb_faults_add(faults, "total_mismatch", "%s/total", prefix);
}

int
tb_basket_from_json(json_t *json, const char *prefix, bool strict, struct tb_basket_lines *ret,
	struct tb_faults *faults)
{
	const json_t *list = json_object_get(json, "lines");
	json_t *line;
	size_t n = json_array_size(list), before = faults->count, i;
	_cleanup_basket_lines_ struct tb_basket_lines basket = {0};
	int r = 0;

	basket.lines = calloc(n + 1, sizeof(*basket.lines));
	if (!basket.lines)
		return -ENOMEM;
	json_array_foreach(list, i, line)
		read_line(line, &basket.lines[i]);
	basket.has_lines = list != NULL;
	basket.has_total = json_object_get(json, "total") != NULL;
	basket.basket = (struct tb_basket){
		.lines = basket.lines,
		.n_lines = n,
		.total = get_int(json, "total", 0),
	};
	for (i = 0; i < n; i++)
		check_line(&basket.lines[i], prefix, i, faults);
	r = check_numbers(&basket.basket, prefix, faults);
	if (r == 0 && faults->nomem)
		r = -ENOMEM;
	if (r < 0)
		return r;
	/* a passage by hand has a total and no lines, or neither yet */
	if (strict || (basket.has_total && n > 0))
		check_total(&basket, prefix, faults);
	if (strict && faults->count > before)
		return -EINVAL;
	*ret = basket;
	basket = (struct tb_basket_lines){0};
	return 0;
}

void
tb_basket_lines_done(struct tb_basket_lines *basket)
{
	free(basket->lines);
	*basket = (struct tb_basket_lines){0};
}

static int
read_use(const json_t *json, struct tb_use *use)
{
	*use = (struct tb_use){
		.has_amount = json_object_get(json, "amount") != NULL,
		.has_line = json_object_get(json, "line") != NULL,
		.forfeit_remainder = json_is_true(json_object_get(json, "forfeit_remainder")),
		.amount = get_int(json, "amount", 0),
		.line = get_int(json, "line", 0),
	};
	if ((use->code = get_text(json, "reward")))
		use->kind = TB_USE_REWARD;
	else if ((use->code = get_text(json, "coupon")))
		use->kind = TB_USE_COUPON;
	else if ((use->code = get_text(json, "gift_card")))
		use->kind = TB_USE_GIFT_CARD;
	else if (json_is_true(json_object_get(json, "wallet"))) {
		use->kind = TB_USE_WALLET;
		use->code = "wallet";
	} else {
		return -EINVAL;
	}
	return 0;
}

int
tb_uses_from_json(json_t *json, const char *prefix, struct tb_use **ret, size_t *ret_n,
	struct tb_faults *faults)
{
	size_t n = json_array_size(json), before = faults->count, i;
	_cleanup_free_ struct tb_use *uses = calloc(n + 1, sizeof(*uses));
	const json_t *use;

	if (!uses)
		return -ENOMEM;
	json_array_foreach(json, i, use) {
		if (read_use(use, &uses[i]) < 0)
			tb_faults_add(faults, "missing", "%s/%zu", prefix, i);
		else if (uses[i].has_amount && uses[i].amount <= 0)
			tb_faults_add(faults, "out_of_range", "%s/%zu/amount", prefix, i);
	}
	if (faults->nomem)
		return -ENOMEM;
	if (faults->count > before)
		return -EINVAL;
	*ret = TAKE_PTR(uses);
	*ret_n = n;
	return 0;
}
