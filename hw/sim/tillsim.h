/* SPDX-License-Identifier: MIT */
/* The parts of the program tillsim: one function a kind of device, with the arguments behind it. */
#pragma once

#include "base/macros.h"

#define TB_SIM_OK 0
#define TB_SIM_FAILED 1
#define TB_SIM_USAGE 2

/* argv[0] is the command's own name. They return the exit code. */
int tb_sim_render(int argc, char **argv);
int tb_sim_printer(int argc, char **argv);
int tb_sim_scanner(int argc, char **argv);
int tb_sim_wedge(int argc, char **argv);

/* Says on stderr what is wrong with the arguments; returns TB_SIM_USAGE. */
int tb_sim_usage(const char *format, ...) TB_PRINTF(1, 2);
