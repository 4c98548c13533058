/* SPDX-License-Identifier: MIT
 *
 * Recipes: making their sources, running one at once, and making it wait.
 *
 * A recipe that waits stands behind a storage without elements. It holds a reference to the storage
 * of each source and counts as one of its readers, so that an edit (tp__edit) knows that somebody
 * still needs the old elements. Each thread lists its waiting recipes, in order to find the readers
 * of a storage, and to compute what is left before the thread ends.
 *
 * Recipes that wait for each other form a graph, whose size is bounded (deferred_lighten).
 */
#include "base/features.h"

#include "array/deferred.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"

/* How many elements of a source are brought at once, onto the stack; how many copies of an element
 * are made one by one, before runs of them are, and how long a run is, to stay in the first cache;
 * rows of fewer are brought together; how many values are computed together; a recipe may hang
 * together with others for each so many elements. */
enum {
    DEFERRED_PIECE = 256,
    DEFERRED_FIRST = 16,
    DEFERRED_RUN = 1024,
    DEFERRED_SHORT = 32,
    DEFERRED_TOGETHER = 64,
    DEFERRED_COUNTED = 64
};

/* --- Sources --- */

bool tp__is_uniform(const tp_var *v)
{
    if (v->size == 1)
        return v->data != NULL;
    if (!v->storage || (v->flags & TP__CONTIGUOUS))
        return false;
    for (int i = 0; i < v->ndim; i++)
        if (tp__shape(v)[i] != 1 && tp__strides(v)[i] != 0)
            return false;
    return true;
}

void tp__recipe_begin(tp__recipe *recipe, int ndim, const int64_t *shape, int64_t size)
{
    recipe->ndim = (uint8_t)ndim;
    recipe->size = size;
    recipe->weight = recipe->depth = 1;
    recipe->fold = NULL;
    recipe->run = size;
    recipe->divisor = 1;
    recipe->dtype = TP_F64;
    recipe->costly = recipe->repeats = false;
    for (int i = 0; i < ndim; i++)
        recipe->shape[i] = shape[i];
}

static void deferred_deepen(tp__recipe *recipe, const tp__storage *source)
{
    uint32_t depth = tp__recipe_of(source)->depth + 1;
    recipe->depth = depth > recipe->depth ? depth : recipe->depth;
}

/* A source counts all recipes below it, also those that another source counts too, and its depth
 * may be from before some of them were computed: both are upper bounds, which deferred_lighten
 * makes exact when they are too large. */
void tp__source_of(tp__recipe *recipe, int i, const tp_var *v, tp_dtype dtype)
{
    tp__source *source = &recipe->source[i];
    source->item = (uint8_t)tp__dtype_size(dtype);
    source->storage = v->storage;
    source->data = v->data;
    if (tp__is_uniform(v)) {
        source->reach = TP__UNIFORM;
        source->storage = NULL;
        if (v->dtype == dtype)
            memcpy(source->value.bytes, v->data, source->item);
        else
            tp__write_element(dtype, source->value.bytes,
                              tp__read_element((tp_dtype)v->dtype, v->data));
    } else if (v->flags & TP__CONTIGUOUS) {
        source->reach = TP__WHOLE;
        if (!v->data && !v->storage->data) {
            recipe->weight += tp__recipe_of(v->storage)->weight;
            deferred_deepen(recipe, v->storage);
        }
    } else {
        source->reach = TP__STRIDED;
        for (int axis = 0; axis < v->ndim; axis++)
            source->strides[axis] = tp__strides(v)[axis];
    }
}

void tp__repeat_element(char *to, int64_t n, size_t item)
{
    int64_t done = n < DEFERRED_FIRST ? n : DEFERRED_FIRST;
    if (item == sizeof(float))
        for (int64_t i = 1; i < done; i++)
            memcpy(to + sizeof(float) * (size_t)i, to, sizeof(float));
    else if (item == sizeof(double))
        for (int64_t i = 1; i < done; i++)
            memcpy(to + sizeof(double) * (size_t)i, to, sizeof(double));
    else if (item == sizeof(uint16_t))
        for (int64_t i = 1; i < done; i++)
            memcpy(to + sizeof(uint16_t) * (size_t)i, to, sizeof(uint16_t));
    else
        memset(to, *to, (size_t)done);
    for (int64_t some; done < n; done += some) {
        some = done < DEFERRED_RUN ? done : DEFERRED_RUN;
        some = some < n - done ? some : n - done;
        memcpy(to + (size_t)done * item, to, (size_t)some * item);
    }
}

