/* SPDX-License-Identifier: MIT
 *
 * Optimisers: they move parameters, in place, by gradients (tp_grad).
 *
 *     tp_optimizer *o = tp_adam_new(params, n, 1e-3, .weight_decay = 0.1);
 *     for (int i = 0; i < steps; i++) {
 *         TP_SCOPE();
 *         tp_optimizer_zero_grad(o);
 *         tp_backward(loss(...));
 *         tp_optimizer_step(o);
 *     }
 *     tp_optimizer_free(o);
 *
 * Names, options, defaults and numbers are those of torch.optim; its betas are beta1 and beta2
 * here. A step is one pass over memory, shared by threads, the same bits for any number of them. It
 * moves every parameter or, with an error, none. One without a gradient stays as it is, and so does
 * what is remembered of it; gradients add up until tp_optimizer_zero_grad.
 *
 * Parameters are leaves (tp_variable), contiguous, of a floating type; they share no elements with
 * each other. Frozen ones (tp_requires_grad_) may be among them: they have no gradient. What an
 * optimiser remembers has their type. Of float16 and bfloat16 it keeps a master, the elements in
 * float32, which is what moves; the parameter is what that rounds to. A parameter that others write
 * is followed: where it is no longer what its master rounds to, the master begins anew.
 *
 * An optimiser is owned by who made it and holds its parameters until tp_optimizer_free. Making one
 * that fails gives NULL and an error. Calls given NULL while an error is pending do nothing, and so
 * does every other call then.
 */
#ifndef TINYPYTORCH_OPTIM_H
#define TINYPYTORCH_OPTIM_H

#include "base.h"
#include "io.h"
#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_optimizer tp_optimizer;

/* --- Kinds ---
 *
 * g is the gradient, negated for maximize, plus weight_decay p. t counts a parameter's steps
 * from 1. lr is at least 0. */

#define TP__DEFAULTS_tp_sgd_new_options(_)
typedef struct tp_sgd_new_options {
    TP__OPTIONS(tp_sgd_new_options)
    double momentum, dampening, weight_decay;
    bool nesterov; /* needs momentum, takes no dampening */
    bool maximize;
} TP__BY_NAME tp_sgd_new_options;

/* v ← momentum v + (1 − dampening) g, g in the first step; p ← p − lr v, with nesterov p − lr (g +
 * momentum v). */
TP_API tp_optimizer *tp_sgd_new(tp_var *const *params, int n, double lr,
                                const tp_sgd_new_options *options);

#define TP__DEFAULTS_tp_adagrad_new_options(_) _ eps = 1e-10,
typedef struct tp_adagrad_new_options {
    TP__OPTIONS(tp_adagrad_new_options)
    double lr_decay, weight_decay, initial_accumulator_value;
    double eps; /* 1e-10 */
    bool maximize;
} TP__BY_NAME tp_adagrad_new_options;

/* s ← s + g²; p ← p − lr / (1 + (t − 1) lr_decay) g / (√s + eps) (Duchi, Hazan & Singer 2011). */
TP_API tp_optimizer *tp_adagrad_new(tp_var *const *params, int n, double lr,
                                    const tp_adagrad_new_options *options);

#define TP__DEFAULTS_tp_adadelta_new_options(_) _ rho = 0.9, _ eps = 1e-6,
typedef struct tp_adadelta_new_options {
    TP__OPTIONS(tp_adadelta_new_options)
    double rho; /* 0.9, at most 1 */
    double eps; /* 1e-6 */
    double weight_decay;
    bool maximize;
} TP__BY_NAME tp_adadelta_new_options;

/* s ← ρ s + (1 − ρ) g²; d = √(u + eps) / √(s + eps) g; u ← ρ u + (1 − ρ) d²; p ← p − lr d (Zeiler
 * 2012; PyTorch's default of lr is 1). */
TP_API tp_optimizer *tp_adadelta_new(tp_var *const *params, int n, double lr,
                                     const tp_adadelta_new_options *options);

#define TP__DEFAULTS_tp_rmsprop_new_options(_) _ alpha = 0.99, _ eps = 1e-8,
typedef struct tp_rmsprop_new_options {
    TP__OPTIONS(tp_rmsprop_new_options)
    double alpha; /* 0.99 */
    double eps;   /* 1e-8 */
    double weight_decay, momentum;
    bool centered; /* divide by the standard deviation rather than by the root of the square */
    bool maximize;
} TP__BY_NAME tp_rmsprop_new_options;

