/* SPDX-License-Identifier: MIT
 *
 * A picture as DOT text. Boxes are clusters, written from the outside in: a cluster is opened again
 * inside its outer ones for each box, which DOT allows, so no tree of boxes is needed.
 */
#include "base/features.h"

#include <math.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "draw/picture.h"

/* Graphviz measures nodes in inches, places in points, y upwards. A larger picture than so many
 * square points is scaled down: bitmaps of it would not fit into memory. */
#define PICTURE_DOT_INCH 72.0
#define PICTURE_DOT_LARGEST 20e6

static void picture_dot_node(const tp__picture *p, tp__text *text, uint32_t i, bool places)
{
    const tp__picture_node *node = &p->nodes[i];
    tp__text_format(text, "%lu [label=\"", (unsigned long)i);
    for (const char *at = tp__picture_label(p, i); places && at;) {
        tp__picture_line line = tp__picture_next_line(&at);
        char cut[4 * TP__PICTURE_LINE + 1] = {0};
        for (size_t k = 0; k < line.length; k++)
            cut[k] = line.at[k];
        tp__escape_dot(text, cut);
        tp__text_put(text, line.cut ? "\xE2\x80\xA6" : "");
        tp__text_put(text, at ? "\\n" : "");
    }
    if (!places)
        tp__escape_dot(text, tp__picture_label(p, i));
    tp__text_format(text, "\", color=%s, style=filled%s%s", tp__picture_color(p, node),
                    node->function ? ", shape=box" : "", node->count > 1 ? ", peripheries=2" : "");
    if (places)
        tp__text_format(text, ", fixedsize=true, pos=\"%.1f,%.1f\", width=%.3f, height=%.3f",
                        (double)node->x, (double)(p->height - node->y),
                        (double)node->width / PICTURE_DOT_INCH,
                        (double)node->height / PICTURE_DOT_INCH);
    tp__text_put(text, "]\n");
}

static void picture_dot_edge(const tp__picture *p, tp__text *text, uint32_t i, bool places)
{
    const tp__picture_edge *e = &p->edges[i];
    const tp__picture_node *a = &p->nodes[e->from], *b = &p->nodes[e->to];
    tp__text_format(text, "%lu -> %lu", (unsigned long)e->from, (unsigned long)e->to);
    if (places) {
        float down = b->y >= a->y ? 1 : -1, tip = p->height - (b->y - down * b->height / 2);
        float y1 = p->height - (a->y + down * a->height / 2), y2 = tip + 8 * down;
        float bend = (y2 - y1) / 2.5F, swing = tp__picture_swing(a, b, i);
        tp__text_format(text, " [pos=\"e,%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f\"]",
                        (double)b->x, (double)tip, (double)a->x, (double)y1, (double)(a->x + swing),
                        (double)(y1 + bend), (double)(b->x + swing), (double)(y2 - bend),
                        (double)b->x, (double)y2);
    }
    tp__text_put(text, "\n");
}

/* The box and its outer ones, the outermost last; returns how many. */
static int picture_dot_chain(const tp__picture *p, uint32_t box, uint32_t *chain)
{
    int n = 0;
    for (; box != TP__PICTURE_NONE; box = p->boxes[box].outer)
        chain[n++] = box;
    return n;
}

static void picture_dot_open(const tp__picture *p, tp__text *text, uint32_t b, bool places)
{
    uint32_t chain[TP__NAME_SCOPES + 1];
    const tp__picture_box *box = &p->boxes[b];
    for (int n = picture_dot_chain(p, b, chain); n-- > 0;)
        tp__text_format(text, "subgraph cluster_%lu {%s", (unsigned long)chain[n], n ? " " : "\n");
    tp__text_put(text, "label=\"");
    tp__escape_dot(text, box->scope ? box->scope->name : tp__picture_order_name(box->order));
    tp__text_put(text, "\"\ncolor=darkgray\nlabeljust=l\n");
    if (places)
        tp__text_format(text, "bb=\"%.1f,%.1f,%.1f,%.1f\"\nlp=\"%.1f,%.1f\"\n", (double)box->left,
                        (double)(p->height - box->bottom), (double)box->right,
                        (double)(p->height - box->top), (double)(box->left + box->right) / 2,
                        (double)(p->height - box->top) - 12);
}

static void picture_dot_boxes(const tp__picture *p, tp__text *text, uint32_t *first, uint32_t *next,
                              bool places)
{
    uint32_t chain[TP__NAME_SCOPES + 1];
    for (uint32_t b = 0; b <= p->n_boxes; b++)
        first[b] = TP__PICTURE_NONE;
    for (uint32_t i = p->n; i-- > 0;) {
        uint32_t b = p->nodes[i].box == TP__PICTURE_NONE ? p->n_boxes : p->nodes[i].box;
        next[i] = first[b];
        first[b] = i;
    }
    for (uint32_t b = 0; b <= p->n_boxes; b++) {
        if (b < p->n_boxes)
            picture_dot_open(p, text, b, places);
        for (uint32_t i = first[b]; i != TP__PICTURE_NONE; i = next[i])
            picture_dot_node(p, text, i, places);
        for (int n = b < p->n_boxes ? picture_dot_chain(p, b, chain) : 0; n > 0; n--)
            tp__text_put(text, n > 1 ? "} " : "}\n");
    }
}

static void picture_dot_size(const tp__picture *p, tp__text *text)
{
    double width = (double)p->width, height = (double)p->height;
    double scale = sqrt(PICTURE_DOT_LARGEST / (width * height)) / PICTURE_DOT_INCH;
    if (width * height > PICTURE_DOT_LARGEST)
        tp__text_format(text, "size=\"%.2f,%.2f\"\n", width * scale, height * scale);
}

void tp__picture_dot(const tp__picture *p, tp__text *text, bool places)
{
    tp__text caption = {0};
    uint32_t *first = tp__alloc(((size_t)p->n_boxes + p->n + 2) * sizeof *first);
    tp__picture_caption(p, &caption);
    tp__text_put(text, "digraph g {\n");
    if (caption.length) {
        tp__text_put(text, "label=\"");
        tp__escape_dot(text, caption.at);
        tp__text_put(text, "\"\n");
    }
    if (places) {
        tp__text_put(text, "outputorder=edgesfirst\n");
        picture_dot_size(p, text);
    }
    if (first)
        picture_dot_boxes(p, text, first, first + p->n_boxes + 1, places);
    for (uint32_t i = 0; i < p->n_edges; i++)
        picture_dot_edge(p, text, i, places);
    tp__text_put(text, "}\n");
    text->failed = text->failed || !first || caption.failed;
    tp__text_drop(&caption);
    tp__free(first);
}
