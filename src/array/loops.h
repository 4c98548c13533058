/* SPDX-License-Identifier: MIT
 *
 * Reference kernels run along one axis; tp__run_loop brings them over arrays of any strides. A loop
 * gets n elements, the address of the first in the result (at[0]) and in each operand, and the
 * distance in bytes from one to the next. Its meaning at an element does not depend on where the
 * element lies.
 *
 * float32 loops compute in double and round once.
 */
#ifndef TP_LOOPS_H
#define TP_LOOPS_H

#include "base/node.h"

enum { TP__MAX_OPERANDS = 4 };

typedef void tp__loop(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr);

/* Runs loop over arrays of one shape; v[0] is the result. */
void tp__run_loop(tp__loop *loop, const tp__attr *attr, tp_var *const *v, int n);

/* Makes loop, which runs over contiguous elements, convert from one type to another. */
void tp__cast_override(tp_dtype from, tp_dtype to, tp__loop *loop);

/* Copies n elements of item bytes that lie step bytes apart into consecutive places. */
void tp__copy_run(size_t item, int64_t n, int64_t step, const char *from, char *to);

/* Copies elements of any type into others of any type, of one shape. */
void tp__copy_elements(tp_var *to, tp_var *from);

/* Loops of one, two operands x, y … bound as Work from elements of type In. */
#define TP__LOOP1(name, Out, In, Work, expression)                                                 \
    static void name(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)        \
    {                                                                                              \
        (void)attr;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Work x = (Work) * (const In *)(at[1] + i * step[1]);                             \
            *(Out *)(at[0] + i * step[0]) = (Out)(expression);                                     \
        }                                                                                          \
    }

#define TP__LOOP2(name, Out, In, Work, expression)                                                 \
    static void name(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)        \
    {                                                                                              \
        (void)attr;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Work a = (Work) * (const In *)(at[1] + i * step[1]);                             \
            const Work b = (Work) * (const In *)(at[2] + i * step[2]);                             \
            *(Out *)(at[0] + i * step[0]) = (Out)(expression);                                     \
        }                                                                                          \
    }

#endif
