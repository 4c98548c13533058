/* SPDX-License-Identifier: MIT
 *
 * Linear algebra: products, equations, factorisations.
 *
 * (…, m, n) is a matrix, or a batch of them along leading axes; those of two operands broadcast.
 * Names, argument order and conventions are those of torch and torch.linalg. Everything here has
 * derivatives of every order and Taylor series. Where a derivative does not exist, that is said.
 *
 * What is marked LAPACK needs that library; without it, calls fail with TP_ERROR_MISSING and say
 * what to install. Integers are computed in float64, float32 in float32, both together in float64
 * (for products a line in the log says once that this doubles their cost): errors are a few ε times
 * the condition number. NaN in an operand gives NaN in the results that depend on it, unless an
 * error is named below. Messages name the operation, the shape and, of a batch, the matrix, counted
 * from 0. Many matrices are shared out among threads, and a matrix is always the work of one: the
 * same bits for any number of threads.
 */
#ifndef TINYPYTORCH_LINALG_H
#define TINYPYTORCH_LINALG_H

#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Products --- */

/* Matrix product: (…, m, k) × (…, k, n) → (…, m, n). Leading axes broadcast. A 1-d operand counts
 * as a row on the left, a column on the right, and its axis goes. Integers multiply in int64. */
TP_API tp_var *tp_matmul(tp_var *a, tp_var *b);

/* The same for given numbers of dimensions, without broadcasting: (n) · (n), (m, n) × (n),
 * (m, k) × (k, n), (s, m, k) × (s, k, n). */
TP_API tp_var *tp_dot(tp_var *a, tp_var *b);
TP_API tp_var *tp_mv(tp_var *a, tp_var *b);
TP_API tp_var *tp_mm(tp_var *a, tp_var *b);
TP_API tp_var *tp_bmm(tp_var *a, tp_var *b);

/* beta input + alpha a b, of matrices; input broadcasts to the product. With beta = 0 input takes
 * part only in the result's type: its NaN does no harm, and its gradient is 0. */
TP_API tp_var *tp_addmm(tp_var *input, tp_var *a, tp_var *b, double beta, double alpha);

/* Sums of products in index notation, of n ≥ 1 operands:
 *
 *     tp_einsum("ij,jk->ik", (tp_var *[]){a, b}, 2)              matrix product
 *     tp_einsum("bqhd,bkhd->bhqk", (tp_var *[]){q, k}, 2)        scores of attention
 *     tp_einsum("...ii->...", &x, 1)                             traces
 *
 * A letter names an axis of each operand; what the result does not name is summed over. A letter
 * twice in one operand is its diagonal. "..." stands for the axes that are not named, aligned at
 * their end. Axes of size 1 broadcast. Without "->" the result has the ellipsis and then, in the
 * order of ASCII, the letters that occur once. Spaces do not count. Operands are multiplied two at
 * a time, the cheapest pair first, through batched matrix products where something is summed over;
 * no intermediate result may have more than 8 axes. Errors say at which character. */
TP_API tp_var *tp_einsum(const char *equation, tp_var *const *xs, int n);

/* Sums over n axes of each operand, pairwise; what is left of a, then of b. NULL for both lists of
 * axes: the last n of a with the first n of b. */
TP_API tp_var *tp_tensordot(tp_var *a, tp_var *b, int n, const int64_t *a_axes,
                            const int64_t *b_axes);

/* (m), (n) → a[i] b[j] (m, n). Sum over the last axis of both: (…, k), (‥, k) → (…, ‥); for 0-d
 * operands the product. A block b for each element of a, of up to 4 dimensions. */
TP_API tp_var *tp_outer(tp_var *a, tp_var *b);
TP_API tp_var *tp_inner(tp_var *a, tp_var *b);
TP_API tp_var *tp_kron(tp_var *a, tp_var *b);

/* Sum of the diagonal: (…, m, n) → (…). */
TP_API tp_var *tp_trace(tp_var *x);

/* a × b along an axis of size 3, of operands with as many axes; the others broadcast. */
TP_API tp_var *tp_cross(tp_var *a, tp_var *b, int axis);

/* Euclidean distances of points: (…, m, d), (…, n, d) → (…, m, n). From differences, so close
 * points keep their digits. The derivative at distance 0 is 0. */
TP_API tp_var *tp_cdist(tp_var *a, tp_var *b);

/* Their squares, Σₖ (a[i, k] − b[j, k])², without the root and its infinite slope. Differences are
 * taken and added up in float64, in all derivatives: of float64 the result is off by at most
 * (d / 64 + 70) 2⁻⁵³ of itself, of float32 it is rounded once, however near the points are.
 * |a|² − 2 a b + |b|² is not used: there the error is that share of |a|² + |b|². No (m, n, d) array
 * is made. Integers are computed in float64. A gradient of exactly 0 adds nothing to a point's,
 * even if one is infinite or NaN. */
TP_API tp_var *tp_cdist_squared(tp_var *a, tp_var *b);

/* x⁰ … xⁿ⁻¹ along a last axis: (…, m) → (…, m, n). Powers are products of powers, so that xʲ is off
 * by at most j − 1 roundings; those of float32 are rounded once. */
TP_API tp_var *tp_vander(tp_var *x, int64_t n);

/* aⁿ of square matrices by repeated squaring; n < 0 takes powers of the inverse (LAPACK). */
TP_API tp_var *tp_matrix_power(tp_var *a, int64_t n);

/* --- Equations (LAPACK) --- */

