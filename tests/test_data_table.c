/* SPDX-License-Identifier: MIT
 *
 * Separated values. What fields are is what Python's csv module reads; figures of iris and digits
 * are NumPy's.
 */
#include "harness.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static tp_table *table_of(const char *text, char delimiter, bool header)
{
    FILE *file = fopen("table.csv", "wb");
    CHECK(file && fwrite(text, 1, strlen(text), file) == strlen(text));
    if (file)
        fclose(file);
    return tp_load_csv("table.csv", .delimiter = delimiter, .header = header);
}

TEST(fields_are_those_of_pythons_csv)
{
    static const char *const expected[][3] = {
        {"1", "a,b", "say \"hi\""}, {"2", "two\nlines", ""}, {" 3 ", "x\"y", "end"}};
    tp_table *t = table_of("\xEF\xBB\xBFid,text,\"more, text\"\r\n"
                           "1,\"a,b\",\"say \"\"hi\"\"\"\r\n"
                           "\r\n2,\"two\nlines\",\n"
                           " 3 ,x\"y,end",
                           ',', true);
    CHECK_INT(tp_table_rows(t), 3);
    CHECK_INT(tp_table_columns(t), 3);
    CHECK_TEXT(tp_table_name(t, 0), "id");
    CHECK_TEXT(tp_table_name(t, 2), "more, text");
    CHECK_INT(tp_table_find(t, "text"), 1);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            CHECK_TEXT(tp_table_text(t, i, k), expected[i][k]);
    CHECK(tp_table_is_numbers(t, 0) && !tp_table_is_numbers(t, 1));
    CHECK_BITS(tp_item(tp_sum(tp_table_numbers(t, 0))), 6);
    tp_table_numbers(t, 1);
    CHECK_ERROR(TP_ERROR_DTYPE, "table_numbers: column text is text");
    CHECK_INT(tp_table_find(t, "none"), -1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "table_find: there is no column none");
    CHECK(!tp_table_text(t, 3, 0));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "table_text: row 3 of 3");
    tp_table_free(t);
    tp_table_free(NULL);
}

TEST(numbers_and_what_is_missing)
{
    const char *before = setlocale(LC_NUMERIC, NULL);
    char old[64];
    snprintf(old, sizeof old, "%s", before);
    setlocale(LC_NUMERIC, "de_DE.UTF-8"); /* where it is installed, a comma is a decimal point */
    tp_table *t = table_of("1.5;-2e3;x\n;NaN;0x10\ninf;NA;nan(1)\n", ';', false);
    setlocale(LC_NUMERIC, old);
    CHECK_TEXT(tp_table_name(t, 1), "1");
    const double *v = tp_data(tp_table_numbers(t, 0));
    CHECK_BITS(v[0], 1.5);
    CHECK(isnan(v[1]));
    CHECK_BITS(v[2], (double)INFINITY);
    v = tp_data(tp_table_numbers(t, 1));
    CHECK_BITS(v[0], -2000);
    CHECK(isnan(v[1]) && isnan(v[2]));
    CHECK(!tp_table_is_numbers(t, 2));
    tp_table_free(t);
}

TEST(classes)
{
    char **names;
    tp_table *t = table_of("pear,10\napple,9\n,9\npear,-1\n", ',', false);
    const int64_t *v = tp_data(tp_table_classes(t, 0, &names));
    CHECK(v[0] == 1 && v[1] == 0 && v[2] == -1 && v[3] == 1);
    CHECK_TEXT(names[0], "apple");
    CHECK_TEXT(names[1], "pear");
    CHECK(!names[2]);
    free(names);
    v = tp_data(tp_table_classes(t, 1, &names));
    CHECK(v[0] == 2 && v[1] == 1 && v[2] == 1 && v[3] == 0);
    CHECK_TEXT(names[0], "-1");
    free(names);
    tp_table_free(t);
}