/* s ← α s + (1 − α) g²; centered: a ← α a + (1 − α) g, and s − a² in the place of s; v ← momentum v
 * + g / (√s + eps); p ← p − lr v. */
TP_API tp_optimizer *tp_rmsprop_new(tp_var *const *params, int n, double lr,
                                    const tp_rmsprop_new_options *options);

#define TP__DEFAULTS_tp_adam_new_options(_) _ beta1 = 0.9, _ beta2 = 0.999, _ eps = 1e-8,
typedef struct tp_adam_new_options {
    TP__OPTIONS(tp_adam_new_options)
    double beta1, beta2; /* 0.9 and 0.999 */
    double eps;          /* 1e-8 */
    double weight_decay;
    bool amsgrad; /* divide by the root of the largest v so far */
    bool maximize;
} TP__BY_NAME tp_adam_new_options;

/* m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; p ← p − lr (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) +
 * eps) (Kingma & Ba 2015). */
TP_API tp_optimizer *tp_adam_new(tp_var *const *params, int n, double lr,
                                 const tp_adam_new_options *options);

#define TP__DEFAULTS_tp_adamw_new_options(_)                                                       \
    _ beta1 = 0.9, _ beta2 = 0.999, _ eps = 1e-8, _ weight_decay = 1e-2,
typedef struct tp_adamw_new_options {
    TP__OPTIONS(tp_adamw_new_options)
    double beta1, beta2; /* 0.9 and 0.999 */
    double eps;          /* 1e-8 */
    double weight_decay; /* 0.01 */
    bool amsgrad, maximize;
} TP__BY_NAME tp_adamw_new_options;

/* Adam with p ← p − lr weight_decay p in the place of g ← g + weight_decay p (Loshchilov & Hutter
 * 2019). */
TP_API tp_optimizer *tp_adamw_new(tp_var *const *params, int n, double lr,
                                  const tp_adamw_new_options *options);

#define TP__DEFAULTS_tp_adamax_new_options(_) _ beta1 = 0.9, _ beta2 = 0.999, _ eps = 1e-8,
typedef struct tp_adamax_new_options {
    TP__OPTIONS(tp_adamax_new_options)
    double beta1, beta2; /* 0.9 and 0.999 */
    double eps;          /* 1e-8 */
    double weight_decay;
    bool maximize;
} TP__BY_NAME tp_adamax_new_options;

/* u ← max(β₂ u, |g| + eps); p ← p − lr / (1 − β₁ᵗ) m / u (Kingma & Ba 2015). */
TP_API tp_optimizer *tp_adamax_new(tp_var *const *params, int n, double lr,
                                   const tp_adamax_new_options *options);

#define TP__DEFAULTS_tp_nadam_new_options(_)                                                       \
    _ beta1 = 0.9, _ beta2 = 0.999, _ eps = 1e-8, _ momentum_decay = 4e-3,
typedef struct tp_nadam_new_options {
    TP__OPTIONS(tp_nadam_new_options)
    double beta1, beta2; /* 0.9 and 0.999 */
    double eps;          /* 1e-8 */
    double weight_decay;
    double momentum_decay;       /* 0.004 */
    bool decoupled_weight_decay; /* as AdamW */
    bool maximize;
} TP__BY_NAME tp_nadam_new_options;

/* Adam with Nesterov's momentum: with μₜ = β₁ (1 − 0.96^(t momentum_decay) / 2), p ← p − lr ((1 −
 * μₜ) / (1 − μ₁ … μₜ) g + μₜ₊₁ / (1 − μ₁ … μₜ₊₁) m) / (√(v / (1 − β₂ᵗ)) + eps) (Dozat 2016). */
TP_API tp_optimizer *tp_nadam_new(tp_var *const *params, int n, double lr,
                                  const tp_nadam_new_options *options);

#define TP__DEFAULTS_tp_radam_new_options(_) _ beta1 = 0.9, _ beta2 = 0.999, _ eps = 1e-8,
typedef struct tp_radam_new_options {
    TP__OPTIONS(tp_radam_new_options)
    double beta1, beta2; /* 0.9 and 0.999 */
    double eps;          /* 1e-8 */
    double weight_decay;
    bool decoupled_weight_decay; /* as AdamW */
    bool maximize;
} TP__BY_NAME tp_radam_new_options;

