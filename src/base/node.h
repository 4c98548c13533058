/* SPDX-License-Identifier: MIT
 *
 * The node: one struct for a number, an array, a leaf, a recorded result.
 *
 * Lifetime. refs counts handles (a scope's, the user's) and consumers (nodes that have it as an
 * input). A node holds its inputs and never what was computed from it, so there are no cycles. The
 * one exception would be a gradient with a graph: x's gradient is owned when a plain sweep made it,
 * and weak (TP__GRAPH_GRAD) when the sweep was recorded. A weak gradient is held by a *lease*, a
 * node in the scope of the sweep with inputs (x, gradient); the lease clears x's gradient when it
 * goes.
 *
 * Elements. Up to 96 bytes live in the node (storage is NULL, data points to value), and then
 * nobody else sees them: a view, or a writable pointer given out, first moves them into a storage.
 * Results of operations are contiguous unless they are views. Deferred elements (array/deferred.h)
 * have a storage, but data is NULL until tp__evaluate.
 *
 * Elements go when nobody will read them (base/reads.h), and inside a checkpoint at any time
 * (TP__REMADE).
 *
 * Inputs. A recorded node holds its inputs and the version each had. Versions grow with edits in
 * place, which only leaves and constants allow. Before a rule reads an input, the two are compared.
 *
 * Sweeps keep their state in the nodes they visit: sweep_depth says which of the thread's nested
 * sweeps does, sweep_below which operations that pick elements lie between it and the sweep's start
 * (graph/sweep.h), adjoint is the gradient so far, link the next node of the same generation. While
 * a node is being freed, link is the work list. Of shared nodes only refs and kept are written, and
 * atomically.
 */
#ifndef TP_NODE_H
#define TP_NODE_H

#include "base/features.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/attr.h"
#include "base/dtype.h"
#include "base/extra.h"
#include "base/reads.h"
#include "base/storage.h"
#include "base/thread.h"
#include "tinypytorch/base.h"

/* Grouped by who writes them. Those that are looked at together, on short paths, lie in one byte.
 */
enum {
    /* What it is: whoever makes it (node.c, array/create.c). */
    TP__NUMBER = 1 << 0, /* a 0-d float64: operations take their short path */
    TP__CONTIGUOUS = 1 << 3,
    TP__POISON = 1 << 5,   /* stands for the result of a call that failed, or for what went */
    TP__WEAK = 1 << 8,     /* a plain number of the caller's code */
    TP__WEAK_INT = 1 << 9, /* … that was written as an integer */

    /* How it came about: what records it (graph/apply.h, graph/apply.c). */
    TP__NEEDS_GRAD = 1 << 1, /* a variable, or recorded from one */
    TP__UNRECORDED = 1 << 2, /* a constant only because recording was off: its derivative is not
                              * zero but lost, and asking for it is an error */
    TP__REMADE = 1 << 10,    /* lies in a checkpoint: its elements may go at any time */

    /* What has to be looked at when a reference goes: node.c. */
    TP__SHARED = 1 << 4,   /* by threads */
    TP__PARTS = 1 << 6,    /* has something beyond its inputs: all short paths pass it by */
    TP__UNREAD = 1 << 7,   /* unread is not zero */
    TP__DROPPED = 1 << 11, /* the elements went */

    /* What sweeps leave: graph/backward.c. */
    TP__GRAPH_GRAD = 1 << 12, /* grad is weak */

    TP__WATCHED = 1 << 13, /* by the debug mode (base/debug.h) */

    /* Where it lies: node.c, for as long as the memory is a node's. */
    TP__SMALL = 1 << 14, /* the node ends behind its first value: tp__node_number */

    /* An array whose elements would fit into the node, wherever they are: they never go, and
     * nobody counts who reads them (base/reads.h). */
    TP__LITTLE = 1 << 15,

    /* The same bit of a number, whose element never goes: it lies in a storage, by which others may
     * see it. */
    TP__OUTSIDE = TP__LITTLE
};

/* Nodes that do not count who reads their elements: shared ones, since every thread would write
 * the count, and those with no elements to let go of. */
#define TP__UNCOUNTED (TP__SHARED | TP__SMALL | TP__LITTLE)

/* All flags but TP__SMALL of a node that waits to be used again. They are those of a value that
 * went in debug mode, so that whoever still uses it gets an error; TP__DROPPED says that no watch
 * tells where it went. */
#define TP__GONE (TP__POISON | TP__WATCHED | TP__DROPPED)

enum { TP__INLINE_BYTES = 96, TP__INLINE_INPUTS = 2, TP__INLINE_DIMS = 2 };

typedef struct tp__op tp__op; /* the record of an operation: graph/op.h */

/* The head of such a record, which is all of it that is known here. */
typedef struct tp__op_head {
    void (*release)(tp_var *v); /* v goes, but still has its inputs: lets go of what else its
                                 * attributes stand for; NULL: nothing */
} tp__op_head;

/* The commonest: frees attr.block. */
void tp__release_block(tp_var *v);

