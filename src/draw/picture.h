/* SPDX-License-Identifier: MIT
 *
 * What is to be seen, as data: nodes, edges and boxes, before anybody decided where they stand or
 * in which format. Made from a graph, simplified as the options ask, placed by a layout, written by
 * a writer.
 *
 * Nodes keep the order in which the walk met them, edges that of the operands. Indices are 32 bits.
 * When memory runs out the picture is marked failed, with an error; one check at the end.
 */
#ifndef TP_PICTURE_H
#define TP_PICTURE_H

#include "base/name_scope.h"
#include "base/text.h"
#include "tinypytorch/draw.h"

#define TP__PICTURE_NONE UINT32_MAX

enum { TP__PICTURE_ORDERS = 12 };

typedef struct tp__picture_node {
    tp_var *var;  /* the variable, or what the function computes; of one of several, any */
    size_t label; /* in labels: lines that end with newlines, but for the last */
    const tp__name_scope *scope;
    uint32_t box;   /* the innermost, or TP__PICTURE_NONE */
    uint32_t count; /* how many nodes it stands for */
    uint8_t order;
    bool function;       /* a box, not an ellipse */
    float x, y;          /* the centre, in points, y downwards */
    float width, height; /* set by the layout */
} tp__picture_node;

typedef struct tp__picture_edge {
    uint32_t from, to;
} tp__picture_edge;

/* What stands in a name scope and, when orders are told apart, has one order. A box without a scope
 * is a group of one order. */
typedef struct tp__picture_box {
    const tp__name_scope *scope;
    uint32_t outer;
    uint8_t order;
    float left, top, right, bottom; /* set by the layout */
} tp__picture_box;

typedef struct tp__picture {
    const tp_draw_options *options;
    tp__picture_node *nodes;
    tp__picture_edge *edges;
    tp__picture_box *boxes; /* an outer one before those inside it */
    uint32_t n, n_edges, n_boxes;
    size_t capacity, edge_capacity, box_capacity;
    tp__text labels;
    uint32_t whole; /* nodes before simplification */
    bool failed;
    float width, height;
} tp__picture;

/* Makes the picture of y's graph. False, with an error, if it cannot be. To be dropped in either
 * case. */
bool tp__picture_make(tp__picture *p, tp_var *y, const tp_draw_options *options);
void tp__picture_drop(tp__picture *p);

static inline const char *tp__picture_label(const tp__picture *p, uint32_t node)
{
    return p->labels.at + p->nodes[node].label;
}

/* Starts a label at the end of the labels. */
size_t tp__picture_new_label(tp__picture *p);

/* The words for a group: "forward", "first backward" …, and fill colours of its variables and its
 * functions, as #rrggbb or a name of SVG. */
const char *tp__picture_order_name(unsigned order);
const char *tp__picture_order_color(unsigned order, bool function);
const char *tp__picture_color(const tp__picture *p, const tp__picture_node *node);

/* Puts nodes into boxes, as the options ask. */
void tp__picture_boxes(tp__picture *p);

/* Appends the line under the picture: what it is a simplification of. Nothing if of nothing. */
void tp__picture_caption(const tp__picture *p, tp__text *text);

/* Appends the label of variable v as options ask. */
void tp__picture_variable(tp__text *text, tp_var *v, const tp_draw_options *options);

/* Neighbours of each node: to[at[i] … at[i + 1]) by edge. */
typedef struct tp__picture_links {
    uint32_t *at, *to;
} tp__picture_links;

/* Of edges as they are, or the other way round. False when out of memory; goes with tp__free of at.
 */
bool tp__picture_link(tp__picture_links *links, const tp__picture *p, bool backwards);

/* --- Simplification (simplify.c) --- */

/* Applies what the options ask for; y is never taken away. */
void tp__picture_simplify(tp__picture *p);

/* Merges node i into node into[i], its own index for those that stay; TP__PICTURE_NONE takes it
 * away. Edges inside a merged node go, and one stands for several alike. */
void tp__picture_merge(tp__picture *p, const uint32_t *into);

/* --- Layout (layers.c) --- */

/* The next line of a label as a layout of ours shows it, and where it ends; *at moves behind it and
 * is NULL after the last one. A line of more than TP__PICTURE_LINE characters is cut. */
enum { TP__PICTURE_LINE = 48, TP__PICTURE_TEXT = 18 };
typedef struct tp__picture_line {
    const char *at;
    size_t length, characters;
    bool cut;
} tp__picture_line;
tp__picture_line tp__picture_next_line(const char **at);

/* How far edge number i, from a to b, swings to the side: past the nodes between them where it
 * would run straight through several layers. */
float tp__picture_swing(const tp__picture_node *a, const tp__picture_node *b, uint32_t i);

/* Sets the size of a node that shows its label. */
void tp__picture_measure(const tp__picture *p, tp__picture_node *node);

/* Gives nodes, boxes and the picture their places: in layers from inputs to results. */
bool tp__picture_place(tp__picture *p);

/* --- Writers --- */

/* With places, for an engine that keeps them, or without. */
void tp__picture_dot(const tp__picture *p, tp__text *text, bool places);
void tp__picture_svg(const tp__picture *p, tp__text *text);
void tp__picture_page(const tp__picture *p, tp__text *text);

#endif
