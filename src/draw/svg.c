/* SPDX-License-Identifier: MIT
 *
 * A picture whose nodes have their places, as SVG: boxes, then edges, then words and nodes, so that
 * nothing crosses a word. Colours are SVG's names; nothing but paths, rectangles, ellipses and text
 * is used.
 */
#include "base/features.h"

#include <math.h>
#include <string.h>

#include "base/escape.h"
#include "draw/picture.h"

/* Of a character of the line under the picture, on the safe side. */
#define SVG_TEXT_WIDTH 7.0F

static void svg_text(tp__text *text, double x, double y, const char *line, size_t length, bool cut)
{
    tp__text_format(text, "<text x=\"%.1f\" y=\"%.1f\">", x, y);
    tp__escape_xml(text, line, length);
    tp__text_put(text, cut ? "\xE2\x80\xA6</text>\n" : "</text>\n");
}

static void svg_boxes(const tp__picture *p, tp__text *text)
{
    tp__text_put(text, "<g fill=\"none\" stroke=\"darkgray\">\n");
    for (uint32_t i = 0; i < p->n_boxes; i++) {
        const tp__picture_box *box = &p->boxes[i];
        tp__text_format(text, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                        (double)box->left, (double)box->top, (double)(box->right - box->left),
                        (double)(box->bottom - box->top));
    }
    tp__text_put(text, "</g>\n");
}

/* The names of boxes, in white outlines or on top of them. */
static void svg_names(const tp__picture *p, tp__text *text, const char *group)
{
    tp__text_put(text, group);
    for (uint32_t i = 0; i < p->n_boxes; i++) {
        const tp__picture_box *box = &p->boxes[i];
        const char *name = box->scope ? box->scope->name : tp__picture_order_name(box->order);
        tp__picture_line line = tp__picture_next_line(&name);
        svg_text(text, (double)box->left + 8, (double)box->top + 16, line.at, line.length,
                 line.cut);
    }
    tp__text_put(text, "</g>\n");
}

/* From the border of one node to that of the other, with an arrow's head. */
static void svg_edges(const tp__picture *p, tp__text *text)
{
    double opacity = fmin(1, fmax(0.2, 2000.0 / (1.0 + p->n_edges)));
    tp__text_format(text,
                    "<g fill=\"none\" stroke=\"dimgray\" stroke-width=\"0.8\" "
                    "stroke-opacity=\"%.2f\">\n",
                    opacity);
    for (uint32_t i = 0; i < p->n_edges; i++) {
        const tp__picture_node *a = &p->nodes[p->edges[i].from], *b = &p->nodes[p->edges[i].to];
        float down = b->y >= a->y ? 1 : -1;
        float y1 = a->y + down * a->height / 2, y2 = b->y - down * b->height / 2;
        float bend = (y2 - y1) / 2.5F, swing = tp__picture_swing(a, b, i);
        tp__text_format(text,
                        "<path d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1fm-3 %gl3 %gl3 %g\"/>\n",
                        (double)a->x, (double)y1, (double)(a->x + swing), (double)(y1 + bend),
                        (double)(b->x + swing), (double)(y2 - bend), (double)b->x, (double)y2,
                        (double)(-6 * down), (double)(6 * down), (double)(-6 * down));
    }
    tp__text_put(text, "</g>\n");
}

/* The whole label, for the pointer to show, where a line of it is cut. */
static void svg_title(tp__text *text, const char *label)
{
    bool cut = false;
    for (const char *at = label; at && !cut;)
        cut = tp__picture_next_line(&at).cut;
    if (!cut)
        return;
    tp__text_put(text, "<title>");
    tp__escape_xml(text, label, SIZE_MAX);
    tp__text_put(text, "</title>\n");
}

static void svg_label(const tp__picture *p, tp__text *text, uint32_t i)
{
    const tp__picture_node *node = &p->nodes[i];
    const char *label = tp__picture_label(p, i);
    double lines = 0;
    if (!*label)
        return;
    for (const char *at = label; at; lines++)
        tp__picture_next_line(&at);
    double y = (double)node->y + 5 - (lines - 1) * (double)TP__PICTURE_TEXT / 2;
    for (const char *at = label; at; y += (double)TP__PICTURE_TEXT) {
        tp__picture_line line = tp__picture_next_line(&at);
        svg_text(text, (double)node->x, y, line.at, line.length, line.cut);
    }
}

static void svg_shape(const tp__picture *p, tp__text *text, const tp__picture_node *node)
{
    const char *color = tp__picture_color(p, node);
    double x = (double)node->x, y = (double)node->y, rx = (double)node->width / 2,
           ry = (double)node->height / 2;
    if (node->function)
        tp__text_format(
            text, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"%s/>\n",
            x - rx, y - ry, 2 * rx, 2 * ry, color, node->count > 1 ? " stroke=\"dimgray\"" : "");
    else
        tp__text_format(
            text, "<ellipse cx=\"%.1f\" cy=\"%.1f\" rx=\"%.1f\" ry=\"%.1f\" fill=\"%s\"%s/>\n", x,
            y, rx, ry, color, node->count > 1 ? " stroke=\"dimgray\"" : "");
}

void tp__picture_svg(const tp__picture *p, tp__text *text)
{
    tp__text caption = {0};
    tp__picture_caption(p, &caption);
    float width = p->width, height = p->height;
    if (caption.length) {
        height += (float)TP__PICTURE_TEXT;
        width = fmaxf(width, SVG_TEXT_WIDTH * (float)caption.length + 2 * TP__PICTURE_TEXT);
    }
    tp__text_format(text,
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                    "viewBox=\"0 0 %.0f %.0f\" font-family=\"Times,serif\" font-size=\"14\" "
                    "text-anchor=\"middle\">\n<rect width=\"100%%\" height=\"100%%\" "
                    "fill=\"white\"/>\n",
                    (double)width, (double)height, (double)width, (double)height);
    svg_boxes(p, text);
    svg_edges(p, text);
    svg_names(p, text, "<g text-anchor=\"start\" stroke=\"white\" stroke-width=\"5\">\n");
    svg_names(p, text, "<g text-anchor=\"start\">\n");
    for (uint32_t i = 0; i < p->n; i++) {
        tp__text_put(text, "<g>");
        svg_title(text, tp__picture_label(p, i));
        svg_shape(p, text, &p->nodes[i]);
        svg_label(p, text, i);
        tp__text_put(text, "</g>\n");
    }
    if (caption.length) {
        tp__text_put(text, "<g text-anchor=\"start\">\n");
        svg_text(text, 12, (double)height - 8, caption.at, caption.length, false);
        tp__text_put(text, "</g>\n");
    }
    tp__text_put(text, "</svg>\n");
    text->failed = text->failed || caption.failed;
    tp__text_drop(&caption);
}
