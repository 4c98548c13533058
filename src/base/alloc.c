/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/thread.h"

enum { ALLOC_HUGE_PAGE = 2 << 20 };

static bool alloc_refused(size_t bytes)
{
    tp__thread *t = tp__here();
    t->requests++;
    return (t->failing_request && t->requests == t->failing_request) ||
           (t->largest_request && bytes > t->largest_request);
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

/* SIZE_MAX, which there never is, where it is too large. */
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

/* Large blocks ask for large pages: fewer faults, fewer misses of the page tables. */
void *tp__alloc_aligned(size_t bytes)
{
    void *block = NULL;
    bool large = bytes >= 2 * ALLOC_HUGE_PAGE;
    if (alloc_refused(bytes) ||
        posix_memalign(&block, large ? ALLOC_HUGE_PAGE : 64, bytes ? bytes : 1))
        block = NULL;
#if defined(MADV_HUGEPAGE)
    if (block && large)
        (void)madvise(block, bytes, MADV_HUGEPAGE);
#endif
    return alloc_checked(block, bytes);
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
    tp__here()->largest_request = bytes;
}

size_t tp__alloc_fail_at(size_t n)
{
    tp__thread *t = tp__here();
    size_t requests = t->requests;
    t->requests = 0;
    t->failing_request = n;
    return requests;
}
