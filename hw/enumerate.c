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
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/list.h"
#include "base/text.h"
#include "hw/codec/device-id.h"
#include "hw/codec/hid-pos.h"
#include "hw/enumerate.h"

struct entry {
	struct tb_list list;
	struct tb_found found;
	/* Of its directory in sysfs: another one is another device, be it under the same name. */
	ino_t inode;
	bool seen; /* in the look that is under way */
	/* Not told yet: the kernel is about to make a node of its own for the interface. */
	bool held_back;
	uint64_t until_us; /* then it is told all the same, */
	unsigned waits;    /* or once more as often as this, where udev is only slow */
};

struct tb_enumerate {
	struct tb_loop *loop;
	const struct tb_models *models;
	tb_found_fn fn;
	void *userdata;
	struct udev *udev;
	struct udev_monitor *monitor;
	struct tb_source *watch;
	struct tb_source *patience; /* the next entry that is held back is told */
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
	{"usb", "", TB_NODE_USB},
};

#define HID_CLASS 3
#define PRINTER_CLASS 7
#define VENDOR_CLASS 0xff
#define BOOT 1 /* subclass of a keyboard or mouse that firmware understands */
/* So long the kernel's driver may take to make its node, once it has the interface. */
#define NODE_US UINT64_C(1000000)
#define WAITS_MAX 10

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

/* An attribute of a device's as an owned text without blanks at its ends; NULL when empty. A maker
 * may have written anything: what is no text is told to nobody. */
static char *
attribute(struct udev_device *device, const char *name)
{
	const char *value = udev_device_get_sysattr_value(device, name);
	char *text;
	size_t len;

	if (!value)
		return NULL;
	value += strspn(value, " \t\n");
	len = strlen(value);
	while (len > 0 && strchr(" \t\n", value[len - 1]))
		len--;
	text = len > 0 ? strndup(value, len) : NULL;
	if (text && !tb_utf8_valid(text, len))
		for (char *p = text; *p; p++)
			*p = (unsigned char)*p < 0x80 ? *p : '?';
	return text;
}

/* What the kernel has read of a HID interface: whether it is a bar code scanner, or something else;
 * neither when that cannot be known. */
static void
ask_hid(struct udev_device *device, bool *ret_scanner, bool *ret_other)
{
	struct udev_device *hid = udev_device_get_parent_with_subsystem_devtype(
		device, "hid", NULL);
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	struct tb_hid_pos_layout layout;
	uint8_t descriptor[4096];
	ssize_t n;

	*ret_scanner = *ret_other = false;
	if (!hid || asprintf(&path, "%s/report_descriptor", udev_device_get_syspath(hid)) < 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, descriptor, sizeof(descriptor));
	if (n <= 0)
		return;
	*ret_scanner = tb_hid_pos_is_scanner(descriptor, (size_t)n);
	*ret_other = tb_hid_pos_parse(descriptor, (size_t)n, &layout) == -ENOENT;
}

/* Whether a printer says that it speaks something else (IEEE 1284 Device ID, as usblp shows it).
 * Where nothing is shown the driver asks. */
static bool
speaks_otherwise(struct udev_device *device)
{
	struct udev_device *interface = udev_device_get_parent_with_subsystem_devtype(
		device, "usb", "usb_interface");
	_cleanup_free_ char *id = interface ? attribute(interface, "ieee1284_id") : NULL;

	return id && !tb_device_id_has(id, strlen(id), "ESC/POS");
}

static bool
is_usb_device(struct udev_device *device)
{
	const char *type = udev_device_get_devtype(device);

	return type && !strcmp(type, "usb_device");
}

/* Whether the device's descriptors, as sysfs has them, name an interface of that class, and of
 * another subclass. */
static bool
describes(const char *syspath, unsigned class, int but)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	uint8_t bytes[4096];
	ssize_t n;

	if (asprintf(&path, "%s/descriptors", syspath) < 0)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
	for (ssize_t at = 0; at + 9 <= n && bytes[at] >= 2; at += bytes[at])
		if (bytes[at + 1] == 4 && bytes[at] >= 9 && bytes[at + 5] == class &&
			bytes[at + 6] != but)
			return true;
	return false;
}

/* A device that is configured and shows no interfaces: then it stands for them itself. */
static bool
has_interfaces(struct udev_device *device)
{
	_cleanup_free_ char *value = attribute(device, "bConfigurationValue");
	const char *name = udev_device_get_sysname(device);
	DIR *dir = opendir(udev_device_get_syspath(device));
	bool found = !value;
	struct dirent *item;

	while (dir && !found && (item = readdir(dir)))
		found = strchr(item->d_name, ':') && !strncmp(item->d_name, name, strlen(name));
	if (dir)
		closedir(dir);
	return found;
}

