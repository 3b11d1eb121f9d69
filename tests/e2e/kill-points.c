/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the daemon: ends it, as SIGKILL does, at the n-th call that changes something
 * outside the process. It counts and ends; what must hold afterwards is kills.py's.
 *
 *   KILL_POINTS_AT=N      before the N-th call; 0 or absent: never
 *   KILL_POINTS_HALF=1    a write does half of its bytes first
 *   KILL_POINTS_FILE=F    eight bytes, the count so far, and the name of the last call
 */
/* Both names of a call are wanted, not one that stands for the other. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

struct record {
	uint64_t count;
	char name[24];
};

static struct record own, *record = &own;
static uint64_t at;
static int half;

__attribute__((constructor)) static void
begin(void)
{
	const char *file = getenv("KILL_POINTS_FILE"), *number = getenv("KILL_POINTS_AT");
	int fd;

	at = number ? strtoull(number, NULL, 10) : 0;
	half = getenv("KILL_POINTS_HALF") != NULL;
	if (!file)
		return;
	fd = open(file, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	record = mmap(NULL, sizeof(*record), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (record == MAP_FAILED)
		record = &own;
}

/* Whether this is the call; the caller does what it wants to have done and calls end(). */
static int
is_the_one(const char *name)
{
	uint64_t n = __atomic_add_fetch(&record->count, 1, __ATOMIC_SEQ_CST);

	snprintf(record->name, sizeof(record->name), "%s", name);
	return n == at;
}

static void
end(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

#define REAL(name, ...) ((__typeof__(&name))real(__func__))(__VA_ARGS__)

static void *
real(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

EXPORT ssize_t
write(int fd, const void *data, size_t len)
{
	/* What it says to its log changes nothing. */
	if (fd != STDERR_FILENO && is_the_one(__func__)) {
		if (half && len > 1)
			(void)!REAL(write, fd, data, len / 2);
		end();
	}
	return REAL(write, fd, data, len);
}

EXPORT ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
	if (is_the_one(__func__)) {
		if (half && len > 1)
			(void)!REAL(pwrite, fd, data, len / 2, offset);
		end();
	}
	return REAL(pwrite, fd, data, len, offset);
}

EXPORT ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	if (is_the_one(__func__)) {
		if (half && len > 1)
			(void)!REAL(pwrite64, fd, data, len / 2, offset);
		end();
	}
	return REAL(pwrite64, fd, data, len, offset);
}

EXPORT ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	if (is_the_one(__func__)) {
		if (half && len > 1)
			(void)!REAL(send, fd, data, len / 2, flags);
		end();
	}
	return REAL(send, fd, data, len, flags);
}

/* The rest is done or not. */
#define WHOLE(result, name, parameters, ...) \
	EXPORT result name parameters \
	{ \
		if (is_the_one(__func__)) \
			end(); \
		return REAL(name, __VA_ARGS__); \
	}

WHOLE(ssize_t, writev, (int fd, const struct iovec *parts, int n), fd, parts, n)
WHOLE(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), fd, message, flags)
WHOLE(int, fsync, (int fd), fd)
WHOLE(int, fdatasync, (int fd), fd)
WHOLE(int, ftruncate, (int fd, off_t size), fd, size)
WHOLE(int, ftruncate64, (int fd, off64_t size), fd, size)
WHOLE(int, unlink, (const char *path), path)
WHOLE(int, rename, (const char *from, const char *to), from, to)
