/* SPDX-License-Identifier: MIT
 *
 * Computes deferred storages: makes a plan (plan.h) and runs it. Blocks are numbered from the first
 * element, whatever the threads: bits do not depend on them.
 */
#include "base/features.h"

#include <stdio.h>
#include <string.h>

#include "array/plan.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "base/profile.h"
#include "kernels/vector.h"

enum {
    EVALUATE_CHUNK = 16,   /* blocks in a task */
    EVALUATE_THREADS = 64, /* bits of free_scratch */
    EVALUATE_ALIGNED = 64, /* bytes: a line of the cache */
    EVALUATE_TURN = 2048,  /* bytes of a result on their way past the caches */
    EVALUATE_NAME = 96
};

/* As many elements as a register holds of the widest: 1,024, or 512 of 8 bytes. Both are multiples
 * of TP__FOLD_BLOCK, by which sums are cut, so that their bits do not depend on this. Runs that are
 * no multiples stay whole. `bytes` are a register's. */
static int64_t evaluate_block(const tp__plan *p, size_t *bytes)
{
    uint32_t widest = TP__PLAN_REGISTER / TP__PLAN_BLOCK;
    for (uint32_t i = 0; i < p->n_steps; i++)
        widest = p->steps[i].item > widest ? p->steps[i].item : widest;
    int64_t block = TP__PLAN_REGISTER / widest;
    if (p->run)
        block = p->run > block ? p->run : block / p->run * p->run;
    *bytes = TP__PLAN_REGISTER;
    if (block * widest > TP__PLAN_REGISTER)
        *bytes =
            (size_t)(block * widest + EVALUATE_ALIGNED - 1) / EVALUATE_ALIGNED * EVALUATE_ALIGNED;
    return block;
}

/* True if all but what is computed once is one step, which reads memory and single elements: there
 * is nothing that a block would keep in the cache. */
static bool evaluate_is_alone(const tp__plan *p)
{
    const tp__plan_step *alone = NULL;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const tp__plan_step *step = &p->steps[i];
        if (step->once && !step->out)
            continue;
        if (step->once || step->source || step->sums || step->past || alone)
            return false;
        alone = step;
    }
    for (int k = 0; alone && k < alone->n; k++)
        if (!alone->from[k].data && !alone->recipe->repeats)
            return false;
    return alone && alone->out;
}

/* value is a task's part of scratch: where the value of each step lies for the block at hand. The
 * registers follow behind. */
static char *evaluate_register(const tp__plan *p, char **value, const tp__plan_step *step)
{
    return (char *)value + p->values_bytes + (size_t)step->place * p->register_bytes;
}

static void evaluate_sums(const tp__plan_step *step, int64_t start, int64_t n, const char *from)
{
    const int64_t run = step->recipe->run, blocks = tp__recipe_blocks(step->recipe);
    for (int64_t i = 0, some; i < n; i += some) {
        int64_t place = (start + i) % run, left = run - place < n - i ? run - place : n - i;
        some = left < TP__FOLD_BLOCK ? left : TP__FOLD_BLOCK;
        step->sums[(start + i) / run * blocks + place / TP__FOLD_BLOCK] =
            step->recipe->fold(some, from + i * step->from[0].item);
    }
}

/* True if the step reads one element in this block, which its kernel takes by a step of 0. */
static bool evaluate_is_one(const tp__plan *p, const tp__plan_step *step,
                            const tp__plan_place *from, int64_t start, int64_t n)
{
    if (from->data || !step->recipe->repeats)
        return false;
    const tp__plan_step *maker = &p->steps[from->step];
    return maker->once ||
           (maker->source && tp__source_is_one(step->recipe, maker->source, start, n));
}

/* Memory takes reads and writes best in small turns, the smaller the more there is to read. What no
 * other step reads has the same place in the first cache each time. */
static void evaluate_past(const tp__plan_step *step, int64_t start, int64_t n, char **at,
                          const int64_t *items)
{
    int reads = 0;
    for (int k = 0; k < step->n; k++)
        reads += step->from[k].data != NULL;
    const int64_t turn = (reads > 1 ? EVALUATE_TURN / 4 : EVALUATE_TURN) / step->item;
    char *to = step->out + start * step->item;
    for (int64_t some; n > 0; n -= some, to += some * step->item) {
        some = n < turn ? n : turn;
        step->recipe->loop(some, at, items, &step->recipe->attr);
        tp__copy_past(to, at[0], (size_t)(some * step->item));
        for (int k = step->last ? 0 : 1; k <= step->n; k++)
            at[k] += some * items[k];
    }
}

static void evaluate_step(const tp__plan *p, uint32_t number, char **value, int64_t start,
                          int64_t n)
{
    const tp__plan_step *step = &p->steps[number];
    bool in_place = step->out && !step->once && !step->sums && !step->past;
    char *at[1 + TP__RECIPE_SOURCES] = {in_place ? step->out + start * step->item
                                                 : evaluate_register(p, value, step)};
    int64_t items[1 + TP__RECIPE_SOURCES] = {step->item};
    value[number] = at[0];
    if (step->source) {
        value[number] = tp__source_bring(step->recipe, step->source, start, n, at[0]);
        return;
    }
    for (int k = 0; k < step->n; k++) {
        const tp__plan_place *from = &step->from[k];
        at[1 + k] = from->data ? from->data + start * from->item : value[from->step];
        items[1 + k] = evaluate_is_one(p, step, from, start, n) ? 0 : from->item;
    }
    if (step->sums)
        evaluate_sums(step, start, n, at[1]);
    else if (step->past && !step->once)
        evaluate_past(step, start, n, at, items);
    else
        step->recipe->loop(n, at, items, &step->recipe->attr);
}

