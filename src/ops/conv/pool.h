/* SPDX-License-Identifier: MIT
 *
 * Windows of pooling (kernels/pool.h): over the last `ndim` axes of an array, whose others are
 * planes.
 */
#ifndef TP_OPS_POOL_H
#define TP_OPS_POOL_H

#include "graph/op.h"
#include "kernels/pool.h"
#include "tinypytorch/conv.h"

typedef struct tp__pool_attr {
    int ndim;
    bool padding_counts; /* averages divide by what padding adds, too */
    double divisor;      /* of averages; TP_AUTO: how many elements there are */
    /* A kernel of 0: windows that share the axis out as evenly as possible. */
    int64_t kernel[TP__POOL_AXES], stride[TP__POOL_AXES], padding[TP__POOL_AXES],
        dilation[TP__POOL_AXES];
    int64_t whole[TP__POOL_AXES], size[TP__POOL_AXES]; /* of the elements, and of the windows */
} tp__pool_attr;

/* The windows of each plane of v. False, with an error, when out of memory. */
bool tp__pool_begin(tp__pool *pool, const tp__pool_attr *attr, const tp_var *v);
void tp__pool_end(tp__pool *pool);

/* The record's attribute: a copy of attr, freed by tp__apply. */
tp_var *tp__pool_apply(const tp__op *op, tp_var *const *in, int n, const tp__pool_attr *attr);

/* Shapes of operand 0 with a result for each window, and for each element. */
bool tp__pool_infer(tp__call *call);
bool tp__pool_infer_back(tp__call *call);

/* Checks a call's operand, kernel and options and fills in attr; NULL options are the defaults. */
bool tp__pool_check(const char *name, int ndim, const tp_var *x, int n_kernel,
                    const int64_t *kernel, const tp_pool_options *options, tp__pool_attr *attr);

/* The same for windows that give a result of this size. */
bool tp__pool_check_adaptive(const char *name, int ndim, const tp_var *x, int n_size,
                             const int64_t *size, tp__pool_attr *attr);

/* --- What records compute, by their names --- */

bool tp__max_pool(tp__call *call);
bool tp__max_pool_indices(tp__call *call);
bool tp__pool_take(tp__call *call);
bool tp__pool_put(tp__call *call);
bool tp__avg_pool(tp__call *call);
bool tp__avg_pool_back(tp__call *call);

/* max_pool's gradient for x, without a record. Poison on error. */
tp_var *tp__max_pool_spread(tp_var *x, tp_var *g, const tp__pool_attr *attr);

#endif
