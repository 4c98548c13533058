/* SPDX-License-Identifier: MIT
 *
 * Making a plan: which steps there are, which of them have an output, where the others' results
 * lie. All that may fail here comes before the plan runs.
 */
#include "base/features.h"

#include "array/plan.h"

#include <string.h>

#include "base/alloc.h"

enum {
    PLAN_FIRST = 64,      /* steps that there is room for at first */
    PLAN_LOOKS = 64,      /* waiting sums and results that are looked at, and recipes below each */
    PLAN_PAST = 24 << 20, /* bytes that are read and written, of 32 MiB that a cache holds */
    PLAN_COSTLY = 8,      /* cheap steps that a costly one takes as long as */
    PLAN_CHEAP = 2        /* what takes no more to compute again is not kept */
};

/* --- Making the steps --- */

static uint32_t plan_visit(tp__plan *p, tp__storage *storage);

static size_t plan_bytes(const tp__plan *p)
{
    return p->capacity * sizeof *p->steps;
}

/* Room for another step, in a larger block. */
static bool plan_room(tp__plan *p)
{
    if (p->n_steps < p->capacity)
        return true;
    tp__plan_step *steps = p->full ? NULL : tp__block_take(p->thread, 2 * plan_bytes(p));
    p->full = !steps;
    if (p->full)
        return false;
    memcpy(steps, p->steps, plan_bytes(p));
    tp__block_put(p->thread, p->steps, plan_bytes(p));
    p->steps = steps;
    p->capacity *= 2;
    return true;
}

/* Where a step is found by what it does: by the bits of a uniform source, or by kernel and
 * operands.
 */
static uint32_t *plan_bucket(tp__plan *p, const tp__plan_step *step)
{
    uint64_t hash = 0;
    if (step->source) {
        memcpy(&hash, step->source->value.bytes, step->item);
    } else {
        memcpy(&hash, &step->recipe->loop, sizeof step->recipe->loop);
        for (int i = 0; i < step->n; i++)
            hash = 31 * hash + (uintptr_t)step->from[i].data + step->from[i].step;
    }
    return &p->bucket[hash * 0x9e3779b97f4a7c15u >> 58];
}

/* The number of the new step. Without room, of any: then the plan fails. */
static uint32_t plan_add(tp__plan *p, const tp__plan_step *step)
{
    if (!plan_room(p))
        return 0;
    p->steps[p->n_steps] = *step;
    if (step->source ? step->once : !step->recipe->fold) {
        uint32_t *bucket = plan_bucket(p, step);
        p->steps[p->n_steps].next = *bucket;
        *bucket = p->n_steps + 1;
    }
    return p->n_steps++;
}

/* True if a step computes, or brings, the same as another. */
static bool plan_same(const tp__plan_step *a, const tp__plan_step *b)
{
    if (a->source || b->source)
        return a->source && b->source && a->item == b->item &&
               !memcmp(a->source->value.bytes, b->source->value.bytes, a->item);
    return a->recipe->loop == b->recipe->loop &&
           a->recipe->attr.integer == b->recipe->attr.integer &&
           !memcmp(a->from, b->from, sizeof a->from);
}

/* The step of the plan that does the same, if there is one; otherwise the new one, added. */
static uint32_t plan_find(tp__plan *p, const tp__plan_step *step)
{
    uint32_t i = *plan_bucket(p, step);
    while (i && !plan_same(&p->steps[i - 1], step))
        i = p->steps[i - 1].next;
    return i ? i - 1 : plan_add(p, step);
}

/* Uniform sources of the same bits are brought once. */
static uint32_t plan_bring(tp__plan *p, const tp__recipe *recipe, const tp__source *source)
{
    tp__plan_step step = {.recipe = recipe,
                          .source = source,
                          .item = source->item,
                          .once = source->reach == TP__UNIFORM};
    return step.once ? plan_find(p, &step) : plan_add(p, &step);
}

/* The elements may have come since the recipe was made: then only the storage knows where they are.
 */
