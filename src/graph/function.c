/* SPDX-License-Identifier: MIT
 *
 * Applying runs the caller's `forward` without recording, and then records one node, the call, on
 * the operands; what the caller gets are recorded aliases of what forward made. Going back, the
 * call's rule gives the caller's `backward` the inputs, the outputs if it reads them, and the
 * outputs' gradients.
 *
 * What makes a hand-written rule silently wrong at the second order is refused: a gradient that
 * does not lead back to what backward was given, numbers taken out of recorded values while it
 * runs, values that forward kept (the thread's `guarded`).
 */
#include "base/features.h"

#include "graph/function.h"

#include <stddef.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/map.h"
#include "base/scope.h"
#include "graph/apply.h"
#include "graph/compose.h"
#include "graph/series.h"
#include "graph/tangent.h"
#include "tinypytorch.h"

static const tp__function_call *function_of(const tp_var *call)
{
    return call->attr.block;
}

/* --- Applying --- */

static bool function_check(const tp_function *f, tp_var *const *in, tp_var **out)
{
    if (!f || f->size < offsetof(tp_function, jvp) || !f->name || !f->forward || !f->backward ||
        f->n_in < 1 || f->n_out < 1 || !in || !out) {
        tp_fail(TP_ERROR_ARGUMENT,
                "apply: expected a tp_function with size, name, forward, backward, n_in ≥ 1 and "
                "n_out ≥ 1, and arrays in and out");
        return false;
    }
    for (int i = 0; i < f->n_in; i++)
        if (!tp__check_operand_of(f->name, in[i], i, f->n_in))
            return false;
    return true;
}

/* Runs forward in a scope of its own; results in out, handles in the caller's scope. */
static bool function_forward(const tp_function *f, void *ctx, tp_var *const *in, tp_var **out)
{
    TP__CALLER();
    tp__thread *t = tp__here();
    const char *guard = tp__guard(t, NULL);
    bool mode = tp_set_grad_enabled(false);
    size_t scope = tp_scope_begin();
    for (int i = 0; i < f->n_out; i++)
        out[i] = NULL;
    f->forward(ctx, in, out);
    bool good = !t->code;
    for (int i = 0; i < f->n_out && good; i++) {
        if (out[i] && (out[i]->flags & TP__WEAK))
            out[i] = tp_detach(out[i]);
        good = out[i] && !tp_is_poison(tp_leave(out[i]));
        if (!good)
            tp_fail(TP_ERROR_ARGUMENT, "%s: its forward left output %d unset", f->name, i);
    }
    tp_scope_end(scope);
    tp__guard(t, guard);
    tp_set_grad_enabled(mode);
    return good;
}

/* An output of call with value's elements, one reference. */
static tp_var *function_output(tp__thread *t, tp_var *call, tp_var *value, int number)
{
    tp_var *y = tp__alias(t, value);
    if (!y || !tp__record(y, &tp__op_output, &call, 1)) {
        if (y)
            tp__drop(y);
        return NULL;
    }
    y->attr.integer = number;
    function_of(call)->outputs.living[number] = y;
    return y;
}

/* The call's attribute: the caller's struct, of which an older program may have a shorter one, and
 * room to point at the outputs that are alive. */
static tp__function_call *function_block(const tp_function *f, void *ctx)
{
    size_t outputs = (size_t)f->n_out * sizeof(tp_var *);
    tp__function_call *block = tp__alloc_zero(1, sizeof *block + outputs);
    if (block) {
        block->outputs.n = (uint32_t)f->n_out;
        block->outputs.living = (tp_var **)(block + 1);
        memcpy(&block->function, f, f->size < sizeof *f ? f->size : sizeof *f);
        block->ctx = ctx;
    }
    return block;
}

