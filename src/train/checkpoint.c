/* SPDX-License-Identifier: MIT
 *
 * Checkpoints: the states of all that takes part in one dict, each under its prefix, and the
 * numbers of the run. Loading looks at the numbers first, then gives each part its own, and the
 * random stream last, from which the parts might draw.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "train/train.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "io/state_dict.h"
#include "tinypytorch/array.h"
#include "tinypytorch/random.h"
#include "tinypytorch/scope.h"

#define CHECKPOINT_FORMAT "tinypytorch training 1"

enum { CHECKPOINT_NUMBERS = 14, CHECKPOINT_NAME = 600 };

/* --- Parts --- */

/* Puts all of a dict, which it frees, under a prefix; NULL is an error that is pending. */
static void checkpoint_put(tp_state_dict *to, const char *prefix, tp_state_dict *from)
{
    char name[CHECKPOINT_NAME];
    for (size_t i = 0; from && i < from->vars.n; i++) {
        snprintf(name, sizeof name, "%s.%s", prefix, from->vars.entries[i].name);
        tp_state_dict_set(to, name, from->vars.entries[i].value);
    }
    for (size_t i = 0; from && i < from->texts.n; i++) {
        snprintf(name, sizeof name, "%s.%s", prefix, from->texts.entries[i].name);
        tp_state_dict_set_text(to, name, from->texts.entries[i].value);
    }
    tp_state_dict_free(from);
}

/* What stands under a prefix, as a dict of its own; NULL with an error. */
static tp_state_dict *checkpoint_part(const tp_state_dict *d, const char *prefix)
{
    size_t length = strlen(prefix);
    tp_state_dict *part = tp_state_dict_new();
    for (size_t i = 0; part && i < d->vars.n; i++) {
        const char *name = d->vars.entries[i].name;
        if (!strncmp(name, prefix, length) && name[length] == '.')
            tp_state_dict_set(part, name + length + 1, d->vars.entries[i].value);
    }
    for (size_t i = 0; part && i < d->texts.n; i++) {
        const char *name = d->texts.entries[i].name;
        if (!strncmp(name, prefix, length) && name[length] == '.')
            tp_state_dict_set_text(part, name + length + 1, d->texts.entries[i].value);
    }
    return part;
}

/* --- Numbers --- */

static void checkpoint_put_numbers(const tp__run *run, tp_state_dict *d)
{
    const tp_train_report *now = &run->now;
    const double numbers[CHECKPOINT_NUMBERS] = {(double)now->epoch,
                                                (double)now->step,
                                                (double)tp_loader_epoch(run->loader),
                                                (double)tp_loader_batch(run->loader),
                                                now->batch_loss,
                                                now->loss,
                                                now->lr,
                                                now->validation_loss,
                                                now->metric,
                                                now->best,
                                                (double)now->best_epoch,
                                                run->loss_sum,
                                                run->loss_count,
                                                (double)run->waited};
    size_t scope = tp_scope_begin();
    tp_state_dict_set(d, "train.numbers",
                      tp_array(TP_F64, 1, (int64_t[]){CHECKPOINT_NUMBERS}, numbers));
    if (run->n_rows)
        tp_state_dict_set(
            d, "train.log",
            tp_array(TP_F64, 2, (int64_t[]){run->n_rows, tp__train_columns(run)}, run->rows));
    tp_scope_end(scope);
}

static void checkpoint_put_random(tp_state_dict *d)
{
    char text[60];
    uint64_t state[2];
    tp_random_state(state);
    snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64, state[0], state[1]);
    tp_state_dict_set_text(d, "train.random", text);
}

static bool checkpoint_refuse(const char *what)
{
    if (!tp__here()->code)
        tp_fail(TP_ERROR_FILE, "train: the checkpoint has no %s of a training", what);
    return false;
}

/* A whole number from 0 on that a double holds. */
static bool checkpoint_counts(double number)
{
    return number >= 0 && number < 0x1p53 && number == floor(number);
}

static bool checkpoint_take_numbers(tp__run *run, const tp_state_dict *d, int64_t place[2])
{
    tp_var *v = tp_state_dict_get(d, "train.numbers");
    const double *number =
        v && tp_dtype_of(v) == TP_F64 && tp_size(v) == CHECKPOINT_NUMBERS ? tp_data(v) : NULL;
    if (!number || !checkpoint_counts(number[0]) || !checkpoint_counts(number[1]) ||
        !checkpoint_counts(number[2]) || !checkpoint_counts(number[3]) ||
        !checkpoint_counts(number[10]) || !checkpoint_counts(number[13]))
        return checkpoint_refuse("numbers");
    tp_train_report *now = &run->now;
    now->epoch = (int64_t)number[0];
    now->step = (int64_t)number[1];
    place[0] = (int64_t)number[2];
    place[1] = (int64_t)number[3];
    now->batch = place[1];
    now->batch_loss = number[4];
    now->loss = number[5];
    now->lr = number[6];
    now->validation_loss = number[7];
    now->metric = number[8];
    now->best = number[9];
    now->best_epoch = (int64_t)number[10];
    run->loss_sum = number[11];
    run->loss_count = number[12];
    run->waited = (int64_t)number[13];
    return true;
}