static tp__plan_place plan_source(tp__plan *p, const tp__recipe *recipe, const tp__source *source)
{
    tp__plan_place place = {.item = source->item, .data = source->data};
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

/* A step needs none of the work again whose result is in memory when the plan has run. */
static void plan_weigh(const tp__plan *p, tp__plan_step *step)
{
    step->again = step->source ? 0 : step->recipe->costly ? PLAN_COSTLY : 1;
    for (int i = 0; i < step->n; i++) {
        const tp__plan_step *from = &p->steps[step->from[i].step];
        if (!step->from[i].data && !from->out && !from->asked)
            step->again += from->again;
    }
    if (step->again > UINT16_MAX)
        step->again = UINT16_MAX;
}

/* The number of a step that computes these deferred elements, made, with those below it. Storages
 * that compute the same may share a step, which is the first one's. */
static uint32_t plan_make_step(tp__plan *p, tp__storage *storage, bool share)
{
    const tp__recipe *recipe = tp__recipe_of(storage);
    tp__plan_step step = {
        .recipe = recipe, .storage = storage, .n = recipe->n, .item = recipe->item};
    step.once = !recipe->fold;
    for (int i = 0; i < recipe->n; i++) {
        step.from[i] = plan_source(p, recipe, &recipe->source[i]);
        step.once = step.once && !step.from[i].data && p->steps[step.from[i].step].once;
    }
    plan_weigh(p, &step);
    uint32_t number = share && !recipe->fold ? plan_find(p, &step) : plan_add(p, &step);
    storage->plan = p->id;
    storage->place = number;
    p->steps[number].twins |= p->steps[number].storage != storage;
    p->steps[number].held += tp__storage_refs(storage);
    return number;
}

static uint32_t plan_visit(tp__plan *p, tp__storage *storage)
{
    return storage->plan == p->id ? storage->place : plan_make_step(p, storage, true);
}

/* Makes the storage an output. So it has a step of its own, whatever others compute the same. */
static void plan_ask(tp__plan *p, tp__storage *storage)
{
    bool met = storage->plan == p->id && p->steps[storage->place].storage == storage;
    uint32_t number = met ? storage->place : plan_make_step(p, storage, false);
    p->steps[number].asked = true;
}

/* --- What joins --- */

/* True if a recipe's steps are of the plan's size, and there is room. */
static bool plan_fits(const tp__plan *p, const tp__recipe *recipe)
{
    return recipe->size == p->size && p->n_steps + 4 * recipe->weight <= TP__PLAN_STEPS;
}

/* True if the graph of recipes below computes a value of the plan that is worth keeping. Looks at
 * no more recipes than budget. */
static bool plan_shares(const tp__plan *p, const tp__storage *storage, int *budget)
{
    if (!storage || storage->data || --*budget < 0)
        return false;
    const tp__recipe *recipe = tp__recipe_of(storage);
    if (storage->plan == p->id)
        return p->steps[storage->place].again > PLAN_CHEAP;
    for (int i = 0; i < recipe->n; i++)
        if (recipe->source[i].reach == TP__WHOLE &&
            plan_shares(p, recipe->source[i].storage, budget))
            return true;
    return false;
}

/* True if the value was a sweep's gradient so far, and is now only a part of what waits. */
static bool plan_is_passed(const tp__recipe *recipe)
{
    return tp__storage_refs(recipe->storage) == recipe->storage->readers;
}

/* Sums and gradients that wait, and would compute values of the plan again, join it. */
static void plan_join(tp__plan *p)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        most = p->steps[i].again > most ? p->steps[i].again : most;
    if (most <= PLAN_CHEAP)
        return;
    tp__recipe *recipe = p->thread->waiting.joining, *next;
    for (int looks = PLAN_LOOKS; recipe && looks > 0; recipe = next) {
        int budget = PLAN_LOOKS;
        next = recipe->next;
        if (plan_is_passed(recipe)) {
            tp__recipe_list(&p->thread->waiting.recipes, recipe);
            continue;
        }
        looks--;
        if (recipe->storage->plan != p->id && plan_fits(p, recipe) &&
            plan_shares(p, recipe->storage, &budget))
            plan_ask(p, recipe->storage);
    }
}

/* --- Outputs --- */

/* True if somebody who is no recipe of the plan holds the value. */
static bool plan_is_outside(const tp__plan_step *step)
{
    return step->held > step->inside;
}

/* True if the value is to be kept: somebody else holds it, it takes more to compute again than to
 * read, and either it is known to be read, by a recipe that is not in the plan, by a sweep or, if
 * it is costly, by a rule, or this is the second time that it is computed; the first time is only
 * noted. What is cheap and read by a rule costs no memory while it waits. */
