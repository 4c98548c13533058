/* SPDX-License-Identifier: MIT
 *
 * Datasets and the loader. Orders and streams are those that a program in Python made with Philox
 * as Random123 has it, from the description in data.h.
 */
#include "harness.h"

#include <math.h>
#include <stdio.h>

static tp_dataset *numbers(int64_t n)
{
    tp_var *x = tp_arange(TP_F64, 0, (double)n, 1);
    tp_var *pairs = tp_stack((tp_var *[]){x, tp_mul(x, 10)}, 2, 1);
    return tp_tensor_dataset_new(2, (tp_var *[]){pairs, tp_to(x, TP_I64)});
}

/* The second array's elements of the loader's epoch, -1 between batches. */
static int epoch_of(tp_loader *l, int64_t *to)
{
    int n = 0;
    for (;;) {
        TP_SCOPE();
        tp_var *batch[2];
        if (!tp_loader_next(l, batch))
            return n;
        const int64_t *at = tp_data(batch[1]);
        const double *pair = tp_data(batch[0]);
        for (int64_t i = 0; at && i < tp_len(batch[1]); i++) {
            to[n++] = at[i];
            CHECK_BITS(pair[2 * i + 1], 10.0 * (double)at[i]);
        }
        to[n++] = -1;
    }
}

static void check_epoch(tp_loader *l, int n, const int64_t *expected, int line)
{
    int64_t found[100];
    int found_n = epoch_of(l, found);
    test_check(found_n == n && !memcmp(found, expected, (size_t)n * sizeof *expected), __FILE__,
               line, "another epoch, of %d: %lld %lld %lld …", found_n, (long long)found[0],
               (long long)found[1], (long long)found[2]);
}

#define CHECK_EPOCH(l, ...)                                                                        \
    check_epoch(l, (int)(sizeof(int64_t[]){__VA_ARGS__} / sizeof(int64_t)),                        \
                (int64_t[]){__VA_ARGS__}, __LINE__)

TEST(batches_come_in_the_order_of_the_dataset)
{
    tp_dataset *d = numbers(7);
    CHECK_INT(tp_dataset_len(d), 7);
    CHECK_INT(tp_dataset_arrays(d), 2);
    tp_loader *l = tp_loader_new(d, 3);
    CHECK_INT(tp_loader_len(l), 3);
    for (int i = 0; i < 2; i++)
        CHECK_EPOCH(l, 0, 1, 2, -1, 3, 4, 5, -1, 6, -1);
    CHECK_INT(tp_loader_epoch(l), 2);
    tp_loader_free(l);
    l = tp_loader_new(d, 3, .drop_last = true);
    CHECK_INT(tp_loader_len(l), 2);
    CHECK_EPOCH(l, 0, 1, 2, -1, 3, 4, 5, -1);
    tp_dataset_free(d);
    CHECK_EPOCH(l, 0, 1, 2, -1, 3, 4, 5, -1);
    tp_loader_free(l);
}

TEST(a_batch_is_a_constant_that_can_be_edited)
{
    tp_dataset *d = numbers(4);
    for (int workers = 0; workers < 2; workers++) {
        tp_loader *l = tp_loader_new(d, 2, .workers = workers);
        tp_var *batch[2];
        CHECK(tp_loader_next(l, batch));
        CHECK_INT(tp_ndim(batch[0]), 2);
        CHECK_INT(tp_shape(batch[0])[1], 2);
        CHECK(tp_dtype_of(batch[0]) == TP_F64 && tp_dtype_of(batch[1]) == TP_I64);
        tp_add_(batch[0], 1);
        tp_requires_grad_(batch[0], true);
        tp_backward(tp_sum(batch[0]));
        CHECK_BITS(tp_item(tp_sum(tp_grad(batch[0]))), 4);
        tp_loader_free(l);
    }
    tp_var *example[2];
    CHECK(tp_dataset_get(d, 0, example));
    CHECK_BITS(tp_item(tp_sum(example[0])), 0);
    CHECK_INT(tp_ndim(example[1]), 0);
    tp_dataset_free(d);
}

