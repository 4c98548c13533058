/* SPDX-License-Identifier: MIT
 *
 * Tokens are a doubly linked list; pairs wait in a heap. A pair whose tokens have changed since it
 * was put there is passed over when it comes up.
 */
#include "base/features.h"

#include "data/merge.h"

#include <string.h>

#include "base/alloc.h"

typedef struct merge_link {
    int64_t token, before, after; /* token −1: joined to one before it; places −1: none */
} merge_link;

typedef struct merge_pair {
    double key;
    int64_t at, left, right, joined;
} merge_pair;

typedef struct merge {
    const tp_tokenizer *k;
    tp__merge_rule *rule;
    merge_link *links;
    merge_pair *heap;
    int64_t n_heap;
} merge;

static bool merge_before(const merge_pair *a, const merge_pair *b)
{
    return a->key < b->key || (a->key <= b->key && a->at < b->at);
}

static void merge_push(merge *m, merge_pair pair)
{
    int64_t i = m->n_heap++;
    for (; i > 0 && merge_before(&pair, &m->heap[(i - 1) / 2]); i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = pair;
}

static merge_pair merge_pop(merge *m)
{
    merge_pair top = m->heap[0], last = m->heap[--m->n_heap];
    int64_t i = 0;
    for (;;) {
        int64_t child = 2 * i + 1;
        if (child + 1 < m->n_heap && merge_before(&m->heap[child + 1], &m->heap[child]))
            child++;
        if (child >= m->n_heap || !merge_before(&m->heap[child], &last))
            break;
        m->heap[i] = m->heap[child];
        i = child;
    }
    m->heap[i] = last;
    return top;
}

static void merge_offer(merge *m, int64_t at)
{
    merge_pair pair = {.at = at};
    if (at < 0 || m->links[at].after < 0)
        return;
    pair.left = m->links[at].token;
    pair.right = m->links[m->links[at].after].token;
    if (m->rule(m->k, pair.left, pair.right, &pair.joined, &pair.key))
        merge_push(m, pair);
}

static void merge_join(merge *m, const merge_pair *pair)
{
    merge_link *link = &m->links[pair->at];
    if (link->token != pair->left || link->after < 0 || m->links[link->after].token != pair->right)
        return;
    merge_link *gone = &m->links[link->after];
    link->token = pair->joined;
    link->after = gone->after;
    gone->token = -1;
    if (link->after >= 0)
        m->links[link->after].before = pair->at;
    merge_offer(m, link->before);
    merge_offer(m, pair->at);
}

/* Each join takes a pair from the heap and offers two, so three a token are room enough. */
bool tp__merge_all(const tp_tokenizer *k, tp__merge_rule *rule, tp__token_list *list, int64_t from)
{
    int64_t n = list->n - from, *tokens = list->at + from;
    if (n < 2)
        return true;
    merge m = {.k = k, .rule = rule};
    merge_link few_links[32];
    merge_pair few_pairs[96];
    bool few = n <= 32;
    m.links = few ? few_links : tp__alloc((size_t)n * sizeof *m.links);
    m.heap = few ? few_pairs : m.links ? tp__alloc(3 * (size_t)n * sizeof *m.heap) : NULL;
    if (m.heap) {
        for (int64_t i = 0; i < n; i++)
            m.links[i] = (merge_link){tokens[i], i - 1, i + 1 < n ? i + 1 : -1};
        for (int64_t i = 0; i < n; i++)
            merge_offer(&m, i);
        while (m.n_heap) {
            merge_pair pair = merge_pop(&m);
            merge_join(&m, &pair);
        }
        list->n = from;
        for (int64_t i = 0; i >= 0; i = m.links[i].after)
            list->at[list->n++] = m.links[i].token;
    }
    bool good = m.heap;
    if (!few) {
        tp__free(m.links);
        tp__free(m.heap);
    }
    return good;
}
