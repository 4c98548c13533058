/* SPDX-License-Identifier: MIT
 *
 * GPT-2's files: vocab.json, an object of tokens and their numbers, and merges.txt, a pair a line.
 * Both write bytes as printable characters.
 */
#include "base/features.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "data/bpe.h"
#include "data/source.h"
#include "draw/json_parse.h"

/* The bytes that characters stand for, in their place; others are themselves. Returns how many. */
static size_t bpe_file_bytes(char *text, size_t n)
{
    size_t to = 0;
    for (size_t i = 0, length; i < n; i += length) {
        int32_t code;
        length = tp__character(text + i, n - i, &code);
        int byte = code < 0 ? -1 : tp__bpe_byte(code);
        if (byte >= 0) {
            text[to++] = (char)byte;
            continue;
        }
        memmove(text + to, text + i, length);
        to += length;
    }
    return to;
}

/* --- The vocabulary --- */

typedef struct bpe_file_word {
    char *text;
    size_t n;
} bpe_file_word;

/* Puts a word in its number's place in a list that grows; it takes the text. */
static bool bpe_file_place(bpe_file_word **words, int64_t *n, int64_t number, bpe_file_word word)
{
    if (number >= *n) {
        int64_t more = 2 * number + 256;
        bpe_file_word *grown = tp__realloc(*words, (size_t)more * sizeof *grown);
        if (!grown)
            return false;
        memset(grown + *n, 0, (size_t)(more - *n) * sizeof *grown);
        *words = grown;
        *n = more;
    }
    if ((*words)[number].text)
        return false;
    (*words)[number] = word;
    return true;
}

static int64_t bpe_file_words(tp__json *json, size_t bytes, bpe_file_word **words, int64_t *room)
{
    bool first = true;
    int64_t count = 0;
    tp__json_expect(json, '{');
    while (tp__json_more(json, '}', &first)) {
        tp__text text = {0};
        tp__json_string(json, &text);
        tp__json_expect(json, ':');
        int64_t number = tp__json_integer(json, 0, (int64_t)(bytes / 5));
        bpe_file_word word = {.n = text.length};
        word.text = tp__text_take(&text);
        if (!word.text)
            json->failed = true;
        if (json->failed || !bpe_file_place(words, room, number, word)) {
            tp__free(word.text);
            if (!tp_status())
                tp__json_fail(json, "a number that no token before has");
            json->failed = true;
        }
        count++;
    }
    return count;
}

static bool bpe_file_vocab(tp_tokenizer *k, const char *path)
{
    tp__bytes bytes;
    if (!tp__source_read("bpe_tokenizer_load", path, &bytes))
        return false;
    tp__json json = {.start = bytes.at,
                     .at = bytes.at,
                     .call = "bpe_tokenizer_load",
                     .path = path,
                     .what = "a vocabulary"};
    bpe_file_word *words = NULL;
    int64_t room = 0, n = bpe_file_words(&json, bytes.n, &words, &room);
    bool good = !json.failed;
    for (int64_t i = 0; i < n && good; i++) {
        if (i >= room || !words[i].text) {
            tp_fail(TP_ERROR_FILE, "bpe_tokenizer_load: %s: of %lld tokens none has number %lld",
                    path, (long long)n, (long long)i);
            good = false;
        } else {
            good = tp__tokenizer_add(k, words[i].text, bpe_file_bytes(words[i].text, words[i].n));
        }
    }
    for (int64_t i = 0; i < room; i++)
        tp__free(words[i].text);
    tp__free(words);
    tp__free(bytes.at);
    return good;
}

/* --- Merges --- */

/* The tokens of "left right"; false if they or what they make are not all in the vocabulary. */
static bool bpe_file_merge(tp_tokenizer *k, char *line, size_t n, bool *memory)
{
    char *space = memchr(line, ' ', n);
    if (!space || memchr(space + 1, ' ', n - (size_t)(space + 1 - line)))
        return false;
    size_t left_n = bpe_file_bytes(line, (size_t)(space - line));
    size_t right_n = bpe_file_bytes(space + 1, n - (size_t)(space + 1 - line));
    int64_t left = tp__tokenizer_find(k, line, left_n);
    int64_t right = tp__tokenizer_find(k, space + 1, right_n);
    memmove(line + left_n, space + 1, right_n);
    int64_t joined = tp__tokenizer_find(k, line, left_n + right_n);
    if (left < 0 || right < 0 || joined < 0)
        return false;
    *memory = tp__bpe_merge(k, left, right, joined);
    return true;
}

