/* SPDX-License-Identifier: MIT
 *
 * A layout for graphs of any size, in time that grows as their edges: inputs above, results below.
 *
 * Every node stands in the layer below the lowest of its inputs, and a leaf just above what uses
 * it. Places in a layer come from sweeps down and up: each node wants to stand under the middle of
 * its neighbours; the nearest places to these wishes, in their order and without overlap, are an
 * isotonic regression (pool adjacent violators, Barlow et al. 1972). So ordering and placing are
 * one step.
 *
 * Boxes do not overlap: groups of one order are bands of layers, name scopes are lanes side by
 * side. Nodes keep their place within the lane, `x`; a lane has an offset.
 */
#include "base/features.h"

#include "draw/picture.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"

enum { LAYERS_SWEEPS = 10 };
static const float layers_gap = 46, layers_apart = 18, layers_lane = 56, layers_pad = 16;

typedef struct layers_item {
    uint32_t node, lane;
    float wish;
} layers_item;

typedef struct layers_pool {
    double sum;
    uint32_t n;
} layers_pool;

typedef struct layers {
    tp__picture *p;
    tp__picture_links in, out;
    uint32_t *sorted, *rank; /* topologically; the place of each node in it */
    uint32_t *layer, *start; /* nodes of layer k: row[start[k] … start[k + 1]) */
    layers_item *row;
    layers_pool *pools;
    double *shift;
    uint32_t n_layers;
    uint32_t *lane_of; /* of each box, and of none */
    float *offset;     /* of each lane */
    uint32_t n_lanes;
    bool *fresh; /* lane k stands on the left again */
} layers;

/* --- Layers --- */

/* Kahn's algorithm. Merged nodes can make cycles: where nothing is free, the node that the walk met
 * last goes first. */
static bool layers_sort(layers *l)
{
    const tp__picture *p = l->p;
    uint32_t *waits = tp__alloc((p->n + 1u) * sizeof *waits), n = 0, last = p->n;
    if (!waits)
        return false;
    for (uint32_t i = p->n; i-- > 0;) {
        l->rank[i] = TP__PICTURE_NONE;
        waits[i] = l->in.at[i + 1] - l->in.at[i];
        if (!waits[i])
            l->sorted[l->rank[i] = n++] = i;
    }
    for (uint32_t at = 0; at < p->n; at++) {
        if (at == n) {
            while (l->rank[--last] != TP__PICTURE_NONE)
                continue;
            l->sorted[l->rank[last] = n++] = last;
        }
        uint32_t i = l->sorted[at];
        for (uint32_t j = l->out.at[i]; j < l->out.at[i + 1]; j++) {
            uint32_t to = l->out.to[j];
            if (l->rank[to] == TP__PICTURE_NONE && --waits[to] == 0)
                l->sorted[l->rank[to] = n++] = to;
        }
    }
    tp__free(waits);
    return true;
}

static uint32_t layers_below_inputs(const layers *l, uint32_t i, uint32_t first)
{
    for (uint32_t j = l->in.at[i]; j < l->in.at[i + 1]; j++) {
        uint32_t from = l->in.to[j];
        if (l->rank[from] < l->rank[i] && l->layer[from] >= first)
            first = l->layer[from] + 1;
    }
    return first;
}

static uint32_t layers_above_users(const layers *l, uint32_t i, uint32_t first)
{
    uint32_t lowest = TP__PICTURE_NONE;
    for (uint32_t j = l->out.at[i]; j < l->out.at[i + 1]; j++) {
        uint32_t to = l->out.to[j];
        if (l->rank[to] > l->rank[i] && l->layer[to] < lowest)
            lowest = l->layer[to];
    }
    return lowest != TP__PICTURE_NONE && lowest > first ? lowest - 1 : first;
}

static void layers_assign(layers *l)
{
    const tp__picture *p = l->p;
    unsigned orders = p->options->orders ? TP__PICTURE_ORDERS : 1;
    uint32_t first = 0;
    for (uint32_t i = 0; i < p->n; i++)
        l->layer[i] = TP__PICTURE_NONE;
    for (unsigned order = 0; order < orders; order++) {
        uint32_t next = first;
        for (uint32_t k = 0; k < p->n; k++) {
            uint32_t i = l->sorted[k];
            if (orders > 1 && p->nodes[i].order != order)
                continue;
            l->layer[i] = layers_below_inputs(l, i, first);
            next = l->layer[i] >= next ? l->layer[i] + 1 : next;
        }
        for (uint32_t i = 0; i < p->n; i++)
            if (l->in.at[i] == l->in.at[i + 1] && (orders == 1 || p->nodes[i].order == order))
                l->layer[i] = layers_above_users(l, i, first);
        first = next;
    }
    l->n_layers = first;
}

