/* SPDX-License-Identifier: MIT
 *
 * What all tokenisers share, and those of bytes and characters.
 */
#include "base/features.h"

#include "data/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/text.h"
#include "data/source.h"
#include "tinypytorch/array.h"

/* --- Characters --- */

/* As RFC 3629 has them: shortest forms, no surrogates, up to U+10FFFF. */
size_t tp__character(const char *text, size_t n, int32_t *code)
{
    unsigned char first = (unsigned char)*text;
    size_t length = first < 0x80                    ? 1
                    : first >= 0xC2 && first < 0xE0 ? 2
                    : first >= 0xE0 && first < 0xF0 ? 3
                    : first >= 0xF0 && first < 0xF5 ? 4
                                                    : 0;
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    *code = -1;
    if (!length || length > n)
        return 1;
    int32_t value = length == 1 ? first : first & (0x7F >> length);
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80)
            return 1;
        value = value << 6 | (text[i] & 0x3F);
    }
    if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
        return 1;
    *code = value;
    return length;
}

size_t tp__character_write(int32_t code, char *to)
{
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3F));
    to[0] = (char)(lead[n] | code);
    return n;
}

char *tp_read_text(const char *path, size_t *n)
{
    tp__bytes bytes;
    if (n)
        *n = 0;
    if (!tp__source_read("read_text", path, &bytes))
        return NULL;
    if (n)
        *n = bytes.n;
    return bytes.at;
}

/* --- The list of tokens --- */

bool tp__token_add(tp__token_list *list, int64_t token)
{
    if (list->n == list->capacity) {
        int64_t more = list->capacity ? 2 * list->capacity : 64;
        int64_t *at = tp__realloc(list->at, (size_t)more * sizeof *at);
        if (!at)
            return false;
        list->at = at;
        list->capacity = more;
    }
    list->at[list->n++] = token;
    return true;
}

tp_tokenizer *tp__tokenizer_make(const tp__tokenizer_kind *kind)
{
    tp_tokenizer *k = tp__alloc_zero(1, sizeof *k);
    if (k)
        k->kind = kind;
    return k;
}

void tp_tokenizer_free(tp_tokenizer *k)
{
    if (!k)
        return;
    if (k->kind->free)
        k->kind->free(k);
    for (int64_t i = 0; i < k->n; i++)
        tp__free((void *)(uintptr_t)k->tokens[i].at);
    tp__free(k->tokens);
    tp__free(k->slots);
    tp__free(k);
}

/* FNV-1a. */
static size_t tokenizer_hash(const char *at, size_t n)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)at[i]) * UINT64_C(0x100000001B3);
    return (size_t)(hash ^ hash >> 32);
}

/* The slot of these bytes, or the empty one where they would be. */
static size_t tokenizer_slot(const tp_tokenizer *k, const char *at, size_t n)
{
    size_t i = tokenizer_hash(at, n) & (k->n_slots - 1);
    while (k->slots[i] >= 0) {
        const tp__token *token = &k->tokens[k->slots[i]];
        if (token->n == n && !memcmp(token->at, at, n))
            break;
        i = (i + 1) & (k->n_slots - 1);
    }
    return i;
}

static bool tokenizer_grow(tp_tokenizer *k)
{
    int64_t more = k->capacity ? 2 * k->capacity : 256;
    tp__token *tokens = tp__realloc(k->tokens, (size_t)more * sizeof *tokens);
    if (!tokens)
        return false;
    k->tokens = tokens;
    int64_t *slots = tp__alloc(2 * (size_t)more * sizeof *slots);
    if (!slots)
        return false;
    tp__free(k->slots);
    k->slots = slots;
    k->n_slots = 2 * (size_t)more;
    k->capacity = more;
    memset(slots, 0xFF, k->n_slots * sizeof *slots);
    for (int64_t i = 0; i < k->n; i++) {
        size_t slot = tokenizer_slot(k, k->tokens[i].at, k->tokens[i].n);
        if (slots[slot] < 0)
            slots[slot] = i;
    }
    return true;
}

bool tp__tokenizer_add(tp_tokenizer *k, const char *at, size_t n)
{
    if (k->n == k->capacity && !tokenizer_grow(k))
        return false;
    char *copy = tp__alloc(n + 1);
    if (!copy)
        return false;
    if (n)
        memcpy(copy, at, n);
    copy[n] = 0;
    size_t slot = tokenizer_slot(k, copy, n);
    k->tokens[k->n] = (tp__token){copy, n};
    if (k->slots[slot] < 0)
        k->slots[slot] = k->n;
    k->n++;
    return true;
}

int64_t tp__tokenizer_find(const tp_tokenizer *k, const char *at, size_t n)
{
    return k->n_slots ? k->slots[tokenizer_slot(k, at, n)] : -1;
}

/* --- Calls --- */

static bool tokenizer_check(const char *call, const tp_tokenizer *k)
{
    if (!k)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the tokenizer is NULL", call);
    return k;
}

int64_t tp_tokenizer_len(const tp_tokenizer *k)
{
    return tokenizer_check("tokenizer_len", k) ? k->n : 0;
}

static bool tokenizer_check_token(const char *call, const tp_tokenizer *k, int64_t token)
{
    if (token >= 0 && token < k->n)
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: token %lld of %lld", call, (long long)token, (long long)k->n);
    return false;
}

