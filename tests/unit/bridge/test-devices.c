/* SPDX-License-Identifier: MIT */
/*
 * The life of devices: names, states, backoff, paths that come and go, equal devices, claims. The
 * bus is told by hand and the driver is the test's own, but for the paths, which are real.
 */

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "bridge/counter.h"
#include "bridge/devices-parts.h"
#include "tests/unit/bridge/device-stage.h"
#include "tests/virtual-loop.h"

#define MS UINT64_C(1000)
#define S UINT64_C(1000000)

/* ---- the bus ---- */

static tb_found_fn found_fn;
static void *found_userdata;

int
tb_enumerate_new(struct tb_loop *loop, const struct tb_models *models, tb_found_fn fn,
	void *userdata, struct tb_enumerate **ret)
{
	found_fn = fn;
	found_userdata = userdata;
	*ret = (struct tb_enumerate *)&found_fn;
	return 0;
}

int
tb_enumerate_start(struct tb_enumerate *enumerate)
{
	return 0;
}

void
tb_enumerate_free(struct tb_enumerate *enumerate)
{
}

static void
plug(const struct tb_found *found)
{
	found_fn(found, false, found_userdata);
	tb_virtual_loop_settle(stage.bridge.loop);
}

static void
unplug(const struct tb_found *found)
{
	found_fn(found, true, found_userdata);
	tb_virtual_loop_settle(stage.bridge.loop);
}

/* ---- a driver ---- */

struct tb_device {
	const struct tb_device_host *host;
	struct tb_source *ready;
};

static int open_error;
static unsigned opens, closes;
static char opened_address[128], opened_speed[16];
static struct tb_device *last_open;
extern const struct tb_driver fake_driver, fake_printer, fake_scanner;

static void
tell(struct tb_device *device, struct tb_event event)
{
	device->host->emit(device->host, &event);
	tb_virtual_loop_settle(stage.bridge.loop);
}

static void
on_ready(void *userdata)
{
	struct tb_device *device = userdata;
	struct tb_event event = {.kind = TB_EVENT_STATE, .state = TB_DEVICE_READY};

	device->host->emit(device->host, &event);
}

static int
fake_open(const struct tb_device_config *config, const struct tb_device_host *host,
	struct tb_device **ret, char **ret_why)
{
	struct tb_device *device;

	opens++;
	snprintf(opened_address, sizeof(opened_address), "%s", config->address);
	snprintf(opened_speed, sizeof(opened_speed), "%s",
		tb_device_setting(config, fake_driver.settings, "speed", 0));
	if (open_error) {
		*ret_why = strdup("because");
		return open_error;
	}
	device = calloc(1, sizeof(*device));
	device->host = host;
	tb_loop_add_timer(host->loop, 0, on_ready, device, &device->ready);
	tb_source_set_timer_in(device->ready, 0);
	*ret = last_open = device;
	return 0;
}

static void
fake_close(struct tb_device *device)
{
	closes++;
	tb_source_remove(&device->ready);
	free(device);
	last_open = NULL;
}

static const struct tb_setting_spec fake_settings[] = {
	{"speed", TB_SETTING_NUMBER, "9600", .min = 1},
	{"default", TB_SETTING_BOOL, "no"},
	{NULL},
};
const struct tb_driver fake_driver = {
	.name = "fake",
	.class = TB_CLASS_SCANNER,
	.settings = fake_settings,
	.nodes = "hidraw tty",
	.open = fake_open,
	.close = fake_close,
};
const struct tb_driver fake_scanner = {
	.name = "fake-hid",
	.class = TB_CLASS_SCANNER,
	.settings = fake_settings,
	.nodes = "hidraw usb",
	.open = fake_open,
	.close = fake_close,
};
const struct tb_driver fake_printer = {
	.name = "fake-printer",
	.class = TB_CLASS_PRINTER,
	.settings = fake_settings,
	.nodes = "lp usb",
	.open = fake_open,
	.close = fake_close,
};

/* ---- the configuration ---- */

static struct tb_conf_device sections[4];

static void
section(const char *name, const struct tb_driver *driver, const char *address)
{
	struct tb_conf_device *s = &sections[stage.conf.n_devices++];

	*s = (struct tb_conf_device){.driver = driver};
	s->config.name = name;
	s->config.address = address;
	stage.conf.devices = sections;
}

