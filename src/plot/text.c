/* SPDX-License-Identifier: MIT
 *
 * Text on a page, measured before it is placed. Heights come from the font, not from the letters,
 * so lines of text agree. With Pango a letter that the font lacks is taken from another font, and
 * scripts that need it are shaped; cairo alone knows the letters of one font.
 */
#include "base/features.h"

#include "plot/page.h"

bool tp__plot_has_fallback_fonts(void)
{
#if defined(TP_WITH_CAIRO) && defined(TP_WITH_PANGO)
    return true;
#else
    return false;
#endif
}

#ifdef TP_WITH_CAIRO

#include <math.h>

/* A font at a size in pixels, and how far it reaches from its line. */
typedef struct text_font {
    double size, ascent, descent;
} text_font;

#ifdef TP_WITH_PANGO

#include <pango/pangocairo.h>

static PangoFontDescription *text_description(double size)
{
    PangoFontDescription *font = pango_font_description_from_string(TP__PLOT_FONT);
    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    return font;
}

static text_font text_open(const tp__plot_page *page, double size)
{
    PangoContext *context = pango_cairo_create_context(page->cr);
    PangoFontDescription *font = text_description(size);
    PangoFontMetrics *metrics = pango_context_get_metrics(context, font, NULL);
    text_font opened = {size, pango_font_metrics_get_ascent(metrics) / (double)PANGO_SCALE,
                        pango_font_metrics_get_descent(metrics) / (double)PANGO_SCALE};
    pango_font_metrics_unref(metrics);
    pango_font_description_free(font);
    g_object_unref(context);
    return opened;
}

static PangoLayout *text_layout(const tp__plot_page *page, const char *text, double size)
{
    PangoLayout *layout = pango_cairo_create_layout(page->cr);
    PangoFontDescription *font = text_description(size);
    pango_layout_set_font_description(layout, font);
    pango_layout_set_text(layout, text, -1);
    pango_font_description_free(font);
    return layout;
}

static double text_width(const tp__plot_page *page, const char *text, double size)
{
    PangoLayout *layout = text_layout(page, text, size);
    PangoRectangle ink, logical;
    pango_layout_get_extents(layout, &ink, &logical);
    g_object_unref(layout);
    return fmax(logical.width, ink.x + ink.width) / PANGO_SCALE;
}

/* Its line begins at the current point. */
static void text_show(const tp__plot_page *page, const char *text, double size)
{
    PangoLayout *layout = text_layout(page, text, size);
    pango_cairo_show_layout_line(page->cr, pango_layout_get_line_readonly(layout, 0));
    g_object_unref(layout);
}

#else

static text_font text_open(const tp__plot_page *page, double size)
{
    cairo_font_extents_t font;
    cairo_select_font_face(page->cr, TP__PLOT_FONT, CAIRO_FONT_SLANT_NORMAL,
                           CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(page->cr, size);
    cairo_font_extents(page->cr, &font);
    return (text_font){size, font.ascent, font.descent};
}

static double text_width(const tp__plot_page *page, const char *text, double size)
{
    cairo_text_extents_t extents;
    text_open(page, size);
    cairo_text_extents(page->cr, text, &extents);
    return fmax(extents.x_advance, extents.x_bearing + extents.width);
}

static void text_show(const tp__plot_page *page, const char *text, double size)
{
    text_open(page, size);
    cairo_show_text(page->cr, text);
}

#endif

double tp__plot_text_width(const tp__plot_page *page, const char *text, double size)
{
    return text_width(page, text, size * page->unit);
}

double tp__plot_text_height(const tp__plot_page *page, double size)
{
    text_font font = text_open(page, size * page->unit);
    return font.ascent + font.descent;
}

double tp__plot_text_widest(const tp__plot_page *page, const tp__plot_ticks *ticks)
{
    double widest = 0;
    for (int k = 0; k < ticks->n; k++)
        widest = fmax(widest, tp__plot_text_width(page, ticks->text[k], TP__PLOT_SMALL));
    return widest;
}

void tp__plot_text(const tp__plot_page *page, const char *text, double size,
                   const tp__plot_anchor *anchor)
{
    double width = tp__plot_text_width(page, text, size);
    if (width > anchor->room && anchor->room > 0) {
        size *= anchor->room / width;
        width = anchor->room;
    }
    text_font font = text_open(page, size * page->unit);
    cairo_move_to(page->cr, anchor->x - anchor->across * width,
                  anchor->y + font.ascent - anchor->down * (font.ascent + font.descent));
    text_show(page, text, font.size);
    cairo_new_path(page->cr);
}

void tp__plot_text_up(const tp__plot_page *page, const char *text, double size,
                      const tp__plot_anchor *anchor)
{
    tp__plot_anchor turned = {0, 0, anchor->across, anchor->down, anchor->room};
    cairo_save(page->cr);
    cairo_translate(page->cr, anchor->x, anchor->y);
    cairo_rotate(page->cr, -acos(0));
    tp__plot_text(page, text, size, &turned);
    cairo_restore(page->cr);
}

#endif
