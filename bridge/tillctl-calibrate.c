/* SPDX-License-Identifier: MIT */
/*
 * tillctl calibrate: a code to scan, on paper where there is a printer; then the layout that the
 * scanner types under, and what to write in its section. The finding out is the bridge's.
 */
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl.h"

#define SCAN_MS 120000

/* Bar code for lasers, QR for cameras; the text for who has to make one elsewhere. */
static json_t *
page(const char *code)
{
	return json_pack("{s:[{s:s, s:s, s:b}, {s:s}, {s:s, s:s, s:i}, {s:s, s:i}, {s:s}, {s:i}, "
			 "{s:b}]}",
		"blocks", "text", "tillctl calibrate", "align", "center", "bold", 1, "text",
		"Scan one of these codes:", "barcode", code, "symbology", "code128", "height", 80,
		"qr", code, "size", 5, "text", code, "feed", 3, "cut", 1);
}

/* Prints if there is a printer to print on; whether it does. */
static bool
print_code(struct tillctl *ctl, const char *code, const char *printer)
{
	_cleanup_json_ json_t *params = json_pack(
		"{s:o, s:o}", "key", tillctl_key(), "document", page(code));
	_cleanup_free_ char *text = NULL, *answer = NULL;

	if (params && printer)
		json_object_set_new(params, "printer", json_string(printer));
	text = params ? json_dumps(params, JSON_COMPACT) : NULL;
	return text && tillbridge_call(ctl->till, "print.document", text, 15000, &answer) == 0;
}

static void
say_code(struct tillctl *ctl, const json_t *asked, bool printed)
{
	const char *code = tillctl_string(asked, "code");

	if (ctl->json) {
		_cleanup_json_ json_t *line = json_pack(
			"{s:s, s:b}", "code", code, "printed", printed);

		tillctl_print_json(line);
	} else {
		if (strcmp(tillctl_string(asked, "state"), "ready") != 0)
			tillctl_say("%s is %s: %s\n", tillctl_string(asked, "device"),
				tillctl_string(asked, "state"), tillctl_string(asked, "reason"));
		tillctl_say(printed ? "Scan the code that is being printed, with %s:\n"
				    : "Scan this as Code 128 or QR, with %s:\n",
			tillctl_string(asked, "device"));
		tillctl_say("  %s\n", code);
	}
	fflush(stdout);
}

/* The next code's answer of the bridge; NULL with the exit code. */
static json_t *
wait_for_scan(struct tillctl *ctl, int *ret)
{
	for (;;) {
		_cleanup_free_ char *method = NULL, *text = NULL;
		int error = tillbridge_next(ctl->till, SCAN_MS, &method, &text);

		if (error == -EOVERFLOW || (error == 0 && strcmp(method, "calibrated") != 0))
			continue;
		if (error == -ETIMEDOUT) {
			fprintf(stderr, "calibrate: nothing was scanned\n");
			*ret = TILLCTL_REFUSED;
			return NULL;
		}
		if (error < 0) {
			*ret = tillctl_lost("calibrate", error);
			return NULL;
		}
		return json_loads(text, 0, NULL);
	}
}

/* What of the device goes into a section of its own, when it has none. */
static json_t *
find_device(struct tillctl *ctl, const char *name)
{
	_cleanup_json_ json_t *list = NULL;
	json_t *device;
	size_t i;

	if (tillctl_ask(ctl, "device.list", NULL, &list) != TILLCTL_DONE)
		return NULL;
	json_array_foreach(json_object_get(list, "devices"), i, device)
		if (strcmp(tillctl_string(device, "device"), name) == 0)
			return json_incref(device);
	return NULL;
}

static void
say_section(struct tillctl *ctl, const char *name, const char *layout)
{
	_cleanup_json_ json_t *device = find_device(ctl, name);
	const char *vid = tillctl_string(device, "vid"), *serial = tillctl_string(device, "serial");

	tillctl_say("[device %s]\ndriver = scanner-wedge\n", name);
	if (strncmp(tillctl_string(device, "address"), "evdev:/dev/input/event", 22) == 0 && *vid)
		tillctl_say("address = usb:%s:%s%s%s\n", vid, tillctl_string(device, "pid"),
			*serial ? ":" : "", serial);
	else
		tillctl_say("address = %s\n", tillctl_string(device, "address"));
	tillctl_say("layout = %s\n", layout);
}

/* The one it is set to when that explains the keys, else the first. */
static const char *
best_of(const json_t *layouts, const char *configured)
{
	const json_t *name;
	size_t i;

	json_array_foreach(layouts, i, name)
		if (strcmp(json_string_value(name), configured) == 0)
			return configured;
	name = json_array_get(layouts, 0);
	return name ? json_string_value(name) : "";
}

static void
say_layout(struct tillctl *ctl, const json_t *asked, const json_t *told, const char *best)
{
	const char *name = tillctl_string(asked, "device");
	const json_t *layouts = json_object_get(told, "layouts"), *other;
	size_t i;

	if (ctl->json) {
		_cleanup_json_ json_t *line = json_pack("{s:s, s:s, s:O, s:O}", "device", name,
			"layout", best, "layouts", layouts, "caps_lock",
			json_object_get(told, "caps_lock"));

		tillctl_print_json(line);
		return;
	}
	tillctl_say("It types as %s", best);
	json_array_foreach(layouts, i, other)
		if (strcmp(json_string_value(other), best) != 0)
			tillctl_say(", %s", json_string_value(other));
	tillctl_say(json_array_size(layouts) > 1 ? ": for this code they are the same.\n" : ".\n");
	if (json_is_true(json_object_get(told, "caps_lock")))
		tillctl_say(
			"It types as if Caps Lock were the other way round: turn that off in the "
			"scanner.\n");
	if (strcmp(best, tillctl_string(asked, "layout")) == 0) {
		tillctl_say("That is what %s is set to: nothing to change.\n", name);
		return;
	}
	tillctl_say("Write in tillbridge.conf:\n\n");
	say_section(ctl, name, best);
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_json_ json_t *asked = NULL, *told = NULL;
	const char *best;
	int r;

	if (argc < 2 || argc > 3)
		return TILLCTL_USAGE;
	r = tillctl_ask(ctl, "device.calibrate", json_pack("{s:s}", "device", argv[1]), &asked);
	if (r != TILLCTL_DONE)
		return r;
	say_code(ctl, asked,
		print_code(ctl, tillctl_string(asked, "code"), argc == 3 ? argv[2] : NULL));
	for (;;) {
		told = wait_for_scan(ctl, &r);
		if (!told)
			return r;
		best = best_of(json_object_get(told, "layouts"), tillctl_string(asked, "layout"));
		if (*best)
			break;
		fprintf(stderr, "calibrate: no layout makes that code of what was typed; "
				"scan it again\n");
		json_decref(TAKE_PTR(told));
	}
	say_layout(ctl, asked, told, best);
	return TILLCTL_DONE;
}

const struct tillctl_command tillctl_calibrate = {
	.name = "calibrate",
	.arguments = "DEVICE [PRINTER]",
	.prose = "finds the keyboard layout a scanner types under, from one printed code",
	.run = run,
};