static void
start(void)
{
	assert_int_equal(tb_counter_new(&stage.bridge, &stage.bridge.counter), 0);
	assert_int_equal(tb_devices_new(&stage.bridge, &stage.bridge.devices), 0);
	tb_virtual_loop_settle(stage.bridge.loop);
}

static int
set_up(void **state)
{
	setenv("TILLBRIDGE_DATA_DIR", "/nonexistent", 1);
	stage_begin();
	open_error = 0;
	opens = closes = 0;
	last_open = NULL;
	return 0;
}

static int
tear_down(void **state)
{
	tb_devices_free(stage.bridge.devices);
	stage.bridge.devices = NULL;
	tb_counter_free(stage.bridge.counter);
	assert_null(last_open);
	stage_end();
	return 0;
}

static const char *
listed(void)
{
	static char text[4096];
	struct tb_buf buf = TB_BUF_INIT(0);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_devices_write(stage.bridge.devices, &w);
	snprintf(text, sizeof(text), "%s", buf.data ? buf.data : "");
	tb_buf_done(&buf);
	return text;
}

/* what a test says of a node stands over what the macro says */
#pragma GCC diagnostic ignored "-Woverride-init"
#define FOUND(node_name, port_name, ...) \
	((struct tb_found){.syspath = (char *)"/sys/" node_name, \
		.usb = (char *)"/sys/" port_name, \
		.kind = TB_NODE_TTY, \
		.node = (char *)"/dev/" node_name, \
		.address = (char *)"tty:/dev/" node_name, \
		.vid = (char *)"1eab", \
		.pid = (char *)"8006", \
		.port = (char *)port_name, \
		.interface = (char *)"1.0", \
		.driver = &fake_driver, \
		__VA_ARGS__})

/* ---- the tests ---- */

static void
recognised_devices_have_names(void **state)
{
	struct tb_found a = FOUND("ttyUSB0", "1-4.2", .serial = (char *)"A/1"),
			b = FOUND("ttyUSB1", "1-3"), c = FOUND("ttyUSB2", "1-2", .driver = NULL);

	start();
	plug(&a);
	assert_string_equal(stage_told(),
		"device {\"device\":\"fake-A_1\",\"driver\":\"fake\",\"state\":\"opening\","
		"\"reason\":\"it is being opened: if it does not answer soon, switch it on\"}\n"
		"device {\"device\":\"fake-A_1\",\"driver\":\"fake\",\"state\":\"ready\"}\n");
	assert_string_equal(opened_address, "tty:/dev/ttyUSB0");
	plug(&b);
	assert_non_null(strstr(stage_told(), "\"fake-1-3\""));
	plug(&c);
	assert_string_equal(stage_told(), "");
	assert_string_equal(listed(),
		"{\"device\":\"fake-A_1\",\"driver\":\"fake\",\"address\":\"tty:/dev/ttyUSB0\","
		"\"state\":\"ready\",\"vid\":\"1eab\",\"pid\":\"8006\",\"serial\":\"A/1\","
		"\"port\":\"1-4.2\",\"errors\":0},"
		"{\"device\":\"fake-1-3\",\"driver\":\"fake\",\"address\":\"tty:/dev/ttyUSB1\","
		"\"state\":\"ready\",\"vid\":\"1eab\",\"pid\":\"8006\",\"port\":\"1-3\",\"errors\":"
		"0}");
	unplug(&a);
	assert_string_equal(stage_told(),
		"device {\"device\":\"fake-A_1\",\"driver\":\"fake\",\"state\":\"lost\","
		"\"reason\":\"the device was unplugged: plug it in again\"}\n"
		"device {\"device\":\"fake-A_1\",\"driver\":\"fake\",\"state\":\"absent\","
		"\"reason\":\"it is not plugged in: plug it in\"}\n");
	assert_null(strstr(listed(), "A_1"));
	assert_int_equal(closes, 1);
}

static void
equal_devices_are_two(void **state)
{
	struct tb_found a = FOUND("ttyUSB0", "1-1", .serial = (char *)"0123"),
			b = FOUND("ttyUSB1", "1-2", .serial = (char *)"0123"),
			half = FOUND("ttyUSB2", "1-2", .interface = (char *)"1.1");

	start();
	plug(&a);
	plug(&b);
	assert_non_null(strstr(listed(), "\"fake-0123\""));
	assert_non_null(strstr(listed(), "\"fake-1-2\""));
	/* another node of a device that is one already is none */
	plug(&half);
	assert_int_equal(opens, 2);
}

