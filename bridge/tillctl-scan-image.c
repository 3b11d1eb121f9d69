/* SPDX-License-Identifier: MIT */
/*
 * tillctl scan-image: the codes on a picture, handed in as if they were scanned. The picture is
 * taken apart by a process of its own with little memory and time, since it may have been made to
 * break whoever looks at it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "bridge/tillctl.h"
#include "hw/image/image.h"

#define MEMORY_MAX ((rlim_t)2 << 30)
#define SECONDS_MAX 60
#define LINES_MAX ((size_t)8 << 20)

static void
on_code(const char *code, size_t len, const char *symbology, void *userdata)
{
	struct tb_buf *lines = userdata;
	struct tb_jsonw w = TB_JSONW(lines);

	tb_jsonw_object(&w, NULL);
	tb_jsonw_string_n(&w, "code", code, len);
	tb_jsonw_string(&w, "symbology", symbology);
	tb_jsonw_end_object(&w);
	tb_buf_add_byte(lines, '\n');
}

static void
limit(int which, rlim_t most)
{
	struct rlimit limits = {most, most};

	(void)setrlimit(which, &limits);
}

/* In the child: writes a line a code, or says what is wrong; returns its exit code. */
static int
look(const char *path, const char *data, size_t len, int out)
{
	const struct tb_image_reader *reader = tillctl_module("image", "image", TB_IMAGE_SYMBOL);
	_cleanup_buf_ struct tb_buf lines = TB_BUF_INIT(LINES_MAX);
	_cleanup_free_ char *why = NULL;
	int r;

	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, SECONDS_MAX);
#ifndef __SANITIZE_ADDRESS__
	limit(RLIMIT_AS, MEMORY_MAX);
#endif
	if (!reader)
		return TILLCTL_REFUSED;
	r = reader->read((const uint8_t *)data, len, on_code, &lines, &why);
	if (r < 0 || tb_buf_error(&lines) < 0) {
		fprintf(stderr, "%s: %s\n", path, why ? why : "there is no memory for it");
		return TILLCTL_REFUSED;
	}
	for (size_t at = 0; at < lines.len;) {
		ssize_t n = write(out, lines.data + at, lines.len - at);

		if (n < 0)
			return TILLCTL_REFUSED;
		at += (size_t)n;
	}
	return TILLCTL_DONE;
}

static char *
read_all(int fd)
{
	_cleanup_buf_ struct tb_buf text = TB_BUF_INIT(LINES_MAX);
	char chunk[4096];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			tb_buf_add(&text, chunk, (size_t)n);
	return tb_buf_take(&text);
}

/* The lines of the child; NULL after an error, which was said. */
static char *
read_codes(const char *path, const char *data, size_t len)
{
	_cleanup_free_ char *lines = NULL;
	int ends[2], status = 0;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		tillctl_lost("scan-image", -errno);
		return NULL;
	}
	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(look(path, data, len, ends[1]));
	close(ends[1]);
	if (child > 0)
		lines = read_all(ends[0]);
	close(ends[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0 || !WIFEXITED(status))
		fprintf(stderr, "%s: the picture could not be taken apart\n", path);
	return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? TAKE_PTR(lines) : NULL;
}

static int
hand_in(struct tillctl *ctl, json_t *line)
{
	_cleanup_json_ json_t *result = NULL;
	int r = tillctl_ask(ctl, "scan.submit", json_incref(line), &result);

	if (r != TILLCTL_DONE)
		return r;
	json_object_update_missing(line, result);
	if (ctl->json)
		tillctl_print_json(line);
	else
		tillctl_say("%s\n", tillctl_string(line, "code"));
	return TILLCTL_DONE;
}

static int
run(struct tillctl *ctl, int argc, char *argv[])
{
	_cleanup_free_ char *data = NULL, *lines = NULL;
	char *rest, *text;
	int r, result = TILLCTL_DONE;
	size_t len, n = 0;

	if (argc != 2)
		return TILLCTL_USAGE;
	data = tillctl_read_file(argv[1], &len);
	if (!data)
		return TILLCTL_REFUSED;
	/* before the connection: the child is to have nothing but the picture */
	rest = lines = read_codes(argv[1], data, len);
	if (!lines)
		return TILLCTL_REFUSED;
	while ((text = strsep(&rest, "\n"))) {
		_cleanup_json_ json_t *line = *text ? json_loads(text, 0, NULL) : NULL;

		if (!*text)
			continue;
		n++;
		r = line ? hand_in(ctl, line) : TILLCTL_REFUSED;
		if (!line)
			fprintf(stderr, "%s: a code that is no text\n", argv[1]);
		if (r == TILLCTL_NO_BRIDGE)
			return r;
		result = r == TILLCTL_DONE ? result : r;
	}
	if (n == 0) {
		fprintf(stderr, "no code\n");
		return TILLCTL_REFUSED;
	}
	return result;
}

const struct tillctl_command tillctl_scan_image = {
	.name = "scan-image",
	.arguments = "FILE",
	.prose = "hands in the codes on a PNG, JPEG or PGM picture",
	.run = run,
};
