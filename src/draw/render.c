/* SPDX-License-Identifier: MIT
 *
 * DOT text to pictures by Graphviz's library, in process. It keeps global state, so one mutex
 * guards it. The picture is made in memory: no file name reaches Graphviz.
 */
#include "base/features.h"

#include "draw/render.h"

#include <string.h>

#include "tinypytorch/error.h"

#if defined(TP_WITH_GRAPHVIZ)

#include <graphviz/gvc.h>
#include <pthread.h>

/* Beyond this many nodes and edges dot looks less hard for the best places. */
enum { RENDER_QUICK_LINES = 600 };

/* One context for the life of the process: Graphviz's font cache outlives a context but points into
 * it. */
static pthread_mutex_t render_lock = PTHREAD_MUTEX_INITIALIZER;
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

/* The picture in *data, which gvFreeRenderData frees; call inside the lock. */
static bool render_picture(const tp__text *dot, const char *engine, const char *format, char **data,
                           unsigned *length)
{
    if (!render_context)
        render_context = gvContext();
    Agraph_t *graph = render_context ? agmemread(dot->at) : NULL;
    bool good = false;
    if (graph && render_layout(render_context, graph, engine, render_lines(dot))) {
        good = gvRenderData(render_context, graph, format, data, length) == 0 && *data;
        gvFreeLayout(render_context, graph);
    }
    if (graph)
        agclose(graph);
    return good;
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
    char *data = NULL;
    unsigned length = 0;
    if (render_is_window(format)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s: format %s is a window, not a file", call, what, format);
        return false;
    }
    pthread_mutex_lock(&render_lock);
    render_message[0] = 0;
    agusererrf old = agseterrf(render_complaint);
    bool good = render_picture(dot, engine, format, &data, &length);
    agseterrf(old);
    if (!good)
        tp_fail(TP_ERROR_ARGUMENT, "%s: Graphviz cannot make %s (format %s, layout %s)%s%s", call,
                what, format, engine, render_message[0] ? ": " : "", render_message);
    pthread_mutex_unlock(&render_lock);
    if (good)
        tp__text_add(picture, data, length);
    if (data)
        gvFreeRenderData(data);
    return good && !picture->failed;
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
