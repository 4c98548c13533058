/* SPDX-License-Identifier: MIT
 *
 * Nodes: where their memory comes from, how elements are laid out in them, and how they go.
 *
 * Memory. Nodes come in blocks. One that goes is put on the free list of the thread that drops it,
 * and is the next one to be used. A thread that ends leaves its free nodes to threads to come.
 * Blocks are never given back to the system, so a pointer to a node that went still points to a
 * node, whose flags say that it is gone (TP__GONE), and its use is an error until another value
 * takes its place.
 *
 * Making. Every node starts as a number, which is whole, and is changed into what it is to be step
 * by step, so that it can be dropped if memory runs out on the way.
 *
 * Going. tp__node_free works through a list: what a node held and nobody else does joins it by its
 * `link`. Nothing recurses and nothing needs memory, however long the chain is that goes. Most
 * nodes have two inputs at most and nothing else (no TP__PARTS), and pass quickly.
 */
#include "base/features.h"

#include "base/node.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/debug.h"
#include "base/dtype.h"
#include "base/extra.h"
#include "base/system.h"
#include "tinypytorch/scope.h"

_Static_assert(sizeof(void *) != 8 || (sizeof(tp_var) == 256 && TP__SMALL_NODE == 128),
               "a node is four lines of cache, a number's two");

/* The value of every call that failed. No flag says that it is a number, so that no short path
 * takes it, and counting leaves it alone. */
tp_var tp__poison_node = {
    .refs = 1,
    .flags = TP__POISON | TP__CONTIGUOUS,
    .dtype = TP_F64,
    .size = 1,
    .data = tp__poison_node.value.number,
    .value.number = {(double)NAN},
};

static tp__mutex node_lock = TP__MUTEX_START;
static tp_var *node_spare[2];     /* free nodes of threads that ended: whole and small ones */
static atomic_size_t node_shared; /* how many there are, in no thread's count */

#if defined(TP_PLAIN_NODES)

tp_var *tp__node_more(tp__thread *t, bool small)
{
    (void)t;
    return tp__alloc_aligned(small ? TP__SMALL_NODE : sizeof(tp_var));
}

tp_var *tp__node_spare(void)
{
    void *v = NULL;
    if (posix_memalign(&v, 64, TP__SMALL_NODE))
        return NULL;
    ((tp_var *)v)->link = NULL;
    return v;
}

#else

/* Nodes come in blocks that outlast their thread, and of a block as many at a time as make a run.
 * Blocks grow with what there is, up to where the system gives large pages. TP_PLAIN_NODES gives
 * each node a block of its own, so that memory checkers see its end, and every request can be made
 * to fail. */
enum { NODE_RUN = 24 << 10, NODE_LEAST = 96 << 10, NODE_MOST = 4 << 20, NODE_HEAD = 64 };

typedef struct node_block {
    struct node_block *next;
    size_t used, bytes;
} node_block;

static node_block *node_blocks[2]; /* of whole nodes, of small ones; the newest is in use */

/* Room for a run, under the lock. */
static char *node_run(bool small)
{
    node_block *block = node_blocks[small];
    if (!block || block->used == block->bytes) {
        size_t bytes = NODE_HEAD + (block ? 2 * block->bytes : NODE_LEAST);
        bytes = bytes < NODE_MOST ? bytes : NODE_MOST;
        block = tp__alloc_for_good(bytes);
        if (!block)
            return NULL;
        bytes -= NODE_HEAD;
        *block = (node_block){.next = node_blocks[small], .bytes = bytes - bytes % NODE_RUN};
        node_blocks[small] = block;
    }
    char *run = (char *)block + NODE_HEAD + block->used;
    block->used += NODE_RUN;
    return run;
}

tp_var *tp__node_more(tp__thread *t, bool small)
{
    size_t bytes = small ? TP__SMALL_NODE : sizeof(tp_var);
    tp__lock(&node_lock);
    tp_var *v = node_spare[small];
    node_spare[small] = NULL;
    char *run = v ? NULL : node_run(small);
    tp__unlock(&node_lock);
    for (size_t at = NODE_RUN / bytes * bytes; run && at > 0; at -= bytes) {
        tp_var *before = v;
        v = (tp_var *)(void *)(run + at - bytes);
        v->link = before;
    }
    if (v)
        t->memory.free_nodes[small] = v->link;
    return v;
}

#endif

void tp__node_give_back(tp__thread *t)
{
    for (int small = 0; small < 2; small++) {
        tp_var *last = t->memory.free_nodes[small];
        if (!last)
            continue;
        while (last->link)
            last = last->link;
        tp__lock(&node_lock);
        last->link = node_spare[small];
        node_spare[small] = t->memory.free_nodes[small];
        tp__unlock(&node_lock);
        t->memory.free_nodes[small] = NULL;
    }
}

