/* SPDX-License-Identifier: MIT
 * A graph as data: docs/graph-json.md is the schema. */
#ifndef TP_JSON_H
#define TP_JSON_H

#include "base/text.h"
#include "tinypytorch/base.h"

enum { TP__JSON_ELEMENTS = 64 }; /* of the largest array whose elements are written */

/* Appends y's graph to text; false, with an error, when out of memory. */
bool tp__json_text(tp__text *text, tp_var *y);

#endif
