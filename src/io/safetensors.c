/* SPDX-License-Identifier: MIT
 *
 * safetensors: eight bytes that tell the header's length, the header, a JSON object, and all
 * elements behind it. The header tells each tensor's type, shape, and first and last byte; tensors
 * cover the bytes without a gap and without sharing any. "__metadata__" is an object of texts.
 *
 * What is written has the larger element types first, so that every tensor begins at a multiple of
 * its elements' size, behind a header that spaces fill up to a multiple of eight. The header keeps
 * the dict's order.
 */
#include "base/features.h"

#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/escape.h"
#include "draw/json_parse.h"
#include "io/element.h"
#include "io/formats.h"
#include "tinypytorch/array.h"
#include "tinypytorch/error.h"

enum { SAFETENSORS_LENGTH = 8, SAFETENSORS_HEADER = 100000000 };

static const struct {
    const char *name;
    int element;
} safetensors_types[] = {{"F32", TP_F32},
                         {"F64", TP_F64},
                         {"F16", TP_F16},
                         {"BF16", TP_BF16},
                         {"I64", TP_I64},
                         {"I32", TP_I32},
                         {"U8", TP_U8},
                         {"BOOL", TP_BOOL},
                         {"I8", TP__ELEMENT_I8},
                         {"I16", TP__ELEMENT_I16},
                         {"U16", TP__ELEMENT_U16},
                         {"U32", TP__ELEMENT_U32},
                         {"F8_E5M2", TP__ELEMENT_E5M2},
                         {"F8_E4M3", TP__ELEMENT_E4M3}};

enum { SAFETENSORS_TYPES = sizeof safetensors_types / sizeof *safetensors_types };

/* A tensor as the header tells it; its bytes are counted from the header's end. */
typedef struct safetensors_entry {
    char *name;
    int element, ndim;
    int64_t shape[TP_MAX_NDIM];
    size_t begin, end;
} safetensors_entry;

typedef struct safetensors_file {
    tp__json json;
    tp__blob *blob;
    tp_state_dict *d;
    safetensors_entry *entries;
    size_t n, capacity, data; /* where the header ends */
} safetensors_file;

static tp__element_array safetensors_array(const safetensors_file *file,
                                           const safetensors_entry *entry)
{
    tp__element_array array = {.call = file->json.call,
                               .path = file->json.path,
                               .name = entry->name,
                               .element = entry->element,
                               .ndim = entry->ndim};
    memcpy(array.shape, entry->shape, sizeof array.shape);
    return array;
}

/* --- Reading the header --- */

static void safetensors_read_shape(safetensors_file *file, safetensors_entry *entry)
{
    bool first = true;
    tp__json_expect(&file->json, '[');
    while (tp__json_more(&file->json, ']', &first)) {
        if (entry->ndim == TP_MAX_NDIM) {
            tp__json_fail(&file->json, "at most 8 dimensions");
            return;
        }
        entry->shape[entry->ndim++] = tp__json_integer(&file->json, 0, INT64_MAX);
    }
}

static void safetensors_read_type(safetensors_file *file, safetensors_entry *entry)
{
    tp__text text = {0};
    tp__json_string(&file->json, &text);
    entry->element = 0;
    while (!file->json.failed && entry->element < SAFETENSORS_TYPES &&
           strcmp(safetensors_types[entry->element].name, text.at) != 0)
        entry->element++;
    if (entry->element == SAFETENSORS_TYPES) {
        tp_fail(TP_ERROR_DTYPE,
                "%s: %s: \"%s\" has elements of the type %.20s, which are not among ours and fit "
                "into none of them",
                file->json.call, file->json.path, entry->name, text.at);
        file->json.failed = true;
    } else {
        entry->element = safetensors_types[entry->element].element;
    }
    tp__text_drop(&text);
}

static void safetensors_read_offsets(safetensors_file *file, safetensors_entry *entry)
{
    int64_t size = (int64_t)(file->blob->size - file->data);
    tp__json_expect(&file->json, '[');
    entry->begin = (size_t)tp__json_integer(&file->json, 0, size);
    tp__json_expect(&file->json, ',');
    entry->end = (size_t)tp__json_integer(&file->json, (int64_t)entry->begin, size);
    tp__json_expect(&file->json, ']');
}

/* The fields of a tensor; others than the three are stepped over. */
static void safetensors_read_fields(safetensors_file *file, safetensors_entry *entry)
{
    unsigned seen = 0;
    bool first = true;
    tp__json_expect(&file->json, '{');
    while (tp__json_more(&file->json, '}', &first)) {
        char key[16];
        tp__json_key(&file->json, key, sizeof key);
        unsigned field = !strcmp(key, "dtype")          ? 1
                         : !strcmp(key, "shape")        ? 2
                         : !strcmp(key, "data_offsets") ? 4
                                                        : 0;
        if (file->json.failed)
            return;
        if (field & seen)
            tp__json_fail(&file->json, "each field once");
        else if (field == 1)
            safetensors_read_type(file, entry);
        else if (field == 2)
            safetensors_read_shape(file, entry);
        else if (field == 4)
            safetensors_read_offsets(file, entry);
        else
            tp__json_skip(&file->json);
        seen |= field;
    }
    if (seen != 7)
        tp__json_fail(&file->json, "dtype, shape and data_offsets before this");
}

