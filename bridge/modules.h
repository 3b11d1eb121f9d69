/* SPDX-License-Identifier: MIT */
/*
 * Parts that are in memory only where they are used: shared modules of the module directory, or of
 * $TILLBRIDGE_MODULE_DIR in a build tree. What a module exports is its own contract's business.
 */
#pragma once

#include "base/macros.h"

/*
 * Opens NAME.so and finds its one symbol. -ENOENT, -ELIBBAD with a sentence in ret_why (to free).
 * handle is for tb_module_close().
 */
int tb_module_open(const char *name, const char *symbol, void **ret_handle, const void **ret_symbol,
	char **ret_why);
void tb_module_close(void *handle);