TEST(a_table_as_a_dataset)
{
    tp_var *v[2];
    tp_table *t = table_of("size,color,price\n1,red,10\n?,blue,20\n3,,30\n", ',', true);
    CHECK(!tp_table_dataset_new(t, 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "a value of column size is missing; .fill puts");
    tp_dataset *d = tp_table_dataset_new(t, 2, .fill = true, .standardize = true);
    CHECK_INT(tp_dataset_len(d), 3);
    static const double expected[3][3] = {
        {-1.224744871391589, 0, 1}, {0, 1, 0}, {1.224744871391589, 0, 0}}; /* ±√(3/2) */
    for (int i = 0; i < 3; i++) {
        CHECK(tp_dataset_get(d, i, v));
        for (int k = 0; k < 3; k++)
            CHECK_CLOSE((double)((const float *)tp_data(v[0]))[k], expected[i][k], 1e-7);
        CHECK_BITS(tp_item(v[1]), 10 * (i + 1));
        CHECK(tp_dtype_of(v[1]) == TP_F32 && tp_ndim(v[1]) == 1);
    }
    tp_dataset_free(d);
    d = tp_table_dataset_new(t, 2, .fill = true, .classes = true);
    CHECK(tp_dataset_get(d, 2, v) && tp_dtype_of(v[1]) == TP_I64 && tp_ndim(v[1]) == 0);
    CHECK_BITS(tp_item(v[1]), 2);
    tp_dataset_free(d);
    CHECK(!tp_table_dataset_new(t, 1, .fill = true));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "a value of column color is missing");
    tp_table_free(t);
}

TEST(files_that_are_no_tables)
{
    CHECK(!table_of("a,b\n1,2\n3\n", ',', true));
    CHECK_ERROR(TP_ERROR_FILE, "load_csv: table.csv, line 3: 1 fields, expected 2 as before");
    CHECK(!table_of("a,b\n1,\"x\ny\n", ',', true));
    CHECK_ERROR(TP_ERROR_FILE, "load_csv: table.csv, line 2, column 1: a quote without an end");
    CHECK(!table_of("a,b\n1,\"x\"y\n", ',', true));
    CHECK_ERROR(TP_ERROR_FILE, "line 2, column 6: text behind the end of a quote");
    CHECK(!table_of("", ',', true));
    CHECK_ERROR(TP_ERROR_FILE, "load_csv: table.csv has 0 records, and no data");
    CHECK(!table_of("\n\n", ',', false));
    CHECK_ERROR(TP_ERROR_FILE, "no data");
    CHECK(!table_of("a", '\n', false));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "the delimiter's code 10");
    FILE *file = fopen("zero.csv", "wb");
    CHECK(file && fwrite("a\nb\0c\n", 1, 6, file) == 6);
    if (file)
        fclose(file);
    CHECK(!tp_load_csv("zero.csv"));
    CHECK_ERROR(TP_ERROR_FILE, "zero.csv, line 2, column 2: a byte 0, which text has not");
    CHECK(!tp_load_csv("nowhere.csv"));
    CHECK_ERROR(TP_ERROR_FILE, "cannot read nowhere.csv");
    tp_table *t = table_of("a,b\n", ',', true);
    CHECK_INT(tp_table_rows(t), 0);
    CHECK_INT(tp_size(tp_table_classes(t, 0, NULL)), 0);
    CHECK(!tp_table_name(t, 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "table_name: column 2 of 2");
    tp_table_free(t);
    CHECK_INT(tp_table_rows(NULL), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "table_rows: the table is NULL");
}

static const char sklearn[] = "/usr/lib/python3/dist-packages/sklearn/datasets/data";

TEST(iris_and_digits_of_scikit_learn)
{
    char path[200];
    snprintf(path, sizeof path, "%s/iris.csv", sklearn);
    FILE *there = fopen(path, "rb");
    if (!there) {
        test_skip("python3-sklearn is not installed");
        return;
    }
    fclose(there);
    tp_table *t = tp_load_csv(path, .header = false, .skip = 1);
    CHECK_INT(tp_table_rows(t), 150);
    CHECK_CLOSE(tp_item(tp_mean(tp_table_numbers(t, 2))), 3.758, 1e-14);
    tp_dataset *d = tp_table_dataset_new(t, 4, .classes = true);
    tp_var *v[2];
    CHECK(tp_dataset_get(d, 149, v));
    CHECK_BITS((double)((const float *)tp_data(v[0]))[1], (double)3.0f);
    CHECK_BITS(tp_item(v[1]), 2);
    tp_dataset_free(d);
    tp_table_free(t);
    snprintf(path, sizeof path, "%s/digits.csv.gz", sklearn);
    t = tp_load_csv(path, .header = false);
    if (!t && test_error(TP_ERROR_MISSING, "zlib"))
        return;
    CHECK_INT(tp_table_rows(t), 1797);
    CHECK_INT(tp_table_columns(t), 65);
    CHECK_BITS(tp_item(tp_sum(tp_table_numbers(t, 28))), 17839);
    tp_table_free(t);
}
