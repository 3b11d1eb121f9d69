/* SPDX-License-Identifier: MIT */
/*
 * doctor's look at the machine: who takes devices away, whether the rules for them are installed,
 * what types like a keyboard and is none, disk, clock, and the permissions of what is kept.
 */
#include <dirent.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "bridge/tillctl-doctor.h"

#define STATE_DIR "/var/lib/tillbridge"
#define DISK_MIN ((uint64_t)200 << 20)
#define YEAR_MIN 2024

json_t *
tillctl_list(const struct tillctl_doctor *doctor, const char *path)
{
	json_t *names = json_array();
	struct dirent **entries = NULL;
	char whole[PATH_MAX];
	int n;

	snprintf(whole, sizeof(whole), "%s%s", doctor->root, path);
	n = scandir(whole, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			json_array_append_new(names, json_string(entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
	return names;
}

/* The first line of a small file; false when there is none. */
static bool
read_line(const struct tillctl_doctor *doctor, char *out, size_t size, const char *path)
{
	char whole[PATH_MAX];
	FILE *file;
	bool good;

	snprintf(whole, sizeof(whole), "%s%s", doctor->root, path);
	file = fopen(whole, "re");
	if (!file)
		return false;
	good = fgets(out, (int)size, file) != NULL;
	fclose(file);
	if (good)
		out[strcspn(out, "\n")] = '\0';
	return good;
}

static bool
is_there(const struct tillctl_doctor *doctor, const char *path)
{
	char whole[PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", doctor->root, path);
	return access(whole, F_OK) == 0;
}

/* Whether a program of that name runs: the kernel keeps the first 15 characters. */
static bool
runs(const struct tillctl_doctor *doctor, const char *name)
{
	_cleanup_json_ json_t *entries = tillctl_list(doctor, "/proc");
	const json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry) {
		char path[64], comm[32];

		if (strspn(json_string_value(entry), "0123456789") != json_string_length(entry))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/comm", json_string_value(entry));
		if (read_line(doctor, comm, sizeof(comm), path) && !strncmp(comm, name, 15))
			return true;
	}
	return false;
}

/* Whether the bridge knows a device whose address begins so and that is not well. */
static bool
has_ill(const struct tillctl_doctor *doctor, const char *prefix)
{
	const json_t *device;
	size_t i;

	json_array_foreach(doctor->devices, i, device) {
		const char *state = tillctl_string(device, "state");

		if (!strncmp(tillctl_string(device, "address"), prefix, strlen(prefix)) &&
			strcmp(state, "ready") != 0 && strcmp(state, "opening") != 0)
			return true;
	}
	return false;
}

/* Programs that take devices for themselves; they matter where such a device is not well. */
static void
look_at_programs(struct tillctl_doctor *doctor)
{
	static const struct {
		const char *name, *prefix, *what, *cure;
	} culprits[] = {
		{"ModemManager",
			"tty:", "it takes serial ports for modems and sends them AT commands",
			"install udev/60-tillbridge.rules, which tells it to leave them, and plug "
			"the "
			"device in again; or sudo systemctl disable --now ModemManager"},
		{"brltty", "tty:", "it takes USB serial adapters for Braille displays",
			"sudo apt-get remove brltty"},
		{"gpsd", "tty:", "it takes USB serial adapters for GPS receivers",
			"sudo systemctl disable --now gpsd.socket gpsd"},
		{"cupsd", "lp:", "it prints to USB printers itself",
			"take the receipt printer out of CUPS: lpstat -v, then sudo lpadmin -x "
			"NAME"},
		{"cupsd", "usb:", "it prints to USB printers itself",
			"take the receipt printer out of CUPS: lpstat -v, then sudo lpadmin -x "
			"NAME"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(culprits); i++)
		if (has_ill(doctor, culprits[i].prefix) && runs(doctor, culprits[i].name))
			tillctl_find(doctor, TILLCTL_WRONG, "program", culprits[i].name,
				culprits[i].cure, "%s", culprits[i].what);
	if (has_ill(doctor, "usb:") && is_there(doctor, "/sys/module/usblp"))
		tillctl_find(doctor, TILLCTL_NOTE, "kernel", "usblp",
			"address = lp:/dev/usb/lp0 goes through it; address = usb:… takes the "
			"printer "
			"from it",
			"the kernel's printer driver is loaded");
	if (has_ill(doctor, "pcsc:") && is_there(doctor, "/sys/module/pn533_usb"))
		tillctl_find(doctor, TILLCTL_WRONG, "kernel", "pn533_usb",
			"echo blacklist pn533_usb | sudo tee /etc/modprobe.d/pn533.conf; sudo "
			"rmmod "
			"pn533_usb",
			"the kernel's driver has taken the card reader");
}

static bool
has_usb(const struct tillctl_doctor *doctor)
{
	const json_t *device;
	size_t i;

	json_array_foreach(doctor->devices, i, device)
		if (json_object_get(device, "vid"))
			return true;
	return false;
}

static void
look_at_rules(struct tillctl_doctor *doctor)
{
	static const char *const dirs[] = {"/etc/udev/rules.d", "/usr/lib/udev/rules.d",
		"/lib/udev/rules.d", "/usr/local/lib/udev/rules.d"};
	char path[PATH_MAX];
	bool ill = has_ill(doctor, "");

	if (!has_usb(doctor))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/60-tillbridge.rules", dirs[i]);
		if (is_there(doctor, path)) {
			tillctl_find(doctor, TILLCTL_WELL, "udev", NULL, NULL,
				"the rules are installed");
			return;
		}
	}
	tillctl_find(doctor, ill ? TILLCTL_WRONG : TILLCTL_NOTE, "udev", NULL,
		"meson install puts udev/60-tillbridge.rules there; then sudo udevadm control "
		"--reload; sudo udevadm trigger",
		"the rules that give devices to tillbridge are not installed");
}

static bool
sounds_like_scanner(const char *name)
{
	static const char *const words[] = {"barcode", "bar code", "scanner", "honeywell",
		"symbol ", "datalogic", "newland", "opticon", "zebra"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

static bool
is_known(const struct tillctl_doctor *doctor, const char *vid, const char *pid)
{
	const json_t *device;
	size_t i;

	json_array_foreach(doctor->devices, i, device)
		if (!strcasecmp(tillctl_string(device, "vid"), vid) &&
			!strcasecmp(tillctl_string(device, "pid"), pid))
			return true;
	return false;
}

/* Scanners that the kernel has for keyboards: what they read is typed wherever the cursor stands.
 */
static void
look_at_keyboards(struct tillctl_doctor *doctor)
{
	_cleanup_json_ json_t *entries = tillctl_list(doctor, "/sys/class/input");
	const json_t *entry;
	char last[128] = "";
	size_t i;

	json_array_foreach(entries, i, entry) {
		char path[PATH_MAX], name[128], vid[8] = "", pid[8] = "", keys[512];

		if (strncmp(json_string_value(entry), "event", 5) != 0)
			continue;
		snprintf(path, sizeof(path), "/sys/class/input/%s/device/name",
			json_string_value(entry));
		if (!read_line(doctor, name, sizeof(name), path) || !sounds_like_scanner(name) ||
			!strcmp(name, last))
			continue;
		snprintf(path, sizeof(path), "/sys/class/input/%s/device/capabilities/key",
			json_string_value(entry));
		if (!read_line(doctor, keys, sizeof(keys), path) || strlen(keys) < 8)
			continue;
		snprintf(path, sizeof(path), "/sys/class/input/%s/device/id/vendor",
			json_string_value(entry));
		read_line(doctor, vid, sizeof(vid), path);
		snprintf(path, sizeof(path), "/sys/class/input/%s/device/id/product",
			json_string_value(entry));
		read_line(doctor, pid, sizeof(pid), path);
		memcpy(last, name, sizeof(last));
		if (!is_known(doctor, vid, pid))
			tillctl_find(doctor, TILLCTL_WRONG, "keyboard", name,
				"set it to USB HID POS (or USB serial) with the sheet in its "
				"manual; "
				"or name it in a section with driver = scanner-wedge, then tillctl "
				"calibrate",
				"a scanner in keyboard mode (%s:%s): what it reads is typed into "
				"whatever has the cursor",
				vid, pid);
	}
}

/* A device that the kernel puts to sleep loses what is read, or sent to it, while it wakes up. */
static void
look_at_sleep(struct tillctl_doctor *doctor)
{
	bool tlp = is_there(doctor, "/etc/tlp.conf");
	const json_t *device;
	size_t i;

	json_array_foreach(doctor->devices, i, device) {
		const char *port = tillctl_string(device, "port");
		char path[PATH_MAX], control[16], cure[200];

		snprintf(path, sizeof(path), "/sys/bus/usb/devices/%s/power/control", port);
		if (!*port || !read_line(doctor, control, sizeof(control), path) ||
			strcmp(control, "auto") != 0)
			continue;
		snprintf(cure, sizeof(cure),
			tlp ? "USB_DENYLIST=\"%s:%s\" in /etc/tlp.conf, then sudo tlp start"
			    : "a rule for udev: ATTR{idVendor}==\"%s\", ATTR{idProduct}==\"%s\", "
			      "ATTR{power/control}=\"on\"; then plug it in again",
			tillctl_string(device, "vid"), tillctl_string(device, "pid"));
		tillctl_find(doctor, TILLCTL_NOTE, "sleep", tillctl_string(device, "device"), cure,
			"%s puts it to sleep when it is quiet (power/control is auto): what is "
			"read "
			"while it wakes up may be lost",
			tlp ? "TLP" : "the kernel");
	}
}

static void
look_at_disk(struct tillctl_doctor *doctor, const char *dir)
{
	char whole[PATH_MAX];
	struct statvfs st;
	uint64_t free_bytes;

	snprintf(whole, sizeof(whole), "%s%s", doctor->root, dir);
	if (statvfs(whole, &st) < 0)
		return;
	free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	tillctl_find(doctor, free_bytes < DISK_MIN ? TILLCTL_WRONG : TILLCTL_WELL, "disk", dir,
		free_bytes < DISK_MIN ? "make room: without it no passage can be kept" : NULL,
		"%llu MB are free", (unsigned long long)(free_bytes >> 20));
}

static void
look_at_mode(struct tillctl_doctor *doctor, const char *path, mode_t never)
{
	const struct passwd *user = getpwnam("tillbridge");
	char whole[PATH_MAX];
	struct stat st;

	snprintf(whole, sizeof(whole), "%s%s", doctor->root, path);
	if (stat(whole, &st) < 0)
		return;
	if (st.st_mode & never)
		tillctl_find(doctor, TILLCTL_WRONG, "state", path,
			S_ISDIR(st.st_mode) ? "sudo chmod 700 it" : "sudo chmod 600 it",
			"others may see what is kept there (mode %04o)", st.st_mode & 07777);
	if (user && !getenv("STATE_DIRECTORY") && st.st_uid != user->pw_uid)
		tillctl_find(doctor, TILLCTL_WRONG, "state", path,
			"sudo chown -R tillbridge:tillbridge " STATE_DIR,
			"it belongs to another user than tillbridge");
}

static void
look_at_state(struct tillctl_doctor *doctor)
{
	static const char *const files[] = {"ledger.db", "state.db"};
	const char *given = getenv("STATE_DIRECTORY");
	char dir[PATH_MAX], path[PATH_MAX + 16];

	snprintf(dir, sizeof(dir), "%s", given && *given ? given : STATE_DIR);
	dir[strcspn(dir, ":")] = '\0';
	if (!is_there(doctor, dir))
		return;
	look_at_disk(doctor, dir);
	look_at_mode(doctor, dir, S_IRWXG | S_IRWXO);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		look_at_mode(doctor, path, S_IRWXG | S_IRWXO);
	}
}

static void
look_at_clock(struct tillctl_doctor *doctor)
{
	time_t now = time(NULL);
	struct tm day;

	localtime_r(&now, &day);
	if (day.tm_year + 1900 < YEAR_MIN)
		tillctl_find(doctor, TILLCTL_WRONG, "clock", NULL, "sudo timedatectl set-ntp true",
			"this machine believes that it is %d", day.tm_year + 1900);
}

void
tillctl_doctor_machine(struct tillctl_doctor *doctor)
{
	look_at_programs(doctor);
	look_at_rules(doctor);
	look_at_keyboards(doctor);
	look_at_sleep(doctor);
	look_at_state(doctor);
	look_at_clock(doctor);
}
