/* SPDX-License-Identifier: MIT
 *
 * Connectionist temporal classification: the probability of all ways to spread a target over the
 * steps, by the forward recursion of Graves et al. 2006 over other operations. Its states are the
 * target's classes with blanks before, between and behind them. CTC_NEVER stands for the logarithm
 * of 0: weights of e^CTC_NEVER are 0, and no difference of infinities arises in a derivative.
 */
#include "base/features.h"

#include <math.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/half.h"
#include "ops/families.h"
#include "tinypytorch.h"

#define CTC_NEVER (-1e30)

/* Numbers on the caller's side: rows of `states` states each. */
typedef struct ctc_plan {
    int64_t steps, rows, classes, states;
    const int64_t *input, *length; /* steps of a row's input; classes of its target */
    int64_t *state;                /* the class of a state */
    double *skips, *starts;        /* 0 where a state may follow the one two before it; begin */
    int64_t *ends;                 /* the two states that a row may end in */
} ctc_plan;

static const int64_t *ctc_integers(const char *what, tp_var *v, int64_t n)
{
    if (!tp__check_operand("ctc_loss", v))
        return NULL;
    if (tp__is_float((tp_dtype)v->dtype)) {
        tp_fail(TP_ERROR_DTYPE, "ctc_loss: %s are %s, expected integers", what,
                tp_dtype_name((tp_dtype)v->dtype));
        return NULL;
    }
    if (n >= 0 && v->size != n) {
        tp__refuse_shape("ctc_loss", what, v, "(%lld,): one for each row", (long long)n);
        return NULL;
    }
    return tp__elements(tp_to(v, TP_I64));
}

static bool ctc_lengths(ctc_plan *plan, const tp_var *targets)
{
    int64_t longest = 0, all = 0;
    bool lines = targets->ndim == 2;
    for (int64_t i = 0; i < plan->rows; i++) {
        if (plan->input[i] < 1 || plan->input[i] > plan->steps || plan->length[i] < 0) {
            tp_fail(TP_ERROR_ARGUMENT,
                    "ctc_loss: row %lld has %lld steps and a target of %lld; expected 1 to %lld "
                    "steps",
                    (long long)i, (long long)plan->input[i], (long long)plan->length[i],
                    (long long)plan->steps);
            return false;
        }
        longest = plan->length[i] > longest ? plan->length[i] : longest;
        all += plan->length[i];
    }
    plan->states = 2 * longest + 1;
    int64_t room = lines ? tp__shape(targets)[1] : targets->size;
    if ((lines ? tp__shape(targets)[0] == plan->rows && longest <= room
               : targets->ndim == 1 && all == room))
        return true;
    char a[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_SHAPE,
            "ctc_loss: targets %s do not hold %lld rows of up to %lld classes, %lld in all",
            tp__shape_text(a, targets->ndim, tp__shape(targets)), (long long)plan->rows,
            (long long)longest, (long long)all);
    return false;
}

static bool ctc_row(ctc_plan *plan, int64_t row, const int64_t *target, int64_t blank)
{
    int64_t at = row * plan->states;
    for (int64_t s = 0; s < plan->states; s++) {
        bool inside = target && s / 2 < plan->length[row];
        int64_t class = s % 2 && inside ? target[s / 2] : blank;
        if (class < 0 || class >= plan->classes || (s % 2 && inside && class == blank)) {
            tp_fail(TP_ERROR_ARGUMENT,
                    "ctc_loss: row %lld of the targets has class %lld; expected 0 to %lld but for "
                    "the blank, %lld",
                    (long long)row, (long long)class, (long long)plan->classes - 1,
                    (long long)blank);
            return false;
        }
        plan->state[at + s] = class;
        bool other = s > 1 && s % 2 && class != plan->state[at + s - 2];
        plan->skips[at + s] = other ? 0 : CTC_NEVER;
        plan->starts[at + s] = s < 2 && (s == 0 || inside) ? 0 : CTC_NEVER;
    }
    plan->ends[2 * row] = 2 * plan->length[row];
    plan->ends[2 * row + 1] = plan->length[row] ? 2 * plan->length[row] - 1 : 0;
    return true;
}

