/* SPDX-License-Identifier: MIT
 *
 * A plot as a page of its own: the picture as SVG, and a script that moves the SVG's view and reads
 * places off the axes. Nothing is loaded, and the page's policy forbids it.
 */
#include "base/features.h"

#include "plot/page.h"

#ifdef TP_WITH_CAIRO

#include <string.h>

#include "base/escape.h"

static const char html_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'\">\n"
    "<style>\n"
    "html, body { margin: 0; height: 100%; background: #fff; font: 14px sans-serif; }\n"
    "svg { display: block; width: 100%; height: calc(100% - 2em); cursor: grab; }\n"
    "output { display: block; height: 2em; line-height: 2em; padding: 0 1em; color: #333; }\n"
    "</style>\n<title>";

static const char html_script[] =
    "const svg = document.querySelector('svg'), place = document.querySelector('output');\n"
    "const whole = [0, 0, axes.width, axes.height];\n"
    "let view = [...whole], held = null;\n"
    "svg.removeAttribute('width'); svg.removeAttribute('height');\n"
    "const show = () => svg.setAttribute('viewBox', view.join(' '));\n"
    "function at(event) {\n"
    "  const p = new DOMPoint(event.clientX, event.clientY);\n"
    "  return p.matrixTransform(svg.getScreenCTM().inverse());\n"
    "}\n"
    "function value(t, axis) {\n"
    "  const v = axis.low + t * (axis.high - axis.low);\n"
    "  return (axis.log ? 10 ** v : v).toPrecision(5);\n"
    "}\n"
    "function read(p) {\n"
    "  const x = (p.x - axes.left) / (axes.right - axes.left);\n"
    "  const y = (p.y - axes.bottom) / (axes.top - axes.bottom);\n"
    "  const inside = x >= 0 && x <= 1 && y >= 0 && y <= 1 && !axes.bare;\n"
    "  place.textContent = inside ? `x ${value(x, axes.x)}   y ${value(y, axes.y)}`\n"
    "    : 'wheel: zoom, drag: move, double click: all';\n"
    "}\n"
    "svg.addEventListener('wheel', event => {\n"
    "  event.preventDefault();\n"
    "  const p = at(event), f = Math.exp(Math.sign(event.deltaY) * 0.15);\n"
    "  view = [p.x + (view[0] - p.x) * f, p.y + (view[1] - p.y) * f, view[2] * f, view[3] * f];\n"
    "  show();\n"
    "}, {passive: false});\n"
    "svg.addEventListener('pointerdown', event => {\n"
    "  held = at(event); svg.setPointerCapture(event.pointerId);\n"
    "});\n"
    "svg.addEventListener('pointerup', () => { held = null; });\n"
    "svg.addEventListener('pointermove', event => {\n"
    "  const p = at(event);\n"
    "  if (held) { view[0] += held.x - p.x; view[1] += held.y - p.y; show(); }\n"
    "  read(p);\n"
    "});\n"
    "svg.addEventListener('dblclick', () => { view = [...whole]; show(); });\n"
    "read(new DOMPoint(-1, -1));\n";

static void html_axis(tp__text *text, const char *name, const tp__plot_range *range, bool log)
{
    tp__text_format(text, "%s: {low: %.17g, high: %.17g, log: %s}, ", name, range->low, range->high,
                    log ? "true" : "false");
}

void tp__plot_html(const tp__plot_page *page, const char *svg, tp__text *text)
{
    const tp_plot *plot = page->plot;
    const char *picture = strstr(svg, "<svg"), *title = plot->title ? plot->title : "plot";
    tp__text_put(text, html_head);
    tp__escape_xml(text, title, strlen(title));
    tp__text_put(text, "</title>\n</head>\n<body>\n");
    tp__text_put(text, picture ? picture : svg);
    tp__text_put(text, "<output></output>\n<script>\nconst axes = {");
    html_axis(text, "x", &page->x, plot->log_x);
    html_axis(text, "y", &page->y, plot->log_y);
    tp__text_format(text, "left: %.2f, right: %.2f, top: %.2f, bottom: %.2f, ", page->left,
                    page->right, page->top, page->bottom);
    tp__text_format(text, "width: %d, height: %d, bare: %s};\n", plot->width, plot->height,
                    tp__plot_is_bare(plot) ? "true" : "false");
    tp__text_put(text, html_script);
    tp__text_put(text, "</script>\n</body>\n</html>\n");
}

#endif
