/* SPDX-License-Identifier: MIT */
/*
 * tillctl: what an installer types. This file finds the command, connects, makes calls and says
 * what went wrong; each command is a file of its own, and none of them knows the daemon but by its
 * socket.
 *
 * Exit codes: 0 done, 1 refused (the error's code on stderr), 2 usage, 3 the bridge is not there.
 */
#include "bridge/tillctl.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define CONNECT_MS 5000
#define CALL_MS 15000
#define LONG_CALL_MS 300000
#define FILE_MAX (64u << 20)

static const char *socket_path; /* --socket */

const struct tillctl_command *const tillctl_commands[] = {
	&tillctl_articles,
	&tillctl_calibrate,
	&tillctl_call,
	&tillctl_capture,
	&tillctl_customer,
	&tillctl_devices,
	&tillctl_doctor,
	&tillctl_export,
	&tillctl_help,
	&tillctl_ledger,
	&tillctl_outbox,
	&tillctl_pair,
	&tillctl_print_test,
	&tillctl_program,
	&tillctl_queue,
	&tillctl_replay,
	&tillctl_report,
	&tillctl_sale,
	&tillctl_scan_image,
	&tillctl_setup,
	&tillctl_status,
	&tillctl_watch,
	NULL,
};

int
tillctl_lost(const char *what, int error)
{
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		fprintf(stderr, "%s: no bridge is listening there; is tillbridged running?\n",
			what);
		return TILLCTL_NO_BRIDGE;
	case -EACCES:
		fprintf(stderr, "%s: not allowed; the group tillbridge is\n", what);
		return TILLCTL_NO_BRIDGE;
	case -ETIMEDOUT:
		fprintf(stderr, "%s: no answer; whether it happened is not known\n", what);
		return TILLCTL_NO_BRIDGE;
	case -EPIPE:
		fprintf(stderr, "%s: the bridge has closed the connection\n", what);
		return TILLCTL_NO_BRIDGE;
	case -EPROTO:
		fprintf(stderr, "%s: what is listening there is no tillbridge\n", what);
		return TILLCTL_NO_BRIDGE;
	case -EBUSY:
		fprintf(stderr, "rate_limited: the bridge has as many clients as it takes\n");
		return TILLCTL_REFUSED;
	case -EMSGSIZE:
		fprintf(stderr, "too_large: a call is at most 1 MiB\n");
		return TILLCTL_REFUSED;
	default:
		fprintf(stderr, "%s: %s\n", what, strerror(-error));
		return error == -EINVAL ? TILLCTL_USAGE : TILLCTL_NO_BRIDGE;
	}
}

const char *
tillctl_socket(void)
{
	const char *path = socket_path ? socket_path : getenv("TILLBRIDGE_SOCKET");

	return path && *path ? path : TILLBRIDGE_SOCKET;
}

int
tillctl_connect(struct tillctl *ctl)
{
	int r;

	if (ctl->till)
		return 0;
	r = tillbridge_connect(tillctl_socket(), CONNECT_MS, &ctl->till);
	if (r == 0)
		ctl->currency = tillbridge_string(tillbridge_hello(ctl->till), "/currency");
	return r;
}

/* The code first, so that a script can read it; then the sentence and the places. */
static void
say_refusal(const char *error)
{
	_cleanup_json_ json_t *object = json_loads(error, 0, NULL);
	const json_t *data = json_object_get(object, "data"), *place;
	const char *code = tillctl_string(data, "code"), *detail = tillctl_string(data, "detail");
	const char *reason = tillctl_string(data, "reason");
	size_t i;

	if (!*detail)
		detail = tillctl_string(object, "message");
	fprintf(stderr, "%s: %s%s%s%s\n", *code ? code : "refused", detail, *reason ? " (" : "",
		reason, *reason ? ")" : "");
	json_array_foreach(json_object_get(data, "errors"), i, place)
		fprintf(stderr, "  %s: %s\n", tillctl_string(place, "pointer"),
			tillctl_string(place, "code"));
}

