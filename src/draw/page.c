/* SPDX-License-Identifier: MIT
 *
 * The page: its data is rows of numbers and strings, read by src/draw/page/graph.js. The first
 * string of a picture's data that could end the script is escaped like all others: see escape.h.
 */
#include "base/features.h"

#include "draw/page.h"

#include <math.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/escape.h"
#include "base/map.h"
#include "base/node.h"
#include "draw/picture.h"
#include "draw/statistics.h"
#include "graph/op.h"
#include "tinypytorch.h"

static void page_lines(tp__text *text, const char *const *lines)
{
    for (; *lines; lines++)
        tp__text_put(text, *lines);
}

/* JSON has no NaN and no infinity: these are strings. */
static void page_number(tp__text *text, double x)
{
    tp__text_format(text, isfinite(x) ? "%.9g" : isnan(x) ? "\"NaN\"" : "\"%.9g\"", x);
}

static void page_string(tp__text *text, const char *key, const char *string)
{
    tp__text_format(text, "\"%s\":", key);
    tp__escape_json(text, string ? string : "");
}

static void page_variable(tp__text *text, tp_var *v)
{
    char shape[TP__SHAPE_TEXT];
    tp__statistics s = tp__statistics_of(v);
    tp__text_format(text,
                    "{\"named\":%s,\"shape\":\"%s\",\"dtype\":\"%s\",\"bytes\":%lld,"
                    "\"grad\":\"%s\"}",
                    v->extra && v->extra->name ? "true" : "false",
                    tp__shape_text(shape, v->ndim, tp__shape(v)), tp_dtype_name((tp_dtype)v->dtype),
                    (long long)v->size * (long long)tp__dtype_size(v->dtype),
                    tp__grad_of(v)              ? "stored"
                    : v->flags & TP__NEEDS_GRAD ? "can be taken"
                                                : "none: a constant");
    text->failed = text->failed || s.failed;
    if (!s.known)
        return;
    tp__text_put(text, ",[");
    page_number(text, s.min);
    tp__text_put(text, ",");
    page_number(text, s.mean);
    tp__text_put(text, ",");
    page_number(text, s.max);
    tp__text_format(text, ",%lld]", (long long)s.nan);
}

/* The place of an operation in the table that follows the nodes. Boxes that stand for several
 * operations are of none. */
static long page_op(tp__text *text, tp__map *ops, const tp__picture_node *node)
{
    bool added;
    if (node->count > 1 || !node->var->op)
        return -1;
    tp__map_entry *entry = tp__map_add(ops, (const void *)node->var->op, &added);
    text->failed = text->failed || !entry;
    return entry ? (long)(entry - tp__map_at(ops)) : -1;
}

static void page_nodes(const tp__picture *p, tp__text *text, tp__map *ops)
{
    tp__text_put(text, "\"nodes\":[");
    for (uint32_t i = 0; i < p->n; i++) {
        const tp__picture_node *node = &p->nodes[i];
        long box = node->box == TP__PICTURE_NONE ? -1 : (long)node->box;
        unsigned long generation = node->var->op ? (unsigned long)node->var->generation : 0;
        tp__text_format(text, "%s[%d,%d,%ld,%.1f,%.1f,%.1f,%.1f,", i ? ",\n" : "", node->function,
                        node->order, box, (double)node->x, (double)node->y, (double)node->width,
                        (double)node->height);
        tp__escape_json(text, tp__picture_label(p, i));
        tp__text_format(text, ",%lu,%lu,", (unsigned long)node->count, generation);
        if (node->function)
            tp__text_format(text, "%ld", page_op(text, ops, node));
        else
            page_variable(text, node->var);
        tp__text_put(text, "]");
    }
    tp__text_put(text, "],\n");
}

static void page_ops(tp__text *text, tp__map *ops)
{
    tp__text_put(text, "\"ops\":[");
    for (size_t i = 0; i < ops->n; i++) {
        const tp__op *op = (const void *)tp__map_at(ops)[i].key;
        tp__text_put(text, i ? ",\n{" : "{");
        page_string(text, "name", op->name);
        tp__text_put(text, ",");
        page_string(text, "formula", op->formula);
        tp__text_put(text, ",");
        page_string(text, "rule", op->rule);
        tp__text_put(text, "}");
    }
    tp__text_put(text, "],\n");
}

static void page_boxes(const tp__picture *p, tp__text *text)
{
    tp__text_put(text, "\"boxes\":[");
    for (uint32_t i = 0; i < p->n_boxes; i++) {
        const tp__picture_box *box = &p->boxes[i];
        long outer = box->outer == TP__PICTURE_NONE ? -1 : (long)box->outer;
        tp__text_format(text, "%s[%ld,%d,%.1f,%.1f,%.1f,%.1f,", i ? ",\n" : "", outer, box->order,
                        (double)box->left, (double)box->top, (double)box->right,
                        (double)box->bottom);
        tp__escape_json(text, box->scope ? box->scope->name : tp__picture_order_name(box->order));
        tp__text_format(text, ",%d]", box->scope != NULL);
    }
    tp__text_put(text, "],\n\"edges\":[");
    for (uint32_t i = 0; i < p->n_edges; i++)
        tp__text_format(text, "%s%lu,%lu", i ? "," : "", (unsigned long)p->edges[i].from,
                        (unsigned long)p->edges[i].to);
    tp__text_put(text, "],\n\"colors\":[");
    for (unsigned order = 0; order < TP__PICTURE_ORDERS; order++)
        tp__text_format(text, "%s[\"%s\",\"%s\",\"%s\"]", order ? "," : "",
                        tp__picture_order_color(order, false), tp__picture_order_color(order, true),
                        tp__picture_order_name(order));
    tp__text_put(text, "]}\n");
}

void tp__picture_page(const tp__picture *p, tp__text *text)
{
    tp__map ops = {0};
    tp__text caption = {0};
    tp__picture_caption(p, &caption);
    page_lines(text, tp__page_head);
    const tp__extra *extra = p->n ? p->nodes[0].var->extra : NULL;
    tp__text_put(text, "{");
    page_string(text, "title", extra ? extra->name : NULL);
    tp__text_put(text, ",");
    page_string(text, "caption", caption.at);
    tp__text_format(text, ",\"orders\":%s,\"width\":%.1f,\"height\":%.1f,\n",
                    p->options->orders ? "true" : "false", (double)p->width, (double)p->height);
    page_nodes(p, text, &ops);
    page_ops(text, &ops);
    page_boxes(p, text);
    page_lines(text, tp__page_tail);
    text->failed = text->failed || caption.failed;
    tp__text_drop(&caption);
    tp__map_drop(&ops);
}
