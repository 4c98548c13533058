/* SPDX-License-Identifier: MIT
 *
 * Limits and ticks. A tick is an integer times a step, so texts are exact to the step's decimals
 * and zero is zero. Whether texts get a common factor depends on the limits only, so the room for
 * it is known before the ticks are.
 */
#include "base/features.h"

#include "draw/plot.h"

#include <math.h>
#include <string.h>

#include "base/numbers.h"

#define PLOT_HUGE 1e300   /* beyond this, differences could overflow */
#define PLOT_NARROW 1e-12 /* a range narrower than this, relatively, is a single value */
#define PLOT_MARGIN 0.05  /* of a curve's range, on both sides */

bool tp__plot_is_bare(const tp_plot *plot)
{
    return plot->first && plot->first->kind == TP__PLOT_IMAGES;
}

bool tp__plot_usable(double v)
{
    return fabs(v) <= PLOT_HUGE;
}

void tp__plot_widen(tp__plot_range *range)
{
    double largest = fmax(fabs(range->low), fabs(range->high));
    if (range->high - range->low > fmax(PLOT_NARROW * largest, 1 / PLOT_HUGE))
        return;
    double middle = range->low / 2 + range->high / 2;
    double half = fabs(middle) > 100 / PLOT_HUGE ? 0.05 * fabs(middle) : 0.5;
    range->low = middle - half;
    range->high = middle + half;
}

static void plot_axes_cover(tp__plot_range *range, double v)
{
    range->low = fmin(range->low, v);
    range->high = fmax(range->high, v);
}

static void plot_axes_curve(const tp__plot_item *item, tp__plot_range *x, tp__plot_range *y)
{
    for (size_t i = 0; i < item->n_x; i++) {
        if (tp__plot_usable(item->x[i]) && tp__plot_usable(item->y[i])) {
            plot_axes_cover(x, item->x[i]);
            plot_axes_cover(y, item->y[i]);
        }
    }
}

/* Bars stand on zero; on a logarithmic axis they have no foot. */
static void plot_axes_bars(const tp_plot *plot, const tp__plot_item *item, tp__plot_range *x,
                           tp__plot_range *y, tp__plot_range *grid_y)
{
    for (size_t i = 0; i < item->n_y; i++) {
        if (!tp__plot_usable(item->y[i]))
            continue;
        plot_axes_cover(x, item->x[i]);
        plot_axes_cover(x, item->x[i + 1]);
        plot_axes_cover(y, item->y[i]);
        if (!plot->log_y)
            plot_axes_cover(grid_y, 0);
    }
}

static void plot_axes_grid(const double *at, size_t n, tp__plot_range *range)
{
    for (size_t i = 0; i < n; i++) {
        if (tp__plot_usable(at[i]))
            plot_axes_cover(range, at[i]);
    }
}

/* A grid fills the axes to the edge; a curve gets a margin where it passes the grid. */
static void plot_axes_join(const tp__plot_range *curve, const tp__plot_range *grid,
                           tp__plot_range *all)
{
    *all = *grid;
    if (curve->low <= curve->high) {
        tp__plot_range wide = *curve;
        tp__plot_widen(&wide);
        double margin = PLOT_MARGIN * (wide.high - wide.low);
        if (curve->low < grid->low)
            all->low = wide.low - margin;
        if (curve->high > grid->high)
            all->high = wide.high + margin;
    }
    if (all->low > all->high)
        *all = (tp__plot_range){0, 1};
    tp__plot_widen(all);
}

void tp__plot_limits(const tp_plot *plot, tp__plot_range *x, tp__plot_range *y)
{
    const tp__plot_range none = {HUGE_VAL, -HUGE_VAL};
    tp__plot_range curve_x = none, curve_y = none, grid_x = none, grid_y = none;
    for (const tp__plot_item *item = plot->first; item; item = item->next) {
        if (item->kind == TP__PLOT_CURVE) {
            plot_axes_curve(item, &curve_x, &curve_y);
        } else if (item->kind == TP__PLOT_BARS) {
            plot_axes_bars(plot, item, &curve_x, &curve_y, &grid_y);
        } else if (item->kind == TP__PLOT_CONTOUR) {
            plot_axes_grid(item->x, item->n_x, &grid_x);
            plot_axes_grid(item->y, item->n_y, &grid_y);
        }
    }
    plot_axes_join(&curve_x, &grid_x, x);
    plot_axes_join(&curve_y, &grid_y, y);
}

