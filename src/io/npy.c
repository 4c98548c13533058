/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "io/npy.h"

#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/numbers.h"
#include "io/formats.h"
#include "tinypytorch/array.h"
#include "tinypytorch/error.h"
#include "tinypytorch/graph.h"

enum { NPY_MAGIC = 6, NPY_DESCR = 24 };

/* --- Reading --- */

/* The header's text, from `at` to `end`. */
typedef struct npy_reader {
    tp__npy *npy;
    const char *at, *end;
} npy_reader;

static bool npy_fail(const tp__npy *npy, const char *expected)
{
    return tp__format_fail(npy->array.call, npy->array.path,
                           "\"%.100s\": not an array of NumPy's: expected %s", npy->array.name,
                           expected);
}

/* Steps over spaces and the text if it is next. */
static bool npy_next(npy_reader *r, const char *text)
{
    size_t n = strlen(text);
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t'))
        r->at++;
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n) != 0)
        return false;
    r->at += n;
    return true;
}

/* A quoted text without escapes. */
static bool npy_quoted(npy_reader *r, char *to, size_t size)
{
    char quote = npy_next(r, "'") ? '\'' : npy_next(r, "\"") ? '"' : 0;
    size_t n = 0;
    while (quote && r->at < r->end && *r->at != quote && *r->at != '\\' && n + 1 < size)
        to[n++] = *r->at++;
    to[n] = 0;
    return quote && r->at < r->end && *r->at++ == quote;
}

static bool npy_number(npy_reader *r, int64_t *number)
{
    (void)npy_next(r, "");
    const char *start = r->at;
    for (*number = 0; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        if (*number > (INT64_MAX - 9) / 10)
            return false;
        *number = 10 * *number + (*r->at - '0');
    }
    bool good = r->at > start;
    (void)(good && npy_next(r, "L")); /* as Python 2 wrote it */
    return good;
}

static bool npy_shape(npy_reader *r)
{
    tp__element_array *array = &r->npy->array;
    array->ndim = 0;
    if (!npy_next(r, "("))
        return false;
    while (!npy_next(r, ")")) {
        if (array->ndim == TP_MAX_NDIM || !npy_number(r, &array->shape[array->ndim]))
            return false;
        array->ndim++;
        if (!npy_next(r, ",") && r->at < r->end && *r->at != ')')
            return false;
    }
    return true;
}

/* The element type, "<f4": order of bytes, kind, bytes or, of texts, characters. */
static bool npy_descr(npy_reader *r)
{
    static const struct {
        const char *name;
        int element;
    } types[] = {{"f4", TP_F32},          {"f8", TP_F64},         {"f2", TP_F16},
                 {"i8", TP_I64},          {"i4", TP_I32},         {"u1", TP_U8},
                 {"b1", TP_BOOL},         {"i1", TP__ELEMENT_I8}, {"i2", TP__ELEMENT_I16},
                 {"u2", TP__ELEMENT_U16}, {"u4", TP__ELEMENT_U32}};
    char descr[NPY_DESCR];
    bool quoted = npy_quoted(r, descr, sizeof descr);
    const uint16_t one = 1;
    bool here_little = *(const unsigned char *)&one, known = false;
    if (quoted && strchr("<>=|", descr[0]) && descr[0]) {
        r->npy->array.swapped =
            (descr[0] == '<' && !here_little) || (descr[0] == '>' && here_little);
        for (size_t i = 0; i < sizeof types / sizeof *types && !known; i++) {
            known = !strcmp(descr + 1, types[i].name);
            r->npy->array.element = known ? types[i].element : 0;
        }
        npy_reader digits = {r->npy, descr + 2, descr + strlen(descr)};
        r->npy->is_text =
            descr[1] == 'U' && npy_number(&digits, &r->npy->characters) && digits.at == digits.end;
    }
    if (known || r->npy->is_text)
        return true;
    tp_fail(TP_ERROR_DTYPE,
            "%s: %s: \"%.100s\" has elements of NumPy's type %s, which are not among ours and fit "
            "into none of them",
            r->npy->array.call, r->npy->array.path, r->npy->array.name,
            quoted ? descr : "of several parts");
    return false;
}

