/* SPDX-License-Identifier: MIT
 *
 * Functions of one's own in tests: FORWARD(name) { … }, BACKWARD(name) { … }, and a record to put
 * them in.
 */
#ifndef TP_TEST_FUNCTIONS_H
#define TP_TEST_FUNCTIONS_H

#include "elements.h"

#define BACKWARD(name)                                                                             \
    static void name(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,        \
                     tp_var **gin)
#define FORWARD(name) static void name(void *ctx, tp_var *const *in, tp_var **out)
#define UNUSED (void)ctx, (void)in, (void)out

static inline tp_function function(int n_in, int n_out, unsigned reads)
{
    return (tp_function){
        .size = sizeof(tp_function), .name = "Mine", .n_in = n_in, .n_out = n_out, .reads = reads};
}

static inline tp_var *variable(int64_t n)
{
    return tp_variable(n ? counting(TP_F64, TP_SHAPE(n)) : tp_scalar(1));
}

#endif
