/* SPDX-License-Identifier: MIT */
/*
 * tillctl doctor: everything that is not as it should be, with its culprit and its cure. It changes
 * nothing. Exit 0 when all is well, 1 when something is not, also when the bridge is not there.
 */
#include "bridge/tillctl-doctor.h"

#include <getopt.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bridge/code-kind.h"

#define SKEW_MAX_MS 5000
#define WAITS_LONG_S 120
#define CARDS_PAGES_MAX 200 /* of customers, a thousand each */
#define CARDS_TOLD_MAX 5

static const char *const state_words[] = {
	[TILLCTL_WELL] = "ok", [TILLCTL_NOTE] = "note", [TILLCTL_WRONG] = "wrong"};

void
tillctl_find(struct tillctl_doctor *doctor, enum tillctl_state state, const char *check,
	const char *about, const char *cure, const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	json_t *finding;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&what, format, args);
	va_end(args);
	if (n < 0) {
		what = NULL;
		return;
	}
	doctor->wrong += state == TILLCTL_WRONG;
	if (!doctor->ctl->json) {
		tillctl_say("%-6s %s%s%s: %s\n", state_words[state], check, about ? " " : "",
			about ? about : "", what);
		if (cure)
			tillctl_say("       %s\n", cure);
		return;
	}
	finding = json_pack(
		"{s:s, s:s, s:s}", "state", state_words[state], "check", check, "what", what);
	if (about)
		json_object_set_new(finding, "about", json_string(about));
	if (cure)
		json_object_set_new(finding, "cure", json_string(cure));
	json_array_append_new(doctor->findings, finding);
}

/* Calls a method; NULL when it is refused, which is a finding of its own but for want of a role. */
static json_t *
ask(struct tillctl_doctor *doctor, const char *method, const char *params)
{
	_cleanup_free_ char *answer = NULL, *code = NULL;
	int r = tillbridge_call(doctor->ctl->till, method, params, 15000, &answer);

	if (r == 0)
		return json_loads(answer, 0, NULL);
	code = r > 0 ? tillbridge_string(answer, "/data/code") : NULL;
	if (r < 0)
		tillctl_find(doctor, TILLCTL_WRONG, "bridge", NULL,
			"look into its log: journalctl -u tillbridge", "it does not answer %s: %s",
			method, strerror(-r));
	else if (!code || strcmp(code, "not_permitted") != 0)
		tillctl_find(doctor, TILLCTL_WRONG, "bridge", NULL,
			"look into its log: journalctl -u tillbridge", "it refuses %s: %s", method,
			code ? code : "without a reason");
	else
		tillctl_find(doctor, TILLCTL_NOTE, "bridge", NULL, "run doctor as root",
			"you may not call %s, so that is not looked at", method);
	return NULL;
}

static void
say_no_bridge(struct tillctl_doctor *doctor, int error)
{
	const struct passwd *user = getpwuid(getuid());
	char cure[300];

	switch (error) {
	case -EACCES:
		snprintf(cure, sizeof(cure),
			"sudo adduser %s tillbridge, then log out and in again: a group counts "
			"from "
			"the next login on",
			user ? user->pw_name : "USER");
		tillctl_find(doctor, TILLCTL_WRONG, "bridge", tillctl_socket(), cure,
			"you may not use the socket: it is for the group tillbridge");
		break;
	case -ENOENT:
		tillctl_find(doctor, TILLCTL_WRONG, "bridge", tillctl_socket(),
			"sudo systemctl enable --now tillbridge.socket tillbridge.service",
			"there is no socket: the bridge was never started");
		break;
	case -ECONNREFUSED:
		tillctl_find(doctor, TILLCTL_WRONG, "bridge", tillctl_socket(),
			"systemctl status tillbridge; journalctl -u tillbridge says why it ended",
			"nobody listens there: the bridge has ended");
		break;
	default:
		tillctl_find(doctor, TILLCTL_WRONG, "bridge", tillctl_socket(),
			"systemctl status tillbridge", "it cannot be reached: %s",
			strerror(-error));
		break;
	}
}