static bool npy_header(npy_reader *r)
{
    unsigned seen = 0;
    bool more = npy_next(r, "{");
    while (more && !npy_next(r, "}")) {
        char key[16];
        bool good = npy_quoted(r, key, sizeof key) && npy_next(r, ":");
        unsigned field = !strcmp(key, "descr")           ? 1
                         : !strcmp(key, "fortran_order") ? 2
                         : !strcmp(key, "shape")         ? 4
                                                         : 0;
        if (!good || !field || (field & seen))
            return npy_fail(r->npy, "descr, fortran_order and shape, each once");
        if (field == 1 && !npy_descr(r))
            return false;
        if (field == 2) {
            r->npy->array.columns = npy_next(r, "True");
            good = r->npy->array.columns || npy_next(r, "False");
        }
        if (!good || (field == 4 && !npy_shape(r)))
            return npy_fail(r->npy, "a shape of at most 8 sizes, and True or False");
        seen |= field;
        if (!npy_next(r, ",") && (r->at == r->end || *r->at != '}'))
            more = false;
    }
    (void)npy_next(r, "");
    return (more && seen == 7 && r->at == r->end) ||
           npy_fail(r->npy, "a dict of descr, fortran_order and shape");
}

bool tp__npy_parse(tp__npy *npy, const char *call, const char *path, const char *name,
                   const tp__blob *blob, size_t begin, size_t size)
{
    const unsigned char *at = blob->at + begin;
    *npy = (tp__npy){.array = {.call = call, .path = path, .name = name}};
    if (size < 12 || memcmp(at, TP__NPY_MAGIC, NPY_MAGIC) != 0)
        return npy_fail(npy, "the text \\x93NUMPY at its beginning");
    if (at[6] < 1 || at[6] > 3 || at[7] != 0)
        return npy_fail(npy, "version 1.0, 2.0 or 3.0");
    size_t head = at[6] == 1 ? 10 : 12, length = at[8] | (size_t)at[9] << 8;
    if (at[6] > 1)
        length |= (size_t)at[10] << 16 | (size_t)at[11] << 24;
    if (length > size - head)
        return npy_fail(npy, "a header that ends before the file");
    npy_reader r = {npy, (const char *)at + head, (const char *)at + head + length};
    if (!npy_header(&r))
        return false;
    npy->data = begin + head + length;
    size_t bytes, room = size - head - length;
    if (npy->is_text)
        bytes = npy->characters > (int64_t)(room / 4) ? room + 1 : (size_t)npy->characters * 4;
    else if (!tp__element_count(&npy->array, NULL, &bytes))
        return false;
    return bytes <= room || tp__format_fail(call, path,
                                            "\"%.100s\" takes more than the %zu bytes "
                                            "that are there",
                                            name, room);
}

/* One character of UTF-32 as UTF-8; false if it is none, or the character 0. */
static bool npy_character(uint32_t c, tp__text *text)
{
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return false;
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    char bytes[4];
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3F));
    bytes[0] = (char)(lead[n] | c);
    tp__text_add(text, bytes, n);
    return true;
}

/* Characters 0 at the end fill a text up. */
bool tp__npy_text(const tp__npy *npy, const tp__blob *blob, tp__text *text)
{
    const unsigned char *at = blob->at + npy->data;
    const uint16_t one = 1;
    bool little = *(const unsigned char *)&one != npy->array.swapped;
    int64_t n = npy->characters;
    if (npy->array.ndim)
        return npy_fail(npy, "numbers, or one text");
    while (n && !(at[4 * n - 4] | at[4 * n - 3] | at[4 * n - 2] | at[4 * n - 1]))
        n--;
    tp__text_add(text, "", 0);
    for (int64_t i = 0; i < n; i++, at += 4) {
        uint32_t c = 0;
        for (int k = 0; k < 4; k++)
            c |= (uint32_t)at[little ? k : 3 - k] << 8 * k;
        if (!npy_character(c, text))
            return npy_fail(npy, "characters of Unicode");
    }
    return !text->failed;
}

