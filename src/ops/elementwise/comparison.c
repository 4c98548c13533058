/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "graph/elementwise.h"

#include "array/array.h"
#include "base/dtype.h"
#include "ops/families.h"
#include "tinypytorch.h"

/* --- maximum and minimum --- */

/* Each coefficient from the operand chosen, the mean of both at a tie, their sum beside NaN. */
static void choose_taylor(const tp__jet *jet, tp_var *first, tp_var *second, tp_var *tie)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *a = jet->x[0][k], *b = jet->x[1][k];
        if (!a && !b)
            continue;
        tp_var *mean = tp_mul(0.5, tp__series_add(a, b));
        a = a ? a : tp_num(0);
        b = b ? b : tp_num(0);
        jet->y[k] = tp_where(tie, mean, tp_where(second, b, tp_where(first, a, tp_add(a, b))));
    }
}

static void maximum_taylor(const tp__jet *jet)
{
    tp_var *a = jet->x[0][0], *b = jet->x[1][0];
    choose_taylor(jet, tp_gt(a, b), tp_lt(a, b), tp_eq(a, b));
}

static void minimum_taylor(const tp__jet *jet)
{
    tp_var *a = jet->x[0][0], *b = jet->x[1][0];
    choose_taylor(jet, tp_lt(a, b), tp_gt(a, b), tp_eq(a, b));
}

/* Beside NaN neither loses, as in PyTorch. */
static tp_var *choose_share(tp_var *gy, tp_var *loses, tp_var *a, tp_var *b)
{
    return tp_where(tp_eq(a, b), tp_mul(0.5, gy), tp_where(loses, 0, gy));
}

#define CHOOSE_MAXIMUM (a < b || b != b ? b : a)
#define CHOOSE_MINIMUM (a > b || b != b ? b : a)

TP__LOOP2(maximum_i64, int64_t, int64_t, int64_t, CHOOSE_MAXIMUM)
TP__LOOP2(maximum_u8, uint8_t, uint8_t, uint8_t, CHOOSE_MAXIMUM)
TP__LOOP2(minimum_i64, int64_t, int64_t, int64_t, CHOOSE_MINIMUM)
TP__LOOP2(minimum_u8, uint8_t, uint8_t, uint8_t, CHOOSE_MINIMUM)

/* clang-format off */
TP__BINARY(tp_maximum, CHOOSE_MAXIMUM, a == b ? 0.5 * gy : a < b ? 0 : gy, choose_share(gy, tp_lt(a, b), a, b), a == b ? 0.5 * gy : b < a ? 0 : gy, choose_share(gy, tp_lt(b, a), a, b),
           .label = "Maximum", .formula = "the larger of a and b", .flags = TP__ELEMENTWISE | TP__SELECTS, .reads = {TP__READS_0 | TP__READS_1, TP__READS_0 | TP__READS_1}, .fast = TP__FAST_MAXIMUM, .loop[TP_I64] = maximum_i64, .loop[TP_U8] = maximum_u8, .taylor = maximum_taylor, .domain = TP__DISTINCT)
TP__BINARY(tp_minimum, CHOOSE_MINIMUM, a == b ? 0.5 * gy : a > b ? 0 : gy, choose_share(gy, tp_gt(a, b), a, b), a == b ? 0.5 * gy : b > a ? 0 : gy, choose_share(gy, tp_gt(b, a), a, b),
           .label = "Minimum", .formula = "the smaller of a and b", .flags = TP__ELEMENTWISE | TP__SELECTS, .reads = {TP__READS_0 | TP__READS_1, TP__READS_0 | TP__READS_1}, .fast = TP__FAST_MINIMUM, .loop[TP_I64] = minimum_i64, .loop[TP_U8] = minimum_u8, .taylor = minimum_taylor, .domain = TP__DISTINCT)
/* clang-format on */

/* --- where --- */

#define WHERE_LOOP(name, Type)                                                                     \
    static void name(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)        \
    {                                                                                              \
        (void)attr;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            int from = *(const uint8_t *)(at[1] + i * step[1]) ? 2 : 3;                            \
            *(Type *)(at[0] + i * step[0]) = *(const Type *)(at[from] + i * step[from]);           \
        }                                                                                          \
    }

