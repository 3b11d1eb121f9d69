/* SPDX-License-Identifier: MIT */
/*
 * The one table of methods: name, role, what it changes, its parameters, its handler. Everything
 * that must know a method reads it here: dispatch, `bridge.methods` (and so `tillctl help`), and
 * the OpenAPI file.
 */
#pragma once

#include "base/buf.h"
#include "bridge/rpc/request.h"
#include "bridge/rpc/shape.h"
#include "plugins/loyalty/connector.h"

enum {
	TB_METHOD_CHANGES = 1 << 0, /* something is different afterwards */
	TB_METHOD_KEYED = 1 << 1,   /* takes key and operator */
	/* The key may be left out; members that are not known are taken out and warned of. */
	TB_METHOD_TOLERANT = 1 << 2,
	TB_METHOD_SOCKET = 1 << 3, /* belongs to a connection of the socket; not on HTTP */
};

struct tb_method {
	const char *name;
	uint32_t roles; /* any of them may call it */
	unsigned flags;
	enum tb_op op; /* of tb_loyalty_method; TB_OP_COUNT otherwise */
	tb_method_fn handler;
	struct tb_shape params;
	const char *prose;   /* what it does, one line */
	const char *answers; /* what the result holds, one line */
};

/* The row of the method that was called. */
const struct tb_method *tb_request_method(const struct tb_request *request);

/* Sorted by name. */
extern const struct tb_method tb_methods[];
extern const size_t tb_n_methods;

/* NULL when there is none. */
const struct tb_method *tb_method_find(const char *name);
/* What other bridges ask for besides (methods-bridges.c): for callers with a token only. */
const struct tb_method *tb_method_find_of_bridges(const char *name);

/* "till"; the word of one role. */
const char *tb_role_word(enum tb_role role);

/* Handlers, one file a group. */
void tb_method_bridge_methods(struct tb_request *request);
void tb_method_bridge_status(struct tb_request *request);
void tb_method_device_calibrate(struct tb_request *request);
void tb_method_device_calibrate_stop(struct tb_request *request);
void tb_method_device_capture(struct tb_request *request);
void tb_method_device_capture_stop(struct tb_request *request);
void tb_method_device_claim(struct tb_request *request);
void tb_method_device_list(struct tb_request *request);
void tb_method_device_release(struct tb_request *request);
void tb_method_drawer_open(struct tb_request *request);
void tb_method_events_subscribe(struct tb_request *request);
void tb_method_events_unsubscribe(struct tb_request *request);
void tb_method_outbox_list(struct tb_request *request);
void tb_method_outbox_retry(struct tb_request *request);
void tb_method_outbox_settle(struct tb_request *request);
void tb_method_print_cancel(struct tb_request *request);
void tb_method_print_coupon(struct tb_request *request);
void tb_method_print_document(struct tb_request *request);
void tb_method_print_job(struct tb_request *request);
void tb_method_print_list(struct tb_request *request);
void tb_method_print_raw(struct tb_request *request);
void tb_method_scan_classify(struct tb_request *request);
void tb_method_scan_submit(struct tb_request *request);
void tb_method_token_create(struct tb_request *request);
void tb_method_token_list(struct tb_request *request);
void tb_method_token_revoke(struct tb_request *request);

/*
 * The table as JSON, for `tillctl help`: {"methods":[{name, role, changes, keyed, prose, answers,
 * params[FIELD]}], "shapes":{NAME: {fields[FIELD], one_of[]?}}}. A FIELD is {name, type, list?,
 * required, unit?, min?, max?, words[]?, shape?, with[]?, prose}; min and max of a string are its
 * length. With a name only that method and the shapes it needs.
 */
void tb_methods_write(struct tb_buf *buf, const struct tb_method *only);