static void
a_section_takes_the_first_by_port(void **state)
{
	struct tb_found a = FOUND("ttyUSB0", "1-10"), b = FOUND("ttyUSB1", "1-2"),
			other = FOUND("ttyUSB2", "1-1", .pid = (char *)"0001");

	section("counter", &fake_driver, "usb:1eab:8006");
	start();
	assert_string_equal(stage_told(),
		"device {\"device\":\"counter\",\"driver\":\"fake\",\"state\":\"absent\","
		"\"reason\":\"usb:1eab:8006 is not plugged in: plug it in, or correct the "
		"address\"}\n");
	assert_true(tb_virtual_loop_next_timer(stage.bridge.loop) == TB_NEVER);
	plug(&a);
	assert_string_equal(opened_address, "tty:/dev/ttyUSB0");
	assert_non_null(strstr(
		stage_told(), "\"device\":\"counter\",\"driver\":\"fake\",\"state\":\"ready\""));
	plug(&other);
	assert_non_null(strstr(stage_told(), "\"fake-1-1\""));
	/* whatever the order of plugging, the lower port is the section's */
	plug(&b);
	assert_string_equal(opened_address, "tty:/dev/ttyUSB1");
	assert_non_null(strstr(listed(), "\"device\":\"counter\",\"driver\":\"fake\","
					 "\"address\":\"usb:1eab:8006\",\"state\":\"ready\""));
	assert_non_null(strstr(listed(),
		"\"device\":\"fake-1-10\",\"driver\":\"fake\",\"address\":\"tty:/dev/ttyUSB0\","
		"\"state\":\"refused\",\"reason\":\"the section [device counter] is the device at "
		"port 1-2 already: name this one by its serial number or port\""));
	unplug(&b);
	assert_string_equal(opened_address, "tty:/dev/ttyUSB0");
	assert_null(strstr(listed(), "refused"));
	unplug(&a);
	assert_non_null(strstr(listed(), "\"device\":\"counter\",\"driver\":\"fake\","
					 "\"address\":\"usb:1eab:8006\",\"state\":\"absent\""));
}

static void
serial_and_port_tell_equal_devices_apart(void **state)
{
	struct tb_found a = FOUND("ttyUSB0", "1-1", .serial = (char *)"A"),
			b = FOUND("ttyUSB1", "1-2", .serial = (char *)"B");

	section("left", &fake_driver, "usb:1EAB:8006:B");
	section("right", &fake_driver, "usb:@1-1");
	start();
	plug(&a);
	assert_string_equal(opened_address, "tty:/dev/ttyUSB0");
	plug(&b);
	assert_string_equal(opened_address, "tty:/dev/ttyUSB1");
	assert_null(strstr(listed(), "fake-"));
	assert_int_equal(opens, 2);
}

static void
what_must_be_named_is_not_opened(void **state)
{
	struct tb_model model = {.name = (char *)"adapter", .driver = &fake_driver};
	struct tb_found adapter = FOUND("ttyUSB0", "1-1", .model = &model, .reason = "name it"),
			printer = FOUND("lp0", "1-2", .kind = TB_NODE_LP, .driver = &fake_printer,
				.reason = "no language");
	const struct tb_driver *driver;
	const struct tb_device_config *config;

	start();
	plug(&adapter);
	plug(&printer);
	assert_int_equal(opens, 0);
	assert_non_null(strstr(listed(), "\"state\":\"present\",\"reason\":\"name it\""));
	assert_non_null(strstr(listed(), "\"state\":\"refused\",\"reason\":\"no language\""));
	assert_null(tb_devices_printer(stage.bridge.devices, NULL, &driver, &config));
	unplug(&adapter);
	unplug(&printer);
	assert_string_equal(listed(), "");
}

static void
settings_of_the_model_stand_behind_the_section(void **state)
{
	struct tb_setting fast[] = {{"speed", "115200"}}, slow[] = {{"speed", "1200"}};
	struct tb_model model = {
		.name = (char *)"fast", .driver = &fake_driver, .settings = fast, .n_settings = 1};
	struct tb_found a = FOUND("ttyUSB0", "1-1", .model = &model),
			b = FOUND("ttyUSB1", "1-2", .model = &model);

	section("slow", &fake_driver, "usb:@1-2");
	sections[0].config.settings = slow;
	sections[0].config.n_settings = 1;
	start();
	plug(&a);
	assert_string_equal(opened_speed, "115200");
	plug(&b);
	assert_string_equal(opened_speed, "1200");
}

