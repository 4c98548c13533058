/* SPDX-License-Identifier: MIT
 *
 * Products of vectors, matrices and arrays under their usual names: functions over tp_matmul,
 * tp_einsum and elementwise operations.
 */
#include "base/features.h"

#include <float.h>

#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "graph/compose.h"
#include "graph/half.h"
#include "kernels/vector.h"
#include "ops/families.h"
#include "ops/linalg/matrices.h"
#include "ops/reduce/safe_root.h"
#include "tinypytorch.h"

/* True if both operands have these numbers of dimensions; otherwise an error in call's name. */
static bool product_takes(const char *call, const tp_var *a, int a_ndim, const tp_var *b,
                          int b_ndim)
{
    char a_shape[TP__SHAPE_TEXT], b_shape[TP__SHAPE_TEXT];
    if (!tp__check_two(call, a, b))
        return false;
    if (a->ndim == a_ndim && b->ndim == b_ndim)
        return true;
    tp_fail(TP_ERROR_SHAPE, "%s: shapes %s and %s, expected %d and %d dimensions", call,
            tp__shape_text(a_shape, a->ndim, tp__shape(a)),
            tp__shape_text(b_shape, b->ndim, tp__shape(b)), a_ndim, b_ndim);
    return false;
}

/* The product if axis i of a and axis k of b have one size. */
static tp_var *product_matmul(const char *call, tp_var *a, int i, tp_var *b, int k)
{
    bool fits = tp__same_size(call, a, tp__shape(a)[i], b, tp__shape(b)[k]);
    return fits ? tp_matmul(a, b) : tp__poison();
}

tp_var *tp_dot(tp_var *a, tp_var *b)
{
    TP__CALL("dot");
    TP__OPERANDS(a, b);
    return product_takes("dot", a, 1, b, 1) ? product_matmul("dot", a, 0, b, 0) : tp__poison();
}

tp_var *tp_mv(tp_var *a, tp_var *b)
{
    TP__CALL("mv");
    TP__OPERANDS(a, b);
    return product_takes("mv", a, 2, b, 1) ? product_matmul("mv", a, 1, b, 0) : tp__poison();
}

tp_var *tp_mm(tp_var *a, tp_var *b)
{
    TP__CALL("mm");
    TP__OPERANDS(a, b);
    return product_takes("mm", a, 2, b, 2) ? product_matmul("mm", a, 1, b, 0) : tp__poison();
}

tp_var *tp_bmm(tp_var *a, tp_var *b)
{
    TP__CALL("bmm");
    TP__OPERANDS(a, b);
    if (!product_takes("bmm", a, 3, b, 3))
        return tp__poison();
    if (tp__shape(a)[0] != tp__shape(b)[0])
        return tp__misfit("bmm", a, b, "batches of different sizes");
    return product_matmul("bmm", a, 2, b, 1);
}

tp_var *tp_outer(tp_var *a, tp_var *b)
{
    TP__CALL("outer");
    TP__OPERANDS(a, b);
    TP__IN_FLOAT32(tp_outer(a, b), &a, &b);
    return product_takes("outer", a, 1, b, 1) ? tp_mul(tp_unsqueeze(a, 1), b) : tp__poison();
}

/* The sum, where input broadcasts to the product y. */
static tp_var *addmm_sum(tp_var *input, tp_var *y, double beta, double alpha)
{
    int ndim = y->ndim;
    int64_t shape[TP_MAX_NDIM];
    memcpy(shape, tp__shape(y), y->ndim * sizeof *shape);
    if (!tp__broadcast_shape(&ndim, shape, input->ndim, tp__shape(input)) ||
        !tp__same_shape(y, ndim, shape))
        return tp__misfit("addmm", input, y, "the first does not broadcast to the product");
    y = alpha == 1 ? y : tp_mul(alpha, y);
    input = tp__addend(input);
    if (beta == 0)
        return tp_where(1, y, input);
    return tp_add(beta == 1 ? input : tp_mul(beta, input), y);
}

