/* SPDX-License-Identifier: MIT
 *
 * NumPy's files of one array: a magic text, a version, a header, which is a dict as Python writes
 * it, {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, and the elements.
 */
#ifndef TP_NPY_H
#define TP_NPY_H

#include "base/text.h"
#include "io/element.h"

#define TP__NPY_MAGIC "\x93NUMPY"
enum { TP__NPY_HEAD = 256 }; /* of a head that is written, at most; a multiple of 64 */

typedef struct tp__npy {
    tp__element_array array;
    bool is_text; /* '<U5': texts of so many characters, in UTF-32 */
    int64_t characters;
    size_t data; /* where in the blob the elements begin */
} tp__npy;

/* Reads the head of a file that is size bytes of the blob, from `begin` on. False, with an error,
 * also if there are fewer elements than it says. */
bool tp__npy_parse(tp__npy *npy, const char *call, const char *path, const char *name,
                   const tp__blob *blob, size_t begin, size_t size);

/* A text of no dimensions, as UTF-8. False, with an error, if it is none. */
bool tp__npy_text(const tp__npy *npy, const tp__blob *blob, tp__text *text);

/* Writes the head of a file of v's elements, or of a text of so many characters (v is NULL);
 * returns its length. */
size_t tp__npy_head(char head[TP__NPY_HEAD], const tp_var *v, int64_t characters);

/* v, or what is written of it: NumPy has no bfloat16, whose numbers float32 holds. */
tp_var *tp__npy_written(tp_var *v);

#endif
