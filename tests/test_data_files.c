/* SPDX-License-Identifier: MIT
 *
 * Readers of files, on files written here byte by byte and on Debian's dataset-fashion-mnist where
 * it is installed; its figures come from NumPy.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

static const char *write_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, n, file) == n);
    if (file)
        fclose(file);
    return path;
}

#define FILE_OF(path, ...)                                                                         \
    write_file(path, (const unsigned char[]){__VA_ARGS__},                                         \
               sizeof(const unsigned char[]){__VA_ARGS__})

TEST(idx_files_of_every_type)
{
    tp_var *v =
        tp_load_idx(FILE_OF("u.idx", 0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255));
    CHECK(tp_dtype_of(v) == TP_U8);
    CHECK_INT(tp_shape(v)[1], 3);
    CHECK_INT(((const unsigned char *)tp_data(v))[5], 255);
    v = tp_load_idx(FILE_OF("b.idx", 0, 0, 9, 1, 0, 0, 0, 2, 0xFF, 0x7F));
    CHECK(tp_dtype_of(v) == TP_I32);
    CHECK_INT(((const int32_t *)tp_data(v))[0], -1);
    CHECK_INT(((const int32_t *)tp_data(v))[1], 127);
    v = tp_load_idx(FILE_OF("h.idx", 0, 0, 0x0B, 1, 0, 0, 0, 2, 0xFF, 0xFE, 1, 0));
    CHECK_INT(((const int32_t *)tp_data(v))[0], -2);
    CHECK_INT(((const int32_t *)tp_data(v))[1], 256);
    v = tp_load_idx(FILE_OF("i.idx", 0, 0, 0x0C, 1, 0, 0, 0, 1, 0x80, 0, 0, 1));
    CHECK_INT(((const int32_t *)tp_data(v))[0], -2147483647);
    v = tp_load_idx(FILE_OF("f.idx", 0, 0, 0x0D, 1, 0, 0, 0, 1, 0x3F, 0xC0, 0, 0));
    CHECK_BITS((double)((const float *)tp_data(v))[0], 1.5);
    v = tp_load_idx(FILE_OF("d.idx", 0, 0, 0x0E, 1, 0, 0, 0, 1, 0xC0, 4, 0, 0, 0, 0, 0, 0));
    CHECK_BITS(((const double *)tp_data(v))[0], -2.5);
    v = tp_load_idx(FILE_OF("0.idx", 0, 0, 0x0E, 2, 0, 0, 0, 0, 0x7F, 0xFF, 0, 0));
    if (sizeof(size_t) == 4) /* rows of 16 GB */
        CHECK_ERROR(TP_ERROR_MEMORY, "larger than memory can be");
    else
        CHECK_INT(tp_size(v), 0);
}

TEST(idx_files_that_are_none)
{
    tp_load_idx("nowhere.idx");
    CHECK_ERROR(TP_ERROR_FILE, "load_idx: cannot read nowhere.idx: No such file or directory");
    tp_load_idx(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "load_idx: the path is NULL");
    tp_load_idx(FILE_OF("x.idx", 0));
    CHECK_ERROR(TP_ERROR_FILE, "load_idx: x.idx: not an IDX file");
    tp_load_idx(FILE_OF("x.idx", 0, 0, 7, 1, 0, 0, 0, 0));
    CHECK_ERROR(TP_ERROR_FILE, "an unknown type of elements, at byte 2");
    tp_load_idx(FILE_OF("x.idx", 0, 0, 8, 9, 0, 0, 0, 0));
    CHECK_ERROR(TP_ERROR_FILE, "a number of axes that is not 1 to 8");
    tp_load_idx(FILE_OF("x.idx", 0, 0, 8, 2, 0, 0, 0, 1));
    CHECK_ERROR(TP_ERROR_FILE, "the file ends within the shape, at byte 8");
    tp_load_idx(FILE_OF("x.idx", 0, 0, 8, 1, 0, 0, 0, 5, 1, 2, 3, 4));
    CHECK_ERROR(TP_ERROR_FILE, "x.idx: 4 bytes of elements, where shape (5,) needs 5");
    tp_load_idx(FILE_OF("x.idx", 0, 0, 0x0E, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                        255, 255, 1));
    CHECK_ERROR(TP_ERROR_FILE, "1 bytes of elements");
}

