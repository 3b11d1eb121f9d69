/* SPDX-License-Identifier: MIT */
/*
 * The tables of the SQLite store as numbered steps, forward only. Step n brings a database from
 * user_version n to n + 1; a step that has once been released is never changed.
 */
#pragma once

#include <stddef.h>

#define TB_SCHEMA_APPLICATION_ID 0x54424c44 /* "TBLD" */

extern const char *const tb_schema_steps[];
extern const size_t tb_schema_version;