static int
ask(struct tillctl *ctl, const char *method, json_t *params, int timeout_ms, json_t **ret)
{
	_cleanup_json_ json_t *taken = params;
	_cleanup_free_ char *text = NULL, *answer = NULL;
	json_error_t error;
	json_t *result;
	int r;

	r = tillctl_connect(ctl);
	if (r < 0)
		return tillctl_lost(tillctl_socket(), r);
	text = taken ? json_dumps(taken, JSON_COMPACT) : strdup("{}");
	if (!text)
		return tillctl_lost(method, -ENOMEM);
	r = tillbridge_call(ctl->till, method, text, timeout_ms, &answer);
	if (r < 0)
		return tillctl_lost(method, r);
	if (r == TILLBRIDGE_REFUSED) {
		say_refusal(answer);
		return TILLCTL_REFUSED;
	}
	result = json_loads(answer, JSON_DECODE_ANY, &error);
	if (!result)
		return tillctl_lost(method, -EPROTO);
	*ret = result;
	return TILLCTL_DONE;
}

int
tillctl_ask(struct tillctl *ctl, const char *method, json_t *params, json_t **ret)
{
	return ask(ctl, method, params, CALL_MS, ret);
}

int
tillctl_ask_long(struct tillctl *ctl, const char *method, json_t *params, json_t **ret)
{
	return ask(ctl, method, params, LONG_CALL_MS, ret);
}

int
tillctl_tell(struct tillctl *ctl, const char *method, json_t *params)
{
	_cleanup_json_ json_t *result = NULL;

	return ask(ctl, method, params, CALL_MS, &result);
}

int
tillctl_ask_pages(struct tillctl *ctl, tillctl_ask_fn ask_page, const char *method, json_t *params,
	tillctl_page_fn fn, void *userdata)
{
	_cleanup_json_ json_t *next = params ? params : json_object();
	bool more = true;
	int r = TILLCTL_DONE;

	while (more && r == TILLCTL_DONE) {
		_cleanup_json_ json_t *page = NULL;
		json_t *cursor;

		r = ask_page(ctl, method, json_incref(next), &page);
		if (r != TILLCTL_DONE)
			break;
		cursor = json_object_get(page, "cursor");
		more = cursor && json_object_set(next, "cursor", cursor) == 0;
		r = fn(ctl, page, userdata);
	}
	return r;
}

json_t *
tillctl_key(void)
{
	char text[32];
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		abort();
	snprintf(text, sizeof(text), "ctl-%016" PRIx64, number);
	return json_string(text);
}

void
tillctl_say(const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		text = NULL;
		return;
	}
	for (char *p = text; *p; p++)
		if (((unsigned char)*p < ' ' && *p != '\n') || *p == 0x7F)
			*p = '?';
	fputs(text, stdout);
}

void
tillctl_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	putchar('\n');
}

const char *
tillctl_string(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

int64_t
tillctl_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

const char *
tillctl_name(const json_t *customer, char *out, size_t size)
{
	const char *first = tillctl_string(customer, "first_name");
	const char *last = tillctl_string(customer, "last_name");

	snprintf(out, size, "%s%s%s", first, *first && *last ? " " : "", last);
	if (!*out)
		snprintf(out, size, "(no name)");
	return out;
}

/* How many decimals the amounts of a currency have (ISO 4217). */
static int
decimals(const struct tillctl *ctl)
{
	static const char *const none[] = {
		"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"};
	static const char *const three[] = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"};
	const char *currency = ctl->currency ? ctl->currency : "";

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (strcmp(currency, none[i]) == 0)
			return 0;
	for (size_t i = 0; i < ARRAY_SIZE(three); i++)
		if (strcmp(currency, three[i]) == 0)
			return 3;
	return 2;
}

static int64_t
minor_units(const struct tillctl *ctl)
{
	static const int64_t units[] = {1, 10, 100, 1000};

	return units[decimals(ctl)];
}

const char *
tillctl_money(const struct tillctl *ctl, int64_t amount, char *out)
{
	uint64_t plain = amount < 0 ? -(uint64_t)amount : (uint64_t)amount;
	uint64_t units = (uint64_t)minor_units(ctl);
	const char *sign = amount < 0 ? "-" : "", *currency = ctl->currency ? ctl->currency : "";

	if (units == 1)
		snprintf(out, TILLCTL_MONEY_TEXT, "%s%" PRIu64 " %.8s", sign, plain, currency);
	else
		snprintf(out, TILLCTL_MONEY_TEXT, "%s%" PRIu64 ".%0*" PRIu64 " %.8s", sign,
			plain / units, decimals(ctl), plain % units, currency);
	return out;
}

int
tillctl_parse_money(const struct tillctl *ctl, const char *text, int64_t *ret)
{
	int64_t units = minor_units(ctl), value = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 12)
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (text[i] - '0');
	value *= units;
	text += digits;
	if (*text == '.' || *text == ',') {
		for (text++; *text >= '0' && *text <= '9'; text++) {
			units /= 10;
			if (units == 0)
				return -EINVAL;
			value += (*text - '0') * units;
		}
	}
	if (*text)
		return -EINVAL;
	*ret = value;
	return 0;
}

