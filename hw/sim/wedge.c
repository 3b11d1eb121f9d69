/* SPDX-License-Identifier: MIT */
/*
 * tillsim wedge: a scanner that is a keyboard. With /dev/uinput it is one of the kernel's; without,
 * it stands on a fake bus, and a program that shall see it is started with what `bus` says. Codes
 * come on standard input, one a line, with C escapes; a line that begins with ! is an order:
 * !hangup, !plug, !quit.
 */

#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <linux/uinput.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include "hw/sim/orders.h"
#include "hw/sim/tillsim.h"
#include "hw/sim/typing.h"
#include "hw/sim/words.h"

#define NODE "input/event0" /* on the fake bus */
#define NAME "tillsim wedge"

struct wedge {
	const char *layout, *vid, *pid, *serial;
	const struct tb_terminator *terminator;
	unsigned gap_us; /* between two reports */
	bool fake;

	struct tb_typing *typing;
	int uinput; /* -1: unplugged */

	FILE *bus; /* the fake bus's input */
	int said;  /* its output */
	pid_t pid_of_bus;
	bool plugged;

	struct tb_buf said_lines;
	struct tb_orders orders;
};

static void
say(const char *word, const char *what)
{
	printf("%s %s\n", word, what);
	fflush(stdout);
}

/* The node that the kernel made of a keyboard. */
static void
say_node(int fd)
{
	char name[64] = "", pattern[128];
	glob_t found;

	if (ioctl(fd, UI_GET_SYSNAME(sizeof(name)), name) < 0)
		return;
	snprintf(pattern, sizeof(pattern), "/sys/devices/virtual/input/%.40s/event*", name);
	if (glob(pattern, 0, NULL, &found) != 0)
		return;
	snprintf(pattern, sizeof(pattern), "/dev/input%.40s", strrchr(found.gl_pathv[0], '/'));
	say("listening", pattern);
	globfree(&found);
}

static int
plug_uinput(struct wedge *wedge)
{
	_cleanup_close_ int fd = open("/dev/uinput", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct uinput_setup setup = {.id = {.bustype = BUS_USB,
					     .vendor = (__u16)strtoul(wedge->vid, NULL, 16),
					     .product = (__u16)strtoul(wedge->pid, NULL, 16)},
		.name = NAME};
	int r = fd < 0 ? -1 : 0;

	r = r < 0 ? r : ioctl(fd, UI_SET_EVBIT, EV_KEY);
	r = r < 0 ? r : ioctl(fd, UI_SET_EVBIT, EV_LED);
	for (int key = KEY_ESC; r >= 0 && key <= KEY_COMPOSE; key++)
		r = ioctl(fd, UI_SET_KEYBIT, key);
	for (int light = LED_NUML; r >= 0 && light <= LED_SCROLLL; light++)
		r = ioctl(fd, UI_SET_LEDBIT, light);
	r = r < 0 ? r : ioctl(fd, UI_DEV_SETUP, &setup);
	r = r < 0 ? r : ioctl(fd, UI_DEV_CREATE);
	if (r < 0)
		return -errno;
	wedge->uinput = TAKE_FD(fd);
	say_node(wedge->uinput);
	return 0;
}

/* The bus's program lies beside this one. */
static void
exec_bus(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash) {
		strcpy(slash + 1, "tillsim-fakebus");
		execl(path, "tillsim-fakebus", (char *)NULL);
	}
	execlp("tillsim-fakebus", "tillsim-fakebus", (char *)NULL);
	perror("tillsim-fakebus");
	_exit(1);
}

static int
start_bus(struct wedge *wedge)
{
	int in[2], out[2];
	sigset_t none;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	wedge->pid_of_bus = fork();
	if (wedge->pid_of_bus == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		exec_bus();
	}
	close(in[0]);
	close(out[1]);
	wedge->bus = fdopen(in[1], "w");
	wedge->said = out[0];
	return wedge->pid_of_bus < 0 || !wedge->bus ? -errno : 0;
}

static int
plug(void *userdata)
{
	struct wedge *wedge = userdata;

	if (!wedge->fake)
		return wedge->uinput < 0 ? plug_uinput(wedge) : 0;
	if (!wedge->plugged) {
		fprintf(wedge->bus, "plug " NODE " layout=%s vid=%s pid=%s%s%s\n", wedge->layout,
			wedge->vid, wedge->pid, wedge->serial ? " serial=" : "",
			wedge->serial ? wedge->serial : "");
		fflush(wedge->bus);
	}
	wedge->plugged = true;
	return 0;
}

static void
hang_up(void *userdata)
{
	struct wedge *wedge = userdata;

	if (wedge->uinput >= 0)
		close(wedge->uinput);
	wedge->uinput = -1;
	if (wedge->plugged)
		fprintf(wedge->bus, "unplug " NODE "\n");
	if (wedge->bus)
		fflush(wedge->bus);
	wedge->plugged = false;
}

static void
type_key(uint16_t code, int32_t value, void *userdata)
{
	struct wedge *wedge = userdata;
	struct input_event events[2] = {
		{.type = EV_KEY, .code = code, .value = value},
		{.type = EV_SYN, .code = SYN_REPORT},
	};
	struct timespec gap = {.tv_nsec = (long)TB_MIN(wedge->gap_us, 900000u) * 1000};

	if (write(wedge->uinput, events, sizeof(events)) < 0)
		fprintf(stderr, "tillsim: %s\n", strerror(errno));
	nanosleep(&gap, NULL);
}

