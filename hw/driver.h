/* SPDX-License-Identifier: MIT */
/*
 * The contract a device driver fills in: bytes and time in, events out, and for printers documents
 * in. A driver opens one device at an address, tells what happens on it, and closes it. It does not
 * find devices (enumerate.c), does not open them again after a loss (the daemon does, with
 * backoff), and knows no customer and no socket. Everything runs on the loop's thread; no slot
 * blocks.
 */
#pragma once

#include "base/loop.h"
#include "hw/scan.h"

struct tb_document; /* hw/escpos/document.h */

enum tb_device_state {
	TB_DEVICE_ABSENT,
	TB_DEVICE_PRESENT,
	TB_DEVICE_NO_ACCESS,
	TB_DEVICE_OPENING,
	TB_DEVICE_READY,
	TB_DEVICE_BUSY,
	TB_DEVICE_LOST,
	TB_DEVICE_REFUSED,
};

enum tb_printer_state {
	TB_PRINTER_READY,
	TB_PRINTER_PAPER_LOW,
	TB_PRINTER_PAPER_OUT,
	TB_PRINTER_COVER_OPEN,
	TB_PRINTER_OFFLINE,
	TB_PRINTER_ERROR,
};

enum tb_job_state {
	TB_JOB_QUEUED,
	TB_JOB_PRINTING,
	TB_JOB_HELD,
	TB_JOB_SENT,
	TB_JOB_CONFIRMED,
	TB_JOB_FAILED,
	TB_JOB_UNKNOWN,
	TB_JOB_CANCELLED,
};

/* The words that a till is told; static. */
const char *tb_device_state_word(enum tb_device_state state);
const char *tb_printer_state_word(enum tb_printer_state state);
const char *tb_job_state_word(enum tb_job_state state);

enum tb_event_kind {
	TB_EVENT_SCAN,    /* a code was read */
	TB_EVENT_CARD,    /* a card was swiped or presented, or refused */
	TB_EVENT_DROPPED, /* something was read and thrown away: counted in the device's errors */
	TB_EVENT_STATE,   /* the device's own state changed: ready, busy, lost */
	TB_EVENT_PRINTER, /* the printer's state changed */
	TB_EVENT_JOB,     /* the job given to `print` went on */
	TB_EVENT_LAYOUT,  /* the code for `calibrate` was read */
};

struct tb_event {
	enum tb_event_kind kind;
	const char *reason; /* a word (`code_too_long`) or sentence, or NULL; borrowed */
	union {
		const struct tb_scan *scan;
		struct {
			const char *code, *uid; /* NULL when absent */
			int track;              /* 1..3, 0 when it is no stripe */
			const char *kind;       /* loyalty, staff, unknown; NULL when refused */
			bool payment_refused;   /* a payment card: nothing of it is told */
		} card;
		enum tb_device_state state;
		enum tb_printer_state printer;
		struct {
			const char *id;
			enum tb_job_state state;
			/* A byte of the job has been taken by the wire: it must not be sent again
			 * by itself. */
			bool touched;
		} job;
		struct {
			/* Values of the key `layout` that explain what was typed, blanks between,
			 * the likeliest first; "" when none does. */
			const char *names;
			bool caps; /* only if Caps Lock was otherwise than its light says */
		} layout;
	};
};

/* One key of a [device] section that a driver understands. */
struct tb_setting_spec {
	const char *key;
	enum {
		TB_SETTING_STRING,
		TB_SETTING_NUMBER,
		TB_SETTING_DURATION,
		TB_SETTING_BOOL,
		TB_SETTING_WORD,
		TB_SETTING_ESCAPES /* a mark around a code: bytes, with C escapes */
	} type;
	const char *fallback; /* as text; NULL: none */
	const char *words;    /* TB_SETTING_WORD: the allowed ones, "auto cr lf" */
	int64_t min, max;     /* TB_SETTING_NUMBER; TB_SETTING_DURATION in µs */
	bool repeated;        /* the key may stand several times */
	const char *prose;    /* one line for the man page */
};

