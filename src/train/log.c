/* SPDX-License-Identifier: MIT
 *
 * The log of a training: rows of numbers, in memory and in checkpoints, and their text. The file is
 * written whole each time, so after a resume it has each row once, whatever it had before.
 */
#include "base/features.h"

#include "train/train.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"

int tp__train_columns(const tp__run *run)
{
    return TP__ROW_METRICS + run->o.n_metrics;
}

static bool log_ends(const char *path, const char *ending)
{
    size_t length = strlen(path), n = strlen(ending);
    return length > n && !strcmp(path + length - n, ending);
}

bool tp__train_check_log(const tp__run *run)
{
    const char *path = run->o.log;
    if (!path || log_ends(path, ".csv") || log_ends(path, ".jsonl"))
        return true;
    tp_fail(TP_ERROR_ARGUMENT,
            "train: the log is %.200s, expected a name that ends in .csv or "
            ".jsonl",
            path);
    return false;
}

bool tp__train_rows(tp__run *run, int64_t n)
{
    if (n <= run->room)
        return true;
    int64_t room = n > 2 * run->room ? n + 8 : 2 * run->room;
    size_t bytes = (size_t)room * (size_t)tp__train_columns(run) * sizeof *run->rows;
    double *rows = run->rows ? tp__realloc(run->rows, bytes) : tp__alloc(bytes);
    if (!rows)
        return false;
    run->rows = rows;
    run->room = room;
    return true;
}

static const char *const log_names[TP__ROW_METRICS] = {"row", "epoch", "step",
                                                       "lr",  "loss",  "validation_loss"};

static const char *log_name(const tp__run *run, int column)
{
    return column < TP__ROW_METRICS ? log_names[column]
                                    : tp_metric_name(run->o.metrics[column - TP__ROW_METRICS]);
}

/* "loss/step", "loss/epoch", "validation_loss", "accuracy", "lr". */
static bool log_events(const tp__run *run, const double *row)
{
    for (int c = TP__ROW_LR; run->events && c < tp__train_columns(run); c++) {
        const char *name = log_name(run, c);
        if (c == TP__ROW_LOSS)
            name = row[TP__ROW_EPOCH_ENDED] > 0 ? "loss/epoch" : "loss/step";
        if (!isnan(row[c]))
            tp_event_scalar(run->events, name, run->now.step, row[c]);
    }
    return !tp__here()->code;
}

bool tp__train_add_row(tp__run *run, bool epoch_ended)
{
    const tp_train_report *now = &run->now;
    if (!tp__train_rows(run, run->n_rows + 1))
        return false;
    double *row = run->rows + run->n_rows++ * tp__train_columns(run);
    row[TP__ROW_EPOCH_ENDED] = epoch_ended;
    row[TP__ROW_EPOCH] = (double)(now->epoch + !epoch_ended);
    row[TP__ROW_STEP] = (double)now->step;
    row[TP__ROW_LR] = now->lr;
    row[TP__ROW_LOSS] = epoch_ended ? now->loss : now->batch_loss;
    row[TP__ROW_VALIDATION] = epoch_ended ? now->validation_loss : (double)NAN;
    for (int i = 0; i < run->o.n_metrics; i++)
        row[TP__ROW_METRICS + i] = epoch_ended ? run->metrics[i] : (double)NAN;
    return log_events(run, row);
}

static void log_csv(const tp__run *run, tp__text *text)
{
    int columns = tp__train_columns(run);
    for (int c = 0; c < columns; c++)
        tp__text_format(text, "%s%s", c ? "," : "", log_name(run, c));
    tp__text_put(text, "\n");
    for (int64_t r = 0; r < run->n_rows; r++) {
        const double *row = run->rows + r * columns;
        tp__text_put(text, row[0] > 0 ? "epoch" : "step");
        for (int c = 1; c < columns; c++)
            if (isnan(row[c]))
                tp__text_put(text, ",");
            else
                tp__text_format(text, ",%.10g", row[c]);
        tp__text_put(text, "\n");
    }
}

static void log_json(const tp__run *run, tp__text *text)
{
    int columns = tp__train_columns(run);
    for (int64_t r = 0; r < run->n_rows; r++) {
        const double *row = run->rows + r * columns;
        tp__text_format(text, "{\"row\": \"%s\"", row[0] > 0 ? "epoch" : "step");
        for (int c = 1; c < columns; c++) {
            tp__text_format(text, ", \"%s\": ", log_name(run, c));
            if (isfinite(row[c]))
                tp__text_format(text, "%.10g", row[c]);
            else
                tp__text_put(text, "null");
        }
        tp__text_put(text, "}\n");
    }
}

bool tp__train_write_log(const tp__run *run)
{
    tp__text text = {0};
    if (!run->o.log)
        return true;
    if (log_ends(run->o.log, ".csv"))
        log_csv(run, &text);
    else
        log_json(run, &text);
    bool good = !text.failed && tp__file_save("train", run->o.log, text.at, text.length);
    tp__text_drop(&text);
    return good;
}