static tp_var *npy_load(const char *call, const char *path, const char *name, tp__blob *blob)
{
    tp__npy npy;
    if (!tp__npy_parse(&npy, call, path, name, blob, 0, blob->size))
        return tp__poison();
    if (npy.is_text) {
        npy_fail(&npy, "numbers");
        return tp__poison();
    }
    return tp__element_value(&npy.array, blob, npy.data);
}

bool tp__npy_read(const char *call, const char *path, tp__blob *blob, tp_state_dict *d)
{
    return tp__format_set(call, path, d, "arr_0", npy_load(call, path, "arr_0", blob));
}

tp_var *tp_npy_load(const char *path)
{
    static const char call[] = "npy_load";
    TP__CALL(call);
    if (!tp__format_path(call, path) || tp__here()->code)
        return tp__poison();
    tp__blob *blob = tp__blob_open(call, path);
    tp_var *v = blob ? npy_load(call, path, "arr_0", blob) : tp__poison();
    tp__blob_drop(blob);
    return v;
}

/* --- Writing --- */

tp_var *tp__npy_written(tp_var *v)
{
    return v->dtype == TP_BF16 ? tp_to(tp_detach(v), TP_F32) : v;
}

size_t tp__npy_head(char head[TP__NPY_HEAD], const tp_var *v, int64_t characters)
{
    static const char *const descr[] = {
        [TP_F32] = "<f4", [TP_F64] = "<f8",  [TP_I64] = "<i8", [TP_U8] = "|u1",
        [TP_I32] = "<i4", [TP_BOOL] = "|b1", [TP_F16] = "<f2", [TP_BF16] = ""};
    enum { FIRST = 10 };
    memset(head, ' ', TP__NPY_HEAD);
    char *at = head + FIRST, *end = head + TP__NPY_HEAD;
    if (v)
        at += tp__format(at, (size_t)(end - at), "{'descr': '%s'", descr[v->dtype]);
    else
        at += tp__format(at, (size_t)(end - at), "{'descr': '<U%lld'", (long long)characters);
    at += tp__format(at, (size_t)(end - at), ", 'fortran_order': False, 'shape': (");
    for (int i = 0; v && i < v->ndim; i++)
        at += tp__format(at, (size_t)(end - at), i ? ", %lld" : "%lld", (long long)tp__shape(v)[i]);
    at += tp__format(at, (size_t)(end - at), v && v->ndim == 1 ? ",), }" : "), }");
    *at++ = ' ';
    size_t length = ((size_t)(at - head) + 63) / 64 * 64;
    head[length - 1] = '\n';
    memcpy(head, TP__NPY_MAGIC "\1\0", 8);
    head[8] = (char)((length - FIRST) & 255);
    head[9] = (char)((length - FIRST) >> 8);
    return length;
}

bool tp_npy_save(tp_var *v, const char *path)
{
    static const char call[] = "npy_save";
    TP__CALL(call);
    TP_SCOPE();
    if (!tp__format_path(call, path) || !tp__check_operand(call, v) || tp__here()->code)
        return false;
    tp_var *written = tp__npy_written(v);
    const void *data = tp_is_poison(written) ? NULL : tp__elements(written);
    if (!data && tp__here()->code)
        return false;
    char head[TP__NPY_HEAD];
    tp__file file;
    tp__file_begin(&file, path);
    tp__file_write(&file, head, tp__npy_head(head, written, 0));
    if (written->size)
        tp__file_write(&file, data,
                       (size_t)written->size * tp__dtype_size((tp_dtype)written->dtype));
    return tp__file_good(call, path, tp__file_end(&file, true));
}
