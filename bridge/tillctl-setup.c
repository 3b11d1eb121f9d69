/* SPDX-License-Identifier: MIT */
/*
 * tillctl setup: what is plugged in gets a name. The installer scans once to say which scanner is
 * which, and looks at a test ticket; then each device has a file of its own in the configuration,
 * by an address that outlasts replugging. It restarts nothing.
 */
#include "bridge/tillctl-setup.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bridge/tillctl-ini.h"

static bool
is_of(const json_t *device, const char *kind)
{
	return !strncmp(tillctl_string(device, "driver"), kind, strlen(kind));
}

static bool
is_in(const json_t *device, const char *state)
{
	return !strcmp(tillctl_string(device, "state"), state);
}

/* A section has it already, since by itself it is called by its driver; or it was named just now.
 */
static bool
is_named(const struct tillctl_setup *setup, const json_t *device)
{
	const char *name = tillctl_string(device, "device");
	char address[512];

	if (json_object_get(setup->known, name) ||
		strncmp(name, tillctl_string(device, "driver"),
			strlen(tillctl_string(device, "driver"))) != 0)
		return true;
	tillctl_setup_address(device, address, sizeof(address));
	for (size_t i = 0; i < setup->n_sections; i++)
		if (!strcmp(setup->sections[i].address, address))
			return true;
	return false;
}

static bool
is_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= 40 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
	               len;
}

static bool
is_taken(const struct tillctl_setup *setup, const char *name)
{
	for (size_t i = 0; i < setup->n_sections; i++)
		if (!strcmp(setup->sections[i].name, name))
			return true;
	return json_object_get(setup->known, name) != NULL;
}

/* "counter", else "counter-2" … */
static void
propose(const struct tillctl_setup *setup, const char *word, char *out, size_t size)
{
	snprintf(out, size, "%s", word);
	for (int i = 2; is_taken(setup, out); i++)
		snprintf(out, size, "%s-%d", word, i);
}

/* Asks for its name and keeps the section. ret_section NULL: there is no place for more. */
static int
name_device(struct tillctl_setup *setup, const json_t *device, const char *driver, const char *word,
	struct tillctl_section **ret_section)
{
	struct tillctl_section *section = &setup->sections[setup->n_sections];
	char proposed[64], name[TILLCTL_ANSWER];
	int r;

	*ret_section = NULL;
	if (setup->n_sections == TILLCTL_SECTIONS_MAX)
		return 0;
	propose(setup, word, proposed, sizeof(proposed));
	for (;;) {
		r = tillctl_talk(setup, "  What is it to be called?", proposed, name, NULL);
		if (r < 0)
			return r;
		if (is_name(name) && !is_taken(setup, name))
			break;
		tillctl_say(is_name(name) ? "  That name is taken.\n"
					  : "  A name has 1 to 40 of a-z A-Z 0-9 . _ -\n");
	}
	*section = (struct tillctl_section){};
	snprintf(section->name, sizeof(section->name), "%s", name);
	snprintf(section->driver, sizeof(section->driver), "%s", driver);
	tillctl_setup_address(device, section->address, sizeof(section->address));
	setup->n_sections++;
	*ret_section = section;
	return 0;
}

static const json_t *
find_device(const struct tillctl_setup *setup, const char *name)
{
	const json_t *device;
	size_t i;

	json_array_foreach(setup->devices, i, device)
		if (!strcmp(tillctl_string(device, "device"), name))
			return device;
	return NULL;
}

/* Scanners that work and have no name. */
static size_t
count_scanners(const struct tillctl_setup *setup)
{
	const json_t *device;
	size_t i, n = 0;

	json_array_foreach(setup->devices, i, device)
		n += is_of(device, "scanner-") && is_in(device, "ready") &&
		     !is_named(setup, device);
	return n;
}

static int
take_scan(struct tillctl_setup *setup, const json_t *scan)
{
	const char *name = tillctl_string(scan, "device");
	const json_t *device = find_device(setup, name);
	struct tillctl_section *section;

	tillctl_say("\n  read: %s %s, on %s\n", tillctl_string(scan, "code"),
		tillctl_string(scan, "symbology"), *name ? name : "no device of ours");
	if (!device || is_named(setup, device)) {
		tillctl_say("  That one has its name already.\n");
		return 0;
	}
	return name_device(setup, device, tillctl_string(device, "driver"), "counter", &section);
}

/* Which is which is told by scanning; with nobody there each gets the next name. */
static int
walk_scanners(struct tillctl_setup *setup)
{
	struct tillctl_section *section;
	const json_t *device;
	size_t i;
	int r = 0;

	json_array_foreach(setup->devices, i, device)
		if (setup->yes && r == 0 && is_of(device, "scanner-") && is_in(device, "ready") &&
			!is_named(setup, device))
			r = name_device(setup, device, tillctl_string(device, "driver"), "counter",
				&section);
	while (!setup->yes && r == 0 && count_scanners(setup) > 0) {
		_cleanup_json_ json_t *scan = NULL;
		char line[TILLCTL_ANSWER];

		r = tillctl_talk(setup,
			"Scan any code with the scanner that is to have a name (Enter: no more)",
			"", line, &scan);
		if (r == 0)
			break;
		if (r > 0)
			r = take_scan(setup, scan);
	}
	return r;
}

