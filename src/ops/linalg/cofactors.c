/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/linalg/cofactors.h"

#include "array/array.h"
#include "ops/linalg/matrices.h"
#include "tinypytorch.h"

enum { COFACTORS_BY_MINORS = 32 };

/* 1, 2 … n − 1, 0, 2 … n − 1, …: what is left of n without each. */
static tp_var *cofactors_left(int64_t n)
{
    tp_var *left = tp__empty(TP_I64, 1, (int64_t[]){n * (n - 1)});
    int64_t *at = tp_is_poison(left) ? NULL : left->data;
    for (int64_t i = 0; i < n && at; i++)
        for (int64_t k = 0; k < n; k++)
            if (k != i)
                *at++ = k;
    return left;
}

/* (b, n, n) → (b, n, n, n − 1, n − 1): without row i and column j. */
static tp_var *cofactors_minors(tp_var *x, int64_t b, int64_t n)
{
    tp_var *left = cofactors_left(n);
    if (tp_is_poison(left))
        return left;
    tp_var *rows = tp_index_select(x, 1, left);
    rows = tp_reshape(rows, TP_SHAPE(b, n, n - 1, n));
    tp_var *both = tp_reshape(tp_index_select(rows, 3, left), TP_SHAPE(b, n, n - 1, n, n - 1));
    return tp_is_poison(both) ? both : tp_permute(both, TP_SHAPE(0, 1, 3, 2, 4));
}

/* (−1)^(i + j) */
static tp_var *cofactors_signs(const tp_var *x, int64_t n)
{
    tp_var *odd = tp_remainder(tp_arange(TP_I64, 0, (double)n, 1), 2);
    tp_var *sign = tp_to(tp_sub(1, tp_mul(2, odd)), (tp_dtype)x->dtype);
    return tp_mul(tp_unsqueeze(sign, 0), tp_unsqueeze(sign, 1));
}

/* det(u vh) u diag(Π of the other singular values) vh */
static tp_var *cofactors_by_values(tp_var *x, int64_t n)
{
    tp_var *u, *s, *vh;
    tp_svd(x, &u, &s, &vh);
    tp_var *same = tp_eq(tp__triangle((tp_dtype)x->dtype, n, 0, 1, 0), 1);
    tp_var *others = tp_prod(tp_where(same, 1, tp_unsqueeze(s, -2)), .axes = -1);
    tp_var *sign = tp_sign(tp_mul(tp_det(tp_detach(u)), tp_det(tp_detach(vh))));
    others = tp_mul(others, tp_unsqueeze(sign, -1));
    return tp_is_poison(others) ? others : tp_matmul(u, tp_mul(tp_unsqueeze(others, -1), vh));
}

tp_var *tp__cofactors(tp_var *x)
{
    int64_t n = tp__shape(x)[x->ndim - 1], b = x->size / (n * n);
    if (n == 1)
        return tp_ones((tp_dtype)x->dtype, x->ndim, tp__shape(x));
    if (n > COFACTORS_BY_MINORS)
        return cofactors_by_values(x, n);
    tp_var *minors = cofactors_minors(tp_reshape(x, TP_SHAPE(b, n, n)), b, n);
    tp_var *cofactors = tp_mul(cofactors_signs(x, n), tp_det(minors));
    return tp_is_poison(cofactors) ? cofactors : tp_reshape(cofactors, x->ndim, tp__shape(x));
}
