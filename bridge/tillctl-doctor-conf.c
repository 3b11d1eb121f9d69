/* SPDX-License-Identifier: MIT */
/*
 * doctor's look at the configuration: what the daemon itself says of it, what is allowed but rarely
 * meant, and the files it names.
 */
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bridge/tillctl-doctor.h"
#include "bridge/tillctl-ini.h"

#define RANGES_MAX 64
#define SERVICE_USER "tillbridge"

struct range {
	char kind[16], pattern[48];
};

struct look {
	struct tillctl_doctor *doctor;
	struct range ranges[RANGES_MAX];
	size_t n_ranges;
	char printer[64]; /* the section of a printer that has no profile so far */
	char section[64]; /* the section the last line was of */
	unsigned printers, defaults;
};

/* ---- what the daemon says ---- */

/* tillbridged stands beside this program, or is found by its name. */
static void
run_check(const struct tillctl_doctor *doctor, int out)
{
	char path[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	for (int pass = 0; pass < 2; pass++) {
		if (pass == 0) {
			path[TB_MAX(n, 0)] = '\0';
			slash = strrchr(path, '/');
			if (!slash || (size_t)(slash - path) + 13 > sizeof(path))
				continue;
			strcpy(slash + 1, "tillbridged");
		} else {
			strcpy(path, "tillbridged");
		}
		if (doctor->config)
			execlp(path, "tillbridged", "--check-config", "-c", doctor->config, NULL);
		else
			execlp(path, "tillbridged", "--check-config", NULL);
	}
	_exit(127);
}

static void
check_config(struct tillctl_doctor *doctor)
{
	int ends[2], status = 0;
	unsigned lines = 0;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	pid_t child;
	FILE *said;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	fflush(NULL);
	child = fork();
	if (child == 0)
		run_check(doctor, ends[1]);
	close(ends[1]);
	said = fdopen(ends[0], "r");
	while (said && getline(&line, &size, said) > 0) {
		line[strcspn(line, "\n")] = '\0';
		lines++;
		tillctl_find(doctor, TILLCTL_WRONG, "config", NULL,
			"correct the line, then sudo systemctl restart tillbridge", "%s", line);
	}
	if (said)
		fclose(said);
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		tillctl_find(doctor, TILLCTL_NOTE, "config", NULL, "install all from one package",
			"tillbridged is not beside tillctl, so that nobody checked it");
	else if (lines == 0)
		tillctl_find(doctor, status == 0 ? TILLCTL_WELL : TILLCTL_WRONG, "config", NULL,
			NULL, status == 0 ? "nothing is wrong in it" : "it is not taken");
}

/* ---- [codes] ---- */

/* The digits a pattern begins with. */
static size_t
literal_of(const char *pattern)
{
	return strspn(pattern, "0123456789");
}

/* The first two digits that GS1 leaves to shops for what is no article. */
static bool
is_own_prefix(const char *pattern)
{
	return pattern[0] == '2' || !strncmp(pattern, "02", 2) || !strncmp(pattern, "04", 2) ||
	       !strncmp(pattern, "98", 2) || !strncmp(pattern, "99", 2);
}

static bool
may_be_ean(const char *pattern)
{
	size_t len = strlen(pattern);

	return strspn(pattern, "0123456789*?") == len &&
	       (strchr(pattern, '*') ? literal_of(pattern) < 13
				     : len == 8 || len == 12 || len == 13);
}

static void
look_at_range(struct look *look, const struct tillctl_ini_line *line, const char *pattern)
{
	char about[PATH_MAX + 16];
	struct range *range;

	snprintf(about, sizeof(about), "%s:%u", line->file, line->line);
	if (strcmp(line->key, "article") != 0 && may_be_ean(pattern) && !is_own_prefix(pattern))
		tillctl_find(look->doctor, literal_of(pattern) < 2 ? TILLCTL_WRONG : TILLCTL_NOTE,
			"codes", about, "say more of its digits; a shop's own numbers begin with 2",
			"%s = %s: articles have such numbers too, and would be taken for a %s",
			line->key, pattern, line->key);
	if (look->n_ranges == RANGES_MAX)
		return;
	range = &look->ranges[look->n_ranges++];
	snprintf(range->kind, sizeof(range->kind), "%s", line->key);
	snprintf(range->pattern, sizeof(range->pattern), "%s", pattern);
	for (size_t i = 0; i + 1 < look->n_ranges; i++) {
		const struct range *other = &look->ranges[i];
		size_t common = TB_MIN(strcspn(other->pattern, "*?"), strcspn(pattern, "*?"));

		if (strcmp(other->kind, range->kind) != 0 &&
			!strncmp(other->pattern, pattern, common) &&
			(strchr(other->pattern, '*') || strchr(pattern, '*')))
			tillctl_find(look->doctor, TILLCTL_WRONG, "codes", about,
				"let each number lie in one range only",
				"%s = %s and %s = %s may both match: such a code is unknown, "
				"reason "
				"ambiguous",
				other->kind, other->pattern, range->kind, pattern);
	}
}

/* ---- files ---- */

static bool
service_reads(const struct stat *st)
{
	const struct passwd *user = getpwnam(SERVICE_USER);
	const struct group *group = getgrnam(SERVICE_USER);

	if (!user)
		return true;
	return (st->st_uid == user->pw_uid && (st->st_mode & S_IRUSR)) ||
	       (group && st->st_gid == group->gr_gid && (st->st_mode & S_IRGRP)) ||
	       (st->st_mode & S_IROTH);
}

static void
look_at_file(struct look *look, const struct tillctl_ini_line *line, bool secret)
{
	struct stat st;

	if (stat(line->value, &st) < 0)
		tillctl_find(look->doctor, TILLCTL_WRONG, "file", line->value,
			strcmp(line->key, "token_file") == 0
				? "on the hub: tillctl pair SITE/TILL; write what it prints into it"
				: NULL,
			"%s of [%s] cannot be read: %s", line->key, line->section, strerror(errno));
	else if (secret && (st.st_mode & (S_IROTH | S_IWOTH)))
		tillctl_find(look->doctor, TILLCTL_WRONG, "file", line->value,
			"sudo chown root:tillbridge FILE; sudo chmod 640 FILE",
			"everybody on this machine may read it (mode %04o)", st.st_mode & 07777);
	else if (!service_reads(&st))
		tillctl_find(look->doctor, TILLCTL_WRONG, "file", line->value,
			"sudo chown root:tillbridge FILE; sudo chmod 640 FILE",
			"the user tillbridge may not read it (mode %04o)", st.st_mode & 07777);
}

/* ---- devices ---- */

static void
end_printer(struct look *look)
{
	if (look->printer[0])
		tillctl_find(look->doctor, TILLCTL_NOTE, "printer", look->printer,
			"tillctl print-test shows what comes out wrong; then profile = … in its "
			"section",
			"it has no profile, and is driven as most printers are");
	look->printer[0] = '\0';
}

/* The name that stays, of a node whose number does not. */
static bool
find_link(const struct tillctl_doctor *doctor, const char *node, char *out, size_t size)
{
	static const char *const dirs[] = {"/dev/serial/by-id", "/dev/serial/by-path"};

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		char path[PATH_MAX], real[PATH_MAX];
		json_t *entry;
		size_t k;
		_cleanup_json_ json_t *entries = tillctl_list(doctor, dirs[i]);

		json_array_foreach(entries, k, entry) {
			snprintf(path, sizeof(path), "%s%s/%s", doctor->root, dirs[i],
				json_string_value(entry));
			if (realpath(path, real) && !strcmp(real + strlen(doctor->root), node)) {
				snprintf(out, size, "%s/%s", dirs[i], json_string_value(entry));
				return true;
			}
		}
	}
	return false;
}