/* "10⁻³" after the prefix. */
static void plot_axes_power(char *text, size_t size, const char *prefix, int exponent)
{
    static const char *const raised[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    char digits[16];
    snprintf(digits, sizeof digits, "%d", exponent);
    snprintf(text, size, "%s10", prefix);
    for (const char *d = digits; *d; d++) {
        size_t length = strlen(text);
        snprintf(text + length, size - length, "%s", *d == '-' ? "⁻" : raised[*d - '0']);
    }
}

static void plot_axes_number(char *text, size_t size, double v, int decimals)
{
    tp__format(text, size, "%s%.*f", v < 0 ? "−" : "", decimals, fabs(v));
}

/* The exponent of the texts' common factor, 0 for none. */
static int plot_axes_exponent(const tp__plot_range *range)
{
    int exponent = (int)floor(log10(fmax(fabs(range->low), fabs(range->high))));
    return exponent >= 6 || exponent <= -4 ? exponent : 0;
}

static void plot_axes_multiples(const tp__plot_range *range, double digit, int power, double *first,
                                double *last)
{
    double step = digit * pow(10, power);
    *first = ceil(range->low / step - 1e-9);
    *last = floor(range->high / step + 1e-9);
}

/* step = digit · 10^power: the finest with at most `most` multiples in the range. */
static void plot_axes_step(const tp__plot_range *range, int most, double *digit, int *power)
{
    static const double digits[] = {1, 2, 5};
    *power = (int)floor(log10((range->high - range->low) / most));
    for (int k = 0;; k++) {
        double first, last;
        *digit = digits[k % 3];
        plot_axes_multiples(range, *digit, *power + k / 3, &first, &last);
        if (last - first < most) {
            *power += k / 3;
            return;
        }
    }
}

void tp__plot_linear_ticks(const tp__plot_range *range, int most, tp__plot_ticks *ticks)
{
    double digit, first, last;
    int power, exponent = plot_axes_exponent(range);
    plot_axes_step(range, most, &digit, &power);
    plot_axes_multiples(range, digit, power, &first, &last);
    int decimals = power < exponent ? exponent - power : 0;
    ticks->n = 0;
    for (double i = first; i <= last && ticks->n < TP__PLOT_TICKS; i++) {
        char *text = ticks->text[ticks->n];
        ticks->at[ticks->n++] = i * digit * pow(10, power);
        plot_axes_number(text, sizeof ticks->text[0], i * digit * pow(10, power - exponent),
                         decimals);
    }
    ticks->factor[0] = 0;
    if (exponent)
        plot_axes_power(ticks->factor, sizeof ticks->factor, "×", exponent);
}

/* 1, 2 and 5 times powers of ten; 1 and 3, or powers alone, if these are too many. */
static void plot_axes_few_decades(const tp__plot_range *range, int most, tp__plot_ticks *ticks)
{
    static const double sets[][3] = {{1, 2, 5}, {1, 3, 0}, {1, 0, 0}};
    int first = (int)floor(log10(range->low)), last = (int)ceil(log10(range->high));
    ticks->factor[0] = 0;
    for (int set = 0; set < 3; set++) {
        ticks->n = 0;
        for (int k = 3 * first; k <= 3 * last + 2; k++) {
            int power = k >= 0 ? k / 3 : -((2 - k) / 3);
            double at = sets[set][k - 3 * power] * pow(10, power);
            if (at < range->low * (1 - 1e-9) || at > range->high * (1 + 1e-9))
                continue;
            if (ticks->n < TP__PLOT_TICKS) {
                ticks->at[ticks->n] = at;
                tp__format(ticks->text[ticks->n], sizeof ticks->text[0], "%.6g", at);
            }
            ticks->n++;
        }
        if (ticks->n <= most)
            return;
    }
    ticks->n = ticks->n < TP__PLOT_TICKS ? ticks->n : TP__PLOT_TICKS;
}

void tp__plot_log_ticks(const tp__plot_range *range, int most, tp__plot_ticks *ticks)
{
    int first = (int)ceil(log10(range->low) - 1e-9), last = (int)floor(log10(range->high) + 1e-9);
    if (last - first < 2) {
        if (range->high < 4 * range->low)
            tp__plot_linear_ticks(range, most, ticks);
        else
            plot_axes_few_decades(range, most, ticks);
        return;
    }
    int stride = (last - first) / most + 1;
    ticks->n = 0;
    ticks->factor[0] = 0;
    for (int k = first; k <= last && ticks->n < TP__PLOT_TICKS; k += stride) {
        char *text = ticks->text[ticks->n];
        ticks->at[ticks->n++] = pow(10, k);
        plot_axes_power(text, sizeof ticks->text[0], "", k);
    }
}
