/* SPDX-License-Identifier: MIT
 *
 * Computes deferred storages: the graph of recipes below becomes a plan, a list of steps that runs
 * over blocks of 1,024 elements, or fewer when these have more than 4 bytes. A step is a kernel or
 * brings a source into a block; its result lies in a register, a piece of scratch memory, or in the
 * elements of an output. Registers are given out again after the last step that reads them, so that
 * a plan works in the cache.
 *
 * Outputs are the storage asked for and costly values below it that are computed for a second time
 * while somebody else still holds them: so no function value is computed more than twice. The
 * storage asked for takes over the elements of a source that nobody else will read, if it can.
 *
 * Blocks are numbered from the first element, whatever the threads: bits do not depend on them.
 */
#include "base/features.h"

#include "array/deferred.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "base/profile.h"

enum {
    PLAN_BLOCK = 1024,             /* elements, at most */
    PLAN_REGISTER = 4096,          /* bytes */
    PLAN_STEPS = 8 * TP__HEAVIEST, /* a recipe takes four: itself and three sources */
    PLAN_CHUNK = 16,               /* blocks in a task */
    PLAN_THREADS = 64,             /* bits of free_scratch */
    PLAN_ALIGNED = 64,             /* bytes: a line of the cache */
    PLAN_FOLDS = 64,               /* waiting sums that are looked at */
    PLAN_NAME = 96
};

/* Where a step finds an operand: at data, which is in memory before the plan runs, or where another
 * step puts it. */
typedef struct plan_place {
    char *data;    /* the first element; NULL if a step makes it */
    uint32_t step; /* which one */
    uint32_t item; /* bytes of an element */
} plan_place;

/* A kernel run on a block, or a source brought into a register. Steps stand in an order in which
 * they can run. One whose operands are all uniform computes the same for every block (once), and
 * keeps its register until the task ends.
 *
 * The result of a step becomes its storage's (out) if it was asked for, is a sum, or is costly and
 * computed for the second time. Others are only passed on to later steps; if somebody outside the
 * plan holds such a storage, which shows when more references are held than the plan has inside, it
 * goes on waiting (stays). */
typedef struct plan_step {
    const tp__recipe *recipe;
    const tp__source *source; /* NULL for a kernel */
    tp__storage *storage;     /* a kernel's deferred result */
    plan_place from[TP__RECIPE_SOURCES];
    char *out;                  /* the elements of an output; NULL: a register */
    double *sums;               /* a sum's, of each TP__FOLD_BLOCK elements */
    uint32_t place, item, last; /* register; bytes of an element; the last step that reads it */
    uint32_t held, inside; /* references to storages of this value; those of them in the plan */
    int n;
    bool once;
    bool stays; /* or is needed by a step that does */
} plan_step;

/* The storage asked for is that of the step `root`. A storage whose `plan` is this id was met
 * before, and `place` is the number of its step. Steps after the root belong to sums that joined.
 */
typedef struct plan {
    uint64_t id;
    uint32_t n_steps, n_registers, root;
    int64_t size, block; /* elements */
    char *scratch; /* for each task that runs: where values lie (values_bytes), and registers */
    size_t scratch_bytes, values_bytes;
    tp__storage *taken;         /* whose elements the root overwrites */
    atomic_ullong free_scratch; /* a bit for each part of scratch that no task has */
    plan_step steps[PLAN_STEPS];
} plan;

/* --- Making the steps --- */

static uint32_t plan_visit(plan *p, tp__storage *storage);

static uint32_t plan_add(plan *p, plan_step step)
{
    p->steps[p->n_steps] = step;
    return p->n_steps++;
}

/* Uniform sources of the same bits are brought once. */
static uint32_t plan_bring(plan *p, const tp__recipe *recipe, const tp__source *source)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const tp__source *other = p->steps[i].source;
        if (source->reach == TP__UNIFORM && other && other->reach == TP__UNIFORM &&
            other->item == source->item &&
            !memcmp(other->value.bytes, source->value.bytes, source->item))
            return i;
    }
    return plan_add(p, (plan_step){.recipe = recipe,
                                   .source = source,
                                   .item = source->item,
                                   .once = source->reach == TP__UNIFORM});
}

