/* SPDX-License-Identifier: MIT */
/*
 * One interface of one USB device: where its node is (sysfs says it), which interface and endpoints
 * carry the bytes (its descriptors say it, never a table), and what the kernel must lend for it.
 * No transfer is made here. What the kernel does at once: no configuration and no alternate setting
 * is set where there is only one, since some printers hang on that (0416:5011).
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/why.h"
#include "hw/transport/tty.h"
#include "hw/transport/usb.h"

#define DEVICES "/sys/bus/usb/devices"
#define PRINTER_CLASS 7

/* An attribute of a device without the newline; "" when there is none. */
static void
read_attribute(const char *port, const char *name, char *out, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	ssize_t n;

	out[0] = '\0';
	snprintf(path, sizeof(path), DEVICES "/%s/%s", port, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, out, size - 1);
	if (n < 0)
		return;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

/* VID:PID[:SERIAL] of the device at a port. */
static bool
is_meant(const char *port, const char *address)
{
	char vid[8], pid[8], serial[256];

	read_attribute(port, "idVendor", vid, sizeof(vid));
	read_attribute(port, "idProduct", pid, sizeof(pid));
	if (strlen(address) < 9 || address[4] != ':' || strlen(vid) != 4 || strlen(pid) != 4 ||
		strncasecmp(address, vid, 4) || strncasecmp(address + 5, pid, 4))
		return false;
	if (address[9] == '\0')
		return true;
	read_attribute(port, "serial", serial, sizeof(serial));
	return address[9] == ':' && !strcmp(address + 10, serial);
}

/* The port of the first device that the address means. */
static bool
find_port(const char *address, char port[static NAME_MAX + 1])
{
	struct dirent **entries;
	bool found = false;
	int n;

	if (*address == '@') {
		snprintf(port, NAME_MAX + 1, "%s", address + 1);
		return *port && !strchr(port, '/') && *port != '.';
	}
	n = scandir(DEVICES, &entries, NULL, versionsort);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		/* interfaces have a colon in their names */
		if (!found && *name != '.' && !strchr(name, ':') && is_meant(name, address)) {
			snprintf(port, NAME_MAX + 1, "%s", name);
			found = true;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return found;
}

/* A node that cannot be wrapped is opened by libusb, from its own list. */
static int
open_listed(struct tb_usb_node *node, unsigned bus, unsigned device)
{
	const struct tb_usb_calls *call = &node->bus->call;
	int r = LIBUSB_ERROR_NO_DEVICE;
	libusb_device **list;
	ssize_t n;

	n = call->get_device_list(node->bus->context, &list);
	if (n < 0)
		return (int)n;
	for (ssize_t i = 0; i < n; i++)
		if (call->get_bus_number(list[i]) == bus &&
			call->get_device_address(list[i]) == device)
			r = call->open(list[i], &node->handle);
	call->free_device_list(list, 1);
	return r;
}

static int
open_handle(struct tb_loop *loop, struct tb_usb_node *node, const char *port, char **ret_why)
{
	unsigned long bus, device;
	char text[16], path[64];
	int r;

	read_attribute(port, "busnum", text, sizeof(text));
	bus = strtoul(text, NULL, 10);
	read_attribute(port, "devnum", text, sizeof(text));
	device = strtoul(text, NULL, 10);
	if (bus == 0 || bus > 999 || device == 0 || device > 127)
		return tb_why(-ENOENT, ret_why, "usb:@%s is not plugged in: plug it in", port);
	snprintf(path, sizeof(path), "/dev/bus/usb/%03lu/%03lu", bus, device);
	node->fd = open(path, O_RDWR | O_CLOEXEC);
	if (node->fd < 0)
		return tb_line_fail_open(path, errno, ret_why);
	/* libusb reads the descriptors from the node's beginning; a simulated node may have none */
	r = tb_usb_bus_get(loop, lseek(node->fd, 0, SEEK_SET) == 0, &node->bus, ret_why);
	if (r < 0)
		return r;
	if (node->bus->wraps) {
		r = node->bus->call.wrap_sys_device(
			node->bus->context, (intptr_t)node->fd, &node->handle);
	} else {
		close(TAKE_FD(node->fd));
		r = open_listed(node, (unsigned)bus, (unsigned)device);
	}
	if (r < 0)
		return tb_line_fail_open(path, -tb_usb_errno(r), ret_why);
	return 0;
}

/* How well a setting of an interface carries a printer's bytes; 0: not at all. */
static int
rate(const struct libusb_interface_descriptor *setting)
{
	bool out = false;

	for (uint8_t i = 0; i < setting->bNumEndpoints; i++)
		out = out ||
		      ((setting->endpoint[i].bmAttributes & 3) == LIBUSB_TRANSFER_TYPE_BULK &&
			      !(setting->endpoint[i].bEndpointAddress & LIBUSB_ENDPOINT_IN));
	if (!out)
		return 0;
	if (setting->bInterfaceClass == PRINTER_CLASS)
		/* both ways, one way, and last 1284.4, whose packets nobody here unpacks */
		return setting->bInterfaceProtocol == 2   ? 5
		       : setting->bInterfaceProtocol == 1 ? 4
		                                          : 3;
	/* some printers call their interface the vendor's own (04b8:0202) */
	return setting->bInterfaceClass == LIBUSB_CLASS_VENDOR_SPEC ? 2 : 1;
}

static void
use_setting(struct tb_usb_node *node, const struct libusb_interface_descriptor *setting)
{
	node->interface = setting->bInterfaceNumber;
	node->alternate = setting->bAlternateSetting;
	node->out = node->in = 0;
	for (uint8_t i = 0; i < setting->bNumEndpoints; i++) {
		const struct libusb_endpoint_descriptor *endpoint = &setting->endpoint[i];
		uint8_t *slot = endpoint->bEndpointAddress & LIBUSB_ENDPOINT_IN ? &node->in
		                                                                : &node->out;

		if ((endpoint->bmAttributes & 3) == LIBUSB_TRANSFER_TYPE_BULK && !*slot)
			*slot = endpoint->bEndpointAddress;
	}
	if (setting->bInterfaceClass == PRINTER_CLASS && setting->bInterfaceProtocol == 1)
		node->in = 0;
}

/* Which configuration it is, counted from 0, as GET_DEVICE_ID wants it. */
static uint8_t
config_index(const struct tb_usb_node *node, uint8_t value)
{
	const struct tb_usb_calls *call = &node->bus->call;
	libusb_device *device = call->get_device(node->handle);
	struct libusb_config_descriptor *config;

	for (uint8_t i = 0; call->get_config_descriptor(device, i, &config) == 0; i++) {
		bool found = config->bConfigurationValue == value;

		call->free_config_descriptor(config);
		if (found)
			return i;
	}
	return 0;
}

static int
find_interface(struct tb_usb_node *node, const char *port, char **ret_why)
{
	const struct tb_usb_calls *call = &node->bus->call;
	libusb_device *device = call->get_device(node->handle);
	struct libusb_config_descriptor *config;
	int best = 0, r;

	r = call->get_active_config_descriptor(device, &config);
	if (r == LIBUSB_ERROR_NOT_FOUND && call->get_config_descriptor(device, 0, &config) == 0) {
		/* it was never configured */
		r = call->set_configuration(node->handle, config->bConfigurationValue);
		if (r < 0)
			call->free_config_descriptor(config);
	}
	if (r < 0)
		return tb_why(
			-ENODEV, ret_why, "usb:@%s tells no configuration: plug it in again", port);
	for (uint8_t i = 0; i < config->bNumInterfaces; i++) {
		const struct libusb_interface *interface = &config->interface[i];

		for (int k = 0; k < interface->num_altsetting; k++) {
			int rating = rate(&interface->altsetting[k]);

			if (rating <= best)
				continue;
			best = rating;
			use_setting(node, &interface->altsetting[k]);
			node->alternates = (unsigned)interface->num_altsetting;
		}
	}
	node->config_index = config_index(node, config->bConfigurationValue);
	call->free_config_descriptor(config);
	if (best == 0)
		return tb_why(-EINVAL, ret_why,
			"usb:@%s has no interface that takes a stream of bytes: it is no printer, "
			"correct "
			"the address",
			port);
	return 0;
}

int
tb_usb_node_open_device(
	struct tb_loop *loop, const char *address, struct tb_usb_node *ret, char **ret_why)
{
	struct tb_usb_node node = {.fd = -1, .alternates = 1};
	char port[NAME_MAX + 1];
	int r;

	*ret_why = NULL;
	if (!find_port(address, port))
		return tb_why(-ENOENT, ret_why, "usb:%s is not plugged in: plug it in", address);
	snprintf(node.port, sizeof(node.port), "%.60s", port);
	r = open_handle(loop, &node, port, ret_why);
	if (r < 0) {
		tb_usb_node_close(&node);
		return r;
	}
	*ret = node;
	return 0;
}

int
tb_usb_node_open(struct tb_loop *loop, const char *address, struct tb_usb_node *ret, char **ret_why)
{
	int r = tb_usb_node_open_device(loop, address, ret, ret_why);

	if (r < 0)
		return r;
	r = find_interface(ret, ret->port, ret_why);
	if (r < 0)
		tb_usb_node_close(ret);
	return r;
}

int
tb_usb_node_take(struct tb_usb_node *node, const char *address, char **ret_why)
{
	const struct tb_usb_calls *call = &node->bus->call;
	int r;

	if (call->kernel_driver_active(node->handle, node->interface) == 1) {
		r = call->detach_kernel_driver(node->handle, node->interface);
		if (r < 0 && r != LIBUSB_ERROR_NOT_FOUND)
			return tb_why(tb_usb_errno(r), ret_why,
				"usb:%s: the kernel's driver does not give it away: plug it in "
				"again",
				address);
		node->detached = r == 0;
	}
	r = call->claim_interface(node->handle, node->interface);
	if (r == LIBUSB_ERROR_BUSY)
		return tb_why(-EBUSY, ret_why,
			"usb:%s is held by another program: end it, or keep it away from this "
			"printer (CUPS: delete its queue)",
			address);
	if (r < 0)
		return tb_why(tb_usb_errno(r), ret_why,
			"usb:%s cannot be taken (%s): plug it in again", address,
			strerror(-tb_usb_errno(r)));
	node->claimed = true;
	if (node->alternates > 1)
		call->set_interface_alt_setting(node->handle, node->interface, node->alternate);
	return 0;
}

void
tb_usb_node_give_back(struct tb_usb_node *node)
{
	const struct tb_usb_calls *call = &node->bus->call;

	if (node->claimed)
		call->release_interface(node->handle, node->interface);
	if (node->detached)
		call->attach_kernel_driver(node->handle, node->interface);
	node->claimed = node->detached = false;
}

void
tb_usb_node_close(struct tb_usb_node *node)
{
	if (node->handle) {
		tb_usb_node_give_back(node);
		node->bus->call.close(node->handle);
	}
	if (node->fd >= 0)
		close(node->fd);
	tb_usb_bus_put(node->bus);
	*node = (struct tb_usb_node){.fd = -1};
}