/* An interface of that class, or a device that has one; `but` is a subclass that does not count. */
static bool
is_usb_class(struct udev_device *device, unsigned class, int but)
{
	_cleanup_free_ char *text = NULL, *sub = NULL;

	if (is_usb_device(device))
		return describes(udev_device_get_syspath(device), class, but);
	text = attribute(device, "bInterfaceClass");
	sub = attribute(device, "bInterfaceSubClass");
	return text && strtoul(text, NULL, 16) == class &&
	       (!sub || (int)strtoul(sub, NULL, 16) != but);
}

static bool
is_usb_printer(struct udev_device *device)
{
	return is_usb_class(device, PRINTER_CLASS, -1);
}

/* It may be a scanner or a reader; only its report descriptor tells, and only the driver asks. */
static bool
is_usb_hid(struct udev_device *device)
{
	return is_usb_class(device, HID_CLASS, BOOT);
}

/* Whether a driver of the kernel's has the interface. */
static bool
has_kernel_driver(struct udev_device *device)
{
	return udev_device_get_driver(device) || udev_device_get_property_value(device, "DRIVER");
}

/* A model is known by its ids, and only this node of it may be what its driver opens. */
static bool
suits(const struct tb_model *model, enum tb_node_kind kind, struct udev_device *device)
{
	bool scanner, other;

	if (kind == TB_NODE_USB && model->driver->class != TB_CLASS_PRINTER)
		return is_usb_hid(device);
	/* some printers call their interface the vendor's own; a display of the same maker's is HID
	 */
	if (kind == TB_NODE_USB)
		return is_usb_printer(device) || is_usb_class(device, VENDOR_CLASS, -1);
	if (kind != TB_NODE_HIDRAW || strcmp(model->driver->name, "scanner-hid"))
		return true;
	ask_hid(device, &scanner, &other);
	return !other;
}

/* Which driver speaks with what no data file knows. */
static const struct tb_driver *
driver_of(const struct tb_found *found, struct udev_device *device)
{
	bool scanner, other;

	switch (found->kind) {
	case TB_NODE_HIDRAW:
		ask_hid(device, &scanner, &other);
		return scanner ? tb_driver_find("scanner-hid") : NULL;
	case TB_NODE_LP:
		return tb_driver_find("printer-escpos");
	case TB_NODE_USB:
		if (is_usb_printer(device))
			return tb_driver_find("printer-escpos");
		/* nobody's: then it may be asked what it is, and is refused if it is something
		 * else */
		if (is_usb_hid(device) && !has_kernel_driver(device))
			return tb_driver_find("scanner-hid");
		return NULL;
	default:
		return NULL;
	}
}

/* Which driver speaks with it, and whether it may be opened unasked. */
static void
recognise(struct tb_found *found, const struct tb_models *models, struct udev_device *device)
{
	const struct tb_model *model = tb_models_find(
		models, found->kind, found->vid, found->pid, found->product);

	if (!model) {
		found->driver = driver_of(found, device);
		if (found->kind == TB_NODE_LP && speaks_otherwise(device))
			found->reason = TB_DEVICE_ID_SILENT;
		return;
	}
	/* what is not opened in any case need not suit: it may be in a mode of its own */
	if (model->claim && !suits(model, found->kind, device))
		return;
	found->model = model;
	found->driver = model->driver;
	if (!model->claim)
		found->reason = model->reason ? model->reason
		                              : "it could be anything: name it in a section "
		                                "[device NAME] with this address";
}