/* The inputs and, when backward reads the outputs, their shadows. */
static bool function_record(tp_var *call, const tp_function *f, tp_var *const *in,
                            tp_var *const *out)
{
    int shadows = f->reads & TP_READS_OUTPUTS ? f->n_out : 0, n = f->n_in + shadows;
    tp_var **all = tp__alloc((size_t)n * sizeof *all);
    bool good = all != NULL;
    if (good)
        memcpy(all, in, (size_t)f->n_in * sizeof *all);
    size_t scope = tp_scope_begin();
    for (int i = 0; i < shadows && good; i++) {
        all[f->n_in + i] = tp_detach(out[i]);
        good = !tp_is_poison(all[f->n_in + i]);
    }
    good = good && tp__record(call, &tp__op_call, all, n);
    tp_scope_end(scope);
    tp__free(all);
    return good;
}

/* A recorded call with one reference, or NULL. */
static tp_var *function_call_node(tp__thread *t, const tp_function *f, void *ctx, tp_var *const *in,
                                  tp_var *const *out)
{
    tp__function_call *block = function_block(f, ctx);
    tp_var *call = block ? tp__node_number(t, 0) : NULL;
    if (call)
        call->flags &= (uint16_t)~TP__NUMBER;
    if (!call || !function_record(call, f, in, out)) {
        tp__free(block);
        if (call)
            tp__drop(call);
        return NULL;
    }
    call->attr.block = block;
    return call;
}

static bool function_outputs(tp__thread *t, const tp_function *f, void *ctx, tp_var *const *in,
                             tp_var **out)
{
    tp_var *call = function_call_node(t, f, ctx, in, out);
    bool good = call != NULL;
    for (int i = 0; i < f->n_out && good; i++) {
        if (!tp__is_float((tp_dtype)out[i]->dtype))
            continue;
        out[i] = tp__own(t, function_output(t, call, out[i], i));
        good = !tp_is_poison(out[i]);
    }
    if (call)
        tp__drop(call);
    return good;
}

void tp_apply(const tp_function *f, void *ctx, tp_var *const *in, tp_var **out)
{
    tp__thread *t = tp__here();
    bool good = function_check(f, in, out) && !t->code && function_forward(f, ctx, in, out);
    bool depends = false;
    for (int i = 0; good && i < f->n_in; i++)
        depends = depends || (in[i]->flags & TP__NEEDS_GRAD);
    if (good && depends && !(t->recording.modes & TP__NO_GRAD))
        good = function_outputs(t, f, ctx, in, out);
    for (int i = 0; !good && out && f && i < f->n_out; i++)
        out[i] = tp__poison();
}

/* --- Differentiating --- */

static bool function_is_alias(const tp_var *v, tp_var *const *gout, int n)
{
    for (int i = 0; i < n; i++)
        if (v == gout[i])
            return true;
    return false;
}

/* True if v was made from one of the aliases. */
static bool function_made_from(tp_var *v, tp_var *const *gout, int n)
{
    tp__map met = {0};
    bool added, found = false;
    bool good = tp__map_add(&met, v, &added) != NULL;
    for (size_t at = 0; at < met.n && good && !found; at++) {
        tp_var *node = (tp_var *)tp__map_at(&met)[at].key;
        found = function_is_alias(node, gout, n);
        for (uint32_t i = 0; i < node->n_in && good; i++)
            if (tp__inputs(node)[i]->flags & TP__NEEDS_GRAD)
                good = tp__map_add(&met, tp__inputs(node)[i], &added) != NULL;
    }
    tp__map_drop(&met);
    return found;
}

/* The output, made again from its shadow if it was dropped. */
static tp_var *function_living_output(tp__thread *t, tp_var *call, int number)
{
    const tp__function_call *block = function_of(call);
    tp_var *living = block->outputs.living[number];
    if (living) {
        tp__ref(living);
        return tp__own(t, living);
    }
    tp_var *shadow = tp__inputs(call)[block->function.n_in + number];
    if (!tp__is_float((tp_dtype)shadow->dtype))
        return shadow;
    return tp__own(t, function_output(t, call, shadow, number));
}

/* Gradient i that backward gave is of its input's type and shape, and in a recorded sweep leads
 * back to what backward was given: otherwise its own derivative would be a zero that nobody meant.
 */