/* Contiguous strides into strides; the number of elements, or -1 if memory cannot hold them. An
 * axis of size 0 counts as 1, so a shape that is too large without it is refused, although it is
 * empty. */
static int64_t node_layout(size_t item, int ndim, const int64_t *shape, int64_t *strides)
{
    int64_t size = 1, stride = 1, bytes;
    bool huge = false;
    for (int i = ndim - 1; i >= 0; i--) {
        strides[i] = stride;
        huge = __builtin_mul_overflow(stride, shape[i] > 0 ? shape[i] : 1, &stride) || huge;
        size = huge ? 0 : size * shape[i];
    }
    huge = huge || __builtin_mul_overflow(stride, (int64_t)item, &bytes);
    return huge || (uint64_t)bytes > SIZE_MAX / 2 ? -1 : size;
}

/* Lays v out if it has up to two axes of fewer than 2²⁸ elements, whose product any memory can
 * count in bytes; 2¹³ where addresses have 32 bits. */
static bool node_layout_few(tp_var *v, int ndim, const int64_t *shape)
{
    const uint64_t most = SIZE_MAX > UINT32_MAX ? 1 << 28 : 1 << 13;
    if (ndim == 1 && (uint64_t)shape[0] < most) {
        v->size = v->dims.few[0] = shape[0];
        v->dims.few[1] = 1;
    } else if (ndim == 2 && (uint64_t)shape[0] < most && (uint64_t)shape[1] < most) {
        v->dims.few[0] = shape[0];
        v->dims.few[1] = shape[1];
        v->dims.few[2] = shape[1] > 0 ? shape[1] : 1;
        v->dims.few[3] = 1;
        v->size = shape[0] * shape[1];
    } else if (ndim != 0) {
        return false;
    }
    v->ndim = (uint8_t)ndim;
    return true;
}

/* Room for ndim sizes and strides. ndim is 0 until it is there, so that v can be dropped if it is
 * not. */
static bool node_dims(tp_var *v, int ndim)
{
    v->ndim = 0;
    if (ndim > TP__INLINE_DIMS) {
        int64_t *dims = tp__alloc(2 * (size_t)ndim * sizeof *dims);
        if (!dims)
            return false;
        v->dims.many = dims;
        v->flags |= TP__PARTS;
    }
    v->ndim = (uint8_t)ndim;
    return true;
}

static void node_too_large(int ndim, const int64_t *shape)
{
    char text[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_MEMORY, "an array of shape %s is larger than memory can be",
            tp__shape_text(text, ndim, shape));
}

/* Marks v, whose size is known. */
TP_INLINE void node_weigh(tp_var *v)
{
    if ((size_t)v->size * tp__dtype_size(v->dtype) <= TP__INLINE_BYTES)
        v->flags |= TP__LITTLE;
}

/* A contiguous constant without elements. */
static tp_var *node_shaped(tp__thread *t, tp_dtype dtype, int ndim, const int64_t *shape)
{
    if (ndim == 0 && dtype == TP_F64)
        return tp__node_number(t, 0);
    tp_var *v = tp__node_start(t, false);
    if (!v)
        return NULL;
    v->unread = 0;
    v->flags &= (uint16_t)~TP__NUMBER;
    v->dtype = (uint8_t)dtype;
    if (TP_LIKELY(node_layout_few(v, ndim, shape))) {
        node_weigh(v);
        return v;
    }
    if (node_dims(v, ndim)) {
        v->size = node_layout(tp__dtype_size(dtype), ndim, shape, tp__strides(v));
        if (v->size >= 0) {
            node_weigh(v);
            for (int i = 0; i < ndim; i++)
                tp__shape(v)[i] = shape[i];
            return v;
        }
        node_too_large(ndim, shape);
    }
    tp__drop(v);
    return NULL;
}

/* Room for v's elements, where they do not fit into the node. */
TP_INLINE tp_var *node_filled(tp_var *v)
{
    if (TP_UNLIKELY(!v) || (v->flags & (TP__LITTLE | TP__NUMBER)))
        return v;
    v->storage = tp__storage_new((size_t)v->size * tp__dtype_size(v->dtype));
    if (v->storage) {
        v->data = v->storage->data;
        v->flags |= TP__PARTS;
        return v;
    }
    tp__drop(v);
    return NULL;
}

tp_var *tp__node_array(tp__thread *t, tp_dtype dtype, int ndim, const int64_t *shape)
{
    return node_filled(node_shaped(t, dtype, ndim, shape));
}