/* In four lines of cache. The first is all that counting, freeing, and a gradient that comes to a
 * node look at; the second is for its rule and for who reads it; the third, for arrays alone, is
 * left out of a number's node (TP__SMALL). */
struct tp_var {
    union {
        tp_var *few[TP__INLINE_INPUTS];
        tp_var **many; /* n_in > 2: the inputs, then their versions, in one block */
        tp_var *grad;  /* n_in = 0: the gradient that a sweep stored (tp__grad_place) */
    } in;
    union {
        double number; /* of a TP__NUMBER in a sweep that records nothing */
        tp_var *var;
        tp_var **outputs; /* of a call with several outputs: one for each, NULL for none */
    } adjoint;
    tp_var *link;
    union {
        struct {
            _Atomic uint32_t refs;
            uint16_t flags; /* TP__NUMBER … TP__OUTSIDE */
            uint16_t marks; /* what drawings and sweeps tell: base/marks.h */
        };
        _Atomic uint64_t head; /* the three in one look: base/scope.c */
    };
    uint32_t n_in;
    uint16_t reads; /* what its own rule reads: base/reads.h */
    uint16_t kept;  /* how often by the user; the most that fits stays */
    uint8_t dtype, ndim;
    uint8_t sweep_depth, sweep_below;
    uint32_t version;    /* of the elements, while they live in the node */
    uint32_t generation; /* 0 for a leaf, otherwise greater than every input's */
    uint32_t order;      /* counts what was recorded; not less than any input's */

    const tp__op *op;     /* NULL for a leaf or a constant */
    tp__storage *storage; /* NULL: the elements live in value */
    tp__extra *extra;     /* NULL for most */
    void *data;           /* the first element */
    int64_t size;         /* number of elements */
    uint32_t few_versions[TP__INLINE_INPUTS];
    tp__attr attr;
    union {
        double number[TP__INLINE_BYTES / sizeof(double)];
        char bytes[TP__INLINE_BYTES];
    } value;
    uint32_t unread; /* how many consumers do not read the elements: base/reads.h */
    union {
        int64_t few[2 * TP__INLINE_DIMS]; /* shape, then strides in elements */
        int64_t *many;                    /* ndim > 2 */
    } dims;
};

enum { TP__SMALL_NODE = offsetof(tp_var, value) + sizeof(double) };

extern tp_var tp__poison_node;

TP_INLINE tp__name_scope *tp__scope_of(const tp_var *v)
{
    return v->extra ? v->extra->scope : NULL;
}

TP_INLINE tp_var *tp__poison(void)
{
    return &tp__poison_node;
}

TP_INLINE tp_var **tp__inputs(tp_var *v)
{
    return v->n_in <= TP__INLINE_INPUTS ? v->in.few : v->in.many;
}

TP_INLINE uint32_t *tp__input_versions(tp_var *v)
{
    return v->n_in <= TP__INLINE_INPUTS ? v->few_versions : (uint32_t *)(v->in.many + v->n_in);
}

TP_INLINE int64_t *tp__shape(const tp_var *v)
{
    return v->ndim <= TP__INLINE_DIMS ? (int64_t *)v->dims.few : v->dims.many;
}

TP_INLINE int64_t *tp__strides(const tp_var *v)
{
    return tp__shape(v) + v->ndim;
}

TP_INLINE uint32_t tp__version(const tp_var *v)
{
    return v->storage ? v->storage->version : v->version;
}

TP_INLINE double tp__number(const tp_var *v)
{
    return *(const double *)v->data;
}

/* Where a sweep that stores gradients puts v's. Of a recorded node that is in its extra; NULL if it
 * has none. */
TP_INLINE tp_var **tp__grad_place(tp_var *v)
{
    return v->n_in == 0 ? &v->in.grad : v->extra ? &v->extra->grad : NULL;
}

TP_INLINE tp_var *tp__grad_of(const tp_var *v)
{
    return v->n_in == 0 ? v->in.grad : v->extra ? v->extra->grad : NULL;
}

/* --- Making --- */

/* A node from the system, small or not; tp__node_start tries the free list first. NULL, with an
 * error, when out of memory. Fields are unset. */
tp_var *tp__node_more(tp__thread *t, bool small);

#if defined(TP_PLAIN_NODES)
/* A small node for the short path, which otherwise asks for no memory: so none that a test would
 * make fail, and NULL is no error. Its link is NULL. */
tp_var *tp__node_spare(void);
#endif

/* Gives a node one reference, the caller's, a 0-d float64 element, which is unset, and no parts;
 * what is left to say is whether it is recorded. */
TP_INLINE void tp__node_begin(tp_var *v)
{
    atomic_store_explicit(&v->refs, 1, memory_order_relaxed);
    v->reads = v->kept = 0;
    v->dtype = TP_F64;
    v->ndim = v->sweep_depth = v->sweep_below = 0;
    v->version = 0;
    v->storage = NULL;
    v->extra = NULL;
    v->data = v->value.number;
    v->size = 1;
}

