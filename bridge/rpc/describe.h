/* SPDX-License-Identifier: MIT */
/* Which shapes a table of fields leads to: for who writes the tables out. */
#pragma once

#include "bridge/rpc/methods.h"

#define TB_SHAPES_MAX 64

struct tb_shape_set {
	const struct tb_shape *shapes[TB_SHAPES_MAX];
	size_t n;
};

/* Adds the named shapes that these parameters are made of, inner ones too, each once. */
void tb_shape_set_add(struct tb_shape_set *set, const struct tb_shape *shape);
