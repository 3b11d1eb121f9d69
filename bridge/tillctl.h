/* SPDX-License-Identifier: MIT */
/*
 * What the commands of tillctl share: the connection, one call with its errors told, and text that
 * is safe to print. tillctl is a client of the socket like any other; it sees nothing of the
 * daemon.
 */
#pragma once

#include <jansson.h>
#include <stdio.h>
#include "base/macros.h"
#include "tillbridge.h"

enum { TILLCTL_DONE = 0, TILLCTL_REFUSED = 1, TILLCTL_USAGE = 2, TILLCTL_NO_BRIDGE = 3 };

struct tillctl {
	struct tillbridge *till;
	bool json;      /* results as JSON, one a line */
	char *currency; /* the bridge's, "EUR" */
};

/* argv[0] is the command's name. Returns an exit code; TILLCTL_USAGE prints the command's line. */
struct tillctl_command {
	const char *name, *arguments, *prose;
	int (*run)(struct tillctl *ctl, int argc, char *argv[]);
};

extern const struct tillctl_command tillctl_articles, tillctl_call, tillctl_customer,
	tillctl_devices, tillctl_export, tillctl_help, tillctl_ledger, tillctl_outbox, tillctl_pair,
	tillctl_print_test, tillctl_program, tillctl_queue, tillctl_report, tillctl_sale,
	tillctl_status, tillctl_watch;

extern const struct tillctl_command tillctl_calibrate, tillctl_capture, tillctl_replay,
	tillctl_scan_image, tillctl_doctor, tillctl_setup;

/* The table of tillctl.c, sorted by name; ends with NULL. */
extern const struct tillctl_command *const tillctl_commands[];

/*
 * Calls a method; params is taken, NULL is none. With TILLCTL_DONE *ret is the result, to be given
 * back with json_decref(). Otherwise what was wrong was said on stderr and the result is the exit
 * code.
 */
int tillctl_ask(struct tillctl *ctl, const char *method, json_t *params, json_t **ret);
/* The same for a call that may take long (an import), and for one whose result nobody wants. */
int tillctl_ask_long(struct tillctl *ctl, const char *method, json_t *params, json_t **ret);
int tillctl_tell(struct tillctl *ctl, const char *method, json_t *params);
/*
 * A list that comes in pages: asks with tillctl_ask or tillctl_ask_long until a result has no
 * cursor, and calls fn with each result until that gives another exit code than TILLCTL_DONE.
 */
typedef int (*tillctl_ask_fn)(
	struct tillctl *ctl, const char *method, json_t *params, json_t **ret);
typedef int (*tillctl_page_fn)(struct tillctl *ctl, const json_t *page, void *userdata);
int tillctl_ask_pages(struct tillctl *ctl, tillctl_ask_fn ask, const char *method, json_t *params,
	tillctl_page_fn fn, void *userdata);
/* Connects, if that was not done, and says nothing: 0, or a negative errno of libtillbridge. */
int tillctl_connect(struct tillctl *ctl);
/* The socket that is meant. */
const char *tillctl_socket(void);
/* The words for a negative errno of libtillbridge, and the exit code. */
int tillctl_lost(const char *what, int error);

/*
 * The symbol of the module NAME.so, whose room in a build tree is hw/ROOM; it stays in memory. NULL
 * when it cannot be used: said on stderr.
 */
const void *tillctl_module(const char *room, const char *name, const char *symbol);

/* Prints the test ticket, NULL: on the default printer, and says what became of it: exit code. */
int tillctl_test_print(struct tillctl *ctl, const char *printer);

/* The list of commands. */
void tillctl_usage(FILE *out);

/* A key nobody has used, as a JSON string. */
json_t *tillctl_key(void);

/* Text for a person: control characters of names and codes do not reach the terminal. */
void tillctl_say(const char *format, ...) TB_PRINTF(1, 2);
/* The value as one line on stdout. */
void tillctl_print_json(const json_t *value);
/* A member's text, "" when it is absent or no string. */
const char *tillctl_string(const json_t *object, const char *name);
int64_t tillctl_number(const json_t *object, const char *name);
/* "Éléonore Petit", or what of it is known; out has size bytes. */
const char *tillctl_name(const json_t *customer, char *out, size_t size);

#define TILLCTL_MONEY_TEXT 48
/* Minor units as "12.50 EUR"; out has TILLCTL_MONEY_TEXT bytes. */
const char *tillctl_money(const struct tillctl *ctl, int64_t amount, char *out);
/* "12.5", "12,50" or "12" in minor units; -EINVAL. */
int tillctl_parse_money(const struct tillctl *ctl, const char *text, int64_t *ret);

/* A whole file, "-" is stdin; said on stderr when it cannot be read. NULL then. */
char *tillctl_read_file(const char *path, size_t *ret_len);

static inline void
tillctl_decrefp(json_t **value)
{
	json_decref(*value);
}

#define _cleanup_json_ _cleanup_(tillctl_decrefp)
