/* SPDX-License-Identifier: MIT
 *
 * Making a plan: which steps there are, which of them have an output, where the others' results
 * lie. All that may fail here comes before the plan runs.
 */
#include "base/features.h"

#include "array/plan.h"

#include <string.h>

#include "base/alloc.h"

enum { PLAN_FOLDS = 64 /* waiting sums that are looked at */ };

/* --- Making the steps --- */

static uint32_t plan_visit(tp__plan *p, tp__storage *storage);

static uint32_t plan_add(tp__plan *p, tp__plan_step step)
{
    p->steps[p->n_steps] = step;
    return p->n_steps++;
}

/* Uniform sources of the same bits are brought once. */
static uint32_t plan_bring(tp__plan *p, const tp__recipe *recipe, const tp__source *source)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const tp__source *other = p->steps[i].source;
        if (source->reach == TP__UNIFORM && other && other->reach == TP__UNIFORM &&
            other->item == source->item &&
            !memcmp(other->value.bytes, source->value.bytes, source->item))
            return i;
    }
    return plan_add(p, (tp__plan_step){.recipe = recipe,
                                       .source = source,
                                       .item = source->item,
                                       .once = source->reach == TP__UNIFORM});
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

/* The step of the plan that computes the same as `step`, which is not in it; n_steps if there is
 * none.
 */
static uint32_t plan_find(const tp__plan *p, const tp__plan_step *step)
{
    uint32_t i = 0;
    for (; i < p->n_steps; i++) {
        const tp__plan_step *other = &p->steps[i];
        if (!other->source && !other->recipe->fold && other->recipe->loop == step->recipe->loop &&
            other->recipe->attr.integer == step->recipe->attr.integer &&
            !memcmp(other->from, step->from, sizeof step->from))
            break;
    }
    return i;
}

/* The number of the step that computes these deferred elements, made, with those below it, if there
 * is none yet. Storages that compute the same share a step, which is the first one's. */
static uint32_t plan_visit(tp__plan *p, tp__storage *storage)
{
    if (storage->plan == p->id)
        return storage->place;
    const tp__recipe *recipe = tp__recipe_of(storage);
    tp__plan_step step = {
        .recipe = recipe, .storage = storage, .n = recipe->n, .item = recipe->item};
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
static bool plan_is_outside(const tp__plan_step *step)
{
    return step->held > step->inside;
}

/* --- Outputs --- */

/* What is held from outside stays, and so does what it needs: the recipe goes on waiting and reads
 * its sources when it runs. Backwards, so that a step is decided before those that it reads. */
static void plan_find_staying(tp__plan *p)
{
    for (uint32_t i = p->n_steps; i-- > 0;) {
        tp__plan_step *step = &p->steps[i];
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
static bool plan_owns(const tp__plan *p, const tp__storage *storage)
{
    uint32_t reads = 0;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const tp__plan_step *step = &p->steps[i];
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
static char *plan_take_over(tp__plan *p, size_t bytes)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const tp__plan_step *step = &p->steps[i];
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

static bool plan_is_fold(const tp__plan_step *step)
{
    return step->storage && step->recipe->fold;
}

/* True if the graph of recipes below computes a costly value of the plan. Looks at no more recipes
 * than budget. */
static bool plan_shares(const tp__plan *p, const tp__storage *storage, int *budget)
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
static void plan_add_folds(tp__thread *t, tp__plan *p)
{
    int looks = PLAN_FOLDS;
    bool costly = false;
    for (uint32_t i = 0; i < p->n_steps && !costly; i++)
        costly = p->steps[i].recipe->costly && !p->steps[i].source;
    for (const tp__recipe *fold = t->waiting.folds; fold && costly && looks--; fold = fold->next) {
        int budget = TP__HEAVIEST;
        if (fold->size == p->size && fold->storage->plan != p->id &&
            p->n_steps + 4 * fold->weight <= TP__PLAN_STEPS &&
            plan_shares(p, fold->storage, &budget))
            plan_visit(p, fold->storage);
    }
}

static bool plan_make_sums(tp__thread *t, const tp__plan *p, tp__plan_step *step)
{
    step->sums = tp__block_take(t, (size_t)tp__plan_sums(p) * sizeof(double));
    step->out = step->sums ? tp__block_take(t, step->storage->bytes) : NULL;
    return step->out != NULL;
}

void tp__plan_drop_sums(tp__thread *t, const tp__plan *p, tp__plan_step *step)
{
    if (step->sums)
        tp__block_put(t, step->sums, (size_t)tp__plan_sums(p) * sizeof(double));
    step->sums = NULL;
}

/* Takes all memory that the results need. A costly value that others hold becomes an output the
 * second time that a plan computes it; the first time is only noted, in `computed`. */
static bool plan_outputs(tp__thread *t, tp__plan *p)
{
    tp__plan_step *root = &p->steps[p->root];
    for (uint32_t i = 0; i < p->n_steps; i++) {
        tp__plan_step *step = &p->steps[i];
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

void tp__plan_undo(tp__thread *t, tp__plan *p)
{
    tp__plan_step *root = &p->steps[p->root];
    if (p->taken) {
        p->taken->data = root->out;
        root->out = NULL;
    }
    for (uint32_t i = 0; i < p->n_steps; i++) {
        tp__plan_drop_sums(t, p, &p->steps[i]);
        if (p->steps[i].out)
            tp__block_put(t, p->steps[i].out, p->steps[i].storage->bytes);
    }
}

/* A storage that has its elements drops its recipe, and with it references to others, perhaps to
 * one that is settled next: so all are held meanwhile. */
void tp__plan_settle(tp__plan *p)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        tp__plan_step *step = &p->steps[i];
        if (step->out)
            tp__storage_ref(step->storage);
    }
    for (uint32_t i = 0; i < p->n_steps; i++) {
        tp__plan_step *step = &p->steps[i];
        if (!step->out)
            continue;
        tp__storage_settle(step->storage, step->out);
        tp__storage_drop(step->storage);
    }
}

/* --- Registers --- */

/* A step takes its register before those of its operands that it reads as the last one are free
 * again: so a kernel never writes over what it reads. */
static void plan_registers(tp__plan *p)
{
    uint32_t free_registers[TP__PLAN_STEPS], n_free = 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        for (int k = 0; k < p->steps[i].n; k++)
            if (!p->steps[i].from[k].data)
                p->steps[p->steps[i].from[k].step].last = i;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        tp__plan_step *step = &p->steps[i];
        if (!step->out || (step->once && !plan_is_fold(step)))
            step->place = n_free && !step->once ? free_registers[--n_free] : p->n_registers++;
        for (int k = 0; k < step->n; k++) {
            tp__plan_step *from = &p->steps[step->from[k].step];
            if (step->from[k].data || from->once || from->out || from->last != i)
                continue;
            from->last = UINT32_MAX;
            free_registers[n_free++] = from->place;
        }
    }
}

bool tp__plan_make(tp__thread *t, tp__plan *p, tp__storage *storage)
{
    p->id = ++t->waiting.plans;
    p->n_steps = p->n_registers = 0;
    p->size = tp__recipe_of(storage)->size;
    p->taken = NULL;
    p->root = plan_visit(p, storage);
    plan_add_folds(t, p);
    if (!plan_outputs(t, p))
        return false;
    plan_registers(p);
    return true;
}
