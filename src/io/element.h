/* SPDX-License-Identifier: MIT
 *
 * Arrays as files describe them, and the values made of them.
 *
 * A file's element types are more than ours. One that we lack becomes the smallest of ours that
 * holds all of its numbers: int8, int16 and uint16 int32, uint32 int64, the two floats of 8 bits
 * float16.
 */
#ifndef TP_ELEMENT_H
#define TP_ELEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "io/blob.h"
#include "tinypytorch/base.h"

/* Those of ours have their numbers. */
typedef enum tp__element {
    TP__ELEMENT_I8 = TP_DTYPES,
    TP__ELEMENT_I16,
    TP__ELEMENT_U16,
    TP__ELEMENT_U32,
    TP__ELEMENT_E5M2, /* a float16 without its lower byte */
    TP__ELEMENT_E4M3, /* 4 bits of exponent, no infinities, one NaN */
    TP__ELEMENTS
} tp__element;

/* The bytes of one, and ours that holds it. */
size_t tp__element_size(int element);
tp_dtype tp__element_dtype(int element);

/* What a file says of an array. Messages begin with call and path, and call it `name`. */
typedef struct tp__element_array {
    const char *call, *path, *name;
    int element, ndim;
    int64_t shape[TP_MAX_NDIM];
    bool swapped; /* the bytes of an element stand in the other order than this machine's */
    bool columns; /* the first index runs fastest */
} tp__element_array;

/* Puts the number of elements, and of their bytes, where they belong (NULL: nowhere). False, with
 * an error, if a size is negative or there are more than memory could hold. */
bool tp__element_count(const tp__element_array *array, int64_t *elements, size_t *bytes);

/* The value whose elements begin at blob's byte number `offset`, contiguous, and a constant in the
 * current scope: over the blob's bytes if they are as ours are, otherwise a copy. Poison, with an
 * error, if the blob ends before it or out of memory. */
tp_var *tp__element_value(const tp__element_array *array, tp__blob *blob, size_t offset);

#endif
