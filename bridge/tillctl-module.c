/* SPDX-License-Identifier: MIT */
/*
 * The parts of tillctl that are heavy (codecs, pictures) and so are in memory only for the command
 * that needs them: installed beside the daemon's modules, or in the build tree this program stands
 * in.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl.h"

/* DIR/NAME.so as installed, or DIR/hw/ROOM/NAME.so of a build tree. */
static void *
open_in(const char *dir, const char *room, const char *name)
{
	_cleanup_free_ char *installed = NULL, *built = NULL;

	if (asprintf(&installed, "%s/%s.so", dir, name) < 0)
		installed = NULL;
	if (asprintf(&built, "%s/hw/%s/%s.so", dir, room, name) < 0)
		built = NULL;
	if (installed && access(installed, F_OK) == 0)
		return dlopen(installed, RTLD_NOW | RTLD_LOCAL);
	if (built && access(built, F_OK) == 0)
		return dlopen(built, RTLD_NOW | RTLD_LOCAL);
	return NULL;
}

/* The folder above this program's. */
static bool
build_dir(char out[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	if (n <= 0)
		return false;
	out[n] = '\0';
	for (int i = 0; i < 2; i++) {
		slash = strrchr(out, '/');
		if (!slash)
			return false;
		*slash = '\0';
	}
	return true;
}

const void *
tillctl_module(const char *room, const char *name, const char *symbol)
{
	const char *dir = getenv("TILLBRIDGE_MODULE_DIR"), *why;
	char beside[PATH_MAX];
	const void *found;
	void *handle = open_in(dir && *dir ? dir : TB_MODULE_DIR, room, name);

	if (!handle && build_dir(beside))
		handle = open_in(beside, room, name);
	found = handle ? dlsym(handle, symbol) : NULL;
	if (!found) {
		why = dlerror();
		fprintf(stderr, "the module %s cannot be used (%s): install all from one package\n",
			name, why ? why : "it is not there");
	}
	return found;
}
