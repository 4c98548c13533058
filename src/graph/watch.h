/* SPDX-License-Identifier: MIT
 *
 * Who may look at the nodes on the way of a sweep (sweep.h).
 */
#ifndef TP_WATCH_H
#define TP_WATCH_H

#include "graph/sweep.h"

/* Keeps the gradients of the nodes in s->kept; of all that are not leaves. */
extern const tp__watcher tp__watch_kept, tp__watch_retain;

/* The last sweep over these nodes: elements that its rules read go behind it. */
extern const tp__watcher tp__watch_consume;

/* Notes the time of numbers' rules, which are no operations. */
extern const tp__watcher tp__watch_profile;

/* Looks for NaN and infinities (anomaly.c). */
extern const tp__watcher tp__watch_anomaly;

/* Makes elements again before a rule reads them, and forgets them behind it (remake.c). */
extern const tp__watcher tp__watch_remade;

#endif
