/* SPDX-License-Identifier: MIT
 *
 * What this folder needs of those that stand on it.
 */
#ifndef TP_BACKEND_H
#define TP_BACKEND_H

#include "base/thread.h"

/* Elements that wait are computed, so that v->data is valid. False, with an error, when memory runs
 * out or the elements were dropped. */
bool tp__evaluate_deferred(tp_var *v);

/* Computes what waits in the thread. False, with an error, when out of memory. */
bool tp__evaluate_waiting(tp__thread *t);

/* Computes what still waits in a thread that ends: its values may outlive it. */
void tp__finish_deferred(tp__thread *t);

#endif
