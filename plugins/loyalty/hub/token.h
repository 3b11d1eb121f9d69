/* SPDX-License-Identifier: MIT */
/*
 * The file with the token that the hub gave this till. A till that is paired again is let in
 * without a restart: the file is watched, and read again when somebody asks. What a token is good
 * for is the hub's business.
 */
#pragma once

#include "base/loop.h"
#include "plugins/loyalty/hub/exchange.h"

struct tb_token_file;

/* It holds another token now. */
typedef void (*tb_token_fn)(void *userdata);

/* Reads it; on failure ret_why is a sentence for the installer, to free. */
int tb_token_file_open(struct tb_loop *loop, const char *path, tb_token_fn fn, void *userdata,
	struct tb_token_file **ret, char **ret_why);
void tb_token_file_free(struct tb_token_file *file);

const char *tb_token_file_text(const struct tb_token_file *file);
/* Reads it again. Whether it is another one; one that cannot be read changes nothing. */
bool tb_token_file_look(struct tb_token_file *file);