static bool function_check_gradient(const tp__pull *pull, tp_var *const *gout, int i)
{
    const tp_function *f = &function_of(pull->y)->function;
    tp_var *g = pull->gx[i], *x = pull->x[i];
    char ours[TP__SHAPE_TEXT], theirs[TP__SHAPE_TEXT];
    if (!g || !pull->wanted[i])
        return true;
    if (!tp__check_operand(f->name, g))
        return false;
    if (g->dtype != x->dtype || !tp__same_shape(g, x->ndim, tp__shape(x))) {
        tp_fail(g->dtype != x->dtype ? TP_ERROR_DTYPE : TP_ERROR_SHAPE,
                "%s: its backward gave a gradient %s %s for input %d, which is %s %s", f->name,
                tp_dtype_name((tp_dtype)g->dtype), tp__shape_text(theirs, g->ndim, tp__shape(g)), i,
                tp_dtype_name((tp_dtype)x->dtype), tp__shape_text(ours, x->ndim, tp__shape(x)));
        return false;
    }
    if (!pull->record || function_made_from(g, gout, f->n_out))
        return true;
    if (!tp__here()->code)
        tp_fail(
            TP_ERROR_GRAPH,
            "%s: under create_graph its gradient for input %d was not made from gout by recorded "
            "operations, so its derivative would be wrong",
            f->name, i);
    return false;
}

/* Fills in[], out[] and gout[] with what the function may read. */
static bool function_view(const tp__pull *pull, tp_var **in, tp_var **out, tp_var **gout)
{
    tp__thread *t = tp__here();
    const tp_function *f = &function_of(pull->y)->function;
    for (int i = 0; i < f->n_in; i++)
        in[i] = f->reads & TP_READS_INPUTS ? pull->x[i] : NULL;
    for (int i = 0; i < f->n_out; i++) {
        tp_var *g = pull->gys[i];
        gout[i] = g && pull->record ? tp__recorded_alias(g) : g;
        out[i] = f->reads & TP_READS_OUTPUTS ? function_living_output(t, pull->y, i) : NULL;
    }
    return !t->code;
}

/* True, with an error, if something that the function says it reads was edited since the call. */
static bool function_stale(const tp_var *call, const tp_function *f)
{
    tp_var *const *in = tp__inputs((tp_var *)call);
    const uint32_t *versions = tp__input_versions((tp_var *)call);
    uint32_t first = f->reads & TP_READS_INPUTS ? 0 : (uint32_t)f->n_in;
    for (uint32_t i = first; i < call->n_in; i++)
        if (tp__version(in[i]) != versions[i]) {
            tp_fail(TP_ERROR_GRAPH,
                    "backward: the gradient of %s needs %s %u, which was edited in place since it "
                    "was recorded",
                    f->name, i < (uint32_t)f->n_in ? "input" : "output",
                    i < (uint32_t)f->n_in ? i : i - (uint32_t)f->n_in);
            return true;
        }
    return false;
}

/* Says where an error inside backward or jvp comes from. */
static void function_locate_error(tp__thread *t, const tp_function *f, const char *where)
{
    size_t length = strlen(t->error.message);
    if (strncmp(t->error.message, f->name, strlen(f->name)) != 0)
        snprintf(t->error.message + length, sizeof t->error.message - length,
                 " (in the %s of %s, which gets only what its reads names)", where, f->name);
}

/* The call's rule: the caller's backward, which may neither turn recording on for the sweep nor
 * off, and is watched for values without a graph while it runs under create_graph. */