tp_var *tp__node_like(tp__thread *t, const tp_var *like)
{
    tp_var *v = tp__node_start(t, false);
    if (TP_UNLIKELY(!v))
        return NULL;
    v->unread = 0;
    v->flags = TP__CONTIGUOUS | (like->flags & TP__LITTLE);
    v->dtype = like->dtype;
    v->ndim = like->ndim;
    v->size = like->size;
    v->dims.few[0] = like->dims.few[0];
    v->dims.few[1] = like->ndim == 1 ? 1 : like->dims.few[1];
    v->dims.few[2] = v->dims.few[1];
    v->dims.few[3] = 1;
    return node_filled(v);
}

tp_var *tp__node_holding(tp__thread *t, tp__storage *storage, tp_dtype dtype, int ndim,
                         const int64_t *shape)
{
    tp_var *v = node_shaped(t, dtype, ndim, shape);
    if (!v) {
        tp__storage_drop(storage);
        return NULL;
    }
    v->flags = (v->flags & (uint16_t)~TP__NUMBER) | TP__PARTS;
    v->storage = storage;
    v->data = storage->data;
    return v;
}

/* An axis of size 1 is never stepped along, so its stride does not matter. */
static bool node_is_contiguous(const tp_var *v)
{
    const int64_t *shape = tp__shape(v), *strides = tp__strides(v);
    int64_t expected = 1;
    for (int i = v->ndim - 1; i >= 0; i--) {
        if (shape[i] == 0)
            return true;
        if (shape[i] != 1 && strides[i] != expected)
            return false;
        expected *= shape[i];
    }
    return true;
}

tp_var *tp__node_over(tp__thread *t, tp__storage *storage, void *data, tp_dtype dtype, int ndim,
                      const int64_t *shape, const int64_t *strides)
{
    int64_t unused[TP_MAX_NDIM], size = node_layout(tp__dtype_size(dtype), ndim, shape, unused);
    tp_var *v = size < 0 ? NULL : tp__node_start(t, false);
    if (!v || !node_dims(v, ndim)) {
        tp__storage_drop(storage);
        if (v)
            tp__drop(v);
        else if (size < 0)
            node_too_large(ndim, shape);
        return NULL;
    }
    v->unread = 0;
    v->size = size;
    v->flags |= TP__PARTS;
    v->storage = storage;
    v->data = data;
    v->dtype = (uint8_t)dtype;
    for (int i = 0; i < ndim; i++) {
        tp__shape(v)[i] = shape[i];
        tp__strides(v)[i] = strides[i];
    }
    if (ndim != 0 || dtype != TP_F64)
        v->flags &= (uint16_t)~TP__NUMBER;
    else
        v->flags |= TP__OUTSIDE;
    if (!node_is_contiguous(v))
        v->flags &= (uint16_t)~TP__CONTIGUOUS;
    node_weigh(v);
    return v;
}

bool tp__node_expose(tp_var *v)
{
    if (v->storage)
        return true;
    tp__storage *storage = tp__storage_new(TP__INLINE_BYTES);
    if (!storage)
        return false;
    memcpy(storage->data, v->value.bytes, (size_t)v->size * tp__dtype_size(v->dtype));
    storage->version = v->version;
    v->storage = storage;
    v->data = storage->data;
    v->flags |= TP__PARTS | TP__OUTSIDE;
    return true;
}

/* Elements that live in a shared node are not moved, since other threads may be reading them: the
 * view is of a copy, which differs in nothing, for they are never edited. */
tp_var *tp__node_view(tp__thread *t, tp_var *base, int ndim, const int64_t *shape,
                      const int64_t *strides, int64_t offset)
{
    tp__storage *storage;
    char *data;
    if (!base->storage && (base->flags & TP__SHARED)) {
        storage = tp__storage_new(TP__INLINE_BYTES);
        if (!storage)
            return NULL;
        data = memcpy(storage->data, base->value.bytes,
                      (size_t)base->size * tp__dtype_size(base->dtype));
    } else {
        if (!tp__node_expose(base))
            return NULL;
        data = base->data;
        storage = base->storage;
        tp__storage_ref(storage);
    }
    data += offset * (int64_t)tp__dtype_size(base->dtype);
    return tp__node_over(t, storage, data, base->dtype, ndim, shape, strides);
}

bool tp__node_inputs(tp_var *v, uint32_t n)
{
    if (n > TP__INLINE_INPUTS) {
        tp_var **many = tp__alloc(n * (sizeof(tp_var *) + sizeof(uint32_t)));
        if (!many)
            return false;
        v->in.many = many;
        v->flags |= TP__PARTS;
    }
    v->n_in = n;
    return true;
}

void tp__release_block(tp_var *v)
{
    tp__free(v->attr.block);
}

