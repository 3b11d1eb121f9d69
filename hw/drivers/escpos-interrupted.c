/* SPDX-License-Identifier: MIT */
/*
 * A document that breaks off within a command leaves the printer waiting for the rest of it, and it
 * would eat the beginning of the next one. The device is closed by then, so what is missing is kept
 * here, by address, for as long as the process lives.
 */

#include <string.h>
#include "hw/drivers/escpos-printer.h"

#define INTERRUPTED_MAX 16

static struct {
	char *address; /* NULL: free */
	size_t missing;
} interrupted[INTERRUPTED_MAX];

static size_t
find(const char *address)
{
	for (size_t i = 0; i < INTERRUPTED_MAX; i++) {
		if (interrupted[i].address && strcmp(interrupted[i].address, address) == 0)
			return i;
	}
	return INTERRUPTED_MAX;
}

/* Best effort: without memory, or with too many printers, the next document begins with ESC @
 * alone. */
void
tb_interrupted_note(const char *address, size_t missing)
{
	size_t i = find(address);

	for (size_t j = 0; j < INTERRUPTED_MAX && i == INTERRUPTED_MAX; j++) {
		if (!interrupted[j].address)
			i = j;
	}
	if (i == INTERRUPTED_MAX)
		return;
	if (!interrupted[i].address)
		interrupted[i].address = strdup(address);
	interrupted[i].missing = missing;
}

bool
tb_interrupted_is(const char *address)
{
	return find(address) < INTERRUPTED_MAX;
}

bool
tb_interrupted_take(const char *address, size_t *ret_missing)
{
	size_t i = find(address);

	if (i == INTERRUPTED_MAX)
		return false;
	*ret_missing = interrupted[i].missing;
	free(interrupted[i].address);
	interrupted[i].address = NULL;
	return true;
}
