/* SPDX-License-Identifier: MIT */
/* Where modules lie, and how they are opened and closed. */

#include "bridge/modules.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include "base/why.h"

/* Installed modules lie side by side, those of a build tree each in its room's folder. */
static int
find(const char *name, char **ret, char **ret_why)
{
	static const char *const patterns[] = {"%1$s/%2$s.so", "%1$s/plugins/loyalty/%2$s/%2$s.so",
		"%1$s/bridge/%2$s/%2$s.so", "%1$s/hw/%2$s.so", "%1$s/%2$s/%2$s.so"};
	const char *dir = getenv("TILLBRIDGE_MODULE_DIR");

	dir = dir && dir[0] ? dir : TB_MODULE_DIR;
	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, patterns[i], dir, name) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (access(path, F_OK) == 0) {
			*ret = TAKE_PTR(path);
			return 0;
		}
	}
	return tb_why(-ENOENT, ret_why,
		"%s: there is no module for it in %s: install the package that has it", name, dir);
}

int
tb_module_open(const char *name, const char *symbol, void **ret_handle, const void **ret_symbol,
	char **ret_why)
{
	_cleanup_free_ char *path = NULL;
	const void *found;
	void *handle;
	int r = find(name, &path, ret_why);

	if (r < 0)
		return r;
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return tb_why(-ELIBBAD, ret_why,
			"%s does not load (%s): install all from one package", name, dlerror());
	found = dlsym(handle, symbol);
	if (!found) {
		dlclose(handle);
		return tb_why(-ELIBBAD, ret_why,
			"%s is no module of this version: install all from one package", path);
	}
	*ret_handle = handle;
	*ret_symbol = found;
	return 0;
}

void
tb_module_close(void *handle)
{
	/* The module stays mapped where a sanitizer still wants its names. */
#ifndef __SANITIZE_ADDRESS__
	if (handle)
		dlclose(handle);
#endif
}
