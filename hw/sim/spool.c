/* SPDX-License-Identifier: MIT */
/* Gathers what is told of a ticket and writes it when the ticket is whole. */

#include "hw/sim/spool.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "hw/sim/png.h"

int
tb_spool_init(struct tb_spool *spool, const char *dir)
{
	*spool = (struct tb_spool){.dir = strdup(dir),
		.text = TB_BUF_INIT(TB_SPOOL_BYTES_MAX),
		.elements = TB_BUF_INIT(TB_SPOOL_BYTES_MAX)};
	if (!spool->dir)
		return -ENOMEM;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

void
tb_spool_done(struct tb_spool *spool)
{
	free(spool->dir);
	spool->dir = NULL;
	tb_plain_done(&spool->plain);
	tb_buf_done(&spool->text);
	tb_buf_done(&spool->elements);
}

void
tb_spool_add(struct tb_spool *spool, const struct tb_element *element)
{
	tb_element_json(element, &spool->elements);
	tb_buf_add_byte(&spool->elements, '\n');
	tb_plain_add(&spool->plain, element, &spool->text);
	if (element->kind != TB_ELEMENT_CUT)
		spool->any = true;
}

static int
write_file(const char *name, const char *ending, const struct tb_buf *content)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	size_t done = 0;

	if (asprintf(&path, "%s.%s", name, ending) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	while (done < content->len) {
		ssize_t n = write(fd, content->data + done, content->len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

static int
write_picture(const char *name, const struct tb_canvas *canvas)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s.png", name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return tb_png_write(path, canvas);
}

int
tb_spool_ticket(struct tb_spool *spool, const struct tb_canvas *canvas, char **ret_name)
{
	_cleanup_free_ char *name = NULL;
	int r = 0;

	tb_plain_flush(&spool->plain, &spool->text);
	if (!canvas->ink && !spool->any)
		goto out;
	if (asprintf(&name, "%s/ticket-%u", spool->dir, ++spool->tickets) < 0) {
		name = NULL;
		r = -ENOMEM;
		goto out;
	}
	if (canvas->ink)
		r = write_picture(name, canvas);
	if (r == 0)
		r = write_file(name, "txt", &spool->text);
	if (r == 0)
		r = write_file(name, "jsonl", &spool->elements);
	if (r == 0) {
		*ret_name = TAKE_PTR(name);
		r = 1;
	}
out:
	tb_buf_reset(&spool->text);
	tb_buf_reset(&spool->elements);
	spool->any = false;
	return r;
}
