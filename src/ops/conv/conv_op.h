/* SPDX-License-Identifier: MIT */
#ifndef TP_CONV_OP_H
#define TP_CONV_OP_H

#include "graph/op.h"
#include "kernels/conv.h"

/* How y, x and w belong together; size is that of the result's spatial axes. */
typedef struct tp__conv_attr {
    int ndim; /* spatial axes */
    int64_t groups;
    int64_t stride[TP__CONV_AXES], padding[TP__CONV_AXES], dilation[TP__CONV_AXES];
    int64_t size[TP__CONV_AXES];
} tp__conv_attr;

/* (x, w) → y and (y, w) → x, in the words of kernels/conv.h; (x, w, bias) → y. */
extern const tp__op tp__conv_op, tp__conv_transpose_op, tp__conv_bias_op;

/* Applies op to its two or three operands. */
tp_var *tp__conv_apply(const tp__op *op, tp_var *const *in, const tp__conv_attr *attr);

/* y with bias, one for each channel, added. */
tp_var *tp__conv_add_bias(tp_var *y, tp_var *bias);

#endif
