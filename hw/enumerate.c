/* SPDX-License-Identifier: MIT */
/*
 * What is plugged in, by libudev. Hotplug is heard from the `udev` monitor, not the kernel's: when
 * it speaks, the rules have run and the node's group is right. Events that were lost (a full
 * socket) are made up for by looking at everything again.
 */

#include <dirent.h>
#include <fcntl.h>
#include <libudev.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "hw/codec/hid-pos.h"
#include "hw/enumerate.h"

struct entry {
	struct tb_list list;
	struct tb_found found;
	bool seen; /* in the look that is under way */
};

struct tb_enumerate {
	struct tb_loop *loop;
	const struct tb_models *models;
	tb_found_fn fn;
	void *userdata;
	struct udev *udev;
	struct udev_monitor *monitor;
	struct tb_source *watch;
	struct tb_list entries;
};

static const struct {
	const char *subsystem, *name; /* how the node's name in sysfs begins */
	enum tb_node_kind kind;
} subsystems[] = {
	{"tty", "tty", TB_NODE_TTY},
	{"hidraw", "hidraw", TB_NODE_HIDRAW},
	{"input", "event", TB_NODE_EVDEV},
	{"usbmisc", "lp", TB_NODE_LP},
};

static unsigned
kind_of(struct udev_device *device)
{
	const char *subsystem = udev_device_get_subsystem(device);
	const char *name = udev_device_get_sysname(device);

	for (size_t i = 0; subsystem && name && i < ARRAY_SIZE(subsystems); i++)
		if (!strcmp(subsystems[i].subsystem, subsystem) &&
			!strncmp(subsystems[i].name, name, strlen(subsystems[i].name)))
			return subsystems[i].kind;
	return 0;
}

static void
found_done(struct tb_found *found)
{
	char *texts[] = {found->syspath, found->usb, found->node, found->address, found->vid,
		found->pid, found->serial, found->manufacturer, found->product, found->port,
		found->interface};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
}

/* An attribute of a device's as an owned text without blanks at its ends; NULL when empty. */
static char *
attribute(struct udev_device *device, const char *name)
{
	const char *value = udev_device_get_sysattr_value(device, name);
	size_t len;

	if (!value)
		return NULL;
	value += strspn(value, " \t\n");
	len = strlen(value);
	while (len > 0 && strchr(" \t\n", value[len - 1]))
		len--;
	return len > 0 ? strndup(value, len) : NULL;
}

/* A HID interface that declares a bar code scanner, and the device on the bus that it belongs to.
 */
static bool
is_hid_pos(struct udev_device *device)
{
	struct udev_device *hid = udev_device_get_parent_with_subsystem_devtype(
		device, "hid", NULL);
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	struct tb_hid_pos_layout layout;
	uint8_t descriptor[4096];
	ssize_t n;

	if (!hid || asprintf(&path, "%s/report_descriptor", udev_device_get_syspath(hid)) < 0)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, descriptor, sizeof(descriptor));
	return n > 0 && tb_hid_pos_parse(descriptor, (size_t)n, &layout) != -ENOENT;
}

/* What a printer says of itself (IEEE 1284 Device ID), as usblp shows it. */
static bool
speaks_escpos(struct udev_device *device)
{
	struct udev_device *interface = udev_device_get_parent_with_subsystem_devtype(
		device, "usb", "usb_interface");
	_cleanup_free_ char *id = interface ? attribute(interface, "ieee1284_id") : NULL;
	const char *command = id ? strstr(id, "CMD:") : NULL;

	if (id && !command)
		command = strstr(id, "COMMAND SET:");
	return command && strcasestr(command, "ESC/POS");
}

/* Which driver speaks with it, and whether it may be opened unasked. */
static void
recognise(struct tb_found *found, const struct tb_models *models, struct udev_device *device)
{
	found->model = tb_models_find(models, found->kind, found->vid, found->pid, found->product);
	if (found->model) {
		found->driver = found->model->driver;
		if (!found->model->claim)
			found->reason = found->model->reason
			                        ? found->model->reason
			                        : "it could be anything: name it in a section "
			                          "[device NAME] with this address";
	} else if (found->kind == TB_NODE_HIDRAW && is_hid_pos(device)) {
		found->driver = tb_driver_find("scanner-hid");
	} else if (found->kind == TB_NODE_LP) {
		found->driver = tb_driver_find("printer-escpos");
		if (!speaks_escpos(device))
			found->reason =
				"the printer does not say its language: name it in a section "
				"[device NAME] with driver = printer-escpos";
	}
}

static bool
fill(struct tb_found *found, struct udev_device *device, enum tb_node_kind kind)
{
	struct udev_device *usb = udev_device_get_parent_with_subsystem_devtype(
		device, "usb", "usb_device");
	struct udev_device *interface = udev_device_get_parent_with_subsystem_devtype(
		device, "usb", "usb_interface");
	const char *node = udev_device_get_devnode(device), *colon;

	if (!usb || !node)
		return false;
	found->kind = kind;
	found->syspath = strdup(udev_device_get_syspath(device));
	found->usb = strdup(udev_device_get_syspath(usb));
	found->node = strdup(node);
	found->port = strdup(udev_device_get_sysname(usb));
	if (asprintf(&found->address, "%s:%s", tb_node_kind_word(kind), node) < 0)
		found->address = NULL;
	found->vid = attribute(usb, "idVendor");
	found->pid = attribute(usb, "idProduct");
	found->serial = attribute(usb, "serial");
	found->manufacturer = attribute(usb, "manufacturer");
	found->product = attribute(usb, "product");
	colon = interface ? strchr(udev_device_get_sysname(interface), ':') : NULL;
	found->interface = strdup(colon ? colon + 1 : "");
	return found->syspath && found->usb && found->node && found->port && found->address &&
	       found->interface && found->vid && found->pid;
}

