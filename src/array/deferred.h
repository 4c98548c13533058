/* SPDX-License-Identifier: MIT
 *
 * Elementwise computations that may wait. A recipe says how each element of a result follows from
 * those of its sources in the same place: a kernel, and where the sources lie. It is run at once,
 * or it becomes a deferred storage, which holds its sources' storages, deferred or not, until
 * somebody reads an element. Then the whole graph of recipes below runs in blocks that stay in
 * the cache (plan.h). The sum of all elements of something that waits, waits too: a plan that
 * computes its source may compute it along. Sums of runs of elements do not wait: their recipe runs
 * at once, so that what it sums need not be in memory.
 *
 * A recipe's sources never change while it waits: before an edit in place, tp__edit leaves the old
 * elements to the recipes, or runs these first.
 */
#ifndef TP_DEFERRED_H
#define TP_DEFERRED_H

#include "array/loops.h"
#include "base/node.h"
#include "base/settings.h"
#include "kernels/fold.h"

enum {
    TP__RECIPE_SOURCES = 3,
    TP__DEEPEST = 64,  /* recipes that wait for one another */
    TP__HEAVIEST = 512 /* recipes in one graph, of large arrays; TP__DEEPEST of small ones */
};

/* How the elements of a source meet those of the result. */
typedef enum tp__reach {
    TP__WHOLE,   /* as many, one after the other, in the result's order */
    TP__UNIFORM, /* the same one for all, in value */
    TP__STRIDED  /* in the result's shape, at strides */
} tp__reach;

/* An operand: only one of TP__WHOLE may be deferred. It has a reference to its storage once the
 * recipe waits; while a recipe is still being made, the operand's node keeps the elements. */
typedef struct tp__source {
    tp__reach reach;
    uint8_t item;         /* bytes of an element */
    tp__storage *storage; /* of the elements; NULL when they live in a node, or in value */
    char *data;           /* the first element; NULL while it is deferred */
    union {
        char bytes[8];
        double align;
    } value;
    int64_t strides[TP_MAX_NDIM]; /* in elements, of TP__STRIDED */
} tp__source;

/* Either loop or fold is set. A waiting recipe belongs to its storage, which drops it when it goes
 * or has its elements; and it is in one of the thread's lists, of what joins a plan (sums and
 * results of sweeps) or of others, in which `link` is the pointer that leads to it. */
typedef struct tp__recipe {
    tp__deferred head;
    tp__loop *loop;
    tp__attr attr;
    tp__fold_block *fold; /* instead of loop: sums of elements of one source … */
    int64_t run;          /* … of so many that follow each other … */
    double divisor;       /* … divided by this */
    tp_dtype dtype;       /* of the sums */
    const char *name;
    bool costly;  /* worth more than reading the element again */
    bool repeats; /* loop takes a step of 0 */
    uint8_t n, item, ndim;
    uint32_t weight; /* no less than the recipes in the graph below, itself included */
    uint32_t depth;  /* no less than the longest way down in it */
    int64_t size;    /* elements of the result, or that are summed */
    int64_t shape[TP_MAX_NDIM];
    tp__source source[TP__RECIPE_SOURCES];
    tp__storage *storage; /* the deferred elements */
    struct tp__recipe *next, **link;
} tp__recipe;

TP_INLINE tp__recipe *tp__recipe_of(const tp__storage *storage)
{
    return (tp__recipe *)storage->how.deferred;
}

/* Starts a recipe for a result of this shape, or for the sum of elements of this shape. The caller
 * sets loop or fold, attr, name, n and item, then each source. */
void tp__recipe_begin(tp__recipe *recipe, int ndim, const int64_t *shape, int64_t size);

/* How many sums of blocks a recipe that folds makes of each run. */
TP_INLINE int64_t tp__recipe_blocks(const tp__recipe *recipe)
{
    return (recipe->run + TP__FOLD_BLOCK - 1) / TP__FOLD_BLOCK;
}

/* How many runs there are. */
TP_INLINE int64_t tp__recipe_runs(const tp__recipe *recipe)
{
    return recipe->size / recipe->run;
}

/* True if all of v's elements are one, which is in memory. */
bool tp__is_uniform(const tp_var *v);

/* Makes v source i of the recipe. Its elements may wait only if it is contiguous and of the
 * result's shape. One element that stands for all is converted to dtype, other sources have that
 * type. */
void tp__source_of(tp__recipe *recipe, int i, const tp_var *v, tp_dtype dtype);

/* Computes the elements of a small result, whose sources are not deferred, into out. */
void tp__recipe_run(const tp__recipe *recipe, char *out);

/* True if the recipe cannot wait: somebody can change the elements of a source unseen, or they live
 * in a node, which may go before the recipe runs. */
bool tp__recipe_is_open(const tp__recipe *recipe);

/* A deferred storage with a copy of recipe, which holds its sources. NULL, with an error, when out
 * of memory. */
tp__storage *tp__recipe_defer(tp__thread *t, tp__recipe *recipe);

/* Computes deferred elements of up to n storages, in as few plans as it takes; NULL, and what has
 * its elements, is passed over. False, with an error, when out of memory. */
bool tp__storages_evaluate(tp__thread *t, tp__storage *const *storages, int n);

TP_INLINE bool tp__storage_evaluate(tp__thread *t, tp__storage *storage)
{
    return tp__storages_evaluate(t, &storage, 1);
}

/* v is a gradient, or a part of one, that a sweep holds and will read or return: if it waits, plans
 * that compute what it needs compute it along. */
void tp__defer_gradient(tp__thread *t, tp_var *v);

/* Moves a recipe into one of the thread's lists. */
void tp__recipe_list(tp__recipe **list, tp__recipe *recipe);

/* Repeats the first element, of item bytes, until there are n. */
void tp__repeat_element(char *to, int64_t n, size_t item);

/* True if these n elements of a source from number start on are one, for which the recipe's loop
 * takes a step of 0. */
bool tp__source_is_one(const tp__recipe *recipe, const tp__source *source, int64_t start,
                       int64_t n);

/* n elements of a source that is not TP__WHOLE, one after the other in row-major order of the
 * result, from number start on, or the one that they all are. Returns where they lie so already,
 * otherwise `to`, into which they are copied. */
char *tp__source_bring(const tp__recipe *recipe, const tp__source *source, int64_t start, int64_t n,
                       char *to);

#endif
