/* SPDX-License-Identifier: MIT
 *
 * Arrays as text, character for character what NumPy's str() gives with its default options.
 */
#ifndef TP_FORMAT_H
#define TP_FORMAT_H

#include "base/text.h"
#include "tinypytorch/base.h"

/* Appends an array's text; data is contiguous and row-major. Each further line begins with indent
 * more spaces, which do not count towards the line width: the text can follow "variable(". */
void tp__format_array(tp__text *text, tp_dtype dtype, int ndim, const int64_t *shape,
                      const void *data, int indent);

#endif
