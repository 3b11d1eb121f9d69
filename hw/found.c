/* SPDX-License-Identifier: MIT */
/* Whether a configured address means a node that is plugged in. It looks at no bus. */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "hw/enumerate.h"

#define LINKS_MAX 20

/* Takes "." and ".." out of a path that begins with a slash, in place. */
static void
make_straight(char *path)
{
	char *out = path;

	for (char *p = path; *p;) {
		size_t len = strcspn(p + 1, "/");

		if (len == 2 && !memcmp(p + 1, "..", 2)) {
			while (out > path && *--out != '/')
				;
		} else if (len > 0 && !(len == 1 && p[1] == '.')) {
			memmove(out, p, len + 1);
			out += len + 1;
		}
		p += len + 1;
	}
	*out = '\0';
}

/*
 * Whether a path is the node, by whatever links. They are followed a step at a time, since a
 * simulated node may itself be a link to something else.
 */
static bool
is_node(const struct tb_found *found, const char *path)
{
	char at[PATH_MAX], target[PATH_MAX], next[PATH_MAX];

	snprintf(at, sizeof(at), "%s", path);
	for (int i = 0; i < LINKS_MAX && at[0] == '/'; i++) {
		const char *slash;
		ssize_t n;

		make_straight(at);
		if (!strcmp(at, found->node))
			return true;
		n = readlink(at, target, sizeof(target) - 1);
		slash = strrchr(at, '/');
		if (n <= 0 || !slash)
			return false;
		target[n] = '\0';
		if (target[0] == '/')
			n = snprintf(next, sizeof(next), "%s", target);
		else
			n = snprintf(
				next, sizeof(next), "%.*s%s", (int)(slash - at + 1), at, target);
		if (n < 0 || n >= (ssize_t)sizeof(next))
			return false;
		memcpy(at, next, (size_t)n + 1);
	}
	return false;
}

bool
tb_found_matches(const struct tb_found *found, const char *address)
{
	const char *word = tb_node_kind_word(found->kind), *rest = strchr(address, ':');
	size_t len = rest ? (size_t)(rest - address) : 0;

	if (!rest)
		return false;
	rest++;
	if (strncmp(address, "usb:", 4))
		return len == strlen(word) && !memcmp(address, word, len) && is_node(found, rest);
	if (*rest == '@')
		return !strcmp(rest + 1, found->port);
	/* VID:PID, then perhaps the serial number, in which colons may stand */
	if (strlen(rest) < 9 || rest[4] != ':' || strncasecmp(rest, found->vid, 4) ||
		strncasecmp(rest + 5, found->pid, 4))
		return false;
	return rest[9] == '\0' ||
	       (rest[9] == ':' && found->serial && !strcmp(rest + 10, found->serial));
}

int
tb_port_compare(const char *a, const char *b)
{
	return strverscmp(a, b);
}