/* Who may use it: the group, and nobody else. */
static void
look_at_socket(struct tillctl_doctor *doctor)
{
	const struct group *ours = getgrnam("tillbridge");
	struct stat st;

	if (stat(tillctl_socket(), &st) < 0)
		return;
	if (st.st_mode & S_IRWXO)
		tillctl_find(doctor, TILLCTL_WRONG, "bridge", tillctl_socket(),
			"SocketMode=0660 in tillbridge.socket",
			"everybody on this machine may use it (mode %04o)", st.st_mode & 07777);
	if (ours && strcmp(tillctl_socket(), TILLBRIDGE_SOCKET) == 0 &&
		(st.st_gid != ours->gr_gid || !(st.st_mode & S_IWGRP)))
		tillctl_find(doctor, TILLCTL_WRONG, "bridge", tillctl_socket(),
			"SocketGroup=tillbridge and SocketMode=0660 in tillbridge.socket",
			"it is not for the group tillbridge: the till's user cannot use it");
}

static void
look_at_link(struct tillctl_doctor *doctor, const json_t *status)
{
	const json_t *link = json_object_get(status, "link");
	const char *state = tillctl_string(link, "state");
	int64_t skew = tillctl_number(link, "skew_ms");

	if (strcmp(state, "down") == 0)
		tillctl_find(doctor, TILLCTL_WRONG, "link", NULL,
			"see to the network, then to url, token_file and ca_file in [hub]; what is "
			"sold meanwhile is kept",
			"the loyalty server has not been reached since %s",
			tillctl_string(link, "since"));
	else
		tillctl_find(doctor, TILLCTL_WELL, "link", NULL, NULL, "%s",
			strcmp(state, "none") == 0 ? "none needed, the ledger is on this machine"
						   : state);
	if (skew > SKEW_MAX_MS || skew < -SKEW_MAX_MS)
		tillctl_find(doctor, TILLCTL_WRONG, "clock", NULL, "sudo timedatectl set-ntp true",
			"this machine's clock is %" PRId64 " s from the server's", skew / 1000);
}

static void
look_at_outbox(struct tillctl_doctor *doctor, const json_t *status)
{
	const json_t *outbox = json_object_get(status, "outbox"), *item;
	int64_t depth = tillctl_number(outbox, "depth");
	int64_t oldest = tillctl_number(outbox, "oldest_s");
	_cleanup_json_ json_t *list = NULL;
	size_t i;

	if (depth == 0)
		tillctl_find(doctor, TILLCTL_WELL, "outbox", NULL, NULL, "nothing waits");
	else
		tillctl_find(doctor, oldest > WAITS_LONG_S ? TILLCTL_WRONG : TILLCTL_NOTE, "outbox",
			NULL,
			"tillctl outbox lists them; they are delivered when the link is up again",
			"%" PRId64 " calls wait, the oldest for %" PRId64 " s", depth, oldest);
	if (strcmp(doctor->connector ? doctor->connector : "", "ledger") == 0)
		return;
	list = ask(doctor, "outbox.list", "{}");
	json_array_foreach(json_object_get(list, "items"), i, item) {
		const char *state = tillctl_string(item, "state");

		if (strcmp(state, "refused") == 0 || strcmp(state, "unknown") == 0)
			tillctl_find(doctor, TILLCTL_WRONG, "outbox", tillctl_string(item, "id"),
				"settle it by hand: tillctl help outbox.settle", "%s is %s: %s",
				tillctl_string(item, "method"), state,
				tillctl_string(item, "last_error"));
	}
}

/* What to do about a state, where the device's own reason does not say it already. */
static const char *
cure_of(const json_t *device)
{
	static const struct {
		const char *state, *cure;
	} cures[] = {
		{"no_access",
			"install udev/60-tillbridge.rules, sudo udevadm control --reload, sudo "
			"udevadm trigger; else give the service's user the device's group"},
		{"absent", "plug it in and switch it on; if it is, its address is another: tillctl "
			   "setup finds it"},
		{"opening",
			"wait a moment; if it stays so, let go of its keys, switch it off and on"},
		{"lost", "see to the cable and the power"},
		{"busy", "end the program that has it; see the notes on ModemManager, brltty, gpsd "
			 "and cups"},
		{"present", "give it a section [device NAME]: tillctl setup writes one"},
		{"refused", "correct its section [device NAME] as the reason says"},
	};

	/* a scanner in a mode that nobody reads says itself what to do, and a section is not it */
	if (strcmp("present", tillctl_string(device, "state")) == 0 &&
		!strstr(tillctl_string(device, "reason"), "section"))
		return "do as it says, with the sheet in its manual; tillctl devices shows when it "
		       "is ready";
	for (size_t i = 0; i < ARRAY_SIZE(cures); i++)
		if (strcmp(cures[i].state, tillctl_string(device, "state")) == 0)
			return cures[i].cure;
	return NULL;
}

