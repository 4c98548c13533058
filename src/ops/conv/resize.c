/* SPDX-License-Identifier: MIT
 *
 * Resampling along the last axes of an array, whose others are planes: each place of the result is
 * a mean of two neighbours along each axis, with weights that depend on the place only. So it is
 * linear, and with the opposite map, which shares out what a place holds, each is the other's
 * gradient. And pixels from channels, by other axes.
 */
#include "base/features.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "graph/apply.h"
#include "graph/structural.h"
#include "ops/families.h"
#include "tinypytorch.h"

enum { RESIZE_AXES = 3, RESIZE_PIECE = 256 };

typedef struct resize_attr {
    int ndim;
    bool nearest, align_corners;
    double scale; /* 0: by the sizes */
    int64_t from[RESIZE_AXES], to[RESIZE_AXES];
} resize_attr;

/* One place of the result: elements at[0] and at[1] with their weights. */
typedef struct resize_mean {
    int64_t at[2];
    double weight[2];
} resize_mean;

typedef struct resize_work {
    int64_t planes, in, out; /* elements of a plane */
    int64_t height, width;   /* before */
    int64_t size[RESIZE_AXES];
    const resize_mean *mean[RESIZE_AXES];
    const void *from;
    void *to;
    bool back, nearest;
} resize_work;

/* Nanoseconds for an element of the result, about. */
static const double resize_cost = 3;

/* --- Places --- */

static double resize_ratio(const resize_attr *attr, int axis)
{
    double from = (double)attr->from[axis], to = (double)attr->to[axis];
    if (attr->align_corners)
        return to > 1 ? (from - 1) / (to - 1) : 0;
    return attr->scale > 0 ? 1 / attr->scale : from / to;
}

static resize_mean resize_place(const resize_attr *attr, int axis, int64_t i)
{
    double ratio = resize_ratio(attr, axis), place = (double)i * ratio;
    int64_t last = attr->from[axis] - 1, exact = i * attr->from[axis] / attr->to[axis];
    if (attr->nearest && attr->scale == 0)
        place = (double)exact;
    else if (!attr->nearest && !attr->align_corners)
        place = fmax((place + ratio / 2) - 0.5, 0);
    int64_t at = (int64_t)place < last ? (int64_t)place : last;
    double weight = attr->nearest ? 0 : fmin(place - (double)at, 1);
    return (resize_mean){{at, at < last ? at + 1 : at}, {1 - weight, weight}};
}

/* Means for all axes, in one block; NULL when out of memory. */
static resize_mean *resize_means(const resize_attr *attr, resize_work *work)
{
    int64_t places = RESIZE_AXES;
    for (int i = 0; i < attr->ndim; i++)
        places += attr->to[i];
    resize_mean *block = tp__alloc((size_t)places * sizeof *block), *next = block;
    for (int i = 0; block && i < RESIZE_AXES; i++) {
        int axis = i - RESIZE_AXES + attr->ndim;
        work->mean[i] = next;
        work->size[i] = axis < 0 ? 1 : attr->to[axis];
        for (int64_t j = 0; j < work->size[i]; j++)
            *next++ = axis < 0 ? (resize_mean){{0, 0}, {1, 0}} : resize_place(attr, axis, j);
        work->out *= work->size[i];
        work->in *= axis < 0 ? 1 : attr->from[axis];
    }
    return block;
}

/* --- Kernels --- */

/* A line of elements, and its share in a line of the result. */
typedef struct resize_line {
    int64_t at;
    double weight;
} resize_line;

/* The lines that line number i of the result is made of, at most four. */
static int resize_lines(const resize_work *work, int64_t i, resize_line *line)
{
    const resize_mean *a = &work->mean[0][i / work->size[1]];
    const resize_mean *b = &work->mean[1][i % work->size[1]];
    int count = 0;
    for (int corner = 0; corner < 4; corner++) {
        double weight = a->weight[corner / 2] * b->weight[corner % 2];
        int64_t at = a->at[corner / 2] * work->height + b->at[corner % 2];
        if (weight != 0)
            line[count++] = (resize_line){at * work->width, weight};
    }
    return count;
}

