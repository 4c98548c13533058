/* SPDX-License-Identifier: MIT
 *
 * The same elements in another shape or order, parts of arrays, and picking elements by index.
 *
 * What is called a view shares the elements of x: editing x in place changes it, and the other way
 * round, where it can be edited. All other results here, and of all operations, are new values,
 * whatever their operands are; so a roll by 0, a repetition by ones and the product along an axis
 * of size 1 are copies. tp_to (array.h) of the type that x has and tp_dropout (random.h) outside of
 * training give x itself.
 */
#ifndef TINYPYTORCH_SHAPE_H
#define TINYPYTORCH_SHAPE_H

#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Views: the same elements in another shape --- */

/* The same elements in another shape. One size may be -1: what is left. A view where x's strides
 * allow, as they do when x was not transposed, sliced, flipped or broadcast; otherwise a copy. */
TP_API tp_var *tp_reshape(tp_var *x, int ndim, const int64_t *shape);

/* Axes a and b swapped; axes in the order given, TP_SHAPE(2, 0, 1). Negative ones count from the
 * end. Views. */
TP_API tp_var *tp_transpose(tp_var *x, int a, int b);
TP_API tp_var *tp_permute(tp_var *x, int n, const int64_t *axes);

/* Repeats axes of size 1 (and adds leading ones) without a copy: views, which cannot be edited. In
 * tp_expand -1 leaves a size as it is. The gradient sums over what was repeated. */
TP_API tp_var *tp_broadcast_to(tp_var *x, int ndim, const int64_t *shape);
TP_API tp_var *tp_expand(tp_var *x, int ndim, const int64_t *shape);

/* Sums x down to a shape that broadcasts to x's: the opposite of tp_broadcast_to. A new value, also
 * for x's own shape. */
TP_API tp_var *tp_sum_to(tp_var *x, int ndim, const int64_t *shape);

/* A copy of x that edits of x in place do not reach; its gradient does. */
TP_API tp_var *tp_clone(tp_var *x);

/* Removes an axis of size 1; adds one before axis, or at the end for −1. Views. */
TP_API tp_var *tp_squeeze(tp_var *x, int axis);
TP_API tp_var *tp_unsqueeze(tp_var *x, int axis);

/* --- Slices and joins --- */

/* x[start:stop:step] along axis, as in Python: negative positions count from the end and both
 * are clipped to the axis; INT64_MAX as stop reaches to its end. step ≥ 1. A view. */
TP_API tp_var *tp_slice(tp_var *x, int axis, int64_t start, int64_t stop, int64_t step);

/* x[index] along axis, which goes. A view. Out of range is an error. */
TP_API tp_var *tp_select(tp_var *x, int axis, int64_t index);

/* A copy of x with x[start:stop:step] along axis replaced by part, of the slice's shape. */
TP_API tp_var *tp_slice_scatter(tp_var *x, tp_var *part, int axis, int64_t start, int64_t stop,
                                int64_t step);

/* n ≥ 1 arrays joined along axis; other sizes must agree. */
TP_API tp_var *tp_concatenate(tp_var *const *xs, int n, int axis);

/* --- By index: integers from 0 to the axis's size − 1; others are an error --- */

/* y[i, j, k] = x[i, index[i, j, k], k] for axis 1, of index's shape, which has as many axes as x
 * and along the others no larger size. Its gradient is a scatter_add. */
TP_API tp_var *tp_gather(tp_var *x, int axis, tp_var *index);

/* x with part[i, j, k] added to element [i, index[i, j, k], k], for axis 1; part has index's shape.
 * Where an index occurs more than once, parts are added in row-major order, those of float32 in
 * float64 where there are 16 or more to an element. */
TP_API tp_var *tp_scatter_add(tp_var *x, int axis, tp_var *index, tp_var *part);

/* The same with parts in place of elements: of several with one place the last one in row-major
 * order stays, and has a gradient. */
TP_API tp_var *tp_scatter(tp_var *x, int axis, tp_var *index, tp_var *part);

/* Rows along an axis by number, index 1-d. weight[index] for rows of a (classes, width) weight and
 * an index of any shape: (…) → (…, width). */
TP_API tp_var *tp_index_select(tp_var *x, int axis, tp_var *index);
TP_API tp_var *tp_embedding(tp_var *index, tp_var *weight);

/* Elements by their row-major number, of index's shape, negative ones from the end; those where
 * mask (which broadcasts) is not 0, in a row; the indices of elements that are not 0, (count, ndim)
 * of int64. */
