/* SPDX-License-Identifier: MIT */
/*
 * The files of setup: one for each device below conf.d, so that one can be taken away again. One
 * that is there already is never written over without a yes; what the daemon does not take is taken
 * back.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bridge/tillctl-ini.h"
#include "bridge/tillctl-setup.h"

static void
on_line(const struct tillctl_ini_line *line, void *userdata)
{
	struct tillctl_setup *setup = userdata;
	const char *name = tillctl_ini_device(line->section);

	if (!name)
		return;
	if (!json_object_get(setup->known, name))
		json_object_set_new(setup->known, name, json_string(""));
	if (strcmp(line->key, "address") == 0)
		json_object_set_new(setup->known, name, json_string(line->value));
	if (strcmp(line->key, "default") == 0 && strcmp(line->value, "yes") == 0)
		setup->has_default = true;
}

int
tillctl_setup_known(struct tillctl_setup *setup)
{
	_cleanup_free_ char *file = NULL;
	int r = tillctl_ini_read(NULL, setup->dir, on_line, setup, &file);

	if (r < 0)
		fprintf(stderr, "%s: %s\n", file ? file : setup->dir, strerror(-r));
	return r;
}

/* A link that leads to the node and does not hang on its number. */
static bool
find_link(const char *node, char *out, size_t size)
{
	static const char *const dirs[] = {"/dev/serial/by-id", "/dev/serial/by-path",
		"/dev/input/by-id", "/dev/input/by-path"};
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && !found; i++) {
		DIR *dir = opendir(dirs[i]);
		struct dirent *entry;

		while (dir && !found && (entry = readdir(dir))) {
			char path[PATH_MAX], real[PATH_MAX];

			snprintf(path, sizeof(path), "%s/%s", dirs[i], entry->d_name);
			found = entry->d_name[0] != '.' && realpath(path, real) &&
			        strcmp(real, node) == 0;
			if (found)
				snprintf(out, size, "%s", path);
		}
		if (dir)
			closedir(dir);
	}
	return found;
}

void
tillctl_setup_address(const json_t *device, char *out, size_t size)
{
	const char *address = tillctl_string(device, "address"), *node = strchr(address, '/');
	const char *vid = tillctl_string(device, "vid"), *serial = tillctl_string(device, "serial");
	char link[PATH_MAX];

	if (node && find_link(node, link, sizeof(link)))
		snprintf(out, size, "%.*s%s", (int)(node - address), address, link);
	else if (*vid && *serial)
		snprintf(out, size, "usb:%s:%s:%s", vid, tillctl_string(device, "pid"), serial);
	else if (*tillctl_string(device, "port"))
		snprintf(out, size, "usb:@%s", tillctl_string(device, "port"));
	else
		snprintf(out, size, "%s", address);
}

static int
write_section(const char *path, const struct tillctl_section *section, bool over)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (over ? O_TRUNC : O_EXCL), 0644);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		return -errno;
	fprintf(file, "; written by tillctl setup\n[device %s]\ndriver = %s\naddress = %s\n",
		section->name, section->driver, section->address);
	if (section->profile[0])
		fprintf(file, "profile = %s\n", section->profile);
	if (section->is_default)
		fprintf(file, "default = yes\n");
	/* whatever the mask of root's shell is, the daemon's user reads it */
	if (fchmod(fd, 0644) < 0 || ferror(file)) {
		fclose(file);
		return -EIO;
	}
	return fclose(file) == EOF ? -errno : 0;
}

/* 0 when the daemon takes it; what is wrong it says itself on stderr. */
static int
check(const char *file)
{
	char path[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);
	int status = 0;
	pid_t child;

	path[TB_MAX(n, 0)] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, "tillbridged");
	if (access(path, X_OK) < 0)
		strcpy(path, "tillbridged");
	fflush(NULL);
	child = fork();
	if (child == 0) {
		if (file)
			execlp(path, "tillbridged", "--check-config", "-c", file, NULL);
		else
			execlp(path, "tillbridged", "--check-config", NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		fprintf(stderr,
			"tillbridged is not beside tillctl: nobody has checked the files\n");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EINVAL;
}

/* 1: written; 0: left as it was; negative errno. */
static int
write_one(struct tillctl_setup *setup, const struct tillctl_section *section, const char *path)
{
	char question[PATH_MAX + 64];
	int r = write_section(path, section, false);

	if (r == 0)
		return 1;
	if (r == -EEXIST && !setup->yes) {
		snprintf(question, sizeof(question), "%s is there already. Write over it?", path);
		r = tillctl_talk_yes(setup, question, false);
		if (r == 1) {
			r = write_section(path, section, true);
			return r < 0 ? r : 1;
		}
	}
	if (r == 0 || r == -EEXIST)
		fprintf(stderr, "%s is there already: left as it is\n", path);
	else
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
	return r == -EEXIST ? 0 : r;
}

static void
say_written(const struct tillctl_setup *setup, const json_t *written)
{
	const json_t *path;
	size_t i;

	if (setup->ctl->json) {
		_cleanup_json_ json_t *all = json_pack("{s:O}", "written", written);

		tillctl_print_json(all);
		return;
	}
	json_array_foreach(written, i, path)
		tillctl_say("written: %s\n", json_string_value(path));
	if (json_array_size(written) > 0)
		tillctl_say("The bridge takes them at its next start:\n"
			    "  sudo systemctl restart tillbridge\n"
			    "and then  tillctl doctor\n");
	else
		tillctl_say("nothing was written\n");
}

/* Only whole: another directory is checked a file at a time, since the daemon reads no other. */
static int
check_all(const struct tillctl_setup *setup, const json_t *written)
{
	const json_t *path;
	size_t i;
	int r = 0;

	if (strcmp(setup->dir, TILLCTL_CONF_DIR) == 0)
		return check(NULL);
	json_array_foreach(written, i, path)
		r = r < 0 ? r : check(json_string_value(path));
	return r;
}

int
tillctl_setup_write(struct tillctl_setup *setup)
{
	_cleanup_json_ json_t *written = json_array();
	const json_t *entry;
	char path[PATH_MAX];
	size_t i;
	int r = 0;

	snprintf(path, sizeof(path), "%s/conf.d", setup->dir);
	if (setup->n_sections > 0 && mkdir(path, 0755) < 0 && errno != EEXIST) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return TILLCTL_REFUSED;
	}
	for (i = 0; r >= 0 && i < setup->n_sections; i++) {
		snprintf(path, sizeof(path), "%s/conf.d/device-%s.conf", setup->dir,
			setup->sections[i].name);
		r = write_one(setup, &setup->sections[i], path);
		if (r > 0)
			json_array_append_new(written, json_string(path));
	}
	if (r >= 0 && json_array_size(written) > 0)
		r = check_all(setup, written);
	if (r < 0) {
		json_array_foreach(written, i, entry)
			unlink(json_string_value(entry));
		fprintf(stderr, "nothing was written\n");
		return TILLCTL_REFUSED;
	}
	say_written(setup, written);
	return TILLCTL_DONE;
}
