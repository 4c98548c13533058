/* SPDX-License-Identifier: MIT
 *
 * The steps of simplification. Each fills in, for every node, which node it is merged into (itself
 * if it stays) or TP__PICTURE_NONE if it goes, and gives new labels to nodes that stand for others.
 */
#ifndef TP_SIMPLIFY_H
#define TP_SIMPLIFY_H

#include "draw/picture.h"

void tp__simplify_scopes(tp__picture *p, uint32_t *into);
void tp__simplify_repeats(tp__picture *p, uint32_t *into);

/* Appends node i's label to the one that is being written. */
void tp__simplify_copy_label(tp__picture *p, uint32_t i);

#endif