/* The node keeps the version that its storage had: consumers that recorded it may still compare. */
void tp__node_empty(tp_var *v)
{
    v->version = v->storage->version;
    tp__storage_drop(v->storage);
    v->storage = NULL;
    v->data = NULL;
    v->flags |= TP__DROPPED;
}

/* Drops a reference on the way of a free: what has none left joins the work list. */
TP_INLINE void node_release(tp_var *v, tp_var **list)
{
    if (tp__unref(v)) {
        v->link = *list;
        *list = v;
    }
}

/* Frees what v has beyond two inputs. What looks at the inputs comes first, while they are there;
 * and before all, what the debug mode writes down of name and shape. */
static void node_strip(tp_var *v, tp_var **list)
{
    tp__watch *watch = v->flags & TP__WATCHED ? tp__debug_part(v) : NULL;
    const tp__op_head *head = (const tp__op_head *)(const void *)v->op;
    if (head && head->release)
        head->release(v);
    if (v->reads & TP__COUNTED)
        tp__reads_uncount(v);
    if (v->storage)
        tp__storage_drop(v->storage);
    if (v->ndim > TP__INLINE_DIMS)
        tp__free(v->dims.many);
    tp_var *grad = tp__grad_of(v);
    if (grad && !(v->flags & TP__GRAPH_GRAD))
        node_release(grad, list);
    if (v->extra)
        tp__extra_free(v->extra);
    if (v->n_in > TP__INLINE_INPUTS) {
        for (uint32_t i = 0; i < v->n_in; i++)
            node_release(v->in.many[i], list);
        tp__free(v->in.many);
        v->n_in = 0;
    }
    if (watch)
        v->attr.block = watch;
    else
        v->flags &= (uint16_t)~TP__WATCHED;
}

/* The last of a node that is shared or watched; true if its memory may be used again. */
static bool node_leaves(tp__thread *t, tp_var *v)
{
    if (v->flags & TP__SHARED)
        atomic_fetch_sub_explicit(&node_shared, 1, memory_order_relaxed);
    else
        t->memory.live--;
    return !(v->flags & TP__WATCHED) || tp__debug_retire(t, v);
}

TP_INLINE void node_release_inputs(tp_var *v, tp_var **list)
{
    if (v->n_in > 0)
        node_release(v->in.few[0], list);
    if (v->n_in > 1)
        node_release(v->in.few[1], list);
}

void tp__node_free(tp__thread *t, tp_var *v)
{
    tp_var *list = NULL;
    for (;;) {
        if (TP_LIKELY(!(v->flags & (TP__PARTS | TP__SHARED)))) {
            node_release_inputs(v, &list);
            t->memory.live--;
            tp__node_put(t, v);
        } else {
            node_strip(v, &list);
            node_release_inputs(v, &list);
            if (node_leaves(t, v))
                tp__node_put(t, v);
        }
        if (!list)
            return;
        v = list;
        list = v->link;
    }
}

/* From here on no count of the storage is written but refs, and the node belongs to no thread. */
void tp__node_share(tp_var *v)
{
    v->flags |= TP__SHARED;
    if (v->storage) {
        v->storage->read_only = true;
        v->storage->readers = 0;
    }
    tp__here()->memory.live--;
    atomic_fetch_add_explicit(&node_shared, 1, memory_order_relaxed);
}

size_t tp_live(void)
{
    return tp__here()->memory.live;
}

size_t tp_live_shared(void)
{
    return atomic_load(&node_shared);
}

const char *tp__shape_text(char text[TP__SHAPE_TEXT], int ndim, const int64_t *shape)
{
    size_t at = (size_t)snprintf(text, TP__SHAPE_TEXT, "(");
    for (int i = 0; i < ndim; i++)
        at += (size_t)snprintf(text + at, TP__SHAPE_TEXT - at, i ? ", %lld" : "%lld",
                               (long long)shape[i]);
    snprintf(text + at, TP__SHAPE_TEXT - at, ndim == 1 ? ",)" : ")");
    return text;
}

/* --- What few nodes have: a block beside the node, made when something is first put there --- */

tp__extra *tp__extra_of(tp_var *v)
{
    if (!v->extra) {
        v->extra = tp__alloc_zero(1, sizeof *v->extra);
        v->flags |= TP__PARTS;
    }
    return v->extra;
}

void tp__extra_enter_scope(tp__thread *t, tp_var *v)
{
    tp__extra *extra = tp__extra_of(v);
    if (!extra)
        return;
    tp__name_scope_ref(t->recording.name_scope);
    extra->scope = t->recording.name_scope;
}

void tp__extra_free(tp__extra *extra)
{
    tp__name_scope_drop(extra->scope);
    tp__free(extra->hooks);
    tp__free(extra->name);
    tp__free(extra->site);
    tp__free(extra);
}
