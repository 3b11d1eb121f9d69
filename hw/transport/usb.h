/* SPDX-License-Identifier: MIT */
/*
 * The parts of the USB wire among themselves: usb-bus.c has libusb on the loop, usb-node.c finds
 * and takes one interface of one device, usb.c is the stream of bytes, usb-hid.c the one of
 * reports. libusb is loaded when the first device is opened: a counter without one pays nothing for
 * it.
 *
 * Three calls of libusb's have no asynchronous form, since usbfs has none: detaching and attaching
 * the kernel's driver, and clearing a stalled endpoint. They wait for the kernel's driver to let go
 * or to begin, which asks the device a few things, and for one exchange on the bus. So none is made
 * of a device that was unplugged, and an endpoint is only cleared once the device itself has
 * answered, asynchronously, that it has cleared its half: what is left is the host's half.
 */
#pragma once

#include <libusb.h>
#include "base/list.h"
#include "hw/transport/transport.h"

/* What is used of libusb, by name without its prefix. */
#define TB_USB_CALLS(X) \
	X(alloc_transfer) \
	X(attach_kernel_driver) \
	X(cancel_transfer) \
	X(claim_interface) \
	X(clear_halt) \
	X(close) \
	X(detach_kernel_driver) \
	X(exit) \
	X(free_config_descriptor) \
	X(free_device_list) \
	X(free_pollfds) \
	X(free_transfer) \
	X(get_active_config_descriptor) \
	X(get_bus_number) \
	X(get_config_descriptor) \
	X(get_device) \
	X(get_device_address) \
	X(get_device_list) \
	X(get_pollfds) \
	X(handle_events_timeout_completed) \
	X(init) \
	X(kernel_driver_active) \
	X(open) \
	X(release_interface) \
	X(set_configuration) \
	X(set_interface_alt_setting) \
	X(set_option) \
	X(set_pollfd_notifiers) \
	X(submit_transfer) \
	X(wrap_sys_device)

struct tb_usb_calls {
#define X(name) __typeof__(libusb_##name) *name;
	TB_USB_CALLS(X)
#undef X
};

/* Whoever waits for transfers. A transfer's callback marks it, and it is called when libusb's own
 * work is done, since libusb must not be called back from within. */
struct tb_usb_user {
	struct tb_list node;
	bool due;
	void (*serve)(struct tb_usb_user *user);
};

/* libusb with its descriptors in the loop. One for all devices, there while one is open. */
struct tb_usb_bus {
	struct tb_usb_calls call;
	libusb_context *context;
	struct tb_loop *loop;
	bool wraps; /* descriptors are wrapped; else libusb lists devices by itself, with a thread
	             */
	unsigned refs;
	struct tb_list watches, users;
	struct tb_source *wake;
};

/* wraps as above, for the first one that asks. Negative errno with ret_why (to free). */
int tb_usb_bus_get(struct tb_loop *loop, bool wraps, struct tb_usb_bus **ret, char **ret_why);
void tb_usb_bus_put(struct tb_usb_bus *bus);
/* Does what is ready now, without waiting; users that are due are served by the loop. */
void tb_usb_bus_turn(struct tb_usb_bus *bus);
/* A code of libusb's as negative errno. */
int tb_usb_errno(int code);

/* One interface of an opened device. */
struct tb_usb_node {
	struct tb_usb_bus *bus;
	int fd; /* of the node, when it is wrapped */
	libusb_device_handle *handle;
	char port[64]; /* "1-4.2" */
	uint8_t config_index, interface, alternate;
	unsigned alternates;
	uint8_t out, in; /* endpoints; in is 0 when there is none */
	bool claimed, detached;
};

/*
 * Opens what "@PORT" or "VID:PID[:SERIAL]" means, and finds its printer interface: the printer
 * class if it has one, else the first with a bulk endpoint out. Nothing is taken from the kernel
 * yet. As tb_stream_open_fn promises it for ret_why and the error.
 */
int tb_usb_node_open(
	struct tb_loop *loop, const char *address, struct tb_usb_node *ret, char **ret_why);
/* The same without looking for an interface; whoever calls it fills in which one. */
int tb_usb_node_open_device(
	struct tb_loop *loop, const char *address, struct tb_usb_node *ret, char **ret_why);
/* Takes the interface, from the kernel's driver if need be. */
int tb_usb_node_take(struct tb_usb_node *node, const char *address, char **ret_why);
/* Gives it back; another may be taken. */
void tb_usb_node_give_back(struct tb_usb_node *node);
/* Gives it back, and closes. */
void tb_usb_node_close(struct tb_usb_node *node);
