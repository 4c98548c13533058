/* SPDX-License-Identifier: MIT
 *
 * DOT text to pictures by Graphviz's library, in process. It keeps global state, so one mutex
 * guards it. The picture is made in memory and written by us: no file name reaches Graphviz.
 */
#include "base/features.h"

#include <errno.h>
#include <string.h>

#include "array/array.h"
#include "draw/dot.h"
#include "tinypytorch.h"

#if defined(TP_WITH_GRAPHVIZ)

#include <graphviz/gvc.h>
#include <pthread.h>

enum { RENDER_DOT_LINES = 1500, RENDER_QUICK_LINES = 600 };

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

static bool render_layout(GVC_t *context, Agraph_t *graph, size_t lines)
{
    if (lines > RENDER_DOT_LINES) {
        agattr(graph, AGRAPH, (char *)"overlap", "prism");
        agattr(graph, AGRAPH, (char *)"outputorder", "edgesfirst");
        return gvLayout(context, graph, "sfdp") == 0;
    }
    if (lines > RENDER_QUICK_LINES) {
        agattr(graph, AGRAPH, (char *)"nslimit", "0.5");
        agattr(graph, AGRAPH, (char *)"nslimit1", "0.5");
        agattr(graph, AGRAPH, (char *)"mclimit", "0.1");
    }
    return gvLayout(context, graph, "dot") == 0;
}

/* The picture in *data, which gvFreeRenderData frees; call inside the lock. */
static bool render_picture(const tp__text *text, const char *format, char **data, unsigned *length)
{
    if (!render_context)
        render_context = gvContext();
    Agraph_t *graph = render_context ? agmemread(text->at) : NULL;
    bool good = false;
    if (graph && render_layout(render_context, graph, render_lines(text))) {
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

static bool render_write(const char *to_file, const char *data, size_t length)
{
    FILE *file = fopen(to_file, "wb");
    bool good = file && fwrite(data, 1, length, file) == length;
    if (file && fclose(file) != 0)
        good = false;
    if (!good)
        tp_fail(TP_ERROR_FILE, "plot_dot_graph: cannot write %s: %s", to_file, strerror(errno));
    return good;
}

static bool render(const tp__text *text, const char *format, const char *to_file)
{
    char *data = NULL;
    unsigned length = 0;
    if (render_is_window(format)) {
        tp_fail(TP_ERROR_ARGUMENT, "plot_dot_graph: %s: format %s is a window, not a file", to_file,
                format);
        return false;
    }
    pthread_mutex_lock(&render_lock);
    render_message[0] = 0;
    agusererrf old = agseterrf(render_complaint);
    bool good = render_picture(text, format, &data, &length);
    agseterrf(old);
    if (!good)
        tp_fail(TP_ERROR_ARGUMENT, "plot_dot_graph: Graphviz cannot make %s (format %s)%s%s",
                to_file, format, render_message[0] ? ": " : "", render_message);
    pthread_mutex_unlock(&render_lock);
    good = good && render_write(to_file, data, length);
    if (data)
        gvFreeRenderData(data);
    return good;
}

#else

static bool render(const tp__text *text, const char *format, const char *to_file)
{
    (void)text, (void)format;
    tp_fail(TP_ERROR_MISSING,
            "plot_dot_graph: cannot make %s: this library was built without Graphviz. Install it "
            "(Debian, Ubuntu: libgraphviz-dev) and build again, or write a .dot file",
            to_file);
    return false;
}

#endif

static bool render_dot_file(tp_var *y, bool verbose, const char *to_file)
{
    FILE *file = fopen(to_file, "wb");
    if (!file) {
        tp_fail(TP_ERROR_FILE, "plot_dot_graph: cannot write %s: %s", to_file, strerror(errno));
        return false;
    }
    bool good = tp_write_dot_graph(y, verbose, file);
    if (fclose(file) != 0 && good) {
        tp_fail(TP_ERROR_FILE, "plot_dot_graph: cannot write %s: %s", to_file, strerror(errno));
        good = false;
    }
    return good;
}

bool tp_plot_dot_graph(tp_var *y, bool verbose, const char *to_file)
{
    if (!tp__check_operand("plot_dot_graph", y))
        return false;
    if (!to_file) {
        tp_fail(TP_ERROR_ARGUMENT, "plot_dot_graph: to_file is NULL");
        return false;
    }
    const char *slash = strrchr(to_file, '/'), *dot = strrchr(to_file, '.');
    if (!dot || (slash && dot < slash) || !dot[1]) {
        tp_fail(TP_ERROR_ARGUMENT,
                "plot_dot_graph: %s has no extension to tell the format: expected .png, .svg, .pdf "
                "or .dot",
                to_file);
        return false;
    }
    if (!strcmp(dot, ".dot"))
        return render_dot_file(y, verbose, to_file);
    tp__text text = {0};
    bool good =
        tp__dot_text(&text, "plot_dot_graph", y, verbose) && render(&text, dot + 1, to_file);
    tp__text_drop(&text);
    return good;
}