static bool
fill(struct tb_found *found, struct udev_device *device, enum tb_node_kind kind)
{
	struct udev_device *usb = is_usb_device(device)
	                                  ? device
	                                  : udev_device_get_parent_with_subsystem_devtype(
						    device, "usb", "usb_device");
	struct udev_device *interface = kind == TB_NODE_USB
	                                        ? device
	                                        : udev_device_get_parent_with_subsystem_devtype(
							  device, "usb", "usb_interface");
	const char *node, *colon;

	if (!usb)
		return false;
	node = udev_device_get_devnode(kind == TB_NODE_USB ? usb : device);
	if (!node)
		return false;
	found->kind = kind;
	found->syspath = strdup(udev_device_get_syspath(device));
	found->usb = strdup(udev_device_get_syspath(usb));
	found->node = strdup(node);
	found->port = strdup(udev_device_get_sysname(usb));
	if ((kind == TB_NODE_USB
			    ? asprintf(&found->address, "usb:@%s", udev_device_get_sysname(usb))
			    : asprintf(&found->address, "%s:%s", tb_node_kind_word(kind), node)) <
		0)
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

/* Whether both are the same interface of the same device. */
static bool
is_same_interface(const struct tb_found *a, const struct tb_found *b)
{
	return !strcmp(a->usb, b->usb) &&
	       (!strcmp(a->interface, b->interface) || !*a->interface || !*b->interface);
}

/* The entry of a kind for the interface of another one. */
static struct entry *
find_twin(struct tb_enumerate *enumerate, const struct entry *of, enum tb_node_kind kind)
{
	struct entry *entry;

	tb_list_for_each(entry, &enumerate->entries, list)
		if (entry != of && entry->found.kind == kind &&
			is_same_interface(&entry->found, &of->found))
			return entry;
	return NULL;
}

static void
tell(struct tb_enumerate *enumerate, struct entry *entry)
{
	entry->held_back = false;
	enumerate->fn(&entry->found, false, enumerate->userdata);
}

/* Kinds of nodes that the kernel makes of an interface that libusb could have instead. */
static bool
is_kernels_node(enum tb_node_kind kind)
{
	return kind == TB_NODE_LP || kind == TB_NODE_HIDRAW;
}

/* The kernel's own node comes before the device as such, which whoever asks for it finds first. */
static void
tell_in_order(struct tb_enumerate *enumerate, struct entry *entry)
{
	struct entry *twin = is_kernels_node(entry->found.kind)
	                             ? find_twin(enumerate, entry, TB_NODE_USB)
	                             : NULL;

	if (twin) {
		twin->found.spare = true;
		if (twin->held_back)
			tell(enumerate, twin);
	}
	tell(enumerate, entry);
}

static void
remove_entry(struct tb_enumerate *enumerate, struct entry *entry)
{
	struct entry *twin;

	tb_list_remove(&entry->list);
	/* the kernel's node went and its interface did not: it is free for others */
	twin = is_kernels_node(entry->found.kind) ? find_twin(enumerate, entry, TB_NODE_USB) : NULL;
	if (twin && access(twin->found.syspath, F_OK) == 0)
		twin->found.spare = false;
	if (!entry->held_back)
		enumerate->fn(&entry->found, true, enumerate->userdata);
	found_done(&entry->found);
	free(entry);
}

/* Whether the kernel's printer driver has the interface, and its node is due or there. */
static bool
is_kernels(struct udev_device *device)
{
	const char *driver = udev_device_get_driver(device);

	if (!driver)
		driver = udev_device_get_property_value(device, "DRIVER");
	return driver && !strcmp(driver, "usblp");
}

/* Whether sysfs shows a node that the kernel made of the interface: then udev has not come to it
 * yet, and it will be told. */
static bool
has_kernels_node(const char *interface)
{
	char path[PATH_MAX];
	struct dirent *item;
	bool found = false;
	DIR *dir = opendir(interface);

	while (dir && !found && (item = readdir(dir))) {
		if (!strncmp(item->d_name, "0003:", 5))
			snprintf(path, sizeof(path), "%s/%s/hidraw", interface, item->d_name);
		else if (!strcmp(item->d_name, "usbmisc"))
			snprintf(path, sizeof(path), "%s/usbmisc", interface);
		else
			continue;
		found = access(path, F_OK) == 0;
	}
	if (dir)
		closedir(dir);
	return found;
}

static void
on_patience_over(void *userdata)
{
	struct tb_enumerate *enumerate = userdata;
	uint64_t now_us = tb_loop_now_us(enumerate->loop), next_us = TB_NEVER;
	struct entry *entry, *next;

	tb_list_for_each_safe(entry, next, &enumerate->entries, list) {
		if (entry->held_back && entry->until_us <= now_us && entry->waits > 0 &&
			has_kernels_node(entry->found.syspath)) {
			entry->waits--;
			entry->until_us = now_us + NODE_US;
		}
		if (entry->held_back && entry->until_us <= now_us)
			tell(enumerate, entry);
		else if (entry->held_back)
			next_us = TB_MIN(next_us, entry->until_us);
	}
	tb_source_set_timer(enumerate->patience, next_us);
}

/* An interface as such: not before the kernel has had its chance to make a node of it. */
static void
tell_usb(struct tb_enumerate *enumerate, struct entry *entry, struct udev_device *device)
{
	entry->found.spare = find_twin(enumerate, entry, TB_NODE_LP) ||
	                     find_twin(enumerate, entry, TB_NODE_HIDRAW);
	if (entry->found.spare || (!is_usb_hid(device) && !is_kernels(device))) {
		tell(enumerate, entry);
		return;
	}
	entry->held_back = true;
	entry->waits = WAITS_MAX;
	entry->until_us = tb_loop_now_us(enumerate->loop) + NODE_US;
	tb_source_set_timer(enumerate->patience, entry->until_us);
}

/* Whether an input node is the one that types: a scanner may have others, for its buttons and the
 * like, and nobody needs a mouse. */
static bool
types(struct udev_device *device)
{
	const char *said = udev_device_get_property_value(device, "ID_INPUT_KEYBOARD");
	struct udev_device *input = udev_device_get_parent_with_subsystem_devtype(
		device, "input", NULL);
	_cleanup_free_ char *keys = input ? attribute(input, "capabilities/key") : NULL;
	const char *low = keys ? strrchr(keys, ' ') : NULL;

	if (said)
		return !strcmp(said, "1");
	/* udev is silent: the digits are among the lowest keys, whose word stands last; and where
	 * the kernel is silent as well, whoever opens it will see */
	return !keys || strtoull(low ? low : keys, NULL, 16) & 1u << KEY_1;
}

static ino_t
inode_of(struct udev_device *device)
{
	struct stat st;

	return stat(udev_device_get_syspath(device), &st) == 0 ? st.st_ino : 0;
}

static void
add_device(struct tb_enumerate *enumerate, struct udev_device *device)
{
	unsigned kind = kind_of(device);
	ino_t inode = inode_of(device);
	struct entry *entry;

	if (!kind || (kind == TB_NODE_USB && is_usb_device(device) && has_interfaces(device)))
		return;
	if (kind == TB_NODE_EVDEV && !types(device))
		return;
	entry = find_entry(enumerate, udev_device_get_syspath(device));
	if (entry && entry->inode == inode) {
		/* looked at before its word came, or a word that was only asked for */
		entry->seen = true;
		return;
	}
	/* it went and came, and the going was lost */
	if (entry)
		remove_entry(enumerate, entry);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return;
	if (!fill(&entry->found, device, (enum tb_node_kind)kind)) {
		found_done(&entry->found);
		free(entry);
		return;
	}
	entry->inode = inode;
	entry->seen = true;
	recognise(&entry->found, enumerate->models, device);
	/* hubs, keyboards, phones; a HID interface may be what a section asks for */
	if (kind == TB_NODE_USB && !entry->found.driver && !is_usb_hid(device)) {
		found_done(&entry->found);
		free(entry);
		return;
	}
	tb_list_append(&enumerate->entries, &entry->list);
	if (kind == TB_NODE_USB)
		tell_usb(enumerate, entry, device);
	else
		tell_in_order(enumerate, entry);
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
	if (!dir) {
		/* usb is a bus, and no class */
		snprintf(dir_path, sizeof(dir_path), "/sys/bus/%s/devices", subsystem);
		dir = opendir(dir_path);
	}
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
take_word(struct tb_enumerate *enumerate, struct udev_device *device)
{
	const char *action = udev_device_get_action(device);
	struct entry *entry = find_entry(enumerate, udev_device_get_syspath(device));

	if (action && !strcmp(action, "add"))
		add_device(enumerate, device);
	else if (action && !strcmp(action, "remove") && entry)
		remove_entry(enumerate, entry);
}

static void
on_monitor(int fd, uint32_t events, void *userdata)
{
	struct tb_enumerate *enumerate = userdata;
	struct udev_device *device;
	bool lost = false;

	do {
		errno = 0;
		device = udev_monitor_receive_device(enumerate->monitor);
		lost = lost || (!device && errno == ENOBUFS);
		/* what is still in the queue is older than the look that follows */
		if (device && !lost)
			take_word(enumerate, device);
		if (device)
			udev_device_unref(device);
	} while (device || errno == ENOBUFS);
	if (lost)
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
	if (tb_loop_add_timer(loop, 20000, on_patience_over, enumerate, &enumerate->patience) < 0) {
		tb_enumerate_free(enumerate);
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
	tb_source_remove(&enumerate->patience);
	if (enumerate->monitor)
		udev_monitor_unref(enumerate->monitor);
	tb_list_for_each_safe(entry, next, &enumerate->entries, list) {
		found_done(&entry->found);
		free(entry);
	}
	udev_unref(enumerate->udev);
	free(enumerate);
}