static bool layers_rows(layers *l)
{
    const tp__picture *p = l->p;
    l->start = tp__alloc_zero(l->n_layers + 2u, sizeof *l->start);
    if (!l->start)
        return false;
    for (uint32_t i = 0; i < p->n; i++)
        l->start[l->layer[i] + 2]++;
    for (uint32_t k = 2; k < l->n_layers + 2; k++)
        l->start[k] += l->start[k - 1];
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t box = p->nodes[i].box, lane = box == TP__PICTURE_NONE ? 0 : l->lane_of[box];
        l->row[l->start[l->layer[i] + 1]++] = (layers_item){i, lane, 0};
    }
    return true;
}

/* --- Lanes --- */

/* Boxes in the order of a walk from outer to inner ones are lanes; boxes that have no outer one
 * start on the left when they are groups. An outer box is before those inside it, and those that
 * come after it are walked by taking each into the place behind its outer one's last. */
static bool layers_lanes(layers *l)
{
    const tp__picture *p = l->p;
    l->n_lanes = p->options->scopes ? p->n_boxes + 1 : 1;
    l->lane_of = tp__alloc((p->n_boxes + 1u) * sizeof *l->lane_of);
    l->offset = tp__alloc_zero(l->n_lanes, sizeof *l->offset);
    l->fresh = tp__alloc_zero(l->n_lanes, sizeof *l->fresh);
    uint32_t *inside = tp__alloc_zero(p->n_boxes + 1u, sizeof *inside);
    bool good = l->lane_of && l->offset && l->fresh && inside;
    for (uint32_t b = p->n_boxes; good && b-- > 0;)
        if (p->boxes[b].outer != TP__PICTURE_NONE)
            inside[p->boxes[b].outer] += inside[b] + 1;
    uint32_t next = 1;
    for (uint32_t b = 0; good && b < p->n_boxes; b++) {
        uint32_t outer = p->boxes[b].outer;
        uint32_t *free_lane = outer == TP__PICTURE_NONE ? &next : &inside[outer];
        uint32_t lane = *free_lane, size = inside[b];
        *free_lane += size + 1;
        l->lane_of[b] = l->n_lanes > 1 ? lane : 0;
        inside[b] = lane + 1;
        l->fresh[l->lane_of[b]] = outer == TP__PICTURE_NONE && p->options->orders;
    }
    tp__free(inside);
    return good;
}

/* Moves every lane's nodes so that they begin at 0, and lanes side by side. */
static void layers_pack(layers *l, float *left, float *right)
{
    const tp__picture *p = l->p;
    for (uint32_t k = 0; k < l->n_lanes; k++) {
        left[k] = INFINITY;
        right[k] = -INFINITY;
    }
    for (uint32_t r = 0; r < p->n; r++) {
        const tp__picture_node *node = &p->nodes[l->row[r].node];
        uint32_t lane = l->row[r].lane;
        left[lane] = fminf(left[lane], node->x - node->width / 2);
        right[lane] = fmaxf(right[lane], node->x + node->width / 2);
    }
    for (uint32_t r = 0; r < p->n; r++)
        p->nodes[l->row[r].node].x -= left[l->row[r].lane];
    float at = 0;
    for (uint32_t k = 0; k < l->n_lanes; k++) {
        at = l->fresh[k] ? 0 : at;
        l->offset[k] = at;
        if (right[k] > left[k])
            at += right[k] - left[k] + layers_lane;
    }
}

/* --- Places in a layer --- */

