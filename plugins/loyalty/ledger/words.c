/* SPDX-License-Identifier: MIT */
/* Folding records and typed text into words, and the rows of the table of words. */

#include "plugins/loyalty/ledger/words.h"

#include <ctype.h>
#include <string.h>
#include "base/text.h"

static bool
is_digits_only(const char *text)
{
	bool any = false;

	for (const char *p = text; *p; p++) {
		if (*p >= '0' && *p <= '9')
			any = true;
		else if (!strchr(" +-./()", *p))
			return false;
	}
	return any;
}

static bool
is_word_byte(unsigned char c)
{
	return c >= 0x80 || isalnum(c);
}

#define WORD_MAX 60 /* bytes: of longer ones the beginning counts, to whole characters */

/* Appends the words of folded text, each with a blank before it but the first of a line. */
static void
add_words(struct tb_buf *buf, const char *folded)
{
	bool inside = false;
	size_t begin = 0;

	for (const char *p = folded; *p; p++) {
		/* The marks that names are written with and people leave out when they type. */
		if (strncmp(p, "\xe2\x80\x99", 3) == 0 || strncmp(p, "\xe2\x80\x93", 3) == 0) {
			inside = false;
			p += 2;
			continue;
		}
		if (!is_word_byte((unsigned char)*p)) {
			inside = false;
			continue;
		}
		if (!inside) {
			if (buf->len && buf->data[buf->len - 1] != '\n')
				tb_buf_add_byte(buf, ' ');
			begin = buf->len;
		}
		inside = true;
		/* A character is begun only where all of it has room. */
		if (buf->len < begin + WORD_MAX - 4 ||
			(buf->len < begin + WORD_MAX && ((unsigned char)*p & 0xc0) == 0x80))
			tb_buf_add_byte(buf, (uint8_t)*p);
	}
}

static void
add_digits(struct tb_buf *buf, const char *text)
{
	if (buf->len && buf->data[buf->len - 1] != '\n')
		tb_buf_add_byte(buf, ' ');
	for (size_t n = 0; *text && n < WORD_MAX - 4; text++) {
		if (*text < '0' || *text > '9')
			continue;
		tb_buf_add_byte(buf, (uint8_t)*text);
		n++;
	}
}

/* Each text is folded alone: a name with an accent makes nothing else slow. */
static int
add_folded(struct tb_buf *buf, const char *text)
{
	_cleanup_free_ char *folded = tb_text_fold_search(text);

	if (!folded)
		return -ENOMEM;
	add_words(buf, folded);
	return 0;
}

/*
 * Groups of digits that people leave blanks between are one number: 06 12 34 56 78. A group of five
 * that begins is a postcode, and one of more than four begins a number of its own.
 */
static void
join_digits(const char *words, struct tb_buf *out)
{
	size_t before = 0; /* digits of the number that may go on */

	for (const char *p = words; *p;) {
		size_t len = strcspn(p, " ");
		bool digits = strspn(p, "0123456789") == len;

		if (out->len && !(digits && before && len <= 4))
			tb_buf_add_byte(out, ' ');
		before = !digits || (before == 0 && len == 5) ? 0 : before + len;
		tb_buf_add(out, p, len);
		p += len + (p[len] == ' ');
	}
	if (!out->data)
		tb_buf_add_str(out, "");
}

#define DOMAIN '@' /* before a part of an e-mail's domain */
#define LAST '.'   /* before the last one */
#define EITHER ',' /* typed: before what may be a part of a domain, or a word like others */

/* A word that only narrows a search, told by its mark from those that may lead one. */
static void
add_marked(struct tb_buf *buf, char mark, const char *text, size_t len)
{
	if (buf->len && buf->data[buf->len - 1] != '\n')
		tb_buf_add_byte(buf, ' ');
	tb_buf_add_byte(buf, (uint8_t)mark);
	tb_buf_add(buf, text, TB_MIN(len, (size_t)WORD_MAX));
}

/* Each word of the first len bytes of folded text, marked. */
static int
add_all_marked(struct tb_buf *buf, char mark, const char *folded, size_t len)
{
	_cleanup_buf_ struct tb_buf words = TB_BUF_INIT(0);
	_cleanup_free_ char *part = strndup(folded, len);

	if (!part)
		return -ENOMEM;
	add_words(&words, part);
	for (const char *p = words.data; p && *p;) {
		size_t n = strcspn(p, " ");

		add_marked(buf, mark, p, n);
		p += n + (p[n] == ' ');
	}
	return tb_buf_error(&words);
}

/* The dot before the last part of an e-mail's domain, or of something that looks like one. */
static const char *
domain_end(const char *chunk, size_t len)
{
	const char *at = memchr(chunk, '@', len), *dot = memrchr(chunk, '.', len);
	size_t rest = dot ? (size_t)(chunk + len - dot) - 1 : 0;

	if (!dot || dot == chunk || dot < at || rest < 2 || (!at && rest > 3))
		return NULL;
	for (size_t i = 1; i <= rest; i++)
		if (!is_word_byte((unsigned char)dot[i]) || isdigit((unsigned char)dot[i]))
			return NULL;
	return dot;
}

