/* SPDX-License-Identifier: MIT
 *
 * From a graph to a file: the format picks a writer, the size of the picture a layout. The picture
 * is made in memory, but for plain DOT text, which is written while the graph is walked.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/file.h"
#include "draw/dot.h"
#include "draw/json.h"
#include "draw/picture.h"
#include "draw/render.h"

/* Above this many nodes and edges dot takes too long. */
enum { DRAW_DOT_LINES = 1500 };

/* One drawing: `call` and `what`, a file or a format, are for messages. */
typedef struct draw_job {
    const char *call, *what, *format;
    char small[32]; /* letters of the format, if it is written otherwise */
    tp_var *y;
    tp_draw_options options;
} draw_job;

static bool draw_options(draw_job *job, const tp_draw_options *given)
{
    tp_draw_options *options = &job->options;
    if (!tp__take_options(job->call, options, sizeof *options, given))
        return false;
    if (options->around && !tp__check_operand(job->call, options->around))
        return false;
    if (options->steps < 0 || options->repeats < 0) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: steps is %d and repeats %d, expected 0 or more", job->call,
                options->steps, options->repeats);
        return false;
    }
    return true;
}

/* True if the picture is what tp_write_dot_graph writes. */
static bool draw_is_plain(const tp_draw_options *o)
{
    return !(o->values || o->gradients || o->bytes || o->orders || o->scopes || o->around ||
             o->fold_constants || o->hide_rules || o->collapse || o->repeats);
}

static const char *draw_layout(const draw_job *job, const tp__picture *p)
{
    bool svg = !strcmp(job->format, "svg");
    if (job->options.layout)
        return job->options.layout;
    if (p->n + p->n_edges > DRAW_DOT_LINES || (svg && !tp__render_is_there()))
        return "layers";
    return "dot";
}

/* Formats that Graphviz writes, and SVG if it is Graphviz that places the nodes. */
static bool draw_rendered(const draw_job *job, tp__picture *p, tp__text *text)
{
    tp__text dot = {0};
    const char *layout = draw_layout(job, p);
    bool layers = !strcmp(layout, "layers");
    if (layers && !tp__picture_place(p))
        return false;
    if (layers && !strcmp(job->format, "svg")) {
        tp__picture_svg(p, text);
        return !text->failed;
    }
    if (!layers && draw_is_plain(&job->options))
        tp__dot_text(&dot, job->call, job->y, job->options.shapes);
    else
        tp__picture_dot(p, &dot, layers);
    bool good = !dot.failed &&
                tp__render(&dot, layers ? "nop2" : layout, job->format, job->call, job->what, text);
    tp__text_drop(&dot);
    return good;
}

static bool draw_picture(const draw_job *job, tp__text *text)
{
    tp__picture p;
    bool good = tp__picture_make(&p, job->y, &job->options);
    if (good && p.n == 0) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: around is not part of the graph that leads to y",
                job->call);
        good = false;
    }
    if (good && !strcmp(job->format, "dot"))
        tp__picture_dot(&p, text, false);
    else if (good && !strcmp(job->format, "html") && (good = tp__picture_place(&p)))
        tp__picture_page(&p, text);
    else if (good)
        good = draw_rendered(job, &p, text);
    tp__picture_drop(&p);
    return good && !text->failed;
}

static bool draw_text(const draw_job *job, tp__text *text)
{
    if (!strcmp(job->format, "json"))
        return tp__json_text(text, job->y);
    if (!strcmp(job->format, "dot") && draw_is_plain(&job->options))
        return tp__dot_text(text, job->call, job->y, job->options.shapes);
    return draw_picture(job, text);
}

static bool draw_stream_dot(const draw_job *job)
{
    tp__file file;
    tp__file_begin(&file, job->what);
    bool good = !file.error && tp__dot_stream(&file, job->call, job->y, job->options.shapes);
    return tp__file_good(job->call, job->what, tp__file_end(&file, good)) && good;
}

/* ".SVG" is ".svg", in every locale. */
static void draw_set_format(draw_job *job, const char *format)
{
    size_t i = 0;
    for (; i < sizeof job->small - 1 && format[i]; i++) {
        bool large = format[i] >= 'A' && format[i] <= 'Z';
        job->small[i] = (char)(large ? format[i] - 'A' + 'a' : format[i]);
    }
    job->format = format[i] ? format : job->small;
}

/* Finds the format in the file's name. */
static bool draw_format(draw_job *job)
{
    if (!job->what) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: to_file is NULL", job->call);
        return false;
    }
    const char *slash = strrchr(job->what, '/'), *dot = strrchr(job->what, '.');
    if (!dot || (slash && dot < slash) || !dot[1]) {
        tp_fail(TP_ERROR_ARGUMENT,
                "%s: \"%s\" has no extension to tell the format: expected .png, .svg, .pdf, "
                ".html, .json or .dot",
                job->call, job->what);
        return false;
    }
    draw_set_format(job, dot + 1);
    return true;
}

static bool draw_file(draw_job *job, const tp_draw_options *options)
{
    if (!tp__check_operand(job->call, job->y) || !draw_options(job, options) || !draw_format(job))
        return false;
    if (!strcmp(job->format, "dot") && draw_is_plain(&job->options))
        return draw_stream_dot(job);
    tp__text text = {0};
    bool good = draw_text(job, &text) && tp__file_save(job->call, job->what, text.at, text.length);
    tp__text_drop(&text);
    return good;
}

bool tp_draw_graph(tp_var *y, const char *to_file, const tp_draw_options *options)
{
    draw_job job = {.call = "draw_graph", .what = to_file, .y = y};
    return draw_file(&job, options);
}

bool tp_plot_dot_graph(tp_var *y, bool verbose, const char *to_file)
{
    draw_job job = {.call = "plot_dot_graph", .what = to_file, .y = y};
    tp_draw_options options = {.shapes = verbose, .size = sizeof options};
    return draw_file(&job, &options);
}

char *tp_draw_graph_to_memory(tp_var *y, const char *format, size_t *length,
                              const tp_draw_options *options)
{
    draw_job job = {.call = "draw_graph_to_memory", .what = "a picture", .y = y};
    if (!format) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: format is NULL", job.call);
        return NULL;
    }
    draw_set_format(&job, format);
    tp__text text = {0};
    if (tp__check_operand(job.call, y) && draw_options(&job, options) && draw_text(&job, &text)) {
        if (length)
            *length = text.length;
        return tp__text_take(&text);
    }
    tp__text_drop(&text);
    return NULL;
}
