/* SPDX-License-Identifier: MIT */
/*
 * tillctl print-test: one ticket with everything that goes wrong on printers, and what became of
 * it.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl.h"

#define JOB_MS 60000

/* clang-format off */
static const char test_page[] =
	"{\"blocks\":["
	"{\"text\":\"tillbridge\",\"align\":\"center\",\"bold\":true,\"width\":2,\"height\":2},"
	"{\"text\":\"print-test\",\"align\":\"center\"},"
	"{\"rule\":true},"
	"{\"text\":\"àâäçéèêëîïôöùûüÿ ÀÇÉÈ œ Œ € « »\"},"
	"{\"columns\":[{\"text\":\"Café crème\",\"width\":24},{\"text\":\"2,50 €\",\"width\":8,\"align\":\"right\"}]},"
	"{\"columns\":[{\"text\":\"Éclair\",\"width\":24},{\"text\":\"3,20 €\",\"width\":8,\"align\":\"right\"}]},"
	"{\"rule\":true},"
	"{\"barcode\":\"4006381333931\",\"symbology\":\"ean13\",\"height\":60,\"hri\":true},"
	"{\"qr\":\"https://example.fr/c/PRINT-TEST\",\"size\":5},"
	"{\"text\":\"the code above must be readable\",\"align\":\"center\"},"
	"{\"feed\":3},{\"cut\":true}]}";
/* clang-format on */

static bool
is_end(const char *state)
{
	static const char *const ends[] = {"sent", "confirmed", "failed", "unknown", "cancelled"};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (strcmp(state, ends[i]) == 0)
			return true;
	return false;
}

/* Follows the job by its events. What happened before we asked is asked for once. */
static int
follow(struct tillctl *ctl, const char *job)
{
	char state[32] = "";
	_cleanup_json_ json_t *first = NULL;
	int r = tillctl_ask(ctl, "print.job", json_pack("{s:s}", "id", job), &first);

	if (r != TILLCTL_DONE)
		return r;
	snprintf(state, sizeof(state), "%s", tillctl_string(first, "state"));
	if (!ctl->json)
		tillctl_say("%s %s\n", state, tillctl_string(first, "reason"));
	while (!is_end(state)) {
		_cleanup_free_ char *method = NULL, *text = NULL;
		_cleanup_json_ json_t *params = NULL;
		int error = tillbridge_next(ctl->till, JOB_MS, &method, &text);

		if (error == -EOVERFLOW)
			continue;
		if (error < 0)
			return tillctl_lost("print-test", error);
		params = json_loads(text, 0, NULL);
		if (strcmp(method, "job") != 0 || strcmp(tillctl_string(params, "id"), job) != 0)
			continue;
		snprintf(state, sizeof(state), "%s", tillctl_string(params, "state"));
		if (!ctl->json)
			tillctl_say("%s %s\n", state, tillctl_string(params, "reason"));
		fflush(stdout);
	}
	if (ctl->json)
		printf("{\"job\":\"%s\",\"state\":\"%s\"}\n", job, state);
	return strcmp(state, "sent") == 0 || strcmp(state, "confirmed") == 0 ? TILLCTL_DONE
	                                                                     : TILLCTL_REFUSED;
}

int
tillctl_test_print(struct tillctl *ctl, const char *printer)
{
	_cleanup_json_ json_t *params = NULL, *result = NULL;
	int r = tillctl_tell(ctl, "events.subscribe", json_pack("{s:[s]}", "kinds", "job"));

	if (r != TILLCTL_DONE)
		return r;
	params = json_pack(
		"{s:o, s:o}", "key", tillctl_key(), "document", json_loads(test_page, 0, NULL));
	if (!params)
		return tillctl_lost("print-test", -ENOMEM);
	if (printer)
		json_object_set_new(params, "printer", json_string(printer));
	r = tillctl_ask(ctl, "print.document", json_incref(params), &result);
	if (r != TILLCTL_DONE)
		return r;
	if (!ctl->json)
		tillctl_say("job %s\n", tillctl_string(result, "job"));
	return follow(ctl, tillctl_string(result, "job"));
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	if (argc > 2)
		return TILLCTL_USAGE;
	return tillctl_test_print(ctl, argc == 2 ? argv[1] : NULL);
}

const struct tillctl_command tillctl_print_test = {
	.name = "print-test",
	.arguments = "[PRINTER]",
	.prose = "accents, columns, a barcode and a QR on paper",
	.run = run,
};
