/* SPDX-License-Identifier: MIT */
/*
 * tillctl sale: a till of one line at a time, to try a program out or to show a sale to somebody.
 * It reads commands from the terminal or a file, keeps the ticket, and lets the bridge do all the
 * reckoning. It is no cash register: nothing is kept of it but what the bridge was told.
 */
#include "bridge/tillctl-sale.h"

#include <stdio.h>
#include <string.h>

int64_t
tillctl_sale_total(const struct tillctl_sale *sale)
{
	const json_t *line;
	int64_t total = 0;
	size_t i;

	json_array_foreach(sale->lines, i, line)
		total += tillctl_number(line, "total");
	return total;
}

static int
cmd_customer(struct tillctl_sale *sale, int argc, char *argv[])
{
	return tillctl_sale_identify(sale, argv[1]);
}

/* "x3" or "x0,350": thousandths. */
static int
parse_quantity(const char *text, int64_t *ret)
{
	int64_t value = 0, unit = 1000;

	if (*text++ != 'x' || !*text)
		return -EINVAL;
	for (; *text >= '0' && *text <= '9' && value < 1000000000; text++)
		value = value * 10 + (*text - '0') * 1000;
	if (*text == '.' || *text == ',')
		for (text++; *text >= '0' && *text <= '9' && unit > 1; text++)
			value += (*text - '0') * (unit /= 10);
	if (*text || value <= 0)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* What the bridge knows of an article, so that label and category need not be typed. */
static json_t *
article_of(struct tillctl_sale *sale, const char *code)
{
	const json_t *known;
	size_t i;

	json_array_foreach(sale->articles, i, known)
		if (strcmp(tillctl_string(known, "code"), code) == 0) {
			static const char *const members[] = {"code", "label", "ean", "category"};
			json_t *article = json_object();

			for (size_t j = 0; j < ARRAY_SIZE(members); j++)
				if (json_object_get(known, members[j]))
					json_object_set(article, members[j],
						json_object_get(known, members[j]));
			return article;
		}
	return json_pack("{s:s, s:s}", "code", code, "label", code);
}

/* add CODE PRICE [xQUANTITY] [LABEL...] */
static int
cmd_add(struct tillctl_sale *sale, int argc, char *argv[])
{
	int64_t price, quantity = 1000;
	char money[TILLCTL_MONEY_TEXT];
	json_t *article;
	int label = 3;

	if (tillctl_parse_money(sale->ctl, argv[2], &price) < 0)
		return TILLCTL_USAGE;
	if (argc > 3 && parse_quantity(argv[3], &quantity) == 0)
		label = 4;
	article = article_of(sale, argv[1]);
	if (argc > label)
		json_object_set_new(article, "label", json_string(argv[label]));
	tillctl_say("  %-24s %s\n", tillctl_string(article, "label"),
		tillctl_money(sale->ctl, (price * quantity + 500) / 1000, money));
	sale->last_no++;
	json_array_append_new(sale->lines,
		json_pack("{s:I, s:o, s:I, s:I, s:I}", "no", (json_int_t)sale->last_no, "article",
			article, "quantity", (json_int_t)quantity, "unit_price", (json_int_t)price,
			"total", (json_int_t)((price * quantity + 500) / 1000)));
	return TILLCTL_DONE;
}

static json_t *
line_of(struct tillctl_sale *sale, const char *number)
{
	json_t *line;
	size_t i;

	json_array_foreach(sale->lines, i, line)
		if (tillctl_number(line, "no") == strtoll(number, NULL, 10))
			return line;
	fprintf(stderr, "there is no line %s\n", number);
	return NULL;
}

/* less LINE AMOUNT: the till's own discount */
static int
cmd_less(struct tillctl_sale *sale, int argc, char *argv[])
{
	json_t *line = line_of(sale, argv[1]);
	int64_t amount;

	if (!line)
		return TILLCTL_REFUSED;
	if (tillctl_parse_money(sale->ctl, argv[2], &amount) < 0)
		return TILLCTL_USAGE;
	json_object_set_new(
		line, "discount", json_integer(tillctl_number(line, "discount") + amount));
	json_object_set_new(line, "total", json_integer(tillctl_number(line, "total") - amount));
	return TILLCTL_DONE;
}

static int
cmd_remove(struct tillctl_sale *sale, int argc, char *argv[])
{
	json_t *line;
	size_t i;

	json_array_foreach(sale->lines, i, line)
		if (tillctl_number(line, "no") == strtoll(argv[1], NULL, 10))
			return json_array_remove(sale->lines, i) < 0 ? TILLCTL_REFUSED
			                                             : TILLCTL_DONE;
	fprintf(stderr, "there is no line %s\n", argv[1]);
	return TILLCTL_REFUSED;
}

static int
cmd_ticket(struct tillctl_sale *sale, int argc, char *argv[])
{
	char money[TILLCTL_MONEY_TEXT];
	const json_t *line;
	size_t i;

	json_array_foreach(sale->lines, i, line)
		tillctl_say("%3lld %-24s %s\n", (long long)tillctl_number(line, "no"),
			tillctl_string(json_object_get(line, "article"), "label"),
			tillctl_money(sale->ctl, tillctl_number(line, "total"), money));
	tillctl_say("    %-24s %s\n", "total",
		tillctl_money(sale->ctl, tillctl_sale_total(sale), money));
	return TILLCTL_DONE;
}

/* use REWARD|wallet|coupon CODE|gift CODE [AMOUNT] */
static int
cmd_use(struct tillctl_sale *sale, int argc, char *argv[])
{
	json_t *use = json_object();
	int next = 2;
	int64_t amount;

	if (strcmp(argv[1], "wallet") == 0)
		json_object_set_new(use, "wallet", json_true());
	else if (strcmp(argv[1], "coupon") == 0 && argc > 2)
		json_object_set_new(use, "coupon", json_string(argv[next++]));
	else if (strcmp(argv[1], "gift") == 0 && argc > 2)
		json_object_set_new(use, "gift_card", json_string(argv[next++]));
	else
		json_object_set_new(use, "reward", json_string(argv[1]));
	if (argc > next) {
		if (tillctl_parse_money(sale->ctl, argv[next], &amount) < 0) {
			json_decref(use);
			return TILLCTL_USAGE;
		}
		json_object_set_new(use, "amount", json_integer(amount));
	}
	json_array_append_new(sale->uses, use);
	return tillctl_sale_reserve(sale);
}

static int
cmd_unuse(struct tillctl_sale *sale, int argc, char *argv[])
{
	json_array_clear(sale->uses);
	return tillctl_sale_release(sale);
}

static int
cmd_rewards(struct tillctl_sale *sale, int argc, char *argv[])
{
	return tillctl_sale_quote(sale);
}

/* pay KIND [AMOUNT] */
static int
cmd_pay(struct tillctl_sale *sale, int argc, char *argv[])
{
	int64_t amount = sale->to_pay >= 0 ? sale->to_pay : tillctl_sale_total(sale);
	const json_t *tender;
	size_t i;

	json_array_foreach(sale->tenders, i, tender)
		amount -= tillctl_number(tender, "amount");
	if (argc > 2 && tillctl_parse_money(sale->ctl, argv[2], &amount) < 0)
		return TILLCTL_USAGE;
	json_array_append_new(sale->tenders,
		json_pack("{s:s, s:I}", "kind", argv[1], "amount", (json_int_t)amount));
	return TILLCTL_DONE;
}

static int
cmd_done(struct tillctl_sale *sale, int argc, char *argv[])
{
	return tillctl_sale_post(sale);
}

static int
cmd_wait(struct tillctl_sale *sale, int argc, char *argv[])
{
	return tillctl_sale_wait(sale);
}

static int
cmd_void(struct tillctl_sale *sale, int argc, char *argv[])
{
	return tillctl_sale_void(sale, argv[1]);
}

static int cmd_help(struct tillctl_sale *sale, int argc, char *argv[]);

/* Sorted by name. */
static const struct sale_command {
	const char *name, *arguments, *prose;
	int least, most; /* words behind the name */
	int (*run)(struct tillctl_sale *sale, int argc, char *argv[]);
} commands[] = {
	{"add", "CODE PRICE [xQUANTITY] [LABEL]", "an article on the ticket", 2, 4, cmd_add},
	{"customer", "CODE", "a card, a QR, a phone, an e-mail, an id", 1, 1, cmd_customer},
	{"done", "", "posts the sale; what is not paid yet is cash", 0, 0, cmd_done},
	{"help", "", "this list", 0, 0, cmd_help},
	{"less", "LINE AMOUNT", "the till's own discount on a line", 2, 2, cmd_less},
	{"pay", "KIND [AMOUNT]", "cash card cheque voucher other", 1, 2, cmd_pay},
	{"remove", "LINE", "takes a line off the ticket", 1, 1, cmd_remove},
	{"rewards", "", "what the customer may use on this ticket", 0, 0, cmd_rewards},
	{"ticket", "", "shows the ticket", 0, 0, cmd_ticket},
	{"unuse", "", "gives back all that was used", 0, 0, cmd_unuse},
	{"use", "REWARD|coupon CODE|gift CODE|wallet [AMOUNT]", "takes a reward off the ticket", 1,
		3, cmd_use},
	{"void", "SALE", "cancels a sale that was posted", 1, 1, cmd_void},
	{"wait", "", "waits for the next customer on a scanner", 0, 0, cmd_wait},
};

static int
cmd_help(struct tillctl_sale *sale, int argc, char *argv[])
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		tillctl_say("  %-9s %-45s %s\n", commands[i].name, commands[i].arguments,
			commands[i].prose);
	tillctl_say("  %-9s %-45s %s\n", "quit", "", "ends; what was not posted is given back");
	return TILLCTL_DONE;
}

