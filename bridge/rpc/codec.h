/* SPDX-License-Identifier: MIT */
/*
 * JSON-RPC 2.0 as text: a line into calls, answers into lines. It knows no socket and no method. A
 * line is looked through before a tree is made of it, since a tree of a hostile line costs eighty
 * times its size.
 */
#pragma once

#include <jansson.h>
#include "base/error.h"
#include "base/jsonw.h"
#include "bridge/rpc/rpc.h"

/* The numbers of JSON-RPC, and the one of our own errors. */
enum tb_rpc_number {
	TB_RPC_PARSE_ERROR = -32700,
	TB_RPC_INVALID_REQUEST = -32600,
	TB_RPC_METHOD_NOT_FOUND = -32601,
	TB_RPC_INVALID_PARAMS = -32602,
	TB_RPC_INTERNAL_ERROR = -32603,
	TB_RPC_OUR_ERROR = -32000,
};

struct tb_codec_facts {
	unsigned calls; /* 1, or as many as the batch has */
	bool batch;
	size_t object, object_end; /* the last bracket within the outermost one and behind its end;
	                              both 0 without one */
};

/*
 * Looks a line through: depth, count of values, length of a batch. Numbers with a fraction or an
 * exponent are written over with 0.0 (they are refused, but must not stop the parser), a NUL in a
 * member's name with U+FFFD. Doing it twice is harmless. 0, -EBADMSG too deep, -EMSGSIZE too many
 * values or calls.
 */
int tb_codec_look(char *line, size_t len, struct tb_codec_facts *ret);

struct tb_codec_line {
	json_t *root;
	/* Pointers of double members, one of each call of a batch that has any (to free). */
	char *doubled[TB_RPC_BATCH_MAX];
};

/* The tree of a line that was looked through. -EBADMSG when it is no JSON, -ENOMEM. */
int tb_codec_parse(const char *line, size_t len, struct tb_codec_line *ret);
void tb_codec_line_done(struct tb_codec_line *line);

/*
 * A line that is plainly one call, {"jsonrpc":"2.0","id":…,"method":…,"params":{…}} in any order
 * and nothing more, with an id and no escapes outside params: where its parts are, without a tree.
 * Most lines are such; false for any other, which says nothing of whether it is right. params may
 * still be no JSON. facts are those of this line.
 */
struct tb_codec_call {
	const char *id, *method, *params; /* id with its quotes; params NULL when there are none */
	size_t id_len, method_len, params_len;
};
bool tb_codec_plain(const char *line, size_t len, const struct tb_codec_facts *facts,
	struct tb_codec_call *ret);
/* The tree of `params` of such a call; NULL for anything that is not in order. */
json_t *tb_codec_plain_params(const struct tb_codec_call *call);

/* The text of an id: a string or an integer, else NULL. To free. */
char *tb_codec_id(const json_t *id);

/* {"jsonrpc":"2.0","id":ID,"result":JSON}, without a newline. */
void tb_codec_result(struct tb_buf *buf, const char *id, const char *json, size_t len);
/* The same with "error"; data is the text of an object. */
void tb_codec_error(
	struct tb_buf *buf, const char *id, enum tb_rpc_number number, const char *data);
/* {"jsonrpc":"2.0","method":METHOD,"params":{MEMBERS}} and a newline. */
void tb_codec_notification(struct tb_buf *buf, const char *method, const char *members, size_t len);

/*
 * The object `data` of an error: code, retryable, detail; `errors` is the inside of a list or NULL,
 * `more` the text of an object whose members join, or NULL.
 */
void tb_codec_error_data(struct tb_buf *buf, enum tb_error error, const char *detail,
	const char *errors, const char *more);

/* `result` (an object) with one more word in its list warnings[], which is made if need be. */
void tb_codec_add_warning(struct tb_buf *buf, const char *result, size_t len, const char *word);
