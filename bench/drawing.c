/* SPDX-License-Identifier: MIT
 *
 * drawing: how long pictures of graphs take and how much memory, from a function of two variables
 * to the eleventh derivative of tanh, beside Graphviz's programs on the same DOT text. Each
 * measurement is a process of its own, which makes the graph, then draws; the time is that of
 * drawing, the memory the process's largest. Graphviz's programs are stopped after a limit.
 */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* wait4 */
#endif

#include "harness.h"
#include "machine.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tinypytorch.h>
#include <unistd.h>

enum {
    DRAWING_MOST = 8,
    DRAWING_LEFT = 3 /* exit status: what is needed is missing */
};

static double drawing_limit = 60;

/* A graph: Matyas's function for order 0, else the order-th derivative of tanh. */
typedef struct drawing_graph {
    const char *name;
    int order;
    int nodes;
} drawing_graph;

/* One way to draw: a format of ours, or a program of Graphviz's with its arguments. */
typedef struct drawing_way {
    const char *name, *format;
    const char *argv[DRAWING_MOST];
} drawing_way;

typedef struct drawing_result {
    double seconds, mib;
    bool stopped, missing;
} drawing_result;

static drawing_graph drawing_graphs[] = {{"Matyas", 0, 0},
                                         {"tanh, order 6", 6, 0},
                                         {"tanh, order 7", 7, 0},
                                         {"tanh, order 9", 9, 0},
                                         {"tanh, order 11", 11, 0}};

static const drawing_way drawing_ways[] = {
    {"DOT text", "dot", {NULL}},
    {"SVG", "svg", {NULL}},
    {"HTML", "html", {NULL}},
    {"JSON", "json", {NULL}},
    {"PNG", "png", {NULL}},
    {"dot", NULL, {"dot", "-Tsvg", NULL}},
    {"dot, tuned",
     NULL,
     {"dot", "-Tsvg", "-Gsplines=line", "-Gnslimit=0.5", "-Gnslimit1=0.5", "-Gmclimit=0.1", NULL}},
    {"sfdp", NULL, {"sfdp", "-Goverlap=prism", "-Tsvg", NULL}},
};

enum {
    DRAWING_GRAPHS = sizeof drawing_graphs / sizeof *drawing_graphs,
    DRAWING_WAYS = sizeof drawing_ways / sizeof *drawing_ways
};

static drawing_result drawing_results[DRAWING_GRAPHS][DRAWING_WAYS];

static tp_var *drawing_make(const drawing_graph *graph)
{
    tp_var *x = tp_variable(1.0), *y = tp_variable(1.0);
    tp_set_name(x, "x");
    if (graph->order == 0)
        return tp_sub(tp_mul(0.26, tp_add(tp_pow(x, 2), tp_pow(y, 2))), tp_mul(tp_mul(0.48, x), y));
    y = tp_tanh(x);
    for (int k = 0; k < graph->order; k++)
        y = tp_gradient(y, x, .create_graph = true);
    return y;
}

/* The child that draws with the library, which tells its time on the pipe. */
static int drawing_ours(const drawing_graph *graph, const drawing_way *way, int pipe)
{
    char path[40];
    snprintf(path, sizeof path, "drawing.%s", way->format);
    tp_var *y = drawing_make(graph);
    double start = bench_now();
    bool good = tp_draw_graph(y, path);
    double took = bench_now() - start;
    bool missing = tp_status() == TP_ERROR_MISSING;
    unlink(path);
    good = good && write(pipe, &took, sizeof took) == (ssize_t)sizeof took;
    return missing ? DRAWING_LEFT : !good;
}

/* The child that becomes Graphviz's program, reading drawing.input. */
static int drawing_theirs(const drawing_way *way)
{
    int in = open("drawing.input", O_RDONLY), out = open("/dev/null", O_WRONLY);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        return 1;
    execvp(way->argv[0], (char *const *)way->argv);
    return DRAWING_LEFT;
}

