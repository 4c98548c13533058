/* SPDX-License-Identifier: MIT
 *
 * The walk keeps all it knows in a map from nodes to numbers, in the order they were met, which is
 * also the order they are written in; nothing is written into the graph. A node stands for a
 * variable and for the operation that made it; a call of a user's function stands for the function
 * alone. Conversions that the library inserted are passed over, unless they have a name.
 */
#include "base/features.h"

#include "draw/dot.h"

#include <string.h>

#include "array/array.h"
#include "base/map.h"
#include "graph/function.h"
#include "graph/op.h"
#include "tinypytorch.h"

enum { DOT_BUFFER = 4096 };

/* Text is gathered in `text`; with a file it goes there now and then. */
typedef struct dot_walk {
    tp__text *text;
    FILE *file;
    bool verbose, failed;
    tp__map ids;
    size_t last_id;
} dot_walk;

static void dot_flush(dot_walk *w, size_t threshold)
{
    if (w->text->failed)
        w->failed = true;
    if (!w->file || w->failed || w->text->length <= threshold)
        return;
    if (fwrite(w->text->at, 1, w->text->length, w->file) != w->text->length) {
        tp_fail(TP_ERROR_FILE, "write_dot_graph: writing failed");
        w->failed = true;
    }
    w->text->length = 0;
}

/* --- Labels --- */

/* The length of the UTF-8 character at s, 0 if it is not one or is a control character. */
static size_t dot_character(const unsigned char *s)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xC2 && s[0] < 0xE0 ? 2
               : (s[0] & 0xF0) == 0xE0       ? 3
               : s[0] >= 0xF0 && s[0] < 0xF5 ? 4
                                             : 0;
    if (n == 1)
        return s[0] >= 0x20 && s[0] != 0x7F;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool outside = (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF4 && s[1] > 0x8F);
    bool control = s[0] == 0xC2 && s[1] < 0xA0;
    bool not_xml = s[0] == 0xEF && s[1] == 0xBF && s[2] >= 0xBE;
    return overlong || outside || control || not_xml ? 0 : n;
}

/* A name inside a quoted DOT string: what Graphviz would interpret is escaped, what no picture
 * format can hold becomes U+FFFD. */
static void dot_escape(tp__text *text, const char *name)
{
    const unsigned char *s = (const unsigned char *)name;
    while (*s) {
        size_t n = dot_character(s);
        if (*s == '\n')
            tp__text_put(text, "\\n");
        else if (*s == '\t')
            tp__text_put(text, " ");
        else if (n == 0)
            tp__text_put(text, "\xEF\xBF\xBD");
        else if (*s == '"' || *s == '\\')
            tp__text_add(text, *s == '"' ? "\\\"" : "\\\\", 2);
        else if (*s == '&')
            tp__text_put(text, "&amp;");
        else
            tp__text_add(text, (const char *)s, n);
        s += n ? n : 1;
    }
}

static void dot_variable(dot_walk *w, size_t id, const tp_var *v)
{
    char shape[TP__SHAPE_TEXT];
    const char *name = v->extra ? v->extra->name : NULL;
    tp__text_format(w->text, "%zu [label=\"", id);
    if (name)
        dot_escape(w->text, name);
    if (w->verbose)
        tp__text_format(w->text, "%s%s %s", name ? ": " : "",
                        tp__shape_text(shape, v->ndim, tp__shape(v)),
                        tp_dtype_name((tp_dtype)v->dtype));
    tp__text_put(w->text, "\", color=orange, style=filled]\n");
}

static void dot_function(dot_walk *w, size_t id, const char *label)
{
    tp__text_format(w->text, "%zu [label=\"", id);
    dot_escape(w->text, label);
    tp__text_put(w->text, "\", color=lightblue, style=filled, shape=box]\n");
}

/* --- The walk --- */

/* The number of node v, which is new to the walk or known to it; 0 when out of memory. */
static size_t dot_id(dot_walk *w, const tp_var *v)
{
    bool added;
    tp__map_entry *entry = tp__map_add(&w->ids, v, &added);
    if (!entry) {
        w->failed = true;
        return 0;
    }
    if (added)
        entry->value.number = w->last_id++;
    return entry->value.number;
}

static tp_var *dot_shown(tp_var *v)
{
    while ((v->flags & TP__IMPLICIT) && v->op && !(v->extra && v->extra->name))
        v = tp__inputs(v)[0];
    return v;
}

static void dot_inputs(dot_walk *w, size_t id, tp_var *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        tp__text_format(w->text, "%zu -> %zu\n", dot_id(w, dot_shown(tp__inputs(v)[i])), id);
}

static void dot_call(dot_walk *w, size_t id, tp_var *call)
{
    const tp__function_call *block = call->attr.block;
    dot_function(w, id, block->function.name);
    dot_inputs(w, id, call, (uint32_t)block->function.n_in);
    for (uint32_t i = 0; i < block->outputs.n; i++)
        if (block->outputs.living[i])
            tp__text_format(w->text, "%zu -> %zu\n", id, dot_id(w, block->outputs.living[i]));
}

static void dot_visit(dot_walk *w, size_t id, tp_var *v)
{
    if (v->op == &tp__op_call) {
        dot_call(w, id, v);
        return;
    }
    dot_variable(w, id, v);
    if (v->op == &tp__op_output) {
        dot_id(w, v->in.few[0]);
    } else if (v->op) {
        size_t function = w->last_id++;
        dot_function(w, function, v->op->label);
        dot_inputs(w, function, v, v->n_in);
        tp__text_format(w->text, "%zu -> %zu\n", function, id);
    }
}

static bool dot_write(dot_walk *w, const char *call, tp_var *y)
{
    if (!tp__check_operand(call, y))
        return false;
    tp__text_put(w->text, "digraph g {\n");
    dot_id(w, y);
    for (size_t at = 0; at < w->ids.n && !w->failed; at++) {
        const tp__map_entry *entry = &tp__map_at(&w->ids)[at];
        dot_visit(w, entry->value.number, (tp_var *)entry->key);
        dot_flush(w, DOT_BUFFER);
    }
    tp__text_put(w->text, "}\n");
    dot_flush(w, 0);
    tp__map_drop(&w->ids);
    return !w->failed;
}

bool tp__dot_text(tp__text *text, const char *call, tp_var *y, bool verbose)
{
    dot_walk w = {.text = text, .verbose = verbose};
    return dot_write(&w, call, y);
}

char *tp_get_dot_graph(tp_var *y, bool verbose)
{
    tp__text text = {0};
    if (tp__dot_text(&text, "get_dot_graph", y, verbose))
        return tp__text_take(&text);
    tp__text_drop(&text);
    return NULL;
}

bool tp_write_dot_graph(tp_var *y, bool verbose, FILE *file)
{
    if (!file) {
        tp_fail(TP_ERROR_ARGUMENT, "write_dot_graph: file is NULL");
        return false;
    }
    tp__text text = {0};
    dot_walk w = {.text = &text, .file = file, .verbose = verbose};
    bool good = dot_write(&w, "write_dot_graph", y);
    tp__text_drop(&text);
    if (good && fflush(file) != 0) {
        tp_fail(TP_ERROR_FILE, "write_dot_graph: writing failed");
        good = false;
    }
    return good;
}
