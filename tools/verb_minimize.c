/* SPDX-License-Identifier: MIT
 *
 * The verb minimize: iterations, the minimum, why it stopped, and a picture of the path.
 */
#include "base/features.h"

#include "command.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/escape.h"

enum { MINIMIZE_COLUMNS = 10, MINIMIZE_DIGITS = 10 };

typedef struct minimize_job {
    command *c;
    command_table table;
    int printed; /* the iteration that was printed last */
    double values[MINIMIZE_COLUMNS];
    int number; /* of the iteration that values belong to */
    bool live;
    struct timespec shown;
} minimize_job;

/* --- Methods --- */

/* How much of name text spells, but for case and what is no letter: 0 nothing, 1 a beginning, 2
 * all. */
static int minimize_spells(const char *text, const char *name)
{
    for (;; text++, name++) {
        while (*text && !isalnum((unsigned char)*text))
            text++;
        while (*name && !isalnum((unsigned char)*name))
            name++;
        if (!*text)
            return *name ? 1 : 2;
        if (tolower((unsigned char)*text) != tolower((unsigned char)*name))
            return 0;
    }
}

/* The method that text spells, or alone begins; the first one for NULL. */
static bool minimize_method(const command *c, const char *text, tp_method *method)
{
    const char *name;
    int begun = 0;
    *method = (tp_method)0;
    for (int i = 0; text && (name = tp_method_name((tp_method)i)); i++) {
        int spells = minimize_spells(text, name);
        *method = spells ? (tp_method)i : *method;
        begun += spells;
        if (spells == 2)
            return true;
    }
    if (text && begun != 1)
        command_fail(c, "%s method %s; see tinypytorch minimize --help",
                     begun ? "ambiguous" : "unknown", text);
    return !text || begun == 1;
}

/* --- Iterations --- */

/* 0 … 20, 30 … 200, 300 … or every so many. */
static bool minimize_is_printed(const command *c, int number)
{
    if (c->options.every)
        return number % c->options.every == 0;
    int step = 1;
    while (number / step > 20)
        step *= 10;
    return number % step == 0;
}

static void minimize_print(minimize_job *job)
{
    char label[16];
    if (job->live)
        fputs("\r\033[K", stderr);
    snprintf(label, sizeof label, "%d", job->number);
    table_row(&job->table, label, job->values);
    job->printed = job->number;
}

/* At most ten times a second. */
static void minimize_show(minimize_job *job)
{
    struct timespec now;
    if (!job->live || clock_gettime(CLOCK_MONOTONIC, &now))
        return;
    double seconds = (double)(now.tv_sec - job->shown.tv_sec) +
                     1e-9 * (double)(now.tv_nsec - job->shown.tv_nsec);
    if (seconds < 0.1)
        return;
    job->shown = now;
    fprintf(stderr, "\r\033[Kiteration %d: value %.6g, gradient %.3g", job->number, job->values[0],
            job->values[1]);
}

static bool minimize_iteration(void *ctx, const tp_iteration *at)
{
    minimize_job *job = ctx;
    job->number = at->number;
    job->values[0] = at->value;
    job->values[1] = at->gradient;
    for (int i = 2; i < job->table.n; i++)
        job->values[i] = at->x[i - 2];
    if (minimize_is_printed(job->c, at->number))
        minimize_print(job);
    else
        minimize_show(job);
    return true;
}

/* --- The result --- */

static void minimize_numbers(const minimize_job *job, const tp_minimize_result *r, bool json)
{
    tp__text out = {0};
    const double *x = command_data(r->x);
    for (int64_t i = 0; x && i < job->c->size; i++) {
        tp__text name = {0};
        command_element(job->c, i, &name);
        const char *text = name.at ? name.at : "";
        tp__text_put(&out, json && i ? ", " : "");
        if (json)
            tp__escape_json(&out, text);
        else
            tp__escape_plain(&out, text, strlen(text));
        tp__text_put(&out, json ? ": " : " = ");
        table_number(&out, x[i], json);
        tp__text_put(&out, json ? "" : "\n");
        tp__text_drop(&name);
    }
    command_put(&out);
}

