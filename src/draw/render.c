/* SPDX-License-Identifier: MIT
 *
 * DOT text to pictures by Graphviz's library, in process. It keeps global state, so one mutex
 * guards it. The picture is made in memory: no file name reaches Graphviz. It recurses over the
 * graph, so it runs on a thread with a stack of its own, whatever the caller's is; numbers there
 * are written as in C.
 */
#include "base/features.h"

#include "draw/render.h"

#include <string.h>

#include "base/numbers.h"
#include "tinypytorch/error.h"

#if defined(TP_WITH_GRAPHVIZ)

#include <graphviz/gvc.h>

#include "base/system.h"

/* Beyond this many nodes and edges dot looks less hard for the best places. */
enum { RENDER_QUICK_LINES = 600 };

/* Of the thread; only what is used of it becomes memory. */
enum { RENDER_STACK = 64 << 20 };

typedef struct render_job {
    const tp__text *dot;
    const char *engine, *format;
    char *data; /* the picture, which gvFreeRenderData frees */
    unsigned length;
    bool good;
} render_job;

/* One context for the life of the process: Graphviz's font cache outlives a context but points into
 * it. */
static tp__mutex render_lock = TP__MUTEX_START;
static GVC_t *render_context;
static char render_message[200];

/* Keeps the first line that Graphviz complains with; it would print to stderr. */
static int render_complaint(char *message)
{
    if (!render_message[0])
        snprintf(render_message, sizeof render_message, "%.*s", (int)strcspn(message, "\n"),
                 message);
    return 0;
}

static size_t render_lines(const tp__text *text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text->length; i++)
        lines += text->at[i] == '\n';
    return lines;
}

static bool render_layout(GVC_t *context, Agraph_t *graph, const char *engine, size_t lines)
{
    if (!strcmp(engine, "dot") && lines > RENDER_QUICK_LINES) {
        agattr(graph, AGRAPH, (char *)"nslimit", "0.5");
        agattr(graph, AGRAPH, (char *)"nslimit1", "0.5");
        agattr(graph, AGRAPH, (char *)"mclimit", "0.1");
    } else if (strcmp(engine, "dot") != 0 && strcmp(engine, "nop2") != 0) {
        agattr(graph, AGRAPH, (char *)"overlap", "prism");
        agattr(graph, AGRAPH, (char *)"outputorder", "edgesfirst");
    }
    return gvLayout(context, graph, engine) == 0;
}

/* Inside the lock. */
static void *render_picture(void *argument)
{
    render_job *job = argument;
    void *locale = tp__locale_enter();
    agusererrf old = agseterrf(render_complaint);
    if (!render_context)
        render_context = gvContext();
    Agraph_t *graph = render_context ? agmemread(job->dot->at) : NULL;
    if (graph && render_layout(render_context, graph, job->engine, render_lines(job->dot))) {
        job->good =
            gvRenderData(render_context, graph, job->format, &job->data, &job->length) == 0 &&
            job->data;
        gvFreeLayout(render_context, graph);
    }
    if (graph)
        agclose(graph);
    agseterrf(old);
    tp__locale_leave(locale);
    return NULL;
}

/* Graphviz's formats that open a window instead of making a file. */
static bool render_is_window(const char *format)
{
    static const char *const windows[] = {"x11", "xlib", "gtk"};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        if (!strcmp(format, windows[i]))
            return true;
    return false;
}

bool tp__render_is_there(void)
{
    return true;
}

bool tp__render(const tp__text *dot, const char *engine, const char *format, const char *call,
                const char *what, tp__text *picture)
{
    render_job job = {.dot = dot, .engine = engine, .format = format};
    if (render_is_window(format)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s: format %s is a window, not a file", call, what, format);
        return false;
    }
    tp__lock(&render_lock);
    render_message[0] = 0;
    int error = tp__call_on_stack(RENDER_STACK, render_picture, &job);
    if (error)
        tp_fail(TP_ERROR_MEMORY, "%s: no thread of %d MiB of stack for Graphviz", call,
                RENDER_STACK >> 20);
    else if (!job.good)
        tp_fail(TP_ERROR_ARGUMENT, "%s: Graphviz cannot make %s (format %s, layout %s)%s%s", call,
                what, format, engine, render_message[0] ? ": " : "", render_message);
    tp__unlock(&render_lock);
    if (job.good)
        tp__text_add(picture, job.data, job.length);
    if (job.data)
        gvFreeRenderData(job.data);
    return job.good && !picture->failed;
}

#else

bool tp__render_is_there(void)
{
    return false;
}

bool tp__render(const tp__text *dot, const char *engine, const char *format, const char *call,
                const char *what, tp__text *picture)
{
    (void)dot, (void)engine, (void)picture;
    tp_fail(TP_ERROR_MISSING,
            "%s: cannot make %s: this library was built without Graphviz, which writes format %s. "
            "Install it (Debian, Ubuntu: libgraphviz-dev) and build again, or write .svg, .html, "
            ".dot or .json",
            call, what, format);
    return false;
}

#endif
