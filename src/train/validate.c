/* SPDX-License-Identifier: MIT
 *
 * Losses of batches that no step follows: validation, and a batch that is run again to find which
 * operation made a NaN.
 */
#include "base/features.h"

#include "train/train.h"

#include <math.h>

#include "base/error.h"
#include "tinypytorch/array.h"
#include "tinypytorch/graph.h"
#include "tinypytorch/scope.h"

void tp__train_tell_where(const tp__run *run, const char *what, int64_t batch)
{
    const tp_train_report *now = &run->now;
    tp__error_add(tp__here(), ", in epoch %lld, step %lld (%sbatch %lld)",
                  (long long)(now->epoch + 1), (long long)(now->step + 1), what, (long long)batch);
}

/* Adds a batch of the validation; the caller's scope takes what is made. */
static bool validate_batch(tp__run *run, tp_var *const *batch, double *sum, double *count)
{
    tp_var *prediction = NULL;
    double n = (double)(tp_ndim(batch[0]) ? tp_len(batch[0]) : 1);
    *sum += n * tp_item(run->loss(run->o.arg, run->net, batch, &prediction));
    *count += n;
    if (!prediction && run->o.n_metrics)
        tp_fail(TP_ERROR_ARGUMENT, "train: the loss sets no *prediction, which metrics need");
    for (int i = 0; i < run->o.n_metrics; i++)
        tp_metric_update(run->o.metrics[i], prediction,
                         batch[tp_loader_arrays(run->o.validation) - 1]);
    return !tp__here()->code;
}

static bool validate_all(tp__run *run)
{
    double sum = 0, count = 0;
    tp_var *batch[TP_MAX_ARRAYS];
    for (bool more = true; more && !tp__here()->code;) {
        size_t scope = tp_scope_begin();
        more = tp_loader_next(run->o.validation, batch);
        if (more && !validate_batch(run, batch, &sum, &count))
            tp__train_tell_where(run, "validation's ", tp_loader_batch(run->o.validation));
        tp_scope_end(scope);
    }
    run->now.validation_loss = sum / count;
    for (int i = 0; i < run->o.n_metrics; i++)
        run->metrics[i] = tp_metric_result(run->o.metrics[i]);
    if (run->o.n_metrics)
        run->now.metric = run->metrics[0];
    return !tp__here()->code;
}

/* The validation's epoch is the training's, so that what it draws at random does not depend on
 * where a training was resumed. */
bool tp__train_validate(tp__run *run)
{
    if (!run->o.validation)
        return true;
    bool grad = tp_set_grad_enabled(false);
    for (int i = 0; i < run->o.n_metrics; i++)
        tp_metric_reset(run->o.metrics[i]);
    tp_module_train(run->net, false);
    bool good = tp_loader_seek(run->o.validation, run->now.epoch, 0) && validate_all(run);
    tp_module_train(run->net, true);
    tp_set_grad_enabled(grad);
    return good;
}
