/* SPDX-License-Identifier: MIT */
/* tillsim render: a recorded byte stream as elements, as plain text, or as pictures. */

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "hw/sim/glyphs.h"
#include "hw/sim/plain.h"
#include "hw/sim/png.h"
#include "hw/sim/tillsim.h"

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_PNG };

struct render {
	struct tb_interpret_config config;
	enum format format;
	const char *in, *out;
	FILE *file;
	struct tb_plain plain;
	struct tb_buf buf;
	unsigned tickets;
	int error;
};

static int
parse_dialect(const char *name, enum tb_dialect *ret)
{
	if (strcmp(name, "escpos") == 0)
		*ret = TB_DIALECT_ESCPOS;
	else if (strcmp(name, "star") == 0)
		*ret = TB_DIALECT_STAR;
	else
		return tb_sim_usage("--dialect is escpos or star");
	return 0;
}

static int
parse_format(const char *name, enum format *ret)
{
	if (strcmp(name, "text") == 0)
		*ret = FORMAT_TEXT;
	else if (strcmp(name, "json") == 0)
		*ret = FORMAT_JSON;
	else if (strcmp(name, "png") == 0)
		*ret = FORMAT_PNG;
	else
		return tb_sim_usage("--format is json, text or png");
	return 0;
}

static int
parse(struct render *render, int argc, char **argv)
{
	static const struct option options[] = {
		{"profile", required_argument, NULL, 'p'},
		{"dialect", required_argument, NULL, 'd'},
		{"format", required_argument, NULL, 'f'},
		{"output", required_argument, NULL, 'o'},
		{0},
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "o:", options, NULL)) >= 0) {
		switch (c) {
		case 'p':
			render->config.profile = tb_profile_find(optarg);
			if (!render->config.profile)
				r = tb_sim_usage("no profile is called '%s'", optarg);
			break;
		case 'd':
			r = parse_dialect(optarg, &render->config.dialect);
			break;
		case 'f':
			r = parse_format(optarg, &render->format);
			break;
		case 'o':
			render->out = optarg;
			break;
		default:
			r = tb_sim_usage("render does not know that");
			break;
		}
	}
	if (r == 0 && argc - optind != 1)
		r = tb_sim_usage("render takes one file");
	if (r == 0)
		render->in = argv[optind];
	return r;
}

/* x.png for the first ticket, x-2.png for the second; without -o named like the file. */
static char *
png_name(const struct render *render, unsigned ticket)
{
	const char *base = render->out ? render->out : render->in;
	const char *slash = strrchr(base, '/'), *dot = strrchr(base, '.');
	size_t len = strlen(base);
	const char *ending = ".png";
	char *name;

	if (dot && dot != base && (!slash || dot > slash + 1)) {
		len = (size_t)(dot - base);
		if (render->out)
			ending = dot;
	} else if (render->out) {
		ending = "";
	}
	if (ticket == 1 ? asprintf(&name, "%.*s%s", (int)len, base, ending) < 0
			: asprintf(&name, "%.*s-%u%s", (int)len, base, ticket, ending) < 0)
		return NULL;
	return name;
}

static void
put(struct render *render)
{
	struct tb_buf *buf = &render->buf;

	if (buf->len > 0 && fwrite(buf->data, 1, buf->len, render->file) != buf->len)
		render->error = -EIO;
	if (tb_buf_error(buf) < 0)
		render->error = tb_buf_error(buf);
	tb_buf_reset(buf);
}

static void
on_element(const struct tb_element *element, void *userdata)
{
	struct render *render = userdata;

	if (render->format == FORMAT_JSON) {
		tb_element_json(element, &render->buf);
		tb_buf_add_byte(&render->buf, '\n');
	} else {
		tb_plain_add(&render->plain, element, &render->buf);
	}
	put(render);
}

static void
on_ticket(const struct tb_canvas *canvas, bool cut, void *userdata)
{
	struct render *render = userdata;
	_cleanup_free_ char *name = NULL;
	int r;

	if (!canvas->ink)
		return;
	name = png_name(render, ++render->tickets);
	r = name ? tb_png_write(name, canvas) : -ENOMEM;
	if (r < 0) {
		fprintf(stderr, "tillsim: %s: %s\n", name ? name : "png", strerror(-r));
		render->error = r;
	}
}

static int
read_all(struct render *render, struct tb_interpret *in, int fd)
{
	static uint8_t chunk[64 * 1024];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		tb_interpret_feed(in, chunk, (size_t)n);
	return n < 0 ? -errno : 0;
}

/* Reads the file through; what it held is no error, that it could not be read is. */
static int
run(struct render *render)
{
	static const struct tb_interpret_ops elements = {.element = on_element};
	static const struct tb_interpret_ops tickets = {.ticket = on_ticket};
	_cleanup_(tb_interpret_freep) struct tb_interpret *in = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	fd = strcmp(render->in, "-") == 0 ? dup(STDIN_FILENO)
	                                  : open(render->in, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	in = tb_interpret_new(
		&render->config, render->format == FORMAT_PNG ? &tickets : &elements, render);
	if (!in)
		return -ENOMEM;
	r = read_all(render, in, fd);
	if (r < 0)
		return r;
	r = tb_interpret_end(in);
	if (render->format == FORMAT_TEXT) {
		tb_plain_flush(&render->plain, &render->buf);
		put(render);
	}
	return r < 0 ? r : render->error;
}

static int
open_output(struct render *render)
{
	render->file = stdout;
	if (render->format == FORMAT_PNG || !render->out || strcmp(render->out, "-") == 0)
		return 0;
	render->file = fopen(render->out, "we");
	return render->file ? 0 : -errno;
}

int
tb_sim_render(int argc, char **argv)
{
	_cleanup_(tb_sim_glyphs_freep) struct tb_sim_glyphs *glyphs = NULL;
	struct render render = {.buf = TB_BUF_INIT(0)};
	const char *what;
	int r;

	r = parse(&render, argc, argv);
	if (r != 0)
		return r;
	if (render.format == FORMAT_PNG) {
		r = tb_sim_glyphs_open(&glyphs, &what);
		if (r < 0) {
			fprintf(stderr, "tillsim: %s: %s (Debian package xfonts-terminus)\n", what,
				strerror(-r));
			return TB_SIM_FAILED;
		}
		render.config.glyphs = tb_sim_glyphs_get(glyphs);
	}
	what = render.out;
	r = open_output(&render);
	if (r == 0) {
		what = render.in;
		r = run(&render);
		if (render.file != stdout ? fclose(render.file) != 0 : fflush(stdout) != 0) {
			what = render.out ? render.out : "standard output";
			r = r < 0 ? r : -errno;
		}
	}
	tb_plain_done(&render.plain);
	tb_buf_done(&render.buf);
	if (r < 0)
		fprintf(stderr, "tillsim: %s: %s\n", what, strerror(-r));
	return r < 0 ? TB_SIM_FAILED : TB_SIM_OK;
}