static void
a_failed_open_is_tried_again_more_and_more_seldom(void **state)
{
	static const unsigned after_ms[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
	struct tb_found a = FOUND("ttyUSB0", "1-1");

	start();
	open_error = -EACCES;
	plug(&a);
	assert_string_equal(stage_told(),
		"device {\"device\":\"fake-1-1\",\"driver\":\"fake\",\"state\":\"no_access\","
		"\"reason\":\"because\"}\n");
	for (size_t i = 0; i < ARRAY_SIZE(after_ms); i++) {
		assert_int_equal(opens, i + 1);
		tb_virtual_loop_advance(stage.bridge.loop, after_ms[i] * MS - 1);
		assert_int_equal(opens, i + 1);
		tb_virtual_loop_advance(stage.bridge.loop, 1);
	}
	/* the same state is told once */
	assert_string_equal(stage_told(), "");
	open_error = -EBUSY;
	tb_virtual_loop_advance(stage.bridge.loop, 5 * S);
	assert_non_null(strstr(stage_told(), "\"busy\""));
	open_error = 0;
	tb_virtual_loop_advance(stage.bridge.loop, 5 * S);
	assert_non_null(strstr(stage_told(), "\"ready\""));
	/* plugged in again: at once */
	open_error = -EBUSY;
	unplug(&a);
	opens = 0;
	plug(&a);
	open_error = 0;
	unplug(&a);
	plug(&a);
	assert_int_equal(opens, 2);
	assert_non_null(strstr(stage_told(), "\"ready\""));
}

static void
a_wrong_setting_is_not_tried_again(void **state)
{
	struct tb_found a = FOUND("ttyUSB0", "1-1");

	start();
	open_error = -EINVAL;
	plug(&a);
	assert_non_null(strstr(listed(), "\"state\":\"refused\",\"reason\":\"because\""));
	tb_virtual_loop_advance(stage.bridge.loop, 60 * S);
	assert_int_equal(opens, 1);
}

static void
a_lost_device_is_opened_again(void **state)
{
	struct tb_found a = FOUND("ttyUSB0", "1-1");
	struct tb_event lost = {
		.kind = TB_EVENT_STATE, .state = TB_DEVICE_LOST, .reason = "hung up"};

	start();
	plug(&a);
	stage_told();
	for (unsigned i = 0; i < 3; i++) {
		tell(last_open, lost);
		assert_int_equal(closes, i + 1);
		/* one that is lost again and again does not make us spin */
		tb_virtual_loop_advance(stage.bridge.loop, (100 << i) * MS - 1);
		assert_int_equal(opens, i + 1);
		tb_virtual_loop_advance(stage.bridge.loop, 1);
		assert_int_equal(opens, i + 2);
	}
	assert_non_null(strstr(stage_told(), "\"lost\",\"reason\":\"hung up\""));
	tb_virtual_loop_advance(stage.bridge.loop, 10 * S);
	tell(last_open, lost);
	opens = 0;
	tb_virtual_loop_advance(stage.bridge.loop, 100 * MS);
	assert_int_equal(opens, 1);
}

static void
what_libusb_cannot_open_the_kernels_node_is_read(void **state)
{
	struct tb_found node = FOUND("hidraw0", "1-1", .kind = TB_NODE_HIDRAW),
			usb = FOUND("1-1:1.0", "1-1", .kind = TB_NODE_USB, .spare = true,
				.address = (char *)"usb:@1-1");

	section("counter", &fake_scanner, "usb:1eab:8006");
	start();
	plug(&node);
	open_error = -ENOENT;
	plug(&usb);
	assert_string_equal(opened_address, "usb:@1-1");
	open_error = 0;
	tb_virtual_loop_advance(stage.bridge.loop, 100 * MS);
	assert_string_equal(opened_address, "tty:/dev/hidraw0");
	assert_non_null(strstr(listed(), "\"state\":\"ready\""));
	/* plugged again it is tried anew */
	unplug(&node);
	unplug(&usb);
	plug(&usb);
	plug(&node);
	assert_string_equal(opened_address, "usb:@1-1");
}

static void
errors_are_counted(void **state)
{
	struct tb_found a = FOUND("ttyUSB0", "1-1");
	struct tb_event dropped = {.kind = TB_EVENT_DROPPED, .reason = "code_too_long"};

	start();
	plug(&a);
	tell(last_open, dropped);
	tell(last_open, dropped);
	assert_non_null(strstr(listed(), "\"errors\":2,\"last_error\":\"code_too_long\"}"));
}

/* ---- paths ---- */

static char dir[64], path[128], address[160], pty_address[160];

static void
make_dir(void)
{
	strcpy(dir, "/tmp/tb-devices-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a/b/port", dir);
	snprintf(address, sizeof(address), "tty:%s", path);
	snprintf(pty_address, sizeof(pty_address), "pty:%s", path);
}

static void
remove_dir(void)
{
	char name[200];

	unlink(path);
	snprintf(name, sizeof(name), "%s/a/b", dir);
	rmdir(name);
	snprintf(name, sizeof(name), "%s/a", dir);
	rmdir(name);
	snprintf(name, sizeof(name), "%s/elsewhere", dir);
	unlink(name);
	assert_int_equal(rmdir(dir), 0);
}

static int
make_pty(const char *link)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	unlink(link);
	assert_int_equal(symlink(ptsname(master), link), 0);
	return master;
}