static void deferred_copy(char *to, const char *from, int64_t n, int64_t step, size_t item)
{
    if (step != 0 || n == 1) {
        tp__copy_run(item, n, step * (int64_t)item, from, to);
        return;
    }
    memcpy(to, from, item);
    tp__repeat_element(to, n, item);
}

/* Where a strided source has the element with this row-major number: its place along each axis, in
 * index, and its distance from the first element, which is returned. */
static int64_t deferred_seek(const tp__recipe *recipe, const tp__source *source, int64_t number,
                             int64_t *index)
{
    int64_t offset = 0;
    for (int i = recipe->ndim - 1; i >= 0; i--) {
        index[i] = number % recipe->shape[i];
        number /= recipe->shape[i];
        offset += index[i] * source->strides[i];
    }
    return offset;
}

/* Rows of a source, the first of which starts at from, of so many elements each: one after the
 * other. Rows that are all the same are copied once; otherwise columns are, since they are longer.
 */
static void deferred_rows(const tp__source *source, int64_t rows, int64_t columns, const char *from,
                          const int64_t *stride, char *to)
{
    const int64_t item = source->item, row = columns * item, all = rows * row;
    const int64_t copied = stride[0] ? rows : 1;
    if (stride[1] == 0)
        tp__copy_spread(source->item, copied, stride[0] * item, from, columns, to);
    for (int64_t k = 0; k < columns && stride[1]; k++)
        tp__copy_steps(source->item, copied, stride[0] * item, from + k * stride[1] * item, row,
                       to + k * item);
    for (int64_t done = row * copied, some; done < all; done += some) {
        some = done < all - done ? done : all - done;
        memcpy(to + done, to, (size_t)some);
    }
}

bool tp__source_is_one(const tp__recipe *recipe, const tp__source *source, int64_t start, int64_t n)
{
    const int last = recipe->ndim - 1;
    return recipe->repeats && source->reach == TP__STRIDED && source->strides[last] == 0 &&
           recipe->shape[last] >= n && start % recipe->shape[last] <= recipe->shape[last] - n;
}

/* To the next place along the axes up to this one, some places on along it; returns how far the
 * source's element is from the one before. */
static int64_t deferred_next(const tp__recipe *recipe, const tp__source *source, int axis,
                             int64_t some, int64_t *index)
{
    int64_t offset = some * source->strides[axis];
    index[axis] += some;
    for (int d = axis; d > 0; d--) {
        if (index[d] != recipe->shape[d])
            break;
        offset += source->strides[d - 1] - index[d] * source->strides[d];
        index[d] = 0;
        index[d - 1]++;
    }
    return offset;
}

char *tp__source_bring(const tp__recipe *recipe, const tp__source *source, int64_t start, int64_t n,
                       char *to)
{
    if (source->reach == TP__UNIFORM) {
        memcpy(to, source->value.bytes, source->item);
        tp__repeat_element(to, n, source->item);
        return to;
    }
    int64_t index[TP_MAX_NDIM] = {0}, offset = deferred_seek(recipe, source, start, index);
    const int last = recipe->ndim - 1;
    const int64_t columns = recipe->shape[last], *stride = source->strides;
    if ((stride[last] == 1 && columns - index[last] >= n) ||
        tp__source_is_one(recipe, source, start, n))
        return source->data + offset * source->item;
    for (char *at = to; n > 0;) {
        const char *from = source->data + offset * source->item;
        int64_t run = columns - index[last], rows = 0;
        run = run < n ? run : n;
        if (last > 0 && columns < DEFERRED_SHORT && index[last] == 0) {
            rows = recipe->shape[last - 1] - index[last - 1];
            rows = rows < n / columns ? rows : n / columns;
        }
        if (rows > 1) {
            run = rows * columns;
            deferred_rows(source, rows, columns, from, stride + last - 1, at);
            offset += deferred_next(recipe, source, last - 1, rows, index);
        } else {
            deferred_copy(at, from, run, stride[last], source->item);
            offset += deferred_next(recipe, source, last, run, index);
        }
        at += run * source->item;
        n -= run;
    }
    return to;
}

/* --- Running at once --- */

/* Sources that are whole are read where they lie. If all are, the loop runs once; if not, it runs
 * over pieces into which the others are brought. A uniform source fills its piece once, for all. */
