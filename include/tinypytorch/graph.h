/* SPDX-License-Identifier: MIT
 *
 * Derivatives by walking the graph backwards (reverse mode, Griewank & Walther 2008, ch. 3).
 *
 * Running operations on variables records nodes. A sweep visits them from the result on, those
 * first that were recorded last, each once. It adds up the gradients of a value that is used
 * several times. The rules that it applies are operations themselves: with create_graph the
 * gradient has a graph of its own and can be differentiated again, to any order.
 *
 *     tp_backward(y);                          tp_grad(x)    adds dy/dx into x's gradient
 *     tp_backward(y, .create_graph = true);    tp_grad(x)    a gradient with a graph
 *     tp_gradient(y, x)                                      dy/dx as a value; touches nothing
 *
 * A sweep starts from ones of y's shape, so the derivative of an array is that of the sum of its
 * elements. A sweep that fails leaves every gradient as it was. A graph can be swept any number of
 * times, unless it was consumed.
 *
 * Memory: a result's elements live while a handle or a gradient rule may read them. So a layer that
 * opens a scope and leaves with its result holds what its gradient needs, and no more. Where a
 * Taylor series (taylor.h) reads more, what is gone is computed again from what is there. With
 * .consume the sweep lets go of arrays behind it, and another sweep over the same graph is an
 * error.
 *
 * Ownership of gradients: a plain backward adds numbers into a buffer that x owns. A gradient made
 * with create_graph belongs to the scope in which backward ran; when that scope closes, x has no
 * gradient, unless a later one took its place. So x → gradient → graph → x is never a cycle. A
 * plain backward of an x whose gradient has a graph stores the plain sum of both. A backward with
 * create_graph of an x that has a plain gradient stores the sum as a value with a graph.
 */
#ifndef TINYPYTORCH_GRAPH_H
#define TINYPYTORCH_GRAPH_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TP__DEFAULTS_tp_backward_options(_)
typedef struct tp_backward_options {
    TP__OPTIONS(tp_backward_options)
    bool retain_grad;  /* keep the gradients of intermediate values too */
    bool create_graph; /* record the sweep: gradients can be differentiated */
    tp_var *gradient;  /* start from this, of y's shape and type, instead of ones */
    bool consume;      /* the last sweep over this graph: arrays go as soon as it has read them */
} TP__BY_NAME tp_backward_options;

#define TP__DEFAULTS_tp_gradient_options(_)
typedef struct tp_gradient_options {
    TP__OPTIONS(tp_gradient_options)
    bool create_graph;
    tp_var *gradient;
} TP__BY_NAME tp_gradient_options;

/* Adds the derivative of sum(gradient · y) into the gradient of every variable that y depends on;
 * gradient is ones unless given. If y is a variable itself, its gradient grows by `gradient`.
 * Errors: y depends on no variable; a value that a rule reads was edited in place since it was
 * recorded; one of the variables is shared between threads. */
TP_API void tp_backward(tp_var *y, const tp_backward_options *options);

/* x's gradient, with a handle in the current scope: it stays valid after tp_cleargrad. NULL when
 * there is none. */
TP_API tp_var *tp_grad(tp_var *x);

/* Forgets x's gradient. */
TP_API void tp_cleargrad(tp_var *x);

/* dy/dx, of x's shape and type. x is any variable or recorded value; where y does not depend on it
 * this is zeros. Errors: x is a constant; y is a constant only because it was computed without
 * recording, by a sweep without create_graph or with recording off.
 *
 * tp_gradients does the same for n values in one sweep: out[i] is the gradient for xs[i]. On an
 * error all of them are poison. (It is a macro: a compound literal as xs needs parentheses of its
 * own.) */
TP_API tp_var *tp_gradient(tp_var *y, tp_var *x, const tp_gradient_options *options);
TP_API void tp_gradients(tp_var *y, tp_var *const *xs, int n, tp_var **out,
                         const tp_gradient_options *options);

/* Fills out with up to n of the variables that y depends on, and returns how many there are. out
 * may be NULL when n is 0. No handles are taken: they live as long as y. */