static void
look_at_address(struct look *look, const struct tillctl_ini_line *line, const char *name)
{
	const char *path = strchr(line->value, '/');
	char link[PATH_MAX] = "", cure[PATH_MAX + 64];

	if (!path ||
		(strncmp(path, "/dev/ttyUSB", 11) && strncmp(path, "/dev/ttyACM", 11) &&
			strncmp(path, "/dev/hidraw", 11) && strncmp(path, "/dev/input/event", 16)))
		return;
	if (find_link(look->doctor, path, link, sizeof(link)))
		snprintf(cure, sizeof(cure), "write address = tty:%s", link);
	else
		snprintf(cure, sizeof(cure),
			"write usb:VID:PID:SERIAL, usb:@PORT or a link below /dev/serial or "
			"/dev/input/by-id");
	tillctl_find(look->doctor, TILLCTL_NOTE, "device", name, cure,
		"%s has another number after the next start or in another order of plugging", path);
}

static void
look_at_device_key(struct look *look, const struct tillctl_ini_line *line, const char *name)
{
	bool printer = !strcmp(line->key, "driver") && !strcmp(line->value, "printer-escpos");

	if (printer) {
		snprintf(look->printer, sizeof(look->printer), "%s", name);
		look->printers++;
	} else if (!strcmp(line->key, "profile")) {
		look->printer[0] = '\0';
	} else if (!strcmp(line->key, "default") && !strcmp(line->value, "yes")) {
		look->defaults++;
	} else if (!strcmp(line->key, "address")) {
		look_at_address(look, line, name);
	}
}

