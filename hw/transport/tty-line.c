/* SPDX-License-Identifier: MIT */
/*
 * Opens and closes a serial line, and says why when it cannot. A line that the kernel lists in
 * /sys/class/tty goes through libserialport; a pseudo-terminal has no speed and no parity, and is
 * opened plainly.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libserialport.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "hw/transport/tty.h"

#define LINKS_MAX 20
#define HOLDER_TEXT 64

/* "NAME (pid N)" of a process; its name may be another user's and hold anything, it is only shown.
 */
static void
describe_process(long pid, char out[static HOLDER_TEXT])
{
	char path[64], name[20] = "a program";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	file = fopen(path, "re");
	if (file) {
		if (fgets(name, sizeof(name), file))
			name[strcspn(name, "\n")] = '\0';
		fclose(file);
	}
	for (char *p = name; *p; p++)
		*p = *p >= ' ' && *p <= '~' ? *p : '?';
	snprintf(out, HOLDER_TEXT, "%s (pid %ld)", name, pid);
}

/* Whoever has the node locked with flock, as /proc/locks tells everyone. */
static bool
find_lock_holder(const struct stat *st, char out[static HOLDER_TEXT])
{
	FILE *file = fopen("/proc/locks", "re");
	char line[256];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		unsigned major, minor;
		unsigned long inode;
		long pid;

		if (sscanf(line, "%*d: FLOCK %*s %*s %ld %x:%x:%lu", &pid, &major, &minor,
			    &inode) == 4 &&
			pid > 0 && inode == st->st_ino && major == major(st->st_dev) &&
			minor == minor(st->st_dev)) {
			describe_process(pid, out);
			found = true;
		}
	}
	if (file)
		fclose(file);
	return found;
}

static bool
process_has_open(const char *pid, const struct stat *st)
{
	char path[300];
	struct dirent *entry;
	struct stat other;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.200s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &other, 0) < 0)
			continue;
		found = S_ISCHR(other.st_mode) && other.st_rdev == st->st_rdev;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Whoever has the node open, as far as we may look into other processes. */
static bool
find_open_holder(const struct stat *st, char out[static HOLDER_TEXT])
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid <= 0 || pid == (long)getpid() || !process_has_open(entry->d_name, st))
			continue;
		describe_process(pid, out);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

static int
fail_busy(const char *path, char **ret_why)
{
	char holder[HOLDER_TEXT] = "another program";
	struct stat st;

	if (stat(path, &st) == 0 && !find_lock_holder(&st, holder))
		find_open_holder(&st, holder);
	if (asprintf(ret_why, "%s is held by %s: end it, or keep it away from this port", path,
		    holder) < 0)
		*ret_why = NULL;
	return -EBUSY;
}

static int
fail_access(const char *path, char **ret_why)
{
	char name[64] = "", buffer[1024];
	struct group group, *found = NULL;
	struct stat st;
	int r;

	/* nobody is told to join root's group */
	if (stat(path, &st) == 0 && st.st_gid != 0 &&
		getgrgid_r(st.st_gid, &group, buffer, sizeof(buffer), &found) == 0 && found)
		snprintf(name, sizeof(name), "%s", found->gr_name);
	if (*name)
		r = asprintf(ret_why,
			"no access to %s (group %s): install 60-tillbridge.rules, which gives it "
			"to "
			"tillbridge, or add the user tillbridge to the group %s",
			path, name, name);
	else
		r = asprintf(ret_why,
			"no access to %s: install 60-tillbridge.rules, which gives it to "
			"tillbridge, and plug it in again",
			path);
	if (r < 0)
		*ret_why = NULL;
	return -EACCES;
}

int
tb_line_fail_open(const char *path, int error, char **ret_why)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return fail_access(path, ret_why);
	case EBUSY:
	case EAGAIN:
		return fail_busy(path, ret_why);
	case ENOENT:
	case ENOTDIR:
		if (asprintf(ret_why, "%s is not there: plug the device in", path) < 0)
			*ret_why = NULL;
		return -ENOENT;
	case ENODEV:
	case ENXIO:
	case EIO:
		if (asprintf(ret_why, "nothing answers behind %s: plug the device in again", path) <
			0)
			*ret_why = NULL;
		return -ENODEV;
	default:
		if (asprintf(ret_why,
			    "%s cannot be opened (%s): see that it is the device meant, and plug "
			    "it in again",
			    path, strerror(error)) < 0)
			*ret_why = NULL;
		return error > 0 ? -error : -EIO;
	}
}

