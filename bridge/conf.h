/* SPDX-License-Identifier: MIT */
/*
 * What the configuration says: INI, one table row a key. Read once at the start; everything is
 * checked here, so that no part meets a bad value later. What a value does is the parts' business.
 */
#pragma once

#include "base/buf.h"
#include "bridge/bridge.h"
#include "bridge/counter.h"
#include "hw/driver.h"

/* `customer = 2912*`: * and ? stand for any run and any one character. */
struct tb_conf_range {
	enum tb_code_kind kind;
	char *pattern;
};

/* One word of a line of [access]: who has the role. */
struct tb_conf_access {
	uint32_t role; /* enum tb_role */
	bool group;
	char *name;
};

/* [device NAME]. */
struct tb_conf_device {
	struct tb_device_config config; /* syspath NULL */
	const struct tb_driver *driver;
};

/* A key as it stands in the files; only for sections that belong to a connector or a door. */
struct tb_conf_value {
	const char *section, *key;
	char *text;
};

struct tb_conf {
	/* [bridge]; never NULL */
	const char *site, *till, *currency, *language, *product_reference, *country;
	/* [loyalty] */
	const char *connector;
	uint64_t deadline_us;

	struct tb_conf_range *ranges; /* [codes], in their order */
	size_t n_ranges;
	struct tb_conf_access *access; /* [access] */
	size_t n_access;
	bool has_access; /* the section stands there, be it empty */
	struct tb_conf_device *devices;
	size_t n_devices;
	struct tb_conf_value *values;
	size_t n_values;
};

/* The configuration of a machine that has none. */
int tb_conf_new(struct tb_conf **ret);
void tb_conf_free(struct tb_conf *conf);
TB_DEFINE_CLEANUP(struct tb_conf *, tb_conf_free);

/*
 * Reads `file` alone, or with NULL `dir`/tillbridge.conf and then `dir`/conf.d/ *.conf in the order
 * of their names, all of which may be missing. Each thing wrong is a line "FILE:LINE: what, and
 * what was expected" in problems. 0, -EINVAL with problems, -ENOMEM.
 */
int tb_conf_load(const char *file, const char *dir, struct tb_conf **ret, struct tb_buf *problems);

/* The value of a key, its default, or NULL when it is neither set nor has one. */
const char *tb_conf_get(const struct tb_conf *conf, const char *section, const char *key);
