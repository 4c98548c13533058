/* SPDX-License-Identifier: MIT
 *
 * What pictures say: labels, the names and colours of groups, the line under the picture.
 */
#include "base/features.h"

#include "draw/picture.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/escape.h"
#include "base/node.h"
#include "draw/statistics.h"
#include "tinypytorch.h"

/* --- Orders --- */

static const struct {
    const char *name, *variable, *function;
} words_orders[TP__PICTURE_ORDERS] = {
    {"forward", "orange", "lightblue"},
    {"first backward", "limegreen", "palegreen"},
    {"second backward", "hotpink", "pink"},
    {"third backward", "mediumpurple", "thistle"},
    {"fourth backward", "gold", "khaki"},
    {"fifth backward", "turquoise", "paleturquoise"},
    {"sixth backward", "tomato", "lightsalmon"},
    {"seventh backward", "mediumaquamarine", "aquamarine"},
    {"eighth backward", "rosybrown", "mistyrose"},
    {"ninth backward", "cornflowerblue", "lightsteelblue"},
    {"tenth backward", "burlywood", "wheat"},
    {"eleventh backward and beyond", "darkgray", "lightgray"},
};

const char *tp__picture_order_name(unsigned order)
{
    return words_orders[order].name;
}

const char *tp__picture_order_color(unsigned order, bool function)
{
    return function ? words_orders[order].function : words_orders[order].variable;
}

const char *tp__picture_color(const tp__picture *p, const tp__picture_node *node)
{
    return tp__picture_order_color(p->options->orders ? node->order : 0, node->function);
}

/* --- Labels --- */

static void words_elements(tp__text *text, const char *what, tp_var *v)
{
    tp__statistics s = tp__statistics_of(v);
    text->failed = text->failed || s.failed;
    if (!s.known)
        tp__text_format(text, "\n%selements gone", what);
    else if (v->size == 1)
        tp__text_format(text, "\n%s= %.6g", what, s.nan ? s.mean : s.min);
    else if (v->size)
        tp__text_format(text, "\n%smin %.4g mean %.4g max %.4g", what, s.min, s.mean, s.max);
    if (s.nan && v->size > 1)
        tp__text_format(text, " (%lld NaN)", (long long)s.nan);
}

void tp__picture_variable(tp__text *text, tp_var *v, const tp_draw_options *options)
{
    char shape[TP__SHAPE_TEXT];
    const char *name = v->extra ? v->extra->name : NULL;
    size_t start = text->length;
    if (name)
        tp__text_put(text, name);
    if (options->shapes)
        tp__text_format(text, "%s%s %s", name ? ": " : "",
                        tp__shape_text(shape, v->ndim, tp__shape(v)),
                        tp_dtype_name((tp_dtype)v->dtype));
    if (options->values)
        words_elements(text, "", v);
    if (options->gradients && tp__grad_of(v))
        words_elements(text, "grad ", tp__grad_of(v));
    if (options->bytes)
        tp__text_format(text, "\n%lld bytes",
                        (long long)v->size * (long long)tp__dtype_size(v->dtype));
    if (!text->failed && text->length > start && text->at[start] == '\n') {
        memmove(text->at + start, text->at + start + 1, text->length - start);
        text->length--;
    }
}

static void words_add(tp__text *text, size_t start, const char *format, long long number)
{
    if (text->length > start)
        tp__text_put(text, "; ");
    tp__text_format(text, format, number);
}

void tp__picture_caption(const tp__picture *p, tp__text *text)
{
    const tp_draw_options *options = p->options;
    size_t start = text->length;
    if (p->n != p->whole) {
        words_add(text, start, "%lld", p->n);
        tp__text_format(text, " of %lld nodes", (long long)p->whole);
    }
    if (options->around)
        words_add(text, start, "what is within %lld operations of one value", options->steps);
    if (options->fold_constants)
        words_add(text, start, "constants are in their operations", 0);
    if (options->hide_rules)
        words_add(text, start, "a rule's steps are one box", 0);
    if (options->collapse)
        words_add(text, start, "a collapsed scope is one box", 0);
    if (options->repeats > 0)
        words_add(text, start, "\xC3\x97 n: n nodes with the same operations up to %lld steps back",
                  options->repeats);
}

tp__picture_line tp__picture_next_line(const char **at)
{
    tp__picture_line line = {.at = *at};
    const char *end = *at + strcspn(*at, "\n");
    while (line.at + line.length < end && line.characters < TP__PICTURE_LINE) {
        size_t n = tp__escape_character(line.at + line.length);
        line.length += n ? n : 1;
        line.characters++;
    }
    line.cut = line.at + line.length < end;
    *at = *end ? end + 1 : NULL;
    return line;
}

void tp__picture_measure(const tp__picture *p, tp__picture_node *node)
{
    size_t characters = 0, lines = 0;
    for (const char *at = p->labels.at + node->label; at; lines++) {
        tp__picture_line line = tp__picture_next_line(&at);
        size_t n = line.characters + line.cut;
        characters = n > characters ? n : characters;
    }
    float text = 8 * (float)characters;
    node->width = node->function ? fmaxf(54, text + 18) : fmaxf(40, 1.2F * text + 20);
    node->height = 18 + (float)lines * (float)TP__PICTURE_TEXT * (node->function ? 1.0F : 1.2F);
    if (!node->function && characters == 0)
        node->height = 26;
}

float tp__picture_swing(const tp__picture_node *a, const tp__picture_node *b, uint32_t i)
{
    float far = fabsf(b->y - a->y) - (a->height + b->height) / 2;
    if (far < 80 || fabsf(b->x - a->x) > 60)
        return 0;
    return (i % 2 ? 1 : -1) * fminf(50 + 0.1F * far, 200);
}