static bool bpe_file_merges(tp_tokenizer *k, const char *path)
{
    tp__bytes bytes;
    if (!tp__source_read("bpe_tokenizer_load", path, &bytes))
        return false;
    bool good = true;
    char *at = bytes.at, *end = at + bytes.n;
    for (int64_t number = 1; at < end && good; number++) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        char *next = line_end ? line_end + 1 : end;
        size_t n = (size_t)((line_end ? line_end : end) - at);
        n -= n && at[n - 1] == '\r';
        bool comment = number == 1 && n >= 8 && !memcmp(at, "#version", 8);
        if (n && !comment && !bpe_file_merge(k, at, n, &good)) {
            tp_fail(TP_ERROR_FILE,
                    "bpe_tokenizer_load: %s, line %lld: expected two tokens of the vocabulary that "
                    "make a third",
                    path, (long long)number);
            good = false;
        }
        at = next;
    }
    tp__free(bytes.at);
    return good;
}

tp_tokenizer *tp_bpe_tokenizer_load(const char *vocab_json, const char *merges_txt)
{
    tp_tokenizer *k = tp__bpe_make();
    if (k && bpe_file_vocab(k, vocab_json) && bpe_file_merges(k, merges_txt)) {
        tp__bpe_find_bytes(k);
        return k;
    }
    tp_tokenizer_free(k);
    return NULL;
}

/* --- Writing --- */

static void bpe_file_put(tp__text *text, const tp__token *token, bool json)
{
    for (size_t i = 0; i < token->n; i++) {
        char bytes[4];
        int32_t code = tp__bpe_character((unsigned char)token->at[i]);
        if (json && (code == '"' || code == '\\'))
            tp__text_put(text, "\\");
        tp__text_add(text, bytes, tp__character_write(code, bytes));
    }
}

static bool bpe_file_save(const char *path, tp__text *text)
{
    size_t n = text->length;
    char *made = tp__text_take(text);
    bool good = made && tp__file_save("bpe_tokenizer_save", path, made, n);
    tp__free(made);
    return good;
}

bool tp_bpe_tokenizer_save(const tp_tokenizer *k, const char *vocab_json, const char *merges_txt)
{
    tp_tokenizer *like = tp__bpe_make();
    bool byte_pairs = like && k && k->kind == like->kind;
    tp_tokenizer_free(like);
    if (!like)
        return false;
    if (!byte_pairs || !vocab_json || !merges_txt) {
        tp_fail(TP_ERROR_ARGUMENT, "bpe_tokenizer_save: %s",
                byte_pairs ? "a path is NULL" : "expected a tokenizer of byte pairs");
        return false;
    }
    const tp__bpe *bpe = k->more;
    tp__text vocab = {0}, merges = {0};
    tp__text_put(&vocab, "{");
    for (int64_t i = 0; i < k->n; i++) {
        tp__text_put(&vocab, i ? ", \"" : "\"");
        bpe_file_put(&vocab, &k->tokens[i], true);
        tp__text_format(&vocab, "\": %lld", (long long)i);
    }
    tp__text_put(&vocab, "}\n");
    tp__text_put(&merges, "#version: 0.2\n");
    for (int64_t i = 0; i < bpe->n_merges; i++) {
        bpe_file_put(&merges, &k->tokens[bpe->order[i] >> 32], false);
        tp__text_put(&merges, " ");
        bpe_file_put(&merges, &k->tokens[bpe->order[i] & UINT32_MAX], false);
        tp__text_put(&merges, "\n");
    }
    bool good = bpe_file_save(vocab_json, &vocab) && bpe_file_save(merges_txt, &merges);
    tp__text_drop(&vocab);
    tp__text_drop(&merges);
    return good;
}
