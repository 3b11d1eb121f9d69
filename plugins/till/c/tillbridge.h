/* SPDX-License-Identifier: MIT */
/*
 * libtillbridge: what a cash-register program links, or copies, to talk to the bridge on its
 * machine. It connects, sends calls and hands out answers and notifications as JSON text. It has no
 * event loop, no thread and no state beyond the connection, needs nothing but libc, and does not
 * interpret what it carries: methods and shapes are those of tillbridge-rpc(7).
 *
 * A connection belongs to one thread at a time. Nothing here writes to a terminal, raises SIGPIPE
 * or ends the process.
 */
#ifndef TILLBRIDGE_H
#define TILLBRIDGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef TILLBRIDGE_API
#define TILLBRIDGE_API __attribute__((visibility("default")))
#endif

#define TILLBRIDGE_SOCKET "/run/tillbridge/till.sock"

enum {
	TILLBRIDGE_REFUSED = 1, /* the bridge answered with an error object */
	TILLBRIDGE_CALLS_MAX =
		32, /* calls under way on one connection, as many as the bridge takes */
	TILLBRIDGE_NOTICES_MAX = 1024, /* notifications kept until they are asked for */
	TILLBRIDGE_SEND_MAX = 1 << 20, /* bytes of a line to the bridge, its newline included */
	TILLBRIDGE_LINE_MAX = 1 << 26, /* bytes of a line from the bridge: an export can be long */
	TILLBRIDGE_FOREVER = -1,       /* as timeout_ms */
};

struct tillbridge;

/*
 * Connects and waits for the bridge's first line. path NULL: $TILLBRIDGE_SOCKET, else the path
 * above. 0, or -ENOENT or -ECONNREFUSED (no bridge there), -EACCES (not in its group), -ETIMEDOUT,
 * -EPROTO (something else is listening there), -EBUSY (it has as many clients as it takes).
 */
TILLBRIDGE_API int tillbridge_connect(const char *path, int timeout_ms, struct tillbridge **ret);

/* Ends the connection; NULL is nothing. Claims of devices end with it, keys and reservations do
 * not. */
TILLBRIDGE_API void tillbridge_close(struct tillbridge *till);

/* The params of the bridge's hello: product, api, site, till, currency. Valid until close. */
TILLBRIDGE_API const char *tillbridge_hello(const struct tillbridge *till);

/*
 * The descriptor, for a program with a loop of its own: when it is readable, call tillbridge_next()
 * and tillbridge_wait() with time-out 0 until they say -ETIMEDOUT.
 */
TILLBRIDGE_API int tillbridge_fd(const struct tillbridge *till);

/*
 * Calls a method and waits for its answer. params is the text of a JSON object, NULL for none.
 * 0: *ret is the result. TILLBRIDGE_REFUSED: *ret is the error object {code, message, data{code,
 * retryable, detail}}; data.code is what to look at. *ret is to be freed.
 * -ETIMEDOUT: whether it happened is not known: say it again with the same key.
 * -EINVAL: params is no JSON object. -EMSGSIZE: it is too long. -EPIPE: the bridge has gone; close,
 * connect again, and say it again with the same key. After a negative result *ret is untouched.
 */
TILLBRIDGE_API int tillbridge_call(struct tillbridge *till, const char *method, const char *params,
	int timeout_ms, char **ret);

/*
 * The same in two steps, so that several calls may be under way. Answers may come in any order.
 * -EBUSY when TILLBRIDGE_CALLS_MAX are. A wait that ends with -ETIMEDOUT may be repeated, or the
 * answer forgotten: it is dropped when it comes. Waiting for what was never sent is -ENOENT.
 */
TILLBRIDGE_API int tillbridge_send(struct tillbridge *till, const char *method, const char *params,
	int timeout_ms, uint64_t *ret_call);
TILLBRIDGE_API int tillbridge_wait(
	struct tillbridge *till, uint64_t call, int timeout_ms, char **ret);
TILLBRIDGE_API void tillbridge_forget(struct tillbridge *till, uint64_t call);

/*
 * The next notification in the order they came, also those that came while an answer was waited
 * for. Both texts are to be freed. -ETIMEDOUT when none came. After TILLBRIDGE_NOTICES_MAX unread
 * ones the newest are thrown away and -EOVERFLOW is returned once in their place: subscribe again
 * with `since`.
 */
TILLBRIDGE_API int tillbridge_next(
	struct tillbridge *till, int timeout_ms, char **ret_method, char **ret_params);

/*
 * Enough JSON for a till that has none. pointer is a JSON pointer (RFC 6901) into the text, such as
 * "/customer/first_name" or "/rewards/0/title".
 */

/* The text of the value there, not terminated; NULL when there is none. */
TILLBRIDGE_API const char *tillbridge_find(const char *json, const char *pointer, size_t *ret_len);
/* The string there as UTF-8, to be freed; NULL when there is none, or no memory. */
TILLBRIDGE_API char *tillbridge_string(const char *json, const char *pointer);
/* 0, -ENOENT when there is no integer, -ERANGE beyond 64 bits. */
TILLBRIDGE_API int tillbridge_integer(const char *json, const char *pointer, int64_t *ret);
/* text as a JSON string with its quotes, to be freed; NULL without memory. */
TILLBRIDGE_API char *tillbridge_quote(const char *text);

#ifdef __cplusplus
}
#endif

#endif