static int layers_by_wish(const void *a, const void *b)
{
    const layers_item *x = a, *y = b;
    if (x->lane != y->lane)
        return x->lane < y->lane ? -1 : 1;
    if (x->wish < y->wish || x->wish > y->wish)
        return x->wish < y->wish ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

static float layers_wish(const layers *l, const tp__picture_links *links, const layers_item *item)
{
    const tp__picture *p = l->p;
    uint32_t i = item->node, n = links->at[i + 1] - links->at[i];
    float sum = 0;
    if (n == 0)
        return p->nodes[i].x;
    for (uint32_t j = links->at[i]; j < links->at[i + 1]; j++) {
        const tp__picture_node *other = &p->nodes[links->to[j]];
        uint32_t lane = other->box == TP__PICTURE_NONE ? 0 : l->lane_of[other->box];
        sum += other->x + l->offset[lane];
    }
    return sum / (float)n - l->offset[item->lane];
}

/* Places the n items of one lane of a layer, which are sorted by their wishes. */
static void layers_regress(layers *l, const layers_item *items, uint32_t n)
{
    tp__picture_node *nodes = l->p->nodes;
    double shift = 0;
    uint32_t pools = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (k)
            shift += (double)(nodes[items[k - 1].node].width + nodes[items[k].node].width) / 2 +
                     (double)layers_apart;
        l->shift[k] = shift;
        l->pools[pools++] = (layers_pool){(double)items[k].wish - shift, 1};
        while (pools > 1 && l->pools[pools - 2].sum * l->pools[pools - 1].n >=
                                l->pools[pools - 1].sum * l->pools[pools - 2].n) {
            l->pools[pools - 2].sum += l->pools[pools - 1].sum;
            l->pools[pools - 2].n += l->pools[pools - 1].n;
            pools--;
        }
    }
    for (uint32_t pool = 0, k = 0; pool < pools; pool++)
        for (uint32_t m = 0; m < l->pools[pool].n; m++, k++)
            nodes[items[k].node].x = (float)(l->pools[pool].sum / l->pools[pool].n + l->shift[k]);
}

static void layers_place_row(layers *l, uint32_t layer, const tp__picture_links *links)
{
    layers_item *items = l->row + l->start[layer];
    uint32_t n = l->start[layer + 1] - l->start[layer];
    for (uint32_t k = 0; k < n; k++)
        items[k].wish = layers_wish(l, links, &items[k]);
    qsort(items, n, sizeof *items, layers_by_wish);
    for (uint32_t k = 0, m; k < n; k += m) {
        for (m = 1; k + m < n && items[k + m].lane == items[k].lane;)
            m++;
        layers_regress(l, items + k, m);
    }
}

static bool layers_sweeps(layers *l)
{
    float *sides = tp__alloc(2 * (size_t)l->n_lanes * sizeof *sides);
    if (!sides)
        return false;
    for (int sweep = 0; sweep < LAYERS_SWEEPS; sweep++) {
        bool down = sweep % 2 == 0;
        for (uint32_t k = 0; k < l->n_layers; k++)
            layers_place_row(l, down ? k : l->n_layers - 1 - k, down ? &l->in : &l->out);
        layers_pack(l, sides, sides + l->n_lanes);
    }
    tp__free(sides);
    return true;
}

/* --- Places in the picture --- */

static void layers_heights(layers *l)
{
    tp__picture *p = l->p;
    float y = layers_pad;
    uint8_t order = 0;
    uint32_t deepest = 0;
    for (uint32_t b = 0; b < p->n_boxes; b++) {
        uint32_t depth = 1;
        for (uint32_t o = p->boxes[b].outer; o != TP__PICTURE_NONE; o = p->boxes[o].outer)
            depth++;
        deepest = depth > deepest ? depth : deepest;
    }
    float room = (float)deepest * (layers_pad + (float)TP__PICTURE_TEXT);
    y += room;
    for (uint32_t k = 0; k < l->n_layers; k++) {
        float height = 0;
        const layers_item *items = l->row + l->start[k];
        uint32_t n = l->start[k + 1] - l->start[k];
        for (uint32_t m = 0; m < n; m++)
            height = fmaxf(height, p->nodes[items[m].node].height);
        if (p->options->orders && n && p->nodes[items[0].node].order != order) {
            order = p->nodes[items[0].node].order;
            y += 2 * room;
        }
        for (uint32_t m = 0; m < n; m++)
            p->nodes[items[m].node].y = y + height / 2;
        y += height + layers_gap;
    }
    p->height = y - layers_gap + layers_pad + room;
}

