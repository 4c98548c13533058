/* SPDX-License-Identifier: MIT
 *
 * Images in a grid. Their pixels are colors from the moment they are added; drawing scales them
 * without blending, so that a pixel stays a square.
 */
#include "base/features.h"

#include "plot/plot.h"

#include <math.h>
#include <stdlib.h>

#include "array/array.h"
#include "base/alloc.h"
#include "plot/page.h"
#include "tinypytorch/array.h"
#include "tinypytorch/error.h"

static const uint32_t images_hole = 0xd62728;

/* (h, w), (n, h, w) or (n, h, w, 1); in color (h, w, 3) or (n, h, w, 3). (n, 3, 3) are n images:
 * the kernels of a convolution. */
static bool images_shape(const char *call, tp_var *images, tp__plot_item *item, bool *colors)
{
    int ndim = tp_ndim(images);
    const int64_t *shape = tp_shape(images);
    int64_t last = ndim > 0 ? shape[ndim - 1] : 0;
    bool one = ndim == 3 && last == 3 && shape[1] != 3;
    *colors = one || (ndim == 4 && last == 3);
    if (ndim < 2 || ndim > 4 || (ndim == 4 && last != 3 && last != 1)) {
        char text[TP__SHAPE_TEXT];
        tp_fail(TP_ERROR_SHAPE,
                "%s: images of shape %s; expected (h, w), (n, h, w), (n, h, w, 1), (h, w, 3) or "
                "(n, h, w, 3)",
                call, tp__shape_text(text, ndim, shape));
        return false;
    }
    const int64_t *size = shape + (ndim > 2 && !one);
    item->n_images = ndim > 2 && !one ? (size_t)shape[0] : 1;
    item->n_y = (size_t)size[0];
    item->n_x = (size_t)size[1];
    if (item->n_images && item->n_x && item->n_y && item->n_x <= TP__PLOT_LARGEST &&
        item->n_y <= TP__PLOT_LARGEST)
        return true;
    tp_fail(TP_ERROR_SHAPE, "%s: %zu images of %zu x %zu pixels, expected 1 to %d of each side",
            call, item->n_images, item->n_y, item->n_x, TP__PLOT_LARGEST);
    return false;
}

static void images_range(const tp_images_options *o, tp_var *images, const double *value, size_t n,
                         tp__plot_range *range)
{
    bool bytes = tp_dtype_of(images) == TP_U8;
    *range = bytes ? (tp__plot_range){0, 255} : (tp__plot_range){HUGE_VAL, -HUGE_VAL};
    for (size_t i = 0; i < n && !bytes; i++)
        if (tp__plot_usable(value[i])) {
            range->low = fmin(range->low, value[i]);
            range->high = fmax(range->high, value[i]);
        }
    range->low = o->low != TP_AUTO ? o->low : range->low;
    range->high = o->high != TP_AUTO ? o->high : range->high;
}

static uint32_t images_pack(const tp__plot_rgb *c)
{
    return (uint32_t)lrint(255 * c->r) << 16 | (uint32_t)lrint(255 * c->g) << 8 |
           (uint32_t)lrint(255 * c->b);
}

static double images_part(double v)
{
    return v > 1 ? 1 : v > 0 ? v : 0;
}

static void images_paint(const tp_images_options *o, const double *value, size_t n,
                         const tp__plot_range *range, uint32_t *pixel)
{
    double width = range->high - range->low;
    for (size_t i = 0; i < n; i++) {
        tp__plot_rgb color;
        double t = width > 0 ? (value[i] - range->low) / width : 0.5;
        tp__plot_palette(o->palette, images_part(t), &color);
        pixel[i] = isnan(value[i]) ? images_hole : images_pack(&color);
    }
}

static void images_mix(const double *value, size_t n, double scale, uint32_t *pixel)
{
    for (size_t i = 0; i < n; i++) {
        tp__plot_rgb color = {images_part(value[3 * i] / scale),
                              images_part(value[3 * i + 1] / scale),
                              images_part(value[3 * i + 2] / scale)};
        pixel[i] = images_pack(&color);
    }
}