static void
on_line(const struct tillctl_ini_line *line, void *userdata)
{
	struct look *look = userdata;
	const char *name = tillctl_ini_device(line->section);

	if (strcmp(look->section, line->section) != 0) {
		end_printer(look);
		snprintf(look->section, sizeof(look->section), "%s", line->section);
	}
	if (name) {
		look_at_device_key(look, line, name);
	} else if (!strcmp(line->section, "codes")) {
		_cleanup_free_ char *words = strdup(line->value);
		char *rest = words, *word;

		while ((word = strsep(&rest, " \t,")))
			if (*word)
				look_at_range(look, line, word);
	} else if (!strcmp(line->key, "token_file")) {
		look_at_file(look, line, true);
	} else if (!strcmp(line->section, "http") && !strcmp(line->key, "key")) {
		look_at_file(look, line, true);
	} else if (!strcmp(line->key, "ca_file") || !strcmp(line->key, "mapping") ||
		   !strcmp(line->key, "certificate")) {
		look_at_file(look, line, false);
	}
}

/* Printers that take jobs besides those of sections. */
static unsigned
own_printers(const struct tillctl_doctor *doctor)
{
	const json_t *device;
	unsigned n = 0;
	size_t i;

	json_array_foreach(doctor->devices, i, device) {
		const char *state = tillctl_string(device, "state");

		n += !strncmp(tillctl_string(device, "driver"), "printer-", 8) &&
		     strcmp(state, "refused") != 0 && strcmp(state, "present") != 0;
	}
	return n;
}

void
tillctl_doctor_conf(struct tillctl_doctor *doctor)
{
	struct look look = {.doctor = doctor};
	_cleanup_free_ char *file = NULL;
	char dir[PATH_MAX];
	unsigned printers;
	int r;

	if (!*doctor->root)
		check_config(doctor);
	snprintf(dir, sizeof(dir), "%s" TILLCTL_CONF_DIR, doctor->root);
	r = tillctl_ini_read(doctor->config, dir, on_line, &look, &file);
	end_printer(&look);
	if (r < 0)
		tillctl_find(doctor, r == -EACCES ? TILLCTL_NOTE : TILLCTL_WRONG, "config", file,
			r == -EACCES ? "run doctor as root" : NULL, "it cannot be read: %s",
			strerror(-r));
	printers = TB_MAX(look.printers, own_printers(doctor));
	if (printers > 1 && look.defaults == 0)
		tillctl_find(doctor, TILLCTL_WRONG, "printer", NULL,
			"default = yes in the section of the one that prints coupons",
			"there are %u printers and none is the default: a job that names none is "
			"refused",
			printers);
}
