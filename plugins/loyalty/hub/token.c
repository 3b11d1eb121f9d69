/* SPDX-License-Identifier: MIT */
/*
 * The folder is watched, not the file: a new one is most often written beside it and moved. Where
 * nothing can be watched it is still read when the hub does not let us in.
 */

#include "plugins/loyalty/hub/token.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include "base/log.h"

struct tb_token_file {
	char *path;
	char text[TB_EXCHANGE_TOKEN_MAX];
	bool complained; /* of what stands in it now */
	int watch;
	struct tb_source *source;
	tb_token_fn fn;
	void *userdata;
};

static int
refuse(char **ret_why, int error, const char *path, const char *why)
{
	if (asprintf(ret_why, "token_file %s %s", path, why) < 0)
		*ret_why = NULL;
	return error;
}

/* The token without its newline. The file is a secret: nobody else may read it. */
static int
read_token(const char *path, char out[TB_EXCHANGE_TOKEN_MAX], char **ret_why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int error = errno;

		if (asprintf(ret_why,
			    "token_file %s: %s; make one on the hub with: tillctl pair TILL", path,
			    strerror(error)) < 0)
			*ret_why = NULL;
		return -error;
	}
	if (st.st_mode & 077)
		return refuse(ret_why, -EPERM, path, "can be read by others: chmod 600 it");
	n = read(fd, out, TB_EXCHANGE_TOKEN_MAX - 1);
	while (n > 0 && (out[n - 1] == '\n' || out[n - 1] == '\r' || out[n - 1] == ' '))
		n--;
	if (n <= 0 || memchr(out, '\n', (size_t)n) || memchr(out, '\r', (size_t)n) ||
		memchr(out, '\0', (size_t)n))
		return refuse(ret_why, -EINVAL, path, "holds no token alone on one line");
	out[n] = '\0';
	return 0;
}

bool
tb_token_file_look(struct tb_token_file *file)
{
	_cleanup_free_ char *why = NULL;
	char text[TB_EXCHANGE_TOKEN_MAX] = "";
	bool changed = false;

	if (read_token(file->path, text, &why) < 0) {
		if (!file->complained)
			tb_log_warning("hub: %s", why ? why : "token_file cannot be read");
		file->complained = true;
	} else {
		file->complained = false;
		changed = strcmp(text, file->text) != 0;
		memcpy(file->text, text, sizeof(text));
	}
	explicit_bzero(text, sizeof(text));
	if (changed)
		tb_log_notice("hub: token_file holds another token, which counts from now on");
	return changed;
}

/* Whatever happened in the folder: it is rare, and a look is cheap. */
static void
on_watch(int fd, uint32_t events, void *userdata)
{
	struct tb_token_file *file = userdata;
	char buffer[4096];

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	if (tb_token_file_look(file))
		file->fn(file->userdata);
}

static void
watch(struct tb_token_file *file, struct tb_loop *loop)
{
	_cleanup_free_ char *copy = strdup(file->path);

	file->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (!copy || file->watch < 0 ||
		inotify_add_watch(file->watch, dirname(copy),
			IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR) < 0 ||
		tb_loop_add_fd(loop, file->watch, EPOLLIN, on_watch, file, &file->source) < 0)
		tb_log_info("hub: token_file is not watched: it is read again when the hub does "
			    "not let this till in");
}

void
tb_token_file_free(struct tb_token_file *file)
{
	if (!file)
		return;
	tb_source_remove(&file->source);
	if (file->watch >= 0)
		close(file->watch);
	explicit_bzero(file->text, sizeof(file->text));
	free(file->path);
	free(file);
}

const char *
tb_token_file_text(const struct tb_token_file *file)
{
	return file->text;
}

int
tb_token_file_open(struct tb_loop *loop, const char *path, tb_token_fn fn, void *userdata,
	struct tb_token_file **ret, char **ret_why)
{
	struct tb_token_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return -ENOMEM;
	file->watch = -1;
	file->fn = fn;
	file->userdata = userdata;
	file->path = strdup(path);
	r = file->path ? read_token(path, file->text, ret_why) : -ENOMEM;
	if (r < 0) {
		tb_token_file_free(file);
		return r;
	}
	watch(file, loop);
	*ret = file;
	return 0;
}