/* Splits a line into words; quotes keep blanks together. */
static int
split(char *line, char *words[], int most)
{
	int n = 0;

	for (char *p = line; n < most;) {
		char end = ' ';

		p += strspn(p, " \t\r\n");
		if (!*p || *p == '#')
			break;
		if (*p == '"' || *p == '\'')
			end = *p++;
		words[n++] = p;
		p += end == ' ' ? strcspn(p, " \t\r\n") : strcspn(p, (char[]){end, '\n', '\0'});
		if (*p)
			*p++ = '\0';
	}
	return n;
}

static int
run_line(struct tillctl_sale *sale, char *line)
{
	char *words[8];
	int n = split(line, words, ARRAY_SIZE(words)), r;

	if (n == 0)
		return TILLCTL_DONE;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct sale_command *command = &commands[i];

		if (strcmp(command->name, words[0]) != 0)
			continue;
		r = n - 1 < command->least || n - 1 > command->most ? TILLCTL_USAGE
		                                                    : command->run(sale, n, words);
		if (r == TILLCTL_USAGE)
			fprintf(stderr, "usage: %s %s\n", command->name, command->arguments);
		return r;
	}
	fprintf(stderr, "no command %s; help lists them\n", words[0]);
	return TILLCTL_USAGE;
}