static void call_gradient(const tp__pull *pull)
{
    TP__CALLER();
    tp__thread *t = tp__here();
    const tp__function_call *block = function_of(pull->y);
    const tp_function *f = &block->function;
    size_t n_in = (size_t)f->n_in, n_out = (size_t)f->n_out;
    if (function_stale(pull->y, f))
        return;
    tp_var **views = tp__alloc((n_in + 2 * n_out) * sizeof *views);
    if (views && function_view(pull, views, views + n_in, views + n_in + n_out)) {
        const char *guard = tp__guard(t, pull->record ? f->name : NULL);
        f->backward(block->ctx, views, views + n_in, views + n_in + n_out, pull->gx);
        tp__set_mode(t, TP__NO_GRAD, !pull->record);
        if (t->code)
            function_locate_error(t, f, "backward");
        tp__guard(t, guard);
        bool good = !t->code;
        for (int i = 0; i < f->n_in && good; i++)
            good = function_check_gradient(pull, views + n_in + n_out, i);
    }
    tp__free(views);
}

/* --- Forwards ---
 *
 * jvp gives the derivative of the outputs along that of the inputs, as a graph on both. So
 * coefficient k of an output is coefficient k − 1 of that graph's series, divided by k; these
 * depend on the outputs' coefficients before. */

typedef struct function_push {
    tp_var **in, **out, **din, **dout;
    tp_var **slopes; /* order coefficients of each input's derivative */
    tp__series_seed *seeds;
    size_t n_seeds;
    bool record;
} function_push;

static tp_var **push_row(const tp__jet *jet, int output)
{
    return jet->y + output * (jet->order + 1);
}

static bool push_changes(const tp__jet *jet, int i)
{
    for (int k = 1; k <= jet->order; k++)
        if (jet->x[i][k])
            return true;
    return false;
}

/* Input i's change, and seeds for its series and its change's. */
static void push_input(const tp__jet *jet, function_push *p, int i)
{
    if (!push_changes(jet, i))
        return;
    tp_var *x = jet->x[i][0], **slope = p->slopes + i * jet->order;
    tp__series_slope(jet->x[i], jet->order, slope);
    if (!slope[0])
        slope[0] = tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x));
    if (p->record)
        slope[0] = tp__tangent_seed(jet->node, slope[0]);
    p->din[i] = slope[0];
    p->seeds[p->n_seeds++] = (tp__series_seed){x, jet->x[i]};
    p->seeds[p->n_seeds++] = (tp__series_seed){slope[0], slope};
}

static bool push_view(const tp__jet *jet, function_push *p)
{
    tp__thread *t = tp__here();
    const tp__function_call *block = function_of(jet->node);
    const tp_function *f = &block->function;
    for (int i = 0; i < f->n_in; i++) {
        push_input(jet, p, i);
        p->in[i] = f->reads & TP_READS_INPUTS ? jet->x[i][0] : NULL;
    }
    for (int j = 0; j < f->n_out && !t->code; j++) {
        if (f->reads & TP_READS_OUTPUTS)
            p->out[j] = function_living_output(t, jet->node, j);
        push_row(jet, j)[0] = block->outputs.living[j] ? block->outputs.living[j] : jet->node;
        if (block->outputs.living[j])
            p->seeds[p->n_seeds++] = (tp__series_seed){block->outputs.living[j], push_row(jet, j)};
    }
    return !t->code;
}

static bool push_check(const tp__jet *jet, const function_push *p, int j)
{
    const tp_function *f = &function_of(jet->node)->function;
    const tp_var *y = function_of(jet->node)->outputs.living[j];
    char what[40];
    snprintf(what, sizeof what, "its jvp's output %d", j);
    if (!p->dout[j] || !y)
        return true;
    if (!tp__check_like(f->name, what, p->dout[j], "the output", y))
        return false;
    if (!p->record || function_made_from(p->dout[j], p->din, f->n_in))
        return true;
    if (!tp__here()->code)
        tp_fail(TP_ERROR_GRAPH,
                "%s: with recording on, %s was not made from din by recorded operations, so its "
                "derivative would be wrong",
                f->name, what);
    return false;
}