tp_var *tp_addmm(tp_var *input, tp_var *a, tp_var *b, double beta, double alpha)
{
    TP__CALL("addmm");
    TP__OPERANDS(input, a, b);
    if (!tp__check_within("addmm", "beta", beta, -DBL_MAX, DBL_MAX) ||
        !tp__check_within("addmm", "alpha", alpha, -DBL_MAX, DBL_MAX) ||
        !tp__check_operand("addmm", input) || !product_takes("addmm", a, 2, b, 2) ||
        !tp__same_size("addmm", a, tp__shape(a)[1], b, tp__shape(b)[0]))
        return tp__poison();
    size_t scope = tp_scope_begin(); /* what ends here gives its memory to what waits */
    tp_dtype dtype = tp__promote((tp_var *[]){input, a, b}, 3);
    bool half = tp__is_half(tp__promote((tp_var *[]){a, b}, 2));
    tp_var *y = half ? tp__matmul_as(a, b, TP_F32) : tp_matmul(a, b);
    y = tp_is_poison(y) ? y : addmm_sum(input, y, beta, alpha);
    y = tp_leave(tp_is_poison(y) ? y : tp__narrow(y, dtype));
    tp_scope_end(scope);
    return y;
}

/* --- tensordot, inner, kron: sums over axes, as text for einsum --- */

enum { PRODUCT_TEXT = 2 * TP_MAX_NDIM + 2 };

static bool tensordot_axes(const tp_var *v, int n, const int64_t *axes, int first, char *letters,
                           char own)
{
    for (int i = 0; i < TP_MAX_NDIM; i++)
        letters[i] = (char)(own + i);
    for (int i = 0; i < n; i++) {
        int axis = tp__check_axis("tensordot", axes ? axes[i] : first + i, v, v->ndim);
        if (axis < 0)
            return false;
        if (letters[axis] < own) {
            tp_fail(TP_ERROR_SHAPE, "tensordot: axis %d is named twice", axis);
            return false;
        }
        letters[axis] = (char)('A' + i);
    }
    return true;
}

/* Axes of one letter have one size. */
static bool tensordot_fits(const tp_var *a, const char *left, const tp_var *b, const char *right)
{
    for (int i = 0; i < a->ndim; i++)
        for (int k = 0; k < b->ndim; k++)
            if (left[i] == right[k] && tp__shape(a)[i] != tp__shape(b)[k]) {
                char why[80];
                snprintf(why, sizeof why, "axis %d and axis %d: %lld != %lld", i, k,
                         (long long)tp__shape(a)[i], (long long)tp__shape(b)[k]);
                tp__misfit("tensordot", a, b, why);
                return false;
            }
    return true;
}

tp_var *tp_tensordot(tp_var *a, tp_var *b, int n, const int64_t *a_axes, const int64_t *b_axes)
{
    TP__CALL("tensordot");
    TP__OPERANDS(a, b);
    char text[2 * PRODUCT_TEXT + 8], left[TP_MAX_NDIM], right[TP_MAX_NDIM];
    tp_var *in[] = {a, b};
    if (!tp__check_two("tensordot", a, b))
        return tp__poison();
    if (n < 0 || n > a->ndim || n > b->ndim || !a_axes != !b_axes)
        return tp_fail(TP_ERROR_ARGUMENT, "tensordot: %d axes of operands with %d and %d", n,
                       a->ndim, b->ndim);
    if (!tensordot_axes(a, n, a_axes, a->ndim - n, left, 'a') ||
        !tensordot_axes(b, n, b_axes, 0, right, 'm') || !tensordot_fits(a, left, b, right))
        return tp__poison();
    int at = snprintf(text, sizeof text, "%.*s,%.*s->", a->ndim, left, b->ndim, right);
    for (int i = 0; i < a->ndim; i++)
        if (left[i] >= 'a')
            text[at++] = left[i];
    for (int i = 0; i < b->ndim; i++)
        if (right[i] >= 'a')
            text[at++] = right[i];
    text[at] = 0;
    return tp_einsum(text, in, 2);
}

tp_var *tp_inner(tp_var *a, tp_var *b)
{
    TP__CALL("inner");
    TP__OPERANDS(a, b);
    if (!tp__check_two("inner", a, b))
        return tp__poison();
    if (a->ndim == 0 || b->ndim == 0)
        return tp_mul(a, b);
    int64_t columns = tp__shape(a)[a->ndim - 1], others = tp__shape(b)[b->ndim - 1];
    if (!tp__same_size("inner", a, columns, b, others))
        return tp__poison();
    return tp_tensordot(a, b, 1, (int64_t[]){-1}, (int64_t[]){-1});
}