#define RESIZE_KERNEL(Type, suffix)                                                                \
    static void resize_mean_##suffix(const resize_work *work, const resize_line *line, int count,  \
                                     const Type *from, Type *to)                                   \
    {                                                                                              \
        double sum[RESIZE_PIECE];                                                                  \
        int64_t n = work->size[2];                                                                 \
        for (int64_t start = 0; start < n; start += RESIZE_PIECE) {                                \
            const resize_mean *c = work->mean[2] + start;                                          \
            int64_t some = n - start < RESIZE_PIECE ? n - start : RESIZE_PIECE;                    \
            memset(sum, 0, (size_t)some * sizeof *sum);                                            \
            for (int j = 0; j < count; j++)                                                        \
                for (int64_t x = 0; x < some; x++) {                                               \
                    const Type *at = from + line[j].at;                                            \
                    double mean = c[x].weight[0] * (double)at[c[x].at[0]];                         \
                    if (c[x].weight[1] != 0)                                                       \
                        mean += c[x].weight[1] * (double)at[c[x].at[1]];                           \
                    sum[x] += line[j].weight * mean;                                               \
                }                                                                                  \
            for (int64_t x = 0; x < some; x++)                                                     \
                to[start + x] = (Type)sum[x];                                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void resize_share_##suffix(const resize_work *work, const resize_line *line, int count, \
                                      const Type *from, Type *to)                                  \
    {                                                                                              \
        const resize_mean *c = work->mean[2];                                                      \
        for (int j = 0; j < count; j++)                                                            \
            for (int64_t x = 0; x < work->size[2]; x++) {                                          \
                Type *at = to + line[j].at;                                                        \
                double part = line[j].weight * (double)from[x];                                    \
                at[c[x].at[0]] += (Type)(c[x].weight[0] * part);                                   \
                if (c[x].weight[1] != 0)                                                           \
                    at[c[x].at[1]] += (Type)(c[x].weight[1] * part);                               \
            }                                                                                      \
    }                                                                                              \
                                                                                                   \
    static void resize_plane_##suffix(void *ctx, int64_t plane)                                    \
    {                                                                                              \
        const resize_work *work = ctx;                                                             \
        const resize_mean *c = work->mean[2];                                                      \
        int64_t n = work->size[2];                                                                 \
        const Type *from = (const Type *)work->from + plane * (work->back ? work->out : work->in); \
        Type *to = (Type *)work->to + plane * (work->back ? work->in : work->out);                 \
        resize_line line[4];                                                                       \
        if (work->back)                                                                            \
            memset(to, 0, (size_t)work->in * sizeof *to);                                          \
        for (int64_t i = 0; i < work->size[0] * work->size[1]; i++) {                              \
            int count = resize_lines(work, i, line);                                               \
            if (work->back)                                                                        \
                resize_share_##suffix(work, line, count, from + i * n, to);                        \
            else if (!work->nearest)                                                               \
                resize_mean_##suffix(work, line, count, from, to + i * n);                         \
            else                                                                                   \
                for (int64_t x = 0; x < n; x++)                                                    \
                    to[i * n + x] = from[line[0].at + c[x].at[0]];                                 \
        }                                                                                          \
    }

RESIZE_KERNEL(float, f32)
RESIZE_KERNEL(double, f64)

static bool resize_run(tp__call *call, bool back)
{
    const resize_attr *attr = call->attr.block;
    resize_work work = {.planes = 1,
                        .in = 1,
                        .out = 1,
                        .to = call->out->data,
                        .back = back,
                        .nearest = attr->nearest};
    work.width = attr->from[attr->ndim - 1];
    work.height = attr->ndim > 1 ? attr->from[attr->ndim - 2] : 1;
    for (int i = 0; i < call->ndim - attr->ndim; i++)
        work.planes *= call->shape[i];
    size_t scope = tp_scope_begin();
    tp_var *in = tp__plain(call->in[0]);
    resize_mean *means = tp_is_poison(in) ? NULL : resize_means(attr, &work);
    if (means) {
        work.from = in->data;
        tp__parallel(work.planes, (double)work.planes * (double)work.out * resize_cost,
                     call->dtype == TP_F32 ? resize_plane_f32 : resize_plane_f64, &work);
    }
    tp_scope_end(scope);
    tp__free(means);
    return means != NULL;
}

/* --- Records --- */

static bool resize_shape(tp__call *call, const int64_t *size)
{
    const tp_var *x = call->in[0];
    const resize_attr *attr = call->attr.block;
    size_t lead = (size_t)(x->ndim - attr->ndim);
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), lead * sizeof *size);
    memcpy(call->shape + lead, size, (size_t)attr->ndim * sizeof *size);
    return true;
}