static bool
is_listed(void *userdata)
{
	return strstr(listed(), userdata) != NULL;
}

#define wait_for(text) \
	assert_true(tb_virtual_loop_until(stage.bridge.loop, is_listed, (void *)(text), 5000))

static bool
is_told(void *userdata)
{
	return stage.told.data && strstr(stage.told.data, userdata);
}

static void
a_path_is_waited_for_without_asking(void **state)
{
	char name[128];
	int master;

	make_dir();
	section("counter", tb_driver_find("scanner-serial"), pty_address);
	start();
	wait_for("\"absent\"");
	/* the directories do not exist yet; nothing is polled */
	assert_true(tb_virtual_loop_next_timer(stage.bridge.loop) == TB_NEVER);
	snprintf(name, sizeof(name), "%s/a", dir);
	assert_int_equal(mkdir(name, 0755), 0);
	tb_virtual_loop_wait(stage.bridge.loop, 1000);
	snprintf(name, sizeof(name), "%s/a/b", dir);
	assert_int_equal(mkdir(name, 0755), 0);
	tb_virtual_loop_wait(stage.bridge.loop, 1000);
	assert_true(tb_virtual_loop_next_timer(stage.bridge.loop) == TB_NEVER);
	master = make_pty(path);
	wait_for("\"ready\"");
	stage_told();

	assert_int_equal(write(master, "ABC\r", 4), 4);
	assert_true(tb_virtual_loop_until(stage.bridge.loop, is_told, (void *)"scan", 5000));
	assert_string_equal(stage_told(),
		"scan {\"device\":\"counter\",\"code\":\"ABC\",\"kind\":\"unknown\"}\n"
		"lookup {\"code\":\"ABC\"}\n");
	stage_answer(TB_ERROR_CUSTOMER_UNKNOWN, NULL);

	/* pulled in the middle of a code, the link stays: it leads nowhere */
	assert_int_equal(write(master, "HALF", 4), 4);
	close(master);
	assert_true(tb_virtual_loop_until(stage.bridge.loop, is_told, (void *)"\"lost\"", 5000));
	tb_virtual_loop_advance(stage.bridge.loop, 100 * MS);
	wait_for("\"absent\"");
	assert_true(tb_virtual_loop_next_timer(stage.bridge.loop) == TB_NEVER);
	assert_null(strstr(stage_told(), "HALF"));

	/* another pty under the same name */
	master = make_pty(path);
	wait_for("\"ready\"");
	assert_int_equal(write(master, "WHOLE\r", 6), 6);
	assert_true(tb_virtual_loop_until(stage.bridge.loop, is_told, (void *)"WHOLE", 5000));
	stage_answer(TB_ERROR_CUSTOMER_UNKNOWN, NULL);
	close(master);
	wait_for("\"lost\"");
	remove_dir();
}

