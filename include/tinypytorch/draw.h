/* SPDX-License-Identifier: MIT
 *
 * The graph as text and as a picture. Variables are orange ellipses, operations blue boxes; every
 * node appears once, and the same program always gives the same text. Conversions that the library
 * inserts itself (broadcasting, element types) are not shown.
 */
#ifndef TINYPYTORCH_DRAW_H
#define TINYPYTORCH_DRAW_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The graph that leads to y in Graphviz's DOT language, one line a node or edge. A variable's
 * label is its name; verbose adds shape and element type: "x: (2, 3) float64". free() the text. */
TP_API char *tp_get_dot_graph(tp_var *y, bool verbose);

/* The same text, streamed to a file: for graphs of any size. False, with an error, if writing
 * fails. */
TP_API bool tp_write_dot_graph(tp_var *y, bool verbose, FILE *file);

/* The same graph as a picture; the extension of to_file picks the format: png, svg, pdf, dot and
 * what else Graphviz writes. Graphs of more than 1,500 lines of DOT are laid out by sfdp, smaller
 * ones by dot. No shell is involved, whatever the file is called. False, with an error, if the
 * library was built without Graphviz (dot still works), the format is unknown, or writing fails. */
TP_API bool tp_plot_dot_graph(tp_var *y, bool verbose, const char *to_file);

#ifdef __cplusplus
}
#endif

#endif