/* Adam with a factor for what is not known yet of v's variance; while that is nearly all, p ← p −
 * lr m / (1 − β₁ᵗ) (Liu et al. 2020). As in PyTorch, eps is added to √v itself. */
TP_API tp_optimizer *tp_radam_new(tp_var *const *params, int n, double lr,
                                  const tp_radam_new_options *options);

#define TP__DEFAULTS_tp_lion_new_options(_) _ beta1 = 0.9, _ beta2 = 0.99,
typedef struct tp_lion_new_options {
    TP__OPTIONS(tp_lion_new_options)
    double beta1, beta2; /* 0.9 and 0.99 */
    double weight_decay;
    bool maximize;
} TP__BY_NAME tp_lion_new_options;

/* p ← p − lr (sign(β₁ m + (1 − β₁) g) + weight_decay p); m ← β₂ m + (1 − β₂) g (Chen et al. 2023).
 * Weight decay is no part of g. */
TP_API tp_optimizer *tp_lion_new(tp_var *const *params, int n, double lr,
                                 const tp_lion_new_options *options);

#define TP__DEFAULTS_tp_lbfgs_new_options(_)                                                       \
    _ max_iter = 20, _ max_eval = -1, _ tolerance_grad = 1e-7, _ tolerance_change = 1e-9,          \
      _ history_size = 100,
typedef struct tp_lbfgs_new_options {
    TP__OPTIONS(tp_lbfgs_new_options)
    int max_iter;            /* iterations of a step: 20 */
    int max_eval;            /* evaluations of a step; −1: max_iter · 5 / 4 */
    double tolerance_grad;   /* of the largest |g|: 1e-7 */
    double tolerance_change; /* of parameters and of the loss: 1e-9 */
    int history_size;        /* pairs of steps and changes of the gradient: 100 */
    bool strong_wolfe;       /* search along each direction; else go lr of its length */
} TP__BY_NAME tp_lbfgs_new_options;

/* L-BFGS (Liu & Nocedal 1989) over one group, by tp_optimizer_step_with alone: each step is up to
 * max_iter iterations, which call the closure once or more. Vectors are kept in float64. An error,
 * also of the closure, leaves the parameters where an iteration began. */
TP_API tp_optimizer *tp_lbfgs_new(tp_var *const *params, int n, double lr,
                                  const tp_lbfgs_new_options *options);

#define TP__DEFAULTS_tp_gauss_newton_new_options(_)                                                \
    _ damping = 1e-2, _ cg_tolerance = 1e-4, _ cg_iterations = 50,
typedef struct tp_gauss_newton_new_options {
    TP__OPTIONS(tp_gauss_newton_new_options)
    double damping;      /* at the first step: 0.01 */
    double cg_tolerance; /* of what is left of the equation, relative to g: 1e-4 */
    int cg_iterations;   /* products at most: 50 */
    bool fixed_damping;  /* damping stays as it is, and every step is taken */
} TP__BY_NAME tp_gauss_newton_new_options;

/* Gauss–Newton by products with curvature (Martens 2010), over one group, by tp_optimizer_step_with
 * alone: p ← p + lr d, where (Jᵀ H J + damping I) d = −g, J is the Jacobian of the network's
 * outputs, which the closure sets, and H the Hessian of the loss for them. Conjugate gradients
 * solve it without a matrix; a product takes some three sweeps. Damping adapts as Levenberg's and
 * Marquardt's: it falls where a step gains what the model promised, rises where it gains less, and
 * a step that does not lower the loss is taken back. The closure is called twice, the second time
 * without recording, and has to compute the same loss. */
TP_API tp_optimizer *tp_gauss_newton_new(tp_var *const *params, int n, double lr,
                                         const tp_gauss_newton_new_options *options);

/* --- Steps --- */

/* Gives back what it holds; ignores NULL. */
TP_API void tp_optimizer_free(tp_optimizer *o);

/* Moves all parameters by their gradients. */
TP_API void tp_optimizer_step(tp_optimizer *o);

/* Forgets the gradients of all parameters. */
TP_API void tp_optimizer_zero_grad(tp_optimizer *o);

/* A function that computes the loss, one element, from the parameters as they are. *outputs, if
 * outputs is not NULL, is for what the loss was computed from, a network's outputs. */
typedef tp_var *tp_closure(void *ctx, tp_var **outputs);

/* Forgets the gradients, calls the closure, sweeps its loss and moves the parameters. Returns the
 * loss before the step; NaN with an error. Nothing of what the closure makes outlives the call. */
