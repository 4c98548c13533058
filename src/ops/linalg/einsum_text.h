/* SPDX-License-Identifier: MIT
 *
 * The text of tp_einsum as labels, one for each axis of each operand and of the result. Labels 0 …
 * 51 are letters in the order of ASCII; the others are the axes of the ellipsis, counted from its
 * last one.
 */
#ifndef TP_EINSUM_TEXT_H
#define TP_EINSUM_TEXT_H

#include "base/node.h"
#include "tinypytorch/error.h"

enum { TP__EINSUM_LETTERS = 52, TP__EINSUM_LABELS = TP__EINSUM_LETTERS + TP_MAX_NDIM };

typedef struct tp__einsum_term {
    tp_var *v;
    int n;
    int8_t label[TP_MAX_NDIM];
} tp__einsum_term;

typedef struct tp__einsum_text {
    const char *text, *at;           /* all of it; what is read next */
    int64_t size[TP__EINSUM_LABELS]; /* −1: not seen */
    int seen[TP__EINSUM_LABELS];     /* how often, in operands */
    int ellipsis;                    /* axes of the longest */
} tp__einsum_text;

/* Fills the labels of n terms, whose values are set, and of the result; e->text is set. False, with
 * an error that says where, if the text or the shapes are wrong. */
bool tp__einsum_read(tp__einsum_text *e, tp__einsum_term *terms, int n, tp__einsum_term *out);

/* An error at a place of the text; returns false. */
bool tp__einsum_fails(const tp__einsum_text *e, tp_code code, const char *at, const char *why);

#endif
