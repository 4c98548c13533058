/* SPDX-License-Identifier: MIT
 *
 * The operation record. Each operation is declared once; what it is to apply it, to differentiate
 * it, to push a Taylor series through it, to draw it, to document it and to test it follows from
 * its record. No other part of the library names an operation, but for the structural ones that
 * applying and sweeping insert themselves (structural.h).
 *
 * Rules for gradients and Taylor series call only public operations, so their results are graph
 * nodes and any order follows. A gradient rule reads only what `reads` names. A record may carry a
 * numeric gradient for sweeps over plain numbers that record nothing; tests hold it to its rule.
 */
#ifndef TP_OP_H
#define TP_OP_H

#include "array/loops.h"
#include "base/node.h"
#include "kernels/vector.h"

/* An operation is called what its function is called, without "tp_". */
#define TP__AFTER_PREFIX(text) (&(text)[3])

/* One application. The caller fills the first part and, for operations that are told their result's
 * shape, ndim and shape; infer fills the rest. */
typedef struct tp__call {
    const tp__op *op;
    tp_var **in;
    int n_in;
    tp__attr attr;
    int ndim; /* -1 until known */
    int64_t shape[TP_MAX_NDIM];
    tp_dtype dtype, work; /* of the result; of the operands of an elementwise operation */
    tp_dtype given;       /* what the operands promote to; work is its working type */
    bool view; /* the result shares the elements of base, in[0] unless infer says another */
    tp_var *base;
    int64_t strides[TP_MAX_NDIM], offset;
    tp_var *out;
    double flops;  /* that forward did, for profiles */
    int64_t folds; /* the result is sums of so many elements that lie one after the other, each
                    * divided by divisor; 0: it is not */
    double divisor;
} tp__call;

/* What the one or two operands of an operation on numbers get. */
typedef struct tp__slopes {
    double a, b;
} tp__slopes;

/* A gradient rule's view of its node: the result y, its gradient gy (gys for several outputs, NULL
 * for one that was not used), inputs x, gradients to fill gx (NULL on entry, NULL for zero), of
 * which only the wanted ones are needed. Where it adds, a rule whose gradient is zero but for a
 * part may add that part to tp__sweep_sum instead. */
typedef struct tp__pull {
    tp_var *y, *gy;
    tp_var **gys;
    tp_var **x, **gx;
    const bool *wanted;
    bool record;
    struct tp__sweep *sweep; /* NULL: not in a sweep */
} tp__pull;

/* The array in which the sweep sums up the gradients of input i, of x's shape and working type,
 * which nobody else sees, to be added to in place; zeros if there was none. gy is ready to be read
 * then. NULL where gradients are recorded, or numbers, or shared, and with an error pending.
 * (graph/sweep_state.c) */
tp_var *tp__sweep_sum(const tp__pull *pull, uint32_t i);

/* A Taylor rule's view: coefficients x[i][k] of each input and y[k] of the result, k = 0 … order,
 * those of order 0 given. NULL stands for zero. */
typedef struct tp__jet {
    tp_var *node;
    int order;
    tp_var ***x;
    tp_var **y;
} tp__jet;

/* What a test calls an operation with: shapes of the operands ("2,3; 3,4", one for each; "" is
 * 0-d), the call, and the same in PyTorch, of operands x0, x1 … */
typedef struct tp__sample {
    const char *shapes;
    tp_var *(*call)(tp_var *const *x);
    const char *torch;
} tp__sample;

/* Where an operation is defined and smooth, for tests. */
typedef enum tp__domain {
    TP__ANYWHERE,
    TP__POSITIVE,
    TP__NOT_ZERO,
    TP__DISTINCT, /* elements differ from each other and from zero */
    TP__BASE_POSITIVE,
    TP__INSIDE,    /* −1 < x < 1 */
    TP__FRACTION,  /* 0 < x < 1 */
    TP__ABOVE_ONE, /* x > 1 */
    TP__DOMAINS
} tp__domain;

enum {
    /* What it does with its operands. */
    TP__ELEMENTWISE = 1 << 0, /* they are promoted and broadcast to one shape */
    TP__FLOATING = 1 << 1,    /* integers are computed in float64 */
    TP__CONDITION = 1 << 2,   /* the first one is uint8 and takes no part in promotion */
    TP__MOVES = 1 << 3, /* takes elements as they are, of any type; others get working types */

    /* What series, patterns and sweeps can rely on. */
    TP__SELECTS = 1 << 4,  /* picks elements; what is not picked gets a gradient of exactly zero */
    TP__HOLDS = 1 << 5,    /* a gradient that has zeros from such an operation: graph/hold.h; these
                            * two fit in a node's sweep_below */
    TP__LINEAR = 1 << 6,   /* in all operands together: Taylor maps each coefficient */
    TP__BILINEAR = 1 << 7, /* in two operands: Taylor is a Cauchy product */
    TP__ADDS = 1 << 8, /* elements of y are sums of moved ones: `gradient` only moves those of gy */

