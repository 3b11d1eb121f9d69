/* SPDX-License-Identifier: MIT */
/*
 * Plays seeds to a fuzz target without a fuzzer: each file of the folders that are named, whole and
 * cut short at every power of two. It finds nothing new; it keeps what was found once.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define SEED_MAX (4u << 20)

/* The target gets memory of exactly that length, so that the sanitizer sees a byte too far. */
static void
play(const char *data, size_t len)
{
	uint8_t *copy = calloc(len ? len : 1, 1);

	if (!copy)
		abort();
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static int
play_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *data = malloc(SEED_MAX);
	size_t len;

	if (!file || !data) {
		perror(path);
		exit(1);
	}
	len = fread(data, 1, SEED_MAX, file);
	fclose(file);
	for (size_t cut = 1; cut < len; cut *= 2)
		play(data, cut);
	play(data, len);
	free(data);
	return 1;
}

static int
play_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort), played = 0;

	if (n < 0) {
		perror(path);
		exit(1);
	}
	for (int i = 0; i < n; i++) {
		char *child = NULL;
		struct stat st;

		if (entries[i]->d_name[0] != '.' &&
			asprintf(&child, "%s/%s", path, entries[i]->d_name) > 0 &&
			stat(child, &st) == 0)
			played += S_ISDIR(st.st_mode) ? play_folder(child) : play_file(child);
		free(child);
		free(entries[i]);
	}
	free(entries);
	return played;
}

int
main(int argc, char *argv[])
{
	printf("1..%d\n", argc > 1 ? argc - 1 : 1);
	play("", 0);
	for (int i = 1; i < argc; i++)
		printf("ok %d - %d seeds\n", i, play_folder(argv[i]));
	if (argc < 2)
		printf("ok 1 - nothing at all\n");
	return 0;
}
