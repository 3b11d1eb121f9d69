/* SPDX-License-Identifier: MIT */
/*
 * Element strings and Digital Link addresses after the GS1 General Specifications (section 3, and
 * the table of predefined lengths 7.8.5) and the GS1 Digital Link URI syntax (sections 4 and 5). It
 * knows lengths and forms, not what a field is for.
 */

#include <string.h>
#include <strings.h>
#include "hw/codec/gs1.h"

/*
 * One row a run of application identifiers that share their first digits: ai_len digits in all,
 * then a value of min to max characters, the first `digits` of which are digits (255: all are).
 */
#define ALL 255
static const struct ai {
	char start[5];
	uint8_t ai_len, min, max, digits;
	bool key; /* may begin a Digital Link */
} ais[] = {
	{"00", 2, 18, 18, ALL, true},
	{"01", 2, 14, 14, ALL, true},
	{"02", 2, 14, 14, ALL},
	{"03", 2, 14, 14, ALL},
	{"10", 2, 1, 20, 0},
	{"11", 2, 6, 6, ALL},
	{"12", 2, 6, 6, ALL},
	{"13", 2, 6, 6, ALL},
	{"15", 2, 6, 6, ALL},
	{"16", 2, 6, 6, ALL},
	{"17", 2, 6, 6, ALL},
	{"20", 2, 2, 2, ALL},
	{"21", 2, 1, 20, 0},
	{"22", 2, 1, 20, 0},
	{"235", 3, 1, 28, 0},
	{"240", 3, 1, 30, 0},
	{"241", 3, 1, 30, 0},
	{"242", 3, 1, 6, ALL},
	{"243", 3, 1, 20, 0},
	{"250", 3, 1, 30, 0},
	{"251", 3, 1, 30, 0},
	{"253", 3, 13, 30, 13, true},
	{"254", 3, 1, 20, 0},
	{"255", 3, 13, 25, ALL, true},
	{"30", 2, 1, 8, ALL},
	{"31", 4, 6, 6, ALL},
	{"32", 4, 6, 6, ALL},
	{"33", 4, 6, 6, ALL},
	{"34", 4, 6, 6, ALL},
	{"35", 4, 6, 6, ALL},
	{"36", 4, 6, 6, ALL},
	{"37", 2, 1, 8, ALL},
	{"390", 4, 1, 15, ALL},
	{"391", 4, 4, 18, ALL},
	{"392", 4, 1, 15, ALL},
	{"393", 4, 4, 18, ALL},
	{"394", 4, 4, 4, ALL},
	{"395", 4, 6, 6, ALL},
	{"400", 3, 1, 30, 0},
	{"401", 3, 1, 30, 0, true},
	{"402", 3, 17, 17, ALL, true},
	{"403", 3, 1, 30, 0},
	{"410", 3, 13, 13, ALL},
	{"411", 3, 13, 13, ALL},
	{"412", 3, 13, 13, ALL},
	{"413", 3, 13, 13, ALL},
	{"414", 3, 13, 13, ALL, true},
	{"415", 3, 13, 13, ALL, true},
	{"416", 3, 13, 13, ALL},
	{"417", 3, 13, 13, ALL, true},
	{"420", 3, 1, 20, 0},
	{"421", 3, 4, 12, 3},
	{"422", 3, 3, 3, ALL},
	{"423", 3, 3, 15, ALL},
	{"424", 3, 3, 3, ALL},
	{"425", 3, 3, 15, ALL},
	{"426", 3, 3, 3, ALL},
	{"427", 3, 1, 3, 0},
	{"4300", 4, 1, 35, 0},
	{"4301", 4, 1, 35, 0},
	{"4307", 4, 2, 2, 0},
	{"4308", 4, 1, 30, 0},
	{"4309", 4, 20, 20, ALL},
	{"430", 4, 1, 70, 0},
	{"4310", 4, 1, 35, 0},
	{"4311", 4, 1, 35, 0},
	{"4317", 4, 2, 2, 0},
	{"4318", 4, 1, 20, 0},
	{"4319", 4, 1, 30, 0},
	{"431", 4, 1, 70, 0},
	{"4320", 4, 1, 35, 0},
	{"4321", 4, 1, 1, ALL},
	{"4322", 4, 1, 1, ALL},
	{"4323", 4, 1, 1, ALL},
	{"4324", 4, 10, 10, ALL},
	{"4325", 4, 10, 10, ALL},
	{"4326", 4, 6, 6, ALL},
	{"433", 4, 6, 7, 6},
	{"7001", 4, 13, 13, ALL},
	{"7002", 4, 1, 30, 0},
	{"7003", 4, 10, 10, ALL},
	{"7004", 4, 1, 4, ALL},
	{"7005", 4, 1, 12, 0},
	{"7006", 4, 6, 6, ALL},
	{"7007", 4, 6, 12, ALL},
	{"7008", 4, 1, 3, 0},
	{"7009", 4, 1, 10, 0},
	{"7010", 4, 1, 2, 0},
	{"7011", 4, 6, 10, ALL},
	{"7020", 4, 1, 20, 0},
	{"7021", 4, 1, 20, 0},
	{"7022", 4, 1, 20, 0},
	{"7023", 4, 1, 30, 0},
	{"703", 4, 4, 30, 3},
	{"7040", 4, 4, 4, 1},
	{"7041", 4, 1, 4, 0},
	{"71", 3, 1, 20, 0},
	{"723", 4, 3, 30, 0},
	{"7240", 4, 1, 20, 0},
	{"7241", 4, 2, 2, ALL},
	{"7242", 4, 1, 25, 0},
	{"7250", 4, 8, 8, ALL},
	{"7251", 4, 12, 12, ALL},
	{"7252", 4, 1, 1, ALL},
	{"7253", 4, 1, 40, 0},
	{"7254", 4, 1, 40, 0},
	{"7255", 4, 1, 10, 0},
	{"7256", 4, 1, 90, 0},
	{"7257", 4, 1, 70, 0},
	{"7258", 4, 3, 3, 1},
	{"7259", 4, 1, 40, 0},
	{"8001", 4, 14, 14, ALL},
	{"8002", 4, 1, 20, 0},
	{"8003", 4, 14, 30, 14, true},
	{"8004", 4, 1, 30, 0, true},
	{"8005", 4, 6, 6, ALL},
	{"8006", 4, 18, 18, ALL, true},
	{"8007", 4, 1, 34, 0},
	{"8008", 4, 8, 12, ALL},
	{"8009", 4, 1, 50, 0},
	{"8010", 4, 1, 30, 0, true},
	{"8011", 4, 1, 12, ALL},
	{"8012", 4, 1, 20, 0},
	{"8013", 4, 1, 25, 0, true},
	{"8014", 4, 1, 25, 0},
	{"8017", 4, 18, 18, ALL, true},
	{"8018", 4, 18, 18, ALL, true},
	{"8019", 4, 1, 10, ALL},
	{"8020", 4, 1, 25, 0},
	{"8026", 4, 18, 18, ALL},
	{"8030", 4, 1, 90, 0},
	{"8110", 4, 1, 70, 0},
	{"8111", 4, 4, 4, ALL},
	{"8112", 4, 1, 70, 0},
	{"8200", 4, 1, 70, 0},
	{"90", 2, 1, 30, 0},
	{"9", 2, 1, 90, 0},
};

