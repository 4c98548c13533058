/* SPDX-License-Identifier: MIT
 *
 * How a training goes, on stderr: a line that is written anew where that is a terminal, and a line
 * for each epoch in the log where it is not.
 */
#include "base/features.h"

#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/numbers.h"
#include "base/system.h"
#include "tinypytorch/engine.h"

enum { PROGRESS_BAR = 20, PROGRESS_WIDTH = 100, PROGRESS_EVERY = 100000000 };

static int progress_put(char *text, size_t size, int at, const char *format, const char *name,
                        double value)
{
    if (at < 0 || (size_t)at >= size)
        return at;
    return at + tp__format(text + at, size - (size_t)at, format, name, value);
}

/* "41 s", "3:07", "1:02:09". */
static void progress_time(double seconds, char *text, size_t size)
{
    long s = seconds < 1e8 ? lround(seconds) : 0;
    if (s < 60)
        snprintf(text, size, "%ld s", s);
    else if (s < 3600)
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

void tp__train_bar(const tp__run *run, double seconds, char *text, size_t size)
{
    const tp_train_report *now = &run->now;
    char bar[PROGRESS_BAR + 1], left[32], metric[40];
    int full = now->batches ? (int)(PROGRESS_BAR * now->batch / now->batches) : 0;
    for (int i = 0; i < PROGRESS_BAR; i++)
        bar[i] = i < full ? '=' : i == full ? '>' : ' ';
    bar[PROGRESS_BAR] = 0;
    double steps = (double)(now->step - run->first_step);
    double rate = seconds > 0 ? steps / seconds : 0;
    double remain = (double)((now->epochs - now->epoch) * now->batches - now->batch);
    progress_time(rate > 0 ? remain / rate : 0, left, sizeof left);
    int at = tp__format(text, size, "epoch %lld/%lld [%s] %lld/%lld, %.3g/s, %s left, loss %.4g",
                        (long long)(now->epoch + (now->epoch < now->epochs)),
                        (long long)now->epochs, bar, (long long)now->batch, (long long)now->batches,
                        rate, rate > 0 ? left : "?", now->loss);
    if (!isnan(now->metric)) {
        snprintf(metric, sizeof metric, "%.30s", tp_metric_name(run->o.metrics[0]));
        at = progress_put(text, size, at, ", %s %.4g", metric, now->metric);
    }
    at = progress_put(text, size, at, ", %s %.3g", "lr", now->lr);
    progress_put(text, size, at, ", %s%.0f MB", "", (double)tp_memory_stats().in_use / 1e6);
}

void tp__train_line(const tp__run *run, double seconds, char *text, size_t size)
{
    const tp_train_report *now = &run->now;
    int at = tp__format(text, size, "epoch %lld/%lld: loss %.6g", (long long)now->epoch,
                        (long long)now->epochs, now->loss);
    if (run->o.validation)
        at = progress_put(text, size, at, ", %s %.6g", "validation loss", now->validation_loss);
    for (int i = 0; i < run->o.n_metrics; i++)
        at = progress_put(text, size, at, ", %s %.6g", tp_metric_name(run->o.metrics[i]),
                          run->metrics[i]);
    at = progress_put(text, size, at, ", %s %.4g", "lr", now->lr);
    progress_put(text, size, at, ", %s%.1f s", "", seconds);
}

static double progress_seconds(const tp__run *run)
{
    return (double)(tp__clock() - run->began) / 1e9;
}

void tp__train_show_step(tp__run *run)
{
    char text[256];
    int64_t clock = tp__clock();
    if (run->now.step == run->first_step + 1)
        run->terminal = !run->o.silent && isatty(fileno(stderr));
    if (!run->terminal || clock - run->shown < PROGRESS_EVERY)
        return;
    run->shown = clock;
    tp__train_bar(run, progress_seconds(run), text, sizeof text);
    fprintf(stderr, "\r%.*s\033[K", PROGRESS_WIDTH, text);
    fflush(stderr);
}

void tp__train_show_epoch(tp__run *run)
{
    char text[1024];
    if (run->o.silent)
        return;
    tp__train_line(run, progress_seconds(run), text, sizeof text);
    if (run->terminal)
        fprintf(stderr, "\r%s\033[K\n", text);
    else
        tp__log("%s", text);
}

void tp__train_show_end(tp__run *run)
{
    if (run->terminal && run->now.batch && run->shown)
        fputc('\n', stderr);
}
