/* SPDX-License-Identifier: MIT */
/*
 * Which plugged node is which device. A section takes the node that its address means; what no
 * section takes and a driver knows is a device by itself, named by its driver and serial number,
 * else port. One USB device is never two devices, and the order of plugging does not matter.
 */

#include "bridge/devices-parts.h"

#include <stdio.h>
#include <string.h>

/* How well a driver can use a kind of node: 0 best, -1 not at all. */
static int
node_rank(const struct tb_driver *driver, enum tb_node_kind kind)
{
	const char *word = tb_node_kind_word(kind), *p = driver->nodes ? driver->nodes : "";
	size_t len = strlen(word);

	for (int i = 0; *p; i++) {
		size_t n = strcspn(p, " ");

		if (n == len && !memcmp(p, word, n))
			return i;
		p += n;
		p += strspn(p, " ");
	}
	return -1;
}

/* The first by port, then what the driver is known to speak with, then the node that suits it best,
 * then the first interface. */
static bool
is_before(const struct device *device, const struct tb_found *a, const struct tb_found *b)
{
	int order = tb_port_compare(a->port, b->port);

	if (order == 0)
		order = (a == device->spoilt) - (b == device->spoilt);
	/* "usb:" of a device that the kernel has a node for: it is to be the device itself */
	if (order == 0 && tb_device_is_usb(device))
		order = (b->kind == TB_NODE_USB) - (a->kind == TB_NODE_USB);
	if (order == 0)
		order = (b->driver == device->driver) - (a->driver == device->driver);
	if (order == 0)
		order = node_rank(device->driver, a->kind) - node_rank(device->driver, b->kind);
	if (order == 0)
		order = strcmp(a->interface, b->interface);
	if (order == 0)
		order = strcmp(a->syspath, b->syspath);
	return order < 0;
}

static bool
may_be(const struct device *device, const struct tb_found *found)
{
	return node_rank(device->driver, found->kind) >= 0 &&
	       tb_found_matches(found, device->section->config.address);
}

/* The section that has this node already, or another node of the same USB device for the same
 * driver: one device is never two, but for whoever names each of its nodes. */
static struct device *
taken_by(const struct device *device, const struct seen *seen)
{
	struct seen *other;

	if (seen->device || !tb_device_is_usb(device))
		return seen->device;
	tb_list_for_each(other, &device->devices->seen, node)
		if (other->device && other->device->driver == device->driver &&
			!strcmp(other->found->usb, seen->found->usb))
			return other->device;
	return NULL;
}

/* The node a section takes among those that no section before it has; NULL when there is none. */
static struct seen *
choose(const struct device *device, struct device **ret_taken)
{
	struct seen *seen, *best = NULL;

	*ret_taken = NULL;
	tb_list_for_each(seen, &device->devices->seen, node) {
		struct device *owner;

		if (!may_be(device, seen->found))
			continue;
		owner = taken_by(device, seen);
		if (owner)
			*ret_taken = owner;
		else if (!best || is_before(device, seen->found, best->found))
			best = seen;
	}
	return best;
}

/* Gives a device the node that it is from now on, NULL when it went. */
static void
bind_node(struct device *device, const struct tb_found *found)
{
	bool was_ready = device->ready;

	if (device->found == found)
		return;
	if (device->open && !device->found && found && tb_device_is_path(device)) {
		/* opened by its path already: udev only says what it is */
		device->found = found;
		return;
	}
	tb_device_close(device);
	device->found = found;
	device->tries = 0;
	device->appeared_us = 0;
	if (was_ready)
		tb_device_set_state(
			device, TB_DEVICE_LOST, "the device was unplugged: plug it in again");
	if (found) {
		tb_device_watch_stop(device);
		tb_device_open(device);
	}
}

/* What is plugged in under a section's address and speaks with another driver; NULL: nothing. */
static const struct tb_found *
found_otherwise(const struct device *device)
{
	struct seen *seen;

	if (!tb_device_is_usb(device))
		return NULL;
	tb_list_for_each(seen, &device->devices->seen, node)
		if (seen->found->driver && node_rank(device->driver, seen->found->kind) < 0 &&
			tb_found_matches(seen->found, device->section->config.address))
			return seen->found;
	return NULL;
}