/* The elements may have come since the recipe was made: then only the storage knows where they are.
 */
static plan_place plan_source(plan *p, const tp__recipe *recipe, const tp__source *source)
{
    plan_place place = {.item = source->item, .data = source->data};
    if (source->reach != TP__WHOLE) {
        place.data = NULL;
        place.step = plan_bring(p, recipe, source);
    } else if (!place.data && source->storage->data) {
        place.data = source->storage->data;
    } else if (!place.data) {
        place.step = plan_visit(p, source->storage);
        p->steps[place.step].inside++;
    }
    return place;
}

/* The step of the plan that computes the same as `step`, which is not in it; n_steps if there is
 * none.
 */
static uint32_t plan_find(const plan *p, const plan_step *step)
{
    uint32_t i = 0;
    for (; i < p->n_steps; i++) {
        const plan_step *other = &p->steps[i];
        if (!other->source && !other->recipe->fold && other->recipe->loop == step->recipe->loop &&
            other->recipe->attr.integer == step->recipe->attr.integer &&
            !memcmp(other->from, step->from, sizeof step->from))
            break;
    }
    return i;
}

/* The number of the step that computes these deferred elements, made, with those below it, if there
 * is none yet. Storages that compute the same share a step, which is the first one's. */
static uint32_t plan_visit(plan *p, tp__storage *storage)
{
    if (storage->plan == p->id)
        return storage->place;
    const tp__recipe *recipe = tp__recipe_of(storage);
    plan_step step = {.recipe = recipe, .storage = storage, .n = recipe->n, .item = recipe->item};
    step.once = !recipe->fold;
    for (int i = 0; i < recipe->n; i++) {
        step.from[i] = plan_source(p, recipe, &recipe->source[i]);
        step.once = step.once && !step.from[i].data && p->steps[step.from[i].step].once;
    }
    storage->plan = p->id;
    storage->place = recipe->fold ? p->n_steps : plan_find(p, &step);
    if (storage->place == p->n_steps)
        plan_add(p, step);
    p->steps[storage->place].held += tp__storage_refs(storage);
    return storage->place;
}

/* True if somebody who is no recipe of the plan holds the value. */
static bool plan_is_outside(const plan_step *step)
{
    return step->held > step->inside;
}

/* --- Outputs --- */

/* What is held from outside stays, and so does what it needs: the recipe goes on waiting and reads
 * its sources when it runs. Backwards, so that a step is decided before those that it reads. */
static void plan_find_staying(plan *p)
{
    for (uint32_t i = p->n_steps; i-- > 0;) {
        plan_step *step = &p->steps[i];
        step->stays =
            step->storage && !step->out && i != p->root && (step->stays || plan_is_outside(step));
        for (int k = 0; k < step->n && step->stays; k++)
            if (!step->from[k].data)
                p->steps[step->from[k].step].stays = true;
    }
}

/* True if a source is all elements of its storage, of this size, in their order. */
static bool plan_reads_whole(const tp__source *source, uint32_t item)
{
    return source->reach == TP__WHOLE && source->item == item && source->storage &&
           (!source->data || source->data == source->storage->data);
}

/* True if the root may overwrite these elements: the plan's recipes are all that holds them, and go
 * when it has run; and none reads them after the root has, or elsewhere than at the element that is
 * computed. */
static bool plan_owns(const plan *p, const tp__storage *storage)
{
    uint32_t reads = 0;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const plan_step *step = &p->steps[i];
        if (step->source)
            continue;
        for (int k = 0; k < step->n; k++)
            if (step->recipe->source[k].storage == storage) {
                reads++;
                if (step->stays || i > p->root ||
                    !plan_reads_whole(&step->recipe->source[k], p->steps[p->root].item))
                    return false;
            }
    }
    return reads == tp__storage_refs(storage);
}

/* Elements that the root may overwrite, taken from their storage; NULL if there are none. */
static char *plan_take_over(plan *p, size_t bytes)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const plan_step *step = &p->steps[i];
        for (int k = 0; k < step->n; k++) {
            const tp__source *source = &step->recipe->source[k];
            tp__storage *from = source->storage;
            if (!plan_reads_whole(source, p->steps[p->root].item) || !from->data ||
                from->bytes != bytes || from->open || from->pinned || from->read_only ||
                !plan_owns(p, from))
                continue;
            char *data = tp__storage_give(from);
            if (!data)
                continue;
            p->taken = from;
            return data;
        }
    }
    return NULL;
}

