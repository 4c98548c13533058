/* SPDX-License-Identifier: MIT
 *
 * Positions in sequences: rotations, which are linear, and whose gradient is the rotation back.
 */
#include "base/features.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "ops/families.h"
#include "tinypytorch.h"

typedef struct rotary_attr {
    double base, sign; /* −1: back */
    int64_t offset;
    bool interleaved;
} rotary_attr;

static const rotary_attr *rotary_attr_of(const tp__attr *attr)
{
    return attr->block;
}

static bool rotary_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    return true;
}

/* Cosines and sines of all angles, (rows, pairs, 2). */
static void rotary_angles(const rotary_attr *attr, int64_t rows, int64_t pairs, double *at)
{
    for (int64_t i = 0; i < pairs; i++) {
        double rate = pow(attr->base, -(double)i / (double)pairs);
        for (int64_t p = 0; p < rows; p++) {
            double angle = ((double)attr->offset + (double)p) * rate;
            at[2 * (p * pairs + i)] = cos(angle);
            at[2 * (p * pairs + i) + 1] = attr->sign * sin(angle);
        }
    }
}

#define ROTARY_ROW(name, Type)                                                                     \
    static void name(int64_t pairs, int64_t step, int64_t apart, const double *angle, char *to,    \
                     const char *from)                                                             \
    {                                                                                              \
        Type *y = (Type *)(void *)to;                                                              \
        const Type *x = (const Type *)(const void *)from;                                          \
        for (int64_t i = 0; i < pairs; i++, x += step, y += step, angle += 2) {                    \
            double a = (double)x[0], b = (double)x[apart];                                         \
            y[0] = (Type)(a * angle[0] - b * angle[1]);                                            \
            y[apart] = (Type)(a * angle[1] + b * angle[0]);                                        \
        }                                                                                          \
    }

ROTARY_ROW(rotary_row_f32, float)
ROTARY_ROW(rotary_row_f64, double)

static void rotary_run(const rotary_attr *attr, const tp_var *x, tp_var *y, const double *angles)
{
    int64_t width = tp__shape(x)[x->ndim - 1], rows = tp__shape(x)[x->ndim - 2], pairs = width / 2;
    int64_t step = attr->interleaved ? 2 : 1, apart = attr->interleaved ? 1 : pairs;
    int64_t bytes = width * (int64_t)tp__dtype_size(x->dtype);
    const char *from = x->data;
    char *to = y->data;
    for (int64_t row = 0; row * width < x->size; row++)
        (x->dtype == TP_F32 ? rotary_row_f32 : rotary_row_f64)(
            pairs, step, apart, angles + row % rows * width, to + row * bytes, from + row * bytes);
}

static bool rotary_forward(tp__call *call)
{
    size_t scope = tp_scope_begin();
    tp_var *x = tp__plain(call->in[0]);
    int64_t width = call->shape[call->ndim - 1], rows = call->shape[call->ndim - 2];
    double *angles = x->size ? tp__alloc((size_t)(rows * width) * sizeof *angles) : NULL;
    bool good = !tp_is_poison(x) && (angles || !x->size);
    if (good && x->size) {
        const rotary_attr *attr = rotary_attr_of(&call->attr);
        rotary_angles(attr, rows, width / 2, angles);
        rotary_run(attr, x, call->out, angles);
    }
    tp__free(angles);
    tp_scope_end(scope);
    return good;
}

static tp_var *rotary_apply(tp_var *x, const rotary_attr *given);

static void rotary_gradient(const tp__pull *pull)
{
    rotary_attr back = *rotary_attr_of(&pull->y->attr);
    back.sign = -back.sign;
    pull->gx[0] = rotary_apply(pull->gy, &back);
}

static tp_var *rotary_sample(tp_var *const *x)
{
    return (tp_rotary)(x[0], NULL);
}

static tp_var *rotary_sample_interleaved(tp_var *const *x)
{
    return tp_rotary(x[0], .base = 100, .offset = 3, .interleaved = true);
}

#define ROTARY_TORCH(join, parts, positions, base)                                                 \
    "(lambda a, b, t: torch." join "((a * t.cos() - b * t.sin(), a * t.sin() + b * t.cos()), "     \
    "-1))(" parts ", " positions "[:, None] * " base                                               \
    "**-torch.linspace(0, 1, x0.size(-1) // 2 + 1)[:-1].double())"

static const tp__op rotary_op = {
    .label = "Rotary",
    .name = "rotary",
    .n_in = 1,
    .flags = TP__LINEAR,
    TP__OWNS_BLOCK(rotary_attr),
    .infer = rotary_infer,
    .forward = rotary_forward,
    .gradient = rotary_gradient,
    .formula = "pairs turned by (offset + row) base^(−2i / E)",
    .rule = "gy turned back",
    .torch = "none",
    .samples =
        (const tp__sample[]){
            {"2,3,4", rotary_sample,
             ROTARY_TORCH("cat", "*x0.chunk(2, -1)", "torch.arange(x0.size(-2))", "10000")},
            {"3,4", rotary_sample_interleaved,
             ROTARY_TORCH("stack", "x0[..., ::2], x0[..., 1::2]", "(torch.arange(x0.size(-2)) + 3)",
                          "100") ".flatten(-2)"},
            {0}},
};

static tp_var *rotary_apply(tp_var *x, const rotary_attr *given)
{
    rotary_attr *attr = tp__alloc(sizeof *attr);
    if (!attr)
        return tp__poison();
    *attr = *given;
    return tp__apply(&rotary_op, &x, 1, (tp__attr){.block = attr}, -1, NULL);
}

tp_var *(tp_rotary)(tp_var *x, const tp_rotary_options *options)
{
    TP__CALL("rotary");
    TP__OPERANDS(x);
    tp_rotary_options o = TP_OPTIONS(tp_rotary_options);
    if (!tp__check_operand("rotary", x) || !tp__take_options("rotary", &o, sizeof o, options))
        return tp__poison();
    if (!tp__check_within("rotary", "base", o.base, DBL_TRUE_MIN, DBL_MAX))
        return tp__poison();
    if (x->ndim < 2 || tp__shape(x)[x->ndim - 1] % 2 != 0) {
        char shape[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE,
                       "rotary: x has shape %s, expected two dimensions or more and an even last "
                       "axis",
                       tp__shape_text(shape, x->ndim, tp__shape(x)));
    }
    if (!tp__is_float(x->dtype))
        x = tp_to(x, TP_F64);
    const rotary_attr attr = {
        .base = o.base, .sign = 1, .offset = o.offset, .interleaved = o.interleaved};
    return rotary_apply(x, &attr);
}

tp_var *tp_sinusoidal_positions(tp_dtype dtype, int64_t n, int64_t width)
{
    TP__CALL("sinusoidal_positions");
    static const char name[] = "sinusoidal_positions";
    if (!tp__check_dtype(name, dtype) || !tp__check_shape(name, 2, (int64_t[]){n, width}))
        return tp__poison();
    tp_var *y = tp__empty(dtype, 2, (int64_t[]){n, width});
    if (tp_is_poison(y))
        return y;
    size_t item = tp__dtype_size(dtype);
    for (int64_t k = 0; k < y->size; k++) {
        int64_t p = k / width, i = k % width;
        double angle = (double)p * pow(10000, -(double)(i - i % 2) / (double)width);
        tp__write_element(dtype, (char *)y->data + (size_t)k * item,
                          i % 2 ? cos(angle) : sin(angle));
    }
    return y;
}

static const tp__op *const position_ops[] = {&rotary_op, NULL};

const tp__family tp__family_positions = {"positions", "positions in sequences", position_ops};
