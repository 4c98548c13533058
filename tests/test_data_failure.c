/* SPDX-License-Identifier: MIT
 *
 * Each request for memory of datasets, loaders and readers fails in turn (failure.h).
 */
#define _POSIX_C_SOURCE 200809L
#include "failure.h"

static void write_all(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (file) {
        fwrite(bytes, 1, n, file);
        fclose(file);
    }
}

static tp_dataset *pairs(void)
{
    tp_var *x = tp_arange(TP_F64, 0, 40, 1);
    return tp_tensor_dataset_new(
        2, (tp_var *[]){tp_reshape(x, TP_SHAPE(10, 4)), tp_arange(TP_I64, 0, 10, 1)});
}

/* Goes through two epochs, or until there is an error. */
static void find_batches(findings *found, tp_loader *l)
{
    tp_var *batch[2];
    for (int epoch = 0; l && epoch < 2 && !tp_error();)
        if (tp_loader_next(l, batch))
            find(found, batch[1]), find(found, tp_sum(batch[0]));
        else
            epoch++;
    tp_loader_free(l);
}

static void job_loader(findings *found)
{
    tp_dataset *d = pairs();
    find_batches(found, tp_loader_new(d, 4, .shuffle = true, .seed = 1));
    tp_dataset_free(d);
}
FAILURE_TEST(loader)

static void job_weights(findings *found)
{
    tp_dataset *d = pairs();
    find_batches(found, tp_loader_new(d, 4, .weights = tp_ones(TP_F32, TP_SHAPE(10))));
    tp_dataset_free(d);
}
FAILURE_TEST(weights)

static void double_it(void *arg, tp_var *const *in, tp_var **out)
{
    (void)arg;
    out[0] = tp_mul(in[0], 2);
}

static void job_views(findings *found)
{
    tp_dataset *d = pairs(), *part[2] = {NULL, NULL};
    bool split = tp_random_split(d, 2, (int64_t[]){4, 6}, 1, part);
    tp_dataset *both = split ? tp_concat_dataset_new(2, part) : NULL;
    tp_dataset *mapped = both ? tp_map_dataset_new(both, double_it, NULL) : NULL;
    if (mapped)
        find_batches(found, tp_loader_new(mapped, 5));
    tp_dataset_free(mapped), tp_dataset_free(both);
    tp_dataset_free(part[0]), tp_dataset_free(part[1]), tp_dataset_free(d);
}
FAILURE_TEST(views)

/* Workers have requests of their own, which do not fail here. */
static void job_workers(findings *found)
{
    tp_dataset *d = pairs();
    find_batches(found, tp_loader_new(d, 4, .shuffle = true, .seed = 1, .workers = 2));
    tp_dataset_free(d);
}
FAILURE_TEST(workers)

static void job_idx(findings *found)
{
    static const unsigned char bytes[] = {0, 0, 0x0C, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 1, 0};
    write_all("failure.idx", bytes, sizeof bytes);
    find(found, tp_load_idx("failure.idx"));
}
FAILURE_TEST(idx)

static void job_mnist(findings *found)
{
    static const unsigned char images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 7, 8};
    static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 1, 0};
    write_all("train-images-idx3-ubyte", images, sizeof images);
    write_all("train-labels-idx1-ubyte", labels, sizeof labels);
    tp_dataset *d = tp_fashion_mnist(".", true);
    if (d)
        find_batches(found, tp_loader_new(d, 2));
    tp_dataset_free(d);
}
FAILURE_TEST(mnist)

static void job_table(findings *found)
{
    static const char text[] = "a,b,c\n1,x,2\n,y,3\n4,x,5\n";
    write_all("failure.csv", text, sizeof text - 1);
    tp_table *t = tp_load_csv("failure.csv");
    char **names = NULL;
    if (t)
        find(found, tp_table_classes(t, 1, &names));
    free(names);
    tp_dataset *d = t ? tp_table_dataset_new(t, 2, .fill = true) : NULL;
    tp_var *v[2];
    if (d && tp_dataset_get(d, 1, v))
        find(found, v[0]), find(found, v[1]);
    tp_dataset_free(d);
    tp_table_free(t);
}
FAILURE_TEST(table)

static void job_text(findings *found)
{
    static const char text[] = "the cat and the hat and the bat";
    tp_tokenizer *k = tp_bpe_tokenizer_train(text, sizeof text - 1, 262), *again = NULL;
    if (k && tp_bpe_tokenizer_save(k, "failure.json", "failure.txt"))
        again = tp_bpe_tokenizer_load("failure.json", "failure.txt");
    if (again)
        find(found, tp_tokenizer_encode(again, text, sizeof text - 1));
    tp_tokenizer_free(again);
    tp_tokenizer_free(k);
}
FAILURE_TEST(text)

static void job_characters(findings *found)
{
    tp_tokenizer *k = tp_char_tokenizer_new("hello", 5);
    tp_var *tokens = k ? tp_tokenizer_encode(k, "hell", 4) : NULL;
    if (k && !tp_error())
        find_text(found, tp_tokenizer_decode(k, tokens, NULL));
    tp_dataset *d = k && !tp_error() ? tp_token_dataset_new(tokens, 2, 1) : NULL;
    if (d)
        find_batches(found, tp_loader_new(d, 2));
    tp_dataset_free(d);
    tp_tokenizer_free(k);
}
FAILURE_TEST(characters)