static int64_t plan_sums(const plan *p)
{
    return (p->size + TP__FOLD_BLOCK - 1) / TP__FOLD_BLOCK;
}

/* As many elements as a register holds of the widest: 1,024, or 512 of 8 bytes. Both are multiples
 * of TP__FOLD_BLOCK, by which sums are cut, so that their bits do not depend on this. */
static int64_t plan_block(const plan *p)
{
    uint32_t widest = PLAN_REGISTER / PLAN_BLOCK;
    for (uint32_t i = 0; i < p->n_steps; i++)
        widest = p->steps[i].item > widest ? p->steps[i].item : widest;
    return PLAN_REGISTER / widest;
}

static bool plan_is_fold(const plan_step *step)
{
    return step->storage && step->recipe->fold;
}

/* True if the graph of recipes below computes a costly value of the plan. Looks at no more recipes
 * than budget. */
static bool plan_shares(const plan *p, const tp__storage *storage, int *budget)
{
    if (!storage || storage->data || --*budget < 0)
        return false;
    const tp__recipe *recipe = tp__recipe_of(storage);
    if (storage->plan == p->id && recipe->costly)
        return true;
    for (int i = 0; i < recipe->n; i++)
        if (recipe->source[i].reach == TP__WHOLE &&
            plan_shares(p, recipe->source[i].storage, budget))
            return true;
    return false;
}

/* Sums that wait, and would compute costly values of the plan again, join it. */
static void plan_add_folds(tp__thread *t, plan *p)
{
    int looks = PLAN_FOLDS;
    bool costly = false;
    for (uint32_t i = 0; i < p->n_steps && !costly; i++)
        costly = p->steps[i].recipe->costly && !p->steps[i].source;
    for (const tp__recipe *fold = t->waiting.folds; fold && costly && looks--; fold = fold->next) {
        int budget = TP__HEAVIEST;
        if (fold->size == p->size && fold->storage->plan != p->id &&
            p->n_steps + 4 * fold->weight <= PLAN_STEPS && plan_shares(p, fold->storage, &budget))
            plan_visit(p, fold->storage);
    }
}

static bool plan_make_sums(tp__thread *t, const plan *p, plan_step *step)
{
    step->sums = tp__block_take(t, (size_t)plan_sums(p) * sizeof(double));
    step->out = step->sums ? tp__block_take(t, step->storage->bytes) : NULL;
    return step->out != NULL;
}

static void plan_drop_sums(tp__thread *t, const plan *p, plan_step *step)
{
    if (step->sums)
        tp__block_put(t, step->sums, (size_t)plan_sums(p) * sizeof(double));
    step->sums = NULL;
}

/* Takes all memory that the results need. A costly value that others hold becomes an output the
 * second time that a plan computes it; the first time is only noted, in `computed`. */
static bool plan_outputs(tp__thread *t, plan *p)
{
    plan_step *root = &p->steps[p->root];
    for (uint32_t i = 0; i < p->n_steps; i++) {
        plan_step *step = &p->steps[i];
        if (plan_is_fold(step) && !plan_make_sums(t, p, step))
            return false;
        if (step == root || !step->storage || !step->recipe->costly || !plan_is_outside(step))
            continue;
        if (step->storage->computed && !(step->out = tp__block_take(t, step->storage->bytes)))
            return false;
        step->storage->computed = true;
    }
    if (root->out)
        return true;
    plan_find_staying(p);
    root->out = plan_take_over(p, root->storage->bytes);
    if (!root->out)
        root->out = tp__block_take(t, root->storage->bytes);
    return root->out != NULL;
}

