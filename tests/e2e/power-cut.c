/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the daemon: keeps a copy of each file as it was when it was last synced, which is
 * what a disk is sure to have when the power goes. SIGKILL alone loses nothing that was written.
 * What must hold afterwards is power.py's.
 *
 *   POWER_CUT_DIR=D    where the copies are, by the names of the files
 *   POWER_CUT_FILE=F   eight bytes: so many more syncs, and the last of them is the end instead;
 *                      0: none is. Whoever has started the daemon may write it at any time.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define NAME_MAX_BYTES 512

static int64_t none, *left = &none;

__attribute__((constructor)) static void
begin(void)
{
	const char *file = getenv("POWER_CUT_FILE");
	int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (left == MAP_FAILED)
		left = &none;
}

static void *
real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

/* Where the copy of a file is; false when there is none to be made. */
static int
place(const char *path, const char *suffix, char out[NAME_MAX_BYTES])
{
	const char *dir = getenv("POWER_CUT_DIR"), *name = strrchr(path, '/');
	int n;

	if (!dir || !name)
		return 0;
	n = snprintf(out, NAME_MAX_BYTES, "%s/%s%s", dir, name + 1, suffix);
	return n > 0 && n < NAME_MAX_BYTES;
}

static int
copy(int from, const char *to)
{
	static char piece[1 << 16];
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	off_t at = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	while ((n = pread(from, piece, sizeof(piece), at)) > 0) {
		if (write(fd, piece, (size_t)n) != n)
			n = -1;
		at += n;
		if (n < 0)
			break;
	}
	close(fd);
	return n < 0 ? -1 : 0;
}

/* The descriptor may be for writing alone, so the file is opened again. */
static void
keep(int synced)
{
	char link[64], path[NAME_MAX_BYTES] = "", to[NAME_MAX_BYTES], young[NAME_MAX_BYTES];
	int (*move)(const char *, const char *) = (int (*)(const char *, const char *))real(
		"rename");
	struct stat st;
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", synced);
	if (fstat(synced, &st) < 0 || !S_ISREG(st.st_mode) ||
		readlink(link, path, sizeof(path) - 1) < 0 || !place(path, "", to) ||
		!place(path, ".young", young))
		return;
	fd = open(link, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || copy(fd, young) < 0 || move(young, to) < 0)
		abort();
	close(fd);
}

static int
sync_and_keep(const char *how, int fd)
{
	int r, error;

	if (*left > 0 && --*left == 0) {
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	}
	r = ((int (*)(int))real(how))(fd);
	error = errno;
	if (r == 0)
		keep(fd);
	errno = error;
	return r;
}

EXPORT int
fsync(int fd)
{
	return sync_and_keep("fsync", fd);
}

EXPORT int
fdatasync(int fd)
{
	return sync_and_keep("fdatasync", fd);
}

/* Its directory is synced at once by all who rename here. */
EXPORT int
rename(const char *from, const char *to)
{
	int (*move)(const char *, const char *) = (int (*)(const char *, const char *))real(
		"rename");
	char kept[NAME_MAX_BYTES], wanted[NAME_MAX_BYTES];
	int r = move(from, to);

	if (r == 0 && place(from, "", kept) && place(to, "", wanted) && access(kept, F_OK) == 0)
		(void)move(kept, wanted);
	return r;
}
