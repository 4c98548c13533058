/* SPDX-License-Identifier: MIT
 *
 * Curves of a formula and its derivatives. Each point is evaluated by itself, so that formulas with
 * sums and lists can be plotted too. A curve is broken where it jumps, as tan does at its poles.
 */
#include "base/features.h"

#include "command.h"

#include <math.h>

#include "base/alloc.h"

enum { PLOT_POINTS = 401, PLOT_MOST = 12, PLOT_MOST_POINTS = 1000000 };

/* Jumps are looked for in so many intervals at most, each halved so often. */
enum { PLOT_TRIED = 500, PLOT_HALVES = 30 };

typedef struct plot_job {
    command *c;
    int variable, curves, n;
    double low, high;
    double *x, *y; /* n numbers, and n for each curve */
    bool *gap;     /* for each of y: the curve does not go on to the next point */
} plot_job;

/* "LOW:HIGH", two formulas. */
static bool plot_read_range(plot_job *job)
{
    tp__text text = {0};
    tp_var *ends;
    const char *range = job->c->options.range ? job->c->options.range : "-5:5", *colon = range;
    while (*colon && *colon != ':')
        colon++;
    tp__text_format(&text, "%.*s,%s", (int)(colon - range), range, *colon ? colon + 1 : "");
    bool good = text.at && *colon && command_value(job->c, "--x", text.at, &ends);
    tp__text_drop(&text);
    if (good && tp_size(ends) == 2) {
        job->low = ((const double *)command_data(ends))[0];
        job->high = ((const double *)command_data(ends))[1];
    }
    bool finite = isfinite(job->low) && isfinite(job->high);
    if (!*colon || (good && !(job->low < job->high && finite))) {
        command_fail(job->c, "--x needs LOW:HIGH, finite and LOW below HIGH, not \"%s\"", range);
        return false;
    }
    return good;
}

/* The values of all curves at a place. */
static bool plot_values(const plot_job *job, double at, double *values)
{
    TP_SCOPE();
    tp_var *d[PLOT_MOST], *x = tp_variable(tp_scalar(at));
    job->c->x[job->variable] = x;
    tp_var *y = tp_expression_apply(job->c->f, job->c->x);
    if (!tp_is_poison(y) && tp_ndim(y) > 0) {
        command_fail(job->c, "the formula gives %lld numbers, expected one", (long long)tp_size(y));
        return false;
    }
    d[0] = tp_to(y, TP_F64);
    if (job->curves > 1)
        tp_derivatives(d[0], x, job->curves - 1, d + 1);
    for (int k = 0; k < job->curves; k++)
        values[k] = tp_item(d[k]);
    return !tp_error() || command_error(job->c) == STATUS_GOOD;
}

/* --- Jumps and poles --- */

/* True if the curve may jump between points i and i + 1: it turns there and back again, or moves by
 * more than on both sides together. */
static bool plot_may_jump(const double *y, int n, int i)
{
    double step = y[i + 1] - y[i], before = i > 0 ? y[i] - y[i - 1] : 0;
    double after = i + 2 < n ? y[i + 2] - y[i + 1] : 0;
    bool turns = step * before < 0 && step * after < 0;
    return isfinite(step) && step != 0 &&
           (turns || !(fabs(step) <= 2 * (fabs(before) + fabs(after))));
}

/* True if curve k jumps between two points: however often the interval is halved, the half with the
 * larger step keeps it. */
static bool plot_jumps(const plot_job *job, int k, int i)
{
    double x0 = job->x[i], x1 = job->x[i + 1], values[PLOT_MOST];
    double y0 = job->y[k * job->n + i], y1 = job->y[k * job->n + i + 1], whole = fabs(y1 - y0);
    for (int half = 0; half < PLOT_HALVES; half++) {
        double middle = x0 / 2 + x1 / 2;
        if (middle <= x0 || middle >= x1 || !plot_values(job, middle, values))
            break;
        double y = values[k];
        if (!isfinite(y))
            return true;
        if (fabs(y - y0) > fabs(y1 - y))
            x1 = middle, y1 = y;
        else
            x0 = middle, y0 = y;
    }
    return fabs(y1 - y0) > whole / 2;
}

static void plot_find_gaps(plot_job *job, int k)
{
    const double *y = job->y + k * job->n;
    for (int i = 0, tried = 0; i + 1 < job->n && tried < PLOT_TRIED; i++)
        if (plot_may_jump(y, job->n, i)) {
            tried++;
            job->gap[k * job->n + i] = plot_jumps(job, k, i);
        }
}

static bool plot_compute(plot_job *job)
{
    size_t n = (size_t)job->n, curves = (size_t)job->curves;
    job->x = tp__alloc(n * (1 + curves) * sizeof *job->x);
    job->gap = tp__alloc_zero(n * curves, sizeof *job->gap);
    if (!job->x || !job->gap) {
        command_error(job->c);
        return false;
    }
    job->y = job->x + job->n;
    bool good = true;
    for (int i = 0; i < job->n && good; i++) {
        double share = i / (double)(job->n - 1), values[PLOT_MOST];
        job->x[i] = job->low * (1 - share) + job->high * share;
        good = plot_values(job, job->x[i], values);
        for (int k = 0; k < job->curves && good; k++)
            job->y[k * job->n + i] = values[k];
    }
    for (int k = 0; k < job->curves && good; k++)
        plot_find_gaps(job, k);
    job->c->x[job->variable] = NULL;
    return good;
}