char *
tb_line_why_lost(int error)
{
	char *why = NULL;

	switch (error) {
	case 0:
	case -ENODEV:
	case -EIO:
		return strdup("the device was unplugged: plug it in again");
	default:
		if (asprintf(&why, "the device is no longer read (%s): plug it in again",
			    strerror(-error)) < 0)
			return NULL;
		return why;
	}
}

/*
 * The kernel's name ("ttyUSB0") of what a path leads to, following links a step at a time: on a
 * machine with simulated ports the node itself may be a link to a pseudo-terminal. "" when it is no
 * tty of the kernel's.
 */
static void
find_kernel_name(const char *path, char out[static NAME_MAX + 1])
{
	char at[PATH_MAX], target[PATH_MAX], sys[NAME_MAX + 32];

	out[0] = '\0';
	snprintf(at, sizeof(at), "%s", path);
	for (int i = 0; i < LINKS_MAX; i++) {
		char *slash = strrchr(at, '/');
		ssize_t n;

		snprintf(sys, sizeof(sys), "/sys/class/tty/%.*s", NAME_MAX, slash ? slash + 1 : at);
		if (slash && slash[1] && access(sys, F_OK) == 0) {
			snprintf(out, NAME_MAX + 1, "%s", slash + 1);
			return;
		}
		n = readlink(at, target, sizeof(target) - 1);
		if (n <= 0)
			return;
		target[n] = '\0';
		if (target[0] == '/')
			slash = at;
		else if (slash)
			slash++;
		else
			return;
		if (snprintf(slash, sizeof(at) - (size_t)(slash - at), "%s", target) >=
			(int)(sizeof(at) - (size_t)(slash - at)))
			return;
	}
}

static void
close_fd(struct tb_line *line)
{
	if (line->fd < 0)
		return;
	/* a port with bytes still queued would make close() wait for a device that takes none */
	tcflush(line->fd, TCIOFLUSH);
	if (line->port) {
		ioctl(line->fd, TIOCNXCL);
		sp_close(line->port);
	} else {
		close(line->fd);
	}
	line->fd = -1;
}

void
tb_line_close(struct tb_line *line)
{
	close_fd(line);
	if (line->port)
		sp_free_port(line->port);
	line->port = NULL;
}

/* A read of nothing must be told apart from the end: EAGAIN against 0. */
static int
make_readable(int fd)
{
	struct termios tio;

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || tcgetattr(fd, &tio) < 0)
		return -errno;
	tio.c_cc[VMIN] = 1;
	tio.c_cc[VTIME] = 0;
	return tcsetattr(fd, TCSANOW, &tio) < 0 ? -errno : 0;
}

/* Ports that cannot do a mode may take the call and stay as they were: what stands is read back. */
static bool
config_holds(struct sp_port *port, int bits, enum sp_parity parity, int stopbits)
{
	struct sp_port_config *config;
	int is_bits = -1, is_stopbits = -1;
	enum sp_parity is_parity = SP_PARITY_INVALID;

	if (sp_new_config(&config) != SP_OK)
		return false;
	if (sp_get_config(port, config) == SP_OK) {
		sp_get_config_bits(config, &is_bits);
		sp_get_config_parity(config, &is_parity);
		sp_get_config_stopbits(config, &is_stopbits);
	}
	sp_free_config(config);
	return is_bits == bits && is_parity == parity && is_stopbits == stopbits;
}