static bool
is_digits(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

/* The row of the identifier that the text begins with; rows with more digits stand first. */
static const struct ai *
find_ai(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(ais); i++) {
		size_t n = strlen(ais[i].start);

		if (len >= ais[i].ai_len && !memcmp(text, ais[i].start, n) &&
			is_digits(text, ais[i].ai_len))
			return &ais[i];
	}
	return NULL;
}

/* The characters that a value may have: those of ISO 646 that print. A blank is none of them. */
static bool
value_holds(const struct ai *ai, const char *value, size_t len)
{
	if (len < ai->min || len > ai->max)
		return false;
	for (size_t i = 0; i < len; i++)
		if (value[i] <= 0x20 || value[i] >= 0x7f)
			return false;
	return is_digits(value, TB_MIN(ai->digits, len));
}

static void
add_field(struct tb_scan_field *field, const char *ai, size_t ai_len, const char *value, size_t len,
	char **values)
{
	memcpy(field->ai, ai, ai_len);
	field->ai[ai_len] = '\0';
	field->value = memcpy(*values, value, len);
	(*values)[len] = '\0';
	*values += len + 1;
}

size_t
tb_gs1_parse_elements(const char *text, size_t len, char *values,
	struct tb_scan_field fields[static TB_SCAN_FIELDS_MAX])
{
	const char *p = text, *end = text + len;
	size_t n = 0;

