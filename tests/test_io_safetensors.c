/* SPDX-License-Identifier: MIT
 *
 * safetensors, held to the format's description: what is written, byte by byte, what is read, and
 * what is refused.
 */
#include "harness.h"

#include <stdlib.h>

#include "io_bytes.h"

/* A file of this header, whose length is told as it is, and n bytes of data. */
static void write_file(const char *path, const char *header, size_t n)
{
    char bytes[4000] = "";
    size_t length = strlen(header);
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, header, length);
    for (size_t i = 0; i < n; i++)
        bytes[8 + length + i] = (char)i;
    write_bytes(path, bytes, 8 + length + n);
}

TEST(what_is_written_is_the_format)
{
    tp_state_dict *d = tp_state_dict_new();
    tp_state_dict_set(d, "b", tp_array(TP_U8, TP_SHAPE(2), (uint8_t[]){7, 9}));
    tp_state_dict_set(d, "w", tp_array(TP_F32, TP_SHAPE(1, 2), (float[]){1, -2}));
    tp_state_dict_set(d, "n", tp_array(TP_I64, TP_SHAPE(), (int64_t[]){258}));
    tp_state_dict_set_text(d, "format", "pt");
    CHECK(tp_state_dict_save(d, "written.safetensors"));
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[16,18]},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[8,16]},"
        "\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}";
    size_t n, length = (sizeof header - 1 + 7) / 8 * 8;
    char *bytes = read_bytes("written.safetensors", &n);
    CHECK_INT(n, 8 + length + 18);
    CHECK(bytes[0] == (char)length && bytes[1] == 0 && bytes[7] == 0);
    CHECK(!memcmp(bytes + 8, header, sizeof header - 1));
    for (size_t i = sizeof header - 1; i < length; i++)
        CHECK(bytes[8 + i] == ' ');
    CHECK(!memcmp(bytes + 8 + length, "\2\1\0\0\0\0\0\0\0\0\x80\x3f\0\0\0\xc0\7\11", 18));
    free(bytes);
    tp_state_dict_free(d);
}

TEST(every_type_comes_back)
{
    tp_state_dict *d = every_type();
    tp_state_dict_set_text(d, "key \303\244", "text \"\\\t\360\237\230\200");
    CHECK(tp_state_dict_save(d, "types.safetensors"));
    tp_state_dict *read = tp_state_dict_load("types.safetensors");
    CHECK(same_dict(d, read));
    CHECK_TEXT(tp_state_dict_text(read, "key \303\244"), "text \"\\\t\360\237\230\200");
    tp_state_dict_free(d);
    tp_state_dict_free(read);

    d = tp_state_dict_new();
    CHECK(tp_state_dict_save(d, "nothing.SafeTensors"));
    read = tp_state_dict_load("nothing.SafeTensors");
    CHECK(read && tp_state_dict_len(read) == 0);
    tp_state_dict_free(d);
    tp_state_dict_free(read);
}

TEST(a_recorded_or_strided_value_is_written_as_its_elements)
{
    tp_state_dict *d = tp_state_dict_new();
    tp_var *x = tp_variable(tp_reshape(tp_arange(TP_F64, 0, 6, 1), TP_SHAPE(2, 3)));
    tp_state_dict_set(d, "t", tp_transpose(tp_mul(x, 2), 0, 1));
    tp_state_dict_set(d, "e", tp_expand(tp_ones(TP_F32, TP_SHAPE(1)), TP_SHAPE(4)));
    CHECK(tp_state_dict_save(d, "views.safetensors"));
    tp_state_dict *read = tp_state_dict_load("views.safetensors");
    CHECK(same_value(tp_state_dict_get(read, "t"),
                     tp_array(TP_F64, TP_SHAPE(3, 2), (double[]){0, 6, 2, 8, 4, 10})));
    CHECK(same_value(tp_state_dict_get(read, "e"), tp_ones(TP_F32, TP_SHAPE(4))));
    tp_state_dict_free(d);
    tp_state_dict_free(read);
}