char *
tillctl_read_file(const char *path, size_t *ret_len)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	_cleanup_free_ char *text = NULL;
	size_t len = 0, cap = 0;

	while (file && !ferror(file) && !feof(file)) {
		if (len + 1 >= cap) {
			char *more = cap < FILE_MAX ? realloc(text, cap ? cap * 2 : 65536) : NULL;

			if (!more) {
				fprintf(stderr, "%s: too large\n", path);
				if (file != stdin)
					fclose(file);
				return NULL;
			}
			text = more;
			cap = cap ? cap * 2 : 65536;
		}
		len += fread(text + len, 1, cap - len - 1, file);
	}
	if (!file || ferror(file)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		if (file && file != stdin)
			fclose(file);
		return NULL;
	}
	if (file != stdin)
		fclose(file);
	text[len] = '\0';
	*ret_len = len;
	return TAKE_PTR(text);
}

void
tillctl_usage(FILE *out)
{
	fprintf(out, "tillctl [--socket PATH] [--json] COMMAND\n\n");
	for (size_t i = 0; tillctl_commands[i]; i++)
		fprintf(out, "  %-11s %-34s %s\n", tillctl_commands[i]->name,
			tillctl_commands[i]->arguments, tillctl_commands[i]->prose);
	fprintf(out, "\nExit codes: 0 done, 1 refused, 2 usage, 3 the bridge is not there.\n");
}

static const struct tillctl_command *
find_command(const char *name)
{
	for (size_t i = 0; tillctl_commands[i]; i++)
		if (strcmp(tillctl_commands[i]->name, name) == 0)
			return tillctl_commands[i];
	return NULL;
}

/* Options stand before the command. -1: go on; else the exit code. */
static int
take_options(struct tillctl *ctl, int argc, char *argv[])
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"json", no_argument, NULL, 'j'},
		{"socket", required_argument, NULL, 's'},
		{"version", no_argument, NULL, 'v'},
		{0},
	};

	for (;;) {
		switch (getopt_long(argc, argv, "+hjs:", options, NULL)) {
		case -1:
			return -1;
		case 'h':
			tillctl_usage(stdout);
			return TILLCTL_DONE;
		case 'j':
			ctl->json = true;
			break;
		case 's':
			socket_path = optarg;
			break;
		case 'v':
			puts("tillctl " TB_VERSION);
			return TILLCTL_DONE;
		default:
			return TILLCTL_USAGE;
		}
	}
}

/* People also write it last. */
static int
take_trailing_json(struct tillctl *ctl, int argc, char *argv[])
{
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			ctl->json = true;
		else
			argv[kept++] = argv[i];
	}
	return kept;
}

int
main(int argc, char *argv[])
{
	struct tillctl ctl = {0};
	const struct tillctl_command *command;
	int r = take_options(&ctl, argc, argv);

	if (r >= 0)
		return r;
	if (optind == argc) {
		tillctl_usage(stderr);
		return TILLCTL_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	argc = optind + take_trailing_json(&ctl, argc - optind, argv + optind);
	command = find_command(argv[optind]);
	if (!command) {
		fprintf(stderr, "tillctl: no command %s; tillctl help lists them\n", argv[optind]);
		return TILLCTL_USAGE;
	}
	r = command->run(&ctl, argc - optind, argv + optind);
	if (r == TILLCTL_USAGE)
		fprintf(stderr, "usage: tillctl %s %s\n", command->name, command->arguments);
	if (fflush(stdout) == EOF && r == TILLCTL_DONE)
		r = TILLCTL_REFUSED;
	tillbridge_close(ctl.till);
	free(ctl.currency);
	return r;
}
