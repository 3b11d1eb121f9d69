/* SPDX-License-Identifier: MIT */
/* Whether a configured address means a node that is plugged in. It looks at no bus. */

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "hw/enumerate.h"

/* Whether a path leads to the same node, by whatever link. */
static bool
is_node(const struct tb_found *found, const char *path)
{
	struct stat here, there;

	return !strcmp(path, found->node) ||
	       (stat(path, &here) == 0 && stat(found->node, &there) == 0 && S_ISCHR(here.st_mode) &&
		       here.st_rdev == there.st_rdev);
}

bool
tb_found_matches(const struct tb_found *found, const char *address)
{
	const char *word = tb_node_kind_word(found->kind), *rest = strchr(address, ':');
	size_t len = rest ? (size_t)(rest - address) : 0;

	if (!rest)
		return false;
	rest++;
	if (len == strlen(word) && !memcmp(address, word, len))
		return is_node(found, rest);
	if (strncmp(address, "usb:", 4))
		return false;
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