/* What hangs on an adapter only a person can say, so nobody's answer is: nothing. */
static int
walk_adapters(struct tillctl_setup *setup)
{
	const json_t *device;
	size_t i;

	json_array_foreach(setup->devices, i, device) {
		struct tillctl_section *section;
		char answer[TILLCTL_ANSWER];
		int r;

		if (!is_in(device, "present") || is_named(setup, device))
			continue;
		if (!setup->ctl->json)
			tillctl_say("%s at port %s: %s\n", tillctl_string(device, "device"),
				tillctl_string(device, "port"), tillctl_string(device, "reason"));
		r = tillctl_talk(setup,
			"  Is there a scanner (s), a receipt printer (p) or neither (n)?", "n",
			answer, NULL);
		if (r == 0 && *answer == 's')
			r = name_device(setup, device,
				is_of(device, "scanner-") ? tillctl_string(device, "driver")
							  : "scanner-serial",
				"counter", &section);
		else if (r == 0 && *answer == 'p')
			r = name_device(setup, device, "printer-escpos", "receipts", &section);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
try_printer(struct tillctl_setup *setup, const json_t *device, struct tillctl_section *section)
{
	char profile[TILLCTL_ANSWER];
	int r;

	if (tillctl_test_print(setup->ctl, tillctl_string(device, "device")) != TILLCTL_DONE)
		tillctl_say("  It did not print: tillctl doctor says why.\n");
	r = tillctl_talk_yes(setup,
		"  Did the ticket come out right: accents, euro sign, columns, QR, cut?", true);
	if (r != 0)
		return r < 0 ? r : 0;
	r = tillctl_talk(setup,
		"  Then its profile is another (default80, default58 for narrow paper, …)",
		"default80", profile, NULL);
	if (r == 0)
		snprintf(section->profile, sizeof(section->profile), "%.63s", profile);
	return r;
}

static int
walk_printers(struct tillctl_setup *setup)
{
	const json_t *device;
	size_t i, printers = 0;
	int r = 0;

	json_array_foreach(setup->devices, i, device)
		printers += is_of(device, "printer-") && !is_in(device, "refused") &&
		            !is_in(device, "present");
	json_array_foreach(setup->devices, i, device) {
		struct tillctl_section *section = NULL;

		if (!is_of(device, "printer-") || !is_in(device, "ready") ||
			is_named(setup, device))
			continue;
		if (!setup->ctl->json)
			tillctl_say("Printer %s %s\n", tillctl_string(device, "device"),
				tillctl_string(device, "model"));
		r = name_device(
			setup, device, tillctl_string(device, "driver"), "receipts", &section);
		if (r == 0 && section)
			r = try_printer(setup, device, section);
		if (r < 0)
			return r;
		if (section && printers > 1 && !setup->has_default) {
			r = tillctl_talk_yes(setup, "  Do coupons come out of this one?", true);
			if (r < 0)
				return r;
			section->is_default = setup->has_default = r == 1;
		}
	}
	return 0;
}

static void
say_devices(const struct tillctl_setup *setup)
{
	const json_t *device;
	size_t i;

	if (setup->ctl->json)
		return;
	tillctl_say("What is there:\n");
	json_array_foreach(setup->devices, i, device)
		tillctl_say("  %-24s %-15s %-9s %s\n", tillctl_string(device, "device"),
			tillctl_string(device, "driver"), tillctl_string(device, "state"),
			is_named(setup, device) ? "(has its section)"
						: tillctl_string(device, "reason"));
	if (json_array_size(setup->devices) == 0)
		tillctl_say("  nothing: plug it in, switch it on; tillctl doctor may know why\n");
}

static int
walk(struct tillctl_setup *setup)
{
	_cleanup_json_ json_t *list = NULL;
	int r = tillctl_ask(setup->ctl, "device.list", NULL, &list);

	if (r == TILLCTL_DONE)
		r = tillctl_tell(setup->ctl, "events.subscribe",
			json_pack("{s:[s,s]}", "kinds", "scan", "job"));
	if (r != TILLCTL_DONE)
		return r;
	setup->devices = json_incref(json_object_get(list, "devices"));
	if (tillctl_setup_known(setup) < 0)
		return TILLCTL_REFUSED;
	say_devices(setup);
	r = walk_scanners(setup);
	if (r == 0)
		r = walk_adapters(setup);
	if (r == 0)
		r = walk_printers(setup);
	if (r < 0) {
		fprintf(stderr, "\nended: nothing was written\n");
		return TILLCTL_REFUSED;
	}
	return tillctl_setup_write(setup);
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	static const struct option options[] = {
		{"dir", required_argument, NULL, 'd'},
		{"yes", no_argument, NULL, 'y'},
		{0},
	};
	struct tillctl_setup setup = {.ctl = ctl, .dir = TILLCTL_CONF_DIR};
	int option, r;

	optind = 1;
	while ((option = getopt_long(argc, argv, "y", options, NULL)) != -1) {
		if (option == '?')
			return TILLCTL_USAGE;
		if (option == 'y')
			setup.yes = true;
		else
			setup.dir = optarg;
	}
	if (optind != argc)
		return TILLCTL_USAGE;
	if (ctl->json && !setup.yes) {
		fprintf(stderr,
			"--json is for scripts, and nobody is asked in one: say --yes too\n");
		return TILLCTL_USAGE;
	}
	if (strcmp(setup.dir, TILLCTL_CONF_DIR) == 0)
		(void)mkdir(setup.dir, 0755);
	if (access(setup.dir, W_OK) < 0) {
		fprintf(stderr, "%s: %s%s\n", setup.dir, strerror(errno),
			errno == EACCES ? "; sudo tillctl setup" : "");
		return TILLCTL_REFUSED;
	}
	setup.known = json_object();
	r = walk(&setup);
	json_decref(setup.known);
	json_decref(setup.devices);
	return r;
}

const struct tillctl_command tillctl_setup = {
	.name = "setup",
	.arguments = "[--yes] [--dir DIR]",
	.prose = "names what is plugged in, and writes its sections",
	.run = run,
};
