/* SPDX-License-Identifier: MIT
 *
 * Byte pair encoding as GPT-2 has it: pieces of text, and merges by pair.
 */
#ifndef TP_BPE_H
#define TP_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/tokenizer.h"

/* How many bytes the first piece of a text of n > 0 bytes has. */
size_t tp__bpe_piece(const char *text, size_t n);

/* A table of numbers by pairs of tokens. An empty slot has the key −1. */
typedef struct tp__pair_slot {
    uint64_t key; /* left << 32 | right */
    int64_t value, rank;
} tp__pair_slot;

typedef struct tp__pairs {
    tp__pair_slot *slots;
    size_t n_slots, n;
} tp__pairs;

/* The slot of a pair; NULL if it is not there. */
tp__pair_slot *tp__pairs_find(const tp__pairs *pairs, int64_t left, int64_t right);

/* The same, which is made with zeros if it is not there. NULL, with an error, out of memory. */
tp__pair_slot *tp__pairs_need(tp__pairs *pairs, int64_t left, int64_t right);

/* What a tokenizer of byte pairs has beyond its tokens. */
typedef struct tp__bpe {
    int64_t byte_token[256]; /* −1: none */
    tp__pairs merges;        /* value: the joined token; rank: the place in order */
    int64_t n_merges, capacity;
    uint64_t *order; /* pairs by rank */
} tp__bpe;

/* An empty tokenizer of byte pairs. NULL, with an error, when out of memory. */
tp_tokenizer *tp__bpe_make(void);

/* Adds the merge that comes after all others. A pair that has one already keeps it. */
bool tp__bpe_merge(tp_tokenizer *k, int64_t left, int64_t right, int64_t joined);

/* Sets byte_token from the tokens. */
void tp__bpe_find_bytes(tp_tokenizer *k);

/* The character by which GPT-2's files write a byte, and the byte of one, −1 for none: printable
 * ones of Latin-1 stand for themselves, the others are U+0100 … in order. */
int32_t tp__bpe_character(unsigned char byte);
int tp__bpe_byte(int32_t character);

#endif