static bool plan_keeps(const tp__plan_step *step)
{
    tp__storage *storage = step->storage;
    if (!storage || !plan_is_outside(step) || step->again <= PLAN_CHEAP)
        return false;
    bool read = storage->awaited || storage->computed || storage->readers > step->inside ||
                (storage->needed && step->again >= PLAN_COSTLY);
    storage->computed = true;
    return read;
}

/* What is held from outside stays, and so does what it needs: the recipe goes on waiting and reads
 * its sources when it runs. Backwards, so that a step is decided before those that it reads. */
static void plan_find_staying(tp__plan *p)
{
    for (uint32_t i = p->n_steps; i-- > 0;) {
        tp__plan_step *step = &p->steps[i];
        bool output = (step->out || step->asked) && !step->twins;
        step->stays = step->storage && !output && (step->stays || plan_is_outside(step));
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

/* True if an output may overwrite these elements: the plan's recipes are all that holds them, and
 * go when it has run; and none reads them after the output's step has run, or elsewhere than at the
 * element that is computed. */
static bool plan_owns(const tp__plan *p, uint32_t output, const tp__storage *storage)
{
    uint32_t reads = 0;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const tp__plan_step *step = &p->steps[i];
        if (step->source)
            continue;
        for (int k = 0; k < step->n; k++)
            if (step->recipe->source[k].storage == storage) {
                reads++;
                if (step->stays || i > output ||
                    !plan_reads_whole(&step->recipe->source[k], p->steps[output].item))
                    return false;
            }
    }
    return reads == tp__storage_refs(storage);
}

/* Elements that an output may overwrite are taken from their storage. */
static void plan_take_over(tp__plan *p, uint32_t output)
{
    tp__plan_step *asked = &p->steps[output];
    for (uint32_t i = 0; i <= output; i++) {
        const tp__plan_step *step = &p->steps[i];
        for (int k = 0; k < step->n; k++) {
            const tp__source *source = &step->recipe->source[k];
            tp__storage *from = source->storage;
            if (!plan_reads_whole(source, asked->item) || !from->data ||
                from->bytes != asked->storage->bytes || from->open || from->pinned ||
                from->read_only || from->readers != tp__storage_refs(from) ||
                !plan_owns(p, output, from))
                continue;
            asked->out = tp__storage_give(from);
            if (!asked->out)
                continue;
            asked->taken = from;
            return;
        }
    }
}

static bool plan_is_fold(const tp__plan_step *step)
{
    return step->storage && step->recipe->fold;
}

static bool plan_make_out(tp__plan *p, tp__plan_step *step)
{
    step->out = tp__block_take(p->thread, step->storage->bytes);
    return step->out != NULL;
}

static size_t plan_sums_bytes(const tp__plan_step *step)
{
    const tp__recipe *recipe = step->recipe;
    return (size_t)(tp__recipe_runs(recipe) * tp__recipe_blocks(recipe)) * sizeof *step->sums;
}

static bool plan_make_sums(tp__plan *p, tp__plan_step *step)
{
    step->sums = tp__block_take(p->thread, plan_sums_bytes(step));
    return step->sums && plan_make_out(p, step);
}

void tp__plan_drop_sums(const tp__plan *p, tp__plan_step *step)
{
    if (step->sums)
        tp__block_put(p->thread, step->sums, plan_sums_bytes(step));
    step->sums = NULL;
}

/* Takes all memory that the results need. */
static bool plan_outputs(tp__plan *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        tp__plan_step *step = &p->steps[i];
        plan_weigh(p, step);
        if (plan_is_fold(step)) {
            if (!plan_make_sums(p, step))
                return false;
        } else if (!step->asked && plan_keeps(step) && !plan_make_out(p, step)) {
            return false;
        }
    }
    plan_find_staying(p);
    for (uint32_t i = 0; i < p->n_steps; i++) {
        tp__plan_step *step = &p->steps[i];
        if (!step->asked || step->out)
            continue;
        plan_take_over(p, i);
        if (!step->out && !plan_make_out(p, step))
            return false;
    }
    return true;
}

/* The bytes of memory that a step reads which no step before it did. A storage that is marked as
 * met has elements, so that nobody takes it for a step's; one that threads share bears no marks. */