static void
type_text(struct wedge *wedge, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		uint32_t point = tb_typing_next(&text, end);

		if (!tb_typing_type(wedge->typing, point, type_key, wedge))
			fprintf(stderr, "tillsim: no key of %s types U+%04X\n", wedge->layout,
				(unsigned)point);
	}
}

static void
scan(char *line, size_t len, void *userdata)
{
	struct wedge *wedge = userdata;
	const struct tb_terminator *end = wedge->terminator;
	size_t n;

	if (wedge->plugged) {
		fprintf(wedge->bus, "text " NODE " %s%s\n", line, end->escaped);
		fflush(wedge->bus);
	} else if (wedge->uinput < 0) {
		fprintf(stderr, "tillsim: it is not plugged in\n");
	} else if (tb_sim_unescape(line, len, &n) < 0) {
		fprintf(stderr, "tillsim: no such escape\n");
	} else {
		type_text(wedge, line, n);
		type_text(wedge, end->bytes, strlen(end->bytes));
	}
}

/* What the bus says that concerns who started us. */
static void
read_bus(struct wedge *wedge)
{
	char bytes[4096];
	size_t len, size;
	ssize_t n = read(wedge->said, bytes, sizeof(bytes));

	if (n <= 0)
		wedge->orders.quit = true;
	else
		tb_buf_add(&wedge->said_lines, bytes, (size_t)n);
	while (tb_sim_line(&wedge->said_lines, &len, &size)) {
		char *line = wedge->said_lines.data;

		line[len] = '\0';
		if (strncmp(line, "bus ", 4) == 0)
			say("bus", line + 4);
		else if (strncmp(line, "plugged ", 8) == 0)
			say("listening", "/dev/" NODE);
		else if (strncmp(line, "error ", 6) == 0)
			fprintf(stderr, "tillsim: %s\n", line + 6);
		tb_buf_consume(&wedge->said_lines, size);
	}
}

static int
turn(struct wedge *wedge)
{
	static const struct tb_scanner_ops ops = {.scan = scan, .plug = plug, .hang_up = hang_up};
	struct pollfd fds[] = {
		{wedge->orders.signals, POLLIN, 0},
		{wedge->orders.input, POLLIN, 0},
		{wedge->said, POLLIN, 0},
	};

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents)
		wedge->orders.quit = true;
	if (fds[2].revents)
		read_bus(wedge);
	return fds[1].revents ? tb_orders_read_scans(&wedge->orders, &ops, wedge) : 0;
}

static int
run(struct wedge *wedge)
{
	int r = tb_orders_open(&wedge->orders);

	if (r == 0 && wedge->fake)
		r = start_bus(wedge);
	if (r == 0)
		r = plug(wedge);
	while (r == 0 && !wedge->orders.quit)
		r = turn(wedge);
	hang_up(wedge);
	if (wedge->bus)
		fclose(wedge->bus);
	if (wedge->pid_of_bus > 0) {
		kill(wedge->pid_of_bus, SIGTERM);
		waitpid(wedge->pid_of_bus, NULL, 0);
	}
	return r;
}

static int
parse(struct wedge *wedge, int argc, char **argv)
{
	static const struct option options[] = {
		{"layout", required_argument, NULL, 'l'},
		{"terminator", required_argument, NULL, 't'},
		{"vid", required_argument, NULL, 'v'},
		{"pid", required_argument, NULL, 'p'},
		{"serial", required_argument, NULL, 's'},
		{"gap-us", required_argument, NULL, 'g'},
		{"bus", no_argument, NULL, 'b'},
		{0},
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'l')
			wedge->layout = optarg;
		else if (c == 't')
			wedge->terminator = tb_terminator_find(optarg);
		else if (c == 'v')
			wedge->vid = optarg;
		else if (c == 'p')
			wedge->pid = optarg;
		else if (c == 's')
			wedge->serial = optarg;
		else if (c == 'g')
			wedge->gap_us = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'b')
			wedge->fake = true;
		else
			r = tb_sim_usage("wedge does not know that");
	}
	if (r == 0 && !wedge->terminator)
		r = tb_sim_usage("--terminator is cr, lf, crlf, tab or none");
	if (r == 0 && optind != argc)
		r = tb_sim_usage("wedge takes [--layout L] [--bus]");
	return r;
}

int
tb_sim_wedge(int argc, char **argv)
{
	struct wedge wedge = {.layout = "us",
		.terminator = tb_terminator_find("cr"),
		.vid = "0c2e",
		.pid = "0204",
		.gap_us = 1000,
		.uinput = -1,
		.said = -1,
		.said_lines = TB_BUF_INIT(0),
		.orders = TB_ORDERS_INIT,
		.fake = access("/dev/uinput", W_OK) < 0};
	int r = parse(&wedge, argc, argv);

	if (r == 0) {
		wedge.typing = tb_typing_new(wedge.layout);
		if (!wedge.typing)
			r = tb_sim_usage("xkb has no layout %s", wedge.layout);
	}
	if (r == 0) {
		r = run(&wedge);
		if (r < 0) {
			fprintf(stderr, "tillsim: wedge: %s\n", strerror(-r));
			r = TB_SIM_FAILED;
		}
	}
	tb_typing_free(wedge.typing);
	tb_orders_done(&wedge.orders);
	tb_buf_done(&wedge.said_lines);
	return r;
}
