/* SPDX-License-Identifier: MIT */
/* tillsim: devices that exist only as a pseudo-terminal, a TCP port or a file. */

#include "hw/sim/tillsim.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"tillsim render [--profile P] [--dialect escpos|star] [--format json|text|png] [-o OUT] "
	"FILE\n"
	"    reads a recorded byte stream; png: OUT, then OUT-2 … for each ticket with marks\n"
	"tillsim printer --tcp PORT | --pty LINK --out DIR [--profile P] [--dialect escpos|star]\n"
	"    [--fault paper_out@N|cover@N|cutter@N|slow=BPS|buffer=N|no-status|no-qr]…\n"
	"    a printer; commands on its standard input, see hw/sim/README.md\n"
	"tillsim scanner --pty LINK [--terminator cr|lf|crlf|tab|none] [--prefix S] [--suffix S] "
	"[--aim]\n"
	"    a serial scanner; codes on its standard input, one a line, C escapes\n"
	"tillsim wedge [--layout L] [--terminator cr|lf|crlf|tab|none] [--bus]\n"
	"    [--vid VID] [--pid PID] [--serial S] [--gap-us N]\n"
	"    a scanner that types, through uinput or on a fake bus; codes likewise\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"printer", tb_sim_printer},
	{"render", tb_sim_render},
	{"scanner", tb_sim_scanner},
	{"wedge", tb_sim_wedge},
};

int
tb_sim_usage(const char *format, ...)
{
	va_list args;

	fputs("tillsim: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\n(tillsim --help tells more)\n", stderr);
	return TB_SIM_USAGE;
}

int
main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return tb_sim_usage("which device?");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(usage, stdout);
		return TB_SIM_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("tillsim " TB_VERSION);
		return TB_SIM_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, argv[1]) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	return tb_sim_usage("no device is called '%s'", argv[1]);
}
