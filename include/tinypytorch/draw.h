/* SPDX-License-Identifier: MIT
 *
 * The graph as text and as a picture. Variables are orange ellipses, operations blue boxes; every
 * node appears once, and the same program always gives the same text. Conversions that the library
 * inserts itself (broadcasting, element types) are not shown.
 *
 *     tp_draw_graph(y, "y.svg")                           the plain picture
 *     tp_draw_graph(y, "y.png", .orders = true)           orders of derivative told apart
 *     tp_draw_graph(y, "y.html", .scopes = true)          a page to look around in
 *     tp_print_graph(y)                                   in the terminal
 *
 * Names are shown as they are, whatever they hold: they are escaped in every format, and bytes that
 * are no UTF-8 appear as U+FFFD.
 */
#ifndef TINYPYTORCH_DRAW_H
#define TINYPYTORCH_DRAW_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Plain --- */

/* The graph that leads to y in Graphviz's DOT language, one line a node or edge. A variable's
 * label is its name; verbose adds shape and element type: "x: (2, 3) float64". free() the text. */
TP_API char *tp_get_dot_graph(tp_var *y, bool verbose);

/* The same text piece by piece, for graphs of any size. write is called with one piece after the
 * other, and at the end once with a length of 0; when it returns false, that is the end. False,
 * with an error, if writing fails. tp_write_dot_graph writes to a file. */
typedef bool tp_writer(void *ctx, const char *text, size_t length);
TP_API bool tp_stream_dot_graph(tp_var *y, bool verbose, tp_writer *write, void *ctx);

static inline bool tp__write_to_file(void *file, const char *text, size_t length)
{
    if (length == 0)
        return fflush((FILE *)file) == 0;
    return fwrite(text, 1, length, (FILE *)file) == length;
}
static inline bool tp_write_dot_graph(tp_var *y, bool verbose, FILE *file)
{
    return tp_stream_dot_graph(y, verbose, file ? tp__write_to_file : NULL, file);
}

/* tp_draw_graph, with .shapes if verbose: the extension of to_file picks the format. */
TP_API bool tp_plot_dot_graph(tp_var *y, bool verbose, const char *to_file);

/* --- On request --- */

/* What to show beyond that; zero is the default. Lines are added to a variable's label in the order
 * of the fields. Simplifications happen in the order of the fields too, and a line under the
 * picture says how many nodes it stands for. */
#define TP__DEFAULTS_tp_draw_options(_)
typedef struct tp_draw_options {
    TP__OPTIONS(tp_draw_options)
    bool shapes;    /* shape and element type: "x: (2, 3) float64" */
    bool values;    /* "= 0.76" of a number, "min … mean … max …" of an array */
    bool gradients; /* the same of a gradient that is stored, after "grad" */
    bool bytes;     /* the memory of the elements: "48 bytes" */

    /* Orders of derivative told apart by colour and put in groups: "forward" for what the program
     * computed, "first backward" for what a sweep with create_graph recorded, "second backward" for
     * a sweep from that, and so on; from the eleventh on they are one. What is computed from values
     * of several orders belongs to the highest, a constant to the lowest that uses it; the
     * coefficients of Taylor series have the order of what they were made from. */
    bool orders;
    bool scopes; /* a box around what was computed in a name scope */

    tp_var *around; /* only what is within `steps` operations of this value, in both directions */
    int steps;
    bool fold_constants;  /* constants become part of the operations that use them: "Mul(2, ·)" */
    bool hide_rules;      /* the steps of a gradient rule are one box: "Mul · Sub · Mul" */
    const char *collapse; /* name scopes drawn as one box each: "layer1,layer2"; "*" for all */
    int repeats;          /* n > 0: nodes with the same operations up to n steps back are one, which
                           * says how many there are: "Mul × 812" */
    /* Who places the nodes: "dot", "neato", "sfdp" … of Graphviz; "layers", this library's own,
     * which serves any size. NULL: dot up to 1,500 nodes and edges, layers above. The page and
     * pictures made without Graphviz always use layers. */
    const char *layout;
} TP__BY_NAME tp_draw_options;