static void layers_include(tp__picture_box *box, float left, float top, float right, float bottom)
{
    box->left = fminf(box->left, left);
    box->top = fminf(box->top, top);
    box->right = fmaxf(box->right, right);
    box->bottom = fmaxf(box->bottom, bottom);
}

static void layers_boxes(layers *l)
{
    tp__picture *p = l->p;
    for (uint32_t b = 0; b < p->n_boxes; b++) {
        p->boxes[b].left = p->boxes[b].top = INFINITY;
        p->boxes[b].right = p->boxes[b].bottom = -INFINITY;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        const tp__picture_node *node = &p->nodes[i];
        if (node->box != TP__PICTURE_NONE)
            layers_include(&p->boxes[node->box], node->x - node->width / 2,
                           node->y - node->height / 2, node->x + node->width / 2,
                           node->y + node->height / 2);
    }
    for (uint32_t b = p->n_boxes; b-- > 0;) {
        tp__picture_box *box = &p->boxes[b];
        box->left -= layers_pad;
        box->right += layers_pad;
        box->bottom += layers_pad;
        box->top -= layers_pad + (float)TP__PICTURE_TEXT;
        if (box->outer != TP__PICTURE_NONE)
            layers_include(&p->boxes[box->outer], box->left, box->top, box->right, box->bottom);
    }
}

static void layers_frame(layers *l)
{
    tp__picture *p = l->p;
    float left = INFINITY, right = -INFINITY;
    for (uint32_t r = 0; r < p->n; r++)
        p->nodes[l->row[r].node].x += l->offset[l->row[r].lane];
    layers_heights(l);
    layers_boxes(l);
    for (uint32_t i = 0; i < p->n; i++) {
        left = fminf(left, p->nodes[i].x - p->nodes[i].width / 2);
        right = fmaxf(right, p->nodes[i].x + p->nodes[i].width / 2);
    }
    for (uint32_t b = 0; b < p->n_boxes; b++) {
        left = fminf(left, p->boxes[b].left);
        right = fmaxf(right, p->boxes[b].right);
    }
    for (uint32_t i = 0; i < p->n_edges; i++) {
        const tp__picture_node *a = &p->nodes[p->edges[i].from], *b = &p->nodes[p->edges[i].to];
        float swing = 0.75F * tp__picture_swing(a, b, i);
        left = fminf(left, fminf(a->x, b->x) + swing);
        right = fmaxf(right, fmaxf(a->x, b->x) + swing);
    }
    for (uint32_t i = 0; i < p->n; i++)
        p->nodes[i].x += layers_pad - left;
    for (uint32_t b = 0; b < p->n_boxes; b++) {
        p->boxes[b].left += layers_pad - left;
        p->boxes[b].right += layers_pad - left;
    }
    p->width = right - left + 2 * layers_pad;
}

/* --- The whole --- */

static bool layers_run(layers *l)
{
    const tp__picture *p = l->p;
    size_t n = p->n + 1u;
    uint32_t *words = tp__alloc(3 * n * sizeof *words);
    l->sorted = words;
    l->rank = words ? words + n : NULL;
    l->layer = words ? words + 2 * n : NULL;
    l->row = tp__alloc(n * sizeof *l->row);
    l->pools = tp__alloc(n * sizeof *l->pools);
    l->shift = tp__alloc(n * sizeof *l->shift);
    if (!words || !l->row || !l->pools || !l->shift || !layers_lanes(l) || !layers_sort(l))
        return false;
    layers_assign(l);
    if (!layers_rows(l) || !layers_sweeps(l))
        return false;
    layers_frame(l);
    return true;
}

bool tp__picture_place(tp__picture *p)
{
    layers l = {.p = p};
    bool in = tp__picture_link(&l.in, p, true), out = tp__picture_link(&l.out, p, false);
    for (uint32_t i = 0; i < p->n; i++)
        tp__picture_measure(p, &p->nodes[i]);
    p->failed = !in || !out || !layers_run(&l);
    tp__free(in ? l.in.at : NULL);
    tp__free(out ? l.out.at : NULL);
    tp__free(l.sorted);
    tp__free(l.row);
    tp__free(l.pools);
    tp__free(l.shift);
    tp__free(l.start);
    tp__free(l.lane_of);
    tp__free(l.offset);
    tp__free(l.fresh);
    return !p->failed;
}
