/* SPDX-License-Identifier: MIT */
/*
 * tillbridged: options, directories, and a loop that runs until somebody says stop. What it does
 * meanwhile is the parts' business.
 */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include "base/log.h"
#include "bridge/bridge.h"
#include "bridge/conf.h"
#include "bridge/loop.h"
#include "bridge/rpc/openapi.h"

#define CONF_DIR "/etc/tillbridge"
#define RUNTIME_DIR "/run/tillbridge"
#define STATE_DIR "/var/lib/tillbridge"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

struct options {
	const char *conf_file;
	bool check;
};

static const char usage[] =
	"Usage: tillbridged [-c FILE] [--check-config] [--openapi] [--version]\n"
	"\n"
	"The daemon between a till, its scanners and printers, and the loyalty account.\n"
	"\n"
	"  -c, --config FILE  read this file alone (else " CONF_DIR "/tillbridge.conf,\n"
	"                     then " CONF_DIR "/conf.d/*.conf; none of them need be there)\n"
	"      --check-config say what is wrong with the configuration and end: 0 nothing, 1\n"
	"      --openapi      print the OpenAPI 3.1 document of all methods and end\n"
	"      --version      print the version and end\n"
	"  -h, --help         print this and end\n"
	"\n"
	"Directories: $RUNTIME_DIRECTORY, else " RUNTIME_DIR " (the socket till.sock);\n"
	"$STATE_DIRECTORY, else " STATE_DIR ". tillbridged(8), tillbridge-rpc(7).\n";

static int
print_openapi(void)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(0);

	tb_openapi_write(&buf);
	tb_buf_add_byte(&buf, '\n');
	if (tb_buf_error(&buf) < 0 || fwrite(buf.data, 1, buf.len, stdout) != buf.len ||
		fflush(stdout) != 0)
		return EXIT_REFUSED;
	return EXIT_DONE;
}

/* -1 to go on, else the exit status. */
static int
parse_options(int argc, char **argv, struct options *ret)
{
	enum { OPTION_CHECK = 256, OPTION_OPENAPI, OPTION_VERSION };
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, OPTION_CHECK},
		{"openapi", no_argument, NULL, OPTION_OPENAPI},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"help", no_argument, NULL, 'h'},
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) >= 0) {
		switch (c) {
		case 'c':
			ret->conf_file = optarg;
			break;
		case OPTION_CHECK:
			ret->check = true;
			break;
		case OPTION_OPENAPI:
			return print_openapi();
		case OPTION_VERSION:
			puts("tillbridged " TB_VERSION);
			return EXIT_DONE;
		case 'h':
			fputs(usage, stdout);
			return EXIT_DONE;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "tillbridged: %s is too much\n%s", argv[optind], usage);
		return EXIT_USAGE;
	}
	return -1;
}

/* The problems go out as they are: FILE:LINE first, so that an editor finds the place. */
static int
load_conf(const struct options *options, struct tb_conf **ret)
{
	_cleanup_buf_ struct tb_buf problems = TB_BUF_INIT(0);
	int r = tb_conf_load(options->conf_file, CONF_DIR, ret, &problems);

	if (problems.len > 0)
		fputs(problems.data, stderr);
	else if (r < 0)
		fprintf(stderr, "the configuration cannot be read: %s\n", strerror(-r));
	return r;
}

/* The service manager may hand over several directories; the first is ours. */
static char *
directory(const char *variable, const char *fallback)
{
	const char *list = getenv(variable);

	return list && list[0] ? strndup(list, strcspn(list, ":")) : strdup(fallback);
}

/* Made when it is missing; where it cannot be, whoever needs it says so. */
static void
make_directory(const char *path, mode_t mode)
{
	mode_t mask = umask(0);

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		tb_log_warning("%s cannot be made: %m", path);
	umask(mask);
}

/* 256 clients and their devices need more than a login shell's soft limit may give. */
static void
raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void
on_stop(void *userdata)
{
	struct tb_loop *loop = userdata;

	tb_event_loop_stop(loop);
}

static int
prepare_loop(struct tb_loop *loop)
{
	int r = tb_event_loop_add_signal(loop, SIGTERM, on_stop, loop);

	if (r >= 0)
		r = tb_event_loop_add_signal(loop, SIGINT, on_stop, loop);
	if (r >= 0)
		r = tb_event_loop_watchdog(loop);
	return r;
}

static int
run(struct tb_bridge *bridge)
{
	_cleanup_free_ char *why = NULL;
	int r = prepare_loop(bridge->loop);

	if (r >= 0)
		r = tb_bridge_start(bridge, &why);
	if (r < 0) {
		tb_log_error("%s", why ? why : strerror(-r));
		return EXIT_REFUSED;
	}
	tb_log_info("tillbridged " TB_VERSION " is ready: site %s, till %s, connector %s",
		bridge->conf->site, bridge->conf->till, bridge->conf->connector);
	sd_notify(false, "READY=1");
	r = tb_bridge_start_devices(bridge);
	if (r >= 0)
		r = tb_event_loop_run(bridge->loop);
	sd_notify(false, "STOPPING=1");
	/* What the last turn took is committed and answered before anything ends. */
	tb_event_loop_end_turn(bridge->loop);
	tb_bridge_stop(bridge);
	if (r < 0)
		tb_log_error("ended by an error: %s", strerror(-r));
	return r < 0 ? EXIT_REFUSED : EXIT_DONE;
}

int
main(int argc, char **argv)
{
	_cleanup_(tb_conf_freep) struct tb_conf *conf = NULL;
	_cleanup_(tb_event_loop_freep) struct tb_loop *loop = NULL;
	_cleanup_free_ char *runtime_dir = NULL, *state_dir = NULL;
	struct options options = {};
	struct tb_bridge bridge = {};
	int r = parse_options(argc, argv, &options);

	if (r >= 0)
		return r;
	r = load_conf(&options, &conf);
	if (r < 0)
		return EXIT_REFUSED;
	if (options.check)
		return EXIT_DONE;
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	raise_descriptors();
	runtime_dir = directory("RUNTIME_DIRECTORY", RUNTIME_DIR);
	state_dir = directory("STATE_DIRECTORY", STATE_DIR);
	if (!runtime_dir || !state_dir || tb_event_loop_new(&loop) < 0) {
		tb_log_error("no memory to start with");
		return EXIT_REFUSED;
	}
	make_directory(runtime_dir, 0755);
	make_directory(state_dir, 0700);
	bridge = (struct tb_bridge){
		.runtime_dir = runtime_dir, .state_dir = state_dir, .loop = loop, .conf = conf};
	return run(&bridge);
}
