/* SPDX-License-Identifier: MIT */
/* Any text as the file of a known model: it is one, or it is said what is wrong; never both. */

#include <stdlib.h>
#include <string.h>
#include "hw/models.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tb_buf problems = TB_BUF_INIT(1 << 20);
	struct tb_models models = {0};
	int r = tb_models_add(&models, "x.ini", (const char *)data, len, &problems);

	if ((r == 0) != (models.n == 1) || (r == -EINVAL && problems.len == 0 && !problems.error))
		abort();
	tb_models_find(&models, TB_NODE_TTY, "1eab", "8006", "Scanner");
	tb_models_done(&models);
	tb_buf_done(&problems);
	return 0;
}