/* A section's key as it stands in the configuration or the device file, checked against the spec.
 */
struct tb_setting {
	const char *key, *value;
};

struct tb_device_config {
	const char *name;    /* "counter" */
	const char *address; /* "tty:/dev/…", "tcp:HOST:PORT", …: hw/transport/ */
	const struct tb_setting *settings;
	size_t n_settings;
	const char *syspath; /* where enumeration found it; NULL when it is only named by a path */
	/* Neither a section nor a data file knows it: a driver that can ask the device what it is
	 * refuses one that does not say that it is of its kind. */
	bool unasked;
};

/* The value of a key, else the spec's fallback; the n-th (0 …) of a repeated key, NULL after the
 * last. */
const char *tb_device_setting(const struct tb_device_config *config,
	const struct tb_setting_spec *specs, const char *key, size_t n);
/* As a number: itself, a duration in µs, a switch as 0 or 1, a word as its place in `words`. */
int64_t tb_device_setting_number(const struct tb_device_config *config,
	const struct tb_setting_spec *specs, const char *key);
/* Whether a key may have that value: 0; -ENOENT no such key, -EINVAL no such form, -ERANGE. */
int tb_setting_check(const struct tb_setting_spec *specs, const char *key, const char *value);
/* "100ms", "0s", "2m" in µs; -EINVAL. */
int tb_duration_parse(const char *text, uint64_t *ret_us);

/* What a driver tells somebody who records its wire (tillctl capture). */
enum tb_wire {
	TB_WIRE_IN,       /* these bytes came: a read, a report; told before they are taken apart */
	TB_WIRE_OUT,      /* these bytes were taken by the wire */
	TB_WIRE_REST,     /* no bytes: nothing of what came is half read */
	TB_WIRE_SPOILED,  /* no bytes: what came since the last rest must not be shown */
	TB_WIRE_REPEATED, /* no bytes: a code came again within the window and was not told */
};

/* Whose business a code is, told by its form on the spot. */
enum tb_whose {
	TB_WHOSE_OTHERS, /* an article's, or nobody knows: the till program's */
	TB_WHOSE_OURS,   /* a customer's, a coupon, a gift card */
	TB_WHOSE_NOBODYS /* a payment card: it goes no further */
};

/* What the daemon lends a driver, valid until `close` returns. */
struct tb_device_host {
	struct tb_loop *loop;
	/*
	 * The event and what it points to are borrowed until emit returns. After TB_EVENT_STATE
	 * with TB_DEVICE_LOST, TB_DEVICE_REFUSED (not tried again) or TB_DEVICE_BUSY the driver is
	 * silent and waits for `close`, which never comes from within emit.
	 */
	void (*emit)(const struct tb_device_host *host, const struct tb_event *event);
	/* Asked by a driver that hands on what is not ours; tells nobody of the scan. NULL: all
	 * that is read is others'. */
	enum tb_whose (*whose)(const struct tb_device_host *host, const struct tb_scan *scan);
	/*
	 * NULL unless somebody records the device; it may come and go while the device is open, so
	 * it is looked at each time, by tb_wire_tap(). What came is held back until the driver says
	 * TB_WIRE_REST, since only then it is known that it was no payment card.
	 */
	void (*tap)(const struct tb_device_host *host, enum tb_wire wire, const void *bytes,
		size_t len);
	void *userdata;
};

static inline void
tb_wire_tap(const struct tb_device_host *host, enum tb_wire wire, const void *bytes, size_t len)
{
	if (host->tap)
		host->tap(host, wire, bytes, len);
}

struct tb_device; /* a driver's own, one for each open device */

/* What a printer can say about a document before it is printed. */
struct tb_print_report {
	unsigned substitutions; /* characters that the printer's code pages do not have */
	char substituted[256];  /* those characters once each, UTF-8, as many as fit */
	unsigned too_wide;      /* codes and images that had to be made smaller or left out */
};

