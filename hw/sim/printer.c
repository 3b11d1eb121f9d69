/* SPDX-License-Identifier: MIT */
/*
 * tillsim printer: a printer on a TCP port or a pseudo-terminal. One poll loop; the printer itself
 * is device.c. What happens is said on standard output, a line each, so that a script can wait for
 * it.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include "hw/sim/device.h"
#include "hw/sim/glyphs.h"
#include "hw/sim/orders.h"
#include "hw/sim/pty.h"
#include "hw/sim/spool.h"
#include "hw/sim/tillsim.h"

/* Turns of the clock when the paper is slow. */
#define TURNS_PER_SECOND 50u
/* Answers that nobody fetches. */
#define ANSWERS_MAX 4096

struct printer {
	struct tb_device_config config;
	const char *out, *link;
	int port;       /* -1: a pseudo-terminal */
	uint64_t speed; /* bytes a second, 0: as they come */
	bool drops;     /* what the buffer cannot take is lost, as on a line without handshake */

	struct tb_device *device;
	struct tb_spool spool;
	struct tb_buf answers;
	struct tb_orders orders;
	struct tb_sim_pty pty;
	int listener, client, timer;
	bool ticking;
	bool abandoned; /* whoever printed has gone: what stands on the paper is torn off at the end
	                 */
	int failed;
};

static void
say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void
on_reply(const uint8_t *bytes, size_t len, void *userdata)
{
	struct printer *printer = userdata;

	if (printer->answers.len + len <= ANSWERS_MAX)
		tb_buf_add(&printer->answers, bytes, len);
}

static void
on_element(const struct tb_element *element, void *userdata)
{
	struct printer *printer = userdata;

	tb_spool_add(&printer->spool, element);
	if (element->kind == TB_ELEMENT_PULSE)
		say("pulse %u %u %u", element->pulse.pin, element->pulse.on_ms,
			element->pulse.off_ms);
}

static void
on_ticket(const struct tb_canvas *canvas, void *userdata)
{
	struct printer *printer = userdata;
	_cleanup_free_ char *name = NULL;
	int r = tb_spool_ticket(&printer->spool, canvas, &name);

	if (r > 0)
		say("ticket %s", name);
	if (r < 0) {
		fprintf(stderr, "tillsim: %s: %s\n", printer->out, strerror(-r));
		printer->failed = r;
		printer->orders.quit = true;
	}
}

static void
on_changed(const char *state, void *userdata)
{
	say("state %s", state);
}

static int
listen_tcp(struct printer *printer)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)printer->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
		bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 8) < 0 ||
		getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return -errno;
	printer->port = ntohs(address.sin_port); /* it stays the same when the power comes back */
	printer->listener = TAKE_FD(fd);
	return 0;
}

/* Opens the wire and says where it is. */
static int
plug_in(struct printer *printer)
{
	int r;

	if (printer->link) {
		r = tb_sim_pty_open(&printer->pty, printer->link);
		if (r < 0)
			return r;
		printer->client = printer->pty.master;
		say("listening %s", printer->link);
		return 0;
	}
	r = listen_tcp(printer);
	if (r == 0)
		say("listening %d", printer->port);
	return r;
}

static void
drop_client(struct printer *printer)
{
	tb_buf_reset(&printer->answers);
	if (printer->client < 0)
		return;
	if (printer->link) {
		tb_sim_pty_close(&printer->pty);
	} else {
		close(printer->client);
		say("gone");
	}
	printer->client = -1;
}

static void
unplug(struct printer *printer)
{
	drop_client(printer);
	if (printer->listener >= 0)
		close(printer->listener);
	printer->listener = -1;
}

static void
accept_client(struct printer *printer)
{
	printer->abandoned = false;
	printer->client = accept4(printer->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (printer->client >= 0)
		say("client");
}

static void
send_answers(struct printer *printer)
{
	ssize_t n;

	if (printer->client < 0) {
		tb_buf_reset(&printer->answers);
		return;
	}
	while (printer->answers.len > 0) {
		n = write(printer->client, printer->answers.data, printer->answers.len);
		if (n <= 0)
			return;
		tb_buf_consume(&printer->answers, (size_t)n);
	}
}

/* Prints what may be printed now, and sets the clock for what may be printed later. */
static void
work(struct printer *printer)
{
	size_t budget = SIZE_MAX;
	struct itimerspec turn = {0};
	bool more;

	if (printer->speed)
		budget = printer->ticking ? 0
		                          : (size_t)TB_MAX(printer->speed / TURNS_PER_SECOND, 1u);
	more = tb_device_work(printer->device, budget);
	if (more && printer->speed && !printer->ticking) {
		turn.it_value.tv_nsec = 1000000000 / TURNS_PER_SECOND;
		timerfd_settime(printer->timer, 0, &turn, NULL);
		printer->ticking = true;
	}
	if (printer->abandoned && tb_device_idle(printer->device)) {
		printer->abandoned = false;
		tb_device_command(printer->device, "tear");
	}
	send_answers(printer);
}

static void
receive(struct printer *printer)
{
	size_t room = tb_device_room(printer->device);
	uint8_t bytes[16 * 1024];
	ssize_t n;

	n = read(printer->client, bytes,
		printer->drops ? sizeof(bytes) : TB_MIN(TB_MAX(room, (size_t)1), sizeof(bytes)));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (!printer->link)
			drop_client(printer);
		printer->abandoned = true;
		work(printer);
		return;
	}
	/* Without drops there is room: that is when it was polled. */
	for (size_t done = 0; done < (size_t)n;) {
		size_t taken = tb_device_receive(printer->device, bytes + done, (size_t)n - done);

		work(printer);
		if (taken == 0)
			break;
		done += taken;
	}
}

