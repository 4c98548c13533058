/* SPDX-License-Identifier: MIT
 *
 * All memory of the library comes from here. When the system gives none, an error is recorded and
 * NULL returned; callers pass that on. Tests make the n-th request of a thread fail.
 */
#ifndef TP_ALLOC_H
#define TP_ALLOC_H

#include <stddef.h>

#include "base/thread.h"

/* Uninitialised and zeroed memory; free with tp__free (free() serves too, where the caller of the
 * library gets the memory). A request for 0 bytes succeeds. */
void *tp__alloc(size_t bytes);
void *tp__alloc_zero(size_t count, size_t bytes);

/* Memory whose address is a multiple of 64. Goes with tp__free. */
void *tp__alloc_aligned(size_t bytes);

/* The same of what is never given back: from 4 MB on in large pages. */
void *tp__alloc_for_good(size_t bytes);

/* The same without an error where there is none: for those who can do without. */
void *tp__alloc_spare(size_t bytes);

/* Grows a block; NULL, with an error, leaves the old one as it was. */
void *tp__realloc(void *block, size_t bytes);

void tp__free(void *block);

/* --- Blocks ---
 *
 * Memory that is taken and put back all the time: elements of arrays and what is needed to compute
 * them. A block put back is kept by the thread, in a list for its size class; classes are powers of
 * two and three steps between. What is kept never exceeds what has been in use by more than a fixed
 * amount. Under memory checkers nothing is kept. */

/* 64-byte aligned; NULL, with an error, when out of memory. */
void *tp__block_take(tp__thread *t, size_t bytes);

/* bytes as it was asked for. */
void tp__block_put(tp__thread *t, void *block, size_t bytes);

/* Gives all that the thread keeps back to the system. */
void tp__block_trim(tp__thread *t);

/* --- Text, tests --- */

/* A copy of text, NULL when out of memory. */
char *tp__copy_text(const char *text);

/* Makes this thread's n-th request from here on fail, once; 0 turns that off. Returns how many
 * requests there were since the last call. */
size_t tp__alloc_fail_at(size_t n);

/* Makes this thread's requests for more than that fail, until it is called with 0. */
void tp__alloc_fail_above(size_t bytes);

#endif
