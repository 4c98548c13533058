/* SPDX-License-Identifier: MIT
 *
 * A plot onto a page, and the page into a file.
 */
#include "base/features.h"

#include "plot/page.h"

#include "tinypytorch/error.h"

#ifdef TP_WITH_CAIRO

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"

/* --- Contours --- */

typedef struct plot_render_lines {
    const tp__plot_page *page;
    const tp__plot_item *item;
    tp__plot_range levels;
    tp__plot_pen pen;
} plot_render_lines;

static void plot_render_line_point(void *ctx, double x, double y, bool start)
{
    plot_render_lines *lines = ctx;
    x = tp__plot_page_x(lines->page, x);
    y = tp__plot_page_y(lines->page, y);
    if (start)
        tp__plot_pen_move(&lines->pen, x, y);
    else
        tp__plot_pen_line(&lines->pen, x, y);
}

static void plot_render_line_done(void *ctx, size_t k)
{
    plot_render_lines *lines = ctx;
    tp__plot_rgb color;
    double place = tp__plot_level_place(lines->item, &lines->levels, lines->item->levels[k]);
    tp__plot_palette(lines->item->palette, place, &color);
    tp__plot_pen_lift(&lines->pen);
    tp__plot_page_ink(lines->page, &color, 1);
    cairo_set_line_width(lines->pen.cr, lines->item->line_width * lines->page->unit);
    cairo_stroke(lines->pen.cr);
}

static bool plot_render_contour(const tp__plot_page *page, const tp__plot_item *item)
{
    plot_render_lines lines = {.page = page, .item = item, .pen = {.cr = page->cr, .least = 0.5}};
    tp__plot_sink sink = {plot_render_line_point, plot_render_line_done, &lines};
    tp__plot_level_range(item, &lines.levels);
    cairo_set_line_cap(page->cr, CAIRO_LINE_CAP_BUTT);
    cairo_set_line_join(page->cr, CAIRO_LINE_JOIN_ROUND);
    return tp__plot_trace(item, &sink);
}

static bool plot_render_item(const tp__plot_page *page, const tp__plot_item *item)
{
    switch (item->kind) {
    case TP__PLOT_CURVE:
        tp__plot_draw_curve(page, item);
        return true;
    case TP__PLOT_BARS:
        tp__plot_draw_bars_of(page, item);
        return true;
    case TP__PLOT_IMAGES:
        tp__plot_draw_images(page, item);
        return true;
    default:
        return plot_render_contour(page, item);
    }
}

/* False, with an error, when out of memory; cairo keeps its own errors. */
static bool plot_render_items(tp__plot_page *page)
{
    double w = page->width / 800, h = page->height / 600;
    page->unit = fmin(sqrt(w * h), 2 * fmin(w, h));
    tp__plot_limits(page->plot, &page->x, &page->y);
    tp__plot_page_layout(page);
    cairo_set_source_rgb(page->cr, 1, 1, 1);
    cairo_paint(page->cr);
    bool bare = tp__plot_is_bare(page->plot);
    if (page->plot->grid && !bare)
        tp__plot_page_grid(page);
    for (const tp__plot_item *item = page->plot->first; item; item = item->next)
        if (!plot_render_item(page, item))
            return false;
    if (!bare)
        tp__plot_page_frame(page);
    tp__plot_page_texts(page);
    tp__plot_draw_bars(page);
    tp__plot_draw_legend(page);
    return true;
}

/* --- Files --- */

/* The picture is gathered in memory, a tp__text. */
static cairo_status_t plot_file_write(void *ctx, const unsigned char *bytes, unsigned n)
{
    tp__text *picture = ctx;
    tp__text_add(picture, (const char *)bytes, n);
    return picture->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static cairo_surface_t *plot_file_surface(tp__plot_format format, tp__text *picture, int width,
                                          int height)
{
    if (format ==
        TP__PLOT_PDF) { /* in points, at 96 pixels an inch; no date: the same bytes again */
        cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(plot_file_write, picture,
                                                                       0.75 * width, 0.75 * height);
        cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, "");
        return surface;
    }
    if (format == TP__PLOT_SVG || format == TP__PLOT_HTML) {
        cairo_surface_t *surface =
            cairo_svg_surface_create_for_stream(plot_file_write, picture, width, height);
        cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PX);
        return surface;
    }
    return cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
}

