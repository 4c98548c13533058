/* SPDX-License-Identifier: MIT
 *
 * Training of byte pairs. The different pieces of the text are words, each with a count; their
 * tokens lie in one row. Pairs are counted once; a merge goes over all words and changes the counts
 * around the places where it joins.
 */
#include "base/features.h"

#include <string.h>

#include "base/alloc.h"
#include "data/bpe.h"
#include "tinypytorch/error.h"

typedef struct train_word {
    int64_t from, n, count;
} train_word;

typedef struct train {
    tp_tokenizer *k, *words_of; /* the words by their bytes */
    train_word *words;
    int64_t capacity;
    tp__token_list tokens;
    tp__pairs counts;
} train;

static bool train_add_word(train *t, const char *piece, size_t n)
{
    int64_t word = tp__tokenizer_find(t->words_of, piece, n);
    const tp__bpe *bpe = t->k->more;
    if (word >= 0) {
        t->words[word].count++;
        return true;
    }
    if (t->words_of->n == t->capacity) {
        int64_t more = t->capacity ? 2 * t->capacity : 1024;
        train_word *words = tp__realloc(t->words, (size_t)more * sizeof *words);
        if (!words)
            return false;
        t->words = words;
        t->capacity = more;
    }
    t->words[t->words_of->n] = (train_word){t->tokens.n, (int64_t)n, 1};
    for (size_t i = 0; i < n; i++)
        if (!tp__token_add(&t->tokens, bpe->byte_token[(unsigned char)piece[i]]))
            return false;
    return tp__tokenizer_add(t->words_of, piece, n);
}

static bool train_count(train *t, int64_t left, int64_t right, int64_t by)
{
    tp__pair_slot *slot = tp__pairs_need(&t->counts, left, right);
    if (slot)
        slot->value += by;
    return slot;
}

static bool train_begin(train *t, const char *text, size_t n)
{
    for (size_t at = 0, length; at < n; at += length) {
        length = tp__bpe_piece(text + at, n - at);
        if (!train_add_word(t, text + at, length))
            return false;
    }
    for (int64_t w = 0; w < t->words_of->n; w++) {
        const train_word *word = &t->words[w];
        for (int64_t i = word->from; i + 1 < word->from + word->n; i++)
            if (!train_count(t, t->tokens.at[i], t->tokens.at[i + 1], word->count))
                return false;
    }
    return true;
}

/* The most frequent pair, of equal ones that of the smaller numbers. */
static const tp__pair_slot *train_best(const train *t)
{
    const tp__pair_slot *best = NULL;
    for (size_t i = 0; i < t->counts.n_slots; i++) {
        const tp__pair_slot *slot = &t->counts.slots[i];
        if (slot->key != UINT64_MAX && slot->value >= 2 &&
            (!best || slot->value > best->value ||
             (slot->value == best->value && slot->key < best->key)))
            best = slot;
    }
    return best;
}

/* Joins the pair in a word, from the left. */
static bool train_join(train *t, train_word *word, int64_t left, int64_t right, int64_t joined)
{
    int64_t *at = t->tokens.at + word->from, to = 0;
    bool good = true;
    for (int64_t i = 0; i < word->n && good; to++) {
        if (i + 1 == word->n || at[i] != left || at[i + 1] != right) {
            at[to] = at[i++];
            continue;
        }
        good = train_count(t, left, right, -word->count);
        if (to > 0)
            good = good && train_count(t, at[to - 1], left, -word->count) &&
                   train_count(t, at[to - 1], joined, word->count);
        if (i + 2 < word->n)
            good = good && train_count(t, right, at[i + 2], -word->count) &&
                   train_count(t, joined, at[i + 2], word->count);
        at[to] = joined;
        i += 2;
    }
    word->n = to;
    return good;
}

static bool train_merge(train *t, uint64_t key)
{
    int64_t left = (int64_t)(key >> 32), right = (int64_t)(key & UINT32_MAX);
    const tp__token *a = &t->k->tokens[left], *b = &t->k->tokens[right];
    size_t n = a->n + b->n;
    char *bytes = tp__alloc(n);
    if (!bytes)
        return false;
    memcpy(bytes, a->at, a->n);
    memcpy(bytes + a->n, b->at, b->n);
    int64_t joined = tp__tokenizer_find(t->k, bytes, n);
    bool good = joined >= 0 || tp__tokenizer_add(t->k, bytes, n);
    tp__free(bytes);
    joined = joined >= 0 ? joined : t->k->n - 1;
    good = good && tp__bpe_merge(t->k, left, right, joined);
    for (int64_t w = 0; w < t->words_of->n && good; w++)
        good = train_join(t, &t->words[w], left, right, joined);
    return good;
}

static bool train_add_bytes(tp_tokenizer *k)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < 256; i++) {
            char byte = (char)i;
            bool itself = tp__bpe_character((unsigned char)i) < 0x100;
            if (itself == (pass == 0) && !tp__tokenizer_add(k, &byte, 1))
                return false;
        }
    tp__bpe_find_bytes(k);
    return true;
}

tp_tokenizer *tp_bpe_tokenizer_train(const char *text, size_t n, int64_t size)
{
    static const tp__tokenizer_kind kind = {0};
    if ((!text && n) || size < 256 || size > INT32_MAX) {
        tp_fail(TP_ERROR_ARGUMENT, "bpe_tokenizer_train: %s, size %lld, expected 256 or more",
                text || !n ? "a text" : "the text is NULL", (long long)size);
        return NULL;
    }
    train t = {.k = tp__bpe_make(), .words_of = tp__tokenizer_make(&kind)};
    bool good = t.k && t.words_of && train_add_bytes(t.k) && train_begin(&t, text, n);
    while (good && t.k->n < size) {
        const tp__pair_slot *best = train_best(&t);
        if (!best)
            break;
        good = train_merge(&t, best->key);
    }
    tp_tokenizer_free(t.words_of);
    tp__free(t.words);
    tp__free(t.tokens.at);
    tp__free(t.counts.slots);
    if (good)
        return t.k;
    tp_tokenizer_free(t.k);
    return NULL;
}
