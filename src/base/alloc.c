/* SPDX-License-Identifier: MIT
 *
 * Memory from the system, and blocks that a thread keeps.
 *
 * The first part is malloc and its like with two things added: an error when there is no memory,
 * and the counting by which tests make a request fail.
 *
 * The second part serves what is needed again and again, elements of arrays above all. A free block
 * lies in a list of its thread and its size class, whose link is in the block's first bytes, so
 * taking and giving back need no lock and no search. Blocks do not know their size: who gives one
 * back says how many bytes were asked for. What a thread uses and keeps together never exceeds its
 * peak in use by more than ALLOC_SLACK; what would goes back to the system.
 */
#include "base/features.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if !defined(TP_NO_THREADS) && !defined(TP_PLAIN_NODES)
#include <sys/mman.h>
#endif

#include "base/scope.h"
#include "base/thread.h"
#include "tinypytorch/engine.h"

/* Counts a request, and says whether a test wants it to fail. */
static bool alloc_refused(size_t bytes)
{
    tp__thread *t = tp__here();
    t->memory.requests++;
    return (t->memory.failing && t->memory.requests == t->memory.failing) ||
           (t->memory.largest && bytes > t->memory.largest);
}

static void *alloc_checked(void *block, size_t bytes)
{
    if (!block)
        tp_fail(TP_ERROR_MEMORY, "out of memory: %zu bytes", bytes);
    return block;
}

void *tp__alloc(size_t bytes)
{
    return alloc_checked(alloc_refused(bytes) ? NULL : malloc(bytes ? bytes : 1), bytes);
}

/* The bytes of count items; SIZE_MAX, of which no memory has so many, if that overflows. */
static size_t alloc_product(size_t count, size_t bytes)
{
    return bytes && count > SIZE_MAX / bytes ? SIZE_MAX : count * bytes;
}

void *tp__alloc_zero(size_t count, size_t bytes)
{
    return alloc_checked(
        alloc_refused(alloc_product(count, bytes)) ? NULL : calloc(count ? count : 1, bytes),
        alloc_product(count, bytes));
}

void *tp__alloc_aligned(size_t bytes)
{
    return alloc_checked(tp__alloc_spare(bytes), bytes);
}

void *tp__alloc_spare(size_t bytes)
{
    void *block = NULL;
    return alloc_refused(bytes) || posix_memalign(&block, 64, bytes ? bytes : 1) ? NULL : block;
}

void *tp__realloc(void *block, size_t bytes)
{
    return alloc_checked(alloc_refused(bytes) ? NULL : realloc(block, bytes ? bytes : 1), bytes);
}

void tp__free(void *block)
{
    free(block);
}

