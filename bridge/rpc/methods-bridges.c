/* SPDX-License-Identifier: MIT */
/*
 * What one bridge asks of another and no till of its bridge: the operations that are no methods of
 * the api (connector.h), for callers with a token. They are in no list and no page.
 */

#include <string.h>
#include "bridge/loyalty.h"
#include "bridge/rpc/methods.h"
#include "hw/scan.h"

#define PARAMS(...) \
	.params.fields = (const struct tb_field[]) \
	{ \
		__VA_ARGS__, \
		{ \
		} \
	}

static const struct tb_method methods[] = {
	{
		.name = "coupon.printed",
		.roles = TB_ROLE_TILL,
		.flags = TB_METHOD_CHANGES,
		.op = TB_OP_COUPON_PRINTED,
		.handler = tb_loyalty_method,
		PARAMS(TB_F_CODE("code", TB_REQUIRED, TB_CODE_MAX, "of the coupon")),
	},
	{
		.name = "coupon.unprinted",
		.roles = TB_ROLE_TILL,
		.op = TB_OP_COUPON_UNPRINTED,
		.handler = tb_loyalty_method,
		PARAMS(TB_F_TIME("since", TB_REQUIRED, "earned not before")),
	},
	{
		.name = "program.versions",
		.roles = TB_ROLE_TILL,
		.op = TB_OP_PROGRAM_VERSIONS,
		.handler = tb_loyalty_method,
		PARAMS(TB_F_INT("known", 0, 0, INT64_MAX, NULL, "version that is known already"),
			TB_F_INT("gone", 0, 0, INT64_MAX, NULL,
				"number of who is known to be gone already")),
	},
};

const struct tb_method *
tb_method_find_of_bridges(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}