static bool ctc_fill(ctc_plan *plan, tp_var *targets, int64_t blank)
{
    const int64_t *target = ctc_integers("targets", targets, -1);
    size_t all = (size_t)(plan->rows * plan->states);
    plan->state = tp__alloc(all * sizeof *plan->state);
    plan->skips = tp__alloc(2 * all * sizeof *plan->skips);
    plan->ends = tp__alloc(2 * (size_t)plan->rows * sizeof *plan->ends);
    if ((!target && targets->size) || !plan->state || !plan->skips || !plan->ends)
        return false;
    plan->starts = plan->skips + all;
    bool good = true;
    for (int64_t row = 0, at = 0; good && row < plan->rows; row++) {
        good = ctc_row(plan, row, target ? target + at : NULL, blank);
        at += targets->ndim == 2 ? tp__shape(targets)[1] : plan->length[row];
    }
    return good;
}

/* --- The recursion --- */

/* Values by n states later. */
static tp_var *ctc_later(tp_var *v, int64_t n)
{
    int64_t rows = tp__shape(v)[0], states = tp__shape(v)[1];
    n = n < states ? n : states;
    tp_var *never = tp_full((tp_dtype)v->dtype, TP_SHAPE(rows, n), CTC_NEVER);
    return tp_concatenate((tp_var *[]){never, tp_slice(v, 1, 0, states - n, 1)}, 2, 1);
}

/* Logarithms of probabilities of the states after every row's last step, (rows, states). */
static tp_var *ctc_states(const ctc_plan *plan, tp_var *logs)
{
    tp_dtype dtype = (tp_dtype)logs->dtype;
    int64_t rows = plan->rows, states = plan->states;
    tp_var *classes = tp_array(TP_I64, TP_SHAPE(rows, states), plan->state);
    tp_var *skips = tp_to(tp_array(TP_F64, TP_SHAPE(rows, states), plan->skips), dtype);
    tp_var *starts = tp_to(tp_array(TP_F64, TP_SHAPE(rows, states), plan->starts), dtype);
    tp_var *input = tp_array(TP_I64, TP_SHAPE(rows, 1), plan->input), *all = NULL;
    for (int64_t t = 0; t < plan->steps; t++) {
        tp_var *here = tp_gather(tp_select(logs, 0, t), 1, classes);
        here = tp_maximum(here, CTC_NEVER);
        if (t == 0) {
            all = tp_add(here, starts);
        } else {
            tp_var *next = tp_logaddexp(tp_logaddexp(all, ctc_later(all, 1)),
                                        tp_add(ctc_later(all, 2), skips));
            all = tp_where(tp_gt(input, t), tp_add(next, here), all);
        }
        if (tp_is_poison(all))
            break;
    }
    return all;
}

static tp_var *ctc_rows(const ctc_plan *plan, tp_var *logs, bool zero_infinity)
{
    tp_var *all = ctc_states(plan, logs);
    if (tp_is_poison(all))
        return all;
    tp_var *ends = tp_gather(all, 1, tp_array(TP_I64, TP_SHAPE(plan->rows, 2), plan->ends));
    tp_var *length = tp_array(TP_I64, TP_SHAPE(plan->rows), plan->length);
    tp_var *first = tp_select(ends, 1, 0), *second = tp_select(ends, 1, 1);
    tp_var *total = tp_where(tp_gt(length, 0), tp_logaddexp(first, second), first);
    tp_var *never = tp_lt(total, CTC_NEVER / 2);
    return tp_where(never, zero_infinity ? 0 : (double)INFINITY, tp_neg(total));
}

static tp_var *ctc_reduced(const ctc_plan *plan, tp_var *losses, tp_reduction reduction)
{
    if (reduction == TP_NO_REDUCTION)
        return losses;
    if (reduction == TP_SUM)
        return (tp_sum)(losses, NULL);
    tp_var *length = tp_array(TP_I64, TP_SHAPE(plan->rows), plan->length);
    return (tp_mean)(tp_div(losses, tp_to(tp_maximum(length, 1), (tp_dtype)losses->dtype)), NULL);
}