TP_API size_t tp_leaves(tp_var *y, size_t n, tp_var **out);

/* A constant that shares v's elements. */
TP_API tp_var *tp_detach(tp_var *v);

/* True if v is a variable or was recorded from one. */
TP_API bool tp_requires_grad(const tp_var *v);

/* 0 for a leaf, otherwise greater than that of every input. */
TP_API uint32_t tp_generation(const tp_var *v);

/* Turns recording on or off for this thread and returns the old mode. TP_NO_GRAD(); is a
 * declaration that turns it off up to the closing brace and then restores what was before. */
TP_API bool tp_set_grad_enabled(bool enabled);
TP_API bool tp_is_grad_enabled(void);

/* Calls hook with the finished gradient of v in every sweep that reaches v. What it returns takes
 * the gradient's place, unless it is NULL; it must have the same shape and type. Under create_graph
 * the gradient is recorded, and what replaces it should be too. Hooks run in the order in which
 * they were added; a hook that a hook adds runs from the next sweep on. ctx must live as long as v
 * or the hook. Returns an id for tp_remove_hook, or 0 on an error. */
typedef tp_var *(*tp_hook)(void *ctx, tp_var *gradient);
TP_API uint32_t tp_register_hook(tp_var *v, tp_hook hook, void *ctx);
TP_API void tp_remove_hook(tp_var *v, uint32_t id);

/* An operation of one's own.
 *
 * forward computes out[0 … n_out) from in[0 … n_in) with recording off, by operations or from
 * tp_data. backward gets the gradients gout of the outputs (NULL for an output that was dropped or
 * not used) and sets gin[i], of in[i]'s shape and type, or leaves it NULL for zero.
 *
 * jvp, which may be NULL, is the derivative forwards: from the changes din of the inputs (NULL for
 * one that does not change) it sets dout[j], of out[j]'s shape and type, or leaves it NULL for
 * zero. It is the transpose of backward: Σ gout · dout = Σ gin · din. Without it, tp_jvp, Taylor
 * series and what is built on them (tp_derivatives, tp_laplacian, tp_mixed …) are errors where they
 * meet the function; tp_jacobian and sparse derivatives go backwards then.
 *
 * Both may use only what `reads` names; other in and out are NULL.
 *
 * Where the derivative is recorded, they run with recording on: backward under create_graph, jvp
 * unless recording is off (TP_NO_GRAD), and always for a series of order 2 and more. Then their
 * results must be made from gout or din by operations. One that is neither NULL nor recorded from
 * these is an error that names the function. So is reading elements of a recorded value by tp_data
 * or tp_item, whose dependence would be lost, and using a value that was computed without
 * recording, such as one that forward kept. So the second derivative is never silently wrong. To
 * treat a value as a constant on purpose, use tp_detach of it. */
typedef struct tp_function {
    size_t size; /* sizeof(tp_function) */
    const char *name;
    int n_in, n_out;
    void (*forward)(void *ctx, tp_var *const *in, tp_var **out);
    void (*backward)(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                     tp_var **gin);
    unsigned reads; /* what backward and jvp use: TP_READS_INPUTS | TP_READS_OUTPUTS, or 0 */
    void (*jvp)(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *din,
                tp_var **dout); /* or NULL */
} tp_function;

enum { TP_READS_INPUTS = 1, TP_READS_OUTPUTS = 2 };

/* Applies f. out gets f->n_out results; f is copied (name must stay valid), ctx is passed on and
 * must live as long as the graph. On an error every out is poison. */
TP_API void tp_apply(const tp_function *f, void *ctx, tp_var *const *in, tp_var **out);

#if defined(__GNUC__)
static inline void tp__grad_restore(const bool *mode)
{
    tp_set_grad_enabled(*mode);
}
#define TP_NO_GRAD()                                                                               \
    __attribute__((cleanup(tp__grad_restore), unused)) const bool TP__UNIQUE(tp__mode_) =          \
        tp_set_grad_enabled(false)
#endif

#ifdef __cplusplus
}
#endif

#endif