static void safetensors_read_metadata(safetensors_file *file)
{
    bool first = true;
    tp__json_expect(&file->json, '{');
    while (tp__json_more(&file->json, '}', &first)) {
        tp__text key = {0}, text = {0};
        tp__json_string(&file->json, &key);
        tp__json_expect(&file->json, ':');
        if (!file->json.failed)
            tp__json_string(&file->json, &text);
        if (!file->json.failed)
            file->json.failed =
                !tp__format_set_text(file->json.call, file->json.path, file->d, key.at, text.at);
        tp__text_drop(&key);
        tp__text_drop(&text);
    }
}

/* Room for an entry more. */
static safetensors_entry *safetensors_add(safetensors_file *file)
{
    if (file->n == file->capacity) {
        size_t capacity = 2 * file->capacity + 16;
        safetensors_entry *grown = tp__realloc(file->entries, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        file->entries = grown;
        file->capacity = capacity;
    }
    file->entries[file->n] = (safetensors_entry){0};
    return &file->entries[file->n++];
}

static void safetensors_read_tensor(safetensors_file *file, tp__text *name)
{
    safetensors_entry *entry = safetensors_add(file);
    if (entry)
        entry->name = tp__text_take(name);
    if (entry && entry->name)
        safetensors_read_fields(file, entry);
    else
        file->json.failed = true;
}

static void safetensors_read_header(safetensors_file *file, size_t length)
{
    bool first = true, metadata = false;
    tp__json_expect(&file->json, '{');
    while (tp__json_more(&file->json, '}', &first)) {
        tp__text name = {0};
        tp__json_string(&file->json, &name);
        tp__json_expect(&file->json, ':');
        bool is_metadata = !file->json.failed && !strcmp(name.at, "__metadata__");
        if (is_metadata && metadata)
            tp__json_fail(&file->json, "\"__metadata__\" once");
        else if (is_metadata)
            safetensors_read_metadata(file);
        else if (!file->json.failed)
            safetensors_read_tensor(file, &name);
        metadata = metadata || is_metadata;
        tp__text_drop(&name);
    }
    tp__json_end(&file->json, file->json.start + length);
}

/* --- Reading the tensors --- */

static int safetensors_compare(const void *a, const void *b)
{
    const safetensors_entry *x = *(safetensors_entry *const *)a,
                            *y = *(safetensors_entry *const *)b;
    return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1)
                                : (x->end > y->end) - (x->end < y->end);
}

/* True if tensors have the bytes that their shapes take, and in their order cover all there are. */
static bool safetensors_cover(const safetensors_file *file, safetensors_entry **order)
{
    const char *call = file->json.call, *path = file->json.path;
    size_t at = 0, bytes;
    for (size_t i = 0; i < file->n; i++)
        order[i] = &file->entries[i];
    qsort(order, file->n, sizeof *order, safetensors_compare);
    for (size_t i = 0; i < file->n; at = order[i]->end, i++) {
        const safetensors_entry *entry = order[i];
        tp__element_array array = safetensors_array(file, entry);
        if (!tp__element_count(&array, NULL, &bytes))
            return false;
        if (bytes != entry->end - entry->begin)
            return tp__format_fail(call, path, "\"%s\" takes %zu bytes, and is given %zu",
                                   entry->name, bytes, entry->end - entry->begin);
        if (entry->begin != at)
            return tp__format_fail(
                call, path, "\"%s\" begins at byte %zu, expected %zu: %s", entry->name,
                entry->begin, at, entry->begin < at ? "tensors share bytes" : "bytes are left out");
    }
    return at == file->blob->size - file->data ||
           tp__format_fail(call, path, "the tensors end at byte %zu of %zu", at,
                           file->blob->size - file->data);
}

static bool safetensors_take(const safetensors_file *file)
{
    safetensors_entry **order = tp__alloc(file->n * sizeof *order);
    bool good = order && safetensors_cover(file, order);
    tp__free(order);
    for (size_t i = 0; i < file->n && good; i++) {
        const safetensors_entry *entry = &file->entries[i];
        tp__element_array array = safetensors_array(file, entry);
        good = tp__format_set(file->json.call, file->json.path, file->d, entry->name,
                              tp__element_value(&array, file->blob, file->data + entry->begin));
    }
    return good;
}

