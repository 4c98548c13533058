/* SPDX-License-Identifier: MIT
 *
 * Loops over elements. A loop gets n elements, the address of the first in the result (at[0]) and
 * in each operand, and the distance in bytes from one to the next. Its meaning at an element does
 * not depend on where the element lies.
 *
 * float32 loops compute in double and round once.
 */
#ifndef TP_LOOP_H
#define TP_LOOP_H

#include "base/features.h"

#include <stddef.h>

#include <stdbool.h>

#include "base/attr.h"

enum { TP__MAX_OPERANDS = 4 };

typedef void tp__loop(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr);

/* Copies n elements of item bytes, a power of two up to 8, that lie step bytes apart into places
 * that lie to_step bytes apart; tp__copy_run into consecutive ones. */
void tp__copy_steps(size_t item, int64_t n, int64_t step, const char *from, int64_t to_step,
                    char *to);
void tp__copy_run(size_t item, int64_t n, int64_t step, const char *from, char *to);

/* Copies each of n elements that lie step bytes apart so many times, into consecutive places. */
void tp__copy_spread(size_t item, int64_t n, int64_t step, const char *from, int64_t times,
                     char *to);

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

/* Writes rows of so many columns, to_step bytes apart, from columns whose elements lie one after
 * the other, from_step bytes apart. False, with nothing done, for items that are not 4 or 8 bytes.
 */
bool tp__copy_turned(size_t item, int64_t rows, int64_t columns, const char *from,
                     int64_t from_step, char *to, int64_t to_step);

#endif