TP_API double tp_optimizer_step_with(tp_optimizer *o, tp_closure *closure, void *ctx);

/* --- Groups ---
 *
 * A group is parameters with a learning rate and options of their own. Those that an optimiser is
 * made with are group 0. */

#define TP__DEFAULTS_tp_optimizer_group_options(_)                                                 \
    _ weight_decay = TP_AUTO, _ momentum = TP_AUTO, _ dampening = TP_AUTO, _ beta1 = TP_AUTO,      \
      _ beta2 = TP_AUTO, _ eps = TP_AUTO, _ alpha = TP_AUTO, _ rho = TP_AUTO,                      \
      _ lr_decay = TP_AUTO, _ initial_accumulator_value = TP_AUTO, _ momentum_decay = TP_AUTO,     \
      _ nesterov = -1, _ maximize = -1, _ amsgrad = -1, _ centered = -1,                           \
      _ decoupled_weight_decay = -1,
typedef struct tp_optimizer_group_options {
    TP__OPTIONS(tp_optimizer_group_options)
    double weight_decay, momentum, dampening, beta1, beta2, eps, alpha, rho, lr_decay;
    double initial_accumulator_value, momentum_decay;
    int nesterov, maximize, amsgrad, centered, decoupled_weight_decay; /* true or false */
} TP__BY_NAME tp_optimizer_group_options;

/* A further group. Options that are not given are as the optimiser was made with. Errors: an option
 * that its kind does not have; a parameter that it has already. */
TP_API void tp_optimizer_add_group(tp_optimizer *o, tp_var *const *params, int n, double lr,
                                   const tp_optimizer_group_options *options);

/* How many there are. */
TP_API int tp_optimizer_groups(const tp_optimizer *o);

/* The learning rate of a group, and its other options by their names; bools are 0 and 1. NaN with
 * an error. */
TP_API double tp_optimizer_lr(const tp_optimizer *o, int group);
TP_API void tp_optimizer_set_lr(tp_optimizer *o, int group, double lr);
TP_API double tp_optimizer_option(const tp_optimizer *o, int group, const char *name);
TP_API void tp_optimizer_set_option(tp_optimizer *o, int group, const char *name, double value);

/* --- State ---
 *
 * Steps, states, masters, options and rates, by PyTorch's names behind "state.0." for parameter 0
 * and "param_groups.0." for group 0; numbers are float64 of one element. Arrays are the optimiser's
 * own, as the dict is made: the next step edits them. The dict is the caller's, to be freed; NULL
 * with an error. Loading copies them into an optimiser of the same kind with as many parameters in
 * the same groups, which then goes on with the same bits. A dict that does not fit is an error that
 * names what, and changes nothing. */
TP_API tp_state_dict *tp_optimizer_state(const tp_optimizer *o);
TP_API void tp_optimizer_load_state(tp_optimizer *o, const tp_state_dict *d);

/* --- Gradients ---
 *
 * Parameters without a gradient are passed over. */

/* The 2-norm of the gradients of n parameters as one vector, computed in float64. Where it is more
 * than max_norm they are multiplied, in place, by max_norm / (norm + 1e-6). NaN with an error; a
 * norm that is not finite makes gradients NaN or 0, as in PyTorch. */
TP_API double tp_clip_grad_norm_(tp_var *const *params, int n, double max_norm);

/* Brings every element of the gradients within ± clip_value, in place. */
TP_API void tp_clip_grad_value_(tp_var *const *params, int n, double clip_value);

/* --- A step alone ---
 *
 * The arithmetic of SGD and Adam over state arrays of the caller's, of the parameters' shapes and
 * types (float32 or float64), zero at the beginning (tp_zeros). They are contiguous and share no
 * elements with each other. */

#define TP__DEFAULTS_tp_sgd_options(_) _ lr = 1e-3,
typedef struct tp_sgd_options {
    TP__OPTIONS(tp_sgd_options)
    double lr; /* 1e-3 */
    double momentum, dampening, weight_decay;
    bool nesterov;
    bool first; /* the first step, in which v ← g: only with dampening does that differ */
} TP__BY_NAME tp_sgd_options;

/* Stochastic gradient descent as torch.optim.SGD: g ← g + weight_decay p; v ← momentum v +
 * (1 − dampening) g (v ← g in the first one); p ← p − lr v, with nesterov p − lr (g + momentum v).
 * velocity may be NULL when momentum is 0. */