tp_var *tp_kron(tp_var *a, tp_var *b)
{
    TP__CALL("kron");
    TP__OPERANDS(a, b);
    TP__IN_FLOAT32(tp_kron(a, b), &a, &b);
    int64_t left[2 * TP_MAX_NDIM], right[2 * TP_MAX_NDIM], shape[TP_MAX_NDIM];
    if (!tp__check_two("kron", a, b))
        return tp__poison();
    int ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
    if (2 * ndim > TP_MAX_NDIM)
        return tp__misfit("kron", a, b, "more than 4 dimensions");
    for (int i = 0; i < ndim; i++) {
        int i_a = i - (ndim - a->ndim), i_b = i - (ndim - b->ndim);
        left[2 * i] = i_a < 0 ? 1 : tp__shape(a)[i_a];
        right[2 * i + 1] = i_b < 0 ? 1 : tp__shape(b)[i_b];
        left[2 * i + 1] = right[2 * i] = 1;
        shape[i] = left[2 * i] * right[2 * i + 1];
    }
    tp_var *y = tp_mul(tp_reshape(a, 2 * ndim, left), tp_reshape(b, 2 * ndim, right));
    return tp_is_poison(y) ? y : tp_reshape(y, ndim, shape);
}

tp_var *tp_trace(tp_var *x)
{
    TP__CALL("trace");
    TP__OPERANDS(x);
    x = tp__check_matrices("trace", x);
    if (tp_is_poison(x))
        return x;
    int64_t m = tp__shape(x)[x->ndim - 2], n = tp__shape(x)[x->ndim - 1];
    if (m > n)
        x = tp_slice(x, -2, 0, n, 1);
    else if (n > m)
        x = tp_slice(x, -1, 0, m, 1);
    return tp_einsum("...ii->...", &x, 1);
}

/* --- cross, cdist --- */

/* x with the elements along an axis of 3 moved on by one: 1, 2, 0. */
static tp_var *cross_turn(tp_var *x, int axis)
{
    return tp_concatenate((tp_var *[]){tp_slice(x, axis, 1, 3, 1), tp_slice(x, axis, 0, 1, 1)}, 2,
                          axis);
}

tp_var *tp_cross(tp_var *a, tp_var *b, int axis)
{
    TP__CALL("cross");
    TP__OPERANDS(a, b);
    TP__IN_FLOAT32(tp_cross(a, b, axis), &a, &b);
    if (!tp__check_two("cross", a, b))
        return tp__poison();
    if (a->ndim != b->ndim)
        return tp__misfit("cross", a, b, "different numbers of dimensions");
    if ((axis = tp__check_axis("cross", axis, a, a->ndim)) < 0)
        return tp__poison();
    if (tp__shape(a)[axis] != 3 || tp__shape(b)[axis] != 3) {
        char why[48];
        snprintf(why, sizeof why, "axis %d is not of size 3", axis);
        return tp__misfit("cross", a, b, why);
    }
    /* (a × b) turned by one is a ∘ turn(b) − turn(a) ∘ b. */
    tp_var *turned = tp_sub(tp_mul(a, cross_turn(b, axis)), tp_mul(cross_turn(a, axis), b));
    return tp_is_poison(turned) ? turned : cross_turn(turned, axis);
}

tp_var *tp_cdist(tp_var *a, tp_var *b)
{
    TP__CALL("cdist");
    TP__OPERANDS(a, b);
    TP__IN_FLOAT32(tp_cdist(a, b), &a, &b);
    if (!tp__check_points("cdist", &a, &b))
        return tp__poison();
    tp_var *difference = tp_sub(tp_unsqueeze(a, -2), tp_unsqueeze(b, -3));
    const tp_reduce_options along = {.size = sizeof along, .axes.one = -1};
    return tp_is_poison(difference) ? difference : tp__root_of_squares(difference, &along);
}

/* --- vander: powers by doubling, xᵏ⁺ʲ = xᵏ xʲ for 0 ≤ j < k --- */

static bool vander_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim + 1;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    call->shape[x->ndim] = call->attr.integer;
    return true;
}

static void vander_row(tp__loop *mul, int64_t n, double x, double *to)
{
    const int64_t step[] = {sizeof *to, sizeof *to, 0};
    to[0] = 1;
    for (int64_t k = 1; k < n; k *= 2) {
        double power = to[k - 1] * x;
        int64_t count = k < n - k ? k : n - k;
        char *at[] = {(char *)(to + k), (char *)to, (char *)&power};
        if (mul && count >= 8)
            mul(count, at, step, NULL);
        else
            for (int64_t j = 0; j < count; j++)
                to[k + j] = to[j] * power;
    }
}

