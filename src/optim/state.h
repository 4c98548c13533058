/* SPDX-License-Identifier: MIT
 *
 * Numbers of a state dict, by keys that are written as printf does.
 */
#ifndef TP_OPTIM_STATE_H
#define TP_OPTIM_STATE_H

#include "base/features.h"

#include "tinypytorch/io.h"

/* Nothing, or false, while an error is pending; a number that is missing is one. */
void tp__state_put(tp_state_dict *d, double value, const char *format, ...) TP_PRINTF(3, 4);
bool tp__state_take(const char *call, const tp_state_dict *d, double *value, const char *format,
                    ...) TP_PRINTF(4, 5);

/* The same for n numbers, as an array of float64. */
void tp__state_put_numbers(tp_state_dict *d, int64_t n, const double *values, const char *format,
                           ...) TP_PRINTF(4, 5);
bool tp__state_take_numbers(const char *call, const tp_state_dict *d, int64_t n, double *values,
                            const char *format, ...) TP_PRINTF(5, 6);

/* True if the text of this key is name, an error otherwise. */
bool tp__state_is(const char *call, const tp_state_dict *d, const char *key, const char *name);

/* d, or NULL if an error is pending; d is freed then. */
tp_state_dict *tp__state_end(tp_state_dict *d);

#endif
