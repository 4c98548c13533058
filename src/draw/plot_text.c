/* SPDX-License-Identifier: MIT
 *
 * Text on a page, measured before it is placed. Heights come from the font, not from the letters,
 * so lines of text agree.
 */
#include "base/features.h"

#include "draw/plot_page.h"

#ifdef TP_WITH_CAIRO

#include <math.h>

double tp__plot_text_width(const tp__plot_page *page, const char *text, double size)
{
    cairo_text_extents_t extents;
    cairo_set_font_size(page->cr, size * page->unit);
    cairo_text_extents(page->cr, text, &extents);
    return fmax(extents.x_advance, extents.x_bearing + extents.width);
}

double tp__plot_text_height(const tp__plot_page *page, double size)
{
    cairo_font_extents_t font;
    cairo_set_font_size(page->cr, size * page->unit);
    cairo_font_extents(page->cr, &font);
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
    cairo_font_extents_t font;
    cairo_set_font_size(page->cr, size * page->unit);
    cairo_font_extents(page->cr, &font);
    cairo_move_to(page->cr, anchor->x - anchor->across * width,
                  anchor->y + font.ascent - anchor->down * (font.ascent + font.descent));
    cairo_show_text(page->cr, text);
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