static void
a_link_to_nothing_is_waited_for_at_its_end(void **state)
{
	char name[128], elsewhere[128];
	int master;

	make_dir();
	snprintf(name, sizeof(name), "%s/a", dir);
	assert_int_equal(mkdir(name, 0755), 0);
	snprintf(name, sizeof(name), "%s/a/b", dir);
	assert_int_equal(mkdir(name, 0755), 0);
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", dir);
	assert_int_equal(symlink("../../elsewhere", path), 0);
	section("counter", tb_driver_find("scanner-serial"), pty_address);
	start();
	wait_for("\"absent\"");
	assert_true(tb_virtual_loop_next_timer(stage.bridge.loop) == TB_NEVER);
	master = make_pty(elsewhere);
	wait_for("\"ready\"");
	close(master);
	wait_for("\"lost\"");
	remove_dir();
}

static void
udev_only_says_what_an_open_path_is(void **state)
{
	struct tb_found a = FOUND("ttyUSB0", "1-1", .node = path, .serial = (char *)"A");

	make_dir();
	section("counter", &fake_driver, address);
	start();
	wait_for("\"ready\"");
	plug(&a);
	assert_int_equal(opens, 1);
	wait_for("\"serial\":\"A\"");
	unplug(&a);
	assert_non_null(strstr(stage_told(), "\"lost\""));
	/* no longer told by udev: the path is tried by itself */
	assert_int_equal(opens, 2);
	assert_string_equal(opened_address, address);
	remove_dir();
}

/* ---- claims ---- */

static void
claim(uint64_t client, const char *audience, uint64_t timeout_us)
{
	tb_devices_claim(
		stage.bridge.devices, stage_request(client, audience), "counter", timeout_us);
}

static void
release(uint64_t client)
{
	tb_devices_release(stage.bridge.devices, stage_request(client, "x"), "counter");
}

static void
start_counter(void)
{
	section("counter", &fake_driver, "tty:/dev/null");
	start();
	stage_told();
}

static void
one_has_a_device_to_himself(void **state)
{
	uint64_t client;

	start_counter();
	claim(1, "a", 0);
	assert_string_equal(stage_told(), "answer 1 {\"device\":\"counter\"}\n");
	assert_string_equal(tb_devices_claimant(stage.bridge.devices, "counter", &client), "a");
	assert_int_equal(client, 1);
	assert_non_null(strstr(listed(), "\"claimed_by\":\"a\""));
	claim(1, "a", 0);
	assert_string_equal(stage_told(), "answer 1 {\"device\":\"counter\"}\n");
	claim(2, "b", 0);
	assert_string_equal(stage_told(), "fail 2 device_claimed\n");
	release(2);
	assert_string_equal(stage_told(), "fail 2 device_claimed\n");
	release(1);
	assert_string_equal(stage_told(), "answer 1 {\"device\":\"counter\"}\n");
	assert_null(tb_devices_claimant(stage.bridge.devices, "counter", &client));
	release(1);
	assert_string_equal(stage_told(), "answer 1 {\"device\":\"counter\"}\n");
	tb_devices_claim(stage.bridge.devices, stage_request(1, "a"), "nobody", 0);
	assert_string_equal(stage_told(), "fail 1 device_unknown\n");
	claim(0, "http", 0);
	assert_string_equal(stage_told(), "fail 0 not_permitted\n");
}

static void
the_holder_is_asked(void **state)
{
	uint64_t client;

	start_counter();
	claim(1, "a", 0);
	stage_told();
	/* silence yields */
	claim(2, "b", 2 * S);
	assert_string_equal(stage_told(), "notify 1 claim_asked {\"device\":\"counter\","
					  "\"until\":\"2025-05-06T10:00:02Z\"}\n");
	claim(3, "c", 2 * S);
	assert_string_equal(stage_told(), "fail 3 device_claimed\n");
	tb_virtual_loop_advance(stage.bridge.loop, 2 * S - 1);
	assert_string_equal(stage_told(), "");
	tb_virtual_loop_advance(stage.bridge.loop, 1);
	assert_string_equal(stage_told(), "answer 2 {\"device\":\"counter\"}\n");
	assert_string_equal(tb_devices_claimant(stage.bridge.devices, "counter", &client), "b");
	/* claiming again keeps */
	claim(1, "a", 2 * S);
	stage_told();
	claim(2, "b", 0);
	assert_string_equal(
		stage_told(), "fail 1 device_claimed\nanswer 2 {\"device\":\"counter\"}\n");
	tb_virtual_loop_advance(stage.bridge.loop, 3 * S);
	assert_string_equal(stage_told(), "");
	/* a release yields */
	claim(1, "a", 2 * S);
	stage_told();
	release(2);
	assert_string_equal(stage_told(),
		"answer 2 {\"device\":\"counter\"}\nanswer 1 {\"device\":\"counter\"}\n");
	assert_string_equal(tb_devices_claimant(stage.bridge.devices, "counter", &client), "a");
}