static int
apply_settings(struct sp_port *port, const struct tb_stream_settings *settings)
{
	static const enum sp_flowcontrol flows[] = {
		[TB_FLOW_NONE] = SP_FLOWCONTROL_NONE,
		[TB_FLOW_RTS] = SP_FLOWCONTROL_RTSCTS,
		[TB_FLOW_XON] = SP_FLOWCONTROL_XONXOFF,
		[TB_FLOW_DSR] = SP_FLOWCONTROL_DTRDSR,
	};
	const char *mode = settings->mode ? settings->mode : "8N1";
	struct sp_port_config *config;
	enum sp_parity parity;
	int r = -EINVAL;

	if (strlen(mode) != 3 || sp_new_config(&config) != SP_OK)
		return -EINVAL;
	parity = mode[1] == 'E' ? SP_PARITY_EVEN : mode[1] == 'O' ? SP_PARITY_ODD : SP_PARITY_NONE;
	if (sp_set_config_baudrate(config, settings->speed ? (int)settings->speed : 9600) ==
			SP_OK &&
		sp_set_config_bits(config, mode[0] - '0') == SP_OK &&
		sp_set_config_parity(config, parity) == SP_OK &&
		sp_set_config_stopbits(config, mode[2] - '0') == SP_OK &&
		sp_set_config_flowcontrol(config, flows[settings->flow]) == SP_OK &&
		sp_set_config(port, config) == SP_OK &&
		config_holds(port, mode[0] - '0', parity, mode[2] - '0'))
		r = 0;
	sp_free_config(config);
	return r;
}

static int
open_port(const char *path, const char *name, const struct tb_stream_settings *settings,
	struct tb_line *line, char **ret_why)
{
	char node[NAME_MAX + 8];
	int taken = 0, r;

	snprintf(node, sizeof(node), "/dev/%s", name);
	if (sp_get_port_by_name(node, &line->port) != SP_OK)
		return tb_line_fail_open(path, ENODEV, ret_why);
	errno = 0;
	if (sp_open(line->port, SP_MODE_READ_WRITE) != SP_OK)
		return tb_line_fail_open(path, errno, ret_why);
	sp_get_port_handle(line->port, &line->fd);
	/* root is let in all the same, and would take half of the other program's bytes */
	if ((ioctl(line->fd, TIOCGEXCL, &taken) == 0 && taken) ||
		flock(line->fd, LOCK_EX | LOCK_NB) < 0) {
		r = fail_busy(path, ret_why);
		/* the mark is the other's: it stays */
		sp_close(line->port);
		line->fd = -1;
		return r;
	}
	ioctl(line->fd, TIOCEXCL);
	if (apply_settings(line->port, settings) < 0) {
		if (asprintf(ret_why,
			    "%s cannot do speed %u, mode %s with that flow control: set the device "
			    "and its section to what the port can",
			    path, settings->speed ? settings->speed : 9600,
			    settings->mode ? settings->mode : "8N1") < 0)
			*ret_why = NULL;
		return -EINVAL;
	}
	r = make_readable(line->fd);
	return r < 0 ? tb_line_fail_open(path, -r, ret_why) : 0;
}

static int
open_pseudo(const char *path, const struct tb_stream_settings *settings, struct tb_line *line,
	char **ret_why)
{
	struct termios tio;

	line->fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (line->fd < 0)
		return tb_line_fail_open(path, errno, ret_why);
	if (tcgetattr(line->fd, &tio) < 0) {
		if (asprintf(ret_why, "%s is no serial line", path) < 0)
			*ret_why = NULL;
		return -EINVAL;
	}
	if (flock(line->fd, LOCK_EX | LOCK_NB) < 0)
		return fail_busy(path, ret_why);
	cfmakeraw(&tio);
	tio.c_cflag |= CLOCAL | CREAD;
	tio.c_cc[VMIN] = 1;
	tio.c_cc[VTIME] = 0;
	if (settings->flow == TB_FLOW_XON)
		tio.c_iflag |= IXON | IXOFF;
	if (tcsetattr(line->fd, TCSANOW, &tio) < 0)
		return tb_line_fail_open(path, errno, ret_why);
	return 0;
}

int
tb_line_open(const char *path, const struct tb_stream_settings *settings, struct tb_line *ret,
	char **ret_why)
{
	struct tb_line line = {.fd = -1};
	char name[NAME_MAX + 1];
	int r;

	*ret_why = NULL;
	find_kernel_name(path, name);
	r = *name ? open_port(path, name, settings, &line, ret_why)
	          : open_pseudo(path, settings, &line, ret_why);
	if (r < 0) {
		tb_line_close(&line);
		return r;
	}
	*ret = line;
	return 0;
}