static void
look_at_reading(struct tillctl_doctor *doctor, const json_t *device)
{
	static const struct {
		const char *error, *cure;
	} cures[] = {
		{"no_terminator",
			"the scanner ends its codes otherwise: set its suffix to CR with the "
			"sheet in its manual, or terminator = none in its section"},
		{"code_too_long", "the terminator is another, or max_length is too small"},
		{"report_malformed", "set the scanner to USB HID POS with the sheet in its manual; "
				     "tillctl capture shows what it sends"},
		{"continuation_missing", "see to the cable; tillctl capture shows what it sends"},
	};
	const char *error = tillctl_string(device, "last_error"), *cure = NULL;

	if (tillctl_number(device, "errors") == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(cures); i++)
		if (strcmp(cures[i].error, error) == 0)
			cure = cures[i].cure;
	tillctl_find(doctor, TILLCTL_NOTE, "device", tillctl_string(device, "device"), cure,
		"%" PRId64 " readings were dropped, the last one: %s",
		tillctl_number(device, "errors"), error);
}

static void
look_at_device(struct tillctl_doctor *doctor, const json_t *device)
{
	const char *name = tillctl_string(device, "device"),
		   *state = tillctl_string(device, "state");
	const char *reason = tillctl_string(device, "reason");

	if (strcmp(state, "ready") == 0 && !*reason)
		tillctl_find(doctor, TILLCTL_WELL, "device", name, NULL, "ready (%s)",
			tillctl_string(device, "driver"));
	else if (strcmp(state, "ready") == 0)
		tillctl_find(doctor, TILLCTL_WRONG, "device", name, NULL, "ready, but: %s", reason);
	else
		tillctl_find(doctor, TILLCTL_WRONG, "device", name, cure_of(device), "%s%s%s",
			state, *reason ? ": " : "", reason);
	look_at_reading(doctor, device);
}

static void
look_at_devices(struct tillctl_doctor *doctor)
{
	_cleanup_json_ json_t *result = ask(doctor, "device.list", "{}");
	const json_t *device;
	size_t i;

	if (!result)
		return;
	doctor->devices = json_incref(json_object_get(result, "devices"));
	json_array_foreach(doctor->devices, i, device)
		look_at_device(doctor, device);
	if (json_array_size(doctor->devices) == 0)
		tillctl_find(doctor, TILLCTL_NOTE, "device", NULL,
			"tillctl setup finds what is plugged in", "there is no device");
}

static void
look_at_jobs(struct tillctl_doctor *doctor)
{
	static const struct {
		const char *reason, *cure;
	} cures[] = {
		{"paper_out", "put paper in: it goes on by itself"},
		{"cover_open", "close the cover: it goes on by itself"},
		{"cutter", "free the cutter, then switch the printer off and on"},
		{"offline", "switch the printer on, press its feed or online key"},
		{"lost", "see to the cable and the power: it goes on when the printer is back"},
	};
	_cleanup_json_ json_t *result = ask(doctor, "print.list", "{}");
	const json_t *job;
	size_t i;

	json_array_foreach(json_object_get(result, "jobs"), i, job) {
		const char *reason = tillctl_string(job, "reason"), *cure = NULL;

		for (size_t k = 0; k < ARRAY_SIZE(cures); k++)
			if (strcmp(cures[k].reason, reason) == 0)
				cure = cures[k].cure;
		if (strcmp(tillctl_string(job, "state"), "held") == 0)
			tillctl_find(doctor, TILLCTL_WRONG, "printer",
				tillctl_string(job, "device"), cure, "job %s is held: %s",
				tillctl_string(job, "id"), reason);
	}
}

/* What the bridge would take the card for when it is scanned. */
static bool
is_taken_for_article(struct tillctl_doctor *doctor, const char *number)
{
	_cleanup_json_ json_t *params = json_pack("{s:s}", "code", number), *result = NULL;
	_cleanup_free_ char *text = params ? json_dumps(params, 0) : NULL;

	result = text ? ask(doctor, "scan.classify", text) : NULL;
	return strcmp(tillctl_string(result, "kind"), "article") == 0;
}