static bool resize_infer(tp__call *call)
{
    return resize_shape(call, ((const resize_attr *)call->attr.block)->to);
}

static bool resize_back_infer(tp__call *call)
{
    return resize_shape(call, ((const resize_attr *)call->attr.block)->from);
}

static bool resize_forward(tp__call *call)
{
    return resize_run(call, false);
}

static bool resize_back_forward(tp__call *call)
{
    return resize_run(call, true);
}

static void resize_gradient(const tp__pull *pull);
static void resize_back_gradient(const tp__pull *pull);

static tp_var *resize_sample_nearest(tp_var *const *x)
{
    return tp_interpolate(x[0], .scale = 2);
}

static tp_var *resize_sample_linear(tp_var *const *x)
{
    return tp_interpolate(x[0], .to = TP_SIZES(5), .mode = TP_LINEAR);
}

static tp_var *resize_sample_bilinear(tp_var *const *x)
{
    return tp_interpolate(x[0], .to = TP_SIZES(3, 5), .mode = TP_BILINEAR);
}

static tp_var *resize_sample_corners(tp_var *const *x)
{
    return tp_interpolate(x[0], .scale = 1.5, .mode = TP_BILINEAR, .align_corners = true);
}

static tp_var *resize_back_sample(tp_var *const *x);

static const tp__op resize_op = {
    .label = "Interpolate",
    .name = "interpolate",
    .n_in = 1,
    .flags = TP__LINEAR,
    TP__OWNS_BLOCK(resize_attr),
    .infer = resize_infer,
    .forward = resize_forward,
    .gradient = resize_gradient,
    .formula = "x at other places",
    .rule = "interpolate_back(gy)",
    .torch = "F.interpolate",
    .samples =
        (const tp__sample[]){
            {"1,3,4", resize_sample_nearest, "F.interpolate(x0, scale_factor=2)"},
            {"1,1,2,3,2", resize_sample_nearest, "F.interpolate(x0, scale_factor=2)"},
            {"2,1,4", resize_sample_linear, "F.interpolate(x0, 5, mode='linear')"},
            {"1,2,4,3", resize_sample_bilinear, "F.interpolate(x0, (3, 5), mode='bilinear')"},
            {"1,1,3,4", resize_sample_corners,
             "F.interpolate(x0, scale_factor=1.5, mode='bilinear', align_corners=True)"},
            {0}},
};

static const tp__op resize_back_op = {
    .label = "InterpolateBack",
    .name = "interpolate_back",
    .n_in = 1,
    .flags = TP__LINEAR,
    TP__OWNS_BLOCK(resize_attr),
    .infer = resize_back_infer,
    .forward = resize_back_forward,
    .gradient = resize_back_gradient,
    .formula = "each element shared out among those that it is the mean of",
    .rule = "interpolate(gy)",
    .samples =
        (const tp__sample[]){{"1,1,4,6", resize_back_sample, "4 * F.avg_pool2d(x0, 2)"}, {0}},
};

static tp_var *resize_apply(const tp__op *op, tp_var *x, const resize_attr *attr)
{
    resize_attr *block = tp__alloc(sizeof *block);
    if (!block)
        return tp__poison();
    *block = *attr;
    return tp__apply(op, &x, 1, (tp__attr){.block = block}, -1, NULL);
}

static void resize_gradient(const tp__pull *pull)
{
    pull->gx[0] = resize_apply(&resize_back_op, pull->gy, pull->y->attr.block);
}

static void resize_back_gradient(const tp__pull *pull)
{
    pull->gx[0] = resize_apply(&resize_op, pull->gy, pull->y->attr.block);
}

/* --- interpolate --- */

static bool resize_refuse(const tp_var *x, const char *why)
{
    char text[TP__SHAPE_TEXT], name[64];
    tp_fail(TP_ERROR_SHAPE, "interpolate: x %s%s %s", tp__shape_text(text, x->ndim, tp__shape(x)),
            tp__name_text(name, x), why);
    return false;
}

static bool resize_has_size(const tp_interpolate_options *options)
{
    return options->to.n > 0 || options->to.one != -1;
}

