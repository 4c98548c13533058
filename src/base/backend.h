/* SPDX-License-Identifier: MIT
 *
 * What this folder needs of those that stand on it.
 */
#ifndef TP_BACKEND_H
#define TP_BACKEND_H

#include "base/thread.h"

/* Puts the kernels of the backends into the records. Runs once, before any operation. */
void tp__choose_kernels(void);

/* Computes what still waits in a thread that ends: its values may outlive it. */
void tp__finish_deferred(tp__thread *t);

#endif
