/* SPDX-License-Identifier: MIT */
/*
 * tillctl capture: what a device's wire carries, into a file that replay reads and that may stand
 * in fixtures/. The bridge holds back what it refuses; this file only writes down what it is told.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include "bridge/tillctl.h"

struct capture {
	struct tillctl *ctl;
	const char *device, *path, *by, *model;
	FILE *file;
	int64_t codes_max, codes;
	uint64_t bytes, refused;
	int signals, timer; /* descriptors; timer -1: no end */
	bool begun;         /* the head is written */
	bool ended;
};

static const struct option options[] = {
	{"by", required_argument, NULL, 'b'},
	{"codes", required_argument, NULL, 'n'},
	{"for", required_argument, NULL, 'f'},
	{"model", required_argument, NULL, 'm'},
	{0},
};

/* "90s", "2m", "500ms"; seconds when there is no unit. 0: no such time. */
static uint64_t
parse_duration_ms(const char *text)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (end > text && *text != '-' && value < 1000000 && !strcmp(end, units[i].unit))
			return value * units[i].ms;
	return 0;
}

static int
set_timer(struct capture *capture, const char *text)
{
	uint64_t ms = parse_duration_ms(text);
	struct itimerspec when = {.it_value = {.tv_sec = (time_t)(ms / 1000),
					  .tv_nsec = (long)(ms % 1000) * 1000000}};

	if (ms == 0) {
		fprintf(stderr, "--for %s: expected a duration, as 30s or 2m\n", text);
		return -EINVAL;
	}
	capture->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	return capture->timer < 0 || timerfd_settime(capture->timer, 0, &when, NULL) < 0 ? -errno
	                                                                                 : 0;
}

static int
take_options(struct capture *capture, int argc, char *argv[])
{
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			capture->by = optarg;
			break;
		case 'f':
			if (set_timer(capture, optarg) < 0)
				return TILLCTL_USAGE;
			break;
		case 'm':
			capture->model = optarg;
			break;
		case 'n':
			capture->codes_max = atoll(optarg);
			if (capture->codes_max > 0)
				break;
			fprintf(stderr, "--codes %s: expected a number\n", optarg);
			return TILLCTL_USAGE;
		default:
			return TILLCTL_USAGE;
		}
	}
	if (argc - optind != 2)
		return TILLCTL_USAGE;
	capture->device = argv[optind];
	capture->path = argv[optind + 1];
	return TILLCTL_DONE;
}

/* What was scanned may be somebody's card: nobody else reads the file. */
static int
open_file(struct capture *capture)
{
	int fd = strcmp(capture->path, "-") == 0
	                 ? dup(STDOUT_FILENO)
	                 : open(capture->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd >= 0)
		capture->file = fdopen(fd, "w");
	if (capture->file)
		return TILLCTL_DONE;
	fprintf(stderr, "%s: %s\n", capture->path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return TILLCTL_REFUSED;
}

static int
write_line(struct capture *capture, json_t *line)
{
	int r = line ? json_dumpf(line, capture->file, JSON_COMPACT) : -1;

	json_decref(line);
	if (r < 0 || fputc('\n', capture->file) == EOF || fflush(capture->file) == EOF) {
		fprintf(stderr, "%s: cannot be written: %s\n", capture->path, strerror(errno));
		return TILLCTL_REFUSED;
	}
	return TILLCTL_DONE;
}

static const char *
who(const struct capture *capture)
{
	const struct passwd *user = getpwuid(getuid());

	return capture->by ? capture->by : user ? user->pw_name : "tillctl";
}

/*
 * The head: what the bridge knows of the device, and who records it when. Written as late as can
 * be, since a device that was plugged in meanwhile is known better than one that was away.
 */
static int
write_head(struct capture *capture)
{
	_cleanup_json_ json_t *known = NULL;
	const char *model;
	const json_t *descriptor;
	time_t now = time(NULL);
	struct tm day;
	char on[16];
	json_t *head;
	int r;

	if (capture->begun)
		return TILLCTL_DONE;
	r = tillctl_ask(capture->ctl, "device.capture",
		json_pack("{s:s}", "device", capture->device), &known);
	if (r != TILLCTL_DONE)
		return r;
	capture->begun = true;
	model = tillctl_string(known, "model");
	descriptor = json_object_get(known, "descriptor");

	localtime_r(&now, &day);
	strftime(on, sizeof(on), "%Y-%m-%d", &day);
	if (capture->model)
		model = capture->model;
	head = json_pack("{s:s, s:s, s:s, s:s, s:s, s:O}", "device",
		tillctl_string(known, "device"), "driver", tillctl_string(known, "driver"), "model",
		*model ? model : "unknown", "by", who(capture), "on", on, "settings",
		json_object_get(known, "settings"));
	if (head && descriptor)
		json_object_set(head, "descriptor", (json_t *)descriptor);
	return write_line(capture, head);
}

static int
take_bytes(struct capture *capture, const json_t *params)
{
	static const char *const gaps[] = {"refused", "omitted"};
	int r = write_head(capture);
	json_t *line;

	if (r != TILLCTL_DONE)
		return r;
	line = json_pack("{s:O, s:O, s:s}", "t_us", json_object_get(params, "t_us"), "dir",
		json_object_get(params, "dir"), "hex", tillctl_string(params, "hex"));

	capture->bytes += strlen(tillctl_string(params, "hex")) / 2;
	for (size_t i = 0; i < ARRAY_SIZE(gaps); i++)
		if (json_object_get(params, gaps[i]))
			json_object_set(line, gaps[i], json_object_get(params, gaps[i]));
	if (json_object_get(params, "refused")) {
		capture->refused++;
		fprintf(stderr, "a payment card was read: refused, nothing of it is kept\n");
	}
	return write_line(capture, line);
}

/* One notification; TILLCTL_DONE to go on. */
static int
take_notice(struct capture *capture, const char *method, const char *text)
{
	_cleanup_json_ json_t *params = json_loads(text, 0, NULL);

	if (strcmp(method, "dropped") == 0) {
		fprintf(stderr, "capture: this machine is too slow for the wire: ended\n");
		return TILLCTL_REFUSED;
	}
	if (strcmp(tillctl_string(params, "device"), capture->device) != 0)
		return TILLCTL_DONE;
	if (strcmp(method, "capture_codes") == 0)
		capture->codes = tillctl_number(params, "codes");
	if (strcmp(method, "capture_end") == 0)
		capture->ended = true;
	return strcmp(method, "capture") == 0 ? take_bytes(capture, params) : TILLCTL_DONE;
}

static bool
is_enough(const struct capture *capture)
{
	return capture->codes_max > 0 && capture->codes >= capture->codes_max;
}

/* What has come by now. */
static int
drain(struct capture *capture)
{
	int r = TILLCTL_DONE;

	while (r == TILLCTL_DONE && !is_enough(capture)) {
		_cleanup_free_ char *method = NULL, *text = NULL;
		int error = tillbridge_next(capture->ctl->till, 0, &method, &text);

		if (error == -ETIMEDOUT)
			break;
		if (error < 0 && error != -EOVERFLOW)
			return tillctl_lost("capture", error);
		if (error == 0)
			r = take_notice(capture, method, text);
	}
	return r;
}

static int
record(struct capture *capture)
{
	struct pollfd fds[] = {{.fd = tillbridge_fd(capture->ctl->till), .events = POLLIN},
		{.fd = capture->signals, .events = POLLIN},
		{.fd = capture->timer, .events = POLLIN}};
	int r = drain(capture);

	while (r == TILLCTL_DONE && !capture->ended && !is_enough(capture)) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return tillctl_lost("capture", -errno);
		r = drain(capture);
		if (fds[1].revents || fds[2].revents)
			break;
	}
	return r;
}

