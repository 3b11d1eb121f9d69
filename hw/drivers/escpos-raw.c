/* SPDX-License-Identifier: MIT */
/*
 * Where the commands of a raw job end is not written anywhere: it is read from its bytes, and only
 * when the job breaks off or is stopped.
 */

#include "hw/drivers/escpos-printer.h"
#include "hw/escpos/interpret.h"

#define OPEN_MAX (64 * 1024) /* bytes that the longest command of a sane job still waits for */

static struct tb_interpret *
read_until(const struct tb_profile *profile, const uint8_t *bytes, size_t len)
{
	const struct tb_interpret_config config = {.profile = profile};
	struct tb_interpret *in = tb_interpret_new(&config, &(struct tb_interpret_ops){0}, NULL);

	if (in)
		tb_interpret_feed(in, bytes, len);
	return in;
}

size_t
tb_raw_boundary(const struct tb_profile *profile, const uint8_t *bytes, size_t len, size_t at)
{
	_cleanup_(tb_interpret_freep) struct tb_interpret *in = read_until(profile, bytes, at);

	if (!in)
		return len;
	while (at < len && !tb_interpret_at_rest(in))
		tb_interpret_feed(in, bytes + at++, 1);
	return at;
}

size_t
tb_raw_open(const struct tb_profile *profile, const uint8_t *bytes, size_t taken)
{
	_cleanup_(tb_interpret_freep) struct tb_interpret *in = read_until(profile, bytes, taken);
	size_t n = 0;

	while (in && n < OPEN_MAX && !tb_interpret_at_rest(in)) {
		tb_interpret_feed(in, "", 1);
		n++;
	}
	return n;
}
