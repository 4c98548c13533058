/* SPDX-License-Identifier: MIT
 *
 * A plot as a page of its own: the picture as SVG, and a script that moves the SVG's view and reads
 * places off the axes. Nothing is loaded, and the page's policy forbids it.
 */
#include "base/features.h"

#include "draw/plot_page.h"

#ifdef TP_WITH_CAIRO

#include <stdlib.h>
#include <string.h>

#include "draw/escape.h"

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

static bool html_title(FILE *stream, const char *title)
{
    tp__text text = {0};
    tp__escape_xml(&text, title, strlen(title));
    char *escaped = tp__text_take(&text);
    if (escaped)
        fputs(escaped, stream);
    free(escaped);
    return escaped;
}

static void html_axis(FILE *stream, const char *name, const tp__plot_range *range, bool log)
{
    fprintf(stream, "%s: {low: %.17g, high: %.17g, log: %s}, ", name, range->low, range->high,
            log ? "true" : "false");
}

bool tp__plot_write_html(const tp__plot_page *page, const char *svg, FILE *stream)
{
    const tp_plot *plot = page->plot;
    const char *picture = strstr(svg, "<svg");
    fputs(html_head, stream);
    bool titled = html_title(stream, plot->title ? plot->title : "plot");
    fputs("</title>\n</head>\n<body>\n", stream);
    fputs(picture ? picture : svg, stream);
    fputs("<output></output>\n<script>\nconst axes = {", stream);
    html_axis(stream, "x", &page->x, plot->log_x);
    html_axis(stream, "y", &page->y, plot->log_y);
    fprintf(stream, "left: %.2f, right: %.2f, top: %.2f, bottom: %.2f, ", page->left, page->right,
            page->top, page->bottom);
    fprintf(stream, "width: %d, height: %d, bare: %s};\n", plot->width, plot->height,
            tp__plot_is_bare(plot) ? "true" : "false");
    fputs(html_script, stream);
    fputs("</script>\n</body>\n</html>\n", stream);
    return titled && !ferror(stream);
}

#endif
