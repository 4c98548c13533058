/* SPDX-License-Identifier: MIT
 *
 * The plain text, written while the graph is walked: memory is that of the walk.
 */
#include "base/features.h"

#include "draw/dot.h"

#include <errno.h>

#include "array/array.h"
#include "base/escape.h"
#include "draw/walk.h"
#include "tinypytorch.h"

enum { DOT_BUFFER = 4096 };

/* Text is gathered in `text`; with a function it goes there now and then. */
typedef struct dot_target {
    tp__text *text;
    tp_writer *write;
    void *ctx;
    bool verbose, failed;
} dot_target;

static void dot_flush(dot_target *to, size_t threshold)
{
    if (to->text->failed)
        to->failed = true;
    if (!to->write || to->failed || to->text->length <= threshold)
        return;
    to->failed = !to->write(to->ctx, to->text->at, to->text->length);
    to->text->length = 0;
}

static void dot_variable(void *target, size_t id, tp_var *v)
{
    const dot_target *to = target;
    char shape[TP__SHAPE_TEXT];
    const char *name = v->extra ? v->extra->name : NULL;
    tp__text_format(to->text, "%zu [label=\"", id);
    if (name)
        tp__escape_dot(to->text, name);
    if (to->verbose)
        tp__text_format(to->text, "%s%s %s", name ? ": " : "",
                        tp__shape_text(shape, v->ndim, tp__shape(v)),
                        tp_dtype_name((tp_dtype)v->dtype));
    tp__text_put(to->text, "\", color=orange, style=filled]\n");
}

static void dot_function(void *target, size_t id, const char *label, tp_var *of)
{
    const dot_target *to = target;
    (void)of;
    tp__text_format(to->text, "%zu [label=\"", id);
    tp__escape_dot(to->text, label);
    tp__text_put(to->text, "\", color=lightblue, style=filled, shape=box]\n");
}

static void dot_edge(void *target, size_t from, size_t at)
{
    tp__text_format(((const dot_target *)target)->text, "%zu -> %zu\n", from, at);
}

static bool dot_go_on(void *target)
{
    dot_target *to = target;
    dot_flush(to, DOT_BUFFER);
    return !to->failed;
}

static bool dot_write(dot_target *to, const char *call, tp_var *y)
{
    if (!tp__check_operand(call, y))
        return false;
    tp__text_put(to->text, "digraph g {\n");
    tp__walk walk = {to, dot_variable, dot_function, dot_edge, dot_go_on};
    bool good = tp__walk_graph(&walk, y);
    tp__text_put(to->text, "}\n");
    dot_flush(to, 0);
    return good && !to->failed;
}

bool tp__dot_text(tp__text *text, const char *call, tp_var *y, bool verbose)
{
    dot_target to = {.text = text, .verbose = verbose};
    return dot_write(&to, call, y);
}

char *tp_get_dot_graph(tp_var *y, bool verbose)
{
    tp__text text = {0};
    if (tp__dot_text(&text, "get_dot_graph", y, verbose))
        return tp__text_take(&text);
    tp__text_drop(&text);
    return NULL;
}

static bool dot_to_file(void *ctx, const char *text, size_t length)
{
    tp__file *file = ctx;
    tp__file_write(file, text, length);
    return file->error == 0;
}

static bool dot_stream(const char *call, tp_var *y, bool verbose, tp_writer *write, void *ctx)
{
    tp__text text = {0};
    dot_target to = {.text = &text, .write = write, .ctx = ctx, .verbose = verbose};
    bool good = dot_write(&to, call, y);
    tp__text_drop(&text);
    return good;
}

bool tp__dot_stream(tp__file *file, const char *call, tp_var *y, bool verbose)
{
    return dot_stream(call, y, verbose, dot_to_file, file);
}

bool tp_stream_dot_graph(tp_var *y, bool verbose, tp_writer *write, void *ctx)
{
    const char *call = "write_dot_graph";
    if (!write) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: there is nothing to write to", call);
        return false;
    }
    errno = 0;
    bool good = dot_stream(call, y, verbose, write, ctx) && write(ctx, "", 0);
    if (!good && !tp_error())
        tp__file_good(call, "the graph", errno ? errno : EIO);
    return good;
}
