/* SPDX-License-Identifier: MIT
 * The graph as DOT text: see tinypytorch/draw.h. */
#ifndef TP_DOT_H
#define TP_DOT_H

#include "base/file.h"
#include "base/text.h"

/* Appends y's graph to text; false, with an error, if y cannot be drawn or memory ran out. */
bool tp__dot_text(tp__text *text, const char *call, tp_var *y, bool verbose);

/* Writes it while the graph is walked. False, with an error, for the same reasons; what fails in
 * writing is left in file->error. */
bool tp__dot_stream(tp__file *file, const char *call, tp_var *y, bool verbose);

#endif
