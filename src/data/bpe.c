/* SPDX-License-Identifier: MIT
 *
 * Encoding by byte pairs: text is cut into pieces, a piece into bytes, and bytes are joined.
 */
#include "base/features.h"

#include "data/bpe.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "data/merge.h"
#include "data/unicode.h"
#include "tinypytorch/error.h"

/* --- Pieces --- */

typedef enum bpe_class { BPE_LETTER, BPE_DIGIT, BPE_SPACE, BPE_OTHER, BPE_END } bpe_class;

/* Of the character at text, whose length it tells. */
static bpe_class bpe_classify(const char *text, size_t n, size_t *length)
{
    int32_t code;
    *length = 0;
    if (n == 0)
        return BPE_END;
    *length = tp__character(text, n, &code);
    return code < 0                      ? BPE_OTHER
           : tp__unicode_is_letter(code) ? BPE_LETTER
           : tp__unicode_is_digit(code)  ? BPE_DIGIT
           : tp__unicode_is_space(code)  ? BPE_SPACE
                                         : BPE_OTHER;
}

/* The length of the run of a class at the beginning, and of its last character. */
static size_t bpe_run(const char *text, size_t n, bpe_class class, size_t *last)
{
    size_t at = 0, length;
    while (bpe_classify(text + at, n - at, &length) == class) {
        at += length;
        *last = length;
    }
    return at;
}

static size_t bpe_contraction(const char *text, size_t n)
{
    static const char *const ends[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends && *text == '\''; i++) {
        size_t length = strlen(ends[i]);
        if (n > length && !memcmp(text + 1, ends[i], length))
            return length + 1;
    }
    return 0;
}

/* Of spaces before something visible the last is left for what follows. */
size_t tp__bpe_piece(const char *text, size_t n)
{
    size_t length, last = 0, piece = bpe_contraction(text, n);
    if (piece)
        return piece;
    size_t skip = *text == ' ';
    bpe_class class = bpe_classify(text + skip, n - skip, &length);
    if (class != BPE_SPACE && class != BPE_END)
        return skip + bpe_run(text + skip, n - skip, class, &last);
    piece = bpe_run(text, n, BPE_SPACE, &last);
    return piece < n && piece > last ? piece - last : piece;
}

/* --- Pairs --- */

static size_t pairs_place(const tp__pairs *pairs, uint64_t key)
{
    uint64_t hash = key * UINT64_C(0x9E3779B97F4A7C15);
    size_t i = (size_t)(hash ^ hash >> 32) & (pairs->n_slots - 1);
    while (pairs->slots[i].key != UINT64_MAX && pairs->slots[i].key != key)
        i = (i + 1) & (pairs->n_slots - 1);
    return i;
}

static uint64_t pairs_key(int64_t left, int64_t right)
{
    return (uint64_t)left << 32 | (uint64_t)right;
}

tp__pair_slot *tp__pairs_find(const tp__pairs *pairs, int64_t left, int64_t right)
{
    uint64_t key = pairs_key(left, right);
    tp__pair_slot *slot = pairs->n_slots ? &pairs->slots[pairs_place(pairs, key)] : NULL;
    return slot && slot->key == key ? slot : NULL;
}

static bool pairs_grow(tp__pairs *pairs)
{
    tp__pairs old = *pairs;
    size_t more = old.n_slots ? 2 * old.n_slots : 1024;
    pairs->slots = tp__alloc(more * sizeof *pairs->slots);
    if (!pairs->slots) {
        *pairs = old;
        return false;
    }
    pairs->n_slots = more;
    for (size_t i = 0; i < more; i++)
        pairs->slots[i] = (tp__pair_slot){.key = UINT64_MAX};
    for (size_t i = 0; i < old.n_slots; i++)
        if (old.slots[i].key != UINT64_MAX)
            pairs->slots[pairs_place(pairs, old.slots[i].key)] = old.slots[i];
    tp__free(old.slots);
    return true;
}

