/* SPDX-License-Identifier: MIT
 *
 * NumPy's archives: a zip of .npy files, each called as its array. A text is an array of one text,
 * as numpy.savez writes it.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "base/dtype.h"
#include "base/escape.h"
#include "io/formats.h"
#include "io/npy.h"
#include "io/zip.h"
#include "tinypytorch/error.h"

enum { NPZ_ENDING = 4, NPZ_NAME = 65535 }; /* ".npy"; what a zip's record can hold */

/* --- Reading --- */

static bool npz_take(const tp__zip *zip, tp_state_dict *d, const char *name, tp__blob *blob,
                     size_t begin, size_t size)
{
    tp__npy npy;
    if (!tp__npy_parse(&npy, zip->call, zip->path, name, blob, begin, size))
        return false;
    if (!npy.is_text)
        return tp__format_set(zip->call, zip->path, d, name,
                              tp__element_value(&npy.array, blob, npy.data));
    tp__text text = {0};
    bool good = tp__npy_text(&npy, blob, &text) &&
                tp__format_set_text(zip->call, zip->path, d, name, text.at);
    tp__text_drop(&text);
    return good;
}

static bool npz_read_entry(const tp__zip *zip, const tp__zip_entry *entry, tp_state_dict *d)
{
    size_t length = strlen(entry->name), begin;
    if (length < NPZ_ENDING || strcmp(entry->name + length - NPZ_ENDING, ".npy") != 0)
        return tp__format_fail(zip->call, zip->path,
                               "%.100s is no array: expected names that end "
                               "in .npy",
                               entry->name);
    tp__text name = {0};
    tp__text_add(&name, entry->name, length - NPZ_ENDING);
    tp__blob *blob = name.failed ? NULL : tp__zip_read(zip, entry, true, &begin);
    bool good = blob && npz_take(zip, d, name.at, blob, begin, entry->size);
    tp__blob_drop(blob);
    tp__text_drop(&name);
    return good;
}

bool tp__npz_read(const tp__zip *zip, tp_state_dict *d)
{
    bool good = true;
    for (size_t i = 0; i < zip->n && good; i++)
        good = npz_read_entry(zip, &zip->entries[i], d);
    return good;
}

/* --- Writing --- */

static void npz_write_value(tp__zip_writer *zip, const char *name, tp_var *v)
{
    TP_SCOPE();
    char head[TP__NPY_HEAD];
    tp_var *written = tp__npy_written(v);
    const void *data = tp_is_poison(written) ? NULL : tp__elements(written);
    zip->directory.failed = zip->directory.failed || tp__here()->code;
    if (zip->directory.failed)
        return;
    tp__zip_piece pieces[] = {{head, tp__npy_head(head, written, 0)},
                              {written->size ? data : "",
                               (size_t)written->size * tp__dtype_size((tp_dtype)written->dtype)}};
    tp__zip_add(zip, name, pieces, 2);
}

/* UTF-8, which was checked, as UTF-32. */
static void npz_write_text(tp__zip_writer *zip, const char *name, const char *text)
{
    char head[TP__NPY_HEAD];
    tp__text wide = {0};
    for (size_t n; *text; text += n) {
        n = tp__escape_utf8(text);
        uint32_t c = (unsigned char)*text & (n == 1 ? 0x7F : n == 2 ? 0x1F : n == 3 ? 0x0F : 0x07);
        for (size_t i = 1; i < n; i++)
            c = c << 6 | ((unsigned char)text[i] & 0x3F);
        const char bytes[] = {(char)c, (char)(c >> 8), (char)(c >> 16), 0};
        tp__text_add(&wide, bytes, sizeof bytes);
    }
    if (!wide.length)
        tp__text_add(&wide, "\0\0\0", 4); /* NumPy reads no texts of 0 characters */
    tp__zip_piece pieces[] = {{head, tp__npy_head(head, NULL, (int64_t)(wide.length / 4))},
                              {wide.at ? wide.at : "", wide.length}};
    zip->directory.failed = zip->directory.failed || wide.failed;
    tp__zip_add(zip, name, pieces, 2);
    tp__text_drop(&wide);
}

static bool npz_write_entry(const char *call, const char *path, tp__zip_writer *zip,
                            const tp__names_entry *entry, bool is_text)
{
    tp__text name = {0};
    tp__text_put(&name, entry->name);
    tp__text_put(&name, ".npy");
    bool good = !name.failed && (name.length <= NPZ_NAME ||
                                 tp__format_fail(call, path,
                                                 "a name has %zu bytes, expected at "
                                                 "most %d",
                                                 strlen(entry->name), NPZ_NAME - NPZ_ENDING));
    if (good && is_text)
        npz_write_text(zip, name.at, entry->value);
    else if (good)
        npz_write_value(zip, name.at, entry->value);
    tp__text_drop(&name);
    return good && !zip->directory.failed;
}

bool tp__npz_write(const char *call, const char *path, const tp_state_dict *d, tp__file *file)
{
    tp__zip_writer zip = {.file = file};
    bool good = true;
    for (size_t i = 0; i < d->vars.n && good; i++)
        good = npz_write_entry(call, path, &zip, &d->vars.entries[i], false);
    for (size_t i = 0; i < d->texts.n && good; i++) {
        const tp__names_entry *entry = &d->texts.entries[i];
        good = !tp__names_find(&d->vars, entry->name) ||
               tp__format_fail(call, path,
                               "\"%.100s\" is the name of a value and of a text, which "
                               "an .npz file keeps together",
                               entry->name);
        good = good && npz_write_entry(call, path, &zip, entry, true);
    }
    return tp__zip_end(&zip) && good;
}