/* A section whose device is not plugged in: found by its path or host, or simply absent. */
static void
without_node(struct device *device, const struct device *taken)
{
	const struct tb_found *other = taken ? NULL : found_otherwise(device);
	char reason[256];

	if (taken) {
		tb_device_close(device);
		snprintf(reason, sizeof(reason),
			"the section [device %s] is this device already: give each its own address",
			taken->name);
		tb_device_set_state(device, TB_DEVICE_REFUSED, reason);
		return;
	}
	if (other) {
		snprintf(reason, sizeof(reason),
			"the device at port %s is set to what %s reads, and not %s: set it with "
			"the "
			"code in its manual, or write driver = %s",
			other->port, other->driver->name, device->driver->name,
			other->driver->name);
		tb_device_set_state(device, TB_DEVICE_REFUSED, reason);
		return;
	}
	if (tb_device_is_usb(device)) {
		snprintf(reason, sizeof(reason),
			"%s is not plugged in: plug it in, or correct the address",
			device->section->config.address);
		tb_device_set_state(device, TB_DEVICE_ABSENT, reason);
		return;
	}
	/* once at the start and when udev took it away; from then on it looks after itself */
	if (!device->open && device->tries == 0 && !device->watch)
		tb_device_open(device);
}

static void
settle_sections(struct tb_devices *devices)
{
	struct device *device;
	struct seen *seen;

	tb_list_for_each(seen, &devices->seen, node)
		seen->device = NULL;
	tb_list_for_each(device, &devices->list, node) {
		struct device *taken;

		if (!device->section)
			continue;
		seen = choose(device, &taken);
		if (seen)
			seen->device = device;
		bind_node(device, seen ? seen->found : NULL);
		if (!seen)
			without_node(device, taken);
	}
}

/* Whether another node of the same USB device is a device already. */
static struct device *
sibling_of(struct tb_devices *devices, const struct seen *seen)
{
	struct seen *other;

	tb_list_for_each(other, &devices->seen, node)
		if (other != seen && other->device && !strcmp(other->found->usb, seen->found->usb))
			return other->device;
	return NULL;
}

/* Whether a section means this device and only waits for it to be what its driver reads. */
static bool
is_waited_for(struct tb_devices *devices, const struct tb_found *found)
{
	struct device *device;

	tb_list_for_each(device, &devices->list, node)
		if (device->section && !device->found && found_otherwise(device) &&
			tb_found_matches(found, device->section->config.address))
			return true;
	return false;
}

/* The section that means this node and has another of the same kind; NULL when none does. */
static const struct device *
section_of(struct tb_devices *devices, const struct tb_found *found)
{
	struct device *device;

	tb_list_for_each(device, &devices->list, node)
		if (device->section && device->found && may_be(device, found))
			return device;
	return NULL;
}

/* A name as it may stand in a section: what a serial number may hold besides is made plain. */
static void
make_plain(char *name)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	for (; *name; name++)
		if (!strchr(plain, *name))
			*name = '_';
}

/* Whether the name is another's; a device of the same name that is away is the same one come back.
 */
static bool
is_taken(struct tb_devices *devices, const char *name)
{
	struct device *device = tb_device_get(devices, name);

	return device && (device->section || device->found);
}

static char *
make_name(struct tb_devices *devices, const struct tb_driver *driver, const struct tb_found *found)
{
	char *name = NULL;

	if (found->serial && asprintf(&name, "%s-%s", driver->name, found->serial) > 0) {
		make_plain(name);
		if (!is_taken(devices, name))
			return name;
		free(name);
	}
	if (asprintf(&name, "%s-%s", driver->name, found->port) < 0)
		return NULL;
	if (!is_taken(devices, name))
		return name;
	free(name);
	return asprintf(&name, "%s-%s:%s", driver->name, found->port, found->interface) < 0 ? NULL
	                                                                                    : name;
}

static struct device *
device_of(struct tb_devices *devices, const struct tb_found *found)
{
	struct device *device;

	tb_list_for_each(device, &devices->list, node)
		if (!device->section && device->found == found)
			return device;
	return NULL;
}

