/* SPDX-License-Identifier: MIT
 *
 * What operations need of arrays: checks of what a caller passed (shape.c, within.c), shapes and
 * strides, copies and views (shape.c, create.c), elements that wait (deferred.c), edits in place
 * (inplace.c), and whether a value may be read or differentiated (read.c, shape.c).
 *
 * A function that returns a value "with one reference" gives it to its caller, who drops it; one
 * that returns a value "in the current scope" gives it to the scope.
 */
#ifndef TP_ARRAY_H
#define TP_ARRAY_H

#include "array/loops.h"
#include "base/node.h"
#include "base/scope.h"

/* Copies a caller's option struct, which begins with its size, over ours of so many bytes, which
 * holds the defaults. The caller's may be smaller or larger, since it was compiled with another
 * version of the library and structs grow at their end. NULL changes nothing. False, with an error,
 * if the size was not set: it is 0 or no struct's. */
bool tp__take_options(const char *call, void *options, size_t bytes, const void *given);

/* The axes of v that are meant, as bits. A number may be reduced over axis 0, as in PyTorch. False,
 * with an error, if there is no such axis or one is named twice. */
bool tp__take_axes(const char *call, const tp_axes *axes, const tp_var *v, unsigned *mask);

/* A size for each of ndim axes, from an option that gives one for all or one for each. False, with
 * an error that names the option, if there are more or fewer, or one is below `least`. */
bool tp__take_sizes(const char *call, const char *what, const tp_sizes *given, int ndim,
                    int64_t least, int64_t *to);

/* True if from ≤ value ≤ to, which NaN never is; otherwise an error that names call and what. The
 * second checks all elements of v, which are computed if they wait. */
bool tp__check_within(const char *call, const char *what, double value, double from, double to);
bool tp__check_elements(const char *call, const char *what, tp_var *v, double from, double to);

/* True, or an error in call's name: ndim within bounds, no negative size. */
bool tp__check_shape(const char *call, int ndim, const int64_t *shape);

/* The number of an axis among ndim; a negative one counts from the end. -1, with an error in call's
 * name that shows v's shape, if there is no such axis. */
int tp__check_axis(const char *call, int64_t axis, const tp_var *v, int ndim);

/* The error "call: what has shape (2, 3), expected …"; returns poison. */
tp_var *tp__refuse_shape(const char *call, const char *what, const tp_var *v, const char *expected,
                         ...) TP_PRINTF(4, 5);

/* Records why operand i of n (up to 1: the only one) cannot be used, and returns false; true if it
 * is watched by the debug mode (base/debug.h), which has nothing against it. */
bool tp__refuse_operand(const char *call, const tp_var *v, int i, int n);

/* True if v is there, no poison, and has so many dimensions; no error is recorded. */
bool tp__has_axes(const tp_var *v, int ndim);

/* tp__refuse_operand of an operand that messages call `which`. */
bool tp__refuse_named(const char *call, const char *which, const tp_var *v);

/* True if v can be used: it is not NULL, no poison, and nothing that the debug mode objects to.
 * False, with an error that calls it `which`. */
TP_INLINE bool tp__check_named(const char *call, const char *which, const tp_var *v)
{
    return TP_LIKELY(v && !(v->flags & (TP__POISON | TP__WATCHED))) ||
           (tp__refuse_named(call, which, v) && v);
}

/* The same of a caller's only operand. */
TP_INLINE bool tp__check_operand(const char *call, const tp_var *v)
{
    return tp__check_named(call, "the value", v);
}

/* The same of operand i of n in a list. */
TP_INLINE bool tp__check_operand_of(const char *call, const tp_var *v, int i, int n)
{
    return TP_LIKELY(v && !(v->flags & (TP__POISON | TP__WATCHED))) ||
           (tp__refuse_operand(call, v, i, n) && v);
}

/* Checks, after TP__CALL, the operands of a function that calls other public ones. What is wrong
 * with one is told by the name that it has here, not by what it is to the operations inside.
 * Optional ones may be NULL. It does not return: the operations inside refuse such an operand too.
 */
