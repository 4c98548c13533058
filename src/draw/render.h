/* SPDX-License-Identifier: MIT
 * DOT text to pictures by Graphviz. */
#ifndef TP_RENDER_H
#define TP_RENDER_H

#include "base/text.h"

/* Appends the picture of dot in the given format, laid out by engine; `call` and `what`, a file or
 * a format, are for messages. False, with an error, if it cannot be made. */
bool tp__render(const tp__text *dot, const char *engine, const char *format, const char *call,
                const char *what, tp__text *picture);

/* True if the library was built with Graphviz. */
bool tp__render_is_there(void);

#endif