/* Words into `words`, what can only narrow into `ends`. */
static int
split_typed(const char *folded, struct tb_buf *words, struct tb_buf *ends)
{
	int r = 0;

	for (const char *p = folded; *p && r >= 0;) {
		size_t len = strcspn(p, " "), name = len;
		const char *at = memchr(p, '@', len), *dot = domain_end(p, len);
		const char *from = at ? at + 1 : p, *to = dot ? dot : p + len;
		char mark = at ? DOMAIN : EITHER;

		if (at || dot) {
			name = at ? (size_t)(at - p) : 0;
			r = add_all_marked(ends, mark, from, (size_t)(to - from));
		}
		if (dot)
			add_marked(ends, at ? LAST : EITHER, dot + 1, (size_t)(p + len - dot) - 1);
		if (r >= 0 && name > 0) {
			_cleanup_free_ char *part = strndup(p, name);

			r = part ? 0 : -ENOMEM;
			add_words(words, part ? part : "");
		}
		p += len + (p[len] == ' ');
	}
	return r;
}

char *
tb_words_typed(const char *text)
{
	_cleanup_buf_ struct tb_buf words = TB_BUF_INIT(0), ends = TB_BUF_INIT(0);
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);
	_cleanup_free_ char *folded = NULL, *phone = NULL;

	while (*text == ' ')
		text++;
	if (is_digits_only(text) && (*text == '+' || strncmp(text, "00", 2) == 0)) {
		phone = tb_phone_e164(text, NULL);
		add_digits(&buf, phone ? phone : *text == '0' ? text + 2 : text);
		return tb_buf_take(&buf);
	}
	folded = tb_text_fold_search(text);
	if (!folded || split_typed(folded, &words, &ends) < 0)
		return NULL;
	join_digits(words.data ? words.data : "", &buf);
	if (ends.len) {
		tb_buf_add_byte(&buf, '\n');
		tb_buf_add(&buf, ends.data, ends.len);
	}
	return tb_buf_error(&words) || tb_buf_error(&ends) ? NULL : tb_buf_take(&buf);
}

/* ---- a record's words --------------------------------------------------------------------- */

/* A phone is found by its digits with the country and as it is dialled at home. */
static void
add_phone(struct tb_operation *op, struct tb_buf *buf, const char *e164)
{
	const struct tb_ledger *l = op->ledger;
	size_t n = strlen(l->dial_prefix);

	add_digits(buf, e164);
	if (n == 0 || strncmp(e164, l->dial_prefix, n) != 0)
		return;
	tb_buf_add_byte(buf, ' ');
	if (l->dial_trunk_zero)
		tb_buf_add_byte(buf, '0');
	tb_buf_add_str(buf, e164 + n);
}

/* Adds the words of a text that is one; -ENOMEM sticks in *r. */
static void
add_text(struct tb_buf *words, const json_t *value, int *r)
{
	if (*r >= 0 && json_is_string(value))
		*r = add_folded(words, json_string_value(value));
}

/* Numbers alone are walked where they are kept; one with letters is a word like any other. */
static void
add_number(struct tb_buf *words, const json_t *value, int *r)
{
	if (json_is_string(value) && !is_digits_only(json_string_value(value)))
		add_text(words, value, r);
}

/* The part of an e-mail before its @. */
static void
add_local_part(struct tb_buf *words, const json_t *value, int *r)
{
	const char *email = json_string_value(value);
	_cleanup_free_ char *part = strndup(email, strcspn(email, "@"));

	if (*r >= 0)
		*r = part ? add_folded(words, part) : -ENOMEM;
}

/* And behind it: half a shop's customers have the same, so that it narrows and does not lead. */
static int
add_domain(struct tb_buf *words, const json_t *value)
{
	_cleanup_free_ char *folded = tb_text_fold_search(
		strchr(json_string_value(value), '@') + 1);
	const char *dot = folded ? strrchr(folded, '.') : NULL;
	int r;

	if (!folded)
		return -ENOMEM;
	r = add_all_marked(words, DOMAIN, folded, dot ? (size_t)(dot - folded) : strlen(folded));
	if (dot)
		add_marked(words, LAST, dot + 1, strlen(dot + 1));
	return r;
}

/* The first line: what a search may begin with. */
static int
add_names(struct tb_buf *words, const json_t *record)
{
	static const char *const texts[] = {"first_name", "last_name", "city", "postcode"};
	const char *name;
	json_t *value;
	int r = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		add_text(words, json_object_get(record, texts[i]), &r);
	json_array_foreach(json_object_get(record, "emails"), i, value)
		add_local_part(words, value, &r);
	json_array_foreach(json_object_get(record, "cards"), i, value)
		add_number(words, json_object_get(value, "number"), &r);
	json_object_foreach(json_object_get(record, "external_refs"), name, value)
		add_number(words, value, &r);
	return r;
}

