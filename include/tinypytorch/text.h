/* SPDX-License-Identifier: MIT
 *
 * Text: tokenisers, and tokens as a dataset for language models.
 *
 *     size_t n;
 *     char *text = tp_read_text("book.txt", &n);
 *     tp_tokenizer *k = tp_char_tokenizer_new(text, n);
 *     tp_var *tokens = tp_tokenizer_encode(k, text, n);
 *     tp_dataset *windows = tp_token_dataset_new(tokens, 64, 64);   64 tokens, and those that
 * follow
 *
 * A *tokenizer* makes numbers 0 … n − 1 of any bytes, and the same bytes of the numbers again. Text
 * is given with its length in bytes. All text that functions return ends with a byte 0, which its
 * length does not count, and goes with free().
 */
#ifndef TINYPYTORCH_TEXT_H
#define TINYPYTORCH_TEXT_H

#include "data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The bytes of a file, and how many they are; a file that begins as gzip's do is decompressed (with
 * zlib). NULL, with an error, if it cannot be read. */
TP_API char *tp_read_text(const char *path, size_t *n);

/* --- Tokenisers --- */

typedef struct tp_tokenizer tp_tokenizer;

/* Each byte is a token, its number the byte. */
TP_API tp_tokenizer *tp_byte_tokenizer_new(void);

/* The different characters of the text are the tokens, in the order of their code points; a byte
 * that is not part of UTF-8 is one of its own, behind them. A character that is not among them is
 * an error when text is encoded. */
TP_API tp_tokenizer *tp_char_tokenizer_new(const char *text, size_t n);

/* Byte pair encoding as GPT-2 has it (Radford et al. 2019), from its files vocab.json and
 * merges.txt or others of the same form. Text is cut into pieces first: 's, 't, 're, 've, 'm, 'll,
 * 'd; a space or none and letters, or digits, or other visible characters; spaces (letters and
 * digits those of Unicode 14, of the categories L and N). In each piece the pair of tokens that
 * comes first in merges.txt is joined until there is none. A token of the vocabulary that no merge
 * makes, such as <|endoftext|>, is given by tp_tokenizer_find; text that looks like it is text. */
TP_API tp_tokenizer *tp_bpe_tokenizer_load(const char *vocab_json, const char *merges_txt);

/* The same, trained: the 256 bytes, in the order of GPT-2's, and then again and again the pair of
 * tokens that is most frequent in the pieces of the text (of equal ones that with the smaller
 * numbers), until there are `size` tokens or no pair occurs twice. */
TP_API tp_tokenizer *tp_bpe_tokenizer_train(const char *text, size_t n, int64_t size);

/* Writes a tokenizer of byte pairs to two files that tp_bpe_tokenizer_load and others read. */
TP_API bool tp_bpe_tokenizer_save(const tp_tokenizer *k, const char *vocab_json,
                                  const char *merges_txt);

/* The number of tokens; the bytes of one, and how many they are, valid as long as the tokenizer;
 * the token of these bytes, or −1 without an error. */
TP_API int64_t tp_tokenizer_len(const tp_tokenizer *k);
TP_API const char *tp_tokenizer_token(const tp_tokenizer *k, int64_t token, size_t *n);
TP_API int64_t tp_tokenizer_find(const tp_tokenizer *k, const char *bytes, size_t n);

/* The tokens of a text, int64 (tokens); the text of tokens of an integer type. */
TP_API tp_var *tp_tokenizer_encode(const tp_tokenizer *k, const char *text, size_t n);
TP_API char *tp_tokenizer_decode(const tp_tokenizer *k, tp_var *tokens, size_t *n);

TP_API void tp_tokenizer_free(tp_tokenizer *k);

/* --- Tokens as a dataset --- */

/* Windows of `length` tokens of a row of integers (tokens): example i is the tokens from i · stride
 * on, int64 (length), and those one further on, which a language model is to predict: as many as
 * the tokens have whole windows. */
TP_API tp_dataset *tp_token_dataset_new(tp_var *tokens, int64_t length, int64_t stride);

/* The same of a file of plain numbers in the machine's order of bytes: int32 if wide, otherwise
 * unsigned ones of 16 bits. The file is mapped to memory and read where it is needed, so it may be
 * larger than that; it must not become shorter meanwhile. (Without mmap, TP_NO_THREADS, it is
 * read.) */
TP_API tp_dataset *tp_token_file_dataset_new(const char *path, bool wide, int64_t length,
                                             int64_t stride);

#ifdef __cplusplus
}
#endif

#endif