/* A person may go on after a mistake; a script ends at its first. */
static int
run_lines(struct tillctl_sale *sale, FILE *in, bool person)
{
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	int r = TILLCTL_DONE;

	for (;;) {
		if (person) {
			fputs("> ", stdout);
			fflush(stdout);
		}
		if (getline(&line, &cap, in) < 0)
			return r;
		if (strcmp(line, "quit\n") == 0)
			return TILLCTL_DONE;
		r = run_line(sale, line);
		fflush(stdout);
		if (r == TILLCTL_NO_BRIDGE || (r != TILLCTL_DONE && !person))
			return r;
		if (person)
			r = TILLCTL_DONE;
	}
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	const char *path = argc > 1 ? argv[1] : "-";
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct tillctl_sale sale = {.ctl = ctl};
	int r;

	if (argc > 2)
		return TILLCTL_USAGE;
	if (!in) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return TILLCTL_USAGE;
	}
	r = tillctl_sale_begin(&sale);
	if (r == TILLCTL_DONE)
		r = run_lines(&sale, in, in == stdin && isatty(STDIN_FILENO));
	tillctl_sale_end(&sale);
	if (in != stdin)
		fclose(in);
	return r;
}

const struct tillctl_command tillctl_sale = {
	.name = "sale",
	.arguments = "[FILE]",
	.prose = "a sale typed line by line, or from a file",
	.run = run,
};
