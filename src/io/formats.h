/* SPDX-License-Identifier: MIT
 *
 * The formats of files. A reader puts what the blob holds into an empty dict; `path` is for
 * messages, which begin with call and path, and for what lies beside it. A writer gives bytes to a
 * file that was begun. Both return false, with an error, if they cannot; what is in the dict, or
 * was written, then goes.
 *
 * Nothing that a file says is believed: lengths are compared with what is there before memory is
 * taken for them, and memory is in proportion to the file's size. The one exception is what is
 * compressed, which may be 1,032 times as large.
 */
#ifndef TP_FORMATS_H
#define TP_FORMATS_H

#include "base/file.h"
#include "io/blob.h"
#include "io/state_dict.h"

typedef bool tp__reader(const char *call, const char *path, tp__blob *blob, tp_state_dict *d);
typedef bool tp__writer(const char *call, const char *path, const tp_state_dict *d, tp__file *file);

/* A zip is what torch.save or what numpy.savez wrote. */
tp__reader tp__safetensors_read, tp__shards_read, tp__npy_read, tp__zip_file_read;
tp__writer tp__safetensors_write, tp__npz_write;

/* The second of these. */
struct tp__zip;
bool tp__npz_read(const struct tp__zip *zip, tp_state_dict *d);

/* Records "call: path: …" as an error of the file, and returns false. */
bool tp__format_fail(const char *call, const char *path, const char *format, ...) TP_PRINTF(3, 4);

/* Puts v under a name that the file gave; false, with an error, if it gave it before. */
bool tp__format_set(const char *call, const char *path, tp_state_dict *d, const char *name,
                    tp_var *v);

/* The same of a text. */
bool tp__format_set_text(const char *call, const char *path, tp_state_dict *d, const char *key,
                         const char *text);

/* True if path is there. */
bool tp__format_path(const char *call, const char *path);

/* True if the length bytes of name are a text in UTF-8 that can be a name: no character 0. */
bool tp__format_is_text(const char *name, size_t length);

#endif