/* "f", "f'", …, "f^(4)". */
static void plot_label(char label[16], int k)
{
    static const char *const few[] = {"f", "f'", "f''", "f'''"};
    if (k < 4)
        snprintf(label, 16, "%s", few[k]);
    else
        snprintf(label, 16, "f^(%d)", k);
}

/* Curve k with a NaN in each gap. */
static void plot_line(const plot_job *job, tp_plot *plot, int k, const char *label)
{
    double *x = tp__alloc(4 * (size_t)job->n * sizeof *x), *y = x ? x + 2 * job->n : NULL;
    int n = 0;
    for (int i = 0; x && i < job->n; i++) {
        x[n] = job->x[i];
        y[n++] = job->y[k * job->n + i];
        if (job->gap[k * job->n + i]) {
            x[n] = job->x[i];
            y[n++] = (double)NAN;
        }
    }
    if (x)
        tp_plot_line(plot, tp_array(TP_F64, TP_SHAPE(n), x), tp_array(TP_F64, TP_SHAPE(n), y),
                     .label = label);
    tp__free(x);
}

static bool plot_save(const plot_job *job)
{
    const char *name = tp_expression_variable(job->c->f, job->variable);
    char *title = command_title(job->c);
    tp_plot *plot = tp_plot_new(.title = title, .x_label = name, .grid = true);
    for (int k = 0; k < job->curves; k++) {
        char label[16];
        plot_label(label, k);
        plot_line(job, plot, k, job->curves > 1 ? label : NULL);
    }
    bool saved = tp_plot_save(plot, job->c->options.output);
    tp_plot_free(plot);
    tp__free(title);
    return saved || command_error(job->c) == STATUS_GOOD;
}

static bool plot_table(const plot_job *job)
{
    command_table table;
    char **names = tp__alloc_zero((size_t)job->curves + 1, sizeof *names);
    for (int k = 0; names && k < job->curves; k++) {
        char label[16];
        plot_label(label, k);
        names[k] = tp__copy_text(label);
    }
    const char *name = tp_expression_variable(job->c->f, job->variable);
    if (!table_begin(&table, job->c, name, names, job->curves))
        return false;
    for (int i = 0; i < job->n; i++) {
        double values[PLOT_MOST];
        tp__text x = {0};
        table_number(&x, job->x[i], true);
        for (int k = 0; k < job->curves; k++)
            values[k] = job->y[k * job->n + i];
        table_row(&table, x.at ? x.at : "", values);
        tp__text_drop(&x);
    }
    table_end(&table);
    return true;
}

static int plot_run(command *c)
{
    const command_options *o = &c->options;
    bool text = !o->output && !o->json && !o->csv;
    plot_job job = {.c = c, .variable = command_variable(c), .curves = 1 + o->derivatives};
    job.n = text ? TEXT_PLOT_POINTS : o->points ? o->points : PLOT_POINTS;
    if (job.variable < 0 || !command_has_values(c, job.variable) || !plot_read_range(&job))
        return STATUS_BAD_INPUT;
    if (c->x[job.variable])
        return command_fail(c, "%s has a range, and no value beside it",
                            tp_expression_variable(c->f, job.variable));
    if (job.curves > PLOT_MOST)
        return command_fail(c, "--derivatives goes up to %d", PLOT_MOST - 1);
    if (job.n < 2 || job.n > PLOT_MOST_POINTS)
        return command_fail(c, "--points goes from 2 to %d", PLOT_MOST_POINTS);
    bool good = plot_compute(&job);
    if (good && o->output)
        good = plot_save(&job);
    if (good && (o->json || o->csv))
        good = plot_table(&job);
    if (good && text)
        text_plot(job.y, job.gap, job.curves, job.low, job.high);
    tp__free(job.x);
    tp__free(job.gap);
    return good ? STATUS_GOOD : STATUS_BAD_INPUT;
}

const command_verb verb_plot = {
    .name = "plot",
    .arguments = "[OPTION...] FORMULA [NAME=VALUE...]",
    .summary = "Plot a formula over a range of its variable",
    .help = "Without -o it is plotted in the terminal. FILE ends in .png .svg .pdf or .html.\n\n"
            "  tinypytorch plot \"sin(x)\" --x -7:7 --derivatives 3 -o sin.png\n"
            "  tinypytorch plot \"exp(-k*t)\" -v t --x 0:2*pi k=2\n",
    .options = OPTION_RANGE | OPTION_DERIVATIVES | OPTION_POINTS | OPTION_VARIABLE | OPTION_OUTPUT |
               OPTION_JSON | OPTION_CSV,
    .run = plot_run,
};