TEST(the_order_is_a_function_of_seed_and_epoch)
{
    tp_dataset *d = numbers(10);
    for (int workers = 0; workers <= 3; workers++) {
        tp_loader *l = tp_loader_new(d, 5, .shuffle = true, .seed = 1, .workers = workers);
        CHECK_EPOCH(l, 8, 5, 2, 9, 4, -1, 0, 7, 1, 6, 3, -1);
        CHECK_EPOCH(l, 5, 7, 0, 1, 9, -1, 8, 6, 3, 2, 4, -1);
        CHECK_EPOCH(l, 5, 1, 8, 2, 7, -1, 9, 0, 6, 3, 4, -1);
        CHECK(tp_loader_seek(l, 1, 1));
        CHECK_EPOCH(l, 8, 6, 3, 2, 4, -1);
        CHECK_EPOCH(l, 5, 1, 8, 2, 7, -1, 9, 0, 6, 3, 4, -1);
        CHECK(tp_loader_seek(l, 0, 2));
        tp_var *batch[2];
        CHECK(!tp_loader_next(l, batch));
        CHECK_INT(tp_loader_epoch(l), 1);
        CHECK(tp_loader_next(l, batch));
        CHECK_INT(tp_loader_batch(l), 1);
        tp_loader_free(l);
    }
    tp_dataset_free(d);
}

TEST(weights_draw_with_replacement)
{
    const double w[] = {1, 0, 3, 0.5, 0, 5.5};
    tp_dataset *d = numbers(6);
    tp_loader *l = tp_loader_new(d, 12, .weights = tp_array(TP_F64, TP_SHAPE(6), w), .samples = 12,
                                 .seed = 7, .workers = 1);
    CHECK_EPOCH(l, 2, 5, 5, 5, 0, 2, 2, 5, 2, 5, 2, 5, -1);
    CHECK_EPOCH(l, 0, 5, 5, 0, 5, 2, 2, 2, 5, 2, 2, 5, -1);
    tp_loader_free(l);
    CHECK(!tp_loader_new(d, 1, .weights = tp_ones(TP_F32, TP_SHAPE(5))));
    CHECK_ERROR(TP_ERROR_SHAPE, "loader_new: weights has shape (5,), expected (6,)");
    CHECK(!tp_loader_new(d, 1, .weights = tp_zeros(TP_F32, TP_SHAPE(6))));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "the sum of the weights is 0");
    CHECK(!tp_loader_new(d, 1, .weights = tp_full(TP_F32, TP_SHAPE(6), -1)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "weight 0 is -1");
    tp_dataset_free(d);
}

TEST(ranks_share_an_epoch)
{
    tp_dataset *d = numbers(10);
    tp_loader *l = tp_loader_new(d, 2, .shuffle = true, .seed = 1, .rank = 0, .world_size = 4);
    CHECK_EPOCH(l, 8, 4, -1, 6, -1);
    tp_loader_free(l);
    l = tp_loader_new(d, 2, .shuffle = true, .seed = 1, .rank = 3, .world_size = 4);
    CHECK_EPOCH(l, 9, 1, -1, 5, -1);
    tp_loader_free(l);
    CHECK(!tp_loader_new(d, 2, .rank = 4, .world_size = 4));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "rank is 4 of world_size 4");
    tp_dataset_free(d);
}

TEST(datasets_of_datasets)
{
    tp_dataset *d = numbers(10), *part[2], *both;
    CHECK(tp_random_split(d, 2, (int64_t[]){7, 3}, 5, part));
    tp_loader *l = tp_loader_new(part[0], 10);
    CHECK_EPOCH(l, 4, 2, 8, 3, 1, 6, 7, -1);
    tp_loader_free(l);
    l = tp_loader_new(part[1], 10);
    CHECK_EPOCH(l, 9, 0, 5, -1);
    tp_loader_free(l);
    both = tp_concat_dataset_new(3, (tp_dataset *[]){part[1], d, part[1]});
    CHECK_INT(tp_dataset_len(both), 16);
    tp_dataset *few = tp_subset_new(both, 4, (int64_t[]){2, 3, 12, 15});
    tp_dataset_free(d), tp_dataset_free(part[0]), tp_dataset_free(part[1]), tp_dataset_free(both);
    l = tp_loader_new(few, 3);
    CHECK_EPOCH(l, 5, 0, 9, -1, 5, -1);
    tp_loader_free(l);
    tp_dataset_free(few);
    d = numbers(3);
    CHECK(!tp_random_split(d, 2, (int64_t[]){1, 3}, 5, part));
    CHECK(!part[0] && !part[1]);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "random_split: the 2 lengths do not add up to the dataset's 3");
    CHECK(!tp_subset_new(d, 1, (int64_t[]){3}));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "subset_new: index 3 of 3");
    tp_dataset_free(d);
}