    /* What kind of record it is. */
    TP__OUTPUTS = 1 << 9,    /* a call: its outputs are nodes of their own */
    TP__OUTPUT = 1 << 10,    /* one of these: its input is the call */
    TP__SLOPE = 1 << 11,     /* a gradient as one step, of gy and of what the rule reads */
    TP__COMPOSITE = 1 << 12, /* never applied: stands in the table for a function over others */

    /* What it costs, and needs. */
    TP__COSTLY = 1 << 13, /* an element takes more time than reading it from memory */
    TP__LAPACK = 1 << 14, /* LAPACK, which the library may have been built without */

    TP__HALVES = 1 << 15 /* takes half types as they are, and says of which type its result is */
};

struct tp__op {
    tp__op_head head;  /* what has to be released when a node of this operation goes */
    const char *label; /* in drawings: "MatMul" */
    const char *name;  /* in messages: "matmul" */
    int n_in;          /* 0: any number */
    unsigned flags;
    unsigned reads[TP__READING]; /* what the gradient of operand 0, 1, 2 and later ones uses */
    size_t attr_bytes;           /* of attr.block, which can be copied; 0 if attr is plain */

    bool (*infer)(tp__call *call);
    bool (*forward)(tp__call *call); /* NULL: run loop, or nothing for a view */
    tp__loop *loop[4];               /* elementwise, by type of the operands */
    int fast; /* what takes its place on elements that lie one after the other (kernels/vector.h);
               * of operations by LAPACK the kernel */

    double (*number)(double a, double b);
    tp__slopes (*number_gradient)(double gy, double a, double b, double y);

    void (*gradient)(const tp__pull *pull); /* NULL: the result is a constant */
    const tp__op *slope; /* elementwise, of one operand: the same as one step, for sweeps that
                          * record nothing, of gy and what the rule reads: y, x, or both in this
                          * order; NULL: none. Rounds as the rule does */
    /* NULL: by the flags, compose or tangent, or, if elementwise, from the gradient. It may read
     * operands and the result, which are made again if they were dropped. Where one is lost
     * (graph/remake.h) an elementwise record goes by its gradient; a rule of another record must do
     * with what `reads` names. */
    void (*taylor)(const tp__jet *jet);

    /* What y is, in other public operations on its operands. Recorded sweeps and Taylor series go
     * through this; `gradient` is asked only where nothing is recorded, and may run kernels. */
    tp_var *(*compose)(const tp_var *y, tp_var *const *x);

    /* Of one operand x: what y changes by when x changes by dx, in public operations that are
     * linear in dx. Taylor series follow from it, and gradients by tp__tangent_gradient. */
    tp_var *(*tangent)(tp_var *y, tp_var *x, tp_var *dx);

    /* Of a reduction: the axes of its operand, as bits, that become one element; those of y are the
     * others, in order. NULL: an element of y may depend on all elements, but for what the flags
     * TP__ELEMENTWISE and TP__MOVES tell. */
    unsigned (*folds)(const tp_var *y);

    const char *formula; /* y, as text */
    const char *rule;    /* the gradient, as text */
    tp__domain domain;
    const char *torch;         /* what PyTorch calls it, if not torch.name */
    const tp__sample *samples; /* ends with an entry whose call is NULL */
    tp_var *(*call_1)(tp_var *);
    tp_var *(*call_2)(tp_var *, tp_var *);
};

/* In a record: its nodes' attributes are a block of this type, which they own. */
#define TP__OWNS_BLOCK(type) .attr_bytes = sizeof(type), .head = {tp__release_block}

/* True if v is one of the outputs of a call. */
TP_INLINE bool tp__is_output(const tp_var *v)
{
    return v->op && (v->op->flags & TP__OUTPUT);
}

/* What the gradient rule of a recorded node uses, given which of its operands need a gradient; and
 * what recorded sweeps and series use besides, which go through what the node is composed of. */
TP_INLINE unsigned tp__reads_of_rule(tp_var *v)
{
    const tp__op *op = v->op;
    tp_var *const *in = tp__inputs(v);
    unsigned reads = op->flags & TP__OUTPUTS ? TP__READS_ALL : 0;
    for (uint32_t i = 0; i < v->n_in; i++)
        if (in[i]->flags & TP__NEEDS_GRAD)
            reads |= op->reads[i < TP__READING ? i : TP__READING - 1];
    return reads;
}

TP_INLINE unsigned tp__reads(tp_var *v)
{
    unsigned reads = tp__reads_of_rule(v);
    if (v->op->compose)
        reads |= v->n_in < TP__READING ? (1u << v->n_in) - 1 : TP__READS_ALL;
    return reads;
}

/* One file's records. */
typedef struct tp__family {
    const char *name;  /* a word: reference values for its tests are in a file of this name */
    const char *title; /* a heading in the list of operations */
    const tp__op *const *ops; /* ends with NULL */
} tp__family;

#endif