static int
add_others(struct tb_operation *op, struct tb_buf *words, const json_t *record)
{
	const char *name;
	json_t *value;
	int r = 0;
	size_t i;

	json_array_foreach(json_object_get(record, "emails"), i, value)
		if (r >= 0)
			r = add_domain(words, value);
	json_array_foreach(json_object_get(record, "cards"), i, value)
		add_text(words, json_object_get(value, "number"), &r);
	json_object_foreach(json_object_get(record, "external_refs"), name, value)
		add_text(words, value, &r);
	json_array_foreach(json_object_get(record, "phones"), i, value)
		add_phone(op, words, json_string_value(value));
	return r;
}

char *
tb_words_of(struct tb_operation *op, const json_t *record)
{
	_cleanup_buf_ struct tb_buf words = TB_BUF_INIT(0);
	int r = add_names(&words, record);

	tb_buf_add_byte(&words, '\n');
	if (r >= 0)
		r = add_others(op, &words, record);
	return r < 0 ? NULL : tb_buf_take(&words);
}

/* ---- walking ------------------------------------------------------------------------------ */

static bool
walk(const char *p, const char *ends, tb_word_fn fn, void *userdata)
{
	while (*p && !strchr(ends, *p)) {
		size_t n = strcspn(p, " \n");

		if (n > 0 && fn(p, n, userdata))
			return true;
		p += n;
		while (*p && !strchr(ends, *p) && (*p == ' ' || *p == '\n'))
			p++;
	}
	return false;
}

bool
tb_words_each(const char *line, tb_word_fn fn, void *userdata)
{
	return line && walk(line, "\n", fn, userdata);
}

struct word {
	const char *text;
	size_t len;
};

static bool
is_number(const char *text, size_t len)
{
	return strspn(text, "0123456789") >= len;
}

static bool
begins_with(const char *word, size_t len, void *userdata)
{
	const struct word *typed = userdata;

	return len >= typed->len && memcmp(word, typed->text, typed->len) == 0;
}

#define NUMBER_MIN 9 /* digits of what may be a phone */

/* Begins it, or is the end of a number; what may be either begins it with its mark or without. */
static bool
matches(const char *word, size_t len, void *userdata)
{
	const struct word *typed = userdata;

	if (*typed->text == EITHER) {
		size_t mark = *word == LAST || *word == DOMAIN;

		return len - mark >= typed->len - 1 &&
		       memcmp(word + mark, typed->text + 1, typed->len - 1) == 0;
	}
	if (begins_with(word, len, userdata) ||
		(*word == DOMAIN && begins_with(word + 1, len - 1, userdata)))
		return true;
	return len >= NUMBER_MIN && len > typed->len && typed->len >= TB_WORDS_END_MIN &&
	       memcmp(word + len - typed->len, typed->text, typed->len) == 0 &&
	       is_number(word, len);
}

static bool
missing(const char *word, size_t len, void *userdata)
{
	struct word typed = {.text = word, .len = len};

	return !walk(userdata, "", matches, &typed);
}

bool
tb_words_begin(const char *words, const char *typed, size_t len)
{
	struct word sought = {.text = typed, .len = len};

	return words && walk(words, "", begins_with, &sought);
}

bool
tb_words_match(const char *typed, const char *words)
{
	return words && !walk(typed, "", missing, (void *)words);
}

/* ---- rows --------------------------------------------------------------------------------- */

struct putting {
	struct tb_operation *op;
	int64_t customer;
	const char *other; /* words that stand there too are left alone */
	const char *sql;
	int r;
};

static bool
same_word(const char *word, size_t len, void *userdata)
{
	const struct word *sought = userdata;

	return len == sought->len && memcmp(word, sought->text, len) == 0;
}

static bool
put_word(const char *word, size_t len, void *userdata)
{
	struct putting *p = userdata;
	struct word sought = {.text = word, .len = len};

	if (tb_words_each(p->other, same_word, &sought))
		return false;
	p->r = tb_store_run(p->op->store, p->sql, V_TEXT_N(word, len), V_INT(p->customer));
	return p->r < 0;
}

int
tb_words_put(struct tb_operation *op, int64_t customer, const char *old, const char *words)
{
	struct putting p = {
		.op = op,
		.customer = customer,
		.other = words,
		.sql = "DELETE FROM words WHERE word = ?1 AND customer = ?2",
	};

	tb_words_each(old, put_word, &p);
	if (p.r < 0)
		return p.r;
	p.other = old;
	p.sql = "INSERT INTO words(word, customer) VALUES(?1, ?2) ON CONFLICT DO NOTHING";
	tb_words_each(words, put_word, &p);
	return p.r < 0 ? p.r : 0;
}