/* --- Transforms, and datasets of one's own --- */

static void add_noise(void *arg, tp_var *const *in, tp_var **out)
{
    out[0] = tp_mul(tp_ones(TP_F64, TP_SHAPE(2)), tp_rand(TP_F64, TP_SHAPE()));
    if (arg && tp_item(in[1]) == *(double *)arg)
        out[0] = tp_fail(TP_ERROR_ARGUMENT, "noise: %s", "not this one");
}

TEST(what_a_transform_draws_is_a_function_of_seed_epoch_and_index)
{
    static const double expected[2][4] = {
        {0.6251957527441598, 0.5211366676754197, 0.23214610816601156, 0.3494484379035848},
        {0.8132397872302066, 0.225661527261785, 0.6939768779515482, 0.2139930956649464}};
    tp_dataset *d = numbers(4), *noisy = tp_map_dataset_new(d, add_noise, NULL);
    for (int workers = 0; workers <= 3; workers++) {
        tp_loader *l = tp_loader_new(noisy, 3, .shuffle = true, .seed = 3, .workers = workers);
        tp_manual_seed(11);
        for (int epoch = 0; epoch < 2; epoch++) {
            tp_var *batch[2];
            while (tp_loader_next(l, batch))
                for (int64_t i = 0; i < tp_len(batch[1]); i++) {
                    int64_t index = ((const int64_t *)tp_data(batch[1]))[i];
                    CHECK_BITS(((const double *)tp_data(batch[0]))[2 * i], expected[epoch][index]);
                }
        }
        double after = tp_item(tp_rand(TP_F64, TP_SHAPE()));
        tp_manual_seed(11);
        CHECK_BITS(tp_item(tp_rand(TP_F64, TP_SHAPE())), after);
        tp_loader_free(l);
    }
    tp_dataset_free(d), tp_dataset_free(noisy);
}

TEST(an_error_in_an_example_is_the_callers)
{
    double bad = 5;
    tp_dataset *d = numbers(10), *noisy = tp_map_dataset_new(d, add_noise, &bad);
    for (int workers = 0; workers <= 2; workers++) {
        tp_var *batch[2];
        tp_loader *l = tp_loader_new(noisy, 2, .workers = workers);
        CHECK(tp_loader_next(l, batch) && tp_loader_next(l, batch));
        CHECK(!tp_loader_next(l, batch));
        CHECK(tp_is_poison(batch[0]) && tp_is_poison(batch[1]));
        CHECK(!tp_loader_next(l, batch));
        CHECK_ERROR(TP_ERROR_ARGUMENT, "noise: not this one");
        CHECK(tp_loader_next(l, batch));
        CHECK_INT(((const int64_t *)tp_data(batch[1]))[0], 6);
        CHECK(tp_loader_next(l, batch) && !tp_loader_next(l, batch));
        tp_loader_free(l);
    }
    tp_dataset_free(d), tp_dataset_free(noisy);
}

static int64_t own_len(void *self)
{
    return *(int64_t *)self;
}

/* Sequences of different lengths. */
static void own_get(void *self, int64_t index, tp_var **out)
{
    (void)self;
    out[0] = tp_full(TP_F32, TP_SHAPE(index + 1), (double)index);
}

static int own_freed;

static void own_free(void *self)
{
    (void)self;
    own_freed++;
}

static const tp_dataset_class own_class = {
    .name = "own", .arrays = 1, .len = own_len, .get = own_get, .free = own_free};