const char *tp_tokenizer_token(const tp_tokenizer *k, int64_t token, size_t *n)
{
    if (n)
        *n = 0;
    if (!tokenizer_check("tokenizer_token", k) ||
        !tokenizer_check_token("tokenizer_token", k, token))
        return NULL;
    if (n)
        *n = k->tokens[token].n;
    return k->tokens[token].at;
}

int64_t tp_tokenizer_find(const tp_tokenizer *k, const char *bytes, size_t n)
{
    return tokenizer_check("tokenizer_find", k) && (bytes || !n)
               ? tp__tokenizer_find(k, bytes ? bytes : "", n)
               : -1;
}

tp_var *tp_tokenizer_encode(const tp_tokenizer *k, const char *text, size_t n)
{
    tp__token_list list = {0};
    if (!tokenizer_check("tokenizer_encode", k))
        return tp__poison();
    if (!text && n)
        return tp_fail(TP_ERROR_ARGUMENT, "tokenizer_encode: the text is NULL");
    tp_var *v = tp__poison();
    if (n == 0 || k->kind->encode(k, text, n, &list))
        v = tp__empty(TP_I64, 1, &list.n);
    if (!tp_is_poison(v) && list.n)
        memcpy(v->data, list.at, (size_t)list.n * sizeof *list.at);
    tp__free(list.at);
    return v;
}

static bool tokenizer_write(const tp_tokenizer *k, const int64_t *tokens, int64_t n, tp__text *text)
{
    for (int64_t i = 0; i < n; i++) {
        if (!tokenizer_check_token("tokenizer_decode", k, tokens[i]))
            return false;
        tp__text_add(text, k->tokens[tokens[i]].at, k->tokens[tokens[i]].n);
    }
    return true;
}

char *tp_tokenizer_decode(const tp_tokenizer *k, tp_var *tokens, size_t *n)
{
    tp__text text = {0};
    if (n)
        *n = 0;
    if (!tokenizer_check("tokenizer_decode", k) || !tp__check_operand("tokenizer_decode", tokens))
        return NULL;
    if (tp__is_float((tp_dtype)tokens->dtype)) {
        tp_fail(TP_ERROR_DTYPE, "tokenizer_decode: tokens of %s, expected integers",
                tp_dtype_name((tp_dtype)tokens->dtype));
        return NULL;
    }
    size_t mark = tp_scope_begin();
    tp_var *wide = tp_to(tokens, TP_I64);
    const int64_t *at = tp__elements(wide);
    tp__text_add(&text, "", 0);
    bool good = at && tokenizer_write(k, at, wide->size, &text);
    tp_scope_end(mark);
    if (!good) {
        tp__text_drop(&text);
        return NULL;
    }
    size_t length = text.length;
    char *made = tp__text_take(&text);
    if (n && made)
        *n = length;
    return made;
}

/* --- Bytes and characters --- */

static bool characters_encode(const tp_tokenizer *k, const char *text, size_t n, tp__token_list *to)
{
    for (size_t i = 0, length; i < n; i += length) {
        int32_t code;
        length = k->more ? 1 : tp__character(text + i, n - i, &code);
        int64_t token = tp__tokenizer_find(k, text + i, length);
        if (token < 0) {
            tp_fail(TP_ERROR_ARGUMENT,
                    "tokenizer_encode: the character \"%.*s\" at byte %zu is not in the vocabulary",
                    (int)length, text + i, i);
            return false;
        }
        if (!tp__token_add(to, token))
            return false;
    }
    return true;
}

tp_tokenizer *tp_byte_tokenizer_new(void)
{
    static const tp__tokenizer_kind kind = {.encode = characters_encode};
    tp_tokenizer *k = tp__tokenizer_make(&kind);
    for (int i = 0; i < 256 && k; i++) {
        char byte = (char)i;
        if (!tp__tokenizer_add(k, &byte, 1)) {
            tp_tokenizer_free(k);
            return NULL;
        }
    }
    static char bytes; /* says that each is a character */
    if (k)
        k->more = &bytes;
    return k;
}

/* Bit i of a set of code points, behind which are the 128 bytes that begin none. */
enum { CHARACTERS = 0x110000 + 256 };

static void characters_note(unsigned char *seen, const char *text, size_t n)
{
    for (size_t i = 0, length; i < n; i += length) {
        int32_t code;
        length = tp__character(text + i, n - i, &code);
        code = code < 0 ? 0x110000 + (unsigned char)text[i] : code;
        seen[code / 8] |= (unsigned char)(1 << code % 8);
    }
}

tp_tokenizer *tp_char_tokenizer_new(const char *text, size_t n)
{
    static const tp__tokenizer_kind kind = {.encode = characters_encode};
    if (!text && n) {
        tp_fail(TP_ERROR_ARGUMENT, "char_tokenizer_new: the text is NULL");
        return NULL;
    }
    unsigned char *seen = tp__alloc_zero(CHARACTERS / 8, 1);
    tp_tokenizer *k = seen ? tp__tokenizer_make(&kind) : NULL;
    if (k)
        characters_note(seen, text, n);
    for (int32_t code = 0; code < CHARACTERS && k; code++) {
        char bytes[4] = {(char)code};
        if (!(seen[code / 8] >> code % 8 & 1))
            continue;
        size_t length = code < 0x110000 ? tp__character_write(code, bytes) : 1;
        if (!tp__tokenizer_add(k, bytes, length)) {
            tp_tokenizer_free(k);
            k = NULL;
        }
    }
    tp__free(seen);
    return k;
}
