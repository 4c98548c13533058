/* SPDX-License-Identifier: MIT
 *
 * A number is taken apart once, into a decimal; everything else places its digits.
 *
 * Digits: the text of %e is exactly rounded, and a count of digits is enough if they read back as
 * the same number. Above a power of two the numbers lie twice as far apart as below, so that the
 * decimal after the nearest one may read back where the nearest does not: it is taken then. More
 * digits never read back worse, so the fewest are found by bisection. Decimals are read and
 * written here without a point; the locale's point never matters.
 *
 * Layout: two walks over the elements that will be seen find how wide they are, a third writes
 * them. All elements of an array have the same width, so lines wrap without looking at the text.
 */
#include "base/features.h"

#include "array/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/dtype.h"
#include "base/numbers.h"

enum {
    FORMAT_PRECISION = 8,    /* digits after the point in an array */
    FORMAT_LINE = 75,        /* line width */
    FORMAT_THRESHOLD = 1000, /* larger arrays are summarised */
    FORMAT_EDGE = 3,         /* what is left of each axis then, at either end */
    FORMAT_DIGITS = 17       /* always enough to read a double back */
};

/* (-1)^negative · d.ddd · 10^exponent, without trailing zeros; 0 has the one digit 0. */
typedef struct format_decimal {
    bool negative;
    char digits[24];
    int count, exponent;
} format_decimal;

/* An array and how its elements are laid out. */
typedef struct format_job {
    tp_dtype dtype;
    int ndim, indent;
    const int64_t *shape;
    const void *data;
    bool summary; /* "..." stands for what is left out */
    int width;    /* of an element */
    /* Floating elements: the range of those finite and not 0, and the widths of the parts. */
    double smallest, largest;
    bool minus_infinity, not_finite;
    bool scientific;
    int before, after; /* before the point, with the sign; digits after it */
    int exponent_digits;
} format_job;

/* --- Numbers as decimals --- */

/* The text has no point: strtof reads it in any locale. */
static double format_read(uint64_t significand, int exponent, tp_dtype dtype)
{
    char text[40];
    snprintf(text, sizeof text, "%" PRIu64 "e%d", significand, exponent);
    return dtype == TP_F64 ? tp__read_number(text, NULL)
                           : tp__rounded_to(dtype, (double)strtof(text, NULL));
}

static void format_set_decimal(format_decimal *d, double value, uint64_t significand, int exponent)
{
    d->negative = signbit(value);
    d->count = snprintf(d->digits, sizeof d->digits, "%" PRIu64, significand);
    d->exponent = significand ? exponent + d->count - 1 : 0;
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->count--;
}

/* value rounded to count digits. True if that reads back as value, for which the next larger
 * decimal of as many digits is tried too. */