/* The block of an output that is the same for all. */
static void evaluate_repeat(const tp__plan_step *step, int64_t start, int64_t n, const char *from)
{
    char *to = step->out + start * step->item;
    if (step->past)
        tp__copy_past(to, from, (size_t)n * step->item);
    else
        memcpy(to, from, (size_t)n * step->item);
}

/* Takes a part of scratch, whose bit goes, without a lock: the lowest bit is taken out, unless
 * another thread changed the word meanwhile. There are as many as tasks run at a time; only if the
 * program raised the number of threads meanwhile may a task have to try until another one ends. */
static char **evaluate_claim(tp__plan *p, unsigned long long *bit)
{
    unsigned long long open;
    do {
        open = atomic_load(&p->free_scratch);
        *bit = open & (0 - open);
    } while (!*bit || !atomic_compare_exchange_weak(&p->free_scratch, &open, open & ~*bit));
    return (char **)(void *)(p->scratch + (size_t)__builtin_ctzll(*bit) * p->scratch_bytes);
}

static void evaluate_task(void *ctx, int64_t chunk)
{
    tp__plan *p = ctx;
    unsigned long long bit;
    char **value = evaluate_claim(p, &bit);
    int64_t from = chunk * EVALUATE_CHUNK * p->block, to = from + EVALUATE_CHUNK * p->block;
    to = to < p->size ? to : p->size;
    for (uint32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].once)
            evaluate_step(p, i, value, 0, p->block);
    const int64_t block = p->alone ? to - from : p->block;
    for (int64_t start = from; start < to; start += block) {
        int64_t n = to - start < block ? to - start : block;
        for (uint32_t i = 0; i < p->n_steps; i++) {
            const tp__plan_step *step = &p->steps[i];
            if (!step->once)
                evaluate_step(p, i, value, start, n);
            else if (step->out)
                evaluate_repeat(step, start, n, value[i]);
        }
    }
    if (p->past)
        tp__copied_past();
    atomic_fetch_or(&p->free_scratch, bit);
}

/* In nanoseconds on one thread, roughly: what tp__parallel wants to know. */
static double evaluate_cost(const tp__plan *p)
{
    double cost = 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        cost += p->steps[i].recipe->costly && !p->steps[i].source ? 0.5 : 0.1;
    return cost * (double)p->size;
}

static void evaluate_note(const tp__plan *p, uint64_t start)
{
    char name[EVALUATE_NAME] = "";
    size_t at = 0;
    double bytes = 0, flops = 0;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const tp__plan_step *step = &p->steps[i];
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

/* A task is a run of EVALUATE_CHUNK blocks, and there are as many parts of scratch as tasks can run
 * at a time. */
static bool evaluate_blocks(tp__thread *t, tp__plan *p)
{
    p->block = evaluate_block(p, &p->register_bytes);
    p->alone = evaluate_is_alone(p);
    int64_t chunk = EVALUATE_CHUNK * p->block, chunks = (p->size + chunk - 1) / chunk;
    int threads = tp_num_threads();
    size_t slots = chunks < threads ? (size_t)chunks : (size_t)threads;
    slots = slots < EVALUATE_THREADS ? slots : EVALUATE_THREADS;
    p->values_bytes =
        (p->n_steps * sizeof(char *) + EVALUATE_ALIGNED - 1) / EVALUATE_ALIGNED * EVALUATE_ALIGNED;
    p->scratch_bytes = p->values_bytes + p->n_registers * p->register_bytes;
    p->scratch = tp__block_take(t, slots * p->scratch_bytes);
    if (!p->scratch)
        return false;
    atomic_init(&p->free_scratch, slots == 64 ? ~0ull : (1ull << slots) - 1);
    tp__parallel(chunks, evaluate_cost(p), evaluate_task, p);
    tp__block_put(t, p->scratch, slots * p->scratch_bytes);
    return true;
}

/* The sums themselves, from those of blocks. */
static void evaluate_fold(tp__plan *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        tp__plan_step *step = &p->steps[i];
        if (!step->sums)
            continue;
        const tp__recipe *recipe = step->recipe;
        const int64_t blocks = tp__recipe_blocks(recipe), runs = tp__recipe_runs(recipe);
        for (int64_t k = 0; k < runs; k++) {
            double total = tp__fold_pairwise(step->sums + k * blocks, blocks);
            tp__write_element(recipe->dtype, step->out + k * step->item, total / recipe->divisor);
        }
        tp__plan_drop_sums(p, step);
    }
}

/* All that may fail comes before the first result is stored. */
static bool evaluate_plan(tp__thread *t, tp__storage *const *storages, int n)
{
    uint64_t start = tp__profile_start();
    tp__plan plan, *p = &plan;
    if (!tp__plan_make(t, p, storages, n) || !evaluate_blocks(t, p)) {
        tp__plan_undo(p);
        return false;
    }
    evaluate_fold(p);
    if (start)
        evaluate_note(p, start);
    tp__plan_settle(p);
    return true;
}

bool tp__storages_evaluate(tp__thread *t, tp__storage *const *storages, int n)
{
    for (int i = 0; i < n; i++)
        if (storages[i] && !storages[i]->data && !evaluate_plan(t, storages + i, n - i))
            return false;
    return true;
}