static bool images_captions(const char *call, const tp_images_options *o, tp__plot_item *item)
{
    if (!o->captions)
        return true;
    if (o->n_captions < 0 || (size_t)o->n_captions != item->n_images) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %d captions for %zu images", call, o->n_captions,
                item->n_images);
        return false;
    }
    item->captions = tp__alloc_zero(item->n_images, sizeof *item->captions);
    bool good = item->captions != NULL;
    for (size_t i = 0; good && i < item->n_images; i++)
        good = tp__plot_copy_text(&item->captions[i], o->captions[i]);
    return good;
}

static bool images_fill(const char *call, const tp_images_options *o, tp_var *images,
                        tp__plot_item *item)
{
    bool colors;
    if (!tp__plot_is_palette(call, o->palette) || !images_shape(call, images, item, &colors) ||
        !images_captions(call, o, item))
        return false;
    if (o->columns == 0 || o->columns < -1 || isnan(o->low) || isnan(o->high) ||
        (o->low != TP_AUTO && o->high != TP_AUTO && o->low > o->high)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %d columns, colors from low %g to high %g", call,
                o->columns, o->low, o->high);
        return false;
    }
    item->columns = o->columns > 0 ? o->columns : 0;
    double *value = tp__plot_copy_elements(images);
    size_t n = item->n_images * item->n_x * item->n_y;
    item->pixels = value ? tp__alloc(n * sizeof *item->pixels) : NULL;
    if (item->pixels && colors) {
        images_mix(value, n, tp_dtype_of(images) == TP_U8 ? 255 : 1, item->pixels);
    } else if (item->pixels) {
        tp__plot_range range;
        images_range(o, images, value, n, &range);
        images_paint(o, value, n, &range, item->pixels);
    }
    tp__free(value);
    return item->pixels;
}

void(tp_plot_images)(tp_plot *plot, tp_var *images, const tp_images_options *options)
{
    const char *call = "plot_images";
    tp_images_options o = TP_OPTIONS(tp_images_options);
    if (!tp__take_options(call, &o, sizeof o, options))
        return;
    tp__plot_item *item = tp__plot_item_new(call, plot, TP__PLOT_IMAGES, NULL);
    if (!item)
        return;
    bool alone = !plot->first;
    if (!alone)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the plot has something in it already", call);
    if (alone && tp__plot_is_value(call, "images", images) && images_fill(call, &o, images, item))
        tp__plot_item_add(plot, item);
    else
        tp__plot_item_free(item);
}

#ifdef TP_WITH_CAIRO

/* How the images lie: cells of a size, each with an image on top and its caption below. */
typedef struct images_grid {
    int columns, rows;
    double width, height, scale, caption; /* of a cell, of a pixel, of the caption; in pixels */
} images_grid;

static void images_try(const tp__plot_page *page, const tp__plot_item *item, int columns,
                       images_grid *grid)
{
    int n = (int)item->n_images;
    double gap = 8 * page->unit;
    grid->columns = columns;
    grid->rows = (n - 1) / columns + 1;
    grid->caption = item->captions ? 1.3 * tp__plot_text_height(page, TP__PLOT_SMALL) : 0;
    grid->width = (page->right - page->left) / columns;
    grid->height = (page->bottom - page->top) / grid->rows;
    grid->scale = fmax(1e-3, fmin((grid->width - gap) / (double)item->n_x,
                                  (grid->height - gap - grid->caption) / (double)item->n_y));
}

/* The number of columns that makes the images largest. */
static void images_arrange(const tp__plot_page *page, const tp__plot_item *item, images_grid *grid)
{
    int n = item->n_images < 1000 ? (int)item->n_images : 1000;
    images_try(page, item, item->columns ? item->columns : 1, grid);
    for (int columns = 2; columns <= n && !item->columns; columns++) {
        images_grid other;
        images_try(page, item, columns, &other);
        if (other.scale > grid->scale)
            *grid = other;
    }
    double gap = 8 * page->unit, needed = grid->scale * (double)item->n_y + grid->caption + gap;
    grid->height = fmin(grid->height, needed);
}

