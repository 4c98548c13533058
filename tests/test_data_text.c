/* SPDX-License-Identifier: MIT
 *
 * Tokenisers and windows of tokens. What byte pairs give was found by other programs: pieces and
 * tokens by npm's gpt-tokenizer 4.0.0 (its r50k expression, with this vocabulary), the merges of
 * training by counting all pairs anew after each.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

static const char sample[] =
    "The cat sat on the mat; the other cats sat there, too. They'd said that it's 2024 and we'll "
    "see. the the the that that 202 2024 na\xc3\xafve na\xc3\xafve caf\xc3\xa9 caf\xc3\xa9\x0a\x0a "
    " It's there.  It's th\xc3\xa9\xc3\xa2tre.\x0a";
static const char sample_merges[] =
    "83 71 220 256 64 83 257 68 220 66 220 82 6 82 15 17 17 263 81 68 127 102 220 264 257 258 40 "
    "83 51 71 64 69 64 127 77 272 85 68 107 274 220 78 220 269 220 273 259 265 260 258 260 271 261 "
    "258 267 19 270 68 278 275 281 266";

static const char *const encodings[][2] = {
    {"the other theatre", "256 68 276 256 68 81 259 258 265"},
    {"hello  world\x0a\x0a  it's  we'll they've I'm 'tis 2024 12345 \xc2\xbd \xc2\xb2",
     "71 68 75 75 78 220 220 86 78 81 75 67 198 198 220 220 72 83 262 220 220 86 68 6 75 75 259 88 "
     "6 274 220 40 6 76 220 6 83 72 82 283 220 16 17 18 19 20 220 126 121 220 126 110"},
    {"na\xc3\xafve caf\xc3\xa9 \xc3\x9cn\xc3\xaf"
     "c\xc3\xb6"
     "d\xc3\xa9",
     "273 275 286 220 127 250 77 127 107 66 127 114 67 266"},
    {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe3\x80\x82",
     "162 245 98 162 250 105 164 103 252 159 223 106 159 222 224"},
    {"emoji \xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd ok",
     "68 76 78 73 72 220 172 253 239 235 172 253 237 121 276 74"},
    {"tabs\x09\x09"
     "and   spaces   ",
     "83 64 65 82 197 197 64 77 67 220 220 261 79 64 66 68 82 220 220 220"},
    {"\xc2\xa0nbsp\xe3\x80\x80wide", "126 254 77 65 82 79 159 222 222 86 72 67 68"},
    {"Don't stop'RE 'S's", "35 78 77 6 83 261 83 78 79 6 49 36 220 6 50 262"},
    {"x=3.14:\x0d\x0a    return", "87 28 18 13 16 19 25 201 198 220 220 220 220 265 83 84 81 77"},
    {"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82! \xf0\x9d\x94\x98\xf0\x9d\x94\xab "
     "\xd9\xa1\xd9\xa2\xd9\xa3",
     "140 253 141 222 140 116 140 110 140 113 141 224 0 220 172 251 242 246 172 251 242 104 220 "
     "149 94 149 95 149 96"},
    {"a", "64"},
    {"   ", "220 220 220"},
    {" \x0a a", "220 198 220 64"},
    {"don\xe2\x80\x99t", "67 78 77 158 222 247 83"},
};

/* Numbers with spaces between. */
static const char *numbers_text(tp_var *v)
{
    static char text[4000];
    size_t at = 0;
    const int64_t *k = tp_data(v);
    text[0] = 0;
    for (int64_t i = 0; k && i < tp_size(v) && at < sizeof text - 30; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, i ? " %lld" : "%lld", (long long)k[i]);
    return text;
}

static void check_round_trip(const tp_tokenizer *k, const char *bytes, size_t n)
{
    size_t length;
    char *again = tp_tokenizer_decode(k, tp_tokenizer_encode(k, bytes, n), &length);
    CHECK(again && length == n && !memcmp(again, bytes, n));
    free(again);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(text, 1, strlen(text), file) == strlen(text));
    if (file)
        fclose(file);
}

TEST(bytes)
{
    tp_tokenizer *k = tp_byte_tokenizer_new();
    CHECK_INT(tp_tokenizer_len(k), 256);
    CHECK_TEXT(numbers_text(tp_tokenizer_encode(k, "A\xFF", 2)), "65 255");
    CHECK_INT(tp_size(tp_tokenizer_encode(k, NULL, 0)), 0);
    check_round_trip(k, "\0\xFE z", 4);
    tp_tokenizer_free(k);
    tp_tokenizer_free(NULL);
}