/* Powers of float32 are rounded once. */
static bool vander_forward(tp__call *call)
{
    int64_t n = call->attr.integer;
    size_t scope = tp_scope_begin();
    tp_var *x = tp__plain(call->in[0]);
    tp_var *row = call->dtype == TP_F64 ? call->out : tp__empty(TP_F64, 1, &n);
    bool good = !tp_is_poison(x) && !tp_is_poison(row);
    for (int64_t i = 0; good && i < x->size; i++) {
        double *to = (double *)row->data + (row == call->out ? i * n : 0);
        double value = tp__read_element(call->dtype,
                                        (char *)x->data + i * (int64_t)tp__dtype_size(call->dtype));
        vander_row(tp__fast_loop(TP__FAST_MUL, TP_F64), n, value, to);
        for (int64_t j = 0; row != call->out && j < n; j++)
            ((float *)call->out->data)[i * n + j] = (float)to[j];
    }
    tp_scope_end(scope);
    return good;
}

/* The first n powers of x in a last axis. */
static tp_var *vander_powers(tp_var *x, int64_t n)
{
    tp_var *power = tp_unsqueeze(x, -1);
    tp_var *y = tp_ones((tp_dtype)x->dtype, power->ndim, tp__shape(power));
    for (int64_t k = 1; k < n && !tp_is_poison(y); k *= 2) {
        tp_var *parts[] = {y, tp_mul(tp_narrow(y, -1, 0, k < n - k ? k : n - k), power)};
        y = tp_concatenate(parts, 2, -1);
        power = tp_square(power);
    }
    return y;
}

static tp_var *vander_compose(const tp_var *y, tp_var *const *x)
{
    return vander_powers(x[0], y->attr.integer);
}

static tp_var *vander_sample(tp_var *const *x)
{
    return tp_vander(x[0], 4);
}

static const tp__op vander_op = {
    .label = "Vander",
    .name = "vander",
    .n_in = 1,
    .reads = {TP__READS_0},
    .infer = vander_infer,
    .forward = vander_forward,
    .gradient = tp__compose_gradient,
    .compose = vander_compose,
    .formula = "x[i]ʲ",
    .rule = "Σ gy j x[i]ʲ⁻¹",
    .samples = (const tp__sample[]){{"2,3", vander_sample, "torch.linalg.vander(x0, N=4)"}, {0}},
};

tp_var *tp_vander(tp_var *x, int64_t n)
{
    TP__CALL("vander");
    TP__OPERANDS(x);
    if (!tp__check_operand("vander", x))
        return tp__poison();
    if (x->ndim == 0)
        return tp_fail(TP_ERROR_SHAPE, "vander: a number, expected vectors (…, n)");
    if (x->ndim == TP_MAX_NDIM)
        return tp__refuse_shape("vander", "x", x, "at most %d axes", TP_MAX_NDIM - 1);
    if (n < 1 || n > INT32_MAX)
        return tp_fail(TP_ERROR_ARGUMENT, "vander: %lld powers, expected 1 or more", (long long)n);
    if (!tp__is_float((tp_dtype)x->dtype))
        return vander_powers(x, n);
    return tp__apply(&vander_op, &x, 1, (tp__attr){.integer = n}, -1, NULL);
}

/* --- Records --- */

#define PRODUCT_SAMPLE(name, call)                                                                 \
    static tp_var *product_sample_##name(tp_var *const *x)                                         \
    {                                                                                              \
        return call;                                                                               \
    }

PRODUCT_SAMPLE(dot, tp_dot(x[0], x[1]))
PRODUCT_SAMPLE(mv, tp_mv(x[0], x[1]))
PRODUCT_SAMPLE(mm, tp_mm(x[0], x[1]))
PRODUCT_SAMPLE(bmm, tp_bmm(x[0], x[1]))
PRODUCT_SAMPLE(outer, tp_outer(x[0], x[1]))
PRODUCT_SAMPLE(inner, tp_inner(x[0], x[1]))
PRODUCT_SAMPLE(addmm, tp_addmm(x[0], x[1], x[2], 0.5, 2))
PRODUCT_SAMPLE(tensordot, tp_tensordot(x[0], x[1], 2, NULL, NULL))
PRODUCT_SAMPLE(tensordot_axes, tp_tensordot(x[0], x[1], TP_SHAPE(0, -1), (int64_t[]){1, 0}))
PRODUCT_SAMPLE(kron, tp_kron(x[0], x[1]))
PRODUCT_SAMPLE(trace, tp_trace(x[0]))
PRODUCT_SAMPLE(cross, tp_cross(x[0], x[1], -1))
PRODUCT_SAMPLE(cdist, tp_cdist(x[0], x[1]))

