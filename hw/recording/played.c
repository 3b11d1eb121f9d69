/* SPDX-License-Identifier: MIT */
/* One object for one thing that came of a recording. */

#include "hw/recording/played.h"

#include <nettle/base64.h>
#include "base/jsonw.h"

static void
write_raw(struct tb_jsonw *w, const struct tb_scan *scan)
{
	size_t len = BASE64_ENCODE_RAW_LENGTH(scan->raw_len);
	_cleanup_free_ char *text = malloc(len);

	if (!text) {
		w->buf->error = -ENOMEM;
		return;
	}
	base64_encode_raw(text, scan->raw_len, scan->raw);
	tb_jsonw_string_n(w, "raw", text, len);
}

static void
write_scan(struct tb_jsonw *w, const struct tb_scan *scan)
{
	tb_jsonw_string(w, "code", scan->code);
	if (scan->raw)
		write_raw(w, scan);
	tb_jsonw_string(w, "symbology", scan->symbology);
	if (scan->aim[0])
		tb_jsonw_string(w, "aim", scan->aim);
	if (scan->n_fields == 0)
		return;
	tb_jsonw_array(w, "fields");
	for (size_t i = 0; i < scan->n_fields; i++) {
		tb_jsonw_object(w, NULL);
		tb_jsonw_string(w, "ai", scan->fields[i].ai);
		tb_jsonw_string(w, "value", scan->fields[i].value);
		tb_jsonw_end_object(w);
	}
	tb_jsonw_end_array(w);
}

void
tb_played_write(const struct tb_played *played, bool when, struct tb_buf *buf)
{
	struct tb_jsonw w = TB_JSONW(buf);

	tb_jsonw_object(&w, NULL);
	if (when)
		tb_jsonw_int(&w, "t_us", (int64_t)played->t_us);
	if (played->scan)
		write_scan(&w, played->scan);
	tb_jsonw_string(&w, "dropped", played->dropped);
	if (played->refused)
		tb_jsonw_bool(&w, "refused", true);
	if (played->omitted)
		tb_jsonw_int(&w, "omitted", (int64_t)played->omitted);
	tb_jsonw_end_object(&w);
}
