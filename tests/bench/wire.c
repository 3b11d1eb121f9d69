/* SPDX-License-Identifier: MIT */
/*
 * From bytes at a tty, or a report of a scanner in HID POS mode, to a line at a socket: how long
 * the daemon takes, and how long a relay that only copies. `wire COUNT` prints `pty PATH`, waits
 * for a line on stdin (a socket's path: the daemon that has that pty; or `relay`: a child of ours),
 * and prints: p50_us p99_us. `wire COUNT FIFO NODE` writes reports into the pipe of a node of the
 * fake bus instead; the relay then reads the node, on the bus itself. `wire COUNT FIFO NODE keys`
 * types, and measures from the last key, Enter, on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

enum kind { TTY, HID, KEYS };

/*
 * A read of a node of the fake bus asks another process before it waits. Who waits in the read has
 * asked before there was anything to read, and is not measured at it; so both sides wait first. On
 * a real node nobody is asked.
 */
static ssize_t
read_node(int node, void *bytes, size_t size)
{
	struct pollfd ready = {.fd = node, .events = POLLIN};

	return poll(&ready, 1, -1) > 0 ? read(node, bytes, size) : -1;
}

/* Copies the digits that are typed, and the end of a code. */
static void
relay_keys(int tty, int fd)
{
	struct input_event events[64];
	char line[64];
	size_t len = 0;
	ssize_t n;

	while ((n = read_node(tty, events, sizeof(events))) > 0)
		for (size_t i = 0; i < (size_t)n / sizeof(events[0]); i++) {
			unsigned code = events[i].code;

			if (events[i].type != EV_KEY || events[i].value != 1)
				continue;
			line[len++] = code == KEY_ENTER ? '\n' : "1234567890"[(code - KEY_1) % 10];
			if (code == KEY_ENTER && write(fd, line, len) != (ssize_t)len)
				exit(0);
			len = code == KEY_ENTER ? 0 : len % 32;
		}
	exit(0);
}

/* Copies a report's code. */
static void
relay_reports(int node, int fd)
{
	char bytes[4096];
	ssize_t n;

	while (read_node(node, bytes, sizeof(bytes)) > 0) {
		n = bytes[1];
		bytes[5 + n++] = '\n';
		if (write(fd, bytes + 5, (size_t)n) != n)
			break;
	}
	exit(0);
}

/* Copies the bytes of the tty, or a report's code, to the socket, and nothing else. */
static void
relay(const char *path, enum kind kind, int fd)
{
	char bytes[4096];
	int tty = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ssize_t n;

	if (tty < 0)
		die(path);
	if (write(fd, "\n", 1) != 1)
		die("relay");
	if (kind == KEYS)
		relay_keys(tty, fd);
	if (kind == HID)
		relay_reports(tty, fd);
	while ((n = read(tty, bytes, sizeof(bytes))) > 0) {
		if (bytes[n - 1] == '\r')
			bytes[n - 1] = '\n';
		if (write(fd, bytes, (size_t)n) != n)
			break;
	}
	exit(0);
}

static void
wait_line(int fd)
{
	static char bytes[1 << 16];
	ssize_t n;

	do {
		n = read(fd, bytes, sizeof(bytes));
		if (n <= 0)
			die("read");
	} while (bytes[n - 1] != '\n');
}

static int
subscribe(const char *path)
{
	static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events.subscribe\","
				   "\"params\":{\"kinds\":[\"scan\"]}}\n";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(path);
	wait_line(fd);
	if (write(fd, call, sizeof(call) - 1) != sizeof(call) - 1)
		die("write");
	wait_line(fd);
	return fd;
}

/* An EAN-13: an article, so that no customer is looked up for it. */
static int
make_code(unsigned number, char out[16])
{
	unsigned sum = 0;
	int n = snprintf(out, 16, "376%09u", number % 1000000000u);

	for (int i = 0; i < n; i++)
		sum += (unsigned)(out[i] - '0') * (i % 2 ? 3 : 1);
	out[n++] = (char)('0' + (10 - sum % 10) % 10);
	out[n++] = '\r';
	return n;
}

