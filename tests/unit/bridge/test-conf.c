/* SPDX-License-Identifier: MIT */
/* The configuration: what is taken, and that what is wrong is told with file and line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "bridge/conf.h"
#include "bridge/rpc/request.h"

struct room {
	char dir[64];
	char file[128];
};

static void
write_file(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	fclose(file);
}

static int
setup(void **state)
{
	struct room *room = calloc(1, sizeof(*room));

	assert_non_null(room);
	strcpy(room->dir, "/tmp/tillbridge-conf-XXXXXX");
	assert_non_null(mkdtemp(room->dir));
	snprintf(room->file, sizeof(room->file), "%s/t.conf", room->dir);
	*state = room;
	return 0;
}

static int
teardown(void **state)
{
	struct room *room = *state;

	unlink(room->file);
	rmdir(room->dir);
	free(room);
	return 0;
}

static struct tb_conf *
load(struct room *room, const char *text)
{
	_cleanup_buf_ struct tb_buf problems = TB_BUF_INIT(0);
	struct tb_conf *conf = NULL;

	write_file(room->file, text, strlen(text));
	if (tb_conf_load(room->file, NULL, &conf, &problems) < 0)
		fail_msg("%s", problems.data);
	assert_int_equal(problems.len, 0);
	return conf;
}

/* Expects one line "FILE:LINE: …" with `part` in it; line 0 for none. */
static void
wrong_n(struct room *room, const char *text, size_t len, unsigned line, const char *part)
{
	_cleanup_buf_ struct tb_buf problems = TB_BUF_INIT(0);
	struct tb_conf *conf = NULL;
	char place[200];

	write_file(room->file, text, len);
	assert_int_equal(tb_conf_load(room->file, NULL, &conf, &problems), -EINVAL);
	assert_null(conf);
	if (line > 0)
		snprintf(place, sizeof(place), "%s:%u: ", room->file, line);
	else
		snprintf(place, sizeof(place), "%s: ", room->file);
	if (strncmp(problems.data, place, strlen(place)) != 0 || !strstr(problems.data, part))
		fail_msg("%s with %s expected, got %s", place, part, problems.data);
	assert_ptr_equal(strchr(problems.data, '\n'), problems.data + problems.len - 1);
}

#define wrong(room, text, line, part) wrong_n(room, text, strlen(text), line, part)

static void
none_at_all(void **state)
{
	struct room *room = *state;
	_cleanup_(tb_conf_freep) struct tb_conf *conf = NULL;
	_cleanup_buf_ struct tb_buf problems = TB_BUF_INIT(0);

	assert_int_equal(tb_conf_load(NULL, room->dir, &conf, &problems), 0);
	assert_string_equal(conf->site, "shop");
	assert_string_equal(conf->till, "1");
	assert_string_equal(conf->currency, "EUR");
	assert_string_equal(conf->language, "fr");
	assert_string_equal(conf->connector, "ledger");
	assert_int_equal(conf->deadline_us, 2000000);
	assert_int_equal(conf->n_devices, 0);
	assert_false(conf->has_access);
}