static bool push_run(const tp__jet *jet, function_push *p)
{
    TP__CALLER();
    tp__thread *t = tp__here();
    const tp__function_call *block = function_of(jet->node);
    const char *guard = tp__guard(t, p->record ? block->function.name : NULL);
    block->function.jvp(block->ctx, p->in, p->out, p->din, p->dout);
    tp__set_mode(t, TP__NO_GRAD, !p->record);
    tp__guard(t, guard);
    if (t->code)
        function_locate_error(t, &block->function, "jvp");
    bool good = !t->code;
    for (int j = 0; j < block->function.n_out && good; j++)
        good = push_check(jet, p, j);
    return good;
}

static bool push_integrate(const tp__jet *jet, const function_push *p)
{
    const tp__function_call *block = function_of(jet->node);
    tp_var **series = tp__series_new(jet->order + 1);
    bool good = series != NULL;
    for (int k = 1; k <= jet->order; k++)
        for (int j = 0; j < block->function.n_out && good; j++) {
            if (!p->dout[j] || !block->outputs.living[j])
                continue;
            if (jet->order > 1)
                good = tp__series_walk(block->function.name, p->dout[j], k - 1, p->seeds,
                                       p->n_seeds, series);
            push_row(jet, j)[k] =
                jet->order > 1 ? tp__series_scale(series[k - 1], 1.0 / k) : p->dout[j];
        }
    tp__free(series);
    return good;
}

/* jet->y has a row for each output. */
static void call_taylor(const tp__jet *jet)
{
    const tp_function *f = &function_of(jet->node)->function;
    size_t n_in = (size_t)f->n_in, n_out = (size_t)f->n_out, order = (size_t)jet->order;
    if (!f->jvp) {
        tp_fail(TP_ERROR_GRAPH,
                "%s: it has no jvp (tp_function), which a series needs; differentiate by "
                "tp_gradient",
                f->name);
        return;
    }
    function_push p = {.record = tp_is_grad_enabled() || jet->order > 1};
    p.in = tp__alloc_zero(2 * (n_in + n_out) + n_in * order, sizeof *p.in);
    p.seeds = tp__alloc((2 * n_in + n_out) * sizeof *p.seeds);
    if (p.in && p.seeds) {
        p.out = p.in + n_in;
        p.din = p.out + n_out;
        p.dout = p.din + n_in;
        p.slopes = p.dout + n_out;
        bool mode = tp_set_grad_enabled(p.record);
        if (push_view(jet, &p) && push_run(jet, &p))
            push_integrate(jet, &p);
        tp_set_grad_enabled(mode);
    }
    tp__free(p.seeds);
    tp__free(p.in);
}

bool tp__has_series(tp_var *y, const tp_var *x)
{
    tp__map met = {0};
    bool added, has = true, good = tp__map_add(&met, y, &added) != NULL;
    for (size_t at = 0; at < met.n && good && has; at++) {
        tp_var *v = (tp_var *)tp__map_at(&met)[at].key;
        has = v->op != &tp__op_call || function_of(v)->function.jvp;
        for (uint32_t i = 0; i < v->n_in && good && v->generation > x->generation; i++)
            if (tp__inputs(v)[i]->flags & TP__NEEDS_GRAD)
                good = tp__map_add(&met, tp__inputs(v)[i], &added) != NULL;
    }
    tp__map_drop(&met);
    return has;
}

/* Sweeps and drawings treat outputs themselves; the rule only says that there is a derivative. */
static void output_gradient(const tp__pull *pull)
{
    (void)pull;
}

/* An output goes: its call forgets it. */
static void output_release(tp_var *output)
{
    function_of(output->in.few[0])->outputs.living[output->attr.integer] = NULL;
}

const tp__op tp__op_call = {
    .head = {tp__release_block},
    .label = "Function",
    .name = "function",
    .flags = TP__OUTPUTS,
    .gradient = call_gradient,
    .taylor = call_taylor,
    .rule = "the function's backward",
};

const tp__op tp__op_output = {
    .head = {output_release},
    .label = "Output",
    .name = "output",
    .n_in = 1,
    .flags = TP__OUTPUT,
    .gradient = output_gradient,
    .rule = "gy, to the output's place in the call",
};
