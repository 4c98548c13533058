/* SPDX-License-Identifier: MIT
 *
 * Schedules change the learning rates of an optimiser, as torch.optim.lr_scheduler does, by its
 * names, numbers and defaults.
 *
 *     tp_schedule *s = tp_cosine_annealing_lr_new(o, epochs);
 *     for (int epoch = 0; epoch < epochs; epoch++) {
 *         ...
 *         tp_schedule_step(s);
 *     }
 *     tp_schedule_free(s);
 *
 * A schedule counts its steps, t, from 0, which is where making it stands, and changes the rate
 * that a group has at that moment; so several schedules of one optimiser multiply. base is a
 * group's rate when the first schedule of the optimiser was made, its initial rate. It is owned by
 * who made it, does not hold the optimiser, which must live as long, and covers the groups that the
 * optimiser had when it was made. Making one that fails gives NULL and an error and changes no
 * rate.
 */
#ifndef TINYPYTORCH_SCHEDULE_H
#define TINYPYTORCH_SCHEDULE_H

#include "optim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_schedule tp_schedule;

/* Gives back what it holds; ignores NULL. */
TP_API void tp_schedule_free(tp_schedule *s);

/* One step on. */
TP_API void tp_schedule_step(tp_schedule *s);

/* The same for a plateau, which looks at a loss or metric. Other schedules ignore it. */
TP_API void tp_schedule_step_metric(tp_schedule *s, double metric);

/* t */
TP_API int64_t tp_schedule_epoch(const tp_schedule *s);

/* What a schedule is, as named numbers, and a schedule of the same kind brought to it. The rates
 * themselves are the optimiser's state. One that does not fit is an error that changes nothing. The
 * dict is the caller's, to be freed; NULL with an error. */
TP_API tp_state_dict *tp_schedule_state(const tp_schedule *s);
TP_API void tp_schedule_load_state(tp_schedule *s, const tp_state_dict *d);

#define TP__DEFAULTS_tp_step_lr_new_options(_) _ gamma = 0.1,
typedef struct tp_step_lr_new_options {
    TP__OPTIONS(tp_step_lr_new_options)
    double gamma; /* 0.1 */
} TP__BY_NAME tp_step_lr_new_options;

/* gamma times the rate every step_size steps; at each milestone, in ascending order (one that is
 * there twice counts twice); at every step. */
TP_API tp_schedule *tp_step_lr_new(tp_optimizer *o, int64_t step_size,
                                   const tp_step_lr_new_options *options);
TP_API tp_schedule *tp_multi_step_lr_new(tp_optimizer *o, const int64_t *milestones, int n,
                                         const tp_step_lr_new_options *options);
TP_API tp_schedule *tp_exponential_lr_new(tp_optimizer *o, double gamma);

#define TP__DEFAULTS_tp_factor_lr_new_options(_)                                                   \
    _ factor = 1.0 / 3, _ start_factor = 1.0 / 3, _ end_factor = 1, _ power = 1, _ total_iters = 5,
typedef struct tp_factor_lr_new_options {
    TP__OPTIONS(tp_factor_lr_new_options)
    double factor;                   /* of a constant one: 1/3, not 0 */
    double start_factor, end_factor; /* of a linear one: 1/3 and 1; the first is not 0 */
    double power;                    /* of a polynomial one: 1 */
    int64_t total_iters;             /* 5 */
} TP__BY_NAME tp_factor_lr_new_options;

/* For total_iters steps: factor times the rate; from start_factor to end_factor times the rate, in
 * equal parts (a warm-up); base (1 − t / total_iters)^power. */
TP_API tp_schedule *tp_constant_lr_new(tp_optimizer *o, const tp_factor_lr_new_options *options);
TP_API tp_schedule *tp_linear_lr_new(tp_optimizer *o, const tp_factor_lr_new_options *options);
TP_API tp_schedule *tp_polynomial_lr_new(tp_optimizer *o, const tp_factor_lr_new_options *options);

#define TP__DEFAULTS_tp_cosine_lr_new_options(_) _ T_mult = 1,
typedef struct tp_cosine_lr_new_options {
    TP__OPTIONS(tp_cosine_lr_new_options)
    double eta_min; /* the least rate */
    int64_t T_mult; /* of restarts: each period is so many times the one before, 1 */
} TP__BY_NAME tp_cosine_lr_new_options;

/* eta_min + (base − eta_min) (1 + cos(π t / T_max)) / 2 (Loshchilov & Hutter 2017), which goes up
 * again behind T_max; with warm restarts, from base again behind each period, the first of which
 * has T_0 steps. */
TP_API tp_schedule *tp_cosine_annealing_lr_new(tp_optimizer *o, int64_t T_max,
                                               const tp_cosine_lr_new_options *options);
TP_API tp_schedule *tp_cosine_annealing_warm_restarts_new(tp_optimizer *o, int64_t T_0,
                                                          const tp_cosine_lr_new_options *options);

#define TP__DEFAULTS_tp_one_cycle_lr_new_options(_)                                                \
    _ pct_start = 0.3, _ base_momentum = 0.85, _ max_momentum = 0.95, _ div_factor = 25,           \
      _ final_div_factor = 1e4, _ cycle_momentum = true,