TEST(characters)
{
    const char text[] = "h\xC3\xA9llo \xE2\x82\xAC \xFFh"; /* and a byte that is no UTF-8 */
    tp_tokenizer *k = tp_char_tokenizer_new(text, sizeof text - 1);
    CHECK_INT(tp_tokenizer_len(k), 7);
    CHECK_TEXT(numbers_text(tp_tokenizer_encode(k, text, sizeof text - 1)), "1 4 2 2 3 0 5 0 6 1");
    CHECK_INT(tp_tokenizer_find(k, "\xE2\x82\xAC", 3), 5);
    CHECK_INT(tp_tokenizer_find(k, "x", 1), -1);
    size_t n;
    CHECK_TEXT(tp_tokenizer_token(k, 4, &n), "\xC3\xA9");
    CHECK_INT(n, 2);
    check_round_trip(k, text, sizeof text - 1);
    tp_tokenizer_encode(k, "hex", 3);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "the character \"e\" at byte 1 is not in the vocabulary");
    CHECK(!tp_tokenizer_decode(k, tp_full(TP_I64, TP_SHAPE(1), 7), NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "tokenizer_decode: token 7 of 7");
    CHECK(!tp_tokenizer_decode(k, tp_full(TP_F32, TP_SHAPE(1), 1), NULL));
    CHECK_ERROR(TP_ERROR_DTYPE, "tokenizer_decode: tokens of float32");
    tp_tokenizer_free(k);
}

static void check_encodings(const tp_tokenizer *k)
{
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        size_t n = strlen(encodings[i][0]);
        CHECK_TEXT(numbers_text(tp_tokenizer_encode(k, encodings[i][0], n)), encodings[i][1]);
        check_round_trip(k, encodings[i][0], n);
    }
}

/* The merges of a file, as numbers. */
static void check_merges(const tp_tokenizer *k, int64_t n)
{
    char expected[4000], *at = strcpy(expected, sample_merges);
    for (int64_t i = 256; i < n; i++) {
        size_t left_n, right_n, made_n;
        const char *left = tp_tokenizer_token(k, strtol(at, &at, 10), &left_n);
        const char *right = tp_tokenizer_token(k, strtol(at, &at, 10), &right_n);
        const char *made = tp_tokenizer_token(k, i, &made_n);
        CHECK(made_n == left_n + right_n && !memcmp(made, left, left_n) &&
              !memcmp(made + left_n, right, right_n));
    }
}

TEST(byte_pairs_trained_saved_and_loaded)
{
    tp_tokenizer *k = tp_bpe_tokenizer_train(sample, sizeof sample - 1, 300);
    CHECK_INT(tp_tokenizer_len(k), 287);
    check_merges(k, 287);
    check_encodings(k);
    CHECK(tp_bpe_tokenizer_save(k, "vocab.json", "merges.txt"));
    tp_tokenizer_free(k);
    k = tp_bpe_tokenizer_load("vocab.json", "merges.txt");
    CHECK_INT(tp_tokenizer_len(k), 287);
    check_encodings(k);
    char all[512];
    for (int i = 0; i < 512; i++)
        all[i] = (char)(i * 7 % 256);
    check_round_trip(k, all, sizeof all);
    tp_tokenizer_free(k);
    CHECK(!tp_bpe_tokenizer_train("x", 1, 255));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "size 255, expected 256 or more");
}

TEST(a_long_piece_takes_no_square)
{
    size_t n = 200000;
    char *text = malloc(n);
    memset(text, 'a', n);
    tp_tokenizer *k = tp_bpe_tokenizer_train(text, 5000, 260);
    CHECK_INT(tp_tokenizer_len(k), 260); /* aa, aaaa, 8, 16 */
    CHECK_INT(tp_size(tp_tokenizer_encode(k, text, n)), n / 16);
    tp_tokenizer_free(k);
    free(text);
}