static void
all_of_it(void **state)
{
	_cleanup_(tb_conf_freep) struct tb_conf *conf = load(*state,
		"\xef\xbb\xbf; a comment\n# another\n\n[bridge]\n  site = lyon-1\r\n"
		"till= 2 ; the second\ncurrency =CHF\nlanguage=de\nproduct_reference = ean\n"
		"country = CH\n[loyalty] ; the account\nconnector = hub\ndeadline = 500ms\n"
		"[ledger]\nstore = postgresql://u@h/d\n[hub]\nurl = https://h:7443\n"
		"token_file = /t\nca_file = /c\n[rest]\nmapping = /m\n"
		"[http]\nlisten = 127.0.0.1:7443\norigins = https://a https://b\n"
		"[codes]\ncustomer = 2912* 2913??\ncustomer = 7*\narticle = 1*\n"
		"[access]\ntill = group:tillbridge user:eve\nmanager = user:root\n"
		"[device counter]\nspeed = 115200\ndriver = scanner-serial\n"
		"address = tty:/dev/serial/by-id/x\nsuffix = a;b\n"
		"[device receipts]\ndriver = printer-escpos\naddress = tcp:127.0.0.1:9100\n");

	assert_string_equal(conf->site, "lyon-1");
	assert_string_equal(conf->till, "2");
	assert_string_equal(conf->currency, "CHF");
	assert_string_equal(conf->language, "de");
	assert_string_equal(conf->product_reference, "ean");
	assert_string_equal(conf->connector, "hub");
	assert_int_equal(conf->deadline_us, 500000);
	assert_string_equal(tb_conf_get(conf, "hub", "ca_file"), "/c");
	assert_null(tb_conf_get(conf, "http", "key"));
	assert_int_equal(conf->n_ranges, 4);
	assert_string_equal(conf->ranges[1].pattern, "2913??");
	assert_int_equal(conf->ranges[2].kind, TB_CODE_CUSTOMER);
	assert_int_equal(conf->ranges[3].kind, TB_CODE_ARTICLE);
	assert_int_equal(conf->n_access, 3);
	assert_true(conf->access[0].group);
	assert_int_equal(conf->access[2].role, TB_ROLE_MANAGER);
	assert_int_equal(conf->n_devices, 2);
	assert_string_equal(conf->devices[0].config.name, "counter");
	assert_string_equal(conf->devices[0].config.address, "tty:/dev/serial/by-id/x");
	assert_string_equal(tb_device_setting(&conf->devices[0].config,
				    conf->devices[0].driver->settings, "speed", 0),
		"115200");
	assert_string_equal(tb_device_setting(&conf->devices[0].config,
				    conf->devices[0].driver->settings, "suffix", 0),
		"a;b");
}