static void
who_is_gone_holds_nothing(void **state)
{
	uint64_t client;

	start_counter();
	claim(1, "a", 0);
	claim(2, "b", 2 * S);
	stage_told();
	stage_gone(1);
	assert_string_equal(stage_told(), "answer 2 {\"device\":\"counter\"}\n");
	claim(3, "c", 2 * S);
	stage_told();
	stage_gone(3);
	tb_virtual_loop_advance(stage.bridge.loop, 3 * S);
	assert_string_equal(stage_told(), "");
	assert_string_equal(tb_devices_claimant(stage.bridge.devices, "counter", &client), "b");
	stage_gone(2);
	assert_null(tb_devices_claimant(stage.bridge.devices, "counter", &client));
}

static void
a_claim_outlasts_a_pulled_cable(void **state)
{
	struct tb_found a = FOUND("ttyUSB0", "1-1", .serial = (char *)"A");
	struct tb_scan scan;
	struct tb_event event = {.kind = TB_EVENT_SCAN, .scan = &scan};

	start();
	plug(&a);
	tb_devices_claim(stage.bridge.devices, stage_request(1, "a"), "fake-A", 0);
	unplug(&a);
	assert_non_null(strstr(listed(), "\"fake-A\""));
	plug(&a);
	stage_told();
	assert_int_equal(tb_scan_init(&scan, (const uint8_t *)"TBC-1", 5, NULL), 0);
	tell(last_open, event);
	tb_scan_done(&scan);
	assert_string_equal(stage_told(),
		"scan@a {\"device\":\"fake-A\",\"code\":\"TBC-1\",\"kind\":\"coupon\"}\n");
	unplug(&a);
	stage_gone(1);
	assert_string_equal(listed(), "");
}

static void
printers_are_the_queue_s(void **state)
{
	struct tb_event lost = {.kind = TB_EVENT_STATE, .state = TB_DEVICE_LOST};
	struct tb_event paper = {.kind = TB_EVENT_PRINTER, .printer = TB_PRINTER_PAPER_OUT};
	struct tb_setting marked[] = {{"default", "yes"}};
	const struct tb_driver *driver;
	const struct tb_device_config *config;

	section("bar", &fake_printer, "tcp:bar:9100");
	section("counter", &fake_driver, "tty:/dev/null");
	start();
	assert_non_null(strstr(stage_told(), "printer bar ready\n"));
	assert_string_equal(
		tb_devices_printer(stage.bridge.devices, NULL, &driver, &config), "bar");
	assert_string_equal(config->address, "tcp:bar:9100");
	assert_ptr_equal(driver, &fake_printer);
	assert_null(tb_devices_printer(stage.bridge.devices, "counter", &driver, &config));
	assert_null(tb_devices_printer(stage.bridge.devices, "nobody", &driver, &config));
	last_open = NULL;
	tb_devices_free(stage.bridge.devices);
	stage_told();

	section("kitchen", &fake_printer, "tcp:kitchen:9100");
	assert_int_equal(tb_devices_new(&stage.bridge, &stage.bridge.devices), 0);
	tb_virtual_loop_settle(stage.bridge.loop);
	assert_null(tb_devices_printer(stage.bridge.devices, NULL, &driver, &config));
	tb_devices_free(stage.bridge.devices);
	sections[2].config.settings = marked;
	sections[2].config.n_settings = 1;
	assert_int_equal(tb_devices_new(&stage.bridge, &stage.bridge.devices), 0);
	tb_virtual_loop_settle(stage.bridge.loop);
	assert_string_equal(
		tb_devices_printer(stage.bridge.devices, NULL, &driver, &config), "kitchen");
	stage_told();
	tell(last_open, paper);
	assert_string_equal(stage_told(), "printer kitchen event\n");
	tell(last_open, lost);
	assert_non_null(strstr(stage_told(), "printer kitchen gone\n"));
	/* away, it still takes jobs */
	assert_string_equal(
		tb_devices_printer(stage.bridge.devices, NULL, &driver, &config), "kitchen");
}