static bool format_round(format_decimal *d, double value, tp_dtype dtype, int count)
{
    char text[64];
    double size = fabs(value);
    tp__format(text, sizeof text, "%.*e", count - 1, size);
    uint64_t significand = 0;
    const char *at = text;
    for (; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            significand = 10 * significand + (uint64_t)(*at - '0');
    int exponent = (int)strtol(at + 1, NULL, 10) - (count - 1);
    bool same = format_read(significand, exponent, dtype) == size;
    if (!same && format_read(significand + 1, exponent, dtype) == size) {
        significand++;
        same = true;
    }
    format_set_decimal(d, value, significand, exponent);
    return same;
}

static void format_shortest(format_decimal *d, double value, tp_dtype dtype)
{
    int least = 1, most = FORMAT_DIGITS;
    while (least < most) {
        int middle = (least + most) / 2;
        if (format_round(d, value, dtype, middle))
            most = middle;
        else
            least = middle + 1;
    }
    format_round(d, value, dtype, least);
}

/* --- Decimals as text --- */

static void format_fill(tp__text *text, char c, int count)
{
    for (; count > 0; count--)
        tp__text_add(text, &c, 1);
}

/* The digits for 10^high down to 10^low. */
static void format_digits(tp__text *text, const format_decimal *d, int high, int low)
{
    for (int power = high; power >= low; power--) {
        int i = d->exponent - power;
        tp__text_add(text, i >= 0 && i < d->count ? &d->digits[i] : "0", 1);
    }
}

static int format_max(int a, int b)
{
    return a > b ? a : b;
}

static int format_digits_before_point(const format_decimal *d)
{
    return format_max(d->exponent, 0) + 1;
}

static int format_digits_after_point(const format_decimal *d)
{
    return format_max(d->count - 1 - d->exponent, 0);
}

static int format_exponent_digits(const format_decimal *d)
{
    return abs(d->exponent) >= 100 ? 3 : 2;
}

static void format_positional(tp__text *text, const format_decimal *d, int after)
{
    tp__text_put(text, d->negative ? "-" : "");
    format_digits(text, d, format_max(d->exponent, 0), 0);
    tp__text_put(text, ".");
    format_digits(text, d, -1, -after);
}

static void format_scientific(tp__text *text, const format_decimal *d, const char *point, int after,
                              int exponent_digits)
{
    tp__text_put(text, d->negative ? "-" : "");
    format_digits(text, d, d->exponent, d->exponent);
    tp__text_put(text, point);
    format_digits(text, d, d->exponent - 1, d->exponent - after);
    tp__text_format(text, "e%c%0*d", d->exponent < 0 ? '-' : '+', exponent_digits,
                    abs(d->exponent));
}

static const char *format_not_finite(double value)
{
    return isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
}

/* --- Elements --- */

static double format_float(const format_job *job, int64_t i)
{
    size_t item = tp__dtype_size(job->dtype);
    return tp__read_element(job->dtype, (const char *)job->data + (size_t)i * item);
}

static int64_t format_integer(const format_job *job, int64_t i)
{
    return job->dtype == TP_I64 ? ((const int64_t *)job->data)[i] : (int64_t)format_float(job, i);
}

/* An integer or a truth value. */
static int format_whole(const format_job *job, char *text, size_t size, int64_t i)
{
    int64_t value = format_integer(job, i);
    if (job->dtype == TP_BOOL)
        return snprintf(text, size, "%s", value ? "True" : "False");
    return snprintf(text, size, "%" PRId64, value);
}

/* An array's element: the fewest digits that read back, but no more than FORMAT_PRECISION after the
 * point, and in positional notation every digit before it. */
static void format_cut(const format_job *job, format_decimal *d, double value)
{
    format_shortest(d, value, job->dtype);
    int least = job->scientific ? 1 : d->exponent + 1;
    int most = FORMAT_PRECISION + (job->scientific ? 1 : d->exponent + 1);
    if (d->count < least || d->count > most)
        format_round(d, value, job->dtype, d->count < least ? least : most);
}

static void format_element(const format_job *job, tp__text *text, int64_t i)
{
    if (!tp__is_float(job->dtype)) {
        char whole[24];
        format_whole(job, whole, sizeof whole, i);
        tp__text_format(text, "%*s", job->width, whole);
        return;
    }
    double value = format_float(job, i);
    if (!isfinite(value)) {
        tp__text_format(text, "%*s", job->width, format_not_finite(value));
        return;
    }
    format_decimal d;
    if (job->scientific) {
        format_round(&d, value, job->dtype, job->after + 1);
        format_fill(text, ' ', job->before - d.negative - 1);
        format_scientific(text, &d, ".", job->after, job->exponent_digits);
        return;
    }
    format_cut(job, &d, value);
    int after = format_digits_after_point(&d);
    format_fill(text, ' ', job->before - d.negative - format_digits_before_point(&d));
    format_positional(text, &d, after);
    format_fill(text, ' ', job->after - after);
}

/* A 0-d array: all the digits it takes, and the point only where it says something. */
static void format_number(const format_job *job, tp__text *text)
{
    if (!tp__is_float(job->dtype)) {
        char whole[24];
        format_whole(job, whole, sizeof whole, 0);
        tp__text_put(text, whole);
        return;
    }
    double value = format_float(job, 0), size = fabs(value);
    if (!isfinite(value)) {
        tp__text_put(text, format_not_finite(value));
        return;
    }
    format_decimal d;
    format_shortest(&d, value, job->dtype);
    if (size > 0 && (size < 1e-4 || size >= 1e16))
        format_scientific(text, &d, d.count > 1 ? "." : "", d.count - 1,
                          format_exponent_digits(&d));
    else
        format_positional(text, &d, format_max(format_digits_after_point(&d), 1));
}

/* --- Which elements are seen --- */

/* Whether element i of an axis of n elements is followed by a gap. */
static bool format_gap(const format_job *job, int64_t n, int64_t i)
{
    return job->summary && n > 2 * FORMAT_EDGE && i == FORMAT_EDGE - 1;
}

static int64_t format_next(const format_job *job, int64_t n, int64_t i)
{
    return format_gap(job, n, i) ? n - FORMAT_EDGE : i + 1;
}

typedef void format_visitor(format_job *job, int64_t i);

/* Visits what is seen of an axis. base is the row-major number of its first slice among all slices
 * of this axis in the array: of the last axis, of its first element. */
static void format_walk(format_job *job, format_visitor *visit, int axis, int64_t base)
{
    int64_t n = job->shape[axis];
    for (int64_t i = 0; i < n; i = format_next(job, n, i)) {
        if (axis == job->ndim - 1)
            visit(job, base + i);
        else
            format_walk(job, visit, axis + 1, (base + i) * job->shape[axis + 1]);
    }
}

/* The number of elements, or something above FORMAT_THRESHOLD. */
static int64_t format_count(int ndim, const int64_t *shape)
{
    int64_t count = 1;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] == 0)
            return 0;
        count = count > FORMAT_THRESHOLD / shape[i] ? FORMAT_THRESHOLD + 1 : count * shape[i];
    }
    return count;
}

