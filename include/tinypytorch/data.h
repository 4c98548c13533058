/* SPDX-License-Identifier: MIT
 *
 * Data: datasets, the loader that makes batches of them, and readers of files.
 *
 * A *dataset* is a number of examples 0 … n − 1. An example is some arrays: an image and its class,
 * the columns of a row. A *loader* goes through a dataset in batches, epoch after epoch:
 *
 *     tp_dataset *train = tp_fashion_mnist(NULL, true);
 *     tp_loader *loader = tp_loader_new(train, 128, .shuffle = true, .seed = 1);
 *     for (int epoch = 0; epoch < 5; epoch++)
 *         for (;;) {
 *             TP_SCOPE();
 *             tp_var *batch[2];                      // images (128, 1, 28, 28), classes (128)
 *             if (!tp_loader_next(loader, batch))
 *                 break;                             // the epoch ends, or an error is pending
 *             …
 *         }
 *     tp_loader_free(loader), tp_dataset_free(train);
 *
 * Which examples a batch has is a function of the seed and the epoch alone: the same on every
 * machine, after a restart, and for any number of workers. So is what random functions draw while
 * an example is made (a transform's flips and crops): then the thread's stream of random.h is one
 * of its own for each seed, epoch and index.
 *
 * Datasets and loaders are owned by who made them. What is made of a dataset (a subset, a loader)
 * holds it, so that they may be freed in any order. NULL, with an error, stands for one that could
 * not be made; functions that take one pass the error on.
 */
#ifndef TINYPYTORCH_DATA_H
#define TINYPYTORCH_DATA_H

#include "error.h"
#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_dataset tp_dataset;
typedef struct tp_loader tp_loader;

enum { TP_MAX_ARRAYS = 16 }; /* the most arrays an example has */

/* The number of examples, and of arrays of each. */
TP_API int64_t tp_dataset_len(const tp_dataset *d);
TP_API int tp_dataset_arrays(const tp_dataset *d);

/* One example's arrays, in the current scope. False, with an error, if there is no such example or
 * it could not be made; the arrays are poison then. */
TP_API bool tp_dataset_get(tp_dataset *d, int64_t index, tp_var **out);

/* Lets go of a dataset. NULL is ignored. */
TP_API void tp_dataset_free(tp_dataset *d);

/* --- Datasets --- */

/* Rows of n arrays of the same length: example i is row i of each, and a batch is gathered from
 * where they lie, without a copy of the whole. Edits of the arrays are seen; do not edit them while
 * workers run. The dataset belongs to the thread that the arrays belong to. */
TP_API tp_dataset *tp_tensor_dataset_new(int n, tp_var *const *arrays);

/* Images of uint8 (n, …), which become float32 in [0, 1] when an example or a batch is made, and
 * their classes (n) of an integer type, which become int64. */
TP_API tp_dataset *tp_image_dataset_new(tp_var *images, tp_var *classes);

/* A dataset of one's own. get fills out with example index's arrays, values of the current scope
 * or others; an error is told by tp_fail. With workers several threads call get at once: values
 * that it reads must be shared (tp_share) or memory of its own. free, which may be NULL, is called
 * when the last that holds the dataset lets it go, and at once if it cannot be made. */
typedef struct tp_dataset_class {
    const char *name; /* for messages */
    int arrays;       /* of an example */
    int64_t (*len)(void *self);
    void (*get)(void *self, int64_t index, tp_var **out);
    void (*free)(void *self);
} tp_dataset_class;

TP_API tp_dataset *tp_dataset_new(const tp_dataset_class *c, void *self);

/* Examples indices[0], indices[1], … of d, which may repeat. */
TP_API tp_dataset *tp_subset_new(tp_dataset *d, int64_t n, const int64_t *indices);

/* Cuts d into n datasets of these lengths, whose sum is d's length, in an order that follows from
 * the seed. False, with an error and out filled with NULL, if they do not add up. */
TP_API bool tp_random_split(tp_dataset *d, int n, const int64_t *lengths, uint64_t seed,
                            tp_dataset **out);

/* The examples of n datasets, one after the other. */
TP_API tp_dataset *tp_concat_dataset_new(int n, tp_dataset *const *datasets);