static unsigned
count_fds(void)
{
	DIR *fds = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(fds))
		n++;
	closedir(fds);
	return n;
}

static void
a_thousand_plug_cycles_leave_nothing(void **state)
{
	struct tb_found a = FOUND("ttyUSB0", "1-1", .serial = (char *)"A");
	unsigned fds, sources;

	section("counter", &fake_driver, "usb:1eab:8006:A");
	start();
	sources = tb_virtual_loop_sources(stage.bridge.loop);
	fds = count_fds();
	for (int i = 0; i < 1000; i++) {
		plug(&a);
		unplug(&a);
		stage_told();
	}
	assert_int_equal(opens, 1000);
	assert_int_equal(closes, 1000);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(tb_virtual_loop_sources(stage.bridge.loop), sources);
}

/* ---- printers on USB ---- */

#define LP(...) \
	FOUND("usb/lp0", "1-1", .kind = TB_NODE_LP, .driver = &fake_printer, \
		.address = (char *)"lp:/dev/usb/lp0", __VA_ARGS__)
#define USB(...) \
	FOUND("bus/usb/001/005", "1-1", .kind = TB_NODE_USB, .driver = &fake_printer, \
		.address = (char *)"usb:@1-1", __VA_ARGS__)

static void
the_kernel_s_node_goes_first(void **state)
{
	struct tb_found lp = LP(), usb = USB(.spare = true);

	start();
	plug(&usb);
	assert_int_equal(opens, 0);
	plug(&lp);
	assert_string_equal(opened_address, "lp:/dev/usb/lp0");
	assert_int_equal(opens, 1);
	/* the kernel's driver let go of it */
	usb.spare = false;
	unplug(&lp);
	assert_int_equal(opens, 2);
	assert_string_equal(opened_address, "usb:@1-1");
	unplug(&usb);
	assert_string_equal(listed(), "");
}

static void
a_section_may_ask_for_the_device_itself(void **state)
{
	struct tb_found lp = LP(), usb = USB(.spare = true);

	section("bar", &fake_printer, "usb:1eab:8006");
	start();
	plug(&usb);
	plug(&lp);
	assert_int_equal(opens, 1);
	assert_string_equal(opened_address, "usb:@1-1");
	assert_null(strstr(listed(), "fake-printer-"));
	unplug(&lp);
	assert_int_equal(opens, 1);
}

static void
what_refuses_itself_is_closed_and_left_alone(void **state)
{
	struct tb_found usb = USB();

	start();
	plug(&usb);
	tell(last_open, (struct tb_event){.kind = TB_EVENT_STATE,
				.state = TB_DEVICE_REFUSED,
				.reason = "no ESC/POS"});
	tb_virtual_loop_advance(stage.bridge.loop, 60000000);
	assert_int_equal(opens, 1);
	assert_int_equal(closes, 1);
	assert_non_null(strstr(listed(), "\"state\":\"refused\",\"reason\":\"no ESC/POS\""));
	unplug(&usb);
	plug(&usb);
	assert_int_equal(opens, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(recognised_devices_have_names),
		T(equal_devices_are_two),
		T(a_section_takes_the_first_by_port),
		T(serial_and_port_tell_equal_devices_apart),
		T(what_must_be_named_is_not_opened),
		T(settings_of_the_model_stand_behind_the_section),
		T(a_failed_open_is_tried_again_more_and_more_seldom),
		T(a_wrong_setting_is_not_tried_again),
		T(a_lost_device_is_opened_again),
		T(what_libusb_cannot_open_the_kernels_node_is_read),
		T(errors_are_counted),
		T(a_path_is_waited_for_without_asking),
		T(a_link_to_nothing_is_waited_for_at_its_end),
		T(udev_only_says_what_an_open_path_is),
		T(one_has_a_device_to_himself),
		T(the_holder_is_asked),
		T(who_is_gone_holds_nothing),
		T(a_claim_outlasts_a_pulled_cable),
		T(printers_are_the_queue_s),
		T(a_thousand_plug_cycles_leave_nothing),
		T(the_kernel_s_node_goes_first),
		T(a_section_may_ask_for_the_device_itself),
		T(what_refuses_itself_is_closed_and_left_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
