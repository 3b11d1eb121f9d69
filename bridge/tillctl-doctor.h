/* SPDX-License-Identifier: MIT */
/*
 * What doctor finds, and where it looks: doctor.c asks the bridge, doctor-conf.c reads its
 * configuration, doctor-machine.c looks at the machine around it.
 */
#pragma once

#include "bridge/tillctl.h"

enum tillctl_state {
	TILLCTL_WELL,
	TILLCTL_NOTE, /* worth knowing, nothing is wrong */
	TILLCTL_WRONG,
};

struct tillctl_doctor {
	struct tillctl *ctl;
	const char *config; /* one file, NULL: the usual place */
	const char *root;   /* the machine's root: "", or a folder it is looked at in */
	json_t *findings;
	unsigned wrong;

	json_t *devices; /* of device.list, NULL without a bridge */
	char *connector; /* of the bridge, "ledger" */
};

/*
 * One thing found about `about` (a device, a file; NULL: nothing special). cure is what to do about
 * it, NULL for none. Told at once, or kept for --json.
 */
void tillctl_find(struct tillctl_doctor *doctor, enum tillctl_state state, const char *check,
	const char *about, const char *cure, const char *format, ...) TB_PRINTF(6, 7);

void tillctl_doctor_conf(struct tillctl_doctor *doctor);
void tillctl_doctor_machine(struct tillctl_doctor *doctor);

/* The names in a folder below the root, sorted; an array, empty when there is none. */
json_t *tillctl_list(const struct tillctl_doctor *doctor, const char *path);