struct tb_print_job {
	const char *id;
	const struct tb_document *document; /* or NULL, and then */
	const uint8_t *raw; /* bytes that go out as they are, nothing of ours between them */
	size_t raw_len;
};

struct tb_printer_ops {
	/*
	 * Whether the document can be printed with these settings, and what would be lost; needs no
	 * open device. 0, or -EINVAL with ret_why, a sentence for the programmer of the till (to
	 * free).
	 */
	int (*check)(const struct tb_device_config *config, const struct tb_document *document,
		struct tb_print_report *ret, char **ret_why);
	/*
	 * Prints one job; the next is given only after this one ended. The job and its bytes stay
	 * valid until then. Progress is told by TB_EVENT_JOB; the last one has sent, confirmed,
	 * failed or unknown, or held: then the cause is told, and the driver goes on by itself when
	 * the printer does, as long as the device is open. -EBUSY while a job is under way.
	 */
	int (*print)(struct tb_device *device, const struct tb_print_job *job);
	/* Stops the job under way as soon as the printer is between two commands; it ends as
	 * `failed` with reason cancelled when bytes were taken, else as `cancelled`. */
	int (*cancel)(struct tb_device *device);
};

struct tb_driver {
	const char *name; /* "scanner-serial" */
	enum { TB_CLASS_SCANNER, TB_CLASS_CARD, TB_CLASS_PRINTER, TB_CLASS_DISPLAY } class;
	const struct tb_setting_spec *settings; /* ends with a NULL key */
	/* Which nodes of a plugged device it opens, best first: "hidraw usb", "lp usb tty"; they
	 * come as an address with that prefix. NULL: only what the configuration names. */
	const char *nodes;
	/*
	 * A driver whose libraries are heavy: NAME.so among the modules, which exports a tb_driver
	 * of this name as TB_DRIVER_SYMBOL, whose open and close are called; those here are NULL.
	 * It is in memory while a device of it is open. NULL: the driver is all here.
	 */
	const char *module;
	/* What it reads may be a payment card: while it is open no debugger and no core may see it.
	 */
	bool secret;
	/*
	 * Starts to open the device. 0: TB_EVENT_STATE tells when it is ready, or lost. Negative
	 * errno with ret_why (a sentence naming culprit and cure, to free): -EACCES no_access,
	 * -ENOENT, -ENODEV absent, -EBUSY busy with another program, -EINVAL a setting that this
	 * device cannot do: refused.
	 */
	int (*open)(const struct tb_device_config *config, const struct tb_device_host *host,
		struct tb_device **ret, char **ret_why);
	/* Ends everything at once, gives the device back to the kernel; what was half read is
	 * dropped. A job under way is told of for the last time from within: held or unknown, lost.
	 */
	void (*close)(struct tb_device *device);
	/*
	 * For a device with a key `layout`, else NULL. While it is on, what is read is taken for
	 * TB_CALIBRATION_CODE and told as TB_EVENT_LAYOUT alone. Never called from within emit.
	 */
	int (*calibrate)(struct tb_device *device, bool on);
	/*
	 * Bytes of the device itself without which those of its wire cannot be decoded (a HID
	 * report descriptor), for the head of a recording. Borrowed until close; 0: none. May be
	 * NULL.
	 */
	size_t (*descriptor)(const struct tb_device *device, const uint8_t **ret);
	const struct tb_printer_ops *printer; /* NULL for what is no printer */
};

/* Signs that each layout has under another key; short enough for a bar code on any receipt. */
#define TB_CALIBRATION_CODE "TBCAL:AZqwym;-/_=@#\\"

#define TB_DRIVER_SYMBOL "tb_driver_module"

/* The table of drivers.c, sorted by name, ends with NULL. */
extern const struct tb_driver *const tb_drivers[];
const struct tb_driver *tb_driver_find(const char *name);