void tp__recipe_run(const tp__recipe *recipe, char *out)
{
    char pieces[TP__RECIPE_SOURCES][DEFERRED_PIECE * sizeof(double)];
    char *at[1 + TP__RECIPE_SOURCES];
    int64_t step[1 + TP__RECIPE_SOURCES] = {recipe->item}, piece = recipe->size;
    for (int i = 0; i < recipe->n; i++)
        if (recipe->source[i].reach != TP__WHOLE && piece > DEFERRED_PIECE)
            piece = DEFERRED_PIECE;
    for (int64_t start = 0; start < recipe->size; start += piece) {
        int64_t n = recipe->size - start < piece ? recipe->size - start : piece;
        at[0] = out + start * recipe->item;
        for (int i = 0; i < recipe->n; i++) {
            const tp__source *source = &recipe->source[i];
            step[1 + i] = source->item;
            if (source->reach == TP__WHOLE)
                at[1 + i] = source->data + start * source->item;
            else if (source->reach == TP__STRIDED || start == 0)
                at[1 + i] = tp__source_bring(recipe, source, start, n, pieces[i]);
            if (source->reach == TP__STRIDED && tp__source_is_one(recipe, source, start, n))
                step[1 + i] = 0;
        }
        recipe->loop(n, at, step, &recipe->attr);
    }
}

/* --- Waiting --- */

bool tp__recipe_is_open(const tp__recipe *recipe)
{
    for (int i = 0; i < recipe->n; i++) {
        const tp__source *source = &recipe->source[i];
        if (source->reach != TP__UNIFORM && (!source->storage || source->storage->open))
            return true;
    }
    return false;
}

/* Counts this recipe and those below, each once, and measures how deep each goes: storages that
 * were met bear the number of this count, which is taken from the numbers of plans so that neither
 * meets the other's marks. */
static void deferred_count(tp__thread *t, tp__recipe *recipe, uint32_t *n)
{
    ++*n;
    recipe->depth = 1;
    for (int i = 0; i < recipe->n; i++) {
        tp__storage *from = recipe->source[i].storage;
        if (!from || from->data)
            continue;
        if (from->plan != t->waiting.plans) {
            from->plan = t->waiting.plans;
            deferred_count(t, tp__recipe_of(from), n);
        }
        deferred_deepen(recipe, from);
    }
}

/* Small arrays are not worth counting many recipes. */
static bool deferred_is_light(const tp__recipe *recipe)
{
    int64_t most = recipe->size / DEFERRED_COUNTED;
    most = most < TP__HEAVIEST ? most : TP__HEAVIEST;
    return recipe->depth <= TP__DEEPEST &&
           recipe->weight <= (most > TP__DEEPEST ? most : TP__DEEPEST);
}

/* Bounds the graph below a recipe, by computing its sources. So what recurses over recipes goes at
 * most TP__DEEPEST deep. */
static bool deferred_lighten(tp__thread *t, tp__recipe *recipe)
{
    if (deferred_is_light(recipe))
        return true;
    t->waiting.plans++;
    recipe->weight = 0;
    deferred_count(t, recipe, &recipe->weight);
    if (deferred_is_light(recipe))
        return true;
    tp__storage *from[TP__RECIPE_SOURCES];
    for (int i = 0; i < recipe->n; i++)
        from[i] = recipe->source[i].storage;
    recipe->weight = recipe->depth = 1;
    return tp__storages_evaluate(t, from, recipe->n);
}

static void deferred_unlist(tp__recipe *recipe)
{
    *recipe->link = recipe->next;
    if (recipe->next)
        recipe->next->link = recipe->link;
}

static void deferred_list(tp__recipe **list, tp__recipe *recipe)
{
    recipe->next = *list;
    recipe->link = list;
    if (recipe->next)
        recipe->next->link = &recipe->next;
    *list = recipe;
}

void tp__recipe_list(tp__recipe **list, tp__recipe *recipe)
{
    deferred_unlist(recipe);
    deferred_list(list, recipe);
}

/* May drop its sources and so their recipes in turn. Read-only storages, which are never edited,
 * count no readers. */
static void deferred_drop(tp__deferred *deferred)
{
    tp__recipe *recipe = (tp__recipe *)deferred;
    deferred_unlist(recipe);
    for (int i = 0; i < recipe->n; i++) {
        tp__storage *from = recipe->source[i].storage;
        if (!from)
            continue;
        if (!from->read_only)
            from->readers--;
        tp__storage_drop(from);
    }
    tp__block_put(tp__here(), recipe, sizeof *recipe);
}

/* Computes what is in the list. A recipe for which memory does not suffice leaves it and goes on
 * waiting; whoever reads its elements later tries again. */
static void deferred_finish(tp__thread *t, tp__recipe **list)
{
    while (*list) {
        tp__recipe *recipe = *list;
        if (tp__storage_evaluate(t, recipe->storage))
            continue;
        deferred_unlist(recipe);
        recipe->next = NULL;
        recipe->link = &recipe->next;
    }
}

/* Computes what still waits in a thread that ends: its values may outlive it. */
static void deferred_finish_all(tp__thread *t)
{
    deferred_finish(t, &t->waiting.recipes);
    deferred_finish(t, &t->waiting.joining);
}