/* The solution x of a x = b: (…, n, n), (…, n, r) → (…, n, r), or b of vectors: (n), or the shape
 * of a without its last axis. The gradient for b is g = solve(aᵀ, gy), for a −g yᵀ. One matrix for
 * many right sides is factored once. A singular matrix (a pivot of exactly 0) is an error. */
TP_API tp_var *tp_solve(tp_var *a, tp_var *b);

/* The same for a triangular a, of which the other triangle is not read; b is of matrices or one
 * vector (n). A zero on the diagonal is an error. */
#define TP__DEFAULTS_tp_solve_triangular_options(_)
typedef struct tp_solve_triangular_options {
    TP__OPTIONS(tp_solve_triangular_options)
    bool upper;         /* default: the lower triangle */
    bool unitriangular; /* the diagonal counts as ones and is not read */
} TP__BY_NAME tp_solve_triangular_options;

TP_API tp_var *tp_solve_triangular(tp_var *a, tp_var *b,
                                   const tp_solve_triangular_options *options);

/* The solution of (l lᵀ) x = b for a lower triangle l, as tp_cholesky gives; b as above. */
TP_API tp_var *tp_cholesky_solve(tp_var *b, tp_var *l);

/* a⁻¹; −yᵀ gy yᵀ. A singular matrix is an error. */
TP_API tp_var *tp_inverse(tp_var *a);

/* The x of least |a x − b|, by QR: (…, m, n), (…, m, r) → (…, n, r); of all such x the shortest
 * where m < n. b may be vectors as in tp_solve. a has full rank: otherwise an error, or, short of
 * exact zeros, large numbers. An element of a that is not finite is an error. */
TP_API tp_var *tp_lstsq(tp_var *a, tp_var *b);

/* The Moore-Penrose inverse (…, n, m). Singular values up to max(m, n) ε times the largest count as
 * 0. The derivative is that of matrices of the same rank. An element that is not finite is an
 * error. */
TP_API tp_var *tp_pinv(tp_var *a);

/* How many singular values are larger than max(m, n) ε times the largest, as int64. A constant.
 * An element that is not finite is an error. */
TP_API tp_var *tp_matrix_rank(tp_var *a);

/* --- Determinants (LAPACK) --- */

/* det a, 0 if a is singular; its sign (−1, 0, 1) and log |det a|; log det a, NaN where det a < 0.
 * (…, n, n) → (…). Derivatives go through the inverse or, where det a is 0 or out of range, through
 * cofactors: n² determinants up to n = 32, singular values beyond, with which the second derivative
 * of a singular matrix needs a rank of n − 1. log |det a| of a singular matrix is −inf, and has an
 * infinite derivative where the cofactor is not 0. */
TP_API tp_var *tp_det(tp_var *a);
TP_API void tp_slogdet(tp_var *a, tp_var **sign, tp_var **logabsdet);
TP_API tp_var *tp_logdet(tp_var *a);

/* --- Factorisations (LAPACK) ---
 *
 * An element that is not finite is an error, in all of them and in what goes by them: tp_lstsq,
 * tp_pinv, tp_matrix_rank. (Solutions, inverses and determinants pass NaN on.) A place for a result
 * that is NULL means that it is not wanted. */

/* Lower triangle l with a = l lᵀ. Only a's lower triangle is read; the gradient is symmetric, that
 * for symmetric changes of a. A matrix that is not positive definite is an error. */
TP_API tp_var *tp_cholesky(tp_var *a);

/* a = q r with k = min(m, n): q (…, m, k) of orthonormal columns, r (…, k, n) upper triangular, its
 * diagonal of either sign. The derivative needs the first k columns of a to be independent:
 * otherwise it is an error, or, short of exact zeros, large numbers. */
TP_API void tp_qr(tp_var *a, tp_var **q, tp_var **r);

/* Symmetric a = v diag(w) vᵀ: eigenvalues w (…, n) in rising order, eigenvectors v (…, n, n) as
 * columns, of either sign. Only a's lower triangle is read; the gradient is that for symmetric
 * changes of a; NaN in the other triangle does no harm. Vectors of equal eigenvalues have no
 * derivative: 1 / (w[j] − w[i]) makes it infinite or NaN. The first derivative of what uses only w
 * is right there too, as that of tp_eigvalsh, which has the eigenvalues alone. */
TP_API void tp_eigh(tp_var *a, tp_var **w, tp_var **v);
TP_API tp_var *tp_eigvalsh(tp_var *a);

/* a = u diag(s) vh with k = min(m, n): u (…, m, k), singular values s (…, k) in falling order, vh
 * (…, k, n); signs as they come. Vectors of equal singular values, and of zeros, have no
 * derivative: it is infinite or NaN. The first derivative of what uses only s is finite there, as
 * that of tp_svdvals, which has the values alone. */
TP_API void tp_svd(tp_var *a, tp_var **u, tp_var **s, tp_var **vh);
TP_API tp_var *tp_svdvals(tp_var *a);

/* --- Functions of matrices (LAPACK) --- */

/* eᵃ = I + a + a²/2 + …, by scaling, a Padé approximant and squaring, in float64. The gradient is
 * the upper right block of the exponential of [[aᵀ, gy], [0, aᵀ]]. */
TP_API tp_var *tp_matrix_exp(tp_var *a);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__SOLVE_TRIANGULAR(function, a, b, ...)                                                  \
    TP__WITH(tp_solve_triangular_options, function, (TP__V(a), TP__V(b), ), __VA_ARGS__)
#define tp_solve_triangular(...) TP__SOLVE_TRIANGULAR(tp_solve_triangular, __VA_ARGS__, )
#endif

#endif