static bool resize_options(const tp_var *x, const tp_interpolate_options *options)
{
    static const char *const modes[] = {"TP_NEAREST", "TP_LINEAR", "TP_BILINEAR"};
    int ndim = x->ndim - 2, mode = (int)options->mode;
    if (ndim < 1 || ndim > RESIZE_AXES)
        return resize_refuse(x, "is not (images, channels and one to three more axes)");
    for (int i = 1; i < x->ndim; i++)
        if (tp__shape(x)[i] == 0)
            return resize_refuse(x, "has no elements");
    if (mode < TP_NEAREST || mode > TP_BILINEAR)
        tp_fail(TP_ERROR_ARGUMENT, "interpolate: mode is %d", mode);
    else if (mode != TP_NEAREST && mode != ndim)
        tp_fail(TP_ERROR_ARGUMENT, "interpolate: %s is for %d axes, x has %d", modes[mode], mode,
                ndim);
    else if (options->align_corners && mode == TP_NEAREST)
        tp_fail(TP_ERROR_ARGUMENT, "interpolate: TP_NEAREST has no align_corners");
    else if (resize_has_size(options) == (options->scale != TP_AUTO))
        tp_fail(TP_ERROR_ARGUMENT, "interpolate: one of to and scale is wanted");
    else
        return true;
    return false;
}

static bool resize_sizes(const tp_var *x, const tp_interpolate_options *options, resize_attr *attr)
{
    *attr = (resize_attr){.ndim = x->ndim - 2,
                          .nearest = options->mode == TP_NEAREST,
                          .align_corners = options->align_corners,
                          .scale = options->scale};
    memcpy(attr->from, tp__shape(x) + 2, (size_t)attr->ndim * sizeof *attr->from);
    if (resize_has_size(options))
        return tp__take_sizes("interpolate", "to", &options->to, attr->ndim, 1, attr->to);
    for (int i = 0; i < attr->ndim; i++) {
        double to = floor((double)attr->from[i] * options->scale);
        if (!(to >= 1 && to <= (double)INT32_MAX)) {
            tp_fail(TP_ERROR_ARGUMENT,
                    "interpolate: by scale %g the result's size along axis %d is %g",
                    options->scale, i - attr->ndim, to);
            return false;
        }
        attr->to[i] = (int64_t)to;
    }
    return true;
}

tp_var *(tp_interpolate)(tp_var *x, const tp_interpolate_options *given)
{
    TP__CALL("interpolate");
    TP__OPERANDS(x);
    resize_attr attr;
    tp_interpolate_options options = TP_OPTIONS(tp_interpolate_options);
    if (!tp__check_operand("interpolate", x) ||
        !tp__take_options("interpolate", &options, sizeof options, given) ||
        !resize_options(x, &options) || !resize_sizes(x, &options, &attr))
        return tp__poison();
    return resize_apply(&resize_op, tp__is_float((tp_dtype)x->dtype) ? x : tp_to(x, TP_F64), &attr);
}

static tp_var *resize_back_sample(tp_var *const *x)
{
    if (!tp__check_operand("interpolate_back", x[0]))
        return tp__poison();
    if (x[0]->ndim != 4 || x[0]->size == 0)
        return tp__refuse_shape("interpolate_back", "x", x[0], "four axes with elements");
    const int64_t *to = tp__shape(x[0]) + 2;
    resize_attr attr = {.ndim = 2, .nearest = true, .to = {to[0], to[1]}};
    attr.from[0] = to[0] / 2, attr.from[1] = to[1] / 2;
    tp_var *v = tp__is_float((tp_dtype)x[0]->dtype) ? x[0] : tp_to(x[0], TP_F64);
    return resize_apply(&resize_back_op, v, &attr);
}

/* --- pixel_shuffle --- */

/* True if the last axes of x, channels, height and width, are multiples of these. */
/* Channels are shared out among r² pixels, or pixels of each axis among r. */
static bool shuffle_check(const char *name, const tp_var *x, int64_t r, bool of_channels)
{
    char text[TP__SHAPE_TEXT];
    bool possible = r >= 1 && r <= INT32_MAX;
    int64_t channels = of_channels && possible ? r * r : 1, pixels = of_channels ? 1 : r;
    if (!tp__check_operand(name, x))
        return false;
    const int64_t *last = tp__shape(x) + (x->ndim < 3 ? 0 : x->ndim - 3);
    if (!possible)
        tp_fail(TP_ERROR_ARGUMENT, "%s: r is %lld, expected 1 or more", name, (long long)r);
    else if (x->ndim < 3 || x->ndim + 2 > TP_MAX_NDIM)
        tp_fail(TP_ERROR_SHAPE, "%s: x %s, expected (…, channels, height, width)", name,
                tp__shape_text(text, x->ndim, tp__shape(x)));
    else if (last[0] % channels || last[1] % pixels || last[2] % pixels)
        tp_fail(TP_ERROR_SHAPE, "%s: x %s: axis %d is no multiple of %lld", name,
                tp__shape_text(text, x->ndim, tp__shape(x)),
                last[0] % channels ? -3
                : last[1] % pixels ? -2
                                   : -1,
                (long long)(last[0] % channels ? channels : pixels));
    else
        return true;
    return false;
}