WHERE_LOOP(where_f32, float)
WHERE_LOOP(where_f64, double)
WHERE_LOOP(where_i64, int64_t)
WHERE_LOOP(where_u8, uint8_t)

static void where_gradient(const tp__pull *pull)
{
    tp_var *condition = pull->x[0];
    if (pull->wanted[1])
        pull->gx[1] = tp_where(condition, pull->gy, 0);
    if (pull->wanted[2])
        pull->gx[2] = tp_where(condition, 0, pull->gy);
}

static void where_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *a = jet->x[1][k], *b = jet->x[2][k];
        if (a || b)
            jet->y[k] = tp_where(jet->x[0][0], a ? a : tp_num(0), b ? b : tp_num(0));
    }
}

static tp_var *where_sample(tp_var *const *x)
{
    return tp_where(tp_gt(x[0], 0), x[0], x[1]);
}

static tp_var *where_sample_other(tp_var *const *x)
{
    return tp_where(tp_gt(tp_detach(x[0]), 0), tp_square(x[1]), x[0]);
}

static const tp__op where_op = {
    .label = "Where",
    .name = "where",
    .n_in = 3,
    .flags = TP__ELEMENTWISE | TP__CONDITION | TP__SELECTS,
    .reads = {0, TP__READS_0, TP__READS_0},
    .loop = {[TP_F32] = where_f32, [TP_F64] = where_f64, [TP_I64] = where_i64, [TP_U8] = where_u8},
    .fast = TP__FAST_WHERE,
    .gradient = where_gradient,
    .taylor = where_taylor,
    .formula = "a where condition, else b",
    .rule = "a: where(condition, gy, 0); b: where(condition, 0, gy)",
    .domain = TP__DISTINCT,
    .samples =
        (const tp__sample[]){{"2,3; 2,3", where_sample, "torch.where(x0 > 0, x0, x1)"},
                             {"3; 2,1", where_sample, "torch.where(x0 > 0, x0, x1)"},
                             {"2,3; 3", where_sample_other, "torch.where(x0 > 0, x1.square(), x0)"},
                             {0}},
};

/* A plain integer beside bool is one: what is chosen keeps its type. */
static tp_var *where_number(tp_var *v, const tp_var *other)
{
    if (!v || !other || !(v->flags & TP__WEAK_INT) || other->dtype != TP_BOOL)
        return v;
    double value = tp_item(v);
    return tp__check_number("where", TP_BOOL, value) ? tp_full(TP_BOOL, 0, NULL, value)
                                                     : tp__poison();
}

tp_var *(tp_where)(tp_var *condition, tp_var *a, tp_var *b)
{
    tp_var *left = where_number(a, b);
    b = where_number(b, a);
    a = left;
    if (condition && !tp_is_poison(condition) && condition->dtype != TP_U8)
        condition = tp_ne(condition, 0);
    return tp__apply(&where_op, (tp_var *[]){condition, a, b}, 3, (tp__attr){0}, -1, NULL);
}

/* --- Comparisons --- */

/* clang-format off */
TP__PREDICATE2(tp_eq, a == b, .label = "Eq", .formula = "a = b", .fast = TP__FAST_EQ)
TP__PREDICATE2(tp_ne, a != b, .label = "Ne", .formula = "a ≠ b", .fast = TP__FAST_NE)
TP__PREDICATE2(tp_lt, a < b, .label = "Lt", .formula = "a < b", .fast = TP__FAST_LT)
TP__PREDICATE2(tp_le, a <= b, .label = "Le", .formula = "a ≤ b", .fast = TP__FAST_LE)
TP__PREDICATE2(tp_gt, a > b, .label = "Gt", .formula = "a > b", .fast = TP__FAST_GT)
TP__PREDICATE2(tp_ge, a >= b, .label = "Ge", .formula = "a ≥ b", .fast = TP__FAST_GE)
/* clang-format on */

static const tp__op *const choose_ops[] = {
    &tp_maximum_op, &tp_minimum_op, &where_op, &tp_eq_op, &tp_ne_op,
    &tp_lt_op,      &tp_le_op,      &tp_gt_op, &tp_ge_op, NULL};

const tp__family tp__family_comparison = {"comparison", "choosing and comparing", choose_ops};