static bool checkpoint_take_rows(tp__run *run, const tp_state_dict *d)
{
    tp_var *v = tp_state_dict_get(d, "train.log");
    int columns = tp__train_columns(run);
    if (!v)
        return !tp__here()->code;
    if (tp_dtype_of(v) != TP_F64 || tp_ndim(v) != 2 || tp_shape(v)[1] != columns) {
        tp_fail(TP_ERROR_SHAPE,
                "train: the checkpoint's log has %lld columns, with .metrics of "
                "this call it has %d",
                tp_ndim(v) == 2 ? (long long)tp_shape(v)[1] : 0, columns);
        return false;
    }
    const double *rows = tp_data(v);
    if (!rows || !tp__train_rows(run, tp_shape(v)[0]))
        return false;
    run->n_rows = tp_shape(v)[0];
    memcpy(run->rows, rows, (size_t)tp_size(v) * sizeof *rows);
    return true;
}

static bool checkpoint_take_random(const tp_state_dict *d)
{
    const char *text = tp_state_dict_text(d, "train.random");
    char *end = NULL, *last = NULL;
    uint64_t state[2] = {text ? strtoull(text, &end, 10) : 0, 0};
    if (!text || *end != ' ')
        return checkpoint_refuse("random state");
    state[1] = strtoull(end + 1, &last, 10);
    if (last == end + 1 || *last)
        return checkpoint_refuse("random state");
    tp_set_random_state(state);
    return true;
}

/* --- Files --- */

bool tp__train_save(const tp__run *run)
{
    if (!run->o.checkpoint)
        return true;
    tp_state_dict *d = tp_state_dict_new();
    if (!d)
        return false;
    tp_state_dict_set_text(d, "format", CHECKPOINT_FORMAT);
    checkpoint_put_random(d);
    checkpoint_put_numbers(run, d);
    checkpoint_put(d, "model", tp_module_state_dict(run->net));
    checkpoint_put(d, "optimizer", tp_optimizer_state(run->optimizer));
    if (run->o.schedule)
        checkpoint_put(d, "schedule", tp_schedule_state(run->o.schedule));
    bool good = !tp__here()->code && tp_state_dict_save(d, run->o.checkpoint);
    tp_state_dict_free(d);
    return good;
}

bool tp__train_save_best(const tp__run *run)
{
    if (!run->o.best)
        return true;
    tp_state_dict *d = tp_module_state_dict(run->net);
    bool good = d && tp_state_dict_save(d, run->o.best);
    tp_state_dict_free(d);
    return good;
}

static bool checkpoint_load_parts(tp__run *run, const tp_state_dict *d)
{
    tp_state_dict *model = checkpoint_part(d, "model");
    tp_state_dict *optimizer = checkpoint_part(d, "optimizer");
    tp_state_dict *schedule = run->o.schedule ? checkpoint_part(d, "schedule") : NULL;
    bool good = !tp__here()->code && tp_module_load_state_dict(run->net, model, NULL);
    if (good)
        tp_optimizer_load_state(run->optimizer, optimizer);
    if (good && run->o.schedule)
        tp_schedule_load_state(run->o.schedule, schedule);
    tp_state_dict_free(model);
    tp_state_dict_free(optimizer);
    tp_state_dict_free(schedule);
    return !tp__here()->code;
}

static bool checkpoint_load(tp__run *run, const tp_state_dict *d)
{
    int64_t place[2];
    const char *format = tp_state_dict_text(d, "format");
    if (!format || strcmp(format, CHECKPOINT_FORMAT) != 0)
        return checkpoint_refuse("format");
    return checkpoint_take_numbers(run, d, place) && checkpoint_take_rows(run, d) &&
           checkpoint_load_parts(run, d) && tp_loader_seek(run->loader, place[0], place[1]) &&
           checkpoint_take_random(d);
}

bool tp__train_resume(tp__run *run)
{
    const char *path = run->o.checkpoint;
    if (!run->o.resume)
        return true;
    FILE *file = fopen(path, "rb");
    if (!file && errno == ENOENT)
        return true;
    if (file)
        fclose(file);
    tp_state_dict *d = tp_state_dict_load(path);
    bool good = d && checkpoint_load(run, d);
    if (d && !good)
        tp__error_add(tp__here(), ", in the checkpoint %.200s", path);
    tp_state_dict_free(d);
    return good;
}
