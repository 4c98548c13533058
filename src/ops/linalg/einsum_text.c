/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/linalg/einsum_text.h"

#include <stdio.h>
#include <string.h>

#include "tinypytorch.h"

static int einsum_label(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

/* True for the second and later bytes of a character in UTF-8. */
static bool einsum_continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

bool tp__einsum_fails(const tp__einsum_text *e, tp_code code, const char *at, const char *why)
{
    char where[40] = "at its end";
    int number = 1, length = 1;
    for (const char *c = e->text; c < at; c++)
        number += !einsum_continues(c[1]);
    while (*at && einsum_continues(at[length]))
        length++;
    if (*at)
        snprintf(where, sizeof where, "at character %d, '%.*s'", number, length, at);
    tp_fail(code, "einsum: \"%s\", %s: %s", e->text, where, why);
    return false;
}

static bool einsum_ends(const char *at)
{
    return *at == ',' || *at == '-' || !*at;
}

/* The next letter or the first of three dots; false, with an error, at anything else. */
static bool einsum_next(const tp__einsum_text *e, const char **at)
{
    while (**at == ' ')
        ++*at;
    if (einsum_ends(*at) || einsum_label(**at) >= 0 || !strncmp(*at, "...", 3))
        return true;
    return tp__einsum_fails(e, TP_ERROR_ARGUMENT, *at, "expected a letter, '...', ',' or '->'");
}

/* Counts the letters from e->at to the end of a term; *dots: where the ellipsis is, or NULL. */
static bool einsum_count(const tp__einsum_text *e, int *letters, const char **dots)
{
    const char *at = e->at;
    *letters = 0;
    *dots = NULL;
    for (;; at++) {
        if (!einsum_next(e, &at))
            return false;
        if (einsum_ends(at))
            return true;
        if (*at != '.') {
            ++*letters;
            continue;
        }
        if (*dots)
            return tp__einsum_fails(e, TP_ERROR_ARGUMENT, at, "a second ellipsis in one operand");
        *dots = at;
        at += 2;
    }
}

/* Gives the term's next axis a label. */
static bool einsum_name(tp__einsum_text *e, tp__einsum_term *term, int label, const char *at)
{
    char why[160], shape[TP__SHAPE_TEXT];
    int64_t size = tp__shape(term->v)[term->n], known = e->size[label];
    for (int i = 0; i < term->n; i++)
        if (term->label[i] == label && tp__shape(term->v)[i] != size) {
            snprintf(why, sizeof why, "sizes %lld and %lld in one operand",
                     (long long)tp__shape(term->v)[i], (long long)size);
            return tp__einsum_fails(e, TP_ERROR_SHAPE, at, why);
        }
    if (known > 1 || known == 0) {
        if (size != 1 && size != known) {
            snprintf(why, sizeof why, "size %lld here, of shape %.60s, %lld before",
                     (long long)size, tp__shape_text(shape, term->v->ndim, tp__shape(term->v)),
                     (long long)known);
            return tp__einsum_fails(e, TP_ERROR_SHAPE, at, why);
        }
    } else {
        e->size[label] = size;
    }
    e->seen[label]++;
    term->label[term->n++] = (int8_t)label;
    return true;
}

/* Labels of operand `number`, whose text begins at e->at. */
static bool einsum_operand(tp__einsum_text *e, tp__einsum_term *term, int number)
{
    int letters;
    const char *dots;
    if (!einsum_count(e, &letters, &dots))
        return false;
    int rest = term->v->ndim - letters;
    if (rest < 0 || (rest > 0 && !dots)) {
        char why[96], shape[TP__SHAPE_TEXT];
        snprintf(why, sizeof why, "%d %s for operand %d, of shape %.40s", letters,
                 letters == 1 ? "index" : "indices", number + 1,
                 tp__shape_text(shape, term->v->ndim, tp__shape(term->v)));
        return tp__einsum_fails(e, TP_ERROR_SHAPE, e->at, why);
    }
    if (rest > e->ellipsis && dots)
        e->ellipsis = rest;
    for (; einsum_next(e, &e->at) && !einsum_ends(e->at); e->at++) {
        const char *at = e->at;
        for (int i = rest - 1; *at == '.' && i >= 0; i--)
            if (!einsum_name(e, term, TP__EINSUM_LETTERS + i, at))
                return false;
        if (*at != '.' && !einsum_name(e, term, einsum_label(*at), at))
            return false;
        e->at += *at == '.' ? 2 : 0;
    }
    return true;
}

static bool einsum_operands(tp__einsum_text *e, tp__einsum_term *terms, int n)
{
    for (int i = 0; i < n; i++) {
        char why[64];
        if (!einsum_operand(e, &terms[i], i))
            return false;
        if ((*e->at == ',') != (i + 1 < n)) {
            snprintf(why, sizeof why, "%s operands are named than the %d given",
                     *e->at == ',' ? "more" : "fewer", n);
            return tp__einsum_fails(e, TP_ERROR_ARGUMENT, e->at, why);
        }
        e->at += *e->at == ',';
    }
    return true;
}

static void einsum_append_ellipsis(const tp__einsum_text *e, tp__einsum_term *out)
{
    for (int i = e->ellipsis - 1; i >= 0; i--)
        out->label[out->n++] = (int8_t)(TP__EINSUM_LETTERS + i);
}

static bool einsum_append(const tp__einsum_text *e, tp__einsum_term *out, const char *at)
{
    int label = einsum_label(*at);
    if (out->n == TP_MAX_NDIM)
        return tp__einsum_fails(e, TP_ERROR_SHAPE, at, "the result has more than 8 axes");
    if (!e->seen[label])
        return tp__einsum_fails(e, TP_ERROR_ARGUMENT, at, "no operand has this index");
    for (int i = 0; i < out->n; i++)
        if (out->label[i] == label)
            return tp__einsum_fails(e, TP_ERROR_ARGUMENT, at, "twice in the result");
    out->label[out->n++] = (int8_t)label;
    return true;
}

/* Without "->": the ellipsis, then letters that occur once. */
static bool einsum_implicit(const tp__einsum_text *e, tp__einsum_term *out)
{
    einsum_append_ellipsis(e, out);
    for (int label = 0; label < TP__EINSUM_LETTERS; label++) {
        if (e->seen[label] != 1)
            continue;
        if (out->n == TP_MAX_NDIM)
            return tp__einsum_fails(e, TP_ERROR_SHAPE, e->at, "the result has more than 8 axes");
        out->label[out->n++] = (int8_t)label;
    }
    return true;
}

/* The labels of the result. */
static bool einsum_result(tp__einsum_text *e, tp__einsum_term *out)
{
    int letters;
    const char *dots;
    if (!*e->at)
        return einsum_implicit(e, out);
    if (e->at[1] != '>')
        return tp__einsum_fails(e, TP_ERROR_ARGUMENT, e->at, "expected '->'");
    e->at += 2;
    if (!einsum_count(e, &letters, &dots))
        return false;
    for (; einsum_next(e, &e->at) && !einsum_ends(e->at); e->at++) {
        if (*e->at != '.') {
            if (!einsum_append(e, out, e->at))
                return false;
            continue;
        }
        if (out->n + e->ellipsis > TP_MAX_NDIM)
            return tp__einsum_fails(e, TP_ERROR_SHAPE, e->at, "the result has more than 8 axes");
        einsum_append_ellipsis(e, out);
        e->at += 2;
    }
    return !*e->at || tp__einsum_fails(e, TP_ERROR_ARGUMENT, e->at, "expected the end");
}

bool tp__einsum_read(tp__einsum_text *e, tp__einsum_term *terms, int n, tp__einsum_term *out)
{
    e->at = e->text;
    for (int label = 0; label < TP__EINSUM_LABELS; label++)
        e->size[label] = -1;
    return einsum_operands(e, terms, n) && einsum_result(e, out);
}