/* --- Widths --- */

static void format_note_integer(format_job *job, int64_t i)
{
    char whole[24];
    job->width = format_max(job->width, format_whole(job, whole, sizeof whole, i));
}

static void format_note_range(format_job *job, int64_t i)
{
    double value = format_float(job, i), size = fabs(value);
    if (!isfinite(value)) {
        job->not_finite = true;
        job->minus_infinity |= isinf(value) && value < 0;
        return;
    }
    if (size > 0) {
        job->smallest = fmin(job->smallest, size);
        job->largest = fmax(job->largest, size);
    }
}

/* NumPy's rule, with the ratio rounded to the array's own type. */
static bool format_needs_exponent(const format_job *job)
{
    if (job->largest <= 0)
        return false;
    double ratio = tp__rounded_to(job->dtype, job->largest / job->smallest);
    return job->largest >= 1e8 || job->smallest < 1e-4 || ratio > 1000;
}

static void format_note_width(format_job *job, int64_t i)
{
    double value = format_float(job, i);
    if (!isfinite(value))
        return;
    format_decimal d;
    format_cut(job, &d, value);
    int before = job->scientific ? 1 : format_digits_before_point(&d);
    int after = job->scientific ? d.count - 1 : format_digits_after_point(&d);
    job->before = format_max(job->before, d.negative + before);
    job->after = format_max(job->after, after);
    job->exponent_digits = format_max(job->exponent_digits, format_exponent_digits(&d));
}

static void format_measure(format_job *job)
{
    if (!tp__is_float(job->dtype)) {
        format_walk(job, format_note_integer, 0, 0);
        return;
    }
    job->smallest = HUGE_VAL;
    format_walk(job, format_note_range, 0, 0);
    job->scientific = format_needs_exponent(job);
    format_walk(job, format_note_width, 0, 0);
    int right = 1 + job->after + (job->scientific ? 2 + job->exponent_digits : 0);
    if (job->not_finite)
        job->before = format_max(job->before, 3 + job->minus_infinity - right);
    job->width = job->before + right;
}

/* --- Brackets and lines --- */

static void format_newline(const format_job *job, tp__text *text, int count, int spaces)
{
    for (; count > 0; count--) {
        tp__text_put(text, "\n");
        format_fill(text, ' ', job->indent);
    }
    format_fill(text, ' ', spaces);
}

static void format_trim(tp__text *text)
{
    while (!text->failed && text->length > 0 && text->at[text->length - 1] == ' ')
        text->at[--text->length] = 0;
}

/* Makes room for a word at column, on a new line if need be. Returns the column after the word. */
static int format_place(const format_job *job, tp__text *text, int column, int width)
{
    int first = job->ndim; /* the column after the brackets */
    if (column + width > FORMAT_LINE - job->ndim && column > first) {
        format_trim(text);
        format_newline(job, text, 1, first);
        column = first;
    }
    return column + width;
}

static void format_row(const format_job *job, tp__text *text, int64_t base)
{
    int64_t n = job->shape[job->ndim - 1];
    int column = job->ndim;
    for (int64_t i = 0; i < n; i = format_next(job, n, i)) {
        if (i > 0) {
            tp__text_put(text, " ");
            column++;
        }
        column = format_place(job, text, column, job->width);
        format_element(job, text, base + i);
        if (format_gap(job, n, i)) {
            tp__text_put(text, " ");
            column = format_place(job, text, column + 1, 3);
            tp__text_put(text, "...");
        }
    }
}

static void format_axis(const format_job *job, tp__text *text, int axis, int64_t base)
{
    int64_t n = job->shape[axis];
    int below = job->ndim - 1 - axis;
    tp__text_put(text, "[");
    if (below == 0)
        format_row(job, text, base);
    for (int64_t i = 0; below > 0 && i < n; i = format_next(job, n, i)) {
        if (i > 0)
            format_newline(job, text, below, axis + 1);
        format_axis(job, text, axis + 1, (base + i) * job->shape[axis + 1]);
        if (format_gap(job, n, i)) {
            format_newline(job, text, below, axis + 1);
            tp__text_put(text, "...");
        }
    }
    tp__text_put(text, "]");
}

void tp__format_array(tp__text *text, tp_dtype dtype, int ndim, const int64_t *shape,
                      const void *data, int indent)
{
    format_job job = {.dtype = dtype, .ndim = ndim, .indent = indent, .shape = shape, .data = data};
    int64_t count = format_count(ndim, shape);
    job.summary = count > FORMAT_THRESHOLD;
    if (count == 0) {
        tp__text_put(text, "[]");
    } else if (ndim == 0) {
        format_number(&job, text);
    } else {
        format_measure(&job);
        format_axis(&job, text, 0, 0);
    }
}
