/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "command.h"

#include <math.h>

/* A character has 2 × 4 dots. */
enum { PLOT_WIDTH = TEXT_PLOT_POINTS / 2, PLOT_HEIGHT = 16, PLOT_DOTS = 4 * PLOT_HEIGHT };

typedef struct plot_page {
    unsigned char dots[PLOT_HEIGHT][PLOT_WIDTH];
    double low, high; /* of y */
} plot_page;

static void plot_range(plot_page *page, const double *y, int n)
{
    page->low = (double)INFINITY;
    page->high = -(double)INFINITY;
    for (int i = 0; i < n; i++)
        if (isfinite(y[i])) {
            page->low = fmin(page->low, y[i]);
            page->high = fmax(page->high, y[i]);
        }
    if (!(page->low <= page->high))
        page->low = page->high = 0;
    if (page->low == page->high) {
        page->low -= 1;
        page->high += 1;
    }
}

static void plot_dot(plot_page *page, int x, int y)
{
    static const unsigned char bits[4][2] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    page->dots[y / 4][x / 2] |= bits[y % 4][x % 2];
}

static int plot_row(const plot_page *page, double y)
{
    double share = (page->high / 2 - y / 2) / (page->high / 2 - page->low / 2);
    return (int)lround(share * (PLOT_DOTS - 1));
}

/* Each point, and what lies between it and the next one, if the curve goes on. */
static void plot_curve(plot_page *page, const double *y, const bool *gap)
{
    for (int x = 0; x < TEXT_PLOT_POINTS; x++) {
        if (!isfinite(y[x]))
            continue;
        bool last = x + 1 == TEXT_PLOT_POINTS || !isfinite(y[x + 1]) || gap[x];
        int from = plot_row(page, y[x]), to = last ? from : plot_row(page, y[x + 1]);
        int way = to > from ? 1 : -1;
        plot_dot(page, x, from);
        for (int row = from + way; row != to && from != to; row += way)
            plot_dot(page, x, row);
    }
}

static void plot_print(const plot_page *page, double low, double high)
{
    char left[20], right[20];
    for (int y = 0; y < PLOT_HEIGHT; y++) {
        bool labelled = y == 0 || y == PLOT_HEIGHT - 1;
        if (labelled)
            printf("%10.4g ┤", y ? page->low : page->high);
        else
            printf("%10s │", "");
        for (int x = 0; x < PLOT_WIDTH; x++) {
            unsigned dots = page->dots[y][x];
            printf("\xE2%c%c", (int)(0xA0 | dots >> 6), (int)(0x80 | (dots & 0x3F)));
        }
        puts("");
    }
    snprintf(left, sizeof left, "%.4g", low);
    snprintf(right, sizeof right, "%.4g", high);
    printf("%12s%-*s%*s\n", "", PLOT_WIDTH / 2, left, PLOT_WIDTH / 2, right);
}

void text_plot(const double *y, const bool *gap, int curves, double low, double high)
{
    plot_page page = {{{0}}, 0, 0};
    plot_range(&page, y, curves * TEXT_PLOT_POINTS);
    for (int k = 0; k < curves; k++)
        plot_curve(&page, y + k * TEXT_PLOT_POINTS, gap + k * TEXT_PLOT_POINTS);
    plot_print(&page, low, high);
}