TEST(files_that_are_no_vocabulary)
{
    write_file("merges.txt", "#version: 0.2\na b\n");
    write_file("vocab.json", "{\"a\": 0, \"b\": 1, \"ab\": 2, \"<|end|>\": 3, \"\\u0120\": 4}");
    tp_tokenizer *k = tp_bpe_tokenizer_load("vocab.json", "merges.txt");
    CHECK_TEXT(numbers_text(tp_tokenizer_encode(k, "aab ", 4)), "0 2 4");
    CHECK_INT(tp_tokenizer_find(k, "<|end|>", 7), 3);
    tp_tokenizer_encode(k, "ac", 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "the byte 0x63 at 1 is not in the vocabulary");
    tp_tokenizer_free(k);
    write_file("merges.txt", "a b\nb b\n");
    CHECK(!tp_bpe_tokenizer_load("vocab.json", "merges.txt"));
    CHECK_ERROR(TP_ERROR_FILE, "merges.txt, line 2: expected two tokens of the vocabulary");
    write_file("vocab.json", "{\"a\": 0, \"b\": 0}");
    CHECK(!tp_bpe_tokenizer_load("vocab.json", "merges.txt"));
    CHECK_ERROR(TP_ERROR_FILE, "vocab.json: not a vocabulary: expected a number that no token");
    write_file("vocab.json", "{\"aaaaaaaa\": 0, \"b\": 2}");
    CHECK(!tp_bpe_tokenizer_load("vocab.json", "merges.txt"));
    CHECK_ERROR(TP_ERROR_FILE, "vocab.json: of 2 tokens none has number 1");
    write_file("vocab.json", "[1]");
    CHECK(!tp_bpe_tokenizer_load("vocab.json", "merges.txt"));
    CHECK_ERROR(TP_ERROR_FILE, "vocab.json: not a vocabulary: expected \"{\" at byte 0");
    CHECK(!tp_bpe_tokenizer_load("nowhere.json", "merges.txt"));
    CHECK_ERROR(TP_ERROR_FILE, "bpe_tokenizer_load: cannot read nowhere.json");
    tp_tokenizer *bytes_only = tp_byte_tokenizer_new();
    CHECK(!tp_bpe_tokenizer_save(bytes_only, "v.json", "m.txt"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "bpe_tokenizer_save: expected a tokenizer of byte pairs");
    tp_tokenizer_free(bytes_only);
}

TEST(text_from_a_file)
{
    size_t n;
    write_file("text.txt", "two\nlines");
    char *text = tp_read_text("text.txt", &n);
    CHECK_TEXT(text, "two\nlines");
    CHECK_INT(n, 9);
    free(text);
    CHECK(!tp_read_text("nowhere.txt", &n));
    CHECK_ERROR(TP_ERROR_FILE, "read_text: cannot read nowhere.txt");
}

static void check_windows(tp_dataset *d)
{
    tp_var *v[2];
    CHECK_INT(tp_dataset_len(d), 4);
    tp_loader *l = tp_loader_new(d, 4, .workers = 1);
    CHECK(tp_loader_next(l, v));
    CHECK_TEXT(numbers_text(v[0]), "0 1 2 2 3 4 4 5 6 6 7 8");
    CHECK_TEXT(numbers_text(v[1]), "1 2 3 3 4 5 5 6 7 7 8 9");
    CHECK(tp_ndim(v[0]) == 2 && tp_shape(v[1])[1] == 3 && tp_dtype_of(v[0]) == TP_I64);
    CHECK(tp_dataset_get(d, 3, v));
    CHECK_TEXT(numbers_text(v[0]), "6 7 8");
    tp_loader_free(l);
    tp_dataset_free(d);
}

TEST(windows_of_tokens)
{
    uint16_t narrow[10];
    int32_t wide[10];
    for (int i = 0; i < 10; i++)
        wide[i] = narrow[i] = (uint16_t)i;
    check_windows(tp_token_dataset_new(tp_arange(TP_I64, 0, 10, 1), 3, 2));
    check_windows(tp_token_dataset_new(tp_arange(TP_U8, 0, 10, 1), 3, 2));
    FILE *file = fopen("tokens.bin", "wb");
    CHECK(file && fwrite(narrow, 2, 10, file) == 10 && !fclose(file));
    check_windows(tp_token_file_dataset_new("tokens.bin", false, 3, 2));
    CHECK(!tp_token_file_dataset_new("tokens.bin", false, 0, 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "length 0 and stride 2");
    file = fopen("tokens.bin", "wb");
    CHECK(file && fwrite(wide, 4, 10, file) == 10 && !fclose(file));
    check_windows(tp_token_file_dataset_new("tokens.bin", true, 3, 2));
    write_file("tokens.bin", "odd");
    CHECK(!tp_token_file_dataset_new("tokens.bin", true, 3, 2));
    CHECK_ERROR(TP_ERROR_FILE, "tokens.bin has 3 bytes, no multiple of 4");
    write_file("tokens.bin", "");
    tp_dataset *d = tp_token_file_dataset_new("tokens.bin", true, 3, 2);
    CHECK_INT(tp_dataset_len(d), 0);
    tp_dataset_free(d);
    CHECK(!tp_token_file_dataset_new("nowhere.bin", true, 3, 2));
    CHECK_ERROR(TP_ERROR_FILE, "cannot read nowhere.bin: No such file or directory");
    CHECK(!tp_token_dataset_new(tp_ones(TP_F32, TP_SHAPE(9)), 3, 2));
    CHECK_ERROR(TP_ERROR_DTYPE, "token_dataset_new: tokens of float32");
    d = tp_token_dataset_new(tp_arange(TP_I64, 0, 3, 1), 3, 1);
    CHECK_INT(tp_dataset_len(d), 0);
    tp_dataset_free(d);
}