/* x with its last three axes as `split` sizes, in another order, then as three sizes. */
static tp_var *shuffle(tp_var *x, const int64_t *split, const int64_t *order, const int64_t *last)
{
    int lead = x->ndim - 3;
    int64_t shape[TP_MAX_NDIM], axes[TP_MAX_NDIM];
    memcpy(shape, tp__shape(x), (size_t)lead * sizeof *shape);
    memcpy(shape + lead, split, 5 * sizeof *shape);
    for (int i = 0; i < lead + 5; i++)
        axes[i] = i < lead ? i : lead + order[i - lead];
    tp_var *y = tp_permute(tp_reshape(x, lead + 5, shape), lead + 5, axes);
    memcpy(shape + lead, last, 3 * sizeof *shape);
    return tp_is_poison(y) ? y : tp__fresh(tp_reshape(y, lead + 3, shape), x);
}

tp_var *tp_pixel_shuffle(tp_var *x, int64_t r)
{
    TP__CALL("pixel_shuffle");
    TP__OPERANDS(x);
    if (!shuffle_check("pixel_shuffle", x, r, true))
        return tp__poison();
    const int64_t *n = tp__shape(x) + x->ndim - 3, channels = n[0] / (r * r);
    return shuffle(x, (int64_t[]){channels, r, r, n[1], n[2]}, (int64_t[]){0, 3, 1, 4, 2},
                   (int64_t[]){channels, n[1] * r, n[2] * r});
}

tp_var *tp_pixel_unshuffle(tp_var *x, int64_t r)
{
    TP__CALL("pixel_unshuffle");
    TP__OPERANDS(x);
    if (!shuffle_check("pixel_unshuffle", x, r, false))
        return tp__poison();
    const int64_t *n = tp__shape(x) + x->ndim - 3;
    return shuffle(x, (int64_t[]){n[0], n[1] / r, r, n[2] / r, r}, (int64_t[]){0, 2, 4, 1, 3},
                   (int64_t[]){n[0] * r * r, n[1] / r, n[2] / r});
}

static tp_var *pixel_shuffle_sample(tp_var *const *x)
{
    return tp_pixel_shuffle(x[0], 2);
}

static tp_var *pixel_unshuffle_sample(tp_var *const *x)
{
    return tp_pixel_unshuffle(x[0], 2);
}

static const tp__op pixel_shuffle_op = {
    .label = "PixelShuffle",
    .name = "pixel_shuffle",
    .n_in = 1,
    .flags = TP__COMPOSITE,
    .formula = "channels as places",
    .rule = "pixel_unshuffle(gy)",
    .torch = "F.pixel_shuffle",
    .samples =
        (const tp__sample[]){
            {"4,2,3", pixel_shuffle_sample,
             "x0.reshape(x0.shape[0] // 4, 2, 2, *x0.shape[1:]).permute(0, 3, 1, 4, 2)"
             ".reshape(x0.shape[0] // 4, 2 * x0.shape[1], 2 * x0.shape[2])"},
            {0}},
};

static const tp__op pixel_unshuffle_op = {
    .label = "PixelUnshuffle",
    .name = "pixel_unshuffle",
    .n_in = 1,
    .flags = TP__COMPOSITE,
    .formula = "places as channels",
    .rule = "pixel_shuffle(gy)",
    .torch = "F.pixel_unshuffle",
    .samples =
        (const tp__sample[]){
            {"3,4,6", pixel_unshuffle_sample,
             "x0.reshape(*x0.shape[:-2], x0.shape[-2] // 2, 2, x0.shape[-1] // 2, 2)"
             ".movedim((-3, -1), (-4, -3)).reshape(*x0.shape[:-3], 4 * x0.shape[-3], "
             "x0.shape[-2] // 2, x0.shape[-1] // 2)"},
            {0}},
};

static const tp__op *const resize_ops[] = {&resize_op, &resize_back_op, &pixel_shuffle_op,
                                           &pixel_unshuffle_op, NULL};

const tp__family tp__family_resize = {"resize", "resampling", resize_ops};
