/* SPDX-License-Identifier: MIT
 *
 * Finding where the first NaN or infinity comes from.
 *
 *     tp_set_anomaly(true);      or TP_ANOMALY=1 in the environment, for every thread
 *
 * From here on this thread looks at every result: an operation that makes a NaN, or an infinity
 * from finite operands, is an error (TP_ERROR_ANOMALY), and so is a gradient rule that does:
 *
 *     log: its result (3,) has -inf at element 2; operand x (3,), finite; in scope layer1; called
 *     at train.c:42
 *     backward: the gradient rule of sqrt gives its operand x (2,) inf at element 0; in scope
 *     layer1; recorded at train.c:57
 *
 * The error is the thread's first, so all that follows is poison and no gradient is stored. Lines
 * need a program compiled with -g and addr2line at hand (binutils; Linux with glibc); without them
 * the place is a symbol and an offset, or missing. An infinity that only passes through, such as a
 * mask's, is no anomaly; one in a gradient always is.
 *
 * Data, edits in place and steps of optimisers are not looked at: a NaN that they bring is reported
 * by the first operation that reads it, and the message says that its operand came "with nan".
 *
 * Everything is computed when it is called and read once more, and every recorded operation keeps
 * its place: some microseconds each. Off, it costs nothing measurable.
 */
#ifndef TINYPYTORCH_ANOMALY_H
#define TINYPYTORCH_ANOMALY_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Turns it on or off for this thread and returns the old mode. */
TP_API bool tp_set_anomaly(bool enabled);
TP_API bool tp_is_anomaly_enabled(void);

#ifdef __cplusplus
}
#endif

#endif