static void
command(struct printer *printer, const char *word)
{
	bool was_off = tb_device_is_off(printer->device);
	int r = 0;

	if (strcmp(word, "quit") == 0)
		printer->orders.quit = true;
	else if (strcmp(word, "hangup") == 0)
		unplug(printer);
	else if (*word && tb_device_command(printer->device, word) < 0)
		fprintf(stderr, "tillsim: what is '%s'?\n", word);
	if (!was_off && tb_device_is_off(printer->device))
		unplug(printer);
	else if ((was_off && !tb_device_is_off(printer->device)) || strcmp(word, "hangup") == 0)
		r = plug_in(printer);
	if (r < 0) {
		fprintf(stderr, "tillsim: %s\n", strerror(-r));
		printer->failed = r;
		printer->orders.quit = true;
	}
	work(printer);
}

static int
obey(char *line, size_t len, void *userdata)
{
	command(userdata, line);
	return 0;
}

static void
take_signal(struct printer *printer)
{
	struct signalfd_siginfo info;

	if (read(printer->orders.signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGUSR1) {
		printer->orders.quit = true;
		return;
	}
	if (tb_device_is_off(printer->device)) {
		command(printer, "on");
	}
	tb_device_clear_faults(printer->device);
	work(printer);
}

static void
turn(struct printer *printer)
{
	enum { SIGNALS, INPUT, TIMER, LISTENER, CLIENT, N };
	bool wants = printer->drops || tb_device_room(printer->device) > 0;
	struct pollfd fds[N] = {
		[SIGNALS] = {printer->orders.signals, POLLIN, 0},
		[INPUT] = {printer->orders.input, POLLIN, 0},
		[TIMER] = {printer->timer, POLLIN, 0},
		/* one client at a time, as printers have it */
		[LISTENER] = {printer->client < 0 ? printer->listener : -1, POLLIN, 0},
		[CLIENT] = {printer->client, (short)(wants ? POLLIN : 0), 0},
	};
	uint64_t times;

	if (printer->answers.len > 0)
		fds[CLIENT].events |= POLLOUT;
	/* A held printer does not see its client go, or a full one would spin on it. */
	if (fds[CLIENT].events == 0)
		fds[CLIENT].fd = -1;
	if (poll(fds, N, -1) < 0)
		return;
	if (fds[SIGNALS].revents)
		take_signal(printer);
	if (fds[TIMER].revents && read(printer->timer, &times, sizeof(times)) > 0) {
		printer->ticking = false;
		work(printer);
	}
	if (fds[CLIENT].revents & POLLOUT && printer->client == fds[CLIENT].fd)
		send_answers(printer);
	if (fds[CLIENT].revents & (POLLIN | POLLHUP | POLLERR) && printer->client == fds[CLIENT].fd)
		receive(printer);
	if (fds[LISTENER].revents && printer->listener >= 0 && printer->client < 0)
		accept_client(printer);
	if (fds[INPUT].revents)
		(void)tb_orders_read(&printer->orders, obey, printer);
}

static int
set_up(struct printer *printer)
{
	static const struct tb_device_ops ops = {.reply = on_reply,
		.element = on_element,
		.ticket = on_ticket,
		.changed = on_changed};
	int r = tb_orders_open(&printer->orders);

	if (r < 0)
		return r;
	printer->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (printer->timer < 0)
		return -errno;
	r = tb_spool_init(&printer->spool, printer->out);
	if (r == 0)
		r = tb_device_new(&printer->config, &ops, printer, &printer->device);
	return r < 0 ? r : plug_in(printer);
}

static void
tear_down(struct printer *printer)
{
	unplug(printer);
	tb_device_free(printer->device);
	tb_spool_done(&printer->spool);
	tb_buf_done(&printer->answers);
	tb_orders_done(&printer->orders);
	if (printer->timer >= 0)
		close(printer->timer);
}

static int
run(struct printer *printer)
{
	int r = set_up(printer);

	while (r == 0 && !printer->orders.quit)
		turn(printer);
	if (r == 0)
		tb_device_finish(printer->device);
	tear_down(printer);
	return r < 0 ? r : printer->failed;
}

static int
parse_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value > max)
		return -EINVAL;
	*ret = value;
	return 0;
}