/* Ends it in order, so that what is half read is not forgotten without a word. */
static int
finish(struct capture *capture)
{
	int r = capture->ended ? TILLCTL_DONE : write_head(capture);

	if (!capture->ended && r == TILLCTL_DONE)
		r = tillctl_tell(capture->ctl, "device.capture_stop",
			json_pack("{s:s}", "device", capture->device));
	capture->codes_max = 0;
	return r == TILLCTL_DONE ? drain(capture) : r;
}

static void
say_sum(const struct capture *capture)
{
	FILE *out = strcmp(capture->path, "-") == 0 ? stderr : stdout;

	if (capture->ctl->json)
		fprintf(out,
			"{\"codes\":%" PRId64 ",\"bytes\":%" PRIu64 ",\"refused\":%" PRIu64 "}\n",
			capture->codes, capture->bytes, capture->refused);
	else
		fprintf(out, "%" PRId64 " codes, %" PRIu64 " bytes in %s\n", capture->codes,
			capture->bytes, capture->path);
}

static int
begin_and_record(struct capture *capture)
{
	_cleanup_json_ json_t *known = NULL;
	sigset_t ends;
	int r = tillctl_ask(capture->ctl, "device.capture",
		json_pack("{s:s}", "device", capture->device), &known);

	if (r == TILLCTL_DONE)
		r = open_file(capture);
	if (r != TILLCTL_DONE)
		return r;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	capture->signals = signalfd(-1, &ends, SFD_CLOEXEC);
	if (capture->signals < 0)
		return tillctl_lost("capture", -errno);
	fprintf(stderr, "recording %s: scan now; Ctrl-C ends it\n", capture->device);
	r = record(capture);
	return r == TILLCTL_DONE ? finish(capture) : r;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	struct capture capture = {.ctl = ctl, .signals = -1, .timer = -1};
	int r = take_options(&capture, argc, argv);

	if (r == TILLCTL_DONE)
		r = begin_and_record(&capture);
	if (capture.file && fclose(capture.file) == EOF && r == TILLCTL_DONE)
		r = TILLCTL_REFUSED;
	if (capture.signals >= 0)
		close(capture.signals);
	if (capture.timer >= 0)
		close(capture.timer);
	if (r == TILLCTL_DONE)
		say_sum(&capture);
	return r;
}

const struct tillctl_command tillctl_capture = {
	.name = "capture",
	.arguments = "DEVICE FILE [--codes N] [--for 30s]",
	.prose = "records a device's wire, for replay",
	.run = run,
};
