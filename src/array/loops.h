/* SPDX-License-Identifier: MIT
 *
 * Loops (kernels/loop.h) over arrays of any strides.
 */
#ifndef TP_LOOPS_H
#define TP_LOOPS_H

#include "base/node.h"
#include "kernels/loop.h"

/* Runs loop over arrays of one shape; v[0] is the result. */
void tp__run_loop(tp__loop *loop, const tp__attr *attr, tp_var *const *v, int n);

/* Copies elements of any type into others of any type, of one shape. */
void tp__copy_elements(tp_var *to, tp_var *from);

#endif