/* gzip -n of the six bytes "hello\n", and a byte less. */
static const unsigned char zipped[] = {0x1f, 0x8b, 8,    0,    0,    0,    0,    0, 0,
                                       3,    0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xe7, 2, 0,
                                       0x20, 0x30, 0x3a, 0x36, 6,    0,    0,    0};

TEST(compressed_files)
{
    tp_load_idx(write_file("x.idx.gz", zipped, sizeof zipped));
    if (tp_status() == TP_ERROR_MISSING) {
        CHECK_ERROR(TP_ERROR_MISSING, "x.idx.gz is compressed, and the library was built without");
        return;
    }
    CHECK_ERROR(TP_ERROR_FILE, "x.idx.gz: not an IDX file");
    for (size_t n = 2; n < sizeof zipped; n++) {
        tp_load_idx(write_file("x.idx.gz", zipped, n));
        CHECK_ERROR(TP_ERROR_FILE, n > 10 ? "load_idx: cannot read x.idx.gz: " : "x.idx.gz");
    }
    unsigned char wrong[sizeof zipped];
    memcpy(wrong, zipped, sizeof wrong);
    wrong[18] ^= 1;
    tp_load_idx(write_file("x.idx.gz", wrong, sizeof wrong));
    CHECK_ERROR(TP_ERROR_FILE, "load_idx: cannot read x.idx.gz: incorrect data check");
}

TEST(fashion_mnist)
{
    FILE *there = fopen("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz", "rb");
    tp_dataset *test = tp_fashion_mnist(NULL, false);
    if (there)
        fclose(there);
    if (!there || tp_status() == TP_ERROR_MISSING) {
        CHECK(!test && tp_status());
        tp_clear_error();
        test_skip("dataset-fashion-mnist is not installed, or there is no zlib");
        return;
    }
    tp_var *v[2];
    CHECK_INT(tp_dataset_len(test), 10000);
    CHECK(tp_dataset_get(test, 7, v));
    CHECK(tp_dtype_of(v[0]) == TP_F32 && tp_ndim(v[0]) == 3 && tp_shape(v[0])[0] == 1);
    CHECK_BITS((double)((const float *)tp_data(v[0]))[10 * 28 + 8], (double)(106.0f / 255));
    CHECK_BITS((double)((const float *)tp_data(v[0]))[11 * 28 + 13], (double)(62.0f / 255));
    CHECK_INT(((const int64_t *)tp_data(v[1]))[0], 6);
    tp_loader *l = tp_loader_new(test, 1000, .workers = 1);
    double sum = 0, classes = 0;
    for (;;) {
        TP_SCOPE();
        if (!tp_loader_next(l, v))
            break;
        sum += tp_item(tp_sum(tp_to(v[0], TP_F64)));
        classes += tp_item(tp_sum(v[1]));
    }
    CHECK_CLOSE(sum, 573469082 / 255.0, 1e-7);
    CHECK_BITS(classes, 45000);
    tp_loader_free(l);
    tp_dataset_free(test);
    if (test_short())
        return;
    tp_dataset *train = tp_fashion_mnist(NULL, true);
    CHECK_INT(tp_dataset_len(train), 60000);
    CHECK(tp_dataset_get(train, 0, v));
    CHECK_CLOSE(tp_item(tp_sum(tp_to(v[0], TP_F64))), 299.0078431372549, 1e-7);
    tp_dataset_free(train);
}

TEST(fashion_mnist_elsewhere)
{
    CHECK(!tp_fashion_mnist("nowhere", true));
    CHECK_ERROR(TP_ERROR_FILE, "fashion_mnist: there is neither nowhere/train-images-idx3-ubyte "
                               "nor nowhere/train-images-idx3-ubyte.gz; Debian's package "
                               "dataset-fashion-mnist has the files");
    FILE_OF("t10k-images-idx3-ubyte", 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 51, 255,
            0);
    FILE_OF("t10k-labels-idx1-ubyte", 0, 0, 8, 1, 0, 0, 0, 2, 9, 3);
    tp_dataset *d = tp_fashion_mnist(".", false);
    tp_var *v[2];
    CHECK(tp_dataset_get(d, 0, v));
    CHECK_BITS((double)((const float *)tp_data(v[0]))[1], (double)0.2f);
    CHECK_BITS(tp_item(v[1]), 9);
    tp_dataset_free(d);
}
