/* SPDX-License-Identifier: MIT
 *
 * Windows of a row of tokens, which lies in an array or in a file.
 */
#include "base/features.h"

#include <errno.h>
#include <string.h>
#if !defined(TP_NO_THREADS)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "base/alloc.h"
#include "base/numbers.h"
#include "data/dataset.h"
#include "data/source.h"
#include "tinypytorch/text.h"

typedef struct token_rows {
    tp_dataset base;
    tp_var *alias; /* of an array, NULL for a file */
    void *file;    /* the file in memory */
    size_t mapped; /* bytes of it that munmap gives back; 0: tp__free does */
    const char *at;
    size_t size; /* of a token: 1, 2 (unsigned), 4, 8 */
    int64_t length, stride;
} token_rows;

static int64_t tokens_read(const token_rows *own, int64_t i)
{
    const char *at = own->at + (size_t)i * own->size;
    uint16_t two;
    int32_t four;
    int64_t eight;
    switch (own->size) {
    case 1:
        return (unsigned char)*at;
    case 2:
        memcpy(&two, at, 2);
        return two;
    case 4:
        memcpy(&four, at, 4);
        return four;
    default:
        memcpy(&eight, at, 8);
        return eight;
    }
}

static void tokens_copy(const token_rows *own, int64_t index, int64_t *x, int64_t *y)
{
    int64_t from = index * own->stride;
    for (int64_t i = 0; i <= own->length; i++) {
        int64_t token = tokens_read(own, from + i);
        if (i < own->length)
            x[i] = token;
        if (i > 0)
            y[i - 1] = token;
    }
}

static bool tokens_gather(tp_dataset *d, const int64_t *indices, int64_t n, tp__batch *batch)
{
    const token_rows *own = (token_rows *)d;
    const int64_t shape[] = {n, own->length};
    int64_t *x = tp__batch_room(batch, 0, TP_I64, 2, shape);
    int64_t *y = x ? tp__batch_room(batch, 1, TP_I64, 2, shape) : NULL;
    for (int64_t i = 0; i < n && y; i++)
        tokens_copy(own, indices[i], x + i * own->length, y + i * own->length);
    return y;
}

static void tokens_get(tp_dataset *d, int64_t index, tp_var **out)
{
    const token_rows *own = (token_rows *)d;
    for (int k = 0; k < 2; k++) {
        out[k] = tp__empty(TP_I64, 1, &own->length);
        if (tp_is_poison(out[k]))
            return;
    }
    tokens_copy(own, index, out[0]->data, out[1]->data);
}

static void tokens_unmap(void *file, size_t mapped)
{
#if !defined(TP_NO_THREADS)
    if (mapped) {
        (void)munmap(file, mapped);
        return;
    }
#endif
    (void)mapped;
    tp__free(file);
}

static void tokens_free(tp_dataset *d)
{
    const token_rows *own = (token_rows *)d;
    if (own->alias)
        tp__drop(own->alias);
    tokens_unmap(own->file, own->mapped);
}

/* A dataset of n tokens of so many bytes, whose place is yet to be told. */
static token_rows *tokens_make(const char *call, int64_t n, size_t size, int64_t length,
                               int64_t stride)
{
    static const tp__dataset_kind kind = {
        .name = "token_dataset", .get = tokens_get, .gather = tokens_gather, .free = tokens_free};
    if (length < 1 || stride < 1) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: length %lld and stride %lld, expected at least 1", call,
                (long long)length, (long long)stride);
        return NULL;
    }
    int64_t windows = n > length ? (n - 1 - length) / stride + 1 : 0;
    token_rows *own = (token_rows *)tp__dataset_make(&kind, sizeof *own, windows, 2);
    if (own) {
        own->base.gathers = true;
        own->size = size;
        own->length = length;
        own->stride = stride;
    }
    return own;
}

tp_dataset *tp_token_dataset_new(tp_var *tokens, int64_t length, int64_t stride)
{
    if (!tp__check_operand("token_dataset_new", tokens))
        return NULL;
    tp_dtype dtype = (tp_dtype)tokens->dtype;
    if (tokens->ndim != 1 || tp__is_float(dtype)) {
        tp_fail(TP_ERROR_DTYPE,
                "token_dataset_new: tokens of %s with %d axes, expected integers "
                "with one axis",
                tp_dtype_name(dtype), tokens->ndim);
        return NULL;
    }
    token_rows *own =
        tokens_make("token_dataset_new", tokens->size, tp__dtype_size(dtype), length, stride);
    if (!own)
        return NULL;
    size_t mark = tp_scope_begin();
    tp_var *plain = tp__plain(tokens);
    own->alias = tp_is_poison(plain) ? NULL : tp__alias(tp__here(), plain);
    tp_scope_end(mark);
    if (own->alias) {
        own->at = own->alias->data;
        return &own->base;
    }
    tp_dataset_free(&own->base);
    return NULL;
}

/* --- Files --- */

#if defined(TP_NO_THREADS)

static void *tokens_map(const char *path, size_t *n, size_t *mapped)
{
    tp__bytes bytes;
    *mapped = 0;
    if (!tp__source_read("token_file_dataset_new", path, &bytes))
        return NULL;
    *n = bytes.n;
    return bytes.at;
}

#else

static void *tokens_map_open(int descriptor, size_t *n, size_t *mapped)
{
    struct stat about;
    *n = *mapped = 0;
    if (descriptor < 0 || fstat(descriptor, &about) != 0)
        return NULL;
    if (!S_ISREG(about.st_mode) || (uint64_t)about.st_size > PTRDIFF_MAX) {
        errno = EINVAL;
        return NULL;
    }
    *n = (size_t)about.st_size;
    if (!*n) /* of which there is no map */
        return tp__alloc(1);
    void *file = mmap(NULL, *n, PROT_READ, MAP_PRIVATE, descriptor, 0);
    *mapped = file == MAP_FAILED ? 0 : *n;
    return file == MAP_FAILED ? NULL : file;
}

static void *tokens_map(const char *path, size_t *n, size_t *mapped)
{
    errno = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC), error;
    void *file = tokens_map_open(descriptor, n, mapped);
    error = errno;
    if (descriptor >= 0)
        close(descriptor);
    if (!file && !tp_status()) {
        char reason[120];
        tp__error_text(reason, sizeof reason, error ? error : EIO);
        tp_fail(error == ENOMEM ? TP_ERROR_MEMORY : TP_ERROR_FILE,
                "token_file_dataset_new: cannot read %s: %s", path, reason);
    }
    return file;
}

#endif

tp_dataset *tp_token_file_dataset_new(const char *path, bool wide, int64_t length, int64_t stride)
{
    size_t n, mapped, size = wide ? 4 : 2;
    if (!path) {
        tp_fail(TP_ERROR_ARGUMENT, "token_file_dataset_new: the path is NULL");
        return NULL;
    }
    void *file = tokens_map(path, &n, &mapped);
    if (!file)
        return NULL;
    token_rows *own = NULL;
    if (n % size)
        tp_fail(TP_ERROR_FILE, "token_file_dataset_new: %s has %zu bytes, no multiple of %zu", path,
                n, size);
    else
        own = tokens_make("token_file_dataset_new", (int64_t)(n / size), size, length, stride);
    if (!own) {
        tokens_unmap(file, mapped);
        return NULL;
    }
    own->file = file;
    own->mapped = mapped;
    own->at = file;
    return &own->base;
}
