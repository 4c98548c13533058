/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "base/recycle.h"

#include "base/alloc.h"
#include "base/scope.h"
#include "tinypytorch/engine.h"

enum {
    RECYCLE_SMALLEST = 6,    /* 64 bytes */
    RECYCLE_SLACK = 64 << 20 /* bytes kept beyond the peak in use */
};

/* The class of a size, and the size of its blocks. */
static int recycle_class(size_t bytes, size_t *size)
{
    if (bytes <= 1 << RECYCLE_SMALLEST) {
        *size = 1 << RECYCLE_SMALLEST;
        return 0;
    }
    int power = 63 - __builtin_clzll((unsigned long long)(bytes - 1));
    size_t quarter = (size_t)1 << (power - 2), base = (size_t)1 << power;
    size_t steps = (bytes - base + quarter - 1) >> (power - 2);
    *size = base + steps * quarter;
    return 4 * (power - RECYCLE_SMALLEST) + (int)steps;
}

static void *recycle_more(tp__thread *t, size_t size)
{
    if (t->memory.in_use >= tp__scope_most_bytes && t->memory.in_use > t->weighed)
        tp__scope_weigh(t);
    if (t->memory.in_use + t->memory.kept + size > t->memory.peak + RECYCLE_SLACK)
        tp__block_trim(t);
    return tp__alloc_aligned(size);
}

void *tp__block_take(tp__thread *t, size_t bytes)
{
    if (TP_UNLIKELY(bytes > PTRDIFF_MAX))
        return tp__alloc(bytes);
    size_t size;
    int class = recycle_class(bytes, &size);
    void *block = class < TP__BLOCK_CLASSES ? t->kept_blocks[class] : NULL;
    if (TP_LIKELY(block != NULL)) {
        t->kept_blocks[class] = *(void **)block;
        t->memory.kept -= size;
    } else if (!(block = recycle_more(t, size))) {
        return NULL;
    }
    t->memory.in_use += size;
    if (t->memory.in_use > t->memory.peak)
        t->memory.peak = t->memory.in_use;
    return block;
}

void tp__block_put(tp__thread *t, void *block, size_t bytes)
{
    size_t size;
    int class = recycle_class(bytes, &size);
    t->memory.in_use -= size < t->memory.in_use ? size : t->memory.in_use;
#if defined(TP_PLAIN_NODES)
    class = TP__BLOCK_CLASSES;
#endif
    bool full = t->memory.in_use + t->memory.kept + size > t->memory.peak + RECYCLE_SLACK;
    if (class >= TP__BLOCK_CLASSES || full) {
        tp__free(block);
        return;
    }
    *(void **)block = t->kept_blocks[class];
    t->kept_blocks[class] = block;
    t->memory.kept += size;
}

void tp__block_trim(tp__thread *t)
{
    for (int class = 0; class < TP__BLOCK_CLASSES; class ++)
        while (t->kept_blocks[class]) {
            void *block = t->kept_blocks[class];
            t->kept_blocks[class] = *(void **)block;
            tp__free(block);
        }
    t->memory.kept = 0;
}

tp_memory tp_memory_stats(void)
{
    tp__thread *t = tp__here();
    tp_memory memory = t->memory;
    memory.requests = t->requests;
    return memory;
}

void tp_reset_peak(void)
{
    tp__thread *t = tp__here();
    t->memory.peak = t->memory.in_use;
}

void tp_trim_memory(void)
{
    tp__block_trim(tp__here());
}