/* f makes an example of each of d's: out begins as in, so that f sets only what it changes. With
 * workers several threads call f at once. */
typedef void tp_transform(void *arg, tp_var *const *in, tp_var **out);
TP_API tp_dataset *tp_map_dataset_new(tp_dataset *d, tp_transform *f, void *arg);

/* --- The loader --- */

/* Makes a batch of n examples, example i's array k being examples[i * arrays + k]: fills batch, as
 * many arrays as the option says. An error is told by tp_fail. */
typedef void tp_collate(void *arg, int64_t n, int arrays, tp_var *const *examples, tp_var **batch);

#define TP__DEFAULTS_tp_loader_options(_) _ world_size = 1,
typedef struct tp_loader_options {
    TP__OPTIONS(tp_loader_options)
    bool shuffle;    /* a new order each epoch; otherwise that of the dataset */
    bool drop_last;  /* leave out the last batch if it is smaller than the others */
    uint64_t seed;   /* 0 */
    int workers;     /* threads that make batches ahead, two each; 0: tp_loader_next makes them */
    tp_var *weights; /* (len) ≥ 0: examples are drawn in proportion, with replacement */
    int64_t samples; /* how many an epoch draws with weights; 0: the dataset's length */
    int rank;        /* of world_size processes this one takes each world_size-th example from */
    int world_size;  /* rank on; the first ones repeat so that all have as many. 1 */
    tp_collate *collate;
    void *collate_arg;
    int collate_arrays; /* of a batch that collate makes; 0: as many as an example has */
} TP__BY_NAME tp_loader_options;

/* Batches of batch_size examples: each array of an example gets a first axis, over the batch, so
 * they must have the same shape and type in all examples, unless .collate makes of them what it
 * likes.
 *
 * The order: under the key k, the first two words w0 + 2³² w1 of Philox's block e of the seed
 * (random.h) for epoch e, block i gives the numbers u₂ᵢ = w0 + 2³² w1 and u₂ᵢ₊₁ = w2 + 2³² w3.
 * A shuffle exchanges place j = n − 1, …, 1 with place ⌊u (j + 1) / 2⁶⁴⌋, u the next number. With
 * weights the j-th example is the first whose cumulative weight is above total ⌊uⱼ / 2¹¹⌋ / 2⁵³.
 * Index i of epoch e draws by the stream of the seed u₀ of block i under k + 1.
 *
 * On a system of one thread (TP_NO_THREADS) there are no workers, and the batches are the same. */
TP_API tp_loader *tp_loader_new(tp_dataset *d, int64_t batch_size,
                                const tp_loader_options *options);

/* Fills batch with the arrays of the next batch, in the current scope. False at the end of the
 * epoch (the next call begins the next one), or with an error: an example failed, in a worker too,
 * and the next call goes on after its batch; while an error is pending nothing is done. */
TP_API bool tp_loader_next(tp_loader *l, tp_var **batch);

/* Batches of an epoch; arrays of a batch. */
TP_API int64_t tp_loader_len(const tp_loader *l);
TP_API int tp_loader_arrays(const tp_loader *l);

/* The epoch, from 0 on, and how many of its batches were given: what a checkpoint keeps. After
 * tp_loader_seek to them the loader goes on as it would have. */
TP_API int64_t tp_loader_epoch(const tp_loader *l);
TP_API int64_t tp_loader_batch(const tp_loader *l);
TP_API bool tp_loader_seek(tp_loader *l, int64_t epoch, int64_t batch);

/* Ends the workers, after the examples that they are making. NULL is ignored. */
TP_API void tp_loader_free(tp_loader *l);

/* --- Readers ---
 *
 * A file that is cut off or malformed is an error that names it and the place. A file that begins
 * as gzip's do is decompressed (if the library was built with zlib). */

/* The array of an IDX file (LeCun's format of MNIST): uint8, float32, float64 as they are, integers
 * of 8, 16 and 32 bits with a sign as int32. */
TP_API tp_var *tp_load_idx(const char *path);