/* (n, longest), and the lengths. */
static void collate(void *arg, int64_t n, int arrays, tp_var *const *examples, tp_var **batch)
{
    double lengths[16];
    (void)arg;
    CHECK_INT(arrays, 1);
    batch[0] = tp_zeros(TP_F32, TP_SHAPE(n, tp_len(examples[n - 1])));
    float *to = tp_data_(batch[0]);
    for (int64_t i = 0; i < n; i++) {
        lengths[i] = (double)tp_len(examples[i]);
        memcpy(to + i * tp_len(examples[n - 1]), tp_data(examples[i]), (size_t)lengths[i] * 4);
    }
    batch[1] = tp_array(TP_F64, TP_SHAPE(n), lengths);
}

TEST(a_dataset_and_a_collation_of_ones_own)
{
    int64_t n = 5;
    tp_var *batch[2];
    own_freed = 0;
    tp_dataset *d = tp_dataset_new(&own_class, &n);
    for (int workers = 0; workers <= 2; workers++) {
        tp_loader *l =
            tp_loader_new(d, 2, .collate = collate, .collate_arrays = 2, .workers = workers);
        CHECK_INT(tp_loader_arrays(l), 2);
        CHECK(tp_loader_next(l, batch) && tp_loader_next(l, batch));
        CHECK_INT(tp_shape(batch[0])[1], 4);
        CHECK_BITS(tp_item(tp_sum(batch[0])), 3 * 2 + 4 * 3);
        CHECK_BITS(tp_item(tp_sum(batch[1])), 7);
        tp_loader_free(l); /* in the middle of an epoch */

        l = tp_loader_new(d, 2, .workers = workers);
        CHECK(!tp_loader_next(l, batch));
        CHECK_ERROR(TP_ERROR_SHAPE, "array 0 of example 1 is float32 of shape (2,), expected "
                                    "float32 of shape (1,)");
        tp_loader_free(l);
    }
    CHECK_INT(own_freed, 0);
    tp_dataset_free(d);
    CHECK_INT(own_freed, 1);
    n = -1;
    CHECK(!tp_dataset_new(&own_class, &n));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "dataset: -1 examples of 1 arrays");
    CHECK_INT(own_freed, 2);
}

TEST(wrong_arguments)
{
    tp_dataset *d = numbers(3);
    tp_var *out[2];
    CHECK(!tp_dataset_get(d, 3, out) && tp_is_poison(out[1]));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "dataset_get: example 3 of 3");
    CHECK(!tp_loader_new(d, 0));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "batch size is 0");
    CHECK(!tp_loader_new(NULL, 1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "the dataset is NULL");
    CHECK(!tp_loader_new(d, 1, .workers = 65));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "workers is 65, expected 0 to 64");
    CHECK(!tp_tensor_dataset_new(
        2, (tp_var *[]){tp_zeros(TP_F32, TP_SHAPE(2)), tp_zeros(TP_F32, TP_SHAPE(3))}));
    CHECK_ERROR(TP_ERROR_SHAPE, "tensor_dataset_new: array 1 has 3 rows, and array 0 has 2");
    CHECK(!tp_tensor_dataset_new(1, (tp_var *[]){tp_scalar(1)}));
    CHECK_ERROR(TP_ERROR_SHAPE, "expected a first axis");
    CHECK(!tp_image_dataset_new(tp_zeros(TP_F32, TP_SHAPE(3)), tp_zeros(TP_I64, TP_SHAPE(3))));
    CHECK_ERROR(TP_ERROR_DTYPE, "image_dataset_new: images of float32");
    tp_loader *l = tp_loader_new(d, 2);
    CHECK(!tp_loader_seek(l, 0, 3));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "loader_seek: epoch 0, batch 3");
    tp_loader_free(l);
    tp_loader_free(NULL);
    tp_dataset_free(NULL);
    tp_dataset_free(d);
}

TEST(no_examples_are_no_batches)
{
    tp_var *batch[1];
    tp_dataset *d = tp_tensor_dataset_new(1, (tp_var *[]){tp_zeros(TP_F32, TP_SHAPE(0, 3))});
    tp_loader *l = tp_loader_new(d, 2, .shuffle = true, .workers = 1);
    CHECK_INT(tp_loader_len(l), 0);
    CHECK(!tp_loader_next(l, batch) && !tp_error());
    tp_loader_free(l);
    tp_dataset_free(d);
}