TP_API tp_var *tp_take(tp_var *x, tp_var *index);
TP_API tp_var *tp_masked_select(tp_var *x, tp_var *mask);
TP_API tp_var *tp_nonzero(tp_var *x);

/* x with row i of part added to its row index[i], along axis. */
TP_API tp_var *tp_index_add(tp_var *x, int axis, tp_var *index, tp_var *part);

/* Diagonal k of the last two axes, (…, m, n) → (…, length), a copy; x on diagonal k of square
 * matrices of zeros, (…, n) → (…, n + |k|, n + |k|). k > 0 is above the main one. */
TP_API tp_var *tp_diagonal(tp_var *x, int64_t k);
TP_API tp_var *tp_diag_embed(tp_var *x, int64_t k);

/* --- Other orders, copies, masks --- */

/* x backwards along n axes, TP_SHAPE(0, 2); n = 0: all. A view. */
TP_API tp_var *tp_flip(tp_var *x, int n, const int64_t *axes);

/* x[i − shift] along axis, around its end. */
TP_API tp_var *tp_roll(tp_var *x, int64_t shift, int axis);

/* n ≥ 1 arrays of one shape along a new axis before `axis`; −1: a last one. */
TP_API tp_var *tp_stack(tp_var *const *xs, int n, int axis);

/* x side by side, times[i] times along axis i; leading axes are added as needed. */
TP_API tp_var *tp_repeat(tp_var *x, int n, const int64_t *times);

/* tp_repeat with 1 for each leading axis that has no count, as NumPy's. */
TP_API tp_var *tp_tile(tp_var *x, int n, const int64_t *times);

/* x with `before` and `after` elements of value around it along axis; negative ones cut off. value
 * must be a number of x's type. */
TP_API tp_var *tp_pad(tp_var *x, int axis, int64_t before, int64_t after, double value);

/* The same with x's own elements: mirrored at its first and last (fewer than it has), those two
 * again and again, or from the other end (no more than it has). */
typedef enum tp_pad_mode { TP_PAD_REFLECT, TP_PAD_REPLICATE, TP_PAD_CIRCULAR } tp_pad_mode;
TP_API tp_var *tp_pad_by(tp_var *x, int axis, int64_t before, int64_t after, tp_pad_mode mode);

/* Each element of an axis so many times, one after the other. */
TP_API tp_var *tp_repeat_interleave(tp_var *x, int64_t times, int axis);

/* Views of size elements of axis each, the last perhaps of fewer: fills out with up to n of them
 * and returns how many there are, 0 on error. */
TP_API int64_t tp_split(tp_var *x, int64_t size, int axis, tp_var **out, int64_t n);

/* The same for `chunks` views, all but the last of one size: an axis of 5 in 4 gives 2 + 2 + 1,
 * three. The views x[i] along axis, which goes. */
TP_API int64_t tp_chunk(tp_var *x, int64_t chunks, int axis, tp_var **out, int64_t n);
TP_API int64_t tp_unbind(tp_var *x, int axis, tp_var **out, int64_t n);

/* length elements of axis from start, which counts from the end where it is negative: a view. All
 * elements in one axis: as tp_reshape, a view or a copy. */
TP_API tp_var *tp_narrow(tp_var *x, int axis, int64_t start, int64_t length);
TP_API tp_var *tp_flatten(tp_var *x);

/* value where mask is not 0, else x. */
TP_API tp_var *tp_masked_fill(tp_var *x, tp_var *mask, tp_var *value);

/* The last two axes' elements from diagonal k up, or down, others 0; k = 0 is the main one. */
TP_API tp_var *tp_triu(tp_var *x, int64_t k);
TP_API tp_var *tp_tril(tp_var *x, int64_t k);

/* Puts the last axis of x, row by row, into the lower triangle of (n, n) matrices, up to a diagonal
 * (0: the main one; above it where positive): (…, m) → (…, n, n), other elements 0. m says what n
 * is: n (n + 1) / 2 for the main diagonal; an error if no n has that many. And the opposite, (…, n,
 * n) → (…, m), from a diagonal of −n to n − 1. As torch.distributions.utils'. */
TP_API tp_var *tp_vec_to_tril_matrix(tp_var *x, int64_t diagonal);
TP_API tp_var *tp_tril_matrix_to_vec(tp_var *x, int64_t diagonal);

/* (…) of integers → (…, classes) of int64: 1 at the class, else 0; none for a class out of range.
 */
TP_API tp_var *tp_one_hot(tp_var *index, int64_t classes);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define tp_masked_fill(x, mask, value) tp_masked_fill(TP__V(x), TP__V(mask), TP__V(value))
#endif

#endif