static void
what_is_wrong_is_told(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *part;
	} cases[] = {
		{"[bridge]\nsite = a\nshop = b\n", 3,
			"unknown key shop in [bridge]; expected site"},
		{"[brigde]\nsite = a\n", 1, "unknown section [brigde]"},
		{"[ledger]\n\n\nstor = sqlite\n", 4, "expected store"},
		{"site = a\n", 1, "before the first [section]"},
		{"[bridge]\nsite\n", 2, "expected [section], key = value"},
		{"[bridge\n", 1, "]"},
		{"[bridge] x\n", 1, "nothing may follow"},
		{"[bridge]\n= a\n", 2, "expected [section]"},
		{"[bridge]\nsite =\n", 2, "expected a name"},
		{"[bridge]\nsite = a/b\n", 2, "without /"},
		{"[bridge]\ncurrency = euro\n", 2, "three capital letters"},
		{"[bridge]\nlanguage = es\n", 2, "one of fr en de it"},
		{"[bridge]\ncountry = France\n", 2, "two capital letters"},
		{"[bridge]\nproduct_reference = name\n", 2, "label code ean"},
		{"[loyalty]\nconnector = cloud\n", 2, "ledger hub rest"},
		{"[loyalty]\ndeadline = 2\n", 2, "a duration"},
		{"[loyalty]\ndeadline = 2 s\n", 2, "a duration"},
		{"[loyalty]\ndeadline = -2s\n", 2, "a duration"},
		{"[loyalty]\ndeadline = 11m\n", 2, "10m"},
		{"[ledger]\nstore = mysql://x\n", 2, "sqlite, or postgresql://"},
		{"[hub]\nurl = http://x\n", 2, "https://"},
		{"[hub]\ntoken_file = token\n", 2, "an absolute path"},
		{"[http]\nlisten = 7443\n", 2, "ADDRESS:PORT"},
		{"[http]\nlisten = a:99999\n", 2, "ADDRESS:PORT"},
		{"[access]\ntill = tillbridge\n", 2, "user:NAME and group:NAME"},
		{"[access]\ntill = user:\n", 2, "user:NAME"},
		{"[codes]\ncustomer =\n", 2, "patterns"},
		{"[device]\n", 1, "unknown section"},
		{"[device a b]\n", 1, "a device's name"},
		{"[device a]\naddress = tty:/dev/x\n", 1, "driver is missing"},
		{"[device a]\naddress = tty:/dev/x\ndriver = lamp\n", 3, "scanner-serial"},
		{"[device a]\ndriver = scanner-serial\n", 1, "address is missing"},
		{"[device a]\ndriver = scanner-serial\naddress = /dev/x\n", 3, "expected tty:"},
		{"[device a]\ndriver = scanner-serial\naddress = usb:12:34\n", 3, "usb:VID:PID"},
		{"[device a]\ndriver = scanner-serial\naddress = tty:/x\ncolour = red\n", 4,
			"unknown key colour of the driver scanner-serial"},
		{"[device a]\ndriver = scanner-serial\naddress = tty:/x\nmode = 9Z9\n", 4,
			"one of"},
		{"[device a]\ndriver = scanner-serial\naddress = tty:/x\nidle = 5\n", 4,
			"a duration"},
		{"[loyalty]\nconnector = rest\n", 0, "mapping"},
		{"[bridge]\nsite = \xff\n", 2, "UTF-8"},
		{"[bridge]\nsite = a\ntill = 1\nsite = b\n", 4, "first in line 2"},
		{"[bridge]\nsite = a\n[ledger]\n[bridge]\nsite = a\n", 5, "said twice"},
		{"[device a]\ndriver = scanner-serial\naddress = tty:/x\nspeed = 9600\n"
		 "[device b]\ndriver = scanner-serial\naddress = tty:/y\nspeed = 9600\n"
		 "[device a]\nspeed = 19200\n",
			10, "speed is said twice in [device a], first in line 4"},
		{"[device a]\ndriver = scanner-serial\naddress = tty:/x\naddress = tty:/y\n", 4,
			"first in line 3"},
		{"[device a]\ndriver = scanner-serial\naddress = tty:/x\n"
		 "[device b]\ndriver = scanner-serial\naddress = pty:/x\n",
			6, "is that of [device a]"},
		{"[device a]\ndriver = scanner-hid\naddress = usb:0C2E:0b61\n"
		 "[device b]\ndriver = scanner-serial\naddress = usb:0c2e:0B61\n",
			6, "is that of [device a]"},
		{"[device a]\ndriver = printer-escpos\naddress = tcp:a:1\ndefault = yes\n"
		 "[device c]\ndriver = printer-escpos\naddress = tcp:c:1\ndefault = no\n"
		 "[device b]\ndriver = printer-escpos\naddress = tcp:b:1\ndefault = yes\n",
			12, "is the default printer, and so is [device a]"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		wrong(*state, cases[i].text, cases[i].line, cases[i].part);
	wrong_n(*state, "[bridge]\nsite = a\0b\n", 20, 2, "UTF-8");
}

static void
what_is_not_said_twice(void **state)
{
	_cleanup_(tb_conf_freep) struct tb_conf *conf = load(*state,
		"[codes]\ncustomer = 29*\ncustomer = 28*\n[access]\ntill = user:root\n"
		"till = group:root\n[bridge]\nsite = a\n[bridge]\ntill = 2\n"
		"[device a]\ndriver = scanner-serial\naddress = tty:/dev/x\n"
		"[device b]\ndriver = scanner-serial\naddress = tty:/dev/X\n"
		"[device c]\ndriver = scanner-hid\naddress = hidraw:/dev/x\n");

	assert_int_equal(conf->n_ranges, 2);
	assert_int_equal(conf->n_access, 2);
	assert_int_equal(conf->n_devices, 3);
}

static void
all_that_is_wrong_is_told_at_once(void **state)
{
	struct room *room = *state;
	_cleanup_buf_ struct tb_buf problems = TB_BUF_INIT(0);
	struct tb_conf *conf = NULL;
	static const char text[] = "[bridge]\nfoo = 1\n[bar]\nx = 1\ny = 2\n[loyalty]\nbaz\n";
	unsigned lines = 0;

	write_file(room->file, text, strlen(text));
	assert_int_equal(tb_conf_load(room->file, NULL, &conf, &problems), -EINVAL);
	for (const char *p = problems.data; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 3);
}

static void
long_lines_stay_whole(void **state)
{
	char text[2000], path[600];
	_cleanup_(tb_conf_freep) struct tb_conf *conf = NULL;

	memset(path, 'p', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	/* What inih would take for a line of its own stands right behind its 199th byte. */
	snprintf(text, sizeof(text),
		"[rest]\nmapping = %s ; %300s\n; %400s\n[bridge]\n%180s = 7\nsite = b\n", path, "x",
		"till = 9", "till");
	conf = load(*state, text);
	assert_string_equal(tb_conf_get(conf, "rest", "mapping"), path);
	assert_string_equal(conf->till, "7");
	assert_string_equal(conf->site, "b");
	snprintf(text, sizeof(text), "[device %s]\n", path + 1);
	wrong(*state, text, 1, "at most");
	snprintf(text, sizeof(text), "[bridge]\n%.60s = 1\n", path + 1);
	wrong(*state, text, 2, "at most");
}

static void
an_indented_line_is_no_continuation(void **state)
{
	_cleanup_(tb_conf_freep) struct tb_conf *conf = load(
		*state, "[bridge]\nsite = a\n   till = 2\n\tcountry = CH\n");

	assert_string_equal(conf->site, "a");
	assert_string_equal(conf->till, "2");
	assert_string_equal(conf->country, "CH");
}

static void
later_files_win(void **state)
{
	struct room *room = *state;
	_cleanup_(tb_conf_freep) struct tb_conf *conf = NULL;
	_cleanup_buf_ struct tb_buf problems = TB_BUF_INIT(0);
	static const char *const names[] = {
		"tillbridge.conf", "conf.d/10-a.conf", "conf.d/20-b.conf", "conf.d/30-c.conf.bak"};
	static const char *const texts[] = {"[bridge]\nsite = main\ntill = 1\ncountry = CH\n"
					    "[device d]\ndriver = scanner-serial\n",
		"[bridge]\nsite = ten\ntill = 10\n",
		"[bridge]\ntill = 20\n"
		"[device d]\naddress = pty:/x\n",
		"[nonsense]\n"};
	char path[200];

	snprintf(path, sizeof(path), "%s/conf.d", room->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", room->dir, names[i]);
		write_file(path, texts[i], strlen(texts[i]));
	}
	assert_int_equal(tb_conf_load(NULL, room->dir, &conf, &problems), 0);
	assert_string_equal(conf->site, "ten");
	assert_string_equal(conf->till, "20");
	assert_string_equal(conf->country, "CH");
	assert_int_equal(conf->n_devices, 1);
	assert_string_equal(conf->devices[0].config.address, "pty:/x");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", room->dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/conf.d", room->dir);
	rmdir(path);
}

static void
a_file_that_is_not_there(void **state)
{
	struct room *room = *state;
	_cleanup_buf_ struct tb_buf problems = TB_BUF_INIT(0);
	struct tb_conf *conf = NULL;

	assert_int_equal(tb_conf_load(room->file, NULL, &conf, &problems), -EINVAL);
	assert_non_null(strstr(problems.data, "No such file"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(none_at_all),
		T(all_of_it),
		T(what_is_wrong_is_told),
		T(what_is_not_said_twice),
		T(all_that_is_wrong_is_told_at_once),
		T(long_lines_stay_whole),
		T(an_indented_line_is_no_continuation),
		T(later_files_win),
		T(a_file_that_is_not_there),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