tp__pair_slot *tp__pairs_need(tp__pairs *pairs, int64_t left, int64_t right)
{
    if (2 * pairs->n >= pairs->n_slots && !pairs_grow(pairs))
        return NULL;
    uint64_t key = pairs_key(left, right);
    tp__pair_slot *slot = &pairs->slots[pairs_place(pairs, key)];
    if (slot->key != key) {
        *slot = (tp__pair_slot){.key = key};
        pairs->n++;
    }
    return slot;
}

/* --- The tokenizer --- */

static bool bpe_rule(const tp_tokenizer *k, int64_t left, int64_t right, int64_t *joined,
                     double *key)
{
    const tp__bpe *bpe = k->more;
    const tp__pair_slot *slot = tp__pairs_find(&bpe->merges, left, right);
    if (slot) {
        *joined = slot->value;
        *key = (double)slot->rank;
    }
    return slot;
}

static bool bpe_encode(const tp_tokenizer *k, const char *text, size_t n, tp__token_list *to)
{
    const tp__bpe *bpe = k->more;
    for (size_t at = 0, length; at < n; at += length) {
        int64_t from = to->n;
        length = tp__bpe_piece(text + at, n - at);
        for (size_t i = 0; i < length; i++) {
            int64_t token = bpe->byte_token[(unsigned char)text[at + i]];
            if (token < 0) {
                tp_fail(TP_ERROR_ARGUMENT,
                        "tokenizer_encode: the byte 0x%02X at %zu is not in the vocabulary",
                        (unsigned char)text[at + i], at + i);
                return false;
            }
            if (!tp__token_add(to, token))
                return false;
        }
        if (!tp__merge_all(k, bpe_rule, to, from))
            return false;
    }
    return true;
}

static void bpe_free(tp_tokenizer *k)
{
    tp__bpe *bpe = k->more;
    if (!bpe)
        return;
    tp__free(bpe->merges.slots);
    tp__free(bpe->order);
    tp__free(bpe);
}

tp_tokenizer *tp__bpe_make(void)
{
    static const tp__tokenizer_kind kind = {.encode = bpe_encode, .free = bpe_free};
    tp_tokenizer *k = tp__tokenizer_make(&kind);
    if (k && !(k->more = tp__alloc_zero(1, sizeof(tp__bpe)))) {
        tp_tokenizer_free(k);
        return NULL;
    }
    return k;
}

bool tp__bpe_merge(tp_tokenizer *k, int64_t left, int64_t right, int64_t joined)
{
    tp__bpe *bpe = k->more;
    if (tp__pairs_find(&bpe->merges, left, right))
        return true;
    if (bpe->n_merges == bpe->capacity) {
        int64_t more = bpe->capacity ? 2 * bpe->capacity : 256;
        uint64_t *order = tp__realloc(bpe->order, (size_t)more * sizeof *order);
        if (!order)
            return false;
        bpe->order = order;
        bpe->capacity = more;
    }
    tp__pair_slot *slot = tp__pairs_need(&bpe->merges, left, right);
    if (!slot)
        return false;
    slot->value = joined;
    slot->rank = bpe->n_merges;
    bpe->order[bpe->n_merges++] = slot->key;
    return true;
}

void tp__bpe_find_bytes(tp_tokenizer *k)
{
    tp__bpe *bpe = k->more;
    for (int i = 0; i < 256; i++) {
        char byte = (char)i;
        bpe->byte_token[i] = tp__tokenizer_find(k, &byte, 1);
    }
}

/* --- Bytes as characters --- */

static bool bpe_stands_for_itself(int32_t c)
{
    return (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xAC) || (c >= 0xAE && c <= 0xFF);
}

int32_t tp__bpe_character(unsigned char byte)
{
    int32_t character = 0x100;
    if (bpe_stands_for_itself(byte))
        return byte;
    for (int32_t c = 0; c < byte; c++)
        character += !bpe_stands_for_itself(c);
    return character;
}

int tp__bpe_byte(int32_t character)
{
    if (character <= 0xFF)
        return bpe_stands_for_itself(character) ? character : -1;
    for (int byte = 0; byte < 256; byte++)
        if (!bpe_stands_for_itself(byte) && character-- == 0x100)
            return byte;
    return -1;
}