static cairo_status_t images_gather(void *ctx, const unsigned char *bytes, unsigned n)
{
    tp__text *text = ctx;
    tp__text_add(text, (const char *)bytes, n);
    return text->failed ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static void images_base64(const tp__text *bytes, tp__text *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes->length; i += 3) {
        size_t n = bytes->length - i < 3 ? bytes->length - i : 3;
        uint32_t three = 0;
        char four[4] = {'=', '=', '=', '='};
        for (size_t k = 0; k < 3; k++)
            three = three << 8 | (k < n ? (unsigned char)bytes->at[i + k] : 0);
        for (size_t k = 0; k <= n; k++)
            four[k] = digits[three >> (18 - 6 * k) & 63];
        tp__text_add(text, four, sizeof four);
    }
}

/* An element of SVG that tells viewers not to blend pixels; cairo's does not. */
static void images_embed(const tp__plot_page *page, cairo_surface_t *image, double x, double y,
                         double width, double height)
{
    tp__text png = {0}, *text = page->images;
    cairo_status_t status = cairo_surface_write_to_png_stream(image, images_gather, &png);
    tp__text_format(text,
                    "<image x=\"%.3f\" y=\"%.3f\" width=\"%.3f\" height=\"%.3f\" "
                    "preserveAspectRatio=\"none\" style=\"image-rendering:optimizeSpeed;"
                    "image-rendering:crisp-edges;image-rendering:pixelated\" "
                    "xlink:href=\"data:image/png;base64,",
                    x, y, width, height);
    images_base64(&png, text);
    tp__text_put(text, "\"/>\n");
    text->failed = text->failed || status != CAIRO_STATUS_SUCCESS;
    tp__text_drop(&png);
}

static void images_draw(const tp__plot_page *page, const tp__plot_item *item, size_t i, double x,
                        double y, double scale)
{
    int width = (int)item->n_x, height = (int)item->n_y;
    uint32_t *pixels = item->pixels + i * item->n_x * item->n_y;
    cairo_surface_t *image = cairo_image_surface_create_for_data(
        (unsigned char *)pixels, CAIRO_FORMAT_RGB24, width, height, 4 * width);
    if (page->images) {
        images_embed(page, image, x, y, scale * width, scale * height);
    } else {
        cairo_save(page->cr);
        cairo_translate(page->cr, x, y);
        cairo_scale(page->cr, scale, scale);
        cairo_set_source_surface(page->cr, image, 0, 0);
        cairo_pattern_set_filter(cairo_get_source(page->cr), CAIRO_FILTER_NEAREST);
        cairo_rectangle(page->cr, 0, 0, width, height);
        cairo_fill(page->cr);
        cairo_restore(page->cr);
    }
    cairo_surface_destroy(image);
}

void tp__plot_draw_images(const tp__plot_page *page, const tp__plot_item *item)
{
    images_grid grid;
    images_arrange(page, item, &grid);
    for (size_t i = 0; i < item->n_images; i++) {
        int column = (int)i % grid.columns, row = (int)i / grid.columns;
        double width = grid.scale * (double)item->n_x, height = grid.scale * (double)item->n_y;
        double left = page->left + column * grid.width + (grid.width - width) / 2;
        double top = page->top + row * grid.height + (grid.height - height - grid.caption) / 2;
        images_draw(page, item, i, left, top, grid.scale);
        if (!item->captions || !item->captions[i])
            continue;
        tp__plot_anchor anchor = {left + width / 2, top + height + 2 * page->unit, 0.5, 0,
                                  grid.width};
        tp__plot_page_ink(page, &tp__plot_page_dark, 1);
        tp__plot_text(page, item->captions[i], TP__PLOT_SMALL, &anchor);
    }
}

#endif