/* Waits for a child, at most so many seconds. */
static void drawing_wait(pid_t child, double limit, drawing_result *result)
{
    struct rusage used;
    int status = 0;
    double start = bench_now();
    pid_t ended;
    while ((ended = wait4(child, &status, WNOHANG, &used)) == 0) {
        if (!result->stopped && bench_now() - start > limit * 1e9) {
            result->stopped = true;
            kill(child, SIGKILL);
        }
        usleep(1000);
    }
    result->seconds = (bench_now() - start) / 1e9;
    result->missing = WIFEXITED(status) && WEXITSTATUS(status) == DRAWING_LEFT;
    result->mib = ended == child ? (double)used.ru_maxrss / 1024 : 0;
    if (!result->stopped && !result->missing && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        fputs("drawing: a child failed\n", stderr);
}

static drawing_result drawing_measure(const drawing_graph *graph, const drawing_way *way)
{
    drawing_result result = {0};
    int ends[2];
    if (pipe(ends) != 0)
        return result;
    pid_t child = fork();
    if (child == 0)
        _exit(way->format ? drawing_ours(graph, way, ends[1]) : drawing_theirs(way));
    close(ends[1]);
    double took;
    drawing_wait(child, drawing_limit, &result);
    if (way->format && read(ends[0], &took, sizeof took) == (ssize_t)sizeof took)
        result.seconds = took / 1e9;
    close(ends[0]);
    return result;
}

/* Writes the DOT text that Graphviz's programs read, and counts its nodes. */
static int drawing_count(const drawing_graph *graph)
{
    int nodes = 0;
    TP_SCOPE();
    char *text = tp_get_dot_graph(drawing_make(graph), false);
    for (const char *at = text; at && (at = strstr(at, " [label=")); at++)
        nodes++;
    FILE *file = fopen("drawing.input", "w");
    if (file && text)
        fputs(text, file);
    if (file)
        fclose(file);
    free(text);
    return nodes;
}

static void drawing_run(void)
{
    for (int g = 0; g < DRAWING_GRAPHS; g++) {
        drawing_graphs[g].nodes = drawing_count(&drawing_graphs[g]);
        for (int w = 0; w < DRAWING_WAYS; w++) {
            bool hopeless = g && drawing_results[g - 1][w].stopped;
            drawing_results[g][w] = hopeless
                                        ? drawing_results[g - 1][w]
                                        : drawing_measure(&drawing_graphs[g], &drawing_ways[w]);
        }
    }
    unlink("drawing.input");
}

/* --- Results --- */

static void drawing_text(char *text, size_t size, const drawing_result *result)
{
    char time[40];
    bench_format_time(time, sizeof time, result->seconds * 1e9);
    if (result->missing)
        snprintf(text, size, "not there");
    else if (result->stopped)
        snprintf(text, size, "over %.0f s", drawing_limit);
    else
        snprintf(text, size, "%.*s, %.0f MiB",
                 (int)(strlen(time) - (time[strlen(time) - 1] == ' ')), time, result->mib);
}

static void drawing_write_markdown(FILE *file)
{
    char text[80];
    fputs("| nodes |", file);
    for (int w = 0; w < DRAWING_WAYS; w++)
        fprintf(file, " %s |", drawing_ways[w].name);
    fputs("\n|---|", file);
    for (int w = 0; w < DRAWING_WAYS; w++)
        fputs("---|", file);
    for (int g = 0; g < DRAWING_GRAPHS; g++) {
        fprintf(file, "\n| %d (%s) |", drawing_graphs[g].nodes, drawing_graphs[g].name);
        for (int w = 0; w < DRAWING_WAYS; w++) {
            drawing_text(text, sizeof text, &drawing_results[g][w]);
            fprintf(file, " %s |", text);
        }
    }
    fputs("\n", file);
}

static void drawing_write_json(FILE *file)
{
    const char *comma = "";
    fputs("[", file);
    for (int g = 0; g < DRAWING_GRAPHS; g++)
        for (int w = 0; w < DRAWING_WAYS; w++) {
            const drawing_result *result = &drawing_results[g][w];
            if (result->missing)
                continue;
            fprintf(file,
                    "%s\n    {\"nodes\": %d, \"way\": \"%s\", \"seconds\": %.6f, \"mib\": %.1f, "
                    "\"stopped\": %s}",
                    comma, drawing_graphs[g].nodes, drawing_ways[w].name, result->seconds,
                    result->mib, result->stopped ? "true" : "false");
            comma = ",";
        }
    fputs("\n]\n", file);
}

static int drawing_write(const char *path, void (*write_to)(FILE *file))
{
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file)
        write_to(file);
    if (path && (!file || fclose(file) != 0)) {
        fprintf(stderr, "cannot write %s\n", path);
        return 1;
    }
    return 0;
}

static int drawing_usage(const char *program)
{
    fprintf(stderr,
            "usage: %s [--limit SECONDS] [--json FILE] [--markdown FILE]\n"
            "Draws graphs of growing size in every format, beside Graphviz's programs.\n"
            "  --limit SECONDS  stop those after so long (60)\n"
            "  --json FILE      the results as JSON too\n"
            "  --markdown FILE  the results as a table in Markdown too\n",
            program);
    return 2;
}

int main(int argc, char **argv)
{
    const char *json = NULL, *markdown = NULL;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc)
            return drawing_usage(argv[0]);
        if (!strcmp(argv[i], "--limit"))
            drawing_limit = strtod(argv[i + 1], NULL);
        else if (!strcmp(argv[i], "--json"))
            json = argv[i + 1];
        else if (!strcmp(argv[i], "--markdown"))
            markdown = argv[i + 1];
        else
            return drawing_usage(argv[0]);
    }
    bench_print_machine();
    bench_print_rates(stdout);
    drawing_run();
    drawing_write_markdown(stdout);
    return drawing_write(json, drawing_write_json) |
           drawing_write(markdown, drawing_write_markdown);
}
