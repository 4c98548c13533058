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

#ifdef __cplusplus
}
#endif

#endif