static struct entry *
find_entry(struct tb_enumerate *enumerate, const char *syspath)
{
	struct entry *entry;

	tb_list_for_each(entry, &enumerate->entries, list)
		if (!strcmp(entry->found.syspath, syspath))
			return entry;
	return NULL;
}

static void
remove_entry(struct tb_enumerate *enumerate, struct entry *entry)
{
	tb_list_remove(&entry->list);
	enumerate->fn(&entry->found, true, enumerate->userdata);
	found_done(&entry->found);
	free(entry);
}

static void
add_device(struct tb_enumerate *enumerate, struct udev_device *device)
{
	unsigned kind = kind_of(device);
	struct entry *entry;

	if (!kind)
		return;
	entry = find_entry(enumerate, udev_device_get_syspath(device));
	if (entry) {
		entry->seen = true;
		return;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return;
	if (!fill(&entry->found, device, (enum tb_node_kind)kind)) {
		found_done(&entry->found);
		free(entry);
		return;
	}
	entry->seen = true;
	recognise(&entry->found, enumerate->models, device);
	tb_list_append(&enumerate->entries, &entry->list);
	enumerate->fn(&entry->found, false, enumerate->userdata);
}

/* The nodes of one class. Only what hangs on a USB port costs more than its link's text. */
static void
look_at_class(struct tb_enumerate *enumerate, const char *subsystem, const char *name)
{
	char dir_path[64], path[PATH_MAX], target[PATH_MAX];
	struct dirent *item;
	DIR *dir;

	snprintf(dir_path, sizeof(dir_path), "/sys/class/%s", subsystem);
	dir = opendir(dir_path);
	while (dir && (item = readdir(dir))) {
		struct udev_device *device;
		ssize_t n;

		if (strncmp(item->d_name, name, strlen(name)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir_path, item->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (!strstr(target, "/usb"))
			continue;
		device = udev_device_new_from_syspath(enumerate->udev, path);
		if (device) {
			add_device(enumerate, device);
			udev_device_unref(device);
		}
	}
	if (dir)
		closedir(dir);
}

/* Looks at all that is there: tells what is new, and what went without a word. */
static void
look(struct tb_enumerate *enumerate)
{
	struct entry *entry, *next;

	tb_list_for_each(entry, &enumerate->entries, list)
		entry->seen = false;
	for (size_t i = 0; i < ARRAY_SIZE(subsystems); i++)
		look_at_class(enumerate, subsystems[i].subsystem, subsystems[i].name);
	tb_list_for_each_safe(entry, next, &enumerate->entries, list)
		if (!entry->seen)
			remove_entry(enumerate, entry);
}

static void
on_monitor(int fd, uint32_t events, void *userdata)
{
	struct tb_enumerate *enumerate = userdata;
	struct udev_device *device;
	struct entry *entry;

	for (;;) {
		const char *action;

		errno = 0;
		device = udev_monitor_receive_device(enumerate->monitor);
		if (!device)
			break;
		action = udev_device_get_action(device);
		entry = find_entry(enumerate, udev_device_get_syspath(device));
		if (action && !strcmp(action, "remove")) {
			if (entry)
				remove_entry(enumerate, entry);
		} else if (action && !strcmp(action, "add")) {
			/* an `add` of what is known: it went and came, and the going was lost */
			if (entry)
				remove_entry(enumerate, entry);
			add_device(enumerate, device);
		}
		udev_device_unref(device);
	}
	if (errno == ENOBUFS)
		look(enumerate);
	else if (events & (EPOLLHUP | EPOLLERR) && errno != EAGAIN && errno != 0)
		tb_source_remove(&enumerate->watch);
}

static int
start_monitor(struct tb_enumerate *enumerate)
{
	enumerate->monitor = udev_monitor_new_from_netlink(enumerate->udev, "udev");
	if (!enumerate->monitor)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(subsystems); i++)
		udev_monitor_filter_add_match_subsystem_devtype(
			enumerate->monitor, subsystems[i].subsystem, NULL);
	if (udev_monitor_enable_receiving(enumerate->monitor) < 0)
		return -EIO;
	return tb_loop_add_fd(enumerate->loop, udev_monitor_get_fd(enumerate->monitor), EPOLLIN,
		on_monitor, enumerate, &enumerate->watch);
}

int
tb_enumerate_new(struct tb_loop *loop, const struct tb_models *models, tb_found_fn fn,
	void *userdata, struct tb_enumerate **ret)
{
	struct tb_enumerate *enumerate = calloc(1, sizeof(*enumerate));

	if (!enumerate)
		return -ENOMEM;
	*enumerate = (struct tb_enumerate){
		.loop = loop,
		.models = models,
		.fn = fn,
		.userdata = userdata,
		.udev = udev_new(),
	};
	tb_list_init(&enumerate->entries);
	if (!enumerate->udev) {
		free(enumerate);
		return -ENOMEM;
	}
	*ret = enumerate;
	return 0;
}

int
tb_enumerate_start(struct tb_enumerate *enumerate)
{
	/* listen first, then look: what comes between is told by both and counted once */
	int r = start_monitor(enumerate);

	look(enumerate);
	return r;
}

void
tb_enumerate_free(struct tb_enumerate *enumerate)
{
	struct entry *entry, *next;

	if (!enumerate)
		return;
	tb_source_remove(&enumerate->watch);
	if (enumerate->monitor)
		udev_monitor_unref(enumerate->monitor);
	tb_list_for_each_safe(entry, next, &enumerate->entries, list) {
		found_done(&entry->found);
		free(entry);
	}
	udev_unref(enumerate->udev);
	free(enumerate);
}
