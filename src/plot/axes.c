/* SPDX-License-Identifier: MIT
 *
 * Limits and ticks. A tick is an integer times a step, so texts are exact to the step's decimals
 * and zero is zero. Whether texts get a common factor or are differences from a common offset
 * depends on the limits only, so the room for that is known before the ticks are.
 */
#include "base/features.h"

#include "plot/plot.h"

#include <math.h>
#include <string.h>

#include "base/numbers.h"

#define PLOT_HUGE 1e300   /* beyond this, differences could overflow */
#define PLOT_NARROW 1e-14 /* a range narrower than this, relatively, is a single value */
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
    bool empty = true;
    for (size_t i = 0; i < item->n_y; i++) {
        if (!tp__plot_usable(item->y[i]))
            continue;
        empty = empty && item->y[i] == 0;
        plot_axes_cover(x, item->x[i]);
        plot_axes_cover(x, item->x[i + 1]);
        plot_axes_cover(y, item->y[i]);
        if (!plot->log_y)
            plot_axes_cover(grid_y, 0);
    }
    if (empty && !plot->log_y)
        plot_axes_cover(grid_y, 1); /* counts are from 0 up, also where there are none */
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

/* What the texts of ticks are differences from: `units` times 10^power; 0 where texts need none. */
typedef struct axes_offset {
    double units;
    int power;
} axes_offset;

/* Numbers that agree in so many leading digits are told apart by what follows. */
#define PLOT_OFFSET 1e5

static axes_offset plot_axes_offset(const tp__plot_range *range)
{
    double width = range->high - range->low;
    int power = (int)floor(log10(width)) + 1;
    if (fmax(fabs(range->low), fabs(range->high)) < PLOT_OFFSET * width)
        return (axes_offset){0, power};
    return (axes_offset){rint((range->low / 2 + range->high / 2) / pow(10, power)), power};
}

/* "×10⁻⁶ + 123456789" */
static void plot_axes_factor(char *text, size_t size, int exponent, const axes_offset *offset)
{
    double value = offset->units * pow(10, offset->power);
    text[0] = 0;
    if (exponent)
        plot_axes_power(text, size, "×", exponent);
    if (offset->units == 0)
        return;
    size_t length = strlen(text);
    length += (size_t)snprintf(text + length, size - length, "%s%s ", exponent ? " " : "",
                               value < 0 ? "−" : "+");
    tp__format(text + length, size - length, "%.15g", fabs(value));
}

void tp__plot_linear_ticks(const tp__plot_range *range, int most, tp__plot_ticks *ticks)
{
    double digit, first, last;
    int power;
    axes_offset offset = plot_axes_offset(range);
    tp__plot_range rest = {0, range->high - range->low};
    int exponent = plot_axes_exponent(offset.units != 0 ? &rest : range);
    plot_axes_step(range, most, &digit, &power);
    plot_axes_multiples(range, digit, power, &first, &last);
    int decimals = power < exponent ? exponent - power : 0;
    double start = offset.units * pow(10, offset.power - power);
    ticks->n = 0;
    for (double i = first; i <= last && ticks->n < TP__PLOT_TICKS; i++) {
        char *text = ticks->text[ticks->n];
        ticks->at[ticks->n++] = i * digit * pow(10, power);
        plot_axes_number(text, sizeof ticks->text[0],
                         (i * digit - start) * pow(10, power - exponent), decimals);
    }
    plot_axes_factor(ticks->factor, sizeof ticks->factor, exponent, &offset);
}

/* "200", "2×10⁹" */
static void plot_axes_decade(char *text, size_t size, double digit, int power)
{
    char prefix[8] = "";
    if (power >= -4 && power <= 5) {
        tp__format(text, size, "%.6g", digit * pow(10, power));
        return;
    }
    if (digit > 1)
        tp__format(prefix, sizeof prefix, "%.0f×", digit);
    plot_axes_power(text, size, prefix, power);
}

/* 1, 2 and 5 times powers of ten; 1 and 3, or powers alone, if these are too many. */
static void plot_axes_few_decades(const tp__plot_range *logs, int most, tp__plot_ticks *ticks)
{
    static const double sets[][3] = {{1, 2, 5}, {1, 3, 0}, {1, 0, 0}};
    int first = (int)floor(logs->low), last = (int)ceil(logs->high);
    ticks->factor[0] = 0;
    for (int set = 0; set < 3; set++) {
        ticks->n = 0;
        for (int k = 3 * first; k <= 3 * last + 2; k++) {
            int power = k >= 0 ? k / 3 : -((2 - k) / 3);
            double digit = sets[set][k - 3 * power], at = log10(digit) + power;
            if (!(at >= logs->low - 1e-9 && at <= logs->high + 1e-9))
                continue;
            if (ticks->n < TP__PLOT_TICKS) {
                ticks->at[ticks->n] = at;
                plot_axes_decade(ticks->text[ticks->n], sizeof ticks->text[0], digit, power);
            }
            ticks->n++;
        }
        if (ticks->n <= most)
            return;
    }
    ticks->n = ticks->n < TP__PLOT_TICKS ? ticks->n : TP__PLOT_TICKS;
}

/* Linear ticks on a logarithmic scale. Numbers that a double cannot hold well are read as multiples
 * of a power of ten. */
static void plot_axes_narrow(const tp__plot_range *logs, int most, tp__plot_ticks *ticks)
{
    int shift = fabs(logs->low) > 290 ? (int)floor(logs->low) : 0, n = 0;
    tp__plot_range data = {pow(10, logs->low - shift), pow(10, logs->high - shift)};
    tp__plot_widen(&data);
    tp__plot_linear_ticks(&data, most, ticks);
    for (int k = 0; k < ticks->n; k++) {
        if (ticks->at[k] <= 0)
            continue;
        ticks->at[n] = log10(ticks->at[k]) + shift;
        if (k != n)
            memcpy(ticks->text[n], ticks->text[k], sizeof ticks->text[k]);
        n++;
    }
    ticks->n = n;
    if (shift)
        plot_axes_power(ticks->factor, sizeof ticks->factor, "×", shift);
}

void tp__plot_log_ticks(const tp__plot_range *logs, int most, tp__plot_ticks *ticks)
{
    int first = (int)ceil(logs->low - 1e-9), last = (int)floor(logs->high + 1e-9);
    if (last - first < 2) {
        if (logs->high - logs->low < log10(4))
            plot_axes_narrow(logs, most, ticks);
        else
            plot_axes_few_decades(logs, most, ticks);
        return;
    }
    static const int strides[] = {1, 2, 5, 10, 20, 50, 100, 200};
    int stride = strides[0];
    for (size_t i = 0;
         i < sizeof strides / sizeof *strides && last / stride - first / stride >= most; i++)
        stride = strides[i];
    ticks->n = 0;
    ticks->factor[0] = 0;
    first = (int)ceil((double)first / stride) * stride;
    for (int k = first; k <= last && ticks->n < TP__PLOT_TICKS; k += stride) {
        char *text = ticks->text[ticks->n];
        ticks->at[ticks->n++] = k;
        plot_axes_power(text, sizeof ticks->text[0], "", k);
    }
}