/* The same in a report of layout A. */
static int
make_report(unsigned number, char out[64])
{
	char code[16];
	int n = make_code(number, code) - 1;

	memset(out, 0, 64);
	out[0] = 2;
	out[1] = (char)n;
	memcpy(out + 2, "]E0", 3);
	memcpy(out + 5, code, (size_t)n);
	return 64;
}

static void
write_all(int fd, const void *bytes, size_t len)
{
	if (write(fd, bytes, len) != (ssize_t)len)
		die("write");
}

static void
write_key(int fd, unsigned code, int value)
{
	struct input_event events[2] = {
		{.type = EV_KEY, .code = (__u16)code, .value = value},
		{.type = EV_SYN, .code = SYN_REPORT},
	};

	write_all(fd, events, sizeof(events));
}

/* The same as keys, all but the last, which are given the time to be read. */
static void
type_code(unsigned number, int fd)
{
	struct timespec gap = {.tv_nsec = 1000000};
	char code[16];
	int n = make_code(number, code) - 1, waiting = 1;

	for (int i = 0; i < n; i++)
		for (int value = 1; value >= 0; value--)
			write_key(fd, code[i] == '0' ? KEY_0 : KEY_1 + (unsigned)(code[i] - '1'),
				value);
	while (waiting > 0) {
		nanosleep(&gap, NULL);
		if (ioctl(fd, FIONREAD, &waiting) < 0)
			die("FIONREAD");
	}
	nanosleep(&gap, NULL);
}

/* From the last write of a code to the line that says it. */
static uint64_t
measure(enum kind kind, unsigned number, int master, int fd)
{
	char code[64];
	int len = kind == TTY ? make_code(number, code) : 0;
	uint64_t at;

	if (kind == HID)
		len = make_report(number, code);
	if (kind == KEYS)
		type_code(number, master);
	at = now_ns();
	if (kind == KEYS)
		write_key(master, KEY_ENTER, 1);
	else
		write_all(master, code, (size_t)len);
	wait_line(fd);
	at = now_ns() - at;
	if (kind == KEYS)
		write_key(master, KEY_ENTER, 0);
	return at;
}

/* A pseudo-terminal, whose other end's name goes to path. */
static int
make_pty(char *path, size_t size)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios tio;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		die("pty");
	snprintf(path, size, "%s", ptsname(master));
	tcgetattr(master, &tio);
	cfmakeraw(&tio);
	tcsetattr(master, TCSANOW, &tio);
	return master;
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int
main(int argc, char *argv[])
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
	uint64_t *ns = calloc(count + 1, sizeof(*ns));
	char line[sizeof(((struct sockaddr_un *)0)->sun_path)], path[64];
	int ends[2], master, fd;
	enum kind kind = argc == 4 ? HID : argc == 5 ? KEYS : TTY;
	pid_t child = 0;

	if (!count || !ns)
		die("wire");
	if (kind != TTY) {
		snprintf(path, sizeof(path), "%s", argv[3]);
		master = open(argv[2], O_RDWR | O_CLOEXEC);
		/* packets: each write is one report */
		if (master < 0 || (kind == HID && fcntl(master, F_SETFL, O_DIRECT) < 0))
			die(argv[2]);
	} else {
		master = make_pty(path, sizeof(path));
	}
	printf("pty %s\n", path);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "relay") == 0) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
			die("socketpair");
		child = fork();
		if (child == 0)
			relay(path, kind, ends[1]);
		close(ends[1]);
		fd = ends[0];
		wait_line(fd);
	} else {
		fd = subscribe(line);
	}
	for (unsigned i = 0; i < count; i++)
		ns[i] = measure(kind, i, master, fd);
	qsort(ns, count, sizeof(*ns), by_size);
	printf("%.2f %.2f\n", (double)ns[count / 2] / 1e3,
		(double)ns[(uint64_t)count * 99 / 100] / 1e3);
	if (child > 0) {
		kill(child, SIGTERM);
		waitpid(child, NULL, 0);
	}
	return 0;
}