static int
parse_fault(struct printer *printer, const char *text)
{
	static const char *const words[] = {
		[TB_FAULT_PAPER_OUT] = "paper_out@",
		[TB_FAULT_COVER] = "cover@",
		[TB_FAULT_CUTTER] = "cutter@",
	};
	struct tb_device_config *config = &printer->config;
	uint64_t value;

	if (strcmp(text, "no-status") == 0) {
		config->no_status = true;
		return 0;
	}
	if (strcmp(text, "no-qr") == 0) {
		config->interpret.no_qr = true;
		return 0;
	}
	if (strncmp(text, "slow=", 5) == 0)
		return parse_number(text + 5, 1000000000, &printer->speed);
	if (strncmp(text, "buffer=", 7) == 0) {
		if (parse_number(text + 7, 1u << 30, &value) < 0 || value == 0)
			return -EINVAL;
		config->buffer = value;
		printer->drops = true;
		return 0;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		size_t len = strlen(words[i]);

		if (strncmp(text, words[i], len) != 0 || config->n_faults == TB_DEVICE_FAULTS)
			continue;
		config->faults[config->n_faults].kind = (enum tb_device_fault)i;
		return parse_number(text + len, UINT64_MAX, &config->faults[config->n_faults++].at);
	}
	return -EINVAL;
}

static int
parse_option(struct printer *printer, int c, const char *value)
{
	uint64_t number;

	switch (c) {
	case 't':
		if (parse_number(value, 65535, &number) < 0)
			return tb_sim_usage("--tcp takes a port");
		printer->port = (int)number;
		return 0;
	case 'y':
		printer->link = value;
		return 0;
	case 'o':
		printer->out = value;
		return 0;
	case 'p':
		printer->config.interpret.profile = tb_profile_find(value);
		if (!printer->config.interpret.profile)
			return tb_sim_usage("no profile is called '%s'", value);
		return 0;
	case 'd':
		if (strcmp(value, "star") != 0 && strcmp(value, "escpos") != 0)
			return tb_sim_usage("--dialect is escpos or star");
		printer->config.interpret.dialect = *value == 's' ? TB_DIALECT_STAR
		                                                  : TB_DIALECT_ESCPOS;
		return 0;
	case 'f':
		if (parse_fault(printer, value) < 0)
			return tb_sim_usage("no fault is called '%s'", value);
		return 0;
	default:
		return tb_sim_usage("printer does not know that");
	}
}

static int
parse(struct printer *printer, int argc, char **argv)
{
	static const struct option options[] = {
		{"tcp", required_argument, NULL, 't'},
		{"pty", required_argument, NULL, 'y'},
		{"out", required_argument, NULL, 'o'},
		{"profile", required_argument, NULL, 'p'},
		{"dialect", required_argument, NULL, 'd'},
		{"fault", required_argument, NULL, 'f'},
		{0},
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) >= 0)
		r = parse_option(printer, c, optarg);
	if (r != 0)
		return r;
	if (optind != argc || !printer->out || (printer->port < 0) == !printer->link)
		return tb_sim_usage("printer takes --tcp PORT or --pty LINK, and --out DIR");
	if (printer->config.buffer == 0) {
		const struct tb_profile *profile = printer->config.interpret.profile
		                                           ? printer->config.interpret.profile
		                                           : tb_profile_find(NULL);

		printer->config.buffer = profile->rx_buffer;
	}
	/* A network's packets wait; only a line without handshake loses bytes. */
	printer->drops = printer->drops && printer->link;
	return 0;
}

int
tb_sim_printer(int argc, char **argv)
{
	_cleanup_(tb_sim_glyphs_freep) struct tb_sim_glyphs *glyphs = NULL;
	struct printer printer = {.port = -1,
		.pty = TB_SIM_PTY_INIT,
		.listener = -1,
		.client = -1,
		.timer = -1,
		.answers = TB_BUF_INIT(0),
		.orders = TB_ORDERS_INIT};
	const char *missing = NULL;
	int r;

	r = parse(&printer, argc, argv);
	if (r != 0)
		return r;
	r = tb_sim_glyphs_open(&glyphs, &missing);
	if (r < 0) {
		fprintf(stderr, "tillsim: %s: %s (Debian package xfonts-terminus)\n", missing,
			strerror(-r));
		return TB_SIM_FAILED;
	}
	printer.config.interpret.glyphs = tb_sim_glyphs_get(glyphs);
	r = run(&printer);
	if (r < 0)
		fprintf(stderr, "tillsim: %s\n", strerror(-r));
	return r < 0 ? TB_SIM_FAILED : TB_SIM_OK;
}
