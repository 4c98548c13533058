/* SPDX-License-Identifier: MIT
 *
 * Making, reading and editing arrays.
 *
 * A *variable* (tp_variable) is a differentiable leaf: what depends on it is recorded. All other
 * arrays are constants. A plain number is *weak*: beside an array it takes that array's element
 * type, as in PyTorch; two weak numbers give float64.
 *
 * Shapes are given as two arguments, the number of dimensions and their sizes, for which
 * TP_SHAPE(2, 3) stands. Sizes may be 0. Elements are row-major.
 *
 * In-place operations end in _ . They assign numbers and are never recorded. Their target is a
 * leaf or a constant; a value that an operation made on the way from a variable cannot be edited.
 * An operation whose gradient needs a value that was edited since gives an error, never a wrong
 * number.
 */
#ifndef TINYPYTORCH_ARRAY_H
#define TINYPYTORCH_ARRAY_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Making --- */

/* A differentiable leaf with a copy of value's elements. A plain number gives a float64 one.
 * Only floating types can be differentiated: others are an error. */
TP_API tp_var *tp_variable(tp_var *value);

/* A weak number. In C every operand of an operation may be a plain number, of any arithmetic type
 * (sugar.h, operands.h): tp_mul(2, x), tp_exp(1). */
TP_API tp_var *tp_num(double value);
TP_API tp_var *tp_num_int(int64_t value);

/* A 0-d float64 constant. It is not weak: with a float32 number it gives float64. */
TP_API tp_var *tp_scalar(double value);

/* A constant with a copy of row-major data, which holds one dtype element for each place. */
TP_API tp_var *tp_array(tp_dtype dtype, int ndim, const int64_t *shape, const void *data);

/* Constants: zeros, ones, value everywhere, the identity matrix (n, n). A value that is not a
 * number of an integer type (300 of uint8, 0.5) is an error. */
TP_API tp_var *tp_zeros(tp_dtype dtype, int ndim, const int64_t *shape);
TP_API tp_var *tp_ones(tp_dtype dtype, int ndim, const int64_t *shape);
TP_API tp_var *tp_full(tp_dtype dtype, int ndim, const int64_t *shape, double value);
TP_API tp_var *tp_eye(tp_dtype dtype, int64_t n);

/* The same of v's shape and element type. */
TP_API tp_var *tp_zeros_like(tp_var *v);
TP_API tp_var *tp_ones_like(tp_var *v);
TP_API tp_var *tp_full_like(tp_var *v, double value);

/* start, start + step, … : ceil((stop − start) / step) elements start + i step, none if that is
 * negative. As NumPy's and PyTorch's the last one may reach stop where step is no binary fraction:
 * 1 to 1.3 by 0.1 are four. int64 ones of whole numbers are exact. Errors: a step of 0 or NaN, more
 * than 2⁵³ elements, numbers that an integer type does not hold. */
TP_API tp_var *tp_arange(tp_dtype dtype, double start, double stop, double step);

/* n evenly spaced values from start to stop, both finite and included. (n) One value is start. */
TP_API tp_var *tp_linspace(tp_dtype dtype, double start, double stop, int64_t n);

/* Wraps memory without a copy; data is aligned for the type. strides are in elements (NULL:
 * row-major) and may be negative or zero. The memory must hold every element reached and stay valid
 * until release(arg) is called, when nothing uses it any more; on an error release is called at
 * once. release may be NULL. */
TP_API tp_var *tp_from_memory(tp_dtype dtype, int ndim, const int64_t *shape,
                              const int64_t *strides, void *data, void (*release)(void *arg),
                              void *arg);