#define TP__OPERANDS(...) TP__CHECK_AMONG(false, __VA_ARGS__)
#define TP__OPTIONAL(...) TP__CHECK_AMONG(true, __VA_ARGS__)
#define TP__CHECK_AMONG(optional, ...)                                                             \
    do {                                                                                           \
        const tp_var *const in_[] = {__VA_ARGS__};                                                 \
        tp__check_among(#__VA_ARGS__, in_, (int)(sizeof in_ / sizeof *in_), optional);             \
    } while (0)

void tp__refuse_among(const char *names, int i, const tp_var *v);

TP_INLINE void tp__check_among(const char *names, const tp_var *const *in, int n, bool optional)
{
    for (int i = 0; i < n; i++)
        if (TP_UNLIKELY(in[i] ? in[i]->flags & (TP__POISON | TP__WATCHED) : !optional))
            tp__refuse_among(names, i, in[i]);
}

/* Broadcasts shape b into shape a of *ndim sizes, for whose growth there is room; false if they do
 * not fit. */
bool tp__broadcast_shape(int *ndim, int64_t *shape, int b_ndim, const int64_t *b_shape);

TP_INLINE bool tp__same_shape(const tp_var *v, int ndim, const int64_t *shape)
{
    bool same = v->ndim == ndim;
    for (int i = 0; i < ndim && same; i++)
        same = tp__shape(v)[i] == shape[i];
    return same;
}

/* Row-major strides of a shape. */
void tp__contiguous_strides(int ndim, const int64_t *shape, int64_t *strides);

/* Strides that show v's elements in another shape of the same size; false if none do. */
bool tp__reshape_strides(const tp_var *v, int ndim, const int64_t *shape, int64_t *strides);

/* Strides that show v in a shape of ndim axes that it broadcasts to, 0 along repeated axes. */
void tp__broadcast_strides(const tp_var *v, int ndim, int64_t *strides);

/* An unrecorded contiguous copy of v's elements as dtype, with one reference; NULL when out of
 * memory. */
tp_var *tp__copy_as(tp__thread *t, tp_var *v, tp_dtype dtype);

/* A constant in the current scope with unset elements; poison when out of memory. */
tp_var *tp__empty(tp_dtype dtype, int ndim, const int64_t *shape);

/* v with its elements ready to be read in row-major order: v itself or an unrecorded copy in the
 * current scope. Poison on error. */
tp_var *tp__plain(tp_var *v);

/* A constant with v's elements that nobody else holds or sees: v itself, with one more reference,
 * if its only reference is the caller's; otherwise a copy. NULL when out of memory. */
tp_var *tp__sole(tp__thread *t, tp_var *v);

/* A constant of v's shape that shares its elements, which may go on waiting, with one reference. */
tp_var *tp__alias(tp__thread *t, tp_var *v);

/* An unrecorded view of v's elements in a shape it broadcasts to, with one reference. */
tp_var *tp__broadcast_view(tp__thread *t, tp_var *v, int ndim, const int64_t *shape);

/* Computes deferred elements, or makes dropped ones again. False, with an error, when memory runs
 * out or they are lost. */
bool tp__evaluate_deferred(tp_var *v);

/* Makes v->data valid: whoever reads elements calls this first. False, with an error, in the same
 * cases. */
TP_INLINE bool tp__evaluate(tp_var *v)
{
    return TP_LIKELY(v->data != NULL) || tp__evaluate_deferred(v);
}

/* The same for n values, which are computed together. */
bool tp__evaluate_all(tp_var *const *v, int n);

/* Computes all that waits in the thread. False, with an error, when out of memory. */
bool tp__evaluate_waiting(tp__thread *t);

/* Makes target's elements ready to be overwritten: results that wait, and read them, get the old
 * ones all the same. target's data may move. False, with an error, when out of memory. */
bool tp__edit(tp_var *target);

/* target ← target + value, both evaluated, of the same shape and floating type, on numbers alone:
 * nothing is recorded. Cannot fail. */
void tp__accumulate(tp_var *target, tp_var *value);

/* True if v, which is floating, has a NaN. False, with an error, when out of memory. */
bool tp__has_nan(tp_var *v);

/* What tp_data gives, for use inside the library, where NULL is looked for: tp_data writes a line
 * to the log then, in case the program does not. */
const void *tp__elements(tp_var *v);

/* True if this call may take numbers out of v. False, with an error, in a user's backward that is
 * being recorded: what is computed from bare numbers has lost what it depends on. */
bool tp__may_read(const char *call, const tp_var *v);

/* True unless y's derivative is lost because y was computed while recording was off. */
bool tp__may_differentiate(const char *call, const tp_var *y);

/* True if y's derivative for x can be asked for: both are values, y's derivative is not lost, and x
 * is no constant. False if an error was pending, too. */
bool tp__check_derivative(const char *call, const tp_var *y, const tp_var *x);

/* True if v has like's type and shape; otherwise an error that names v by `what`, like by `whose`.
 */
bool tp__check_like(const char *call, const char *what, const tp_var *v, const char *whose,
                    const tp_var *like);

/* Marks target's elements as edited. */
void tp__edited(tp_var *target);

/* " (x)" when v has a name, else "": for messages. */
const char *tp__name_text(char text[64], const tp_var *v);

#endif