char *tp__copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = tp__alloc(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

void tp__alloc_fail_above(size_t bytes)
{
    tp__here()->memory.largest = bytes;
}

size_t tp__alloc_fail_at(size_t n)
{
    tp__thread *t = tp__here();
    size_t requests = t->memory.requests;
    t->memory.requests = 0;
    t->memory.failing = n;
    return requests;
}

/* --- Blocks --- */

enum {
    ALLOC_SMALLEST = 6,    /* 64 bytes */
    ALLOC_SLACK = 64 << 20 /* bytes kept beyond the peak in use */
};

/* The class of a size, and the size of its blocks. From 64 bytes on there are four classes to each
 * power of two, so that less than a fifth of a block goes unused. */
static int alloc_class(size_t bytes, size_t *size)
{
    if (bytes <= 1 << ALLOC_SMALLEST) {
        *size = 1 << ALLOC_SMALLEST;
        return 0;
    }
    int power = 63 - __builtin_clzll((unsigned long long)(bytes - 1));
    size_t quarter = (size_t)1 << (power - 2), base = (size_t)1 << power;
    size_t steps = (bytes - base + quarter - 1) >> (power - 2);
    *size = base + steps * quarter;
    return 4 * (power - ALLOC_SMALLEST) + (int)steps;
}

static size_t alloc_size(int class)
{
    if (class == 0)
        return (size_t)1 << ALLOC_SMALLEST;
    size_t base = (size_t)1 << (ALLOC_SMALLEST + (class - 1) / 4);
    return base + (size_t)((class - 1) % 4 + 1) * (base / 4);
}

/* A large block has pages of its own, which the system gets back at once, while malloc keeps what
 * lies between others. They begin with large ones, as far as these are sure to be filled: fewer
 * faults, fewer misses of the page tables, no memory more. */
#if defined(MAP_ANONYMOUS)

enum { ALLOC_HUGE_PAGE = 2 << 20, ALLOC_PAGES = 2 * ALLOC_HUGE_PAGE };

static void *alloc_pages(size_t bytes, size_t size)
{
    char *from = MAP_FAILED;
    if (!alloc_refused(size))
        from = mmap(NULL, size + ALLOC_HUGE_PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (from == MAP_FAILED)
        return alloc_checked(NULL, size);
    size_t before = -(uintptr_t)from % ALLOC_HUGE_PAGE;
    char *block = from + before;
    if (before)
        (void)munmap(from, before);
    (void)munmap(block + size, ALLOC_HUGE_PAGE - before);
#if defined(MADV_HUGEPAGE)
    (void)madvise(block, bytes / ALLOC_HUGE_PAGE * ALLOC_HUGE_PAGE, MADV_HUGEPAGE);
#endif
    return block;
}

static void *alloc_block(size_t bytes, size_t size)
{
    return size < ALLOC_PAGES ? tp__alloc_aligned(size) : alloc_pages(bytes, size);
}

static void alloc_return(void *block, size_t size)
{
    if (size < ALLOC_PAGES)
        tp__free(block);
    else
        (void)munmap(block, size);
}

#else

static void *alloc_block(size_t bytes, size_t size)
{
    (void)bytes;
    return tp__alloc_aligned(size);
}

static void alloc_return(void *block, size_t size)
{
    (void)size;
    tp__free(block);
}

#endif

void *tp__alloc_for_good(size_t bytes)
{
    return alloc_block(bytes, bytes);
}

/* The system is asked for memory seldom enough to do here what is to be done now and then: to look
 * for values that no scope frees, and to give back the blocks that are kept, none of which has this
 * size. */
static void *alloc_more(tp__thread *t, size_t bytes, size_t size)
{
    if (t->memory.bytes.in_use >= tp__scope_most_bytes &&
        t->memory.bytes.in_use > t->scopes.weighed)
        tp__scope_weigh(t);
    if (t->memory.bytes.in_use + t->memory.bytes.kept + size > t->memory.bytes.peak + ALLOC_SLACK)
        tp__block_trim(t);
    return alloc_block(bytes, size);
}

/* A size beyond PTRDIFF_MAX, with which alloc_class could not reckon, is left to malloc to refuse.
 */
void *tp__block_take(tp__thread *t, size_t bytes)
{
    if (TP_UNLIKELY(bytes > PTRDIFF_MAX))
        return tp__alloc(bytes);
    size_t size;
    int class = alloc_class(bytes, &size);
    void *block = class < TP__BLOCK_CLASSES ? t->memory.free_blocks[class] : NULL;
    if (TP_LIKELY(block != NULL)) {
        t->memory.free_blocks[class] = *(void **)block;
        t->memory.bytes.kept -= size;
    } else if (!(block = alloc_more(t, bytes, size))) {
        return NULL;
    }
    t->memory.bytes.in_use += size;
    if (t->memory.bytes.in_use > t->memory.bytes.peak)
        t->memory.bytes.peak = t->memory.bytes.in_use;
    return block;
}

/* The block may have been taken in another thread. Then in_use, which counts what this one took,
 * may be the smaller, and stays at 0. */
void tp__block_put(tp__thread *t, void *block, size_t bytes)
{
    size_t size;
    int class = alloc_class(bytes, &size);
    t->memory.bytes.in_use -= size < t->memory.bytes.in_use ? size : t->memory.bytes.in_use;
#if defined(TP_PLAIN_NODES)
    class = TP__BLOCK_CLASSES;
#endif
    bool full =
        t->memory.bytes.in_use + t->memory.bytes.kept + size > t->memory.bytes.peak + ALLOC_SLACK;
    if (class >= TP__BLOCK_CLASSES || full) {
        alloc_return(block, size);
        return;
    }
    *(void **)block = t->memory.free_blocks[class];
    t->memory.free_blocks[class] = block;
    t->memory.bytes.kept += size;
}

void tp__block_trim(tp__thread *t)
{
    for (int class = 0; class < TP__BLOCK_CLASSES; class ++)
        while (t->memory.free_blocks[class]) {
            void *block = t->memory.free_blocks[class];
            t->memory.free_blocks[class] = *(void **)block;
            alloc_return(block, alloc_size(class));
        }
    t->memory.bytes.kept = 0;
}

tp_memory tp_memory_stats(void)
{
    tp__thread *t = tp__here();
    tp_memory memory = t->memory.bytes;
    memory.requests = t->memory.requests;
    return memory;
}

void tp_reset_peak(void)
{
    tp__thread *t = tp__here();
    t->memory.bytes.peak = t->memory.bytes.in_use;
}

void tp_trim_memory(void)
{
    tp__block_trim(tp__here());
}