/* Gives the outputs back after a failure: everything waits as it did before. */
static void plan_undo(tp__thread *t, plan *p)
{
    plan_step *root = &p->steps[p->root];
    if (p->taken) {
        p->taken->data = root->out;
        root->out = NULL;
    }
    for (uint32_t i = 0; i < p->n_steps; i++) {
        plan_drop_sums(t, p, &p->steps[i]);
        if (p->steps[i].out)
            tp__block_put(t, p->steps[i].out, p->steps[i].storage->bytes);
    }
}

/* The sums themselves, from those of blocks. */
static void plan_fold(tp__thread *t, plan *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        plan_step *step = &p->steps[i];
        if (!step->sums)
            continue;
        double total = tp__fold_pairwise(step->sums, plan_sums(p));
        tp__write_element(step->recipe->dtype, step->out, total / step->recipe->divisor);
        plan_drop_sums(t, p, step);
    }
}

/* A storage that has its elements drops its recipe, and with it references to others, perhaps to
 * one that is settled next: so all are held meanwhile. */
static void plan_settle(plan *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        plan_step *step = &p->steps[i];
        if (step->out)
            tp__storage_ref(step->storage);
    }
    for (uint32_t i = 0; i < p->n_steps; i++) {
        plan_step *step = &p->steps[i];
        if (!step->out)
            continue;
        tp__storage_settle(step->storage, step->out);
        tp__storage_drop(step->storage);
    }
}

/* --- Registers --- */

/* A step takes its register before those of its operands that it reads as the last one are free
 * again: so a kernel never writes over what it reads. */
static void plan_registers(plan *p)
{
    uint32_t free_registers[PLAN_STEPS], n_free = 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        for (int k = 0; k < p->steps[i].n; k++)
            if (!p->steps[i].from[k].data)
                p->steps[p->steps[i].from[k].step].last = i;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        plan_step *step = &p->steps[i];
        if (!step->out || (step->once && !plan_is_fold(step)))
            step->place = n_free && !step->once ? free_registers[--n_free] : p->n_registers++;
        for (int k = 0; k < step->n; k++) {
            plan_step *from = &p->steps[step->from[k].step];
            if (step->from[k].data || from->once || from->out || from->last != i)
                continue;
            from->last = UINT32_MAX;
            free_registers[n_free++] = from->place;
        }
    }
}

/* --- Running --- */

/* value is a task's part of scratch: where the value of each step lies for the block at hand. The
 * registers follow behind. */
static char *plan_register(const plan *p, char **value, const plan_step *step)
{
    return (char *)value + p->values_bytes + (size_t)step->place * PLAN_REGISTER;
}

static void plan_run_fold(const plan_step *step, int64_t start, int64_t n, const char *from)
{
    for (int64_t i = 0; i < n; i += TP__FOLD_BLOCK)
        step->sums[(start + i) / TP__FOLD_BLOCK] = step->recipe->fold(
            n - i < TP__FOLD_BLOCK ? n - i : TP__FOLD_BLOCK, from + i * step->from[0].item);
}

static void plan_run_step(const plan *p, uint32_t number, char **value, int64_t start, int64_t n)
{
    const plan_step *step = &p->steps[number];
    bool in_place = step->out && !step->once && !step->sums;
    char *at[1 + TP__RECIPE_SOURCES] = {in_place ? step->out + start * step->item
                                                 : plan_register(p, value, step)};
    int64_t items[1 + TP__RECIPE_SOURCES] = {step->item};
    value[number] = at[0];
    if (step->source) {
        value[number] = tp__source_bring(step->recipe, step->source, start, n, at[0]);
        return;
    }
    for (int k = 0; k < step->n; k++) {
        const plan_place *from = &step->from[k];
        at[1 + k] = from->data ? from->data + start * from->item : value[from->step];
        items[1 + k] = from->item;
    }
    if (step->sums)
        plan_run_fold(step, start, n, at[1]);
    else
        step->recipe->loop(n, at, items, &step->recipe->attr);
}

/* Takes a part of scratch, whose bit goes, without a lock: the lowest bit is taken out, unless
 * another thread changed the word meanwhile. There are as many as tasks run at a time; only if the
 * program raised the number of threads meanwhile may a task have to try until another one ends. */
