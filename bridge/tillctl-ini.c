/* SPDX-License-Identifier: MIT */
/* Lines of INI files, without any opinion about them. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl-ini.h"

#define BLANKS " \t\r\n\v\f"
#define SECTION_MAX 128

static char *
strip(char *text)
{
	size_t len;

	text += strspn(text, BLANKS);
	for (len = strlen(text); len > 0 && strchr(BLANKS, text[len - 1]); len--)
		text[len - 1] = '\0';
	return text;
}

/* A comment begins at the line's begin or behind a blank. */
static void
cut_comment(char *text)
{
	for (char *p = text; *p; p++)
		if (*p == ';' && p > text && strchr(BLANKS, p[-1])) {
			*p = '\0';
			return;
		}
}

static int
read_file(const char *path, tillctl_ini_fn fn, void *userdata)
{
	FILE *file = fopen(path, "re");
	struct tillctl_ini_line line = {.file = path};
	_cleanup_free_ char *text = NULL;
	char section[SECTION_MAX] = "";
	size_t size = 0;

	if (!file)
		return -errno;
	line.section = section;
	while (getline(&text, &size, file) >= 0) {
		char *at = strip(text), *sign;

		line.line++;
		if (!*at || *at == ';' || *at == '#')
			continue;
		if (*at == '[') {
			snprintf(section, sizeof(section), "%.*s", (int)strcspn(at + 1, "]"),
				at + 1);
			continue;
		}
		sign = strchr(at, '=');
		if (!sign)
			continue;
		*sign = '\0';
		cut_comment(sign + 1);
		line.key = strip(at);
		line.value = strip(sign + 1);
		fn(&line, userdata);
	}
	fclose(file);
	return 0;
}

static int
is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

int
tillctl_ini_read(
	const char *file, const char *dir, tillctl_ini_fn fn, void *userdata, char **ret_file)
{
	struct dirent **entries = NULL;
	char path[512];
	int n, r;

	*ret_file = NULL;
	snprintf(path, sizeof(path), "%s/tillbridge.conf", dir);
	r = read_file(file ? file : path, fn, userdata);
	if (r < 0 && (file || r != -ENOENT))
		*ret_file = strdup(file ? file : path);
	if (r == -ENOENT && !file)
		r = 0;
	if (r < 0 || file)
		return r;
	snprintf(path, sizeof(path), "%s/conf.d", dir);
	n = scandir(path, &entries, is_conf, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/conf.d/%s", dir, entries[i]->d_name);
		if (r == 0)
			r = read_file(path, fn, userdata);
		if (r < 0 && !*ret_file)
			*ret_file = strdup(path);
		free(entries[i]);
	}
	free(entries);
	return r;
}

const char *
tillctl_ini_device(const char *section)
{
	if (strncmp(section, "device", 6) != 0 || !strchr(BLANKS, section[6]) || !section[6])
		return NULL;
	return section + 6 + strspn(section + 6, BLANKS);
}
