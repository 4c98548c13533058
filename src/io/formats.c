/* SPDX-License-Identifier: MIT
 *
 * Saving and loading state dicts: which format it is, and what all of them share.
 */
#include "base/features.h"

#include "io/formats.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "array/array.h"
#include "base/call.h"
#include "base/escape.h"
#include "base/numbers.h"
#include "io/npy.h"
#include "tinypytorch/error.h"

bool tp__format_fail(const char *call, const char *path, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    tp__format_list(text, sizeof text, format, arguments);
    va_end(arguments);
    tp_fail(TP_ERROR_FILE, "%s: %s: %s", call, path, text);
    return false;
}

bool tp__format_set(const char *call, const char *path, tp_state_dict *d, const char *name,
                    tp_var *v)
{
    if (tp_is_poison(v))
        return false;
    if (tp__names_find(&d->vars, name))
        return tp__format_fail(call, path, "\"%.100s\" is there twice", name);
    tp_state_dict_set(d, name, v);
    return !tp__here()->code;
}

bool tp__format_set_text(const char *call, const char *path, tp_state_dict *d, const char *key,
                         const char *text)
{
    if (tp__names_find(&d->texts, key))
        return tp__format_fail(call, path, "the text \"%.100s\" is there twice", key);
    tp_state_dict_set_text(d, key, text);
    return !tp__here()->code;
}

bool tp__format_is_text(const char *name, size_t length)
{
    for (size_t i = 0, n; i < length; i += n) {
        char next[5] = "";
        memcpy(next, name + i, length - i < 4 ? length - i : 4);
        n = name[i] ? tp__escape_utf8(next) : 0;
        if (!n)
            return false;
    }
    return true;
}

bool tp__format_path(const char *call, const char *path)
{
    if (!path)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the path is NULL", call);
    return path != NULL;
}

/* --- Saving --- */

/* Files hold text in UTF-8 only. */
static bool format_check_texts(const char *path, const tp_state_dict *d)
{
    for (size_t i = 0; i < d->vars.n + d->texts.n; i++) {
        bool var = i < d->vars.n;
        const tp__names_entry *entry = var ? &d->vars.entries[i] : &d->texts.entries[i - d->vars.n];
        const char *text = var ? "" : entry->value;
        if (!tp__format_is_text(entry->name, strlen(entry->name)) ||
            !tp__format_is_text(text, strlen(text))) {
            tp_fail(TP_ERROR_ARGUMENT, "state_dict_save: %s: %s %zu is not UTF-8", path,
                    var ? "the name of value" : "text", var ? i : i - d->vars.n);
            return false;
        }
    }
    return true;
}

static tp__writer *format_writer(const char *path)
{
    static const struct {
        const char *ending;
        tp__writer *write;
    } formats[] = {{".safetensors", tp__safetensors_write}, {".npz", tp__npz_write}};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        size_t n = strlen(formats[i].ending);
        if (length > n && !strcasecmp(path + length - n, formats[i].ending))
            return formats[i].write;
    }
    tp_fail(TP_ERROR_ARGUMENT, "state_dict_save: \"%s\" does not end in .safetensors or .npz",
            path);
    return NULL;
}

bool tp_state_dict_save(const tp_state_dict *d, const char *path)
{
    static const char call[] = "state_dict_save";
    TP__CALL(call);
    if (!tp__format_path(call, path) || !tp__state_dict_check(call, d))
        return false;
    tp__writer *write = format_writer(path);
    if (!write || !format_check_texts(path, d))
        return false;
    tp__file file;
    tp__file_begin(&file, path);
    bool good = write(call, path, d, &file);
    int error = tp__file_end(&file, good);
    return good && tp__file_good(call, path, error);
}

/* --- Loading --- */

/* A file of safetensors has its header's length at the beginning, which is below 2⁴⁸; a JSON index
 * has eight letters there. */
static tp__reader *format_reader(const tp__blob *blob)
{
    const char *at = (const char *)blob->at;
    if (blob->size > 8 && at[8] == '{' && !at[6] && !at[7])
        return tp__safetensors_read;
    if (blob->size >= 4 && !memcmp(at, "PK", 2) && (at[2] == 3 || at[2] == 5))
        return tp__zip_file_read;
    if (blob->size >= 6 && !memcmp(at, TP__NPY_MAGIC, 6))
        return tp__npy_read;
    if (blob->size && (*at == '{' || strchr(" \t\r\n", *at)))
        return tp__shards_read;
    return NULL;
}

tp_state_dict *tp_state_dict_load(const char *path)
{
    static const char call[] = "state_dict_load";
    TP__CALL(call);
    if (!tp__format_path(call, path) || tp__here()->code)
        return NULL;
    TP_SCOPE();
    tp_state_dict *d = tp_state_dict_new();
    tp__blob *blob = d ? tp__blob_open(call, path) : NULL;
    tp__reader *read = blob ? format_reader(blob) : NULL;
    if (blob && !read)
        tp__format_fail(call, path,
                        "not a file of arrays: expected safetensors, an index of such files, .npz, "
                        ".npy, or the zip that torch.save writes from PyTorch 1.6 on");
    if (!read || !read(call, path, blob, d)) {
        tp_state_dict_free(d);
        d = NULL;
    }
    tp__blob_drop(blob);
    return d;
}