/* Makes the leaf or constant v a variable (true) or a constant again (false), in place and without
 * a copy, and returns it. So memory of the caller's becomes a parameter that optimisers step where
 * it lies:
 *
 *     tp_var *w = tp_from_memory(TP_F32, TP_SHAPE(n), NULL, data, NULL, NULL);
 *     tp_requires_grad_(w, true);
 *
 * The gradient is a buffer of its own. A plain number becomes a float64 variable. What shares v's
 * elements (tp_detach, views of a constant) stays what it is; edits of either are seen by both.
 * Writing to the memory oneself between a recorded operation and its sweep is not noticed: tp_data_
 * counts as an edit. What `false` leaves in place is the gradient that was stored. Errors: a result
 * of a recorded operation, also a view of a variable; true for integer types; a value that is
 * shared between threads, or that a recorded graph still uses as it was. */
TP_API tp_var *tp_requires_grad_(tp_var *v, bool requires_grad);

/* The same elements as another type, recorded and differentiable between floating types.
 * Floating to integer truncates; to uint8 and int32 wraps modulo 2⁸ and 2³²; to bool everything but
 * 0 is 1; NaN and what int64 cannot hold are INT64_MIN, 0 in the smaller integers; float16 and
 * bfloat16 round to nearest, ties to even. Returns v itself if it has the type, but a copy of a
 * plain number (tp_num), since the result's type counts beside others. */
TP_API tp_var *tp_to(tp_var *v, tp_dtype dtype);

/* --- Reading --- */

/* The only element as a double. NaN, with an error, if there is not exactly one. */
TP_API double tp_item(const tp_var *v);

/* The elements in row-major order, valid as long as v. A strided view is copied into the current
 * scope. NULL for poison and when out of memory. */
TP_API const void *tp_data(tp_var *v);

/* The elements of a contiguous leaf or constant for writing. Counts as an in-place edit each time
 * it is called: call it again for a later round of writing. From then on operations on v never wait
 * (engine.h), since they could not see what is written when. NULL, with an error, if v is not
 * contiguous, is shared, or was made by a recorded operation. */
TP_API void *tp_data_(tp_var *v);

/* Sizes of the dimensions, valid as long as v; their number; the number of elements; the element
 * type; the size of the first dimension (an error for a number). */
TP_API const int64_t *tp_shape(const tp_var *v);
TP_API int tp_ndim(const tp_var *v);
TP_API int64_t tp_size(const tp_var *v);
TP_API tp_dtype tp_dtype_of(const tp_var *v);
TP_API int64_t tp_len(const tp_var *v);

/* "float32", "float64", "int64", "uint8", "int32", "bool", "float16", "bfloat16". */
TP_API const char *tp_dtype_name(tp_dtype dtype);

/* A name for drawings and messages; NULL removes it. The text is copied. tp_name is NULL when
 * there is none. */
TP_API void tp_set_name(tp_var *v, const char *name);
TP_API const char *tp_name(const tp_var *v);

/* "variable(2.0)", "variable([[1. 2. 3.]\n          [4. 5. 6.]])": numbers as NumPy prints them,
 * arrays with up to 8 digits after the point, numbers with the fewest digits that read back the
 * same; of more than 1,000 elements three at either end of each axis, and "..." between them.
 * free() the text. tp_print writes it and a newline to stdout. */
TP_API char *tp_repr(tp_var *v);
TP_API void tp_print(tp_var *v);

/* --- Editing in place: target ← target op value --- */

/* value broadcasts to the target's shape and may be a plain number; its graph is ignored. The
 * result of the operation is rounded to the target's type once. Into an integer target there fit no
 * floating values, no quotients and no plain number that is not one of its type; integers wrap
 * around. Nothing happens while an error is pending. */
TP_API void tp_add_(tp_var *target, tp_var *value);
TP_API void tp_sub_(tp_var *target, tp_var *value);
TP_API void tp_mul_(tp_var *target, tp_var *value);
TP_API void tp_div_(tp_var *target, tp_var *value);

/* target ← value, converted to the target's type as by tp_to, but a plain number beyond an integer
 * type's range is an error. */
TP_API void tp_copy_(tp_var *target, tp_var *value);

#ifdef __cplusplus
}
#endif

#endif
