/* SPDX-License-Identifier: MIT
 * One line to the log that tp_set_log chose, stderr by default. */
#ifndef TP_LOG_H
#define TP_LOG_H

#include "tinypytorch/error.h"

void tp__log(const char *format, ...) TP_PRINTF(1, 2);

#endif