/* Fashion-MNIST (Xiao et al. 2017), 60,000 images of clothes for training or 10,000 for testing,
 * (1, 28, 28), in ten classes: an image dataset of the files train-images-idx3-ubyte,
 * train-labels-idx1-ubyte, t10k-…, with .gz behind their names or without, in the directory; NULL:
 * /usr/share/datasets/fashion-mnist, where Debian's dataset-fashion-mnist puts them. MNIST's files
 * have the same names. */
TP_API tp_dataset *tp_fashion_mnist(const char *directory, bool train);

/* --- Tables --- */

/* The rows of a file of separated values: each record a row, each column numbers, if all of its
 * fields are, or text. Fields are as RFC 4180 has them: between quotes may stand delimiters, ends
 * of lines and, doubled, quotes. Lines end with LF, CR LF or CR; empty ones are passed over. A
 * field that is empty, ?, NA, N/A, nan or null, in small letters or large, is missing. */
typedef struct tp_table tp_table;

#define TP__DEFAULTS_tp_csv_options(_) _ delimiter = ',', _ header = true,
typedef struct tp_csv_options {
    TP__OPTIONS(tp_csv_options)
    char delimiter; /* ',' */
    bool header; /* the first record is the columns' names. true; otherwise they are "0", "1" … */
    int64_t skip; /* records to pass over before that */
} TP__BY_NAME tp_csv_options;

/* NULL, with an error that names line and column, if the file cannot be read, a record has more or
 * fewer fields than the first, a quote has no end or text behind it, or there is a byte 0. */
TP_API tp_table *tp_load_csv(const char *path, const tp_csv_options *options);
TP_API void tp_table_free(tp_table *t);

TP_API int64_t tp_table_rows(const tp_table *t);
TP_API int tp_table_columns(const tp_table *t);

/* The name of a column, and the column of a name: -1, with an error, if there is none. */
TP_API const char *tp_table_name(const tp_table *t, int column);
TP_API int tp_table_find(const tp_table *t, const char *name);

/* A field as it is written; whether a column is numbers. */
TP_API const char *tp_table_text(const tp_table *t, int64_t row, int column);
TP_API bool tp_table_is_numbers(const tp_table *t, int column);

/* A column of numbers, float64 (rows), NaN where it is missing. */
TP_API tp_var *tp_table_numbers(const tp_table *t, int column);

/* A column as classes 0 … n − 1, int64 (rows): its different texts in the order of their bytes, or
 * its different numbers from the least on; −1 where it is missing. names, unless NULL, becomes the
 * text of each class, in one block that ends with NULL and the caller frees. */
TP_API tp_var *tp_table_classes(const tp_table *t, int column, char ***names);

#define TP__DEFAULTS_tp_table_dataset_options(_)
typedef struct tp_table_dataset_options {
    TP__OPTIONS(tp_table_dataset_options)
    bool classes;     /* the target is classes, though it is numbers */
    bool fill;        /* what is missing is its column's mean; otherwise it is an error */
    bool standardize; /* columns of numbers get mean 0 and standard deviation 1 (of n) */
} TP__BY_NAME tp_table_dataset_options;

/* Examples of the rows: features, float32, one for each column of numbers and one for each class of
 * a column of text, of which one is 1 (all are 0 where it is missing), in the order of the columns;
 * and the target column's class, int64, or number, float32 (1). */
TP_API tp_dataset *tp_table_dataset_new(const tp_table *t, int target,
                                        const tp_table_dataset_options *options);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__LOADER(function, d, batch_size, ...)                                                   \
    TP__WITH(tp_loader_options, function, (d, batch_size, ), __VA_ARGS__)
#define tp_loader_new(...) TP__LOADER(tp_loader_new, __VA_ARGS__, )
#define TP__LOAD_CSV(function, path, ...) TP__WITH(tp_csv_options, function, (path, ), __VA_ARGS__)
#define tp_load_csv(...) TP__LOAD_CSV(tp_load_csv, __VA_ARGS__, )
#define TP__TABLE_DATASET(function, t, target, ...)                                                \
    TP__WITH(tp_table_dataset_options, function, (t, target, ), __VA_ARGS__)
#define tp_table_dataset_new(...) TP__TABLE_DATASET(tp_table_dataset_new, __VA_ARGS__, )
#endif

#endif