static void plot_file_fonts(cairo_t *cr)
{
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_set_font_options(cr, options);
    cairo_font_options_destroy(options);
}

static bool plot_file_failed(cairo_status_t status, const char *to_file)
{
    if (status == CAIRO_STATUS_SUCCESS)
        return false;
    if (status == CAIRO_STATUS_NO_MEMORY)
        tp_fail(TP_ERROR_MEMORY, "plot_save: cairo is out of memory");
    else
        tp_fail(TP_ERROR_FILE, "plot_save: %s: %s", to_file, cairo_status_to_string(status));
    return true;
}

/* Leaves in *page where everything is. */
static bool plot_file_draw(const tp_plot *plot, tp__plot_format format, tp__text *picture,
                           tp__text *images, const char *to_file, tp__plot_page *page)
{
    cairo_surface_t *surface = plot_file_surface(format, picture, plot->width, plot->height);
    cairo_t *cr = cairo_create(surface);
    *page = (tp__plot_page){
        .cr = cr, .plot = plot, .width = plot->width, .height = plot->height, .images = images};
    if (format == TP__PLOT_PDF)
        cairo_scale(cr, 0.75, 0.75);
    plot_file_fonts(cr);
    bool drawn = plot_render_items(page);
    cairo_status_t status = cairo_status(cr);
    cairo_destroy(cr);
    if (status == CAIRO_STATUS_SUCCESS && format == TP__PLOT_PNG)
        status = cairo_surface_write_to_png_stream(surface, plot_file_write, picture);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    return drawn && !plot_file_failed(status, to_file) && !picture->failed;
}

/* cairo counts its surfaces, and names the picture's group by that number. */
static void plot_file_settle(tp__text *svg)
{
    char *name = svg->length ? strstr(svg->at, "<g id=\"surface") : NULL;
    if (!name)
        return;
    name += strlen("<g id=\"surface");
    size_t digits = strspn(name, "0123456789");
    memmove(name, name + digits, strlen(name + digits) + 1);
    svg->length -= digits;
}

/* Images go before the end of the picture. */
static void plot_file_join(tp__text *svg, const tp__text *images)
{
    static const char end[] = "</svg>\n";
    if (!images->length || svg->length < sizeof end - 1)
        return;
    svg->length -= sizeof end - 1;
    tp__text_add(svg, images->at, images->length);
    tp__text_put(svg, end);
}

bool tp__plot_render(const tp_plot *plot, tp__plot_format format, const char *to_file)
{
    tp__plot_page page;
    tp__text picture = {0}, images = {0}, html = {0}, *whole = &picture;
    bool svg = format == TP__PLOT_SVG || format == TP__PLOT_HTML;
    void *before = tp__locale_enter();
    bool good = plot_file_draw(plot, format, &picture, svg ? &images : NULL, to_file, &page);
    tp__locale_leave(before);
    if (svg) {
        plot_file_settle(&picture);
        plot_file_join(&picture, &images);
    }
    if (good && format == TP__PLOT_HTML) {
        whole = &html;
        tp__plot_html(&page, picture.at, &html);
    }
    good = good && !images.failed && !picture.failed && !whole->failed &&
           tp__file_save("plot_save", to_file, whole->at, whole->length);
    tp__text_drop(&picture);
    tp__text_drop(&images);
    tp__text_drop(&html);
    return good;
}

#else

bool tp__plot_render(const tp_plot *plot, tp__plot_format format, const char *to_file)
{
    (void)plot, (void)format;
    tp_fail(TP_ERROR_MISSING,
            "plot_save: cannot draw %s: built without cairo; install libcairo2-dev (cairo's "
            "development files), configure and build again",
            to_file);
    return false;
}

#endif