/* The numbers of one page of report.export, one customer a line. */
static unsigned
count_cards(struct tillctl_doctor *doctor, char *csv, unsigned told)
{
	char *rest = csv, *word;

	while ((word = strsep(&rest, " ,;\"\r\n")))
		if (tb_code_is_article(word, NULL, NULL, NULL) &&
			is_taken_for_article(doctor, word) && ++told >= CARDS_TOLD_MAX)
			break;
	return told;
}

/* Cards that no scan finds, since their code is an article's: a range in [codes] cures it. */
static void
look_at_cards(struct tillctl_doctor *doctor)
{
	_cleanup_free_ char *cursor = NULL;
	unsigned found = 0;

	for (int page = 0; page < CARDS_PAGES_MAX && found < CARDS_TOLD_MAX; page++) {
		_cleanup_json_ json_t *params = json_pack(
			"{s:s, s:i, s:s*}", "what", "cards", "limit", 1000, "cursor", cursor);
		_cleanup_free_ char *text = params ? json_dumps(params, 0) : NULL, *csv = NULL;
		_cleanup_json_ json_t *result = text ? ask(doctor, "report.export", text) : NULL;

		csv = strdup(tillctl_string(result, "csv"));
		found = csv ? count_cards(doctor, csv, found) : found;
		free(cursor);
		cursor = json_object_get(result, "cursor")
		                 ? strdup(tillctl_string(result, "cursor"))
		                 : NULL;
		if (!cursor)
			break;
	}
	if (found > 0)
		tillctl_find(doctor, TILLCTL_WRONG, "cards", NULL,
			"say in [codes] which numbers are customers: customer = 2912*",
			"%s%u of the cards look like articles and lie in no range: a scan of one "
			"is never looked up",
			found == CARDS_TOLD_MAX ? "at least " : "", found);
}

static void
look_at_bridge(struct tillctl_doctor *doctor)
{
	_cleanup_json_ json_t *status = NULL;
	const char *version;
	int r = tillctl_connect(doctor->ctl);

	if (r < 0) {
		say_no_bridge(doctor, r);
		return;
	}
	status = ask(doctor, "bridge.status", "{}");
	if (!status)
		return;
	version = tillctl_string(status, "version");
	doctor->connector = strdup(tillctl_string(status, "connector"));
	tillctl_find(doctor, TILLCTL_WELL, "bridge", NULL, NULL, "%s answers on %s", version,
		tillctl_socket());
	look_at_socket(doctor);
	if (strcmp(version, TB_VERSION) != 0)
		tillctl_find(doctor, TILLCTL_WRONG, "bridge", NULL,
			"sudo systemctl restart tillbridge",
			"it is %s and tillctl is " TB_VERSION ": it was not restarted after the "
			"update",
			version);
	look_at_link(doctor, status);
	look_at_outbox(doctor, status);
	look_at_devices(doctor);
	look_at_jobs(doctor);
	if (strcmp(doctor->connector ? doctor->connector : "", "ledger") == 0)
		look_at_cards(doctor);
}

static int
take_options(struct tillctl_doctor *doctor, int argc, char *argv[])
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"root", required_argument, NULL, 'r'},
		{0},
	};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			return TILLCTL_USAGE;
		*(option == 'c' ? &doctor->config : &doctor->root) = optarg;
	}
	return optind == argc ? TILLCTL_DONE : TILLCTL_USAGE;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	struct tillctl_doctor doctor = {.ctl = ctl, .root = ""};
	int r = take_options(&doctor, argc, argv);

	if (r != TILLCTL_DONE)
		return r;
	doctor.findings = json_array();
	look_at_bridge(&doctor);
	tillctl_doctor_conf(&doctor);
	tillctl_doctor_machine(&doctor);
	if (ctl->json) {
		_cleanup_json_ json_t *all = json_pack(
			"{s:b, s:O}", "ok", doctor.wrong == 0, "findings", doctor.findings);

		tillctl_print_json(all);
	} else if (doctor.wrong == 0) {
		tillctl_say("all is well\n");
	} else {
		tillctl_say("%u %s wrong\n", doctor.wrong,
			doctor.wrong == 1 ? "thing is" : "things are");
	}
	json_decref(doctor.findings);
	json_decref(doctor.devices);
	free(doctor.connector);
	return doctor.wrong ? TILLCTL_REFUSED : TILLCTL_DONE;
}

const struct tillctl_command tillctl_doctor = {
	.name = "doctor",
	.arguments = "[--config FILE] [--root DIR]",
	.prose = "what is wrong, by whom, and the cure",
	.run = run,
};
