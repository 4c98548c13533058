/* SPDX-License-Identifier: MIT
 *
 * Arrays by name, as files hold them.
 *
 * A *state dict* is a list of arrays by name, in order, and of lines of text by key: what a network
 * or an optimiser is, between two runs of a program. It holds its values as tp_keep does, and
 * shares them: an edit in place of one is an edit of the other.
 *
 *     tp_state_dict *d = tp_state_dict_new();
 *     tp_state_dict_set(d, "weight", w);
 *     tp_state_dict_set_text(d, "epoch", "3");
 *     tp_copy_(w, tp_state_dict_get(d, "weight"));
 *     tp_state_dict_free(d);
 *
 * A dict that is NULL because making or loading it failed is passed on like poison: while that
 * error is pending every call ignores it, and otherwise records an error.
 */
#ifndef TINYPYTORCH_IO_H
#define TINYPYTORCH_IO_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_state_dict tp_state_dict;

/* An empty one. NULL, with an error, when out of memory. Free it with tp_state_dict_free, which
 * gives back what it holds and ignores NULL. */
TP_API tp_state_dict *tp_state_dict_new(void);
TP_API void tp_state_dict_free(tp_state_dict *d);

/* Puts v under a name, which is copied: at the end, or in the place of what has this name so far.
 * Nothing happens while an error is pending. */
TP_API void tp_state_dict_set(tp_state_dict *d, const char *name, tp_var *v);

/* The value of that name, NULL if there is none, which is no error. It stays the dict's: keep it,
 * or use it while the dict holds it. Takes the same time however many there are. */
TP_API tp_var *tp_state_dict_get(const tp_state_dict *d, const char *name);

/* How many values there are; name and value number i, from 0, in the order in which names came. The
 * name is valid as long as the dict. An error, and NULL, if there is no such i. */
TP_API int64_t tp_state_dict_len(const tp_state_dict *d);
TP_API const char *tp_state_dict_name(const tp_state_dict *d, int64_t i);
TP_API tp_var *tp_state_dict_at(const tp_state_dict *d, int64_t i);

/* A text by its key, of which files call all the metadata; both are copied. NULL if there is none,
 * which is no error. It is valid until another is set under the same key. */
TP_API void tp_state_dict_set_text(tp_state_dict *d, const char *key, const char *text);
TP_API const char *tp_state_dict_text(const tp_state_dict *d, const char *key);

/* --- Files --- */

/* Writes the dict to a file, by the path's ending: .safetensors or .npz. The file is there whole or
 * not at all: it is written under another name in the same directory, brought to the disk, and
 * renamed, so whatever happens the old file or the new one is there. False, with an error that
 * names the path and the reason, if that fails; also if a name or a text is not UTF-8. */
TP_API bool tp_state_dict_save(const tp_state_dict *d, const char *path);

/* What a file holds, by its content and not by its name. Values are constants; free the dict with
 * tp_state_dict_free. NULL, with an error, if the file cannot be read or is not what its format
 * says; a file from anywhere may be tried.
 *
 * safetensors, or an index of safetensors files beside it (model.safetensors.index.json).
 *
 * .npz and .npy, of versions 1 to 3, either order of bytes, either order of axes. A text of no
 * dimensions is one of the dict's texts, as tp_state_dict_save writes these; the array of an .npy
 * file is called arr_0. What numpy.savez_compressed writes needs zlib (TP_ERROR_MISSING without).
 *
 * What torch.save writes, from PyTorch 1.6 on, of dicts, lists and tuples, in each other, of
 * tensors, parameters, numbers and texts: a model's or an optimiser's state dict. No code of the
 * file is run; what else it names is an error that tells the name. A value in a dict in a dict is
 * called outer.inner, one in a list by its place; a number is an array of no dimensions (int64,
 * float64, bool), None nothing. Tensors that share memory share it here, and two that are the same
 * part of it (tied weights) are one value under two names.
 *
 * The file is mapped, and values lie in it where it has them as they are here, so that loading
 * takes no time and no memory until they are read. Edits in place change the memory, never the
 * file. It must not be shortened while values are in use; replacing it as tp_state_dict_save does
 * is safe.
 *
 * An element type that is not among ours becomes the smallest that holds all of its numbers: int8,
 * int16 and uint16 become int32, uint32 int64, the floats of 8 bits (E4M3, E5M2) float16. Others
 * are an error that names the array. Written as .npz or .npy, bfloat16 becomes float32. */
TP_API tp_state_dict *tp_state_dict_load(const char *path);

/* One array as NumPy's .npy file; it is written as tp_state_dict_save does, and read as
 * tp_state_dict_load does, into the current scope. */
TP_API bool tp_npy_save(tp_var *v, const char *path);
TP_API tp_var *tp_npy_load(const char *path);

#ifdef __cplusplus
}
#endif

#endif