tp__storage *tp__recipe_defer(tp__thread *t, tp__recipe *recipe)
{
    if (!deferred_lighten(t, recipe))
        return NULL;
    tp__recipe *copy = tp__block_take(t, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *recipe;
    copy->head.drop = deferred_drop;
    t->waiting.finish = deferred_finish_all;
    copy->storage = tp__storage_defer(
        (size_t)(recipe->fold ? tp__recipe_runs(recipe) : recipe->size) * recipe->item,
        &copy->head);
    if (!copy->storage) {
        tp__block_put(t, copy, sizeof *copy);
        return NULL;
    }
    for (int i = 0; i < copy->n; i++) {
        tp__storage *from = copy->source[i].storage;
        if (!from)
            continue;
        tp__storage_ref(from);
        if (!from->read_only)
            from->readers++;
    }
    deferred_list(copy->fold ? &t->waiting.joining : &t->waiting.recipes, copy);
    return copy->storage;
}

void tp__defer_gradient(tp__thread *t, tp_var *v)
{
    if (v->data || !v->storage || v->storage->data || (v->flags & TP__DROPPED))
        return;
    v->storage->awaited = true;
    tp__recipe_list(&t->waiting.joining, tp__recipe_of(v->storage));
}

/* --- Values --- */

bool tp__evaluate_all(tp_var *const *v, int n)
{
    tp__storage *waiting[DEFERRED_TOGETHER];
    int n_waiting = 0;
    for (int i = 0; i < n && n_waiting < DEFERRED_TOGETHER; i++)
        if (!v[i]->data && !(v[i]->flags & TP__DROPPED))
            waiting[n_waiting++] = v[i]->storage;
    if (n_waiting > 1 && !tp__storages_evaluate(tp__here(), waiting, n_waiting))
        return false;
    for (int i = 0; i < n; i++)
        if (!tp__evaluate(v[i]))
            return false;
    return true;
}

bool tp__evaluate_deferred(tp_var *v)
{
    if (v->flags & TP__DROPPED)
        return tp__here()->waiting.remake(v);
    if (!v->storage->data && !tp__storage_evaluate(tp__here(), v->storage))
        return false;
    v->data = v->storage->data;
    return true;
}

static bool deferred_reads(const tp__recipe *recipe, const tp__storage *storage)
{
    for (int i = 0; i < recipe->n; i++)
        if (recipe->source[i].storage == storage)
            return true;
    return false;
}

/* Runs every recipe that reads these elements: all are in this thread's lists, but for those that
 * deferred_finish took out. */
static bool deferred_evaluate_readers(tp__thread *t, const tp__storage *storage)
{
    while (storage->readers) {
        tp__recipe *recipe = t->waiting.recipes;
        while (recipe && !deferred_reads(recipe, storage))
            recipe = recipe->next;
        for (tp__recipe *fold = recipe ? NULL : t->waiting.joining; fold && !recipe;
             fold = fold->next)
            recipe = deferred_reads(fold, storage) ? fold : NULL;
        if (!recipe)
            tp_fail(TP_ERROR_MEMORY,
                    "out of memory when a thread ended: what waited there is lost");
        if (!recipe || !tp__storage_evaluate(t, recipe->storage))
            return false;
    }
    return true;
}

/* If only the target and waiting recipes hold the old elements, the target gets a copy to be
 * edited, and the recipes keep the old ones. Otherwise views must see the edit, or the caller has a
 * pointer to the memory: then the recipes run first, and the elements stay where they are. */
bool tp__edit(tp_var *target)
{
    if (!tp__evaluate(target))
        return false;
    tp__storage *old = target->storage;
    if (!old || !old->readers)
        return true;
    bool sole = tp__storage_refs(old) == old->readers + 1 && !old->pinned && old->bytes &&
                (target->flags & TP__CONTIGUOUS);
    if (!sole)
        return deferred_evaluate_readers(tp__here(), old);
    tp__storage *fresh = tp__storage_new(old->bytes);
    if (!fresh)
        return false;
    memcpy(fresh->data, old->data, old->bytes);
    fresh->version = old->version;
    target->data = (char *)fresh->data + ((char *)target->data - (char *)old->data);
    target->storage = fresh;
    tp__storage_drop(old);
    return true;
}

bool tp__evaluate_waiting(tp__thread *t)
{
    while (t->waiting.recipes || t->waiting.joining) {
        tp__recipe *recipe = t->waiting.recipes ? t->waiting.recipes : t->waiting.joining;
        if (!tp__storage_evaluate(t, recipe->storage))
            return false;
    }
    return true;
}