static char **plan_claim(plan *p, unsigned long long *bit)
{
    unsigned long long open;
    do {
        open = atomic_load(&p->free_scratch);
        *bit = open & (0 - open);
    } while (!*bit || !atomic_compare_exchange_weak(&p->free_scratch, &open, open & ~*bit));
    return (char **)(void *)(p->scratch + (size_t)__builtin_ctzll(*bit) * p->scratch_bytes);
}

static void plan_task(void *ctx, int64_t chunk)
{
    plan *p = ctx;
    unsigned long long bit;
    char **value = plan_claim(p, &bit);
    int64_t from = chunk * PLAN_CHUNK * p->block, to = from + PLAN_CHUNK * p->block;
    to = to < p->size ? to : p->size;
    for (uint32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].once)
            plan_run_step(p, i, value, 0, p->block);
    for (int64_t start = from; start < to; start += p->block) {
        int64_t n = to - start < p->block ? to - start : p->block;
        for (uint32_t i = 0; i < p->n_steps; i++) {
            const plan_step *step = &p->steps[i];
            if (!step->once)
                plan_run_step(p, i, value, start, n);
            else if (step->out)
                memcpy(step->out + start * step->item, value[i], (size_t)n * step->item);
        }
    }
    atomic_fetch_or(&p->free_scratch, bit);
}

/* In nanoseconds on one thread, roughly: what tp__parallel wants to know. */
static double plan_cost(const plan *p)
{
    double cost = 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        cost += p->steps[i].recipe->costly && !p->steps[i].source ? 0.5 : 0.1;
    return cost * (double)p->size;
}

static void plan_note(const plan *p, uint64_t start)
{
    char name[PLAN_NAME] = "";
    size_t at = 0;
    double bytes = 0, flops = 0;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const plan_step *step = &p->steps[i];
        for (int k = 0; k < step->n; k++)
            bytes += step->from[k].data ? step->from[k].item : 0;
        bytes += step->out ? step->item : 0;
        if (step->source || at + 16 > sizeof name)
            continue;
        flops += 1;
        at += (size_t)snprintf(name + at, sizeof name - at, at ? "·%s" : "%s", step->recipe->name);
    }
    tp__profile_stop(start, name, bytes * (double)p->size, flops * (double)p->size);
}

/* A task is a run of PLAN_CHUNK blocks, and there are as many parts of scratch as tasks can run at
 * a time. */
static bool plan_run(tp__thread *t, plan *p)
{
    p->block = plan_block(p);
    int64_t chunk = PLAN_CHUNK * p->block, chunks = (p->size + chunk - 1) / chunk;
    int threads = tp_num_threads();
    size_t slots = chunks < threads ? (size_t)chunks : (size_t)threads;
    slots = slots < PLAN_THREADS ? slots : PLAN_THREADS;
    p->values_bytes =
        (p->n_steps * sizeof(char *) + PLAN_ALIGNED - 1) / PLAN_ALIGNED * PLAN_ALIGNED;
    p->scratch_bytes = p->values_bytes + p->n_registers * (size_t)PLAN_REGISTER;
    p->scratch = tp__block_take(t, slots * p->scratch_bytes);
    if (!p->scratch)
        return false;
    atomic_init(&p->free_scratch, slots == 64 ? ~0ull : (1ull << slots) - 1);
    tp__parallel(chunks, plan_cost(p), plan_task, p);
    tp__block_put(t, p->scratch, slots * p->scratch_bytes);
    return true;
}

/* All that may fail comes before the first result is stored. */
bool tp__storage_evaluate(tp__thread *t, tp__storage *storage)
{
    uint64_t start = tp__profile_start();
    plan *p = tp__block_take(t, sizeof *p);
    if (!p)
        return false;
    p->id = ++t->waiting.plans;
    p->n_steps = p->n_registers = 0;
    p->size = tp__recipe_of(storage)->size;
    p->taken = NULL;
    p->root = plan_visit(p, storage);
    plan_add_folds(t, p);
    bool good = plan_outputs(t, p);
    if (good) {
        plan_registers(p);
        good = plan_run(t, p);
    }
    if (!good) {
        plan_undo(t, p);
    } else {
        plan_fold(t, p);
        if (start)
            plan_note(p, start);
        plan_settle(p);
    }
    tp__block_put(t, p, sizeof *p);
    return good;
}