/* Draws the graph that leads to y into a file. The extension picks the format:
 *
 * - .dot: DOT text, to be laid out by others.
 * - .svg: a picture in any size.
 * - .html: one file to open in a browser, which needs no network. It opens at the result where the
 *   whole is too large to be read, with an overview in the corner; pan, zoom, search, click for a
 *   node's values and rule, paths, the backward sweep step by step, collapsible name scopes. The
 *   key "?" lists the keys.
 * - .json: the whole graph as data, whatever the options (docs/graph-json.md).
 * - .png, .pdf and what else Graphviz writes, if the library was built with it.
 *
 * Capital letters in it make no difference. A file that is there is replaced when the new one is
 * complete and on the disk; until then it stays as it was, and a process that is killed leaves a
 * file .tinypytorch-… beside it.
 *
 * `values`, `gradients`, .html and .json compute elements that wait to be computed; nothing else
 * changes. No shell is involved, whatever the file is called. Graphviz runs on a thread with a
 * large stack of its own. It ends the process when it finds no memory, as the libraries that draw
 * plots do; .dot, .json and .html, and .svg with .layout = "layers", use none of them. False, with
 * an error, if the format is unknown, or needs Graphviz and there is none, or writing fails. */
TP_API bool tp_draw_graph(tp_var *y, const char *to_file, const tp_draw_options *options);

/* The same in memory; format is the extension without its point. The picture ends with a 0 that
 * *length (may be NULL) does not count. free() it; NULL, with an error, on failure. */
TP_API char *tp_draw_graph_to_memory(tp_var *y, const char *format, size_t *length,
                                     const tp_draw_options *options);

/* --- Name scopes --- */

/* What this thread records from here on belongs to a named part of the program, inside the part it
 * is in already, if any; what a gradient rule records belongs where the value it differentiates
 * does. Constants and leaves belong to the innermost part that everything which uses them is in.
 * Each call opens a part of its own, also under a name that was used before. Returns a mark for
 * tp_name_scope_end, which closes the scope and those opened inside; 0, with an error, if name is
 * NULL or empty. A copy of the name is kept as long as nodes made in the scope live.
 * TP_NAME_SCOPE("layer1"); is a declaration that closes the scope at the brace. */
TP_API size_t tp_name_scope(const char *name);
TP_API void tp_name_scope_end(size_t mark);

/* --- In the terminal --- */

/* The graph as an indented tree, from y to what it was computed from: name, shape and element type,
 * of a single element that has been computed its value, then the operation. What is used several
 * times is written once, with a number "#3" that later lines refer to. Beyond 40 levels the depth
 * is written instead of further indentation. The text goes with free(). */
TP_API char *tp_get_graph_tree(tp_var *y);
TP_API void tp_print_graph(tp_var *y);

/* --- Interchange --- */

/* Reads what tp_draw_graph wrote as .json and returns what y was there: a graph to be drawn in
 * every way that the one that was written could be, with its names, operations, users' functions,
 * orders, name scopes, and elements. The file holds those of contiguous arrays of up to 64 elements
 * that were still there when it was written; others are NaN, or 0 for integers. It is not to be
 * computed with: asking for a derivative is an error, since a file cannot be trusted with the
 * arguments of operations. An operation that this library does not know is shown like a user's
 * function. Poison, with an error that tells the place, if text is not of this form
 * (docs/graph-json.md). */
TP_API tp_var *tp_read_graph_json(const char *text);

#if defined(__GNUC__)
static inline void tp__name_scope_close(const size_t *mark)
{
    tp_name_scope_end(*mark);
}
#define TP_NAME_SCOPE(name)                                                                        \
    __attribute__((cleanup(tp__name_scope_close), unused)) const size_t TP__UNIQUE(                \
        tp__name_scope_) = tp_name_scope(name)
#endif

#ifdef __cplusplus
}
#endif

#if !defined(__cplusplus) && defined(__GNUC__) && !defined(TP_NO_SUGAR)

#define TP__DRAW_GRAPH(function, y, to_file, ...)                                                  \
    TP__WITH(tp_draw_options, function, (y, to_file, ), __VA_ARGS__)
#define tp_draw_graph(...) TP__DRAW_GRAPH(tp_draw_graph, __VA_ARGS__, )
#define TP__DRAW_GRAPH_TO_MEMORY(function, y, format, length, ...)                                 \
    TP__WITH(tp_draw_options, function, (y, format, length, ), __VA_ARGS__)
#define tp_draw_graph_to_memory(...)                                                               \
    TP__DRAW_GRAPH_TO_MEMORY(tp_draw_graph_to_memory, __VA_ARGS__, )
#endif

#endif
