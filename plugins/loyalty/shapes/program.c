/* SPDX-License-Identifier: MIT */
/*
 * A program out of its JSON, with the checks that a table of types cannot make: that its currency
 * is ours, its zone exists, its references point at something and each reward has what its kind
 * needs.
 */

#include <string.h>

#include "plugins/loyalty/shapes/shapes.h"

/* Memory that lives as long as the program. */
struct block {
	struct block *next;
	max_align_t data[];
};

struct loaded_program {
	struct tb_program program;
	struct tb_zone *zone;
	json_t *json; /* owns every string */
	struct block *blocks;
};

/* Where the reading stands: what is wrong is noted there. */
struct reading {
	struct loaded_program *loaded;
	struct tb_faults *faults;
	bool nomem;
};

/* One object of the program; the way to it is only spelled when there is a fault. */
struct place {
	struct reading *reading;
	json_t *object;
	const struct place *parent;
	const char *member; /* of the parent; at the top the prefix */
	bool is_item;       /* the index-th of the parent's list */
	size_t index;
};

static void *
keep(struct reading *reading, size_t n, size_t size)
{
	struct block *block;

	if (size && n > (SIZE_MAX - sizeof(*block)) / size) {
		reading->nomem = true;
		return NULL;
	}
	block = calloc(1, sizeof(*block) + n * size);
	if (!block) {
		reading->nomem = true;
		return NULL;
	}
	block->next = reading->loaded->blocks;
	reading->loaded->blocks = block;
	return block->data;
}

static void
spell(const struct place *place, struct tb_buf *buf)
{
	if (!place->parent) {
		tb_buf_add_str(buf, place->member);
		return;
	}
	spell(place->parent, buf);
	tb_buf_addf(buf, "/%s", place->member);
	if (place->is_item)
		tb_buf_addf(buf, "/%zu", place->index);
}

static void
fault_here(const struct place *place, const char *code)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);

	spell(place, &buf);
	if (tb_buf_error(&buf) < 0)
		place->reading->nomem = true;
	else
		tb_faults_add(place->reading->faults, code, "%s", buf.data ? buf.data : "");
}

static void
fault(const struct place *place, const char *member, const char *code)
{
	struct place at = {.reading = place->reading, .parent = place, .member = member};

	fault_here(&at, code);
}

static struct place
inside(const struct place *place, const char *member)
{
	return (struct place){
		.reading = place->reading,
		.object = json_object_get(place->object, member),
		.parent = place,
		.member = member,
	};
}

static struct place
item(const struct place *place, const char *list, size_t i)
{
	return (struct place){
		.reading = place->reading,
		.object = json_array_get(json_object_get(place->object, list), i),
		.parent = place,
		.member = list,
		.is_item = true,
		.index = i,
	};
}

/* ---- members ---- */

static void
fault_item(const struct place *place, const char *list, size_t i, const char *code)
{
	struct place at = item(place, list, i);

	fault_here(&at, code);
}

static const char *
get_text(const struct place *place, const char *member)
{
	return json_string_value(json_object_get(place->object, member));
}

/* Of an item whose id is missing the fault is told once, by the list. */
static const char *
get_id(const struct place *place)
{
	const char *id = get_text(place, "id");

	return id ? id : "";
}

static bool
get_bool(const struct place *place, const char *member)
{
	return json_is_true(json_object_get(place->object, member));
}

/* An amount, a count or a percentage: absent is 0, nothing of a program is below 0. */
static int64_t
get_int(const struct place *place, const char *member)
{
	int64_t v = json_integer_value(json_object_get(place->object, member));

	if (v >= 0)
		return v;
	fault(place, member, "out_of_range");
	return 0;
}

static void
get_names(const struct place *place, const char *member, struct tb_names *ret)
{
	json_t *list = json_object_get(place->object, member);
	size_t n = json_array_size(list), kept = 0;
	const char **names;

	if (n == 0)
		return;
	names = keep(place->reading, n, sizeof(*names));
	if (!names)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *name = json_string_value(json_array_get(list, i));

		/* a program out of a server's answer has passed no table */
		if (name)
			names[kept++] = name;
		else
			fault_item(place, member, i, "wrong_type");
	}
	*ret = (struct tb_names){.names = names, .count = kept};
}

static int64_t
get_time(const struct place *place, const char *member)
{
	const struct tb_zone *zone = place->reading->loaded->zone;
	const char *text = get_text(place, member);
	int64_t at;

	if (!text || !zone)
		return TB_TIME_NONE;
	if (tb_window_time(zone, text, &at) == 0)
		return at;
	fault(place, member, "bad_time");
	return TB_TIME_NONE;
}

