/* SPDX-License-Identifier: MIT
 *
 * A network that learns sin(x) from 200 points: tp_train with a validation, a schedule, early
 * stopping, a checkpoint, a log, a report and a picture of the losses. Stop it with Ctrl-C and
 * start it again: it goes on where it was.
 */
#include <math.h>
#include <stdio.h>

#include <tinypytorch.h>

static tp_var *loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction)
{
    (void)arg;
    *prediction = tp_forward(net, batch[0]);
    return tp_mse_loss(*prediction, batch[1]);
}

/* n points of [-π, π] and their sines. */
static tp_dataset *sines(int64_t n)
{
    tp_var *x = tp_reshape(tp_linspace(TP_F32, -3.14159265, 3.14159265, n), TP_SHAPE(n, 1));
    return tp_tensor_dataset_new(2, (tp_var *[]){x, tp_sin(x)});
}

int main(void)
{
    TP_SCOPE();
    tp_manual_seed(1);
    tp_module *net =
        tp_sequential_new(TP_MODULES(tp_linear_new(1, 32), tp_tanh_new(), tp_linear_new(32, 32),
                                     tp_tanh_new(), tp_linear_new(32, 1)));
    tp_var *params[6];
    int n = tp_parameters(net, 6, params);
    tp_optimizer *optimizer = tp_adam_new(params, n, 0.01);
    tp_schedule *schedule = tp_cosine_annealing_lr_new(optimizer, 100);
    tp_dataset *points = sines(200), *others = sines(77);
    tp_loader *train = tp_loader_new(points, 20, .shuffle = true);
    tp_loader *validation = tp_loader_new(others, 77);
    tp_metric *metrics[] = {tp_r2_score_new(), tp_mean_absolute_error_new()};

    tp_train_report r =
        tp_train(net, loss, optimizer, train, .epochs = 100, .validation = validation,
                 .metrics = metrics, .n_metrics = 2, .schedule = schedule, .patience = 50,
                 .interruptible = true, .silent = true, .checkpoint = "sine.safetensors",
                 .resume = true, .log = "sine.csv", .log_every = 5, .report = "sine.html");

    printf("epochs %lld, steps %lld, R2 above 0.999: %s\n", (long long)r.epoch, (long long)r.step,
           r.metric > 0.999 ? "yes" : "no");
    for (int i = 0; i <= 4; i++) {
        double x = i * 0.75 - 1.5;
        tp_var *y = tp_forward(net, tp_full(TP_F32, TP_SHAPE(1, 1), x));
        printf("x %5.2f  network %7.4f  sin x %7.4f\n", x, tp_item(y), sin(x));
    }
    tp_metric_free(metrics[0]), tp_metric_free(metrics[1]);
    tp_loader_free(train), tp_loader_free(validation);
    tp_dataset_free(points), tp_dataset_free(others);
    tp_schedule_free(schedule), tp_optimizer_free(optimizer), tp_module_free(net);
    return tp_check();
}