static bool ctc_options(tp_var *logs, tp_ctc_options *own, const tp_ctc_options *given)
{
    if (!tp__check_operand("ctc_loss", logs) ||
        !tp__take_options("ctc_loss", own, sizeof *own, given))
        return false;
    if (logs->ndim != 3 || tp__shape(logs)[0] == 0 || tp__shape(logs)[1] == 0) {
        char a[TP__SHAPE_TEXT];
        tp_fail(TP_ERROR_SHAPE,
                "ctc_loss: log_probs have shape %s, expected (T, N, C) with steps "
                "and rows",
                tp__shape_text(a, logs->ndim, tp__shape(logs)));
        return false;
    }
    if (own->blank >= 0 && own->blank < tp__shape(logs)[2] &&
        (unsigned)own->reduction <= TP_NO_REDUCTION)
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "ctc_loss: blank %lld of %lld classes, reduction %d",
            (long long)own->blank, (long long)tp__shape(logs)[2], (int)own->reduction);
    return false;
}

tp_var *(tp_ctc_loss)(tp_var *log_probs, tp_var *targets, tp_var *input_lengths,
                      tp_var *target_lengths, const tp_ctc_options *options)
{
    TP__CALL("ctc_loss");
    TP__OPERANDS(log_probs, targets, input_lengths, target_lengths);
    TP__IN_FLOAT32((tp_ctc_loss)(log_probs, targets, input_lengths, target_lengths, options),
                   &log_probs);
    tp_ctc_options own = {.size = sizeof own};
    if (!ctc_options(log_probs, &own, options) || !tp__check_operand("ctc_loss", targets))
        return tp__poison();
    const int64_t *shape = tp__shape(log_probs);
    ctc_plan plan = {.steps = shape[0], .rows = shape[1], .classes = shape[2]};
    plan.input = ctc_integers("input_lengths", input_lengths, plan.rows);
    plan.length = plan.input ? ctc_integers("target_lengths", target_lengths, plan.rows) : NULL;
    tp_var *loss = tp__poison();
    if (plan.length && ctc_lengths(&plan, targets) && ctc_fill(&plan, targets, own.blank)) {
        tp_var *logs =
            tp__is_float((tp_dtype)log_probs->dtype) ? log_probs : tp_to(log_probs, TP_F64);
        loss = ctc_reduced(&plan, ctc_rows(&plan, logs, own.zero_infinity), own.reduction);
    }
    tp__free(plan.state);
    tp__free(plan.skips);
    tp__free(plan.ends);
    return loss;
}

/* --- Record --- */

static tp_var *ctc_loss_sample(tp_var *const *x)
{
    tp_var *targets = tp_array(TP_I64, TP_SHAPE(2, 3), ((int64_t[]){1, 1, 2, 3, 0, 0}));
    tp_var *steps = tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){4, 3}));
    tp_var *lengths = tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){3, 1}));
    return (tp_ctc_loss)(tp_log_softmax(x[0], 2), targets, steps, lengths, NULL);
}

static const tp__op ctc_loss_op = {
    .label = "CtcLoss",
    .name = "ctc_loss",
    .n_in = 1,
    .flags = TP__COMPOSITE,
    .formula = "−ln of the sum over all ways to spread a target over the steps",
    .rule = "from its formula",
    .samples = (const tp__sample[]){{"4,2,5", ctc_loss_sample,
                                     "F.ctc_loss(x0.log_softmax(2), torch.tensor([[1, 1, 2], [3, "
                                     "0, 0]]), torch.tensor([4, 3]), torch.tensor([3, 1]))"},
                                    {0}},
};

static const tp__op *const ctc_ops[] = {&ctc_loss_op, NULL};

const tp__family tp__family_ctc = {"ctc", "losses of sequences", ctc_ops};