static size_t plan_read_bytes(const tp__plan *p, const tp__plan_step *step)
{
    size_t bytes = 0;
    for (int k = 0; k < step->n; k++) {
        tp__storage *from = step->recipe->source[k].storage;
        if (!step->from[k].data || !from || (!from->read_only && from->plan == p->id))
            continue;
        if (!from->read_only)
            from->plan = p->id;
        bytes += (size_t)p->size * step->from[k].item;
    }
    return bytes;
}

/* True if the step makes an output whose place in memory is new to the plan. */
static bool plan_writes_new(const tp__plan_step *step)
{
    return step->out && !step->taken && !plan_is_fold(step);
}

/* Where a plan reads and writes more than the caches hold, results are in none any more when they
 * are read, and throw out what is. If all waits so that tests see it, all plans count as large. */
static void plan_find_past(tp__plan *p)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        bytes += plan_read_bytes(p, &p->steps[i]) +
                 (plan_writes_new(&p->steps[i]) ? p->steps[i].storage->bytes : 0);
    p->past = bytes >= PLAN_PAST || tp__defer_from == 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        p->steps[i].past = p->past && plan_writes_new(&p->steps[i]);
}

/* --- Registers --- */

/* A step takes its register before those of its operands that it reads as the last one are free
 * again: so a kernel never writes over what it reads. */
static void plan_registers(tp__plan *p)
{
    uint32_t free_step = 0; /* whose register is free, and whose `next` leads on; counted from 1 */
    for (uint32_t i = 0; i < p->n_steps; i++)
        for (int k = 0; k < p->steps[i].n; k++)
            if (!p->steps[i].from[k].data)
                p->steps[p->steps[i].from[k].step].last = i;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        tp__plan_step *step = &p->steps[i];
        if (!step->out || step->past || (step->once && !plan_is_fold(step))) {
            bool old = free_step && !step->once;
            step->place = old ? p->steps[free_step - 1].place : p->n_registers++;
            if (old)
                free_step = p->steps[free_step - 1].next;
        }
        for (int k = 0; k < step->n; k++) {
            tp__plan_step *from = &p->steps[step->from[k].step];
            if (step->from[k].data || from->once || (from->out && !from->past) || from->last != i)
                continue;
            from->last = UINT32_MAX;
            from->next = free_step;
            free_step = step->from[k].step + 1;
        }
        if (step->past && !step->once && !step->last) {
            step->next = free_step;
            free_step = i + 1;
        }
    }
}

/* --- The plan --- */

bool tp__plan_make(tp__thread *t, tp__plan *p, tp__storage *const *storages, int n)
{
    *p = (tp__plan){.thread = t, .id = ++t->waiting.plans, .capacity = PLAN_FIRST};
    const tp__recipe *asked = tp__recipe_of(storages[0]);
    p->size = asked->size;
    p->run = asked->run % TP__FOLD_BLOCK && asked->run < asked->size ? asked->run : 0;
    p->steps = tp__block_take(t, plan_bytes(p));
    if (!p->steps)
        return false;
    for (int i = 0; i < n; i++)
        if (storages[i] && !storages[i]->data &&
            (i == 0 || plan_fits(p, tp__recipe_of(storages[i]))))
            plan_ask(p, storages[i]);
    if (!p->run) /* sums of all are made of blocks from the first element on */
        plan_join(p);
    if (p->full || !plan_outputs(p))
        return false;
    plan_find_past(p);
    plan_registers(p);
    return true;
}

void tp__plan_undo(tp__plan *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        tp__plan_step *step = &p->steps[i];
        tp__plan_drop_sums(p, step);
        if (step->taken)
            step->taken->data = step->out;
        else if (step->out)
            tp__block_put(p->thread, step->out, step->storage->bytes);
    }
    if (p->steps)
        tp__block_put(p->thread, p->steps, plan_bytes(p));
}

/* A storage that has its elements drops its recipe, and with it references to others, perhaps to
 * one that is settled next: so all are held meanwhile. */
void tp__plan_settle(tp__plan *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].out)
            tp__storage_ref(p->steps[i].storage);
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const tp__plan_step *step = &p->steps[i];
        if (!step->out)
            continue;
        tp__storage_settle(step->storage, step->out);
        tp__storage_drop(step->storage);
    }
    tp__block_put(p->thread, p->steps, plan_bytes(p));
}