bool tp__safetensors_read(const char *call, const char *path, tp__blob *blob, tp_state_dict *d)
{
    uint64_t length = 0;
    for (int i = 0; i < SAFETENSORS_LENGTH && blob->size >= SAFETENSORS_LENGTH; i++)
        length |= (uint64_t)blob->at[i] << 8 * i;
    if (length == 0 || length > blob->size - SAFETENSORS_LENGTH || length > SAFETENSORS_HEADER ||
        blob->at[SAFETENSORS_LENGTH] != '{')
        return tp__format_fail(call, path,
                               "not a safetensors file: a header of %llu bytes in a file of %zu",
                               (unsigned long long)length, blob->size);
    tp__text header = {0};
    tp__text_add(&header, (char *)blob->at + SAFETENSORS_LENGTH, (size_t)length);
    if (header.failed)
        return false;
    safetensors_file file = {.json = {.start = header.at,
                                      .at = header.at,
                                      .call = call,
                                      .path = path,
                                      .what = "a safetensors header",
                                      .strict = true},
                             .blob = blob,
                             .d = d,
                             .data = SAFETENSORS_LENGTH + (size_t)length};
    safetensors_read_header(&file, (size_t)length);
    bool good = !file.json.failed && safetensors_take(&file);
    for (size_t i = 0; i < file.n; i++)
        tp__free(file.entries[i].name);
    tp__free(file.entries);
    tp__text_drop(&header);
    return good;
}

/* --- Writing --- */

static const char *safetensors_type(const tp_var *v)
{
    int i = 0;
    while (safetensors_types[i].element != v->dtype)
        i++;
    return safetensors_types[i].name;
}

static size_t safetensors_bytes(const tp_var *v)
{
    return (size_t)v->size * tp__dtype_size((tp_dtype)v->dtype);
}

/* Where each value begins: those of 8 bytes an element first, then of 4, 2 and 1. */
static void safetensors_place(const tp_state_dict *d, size_t *begin)
{
    size_t at = 0;
    for (size_t size = 8; size; size /= 2)
        for (size_t i = 0; i < d->vars.n; i++) {
            const tp_var *v = d->vars.entries[i].value;
            if (tp__dtype_size((tp_dtype)v->dtype) != size)
                continue;
            begin[i] = at;
            at += safetensors_bytes(v);
        }
}

static void safetensors_put_metadata(const tp_state_dict *d, tp__text *header)
{
    tp__text_put(header, "\"__metadata__\":{");
    for (size_t i = 0; i < d->texts.n; i++) {
        tp__text_put(header, i ? "," : "");
        tp__escape_json(header, d->texts.entries[i].name);
        tp__text_put(header, ":");
        tp__escape_json(header, d->texts.entries[i].value);
    }
    tp__text_put(header, "}");
}

static void safetensors_put_tensor(const tp__names_entry *entry, size_t begin, tp__text *header)
{
    const tp_var *v = entry->value;
    tp__escape_json(header, entry->name);
    tp__text_format(header, ":{\"dtype\":\"%s\",\"shape\":[", safetensors_type(v));
    for (int i = 0; i < v->ndim; i++)
        tp__text_format(header, "%s%lld", i ? "," : "", (long long)tp__shape(v)[i]);
    tp__text_format(header, "],\"data_offsets\":[%zu,%zu]}", begin, begin + safetensors_bytes(v));
}

static void safetensors_put_header(const tp_state_dict *d, const size_t *begin, tp__text *header)
{
    tp__text_put(header, "{");
    if (d->texts.n)
        safetensors_put_metadata(d, header);
    for (size_t i = 0; i < d->vars.n; i++) {
        tp__text_put(header, i || d->texts.n ? "," : "");
        safetensors_put_tensor(&d->vars.entries[i], begin[i], header);
    }
    tp__text_put(header, "}");
    while (header->length % SAFETENSORS_LENGTH && !header->failed)
        tp__text_put(header, " ");
}

/* Names that the header cannot hold. */
static bool safetensors_names_fit(const char *call, const char *path, const tp_state_dict *d)
{
    return !tp__names_find(&d->vars, "__metadata__") ||
           tp__format_fail(call, path, "no tensor of a safetensors file is called __metadata__");
}

bool tp__safetensors_write(const char *call, const char *path, const tp_state_dict *d,
                           tp__file *file)
{
    tp__text header = {0};
    size_t *begin =
        safetensors_names_fit(call, path, d) ? tp__alloc(d->vars.n * sizeof *begin) : NULL;
    if (!begin)
        return false;
    safetensors_place(d, begin);
    safetensors_put_header(d, begin, &header);
    tp__free(begin);
    unsigned char length[SAFETENSORS_LENGTH];
    for (int i = 0; i < SAFETENSORS_LENGTH; i++)
        length[i] = (unsigned char)((uint64_t)header.length >> 8 * i);
    bool good = !header.failed && (header.length <= SAFETENSORS_HEADER ||
                                   tp__format_fail(call, path,
                                                   "a header of %zu bytes, expected at "
                                                   "most %d: names and texts are long",
                                                   header.length, SAFETENSORS_HEADER));
    if (good) {
        tp__file_write(file, length, sizeof length);
        tp__file_write(file, header.at, header.length);
    }
    for (size_t size = 8; size && good; size /= 2)
        for (size_t i = 0; i < d->vars.n && good; i++) {
            tp_var *v = d->vars.entries[i].value;
            if (tp__dtype_size((tp_dtype)v->dtype) != size || !v->size)
                continue;
            TP_SCOPE();
            const void *data = tp__elements(v);
            good = data != NULL;
            if (good)
                tp__file_write(file, data, safetensors_bytes(v));
        }
    tp__text_drop(&header);
    return good;
}
