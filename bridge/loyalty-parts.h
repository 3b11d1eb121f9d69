/* SPDX-License-Identifier: MIT */
/*
 * What the files of the loyalty front share: loyalty.c loads the connector and hands calls on,
 * loyalty-link.c knows whether its server is there, loyalty-coupons.c prints what was earned.
 */
#pragma once

#include "base/list.h"
#include "bridge/loyalty.h"

/* Whether the server answers. */
struct tb_link {
	bool known; /* a call has been answered, or not, since the start */
	bool up;
	int64_t since_us; /* it is as it is */
	unsigned falls;   /* how often it went down */
	struct tb_source *probe;
	/* The server's clock less ours lies between these, as its answers tell. */
	int64_t skew_low_us, skew_high_us;
	uint64_t skew_since_us; /* 0: nothing is known */
};

#define TB_DOUBTS_MAX 64

struct tb_loyalty {
	struct tb_bridge *bridge;
	void *module;
	const struct tb_connector *connector;
	struct tb_connector_state *state;
	struct tb_host host;
	struct tb_source *turn_end, *queued_end;
	struct tb_list queued; /* struct own_call.node */
	bool inside;           /* the connector is running */
	unsigned n_changing;   /* calls of this turn that may change something */
	unsigned gathered;     /* turns that have been put together so far */
	struct tb_link link;
	unsigned n_asking;              /* calls of tills that the server has not answered */
	uint64_t asked_us;              /* when the last one began or ended */
	uint64_t doubts[TB_DOUBTS_MAX]; /* 0: none */
	size_t next_doubt;
};

/* Whether the connector answers from this machine. */
bool tb_loyalty_is_local(const struct tb_loyalty *loyalty);

/* loyalty-doubt.c */
/* Nobody knows whether the server has done it, or somebody does now. */
void tb_loyalty_doubt(struct tb_loyalty *loyalty, const struct tb_call *call, bool in_doubt);

/* loyalty-link.c */
int tb_loyalty_link_init(struct tb_loyalty *loyalty);
void tb_loyalty_link_done(struct tb_loyalty *loyalty);
/* A call was answered, or was not. */
void tb_loyalty_link_heard(struct tb_loyalty *loyalty, bool up);
/* struct tb_host's */
void tb_loyalty_link_changed(const struct tb_host *host, bool up);
void tb_loyalty_skew_measured(const struct tb_host *host, int64_t low_us, int64_t high_us);
