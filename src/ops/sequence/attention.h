/* SPDX-License-Identifier: MIT
 *
 * Attention as an operation, for the functions that call it with heads here and there.
 */
#ifndef TP_SEQUENCE_ATTENTION_H
#define TP_SEQUENCE_ATTENTION_H

#include "graph/op.h"
#include "kernels/attention.h"
#include "tinypytorch/sequence.h"

enum { TP__ATTENTION_OPERANDS = 5 };

typedef struct tp__attention {
    double scale;
    bool causal;
    bool beside; /* heads lie side by side: (…, L, heads, E) */
    int64_t offset;
    tp__attend_drop drop;
} tp__attention;

/* What the options say, for heads that do not lie side by side. */
tp__attention tp__attention_of(const tp_attention_options *o);

/* Ours of a caller's options. False, with an error. */
bool tp__attention_options(const char *call, tp_attention_options *options,
                           const tp_attention_options *given);

/* True if q, k and v can be used and have as many axes as that. */
bool tp__attention_check(const char *call, tp_var *const *in, int least);

/* The error that two operands' shapes do not fit; false. */
bool tp__attention_fails(const char *call, const tp_var *a, const char *a_name, const tp_var *b,
                         const char *b_name, const char *why);

/* Attention of in: q, k, v, and room for what the operation has besides. The mask may be NULL. */
tp_var *tp__attention_apply(const char *call, const tp__attention *given, tp_var **in,
                            tp_var *mask);

/* The same of (…, H, L, E) by (…, G, S, E): each head of k and v for H / G neighbours of q. */
tp_var *tp__attention_grouped(const char *call, const tp__attention *attr, tp_var **in,
                              tp_var *mask);

extern const tp__op tp__multi_head_op;

#endif