/* It is not. */
TP_INLINE void tp__node_constant(tp_var *v, unsigned flags)
{
    v->in.grad = NULL;
    v->flags = (uint16_t)(TP__NUMBER | TP__CONTIGUOUS | flags);
    v->marks = 0;
    v->n_in = 0;
    v->generation = v->order = 0;
    v->op = NULL;
}

/* A constant of which the element is unset. */
TP_INLINE tp_var *tp__node_start(tp__thread *t, bool small)
{
    tp_var *v = t->memory.free_nodes[small];
    if (TP_LIKELY(v != NULL))
        t->memory.free_nodes[small] = v->link;
    else if (!(v = tp__node_more(t, small)))
        return NULL;
    t->memory.live++;
    tp__node_begin(v);
    tp__node_constant(v, small ? TP__SMALL : 0);
    return v;
}

/* A number: as above, in a small node. */
TP_INLINE tp_var *tp__node_number(tp__thread *t, double value)
{
    tp_var *v = tp__node_start(t, true);
    if (TP_LIKELY(v != NULL))
        v->value.number[0] = value;
    return v;
}

/* A contiguous constant with one reference, the caller's, and unset elements. NULL, with an error,
 * when out of memory or larger than memory can be. */
tp_var *tp__node_array(tp__thread *t, tp_dtype dtype, int ndim, const int64_t *shape);

/* The same, of the type and shape of a contiguous array of one or two axes. */
tp_var *tp__node_like(tp__thread *t, const tp_var *like);

/* The same, with the elements in storage, deferred or not, whose reference passes to it. */
tp_var *tp__node_holding(tp__thread *t, tp__storage *storage, tp_dtype dtype, int ndim,
                         const int64_t *shape);

/* A constant that shares base's elements, which are not deferred: strides in elements, offset from
 * base's first. */
tp_var *tp__node_view(tp__thread *t, tp_var *base, int ndim, const int64_t *shape,
                      const int64_t *strides, int64_t offset);

/* A constant over storage, whose reference passes to it. data is its first element. */
tp_var *tp__node_over(tp__thread *t, tp__storage *storage, void *data, tp_dtype dtype, int ndim,
                      const int64_t *shape, const int64_t *strides);

/* Moves elements that live in the node into a storage, so that others can see them. */
bool tp__node_expose(tp_var *v);

/* Makes room for n inputs in v's record; they are unset. */
bool tp__node_inputs(tp_var *v, uint32_t n);

/* --- Counting --- */

TP_INLINE void tp__ref(tp_var *v)
{
    if (TP_UNLIKELY(v->flags & (TP__SHARED | TP__POISON))) {
        if (v->flags & TP__SHARED)
            atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
        return;
    }
    uint32_t refs = atomic_load_explicit(&v->refs, memory_order_relaxed);
    atomic_store_explicit(&v->refs, refs + 1, memory_order_relaxed);
}

/* True when the last reference went. If it is false, a shared node may be gone all the same: read
 * nothing of it. If consumers that do not read the elements are all that is left of an unshared
 * node's references, the elements go. */
TP_INLINE bool tp__unref(tp_var *v)
{
    uint32_t flags = v->flags;
    if (TP_UNLIKELY(flags & (TP__SHARED | TP__POISON)))
        return (flags & TP__SHARED) &&
               atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) == 1;
    uint32_t refs = atomic_load_explicit(&v->refs, memory_order_relaxed);
    if (refs == 1)
        return true;
    atomic_store_explicit(&v->refs, refs - 1, memory_order_relaxed);
    if (TP_UNLIKELY(flags & TP__UNREAD))
        tp__reads_settle(v);
    return false;
}

/* Gives back the memory of a node, which is poison until it is used again. */
TP_INLINE void tp__node_put(tp__thread *t, tp_var *v)
{
#if defined(TP_PLAIN_NODES)
    (void)t;
    tp__free(v);
#else
    tp_var **list = &t->memory.free_nodes[v->flags / TP__SMALL % 2];
    v->flags = TP__GONE;
    v->link = *list;
    *list = v;
#endif
}

/* Frees v, which has no reference left, and what only it held; with a work list, in any depth. */
void tp__node_free(tp__thread *t, tp_var *v);

/* Drops the elements, which are in a storage. */
void tp__node_empty(tp_var *v);

TP_INLINE void tp__drop(tp_var *v)
{
    if (tp__unref(v))
        tp__node_free(tp__here(), v);
}

/* Lets threads share v, whose elements are ready. */
void tp__node_share(tp_var *v);

/* Hands the thread's free nodes to threads to come. */
void tp__node_give_back(tp__thread *t);

/* The text of a shape in Python's form: "()", "(3,)", "(2, 3)". */
enum { TP__SHAPE_TEXT = 24 * TP_MAX_NDIM };
const char *tp__shape_text(char text[TP__SHAPE_TEXT], int ndim, const int64_t *shape);

#endif