TEST(an_edit_does_not_reach_the_file)
{
    tp_state_dict *d = tp_state_dict_new();
    tp_state_dict_set(d, "x", tp_full(TP_F32, TP_SHAPE(100), 3));
    CHECK(tp_state_dict_save(d, "edit.safetensors"));
    tp_state_dict_free(d);
    tp_state_dict *one = tp_state_dict_load("edit.safetensors"),
                  *two = tp_state_dict_load("edit.safetensors");
    tp_var *x = tp_state_dict_get(one, "x");
    tp_add_(x, tp_num(1));
    tp_requires_grad_(x, true);
    tp_backward(tp_sum(tp_square(x)));
    CHECK_CLOSE(tp_item(tp_select(tp_grad(x), 0, 99)), 8, 0);
    CHECK_CLOSE(tp_item(tp_select(tp_state_dict_get(two, "x"), 0, 99)), 3, 0);
    /* The values outlive the dict, and the file's replacement. */
    tp_var *kept = tp_keep(tp_state_dict_get(two, "x"));
    CHECK(tp_state_dict_save(one, "edit.safetensors"));
    tp_state_dict_free(one);
    tp_state_dict_free(two);
    CHECK_CLOSE(tp_item(tp_sum(kept)), 300, 0);
    tp_free(kept);
}

TEST(types_that_are_not_ours_are_held_exactly)
{
    /* The bytes 0, 1, 2 … as each type; the numbers follow from their definitions. */
    write_file("more.safetensors",
               "{\"i8\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[12,14]},"
               "\"u16\":{\"dtype\":\"U16\",\"shape\":[2],\"data_offsets\":[0,4]},"
               "\"u32\":{\"dtype\":\"U32\",\"shape\":[1],\"data_offsets\":[4,8]},"
               "\"i16\":{\"dtype\":\"I16\",\"shape\":[2],\"data_offsets\":[8,12]},"
               "\"e5m2\":{\"dtype\":\"F8_E5M2\",\"shape\":[1],\"data_offsets\":[14,15]},"
               "\"e4m3\":{\"dtype\":\"F8_E4M3\",\"shape\":[3],\"data_offsets\":[15,18]}}",
               18);
    tp_state_dict *d = tp_state_dict_load("more.safetensors");
    CHECK(
        same_value(tp_state_dict_get(d, "i8"), tp_array(TP_I32, TP_SHAPE(2), (int32_t[]){12, 13})));
    CHECK(same_value(tp_state_dict_get(d, "u16"),
                     tp_array(TP_I32, TP_SHAPE(2), (int32_t[]){0x100, 0x302})));
    CHECK(same_value(tp_state_dict_get(d, "u32"),
                     tp_array(TP_I64, TP_SHAPE(1), (int64_t[]){0x7060504})));
    CHECK(same_value(tp_state_dict_get(d, "i16"),
                     tp_array(TP_I32, TP_SHAPE(2), (int32_t[]){0x908, 0xB0A})));
    /* 14 = 00011 10: 2^(3-15) 1.5; 15 = 0001 111: 2^(1-7) 1.875; 16, 17: 2^(2-7) 1, 1.125 */
    CHECK_CLOSE(tp_item(tp_state_dict_get(d, "e5m2")), 0x1.8p-12, 0);
    tp_var *e4m3 = tp_state_dict_get(d, "e4m3");
    CHECK(tp_dtype_of(e4m3) == TP_F16);
    CHECK_CLOSE(tp_item(tp_select(e4m3, 0, 0)), 1.875 / 64, 0);
    CHECK_CLOSE(tp_item(tp_select(e4m3, 0, 1)), 1.0 / 32, 0);
    CHECK_CLOSE(tp_item(tp_select(e4m3, 0, 2)), 1.125 / 32, 0);
    tp_state_dict_free(d);
}

TEST(unaligned_values_and_odd_bools_are_read)
{
    write_file("odd.safetensors",
               "{\"b\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[0,3]},"
               "\"x\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[3,7],\"note\":[1,{}]}}   ",
               7);
    tp_state_dict *d = tp_state_dict_load("odd.safetensors");
    CHECK(same_value(tp_state_dict_get(d, "b"), tp_array(TP_BOOL, TP_SHAPE(3), "\0\1\1")));
    CHECK_CLOSE(tp_item(tp_state_dict_get(d, "x")), 0x06050403, 0);
    tp_state_dict_free(d);
}

#define ONE(offsets) "{\"x\":{\"dtype\":\"F32\",\"shape\":[2]," offsets "}}"