static struct tb_window
get_window(const struct place *place, const char *from, const char *to)
{
	struct tb_window window = {get_time(place, from), get_time(place, to)};

	if (window.from_us != TB_TIME_NONE && window.to_us != TB_TIME_NONE &&
		window.to_us <= window.from_us)
		fault(place, to, "out_of_range");
	return window;
}

/* ---- rewards ---- */

static enum tb_reward_kind
get_kind(const struct place *place)
{
	static const char *const words[] = {
		[TB_REWARD_ARTICLE] = "article",
		[TB_REWARD_AMOUNT] = "amount",
		[TB_REWARD_PERCENT] = "percent",
		[TB_REWARD_CASHBACK] = "cashback",
		[TB_REWARD_GIFT] = "gift",
	};
	const char *word = get_text(place, "kind");

	for (size_t i = 0; word && i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], word) == 0)
			return (enum tb_reward_kind)i;
	fault(place, "kind", "bad_value");
	return TB_REWARD_GIFT;
}

/* A member that its kind cannot do without: absent, or there and nothing. Below 0 was told before.
 */
static void
need(const struct place *place, const char *member, int64_t value)
{
	const json_t *said = json_object_get(place->object, member);

	if (value == 0 && json_integer_value(said) >= 0)
		fault(place, member, said ? "out_of_range" : "missing");
}

static void
check_reward(const struct place *place, const struct tb_reward *reward)
{
	if (reward->bp > 10000)
		fault(place, "bp", "out_of_range");
	switch (reward->kind) {
	case TB_REWARD_ARTICLE:
		if (!reward->articles.count && !reward->categories.count)
			fault(place, "articles", "missing");
		break;
	case TB_REWARD_AMOUNT:
		need(place, "value", reward->value);
		break;
	case TB_REWARD_PERCENT:
		need(place, "bp", reward->bp);
		break;
	case TB_REWARD_CASHBACK:
		if (reward->value && reward->bp)
			fault(place, "bp", "bad_value");
		if (!reward->bp)
			need(place, "value", reward->value);
		break;
	case TB_REWARD_GIFT:
		break;
	}
	if (reward->value && reward->min_use > reward->value)
		fault(place, "min_use", "out_of_range");
	if (strncmp(reward->id, "article:", 8) == 0)
		fault(place, "id", "bad_value");
}

static void
read_reward(const struct place *place, struct tb_reward *reward)
{
	*reward = (struct tb_reward){
		.id = get_id(place),
		.title = get_text(place, "title"),
		.till_reference = get_text(place, "till_reference"),
		.kind = get_kind(place),
		.cost_points = get_int(place, "cost_points"),
		.value = get_int(place, "value"),
		.bp = get_int(place, "bp"),
		.max_amount = get_int(place, "max_amount"),
		.min_use = get_int(place, "min_use"),
		.min_ticket = get_int(place, "min_ticket"),
		.every_n = get_int(place, "every_n_passages"),
		.sequence = json_integer_value(json_object_get(place->object, "sequence")),
		.cost_price = -1,
		.valid = get_window(place, "valid_from", "valid_to"),
		.undiscounted_only = get_bool(place, "undiscounted_only"),
		.partial = get_bool(place, "partial"),
		.welcome = get_bool(place, "welcome"),
		.pro_only = get_bool(place, "pro_only"),
		.contact_required = get_bool(place, "contact_required"),
		.exclusive = get_bool(place, "exclusive"),
	};
	if (json_object_get(place->object, "cost_price"))
		reward->cost_price = get_int(place, "cost_price");
	get_names(place, "articles", &reward->articles);
	get_names(place, "categories", &reward->categories);
	get_names(place, "sites", &reward->sites);
	check_reward(place, reward);
}

/* ---- offers ---- */

static void
read_gain(const struct place *place, struct tb_offer *offer)
{
	static const struct {
		const char *member;
		enum tb_gain_kind kind;
	} gains[] = {
		{"multiplier_bp", TB_GAIN_MULTIPLIER},
		{"points", TB_GAIN_POINTS},
		{"wallet", TB_GAIN_WALLET},
		{"wallet_bp", TB_GAIN_WALLET_BP},
	};
	unsigned found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(gains); i++) {
		if (!json_object_get(place->object, gains[i].member))
			continue;
		found++;
		offer->gain = gains[i].kind;
		offer->gain_value = get_int(place, gains[i].member);
		need(place, gains[i].member, offer->gain_value);
	}
	if (found != 1)
		fault_here(place, found ? "bad_value" : "missing");
}

