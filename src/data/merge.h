/* SPDX-License-Identifier: MIT
 *
 * Joining neighbours: of a row of tokens the best pair becomes one token, again and again.
 */
#ifndef TP_MERGE_H
#define TP_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "data/tokenizer.h"

/* The token that left and right are joined to, with a key: the pair of the smallest one is joined
 * first, of equal ones the leftmost. False if they are not joined. */
typedef bool tp__merge_rule(const tp_tokenizer *k, int64_t left, int64_t right, int64_t *joined,
                            double *key);

/* Joins neighbours of list, from place `from` on, until there is no pair to join. Takes n log n
 * steps for n tokens. False, with an error, when out of memory. */
bool tp__merge_all(const tp_tokenizer *k, tp__merge_rule *rule, tp__token_list *list, int64_t from);

#endif