	while (p < end) {
		const struct ai *ai = find_ai(p, (size_t)(end - p));
		const char *value, *gs;
		size_t value_len;

		if (!ai || n == TB_SCAN_FIELDS_MAX)
			return 0;
		value = p + ai->ai_len;
		gs = memchr(value, TB_GS, (size_t)(end - value));
		value_len = (size_t)((gs ? gs : end) - value);
		/* a value of one length may be followed by the next with no GS between */
		if (ai->min == ai->max && value_len > ai->max)
			value_len = ai->max;
		if (!value_holds(ai, value, value_len))
			return 0;
		add_field(&fields[n++], p, ai->ai_len, value, value_len, &values);
		p = value + value_len;
		if (p < end && *p == TB_GS)
			p++;
	}
	return n;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes percent signs in place; the new length. */
static size_t
percent_decode(char *text, size_t len)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		int high = -1, low = -1;

		if (text[i] == '%' && i + 2 < len) {
			high = hex_digit(text[i + 1]);
			low = hex_digit(text[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			text[out++] = (char)(high * 16 + low);
			i += 2;
		} else {
			text[out++] = text[i];
		}
	}
	return out;
}

/* One `ai` = `value` of a link, decoded into *values. A GTIN may have its shorter lengths there. */
static bool
link_field(const char *ai_text, size_t ai_len, const char *value, size_t len,
	struct tb_scan_field *field, char **values, bool key)
{
	const struct ai *ai = ai_len >= 2 && ai_len <= 4 ? find_ai(ai_text, ai_len) : NULL;
	size_t n;

	if (!ai || ai->ai_len != ai_len || (key && !ai->key))
		return false;
	memcpy(*values, value, len);
	n = percent_decode(*values, len);
	if (!strcmp(ai->start, "01") && (n == 8 || n == 12 || n == 13)) {
		if (!is_digits(*values, n))
			return false;
	} else if (!value_holds(ai, *values, n)) {
		return false;
	}
	add_field(field, ai_text, ai_len, *values, n, values);
	return true;
}

struct span {
	const char *at;
	size_t len;
};

/* The rest of a path from an identifier on: pairs and nothing else, the first a key. */
static size_t
link_pairs(const struct span *parts, size_t n_parts, char **values, struct tb_scan_field *fields)
{
	size_t n = 0;

	if (n_parts % 2 != 0)
		return 0;
	for (size_t i = 0; i < n_parts; i += 2)
		if (!link_field(parts[i].at, parts[i].len, parts[i + 1].at, parts[i + 1].len,
			    &fields[n++], values, i == 0))
			return 0;
	return n;
}

/* The attributes behind the question mark; what is not GS1's there is somebody else's. */
static size_t
link_query(const char *p, const char *end, char **values, struct tb_scan_field *fields, size_t n)
{
	while (p < end && n > 0) {
		const char *stop = p, *equals;

		while (stop < end && *stop != '&' && *stop != ';')
			stop++;
		equals = memchr(p, '=', (size_t)(stop - p));
		if (equals && equals > p && is_digits(p, (size_t)(equals - p))) {
			if (n == TB_SCAN_FIELDS_MAX)
				return 0;
			if (link_field(p, (size_t)(equals - p), equals + 1,
				    (size_t)(stop - equals - 1), &fields[n], values, false))
				n++;
		}
		p = stop + 1;
	}
	return n;
}

size_t
tb_gs1_parse_link(const char *url, size_t len, char *values,
	struct tb_scan_field fields[static TB_SCAN_FIELDS_MAX])
{
	struct span parts[2 * TB_SCAN_FIELDS_MAX];
	const char *p, *host, *end = url + len, *query, *path_end;
	size_t n_parts = 0, n = 0;
	char *out = values;

	if (len > 8 && !strncasecmp(url, "https://", 8))
		host = url + 8;
	else if (len > 7 && !strncasecmp(url, "http://", 7))
		host = url + 7;
	else
		return 0;
	if ((query = memchr(host, '#', (size_t)(end - host))))
		end = query;
	query = memchr(host, '?', (size_t)(end - host));
	path_end = query ? query : end;
	p = memchr(host, '/', (size_t)(path_end - host));
	if (p == host)
		return 0;
	while (p && p < path_end) {
		const char *stop = memchr(p + 1, '/', (size_t)(path_end - p - 1));

		if (!stop)
			stop = path_end;
		/* a slash at the very end is no part */
		if (stop > p + 1 || stop < path_end) {
			if (n_parts == ARRAY_SIZE(parts))
				return 0;
			parts[n_parts++] = (struct span){p + 1, (size_t)(stop - p - 1)};
		}
		p = stop;
	}
	/* a resolver may stand below a path of its own: the key is where the pairs begin to hold */
	for (size_t i = 0; n == 0 && i < n_parts; i++) {
		out = values;
		n = link_pairs(parts + i, n_parts - i, &out, fields);
	}
	return query ? link_query(query + 1, end, &out, fields, n) : n;
}