static void
read_offer(const struct place *place, struct tb_offer *offer)
{
	struct place when = inside(place, "when"), gain = inside(place, "gain");

	*offer = (struct tb_offer){
		.id = get_id(place),
		.title = get_text(place, "title"),
		.window = get_window(place, "from", "to"),
		.min_amount = get_int(&when, "min_amount"),
		.nth_passage = get_int(&when, "nth_passage"),
	};
	get_names(place, "sites", &offer->sites);
	get_names(place, "modes", &offer->modes);
	get_names(place, "groups", &offer->groups);
	get_names(&when, "articles", &offer->articles);
	get_names(&when, "categories", &offer->categories);
	read_gain(&gain, offer);
}

/* ---- coupon rules ---- */

static void
read_coupon_rule(const struct place *place, struct tb_coupon_rule *rule)
{
	struct place on = inside(place, "on");

	*rule = (struct tb_coupon_rule){
		.id = get_id(place),
		.reward = get_text(place, "reward"),
		.on = TB_COUPON_BY_HAND,
		.valid_days = get_int(place, "valid_days"),
	};
	if (json_object_get(on.object, "every_n_passages")) {
		rule->on = TB_COUPON_EVERY_N;
		rule->n = get_int(&on, "every_n_passages");
		need(&on, "every_n_passages", rule->n);
	} else if (json_object_get(on.object, "days_before_birthday")) {
		rule->on = TB_COUPON_BEFORE_BIRTHDAY;
		rule->n = get_int(&on, "days_before_birthday");
	} else if (json_object_get(on.object, "days_unseen")) {
		rule->on = TB_COUPON_UNSEEN;
		rule->n = get_int(&on, "days_unseen");
		need(&on, "days_unseen", rule->n);
	}
	if (!rule->reward || !tb_program_reward(&place->reading->loaded->program, rule->reward))
		fault(place, "reward", "reward_unknown");
}

/* ---- the lists ---- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
duplicate(const struct place *place, const char *list, size_t i)
{
	struct place at = item(place, list, i);

	fault(&at, "id", "duplicate");
}

/* An id stands for one thing: the second of the same is a fault. */
static void
check_ids(const struct place *place, const char *list, const char **ids, size_t n)
{
	const char **sorted = keep(place->reading, n, sizeof(*sorted));

	if (!sorted)
		return;
	memcpy(sorted, ids, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_text);
	for (size_t i = 1; i < n; i++) {
		size_t last = n;

		if (sorted[i][0] == '\0' || strcmp(sorted[i - 1], sorted[i]) != 0)
			continue;
		while (strcmp(ids[--last], sorted[i]) != 0)
			;
		duplicate(place, list, last);
	}
}

typedef void (*read_item_fn)(const struct place *place, void *item);

static void
read_reward_item(const struct place *place, void *reward)
{
	read_reward(place, reward);
}

static void
read_offer_item(const struct place *place, void *offer)
{
	read_offer(place, offer);
}

static void
read_rule_item(const struct place *place, void *rule)
{
	read_coupon_rule(place, rule);
}

/* Every item of a list begins with its id. */
static void *
read_list(
	const struct place *place, const char *list, size_t size, read_item_fn read, size_t *ret_n)
{
	size_t n = json_array_size(json_object_get(place->object, list));
	char *items = keep(place->reading, n ? n : 1, size);
	const char **ids = keep(place->reading, n ? n : 1, sizeof(*ids));

	*ret_n = 0;
	if (!items || !ids)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct place at = item(place, list, i);

		ids[i] = get_id(&at);
		if (ids[i][0] == '\0')
			fault(&at, "id", "missing");
		read(&at, items + i * size);
		if (place->reading->nomem)
			return NULL;
	}
	*ret_n = n;
	check_ids(place, list, ids, n);
	return items;
}

/* ---- the program ---- */

static void
read_earning(const struct place *place, struct tb_earning *earning)
{
	struct place per_amount = inside(place, "per_amount");
	const char *combine = get_text(place, "combine");

	*earning = (struct tb_earning){
		.per_passage = get_int(place, "per_passage"),
		.per_article = get_bool(place, "per_article"),
		.combine = combine && strcmp(combine, "sum") == 0 ? TB_COMBINE_SUM
	                                                          : TB_COMBINE_BEST,
		.min_ticket = get_int(place, "min_ticket"),
		.on_loyalty_tender = get_bool(place, "on_loyalty_tender"),
	};
	if (!per_amount.object)
		return;
	earning->amount_points = get_int(&per_amount, "points");
	earning->amount_unit = get_int(&per_amount, "amount");
	need(&per_amount, "amount", earning->amount_unit);
}