/* Headers with 8 bytes behind them, and what is said of each. */
static const char *const refused[][2] = {
    {ONE("\"data_offsets\":[0,4]"), "\"x\" takes 8 bytes, and is given 4"},
    {ONE("\"data_offsets\":[0,9]"), "expected an integer from 0 to 8"},
    {ONE("\"data_offsets\":[8,0]"), "expected an integer from 8 to 8"},
    {ONE("\"data_offsets\":[-1,7]"), "expected an integer from 0 to 8"},
    {ONE("\"data_offsets\":[0,99999999999999999999]"), "expected an integer from 0 to 8"},
    {ONE("\"data_offsets\":[0]"), "expected \",\""},
    {ONE("\"data_offsets\":[0.0,8]"), "expected \",\""},
    {ONE("\"data_offsets\":[0,8],\"dtype\":\"F32\""), "expected each field once"},
    {ONE("\"note\":0"), "expected dtype, shape and data_offsets"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]}}",
     "\"x\" is there twice"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"y\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[2,8]}}",
     "\"y\" begins at byte 2, expected 4: tensors share bytes"},
    {"{\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     "\"y\" begins at byte 4, expected 1: bytes are left out"},
    {"{\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
     "the tensors end at byte 1 of 8"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}",
     "\"x\" has the shape (4294967296, 4294967296), of which there is no array"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[0,9223372036854775807,9223372036854775807],"
     "\"data_offsets\":[0,0]}}",
     "of which there is no array"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}",
     "expected at most 8 dimensions"},
    {"{\"x\":{\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[0,8]}}",
     "\"x\" has elements of the type C64, which are not among ours"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", "expected \",\""},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}}", "nothing but spaces"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}},", "nothing but spaces"},
    {"{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "text can hold"},
    {"{\"a\\ud800b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "text can hold"},
    {"{\"a\377\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "character of UTF-8"},
    {"{\"a\n\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "control character"},
    {"{\"__metadata__\":{\"a\":1}}", "expected \"\"\""},
    {"{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", "the text \"a\" is there twice"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", "expected \"__metadata__\" once"},
    {"{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "expected \"{\""},
    {"{\"x\":{\"n\":[[[[[[[[[[[[[[[[[[[[[[[[[[", "expected a value"},
    {" {}", "not a file of arrays"},
    {"[]", "not a file of arrays"},
    {"{", "expected \"\"\""},
};

TEST(hostile_headers_are_refused)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        write_file("hostile.safetensors", refused[i][0], 8);
        CHECK(!tp_state_dict_load("hostile.safetensors"));
        tp_code code = tp_status();
        CHECK(code == TP_ERROR_FILE || code == TP_ERROR_DTYPE);
        CHECK(strstr(tp_error(), "state_dict_load: hostile.safetensors: "));
        CHECK_ERROR(code, refused[i][1]);
    }
}

TEST(lengths_beyond_the_file_are_refused)
{
    write_bytes("short.safetensors", "\x09\0\0\0\0\0\0\0{}      ", 16);
    CHECK(!tp_state_dict_load("short.safetensors"));
    CHECK_ERROR(TP_ERROR_FILE, "short.safetensors: not a safetensors file: a header of 9 bytes in "
                               "a file of 16");
    write_bytes("short.safetensors", "\377\377\377\377\377\377\0\0{}", 10);
    CHECK(!tp_state_dict_load("short.safetensors"));
    CHECK_ERROR(TP_ERROR_FILE, "not a safetensors file: a header of 281474976710655 bytes");
    write_bytes("short.safetensors", "\x19\0\0", 3);
    CHECK(!tp_state_dict_load("short.safetensors"));
    CHECK_ERROR(TP_ERROR_FILE, "short.safetensors: not a file of arrays");
    write_bytes("short.safetensors", "", 0);
    CHECK(!tp_state_dict_load("short.safetensors"));
    CHECK_ERROR(TP_ERROR_FILE, "short.safetensors: not a file of arrays");
    write_bytes("short.safetensors", "\2\0\0\0\0\0\0\0{}", 10);
    tp_state_dict *d = tp_state_dict_load("short.safetensors");
    CHECK(d && tp_state_dict_len(d) == 0);
    tp_state_dict_free(d);
}

TEST(what_cannot_be_written_is_refused)
{
    tp_state_dict *d = tp_state_dict_new();
    tp_state_dict_set(d, "x", tp_scalar(1));
    CHECK(tp_state_dict_save(d, "whole.safetensors"));
    CHECK(!tp_state_dict_save(d, "x.json"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "state_dict_save: \"x.json\" does not end in .safetensors");
    CHECK(!tp_state_dict_save(d, NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "state_dict_save: the path is NULL");
    CHECK(!tp_state_dict_save(NULL, "x.safetensors"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "state_dict_save: the dict is NULL");
    CHECK(!tp_state_dict_load(NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "state_dict_load: the path is NULL");
    tp_state_dict_set(d, "\377", tp_scalar(1));
    CHECK(!tp_state_dict_save(d, "whole.safetensors"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "whole.safetensors: the name of value 1 is not UTF-8");
    tp_state_dict_free(d);
    d = tp_state_dict_new();
    tp_state_dict_set(d, "__metadata__", tp_scalar(1));
    CHECK(!tp_state_dict_save(d, "whole.safetensors"));
    CHECK_ERROR(TP_ERROR_FILE, "no tensor of a safetensors file is called __metadata__");
    tp_state_dict_free(d);
    d = tp_state_dict_load("whole.safetensors"); /* what was there is there */
    CHECK_CLOSE(tp_item(tp_state_dict_get(d, "x")), 1, 0);
    tp_state_dict_free(d);
}

static void write_shards(void)
{
    tp_state_dict *d = tp_state_dict_new();
    tp_state_dict_set(d, "a", tp_scalar(1));
    tp_state_dict_set(d, "b", tp_scalar(2));
    tp_state_dict_set_text(d, "format", "pt");
    CHECK(tp_state_dict_save(d, "model-1.safetensors"));
    tp_state_dict_free(d);
    d = tp_state_dict_new();
    tp_state_dict_set(d, "c", tp_scalar(3));
    CHECK(tp_state_dict_save(d, "model-2.safetensors"));
    tp_state_dict_free(d);
}

static tp_state_dict *load_index(const char *text)
{
    write_bytes("model.safetensors.index.json", text, strlen(text));
    return tp_state_dict_load("./model.safetensors.index.json");
}

TEST(an_index_leads_to_its_files)
{
    write_shards();
    tp_state_dict *d =
        load_index("{\n  \"metadata\": {\"total_size\": 24},\n  \"weight_map\": {\n"
                   "    \"c\": \"model-2.safetensors\",\n    \"a\": \"model-1.safetensors\",\n"
                   "    \"b\": \"model-1.safetensors\"\n  }\n}\n");
    CHECK_INT(tp_state_dict_len(d), 3);
    CHECK_TEXT(tp_state_dict_name(d, 0), "c");
    CHECK_CLOSE(tp_item(tp_state_dict_get(d, "a")), 1, 0);
    CHECK_CLOSE(tp_item(tp_state_dict_get(d, "b")), 2, 0);
    CHECK_CLOSE(tp_item(tp_state_dict_get(d, "c")), 3, 0);
    CHECK_TEXT(tp_state_dict_text(d, "format"), "pt");
    tp_state_dict_free(d);
}

TEST(a_wrong_index_is_refused)
{
    static const char *const wrong[][2] = {
        {"{\"weight_map\":{\"a\":\"model-2.safetensors\"}}",
         "model-2.safetensors has no tensor \"a\""},
        {"{\"weight_map\":{\"a\":\"model-9.safetensors\"}}", "cannot read ./model-9.safetensors: "},
        {"{\"weight_map\":{\"a\":\"../model-1.safetensors\"}}", "no name of a file in the same"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "no name of a file in the same directory"},
        {"{\"weight_map\":{\"a\":\"..\"}}", "no name of a file in the same directory"},
        {"{\"weight_map\":{\"a\":\"\"}}", "no name of a file in the same directory"},
        {"{\"weight_map\":{\"a\":1}}", "not an index of safetensors files: expected \"\"\""},
        {"{\"weight_map\":{\"a\":\"model-1.safetensors\",\"a\":\"model-1.safetensors\"}}",
         "\"a\" is there twice"},
        {"{\"metadata\":{}}", "expected \"weight_map\" before this"},
        {"{\"weight_map\":{},\"weight_map\":{}}", "expected \"weight_map\" once"},
        {"{\"weight_map\":{}} x", "nothing but spaces"},
        {"{\"weight_map\":{\"a\":\"model.safetensors.index.json\"}}", "not a safetensors file"},
    };
    write_shards();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK(!load_index(wrong[i][0]));
        CHECK_ERROR(TP_ERROR_FILE, wrong[i][1]);
    }
}