/* The record of a node that no section took: an old one, one that comes back, or a new one. */
static struct device *
own_record(struct tb_devices *devices, const struct tb_driver *driver, const struct tb_found *found)
{
	struct device *device = device_of(devices, found);
	_cleanup_free_ char *name = NULL;

	if (device)
		return device;
	name = make_name(devices, driver, found);
	if (!name)
		return NULL;
	device = tb_device_get(devices, name);
	return device ? device : tb_device_new(devices, name, driver, NULL);
}

static void
settle_own(struct tb_devices *devices, struct seen *seen)
{
	const struct tb_found *found = seen->found;
	const struct device *section = section_of(devices, found);
	const struct tb_driver *driver = section ? section->driver : found->driver;
	char reason[256];
	struct device *device;

	if (!driver || sibling_of(devices, seen) || is_waited_for(devices, found))
		return;
	device = own_record(devices, driver, found);
	if (!device)
		return;
	seen->device = device;
	if (!section && !found->reason) {
		bind_node(device, found);
		return;
	}
	tb_device_close(device);
	device->found = found;
	tb_device_prepare(device);
	if (section) {
		snprintf(reason, sizeof(reason),
			"the section [device %s] is the device at port %s already: name this one "
			"by its "
			"serial number or port",
			section->name, section->found->port);
		tb_device_set_state(device, TB_DEVICE_REFUSED, reason);
	} else {
		tb_device_set_state(device, found->model ? TB_DEVICE_PRESENT : TB_DEVICE_REFUSED,
			found->reason);
	}
}

/* Devices by themselves whose node went or is a section's now. */
static void
drop_lost(struct tb_devices *devices)
{
	struct device *device, *next;
	struct seen *seen;

	tb_list_for_each_safe(device, next, &devices->list, node) {
		bool held = false;

		if (device->section)
			continue;
		tb_list_for_each(seen, &devices->seen, node)
			held = held || seen->device == device;
		if (held)
			continue;
		bind_node(device, NULL);
		tb_device_set_state(device, TB_DEVICE_ABSENT, "it is not plugged in: plug it in");
		/* a claim and a recording outlast a pulled cable */
		tb_device_forget(device);
	}
}

void
tb_devices_settle(struct tb_devices *devices)
{
	static const enum tb_node_kind kinds[] = {
		TB_NODE_HIDRAW, TB_NODE_TTY, TB_NODE_LP, TB_NODE_EVDEV, TB_NODE_USB};
	struct seen *seen;

	settle_sections(devices);
	/* of several nodes of one device the one that says most */
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		tb_list_for_each(seen, &devices->seen, node)
			if (seen->found->kind == kinds[i] && !seen->device && !seen->found->spare)
				settle_own(devices, seen);
	drop_lost(devices);
}

/* By port path, so that of equal devices the same one is first, however the bus was looked at. */
static void
insert_by_port(struct tb_devices *devices, struct seen *seen)
{
	struct seen *other;

	tb_list_for_each(other, &devices->seen, node)
		if (tb_port_compare(seen->found->port, other->found->port) < 0) {
			tb_list_insert(&other->node, &seen->node);
			return;
		}
	tb_list_append(&devices->seen, &seen->node);
}

void
tb_devices_found(const struct tb_found *found, bool gone, void *userdata)
{
	struct tb_devices *devices = userdata;
	struct device *device;
	struct seen *seen, *next;

	if (!gone) {
		seen = calloc(1, sizeof(*seen));
		if (!seen)
			return;
		seen->found = found;
		insert_by_port(devices, seen);
	} else {
		tb_list_for_each_safe(seen, next, &devices->seen, node)
			if (seen->found == found) {
				tb_list_remove(&seen->node);
				free(seen);
			}
		/* the node's facts are gone with it: nobody may look at them any more */
		tb_list_for_each(device, &devices->list, node) {
			if (device->spoilt == found)
				device->spoilt = NULL;
			if (device->found == found)
				bind_node(device, NULL);
		}
	}
	if (!devices->starting)
		tb_devices_settle(devices);
}