#define PRODUCT_RECORD(name_, label_, operands, formula_, rule_, ...)                              \
    static const tp__op product_##name_##_op = {                                                   \
        .label = label_,                                                                           \
        .name = #name_,                                                                            \
        .n_in = operands,                                                                          \
        .flags = TP__COMPOSITE,                                                                    \
        .formula = formula_,                                                                       \
        .rule = rule_,                                                                             \
        .samples = (const tp__sample[]){__VA_ARGS__, {0}},                                         \
    }

PRODUCT_RECORD(dot, "Dot", 2, "Σ a b", "a: gy b; b: gy a",
               {"3; 3", product_sample_dot, "torch.dot(x0, x1)"});
PRODUCT_RECORD(mv, "Mv", 2, "a b", "as matmul's",
               {"2,3; 3", product_sample_mv, "torch.mv(x0, x1)"});
PRODUCT_RECORD(mm, "Mm", 2, "a b", "as matmul's",
               {"2,3; 3,2", product_sample_mm, "torch.mm(x0, x1)"});
PRODUCT_RECORD(bmm, "Bmm", 2, "a b", "as matmul's",
               {"2,3,2; 2,2,4", product_sample_bmm, "torch.bmm(x0, x1)"});
PRODUCT_RECORD(outer, "Outer", 2, "a[i] b[j]", "a: gy b; b: gyᵀ a",
               {"2; 3", product_sample_outer, "torch.outer(x0, x1)"});
PRODUCT_RECORD(inner, "Inner", 2, "Σ a b over the last axes", "as tensordot's",
               {"2,3; 4,3", product_sample_inner, "torch.inner(x0, x1)"},
               {"; 3", product_sample_inner, "torch.inner(x0, x1)"});
PRODUCT_RECORD(addmm, "Addmm", 3, "beta input + alpha a b", "input: beta gy; others alpha matmul's",
               {"4; 2,3; 3,4", product_sample_addmm, "torch.addmm(x0, x1, x2, beta=0.5, alpha=2)"});
PRODUCT_RECORD(tensordot, "Tensordot", 2, "Σ a b over the axes named", "tensordot of gy",
               {"2,3,2; 3,2,4", product_sample_tensordot, "torch.tensordot(x0, x1, 2)"},
               {"2,2,3; 3,2", product_sample_tensordot_axes,
                "torch.tensordot(x0, x1, ((0, -1), (1, 0)))"});
PRODUCT_RECORD(kron, "Kron", 2, "a[i] b, a block for each element of a", "sums over blocks",
               {"2,3; 3,2", product_sample_kron, "torch.kron(x0, x1)"},
               {"2; 2,2", product_sample_kron, "torch.kron(x0, x1)"});
PRODUCT_RECORD(trace, "Trace", 1, "Σ x[i, i]", "gy on the diagonal",
               {"3,3", product_sample_trace, "torch.diagonal(x0, dim1=-2, dim2=-1).sum(-1)"},
               {"2,3,2", product_sample_trace, "torch.diagonal(x0, dim1=-2, dim2=-1).sum(-1)"});
PRODUCT_RECORD(cross, "Cross", 2, "a × b", "a: b × gy; b: gy × a",
               {"2,3; 1,3", product_sample_cross, "torch.linalg.cross(x0, x1)"});
PRODUCT_RECORD(cdist, "Cdist", 2, "|a[i] − b[j]|", "gy (a[i] − b[j]) / y; 0 where y is 0",
               {"2,3; 4,3", product_sample_cdist,
                "(x0.unsqueeze(-2) - x1.unsqueeze(-3)).square().sum(-1).sqrt()"});

static const tp__op *const products_ops[] = {&product_dot_op,   &product_mv_op,
                                             &product_mm_op,    &product_bmm_op,
                                             &product_outer_op, &product_inner_op,
                                             &product_addmm_op, &product_tensordot_op,
                                             &product_kron_op,  &product_trace_op,
                                             &product_cross_op, &product_cdist_op,
                                             &vander_op,        NULL};

const tp__family tp__family_products = {"products", "products of vectors and matrices",
                                        products_ops};
