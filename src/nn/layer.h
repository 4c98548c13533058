/* SPDX-License-Identifier: MIT
 *
 * What layers share: parameters with initial values, and modules that are one call.
 */
#ifndef TP_LAYER_H
#define TP_LAYER_H

#include "nn/module.h"

/* Adds a parameter of this shape, uniform within ±bound, or constant. False, with an error, without
 * memory, or if a size is not above 0. */
bool tp__layer_uniform(tp_module *m, const char *name, tp_dtype dtype, int ndim,
                       const int64_t *shape, double bound);
bool tp__layer_filled(tp_module *m, const char *name, tp_dtype dtype, int ndim,
                      const int64_t *shape, double value);

/* A place for a parameter that is not there. */
bool tp__layer_without(tp_module *m, const char *name);

/* True, or an error in call's name: value is from 1 to 2⁴⁰, so that some times it is a number. */
bool tp__layer_count(const char *call, const char *what, int64_t value);

/* True, or an error in call's name: a floating type. */
bool tp__layer_dtype(const char *call, tp_dtype dtype);

/* m if good, otherwise NULL, and m is freed. */
tp_module *tp__layer_done(tp_module *m, bool good);

#endif