typedef struct tp_one_cycle_lr_new_options {
    TP__OPTIONS(tp_one_cycle_lr_new_options)
    double pct_start;                    /* the part of steps in which the rate rises: 0.3 */
    double base_momentum, max_momentum;  /* 0.85 and 0.95 */
    double div_factor, final_div_factor; /* 25 and 10,000 */
    bool cycle_momentum;                 /* true: momentum, or beta1, falls while the rate rises */
    bool linear;                         /* straight lines rather than cosines */
    bool three_phase; /* fall to the initial rate in the time of the rise, then to the last one */
} TP__BY_NAME tp_one_cycle_lr_new_options;

/* From max_lr / div_factor up to max_lr and down to the initial rate / final_div_factor in
 * total_steps steps (Smith & Topin 2019). Stepping beyond them is an error. */
TP_API tp_schedule *tp_one_cycle_lr_new(tp_optimizer *o, double max_lr, int64_t total_steps,
                                        const tp_one_cycle_lr_new_options *options);

#define TP__DEFAULTS_tp_reduce_lr_on_plateau_new_options(_)                                        \
    _ factor = 0.1, _ threshold = 1e-4, _ eps = 1e-8, _ patience = 10,
typedef struct tp_reduce_lr_on_plateau_new_options {
    TP__OPTIONS(tp_reduce_lr_on_plateau_new_options)
    double factor;    /* 0.1, less than 1 */
    double threshold; /* what counts as better, relative to the best: 1e-4 */
    double min_lr;
    double eps;       /* smaller changes of the rate are left out: 1e-8 */
    int64_t patience; /* steps without a better metric: 10 */
    int64_t cooldown; /* steps behind a reduction in which none are counted */
    bool maximize;    /* larger metrics are better */
    bool absolute;    /* the threshold is no relative one */
} TP__BY_NAME tp_reduce_lr_on_plateau_new_options;

/* factor times the rate when the metric has not got better for more than `patience` steps
 * (tp_schedule_step_metric). */
TP_API tp_schedule *tp_reduce_lr_on_plateau_new(tp_optimizer *o,
                                                const tp_reduce_lr_on_plateau_new_options *options);

/* base times f(ctx, t). */
typedef double tp_lr_lambda(void *ctx, int64_t epoch);
TP_API tp_schedule *tp_lambda_lr_new(tp_optimizer *o, tp_lr_lambda *f, void *ctx);

/* All of n schedules at once; one after the other: schedule i from step milestones[i − 1] on, of
 * n − 1 ascending ones, as if it had been made then. They are of one optimiser and become the new
 * one's, which frees them; with an error they stay the caller's. */
TP_API tp_schedule *tp_chained_scheduler_new(tp_schedule *const *schedules, int n);
TP_API tp_schedule *tp_sequential_lr_new(tp_schedule *const *schedules, int n,
                                         const int64_t *milestones);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__SCHEDULE_1(type, function, o, ...) TP__WITH(type, function, (o, ), __VA_ARGS__)
#define TP__SCHEDULE_2(type, function, o, a, ...) TP__WITH(type, function, (o, a, ), __VA_ARGS__)
#define TP__SCHEDULE_3(type, function, o, a, b, ...)                                               \
    TP__WITH(type, function, (o, a, b, ), __VA_ARGS__)
#define tp_step_lr_new(...) TP__SCHEDULE_2(tp_step_lr_new_options, tp_step_lr_new, __VA_ARGS__, )
#define tp_multi_step_lr_new(...)                                                                  \
    TP__SCHEDULE_3(tp_step_lr_new_options, tp_multi_step_lr_new, __VA_ARGS__, )
#define tp_constant_lr_new(...)                                                                    \
    TP__SCHEDULE_1(tp_factor_lr_new_options, tp_constant_lr_new, __VA_ARGS__, )
#define tp_linear_lr_new(...)                                                                      \
    TP__SCHEDULE_1(tp_factor_lr_new_options, tp_linear_lr_new, __VA_ARGS__, )
#define tp_polynomial_lr_new(...)                                                                  \
    TP__SCHEDULE_1(tp_factor_lr_new_options, tp_polynomial_lr_new, __VA_ARGS__, )
#define tp_cosine_annealing_lr_new(...)                                                            \
    TP__SCHEDULE_2(tp_cosine_lr_new_options, tp_cosine_annealing_lr_new, __VA_ARGS__, )
#define tp_cosine_annealing_warm_restarts_new(...)                                                 \
    TP__SCHEDULE_2(tp_cosine_lr_new_options, tp_cosine_annealing_warm_restarts_new, __VA_ARGS__, )
#define tp_one_cycle_lr_new(...)                                                                   \
    TP__SCHEDULE_3(tp_one_cycle_lr_new_options, tp_one_cycle_lr_new, __VA_ARGS__, )
#define tp_reduce_lr_on_plateau_new(...)                                                           \
    TP__SCHEDULE_1(tp_reduce_lr_on_plateau_new_options, tp_reduce_lr_on_plateau_new, __VA_ARGS__, )
#endif

#endif