/* The members of a customer that a profile may ask for. */
static const char *const record_fields[] = {
	"birthday",
	"city",
	"consents",
	"country",
	"emails",
	"first_name",
	"gender",
	"groups",
	"language",
	"last_name",
	"phones",
	"postcode",
	"street",
	"title",
};

static void
read_profile_bonus(const struct place *place, struct tb_program *program)
{
	if (!place->object)
		return;
	program->profile_points = get_int(place, "points");
	get_names(place, "fields", &program->profile_fields);
	if (!program->profile_fields.count)
		fault(place, "fields", "missing");
	for (size_t i = 0; i < program->profile_fields.count; i++) {
		const char *field = program->profile_fields.names[i];
		size_t k = 0;

		while (k < ARRAY_SIZE(record_fields) && strcmp(record_fields[k], field) != 0)
			k++;
		if (k == ARRAY_SIZE(record_fields))
			fault_item(place, "fields", i, "unknown");
	}
}

static void
read_zone(const struct place *place, struct loaded_program *loaded)
{
	const char *name = get_text(place, "time_zone");
	int r = name ? tb_zone_load(name, &loaded->zone) : -ENOENT;

	if (r == -ENOMEM)
		place->reading->nomem = true;
	else if (r < 0)
		fault(place, "time_zone", name ? "time_zone_unknown" : "missing");
	loaded->program.zone = loaded->zone;
}

static void
read_program(const struct place *place, const char *currency, struct loaded_program *loaded)
{
	struct tb_program *program = &loaded->program;
	struct place earning = inside(place, "earning"), profile = inside(place, "profile_bonus"),
		     sponsorship = inside(place, "sponsorship");

	program->currency = get_text(place, "currency");
	if (!program->currency)
		fault(place, "currency", "missing");
	else if (currency && strcmp(currency, program->currency) != 0)
		fault(place, "currency", "currency_mismatch");
	read_zone(place, loaded);
	read_earning(&earning, &program->earning);
	program->max_points_per_passage = get_int(place, "max_points_per_passage");
	program->min_delay_s = get_int(place, "min_delay_s");
	program->points_expire_days = get_int(place, "points_expire_days");
	program->contact_required_to_redeem = get_bool(place, "contact_required_to_redeem");
	program->offline_max_value = get_int(place, "offline_max_value");
	program->rewards = read_list(
		place, "rewards", sizeof(struct tb_reward), read_reward_item, &program->n_rewards);
	program->offers = read_list(
		place, "offers", sizeof(struct tb_offer), read_offer_item, &program->n_offers);
	program->coupons = read_list(place, "coupons", sizeof(struct tb_coupon_rule),
		read_rule_item, &program->n_coupons);
	read_profile_bonus(&profile, program);
	program->sponsor_points = get_int(&sponsorship, "sponsor_points");
	program->newcomer_points = get_int(&sponsorship, "newcomer_points");
}

int
tb_program_from_json(json_t *json, const char *currency, const char *prefix,
	struct tb_program **ret, struct tb_faults *faults)
{
	struct loaded_program *loaded = calloc(1, sizeof(*loaded));
	struct reading reading = {.loaded = loaded, .faults = faults};
	struct place place = {.reading = &reading, .object = json, .member = prefix};
	size_t before = faults->count;
	int r;

	if (!loaded)
		return -ENOMEM;
	loaded->json = json_incref(json);
	read_program(&place, currency, loaded);
	if (reading.nomem || faults->nomem)
		r = -ENOMEM;
	else if (faults->count > before)
		r = -EINVAL;
	else
		r = tb_program_prepare(&loaded->program);
	if (r < 0) {
		tb_program_free(&loaded->program);
		return r;
	}
	*ret = &loaded->program;
	return 0;
}

void
tb_program_free(struct tb_program *program)
{
	struct loaded_program *loaded;

	if (!program)
		return;
	loaded = container_of(program, struct loaded_program, program);
	tb_program_release(program);
	while (loaded->blocks) {
		struct block *block = loaded->blocks;

		loaded->blocks = block->next;
		free(block);
	}
	tb_zone_free(loaded->zone);
	json_decref(loaded->json);
	free(loaded);
}
