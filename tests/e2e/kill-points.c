/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into the daemon: at the n-th call that changes something outside the process it ends
 * it, as SIGKILL does, or lets calls on files fail, as a full or broken disk does. It counts and
 * does that; what must hold afterwards is kills.py's.
 *
 *   KILL_POINTS_AT=N      the N-th call; 0 or absent: never
 *   KILL_POINTS_HALF=1    a write does half of its bytes before the end
 *   KILL_POINTS_ERRNO=E   no end: from the N-th on calls on files fail with E; only these count
 *   KILL_POINTS_FOR=M     so many of them
 *   KILL_POINTS_READS=1   calls that read files count and fail, and no others
 *   KILL_POINTS_FILE=F    eight bytes, the count so far, and the name of the last call
 */
/* Both names of a call are wanted, not one that stands for the other. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

struct record {
	uint64_t count;
	char name[24];
};

enum fate { LIVE, END, FAIL };

static struct record own, *record = &own;
static uint64_t at, failing;
static int half, error, reads;

static uint64_t
number(const char *variable, uint64_t fallback)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 10) : fallback;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *file = getenv("KILL_POINTS_FILE");
	int fd;

	at = number("KILL_POINTS_AT", 0);
	half = number("KILL_POINTS_HALF", 0) != 0;
	error = (int)number("KILL_POINTS_ERRNO", 0);
	failing = number("KILL_POINTS_FOR", 1);
	reads = number("KILL_POINTS_READS", 0) != 0;
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

/* What becomes of this call. */
static enum fate
fate_of(const char *name, int is_file)
{
	uint64_t n;

	if ((error && !is_file) || reads != (strncmp(name, "pread", 5) == 0))
		return LIVE;
	n = __atomic_add_fetch(&record->count, 1, __ATOMIC_SEQ_CST);
	snprintf(record->name, sizeof(record->name), "%s", name);
	if (error && at && n >= at && n - at < failing) {
		errno = error;
		return FAIL;
	}
	return !error && n == at ? END : LIVE;
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

/* Some of the bytes may go out before the end. */
#define BYTES(name, is_file, parameters, fd, data, len, ...) \
	EXPORT ssize_t name parameters \
	{ \
		enum fate fate = fate_of(__func__, is_file); \
\
		if (fate == FAIL) \
			return -1; \
		if (fate == END && half && len > 1) \
			(void)!REAL(name, fd, data, len / 2, ##__VA_ARGS__); \
		if (fate == END) \
			end(); \
		return REAL(name, fd, data, len, ##__VA_ARGS__); \
	}

/* Done or not. */
#define WHOLE(result, name, is_file, parameters, ...) \
	EXPORT result name parameters \
	{ \
		enum fate fate = fate_of(__func__, is_file); \
\
		if (fate == FAIL) \
			return -1; \
		if (fate == END) \
			end(); \
		return REAL(name, __VA_ARGS__); \
	}

static int
is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* What it says to its log changes nothing. */
EXPORT ssize_t
write(int fd, const void *data, size_t len)
{
	enum fate fate = fd == STDERR_FILENO ? LIVE : fate_of(__func__, is_file(fd));

	if (fate == FAIL)
		return -1;
	if (fate == END && half && len > 1)
		(void)!REAL(write, fd, data, len / 2);
	if (fate == END)
		end();
	return REAL(write, fd, data, len);
}

/* A file that is only opened is none that is made. */
#define OPEN(name, parameters, flags, ...) \
	EXPORT int name parameters \
	{ \
		enum fate fate = LIVE; \
		mode_t mode = 0; \
		va_list args; \
\
		if (flags & O_CREAT) { \
			va_start(args, flags); \
			mode = va_arg(args, mode_t); \
			va_end(args); \
			fate = fate_of(__func__, 1); \
		} \
		if (fate == FAIL) \
			return -1; \
		if (fate == END) \
			end(); \
		return REAL(name, __VA_ARGS__, flags, mode); \
	}

OPEN(open, (const char *path, int flags, ...), flags, path)
OPEN(open64, (const char *path, int flags, ...), flags, path)
OPEN(openat, (int dir, const char *path, int flags, ...), flags, dir, path)
OPEN(openat64, (int dir, const char *path, int flags, ...), flags, dir, path)

BYTES(pwrite, 1, (int fd, const void *data, size_t len, off_t offset), fd, data, len, offset)
BYTES(pwrite64, 1, (int fd, const void *data, size_t len, off64_t offset), fd, data, len, offset)
BYTES(send, 0, (int fd, const void *data, size_t len, int flags), fd, data, len, flags)
WHOLE(ssize_t, writev, 0, (int fd, const struct iovec *parts, int n), fd, parts, n)
WHOLE(ssize_t, sendmsg, 0, (int fd, const struct msghdr *message, int flags), fd, message, flags)
WHOLE(int, fsync, 1, (int fd), fd)
WHOLE(int, fdatasync, 1, (int fd), fd)
WHOLE(int, ftruncate, 1, (int fd, off_t size), fd, size)
WHOLE(int, ftruncate64, 1, (int fd, off64_t size), fd, size)
WHOLE(int, unlink, 1, (const char *path), path)
WHOLE(int, rename, 1, (const char *from, const char *to), from, to)
WHOLE(int, mkdir, 1, (const char *path, mode_t mode), path, mode)
WHOLE(int, bind, 0, (int fd, const struct sockaddr *name, socklen_t len), fd, name, len)
WHOLE(ssize_t, pread, 1, (int fd, void *data, size_t len, off_t offset), fd, data, len, offset)
WHOLE(ssize_t, pread64, 1, (int fd, void *data, size_t len, off64_t offset), fd, data, len, offset)
