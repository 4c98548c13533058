/* SPDX-License-Identifier: MIT
 *
 * Tokenisers, inside the library. Of every kind the tokens are a list of byte strings, and a table
 * finds a string's number. What a kind needs beyond that is behind `more`.
 */
#ifndef TP_TOKENIZER_H
#define TP_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tinypytorch/text.h"

typedef struct tp__token {
    const char *at; /* a 0 stands behind the bytes */
    size_t n;
} tp__token;

/* A growing list of tokens. */
typedef struct tp__token_list {
    int64_t *at, n, capacity;
} tp__token_list;

/* False, with an error, when out of memory. */
bool tp__token_add(tp__token_list *list, int64_t token);

typedef struct tp__tokenizer_kind {
    /* Adds the tokens of a text. False, with an error. */
    bool (*encode)(const tp_tokenizer *k, const char *text, size_t n, tp__token_list *to);
    void (*free)(tp_tokenizer *k);
} tp__tokenizer_kind;

/* Tokens are found by open addressing; a slot has a token's number, or −1. */
struct tp_tokenizer {
    const tp__tokenizer_kind *kind;
    tp__token *tokens;
    int64_t n, capacity;
    int64_t *slots;
    size_t n_slots; /* a power of two, at least 2 n */
    void *more;
};

tp_tokenizer *tp__tokenizer_make(const tp__tokenizer_kind *kind);

/* Adds a copy of these bytes as the next token. False, with an error. Of equal ones the first is
 * found. */
bool tp__tokenizer_add(tp_tokenizer *k, const char *at, size_t n);

/* The number of these bytes, −1 if they are none. */
int64_t tp__tokenizer_find(const tp_tokenizer *k, const char *at, size_t n);

/* The length of the UTF-8 character that text begins with, and its code point; 1 and −1 of a byte
 * that begins none. n > 0. */
size_t tp__character(const char *text, size_t n, int32_t *code);

/* Writes a code point as UTF-8, in 1 to 4 bytes; returns how many. */
size_t tp__character_write(int32_t code, char *to);

#endif
