/* SPDX-License-Identifier: MIT
 *
 * Reading values: elements, facts such as shape and type, names, text.
 *
 * Facts are known from when a value is made: asking for them computes nothing, and works for poison
 * too, which is like a 0-d float64 of NaN. Elements may wait to be computed or may have been
 * dropped; whoever reads them calls tp__evaluate first, and so may run out of memory.
 *
 * What returns no value has no poison to return: it records the error and gives NaN, 0 or NULL.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/array.h"

#include <math.h>
#include <stdlib.h>

#include "array/array.h"
#include "array/format.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/error.h"
#include "base/text.h"

static bool read_known(const char *call, const tp_var *v)
{
    if (!v)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the value is NULL", call);
    return v != NULL;
}

/* True if v is there and not poison, which is an error again if that of its call was cleared. */
static bool read_sound(const char *call, const tp_var *v)
{
    return read_known(call, v) && tp__check_operand(call, v);
}

/* While a user's backward is recorded, its derivative follows from the operations that it calls.
 * What it computed in C from a recorded value's numbers would be a constant in that derivative,
 * which would be wrong without a sign of it; so this is an error. */
bool tp__may_read(const char *call, const tp_var *v)
{
    const char *function = tp__here()->recording.guarded;
    if (!function || !(v->flags & TP__NEEDS_GRAD))
        return true;
    tp_fail(TP_ERROR_GRAPH,
            "%s: its backward (or jvp) takes numbers out of a recorded value by tp_%s while it is "
            "recorded, so the second derivative would be wrong; use operations, or tp_detach for a "
            "constant",
            function, call);
    return false;
}

double tp_item(const tp_var *given)
{
    char text[TP__SHAPE_TEXT];
    tp_var *v = (tp_var *)given;
    if (!read_sound("item", v) || !tp__may_read("item", v))
        return (double)NAN;
    if (v->size != 1) {
        tp_fail(TP_ERROR_SHAPE, "item: shape %s has %lld elements, expected one",
                tp__shape_text(text, v->ndim, tp__shape(v)), (long long)v->size);
        return (double)NAN;
    }
    return tp__evaluate(v) ? tp__read_element((tp_dtype)v->dtype, v->data) : (double)NAN;
}

/* The pointer is good as long as v, so the elements must not move. Those in the node would when a
 * view is made, and are moved to a storage now. A pinned storage keeps them in an edit (tp__edit).
 */
const void *tp__elements(tp_var *v)
{
    if (!read_sound("data", v) || !tp__may_read("data", v) || !tp__evaluate(v))
        return NULL;
    if (v->flags & TP__CONTIGUOUS) {
        bool shared = v->flags & TP__SHARED;
        if (!shared && !tp__node_expose(v))
            return NULL;
        if (!shared && !v->storage->read_only)
            v->storage->pinned = true;
        return v->data;
    }
    tp__thread *t = tp__here();
    tp_var *copy = tp__own(t, tp__copy_as(t, v, (tp_dtype)v->dtype));
    return copy->flags & TP__POISON ? NULL : copy->data;
}

const void *tp_data(tp_var *v)
{
    const void *data = tp__elements(v);
    return data ? data : tp__error_null();
}

const int64_t *tp_shape(const tp_var *v)
{
    return read_known("shape", v) ? tp__shape(v) : NULL;
}

int tp_ndim(const tp_var *v)
{
    return read_known("ndim", v) ? v->ndim : 0;
}

int64_t tp_size(const tp_var *v)
{
    return read_known("size", v) ? v->size : 0;
}

tp_dtype tp_dtype_of(const tp_var *v)
{
    return read_known("dtype_of", v) ? (tp_dtype)v->dtype : TP_F64;
}

int64_t tp_len(const tp_var *v)
{
    if (!read_sound("len", v))
        return 0;
    if (v->ndim == 0) {
        tp_fail(TP_ERROR_SHAPE, "len: a 0-d array has no length");
        return 0;
    }
    return tp__shape(v)[0];
}

void tp_set_name(tp_var *v, const char *name)
{
    if (!read_known("set_name", v) || (v->flags & TP__POISON))
        return;
    if (v->flags & TP__SHARED) {
        tp_fail(TP_ERROR_GRAPH, "set_name: the value is shared between threads and read-only");
        return;
    }
    char *copy = name ? tp__copy_text(name) : NULL;
    tp__extra *extra = name && !copy ? NULL : tp__extra_of(v);
    if (!extra) {
        tp__free(copy);
        return;
    }
    tp__free(extra->name);
    extra->name = copy;
}

const char *tp_name(const tp_var *v)
{
    return read_known("name", v) && v->extra ? v->extra->name : NULL;
}

char *tp_repr(tp_var *v)
{
    if (!read_sound("repr", v))
        return NULL;
    tp__thread *t = tp__here();
    bool ready = tp__evaluate(v);
    tp_var *plain = v->flags & TP__CONTIGUOUS ? v : tp__copy_as(t, v, (tp_dtype)v->dtype);
    if (!plain || !ready)
        return NULL;
    tp__text text = {0};
    tp__text_put(&text, "variable(");
    tp__format_array(&text, (tp_dtype)v->dtype, v->ndim, tp__shape(plain), plain->data, 9);
    tp__text_put(&text, ")");
    if (plain != v)
        tp__drop(plain);
    return tp__text_take(&text);
}

void tp_print(tp_var *v)
{
    char *text = tp_repr(v);
    puts(text ? text : "variable(poison)");
    free(text);
}