static void minimize_json(const minimize_job *job, const tp_minimize_result *r, bool converged)
{
    tp__text out = {0};
    fputs(",\n \"x\": {", stdout);
    minimize_numbers(job, r, true);
    tp__text_put(&out, "},\n \"value\": ");
    table_number(&out, r->value, true);
    tp__text_put(&out, ", \"gradient\": ");
    table_number(&out, r->gradient, true);
    tp__text_format(&out,
                    ", \"evaluations\": %d,\n \"converged\": %s, \"message\": ", r->evaluations,
                    converged ? "true" : "false");
    tp__escape_json(&out, r->message);
    tp__text_put(&out, "}\n");
    command_put(&out);
}

static void minimize_text(const minimize_job *job, const tp_minimize_result *r)
{
    tp__text out = {0};
    puts("");
    minimize_numbers(job, r, false);
    tp__text_put(&out, "value ");
    table_number(&out, r->value, false);
    tp__text_format(&out, " after %d iterations and %d evaluations\n%s\n", r->iterations,
                    r->evaluations, r->message);
    command_put(&out);
}

static bool minimize_begin(minimize_job *job)
{
    static const char *const first[] = {"value", "gradient"};
    command *c = job->c;
    int n = 2 + (c->size < MINIMIZE_COLUMNS - 2 ? (int)c->size : MINIMIZE_COLUMNS - 2);
    char **names = table_element_names(c, 2, first);
    for (int64_t i = n; names && i < 2 + c->size; i++)
        tp__free(names[i]);
    if (c->options.json)
        fputs("{\"iterations\": ", stdout);
    bool good = table_begin(&job->table, c, "iteration", names, n);
    job->table.digits = MINIMIZE_DIGITS;
    job->table.inner = true;
    job->live = isatty(STDERR_FILENO);
    return good;
}

static int minimize_run_job(minimize_job *job, const tp_minimize_options *options)
{
    command *c = job->c;
    tp_minimize_result minimum;
    if (!minimize_begin(job))
        return STATUS_BAD_INPUT;
    bool converged = (tp_minimize)(command_at, c, command_packed(c), &minimum, options);
    if (job->live)
        fputs("\r\033[K", stderr);
    if (!tp_error() && job->printed != job->number && job->table.rows)
        minimize_print(job);
    table_end(&job->table);
    if (tp_error())
        return command_error(c);
    if (c->options.json)
        minimize_json(job, &minimum, converged);
    else if (c->options.csv)
        fprintf(stderr, "%s\n", minimum.message);
    else
        minimize_text(job, &minimum);
    if (c->options.output && !command_picture(c, *options->path))
        return STATUS_BAD_INPUT;
    return converged ? STATUS_GOOD : STATUS_NO;
}

static int minimize_run(command *c)
{
    tp_var *path = NULL;
    minimize_job job = {.c = c, .printed = -1};
    tp_minimize_options options = TP_OPTIONS(tp_minimize_options);
    options.iterations = c->options.iterations;
    options.tolerance = c->options.tolerance != TP_AUTO ? c->options.tolerance : options.tolerance;
    options.rate = c->options.rate != TP_AUTO ? c->options.rate : options.rate;
    options.callback = minimize_iteration;
    options.callback_ctx = &job;
    options.path = c->options.output ? &path : NULL;
    if (!command_has_values(c, -1) || !minimize_method(c, c->options.method, &options.method))
        return STATUS_BAD_INPUT;
    if (c->size == 0)
        return command_fail(c, "there is no variable");
    if (c->options.output && c->size > 2)
        return command_fail(c, "a picture needs one or two numbers to vary, there are %lld",
                            (long long)c->size);
    return minimize_run_job(&job, &options);
}

const command_verb verb_minimize = {
    .name = "minimize",
    .arguments = "[OPTION...] FORMULA NAME=START...",
    .summary = "Find a minimum near a start",
    .help =
        "Prints iterations, and at the end why it stopped. With -o: the path on contour\n"
        "lines, or on the curve of one number, as .png .svg .pdf or .html.\n\n"
        "  tinypytorch minimize \"100*(x1 - x0^2)^2 + (x0 - 1)^2\" x0=0 x1=2 -m newton -o a.png\n"
        "  tinypytorch minimize \"sum((v - [1, 2, 3])^4)\" v=0,0,0 --tolerance 1e-6\n",
    .options = OPTION_METHOD | OPTION_ITERATIONS | OPTION_TOLERANCE | OPTION_RATE | OPTION_EVERY |
               OPTION_OUTPUT | OPTION_JSON | OPTION_CSV,
    .run = minimize_run,
};