TP_API void tp_sgd_step(tp_var *const *params, tp_var *const *velocity, int n,
                        const tp_sgd_options *options);

#define TP__DEFAULTS_tp_adam_options(_) _ lr = 1e-3, _ beta1 = 0.9, _ beta2 = 0.999, _ eps = 1e-8,
typedef struct tp_adam_options {
    TP__OPTIONS(tp_adam_options)
    double lr;           /* 1e-3 */
    double beta1, beta2; /* 0.9 and 0.999 */
    double eps;          /* 1e-8 */
    double weight_decay;
    bool decoupled; /* AdamW: p ← p − lr weight_decay p, instead of g ← g + weight_decay p */
} TP__BY_NAME tp_adam_options;

/* Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), as torch.optim.Adam and AdamW:
 * m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; p ← p − lr (m / (1 − β₁ᵗ)) /
 * (√(v / (1 − β₂ᵗ)) + eps), where t = step counts from 1. On x86-64 a
 * step takes denormal numbers, which m and v of a vanished gradient would otherwise stay for ever
 * and which are slow to compute with, for 0. */
TP_API void tp_adam_step(tp_var *const *params, tp_var *const *m, tp_var *const *v, int n,
                         int64_t step, const tp_adam_options *options);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__SGD_STEP(function, params, velocity, n, ...)                                           \
    TP__WITH(tp_sgd_options, function, (params, velocity, n, ), __VA_ARGS__)
#define tp_sgd_step(...) TP__SGD_STEP(tp_sgd_step, __VA_ARGS__, )
#define TP__ADAM_STEP(function, params, m, v, n, step, ...)                                        \
    TP__WITH(tp_adam_options, function, (params, m, v, n, step, ), __VA_ARGS__)
#define tp_adam_step(...) TP__ADAM_STEP(tp_adam_step, __VA_ARGS__, )
#define TP__OPTIMIZER_NEW(type, function, params, n, lr, ...)                                      \
    TP__WITH(type, function, (params, n, lr, ), __VA_ARGS__)
#define tp_sgd_new(...) TP__OPTIMIZER_NEW(tp_sgd_new_options, tp_sgd_new, __VA_ARGS__, )
#define tp_adagrad_new(...) TP__OPTIMIZER_NEW(tp_adagrad_new_options, tp_adagrad_new, __VA_ARGS__, )
#define tp_adadelta_new(...)                                                                       \
    TP__OPTIMIZER_NEW(tp_adadelta_new_options, tp_adadelta_new, __VA_ARGS__, )
#define tp_rmsprop_new(...) TP__OPTIMIZER_NEW(tp_rmsprop_new_options, tp_rmsprop_new, __VA_ARGS__, )
#define tp_adam_new(...) TP__OPTIMIZER_NEW(tp_adam_new_options, tp_adam_new, __VA_ARGS__, )
#define tp_adamw_new(...) TP__OPTIMIZER_NEW(tp_adamw_new_options, tp_adamw_new, __VA_ARGS__, )
#define tp_adamax_new(...) TP__OPTIMIZER_NEW(tp_adamax_new_options, tp_adamax_new, __VA_ARGS__, )
#define tp_nadam_new(...) TP__OPTIMIZER_NEW(tp_nadam_new_options, tp_nadam_new, __VA_ARGS__, )
#define tp_radam_new(...) TP__OPTIMIZER_NEW(tp_radam_new_options, tp_radam_new, __VA_ARGS__, )
#define tp_lion_new(...) TP__OPTIMIZER_NEW(tp_lion_new_options, tp_lion_new, __VA_ARGS__, )
#define tp_lbfgs_new(...) TP__OPTIMIZER_NEW(tp_lbfgs_new_options, tp_lbfgs_new, __VA_ARGS__, )
#define tp_gauss_newton_new(...)                                                                   \
    TP__OPTIMIZER_NEW(tp_gauss_newton_new_options, tp_gauss_newton_new, __VA_ARGS__, )
#define TP__OPTIMIZER_ADD_GROUP(function, o, params, n, lr, ...)                                   \
    TP__WITH(tp_optimizer_group_options, function, (o, params, n, lr, ), __VA_ARGS__)
#define tp_optimizer_add_group(...) TP__OPTIMIZER_ADD_GROUP(tp_optimizer_add_group, __VA_ARGS__, )
#endif

#endif
