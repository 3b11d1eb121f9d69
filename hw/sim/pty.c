/* SPDX-License-Identifier: MIT */
/* Opens a pseudo-terminal and links it. */

#include "hw/sim/pty.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>

static int
make_link(const char *target, const char *link)
{
	_cleanup_free_ char *fresh = NULL;
	struct stat st;

	if (lstat(link, &st) == 0 && !S_ISLNK(st.st_mode))
		return -EEXIST;
	if (asprintf(&fresh, "%s.%d", link, (int)getpid()) < 0) {
		fresh = NULL;
		return -ENOMEM;
	}
	unlink(fresh);
	if (symlink(target, fresh) < 0)
		return -errno;
	if (rename(fresh, link) < 0) {
		int r = -errno;

		unlink(fresh);
		return r;
	}
	return 0;
}

int
tb_sim_pty_open(struct tb_sim_pty *pty, const char *link)
{
	_cleanup_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_close_ int slave = -1;
	_cleanup_free_ char *copy = strdup(link);
	struct termios tio;
	char name[128];
	int r;

	if (!copy)
		return -ENOMEM;
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
		ptsname_r(master, name, sizeof(name)) != 0)
		return -errno;
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (slave < 0 || tcgetattr(slave, &tio) < 0)
		return -errno;
	cfmakeraw(&tio);
	if (tcsetattr(slave, TCSANOW, &tio) < 0)
		return -errno;
	r = make_link(name, link);
	if (r < 0)
		return r;
	*pty = (struct tb_sim_pty){
		.master = TAKE_FD(master), .slave = TAKE_FD(slave), .link = TAKE_PTR(copy)};
	return 0;
}

void
tb_sim_pty_close(struct tb_sim_pty *pty)
{
	if (pty->link)
		unlink(pty->link);
	free(pty->link);
	if (pty->slave >= 0)
		close(pty->slave);
	if (pty->master >= 0)
		close(pty->master);
	*pty = TB_SIM_PTY_INIT;
}
