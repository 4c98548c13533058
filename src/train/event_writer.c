/* SPDX-License-Identifier: MIT
 *
 * The file of events. A file's name has the time, so that TensorBoard reads those of a directory in
 * their order, and this process and a count, so that no two are the same.
 */
#include "base/features.h"

#include "train/events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/system.h"
#include "tinypytorch/array.h"
#include "tinypytorch/graph.h"

struct tp_event_writer {
    FILE *file;
    char path[600];
};

static double event_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Writes a record, which it drops. */
static bool event_write(tp_event_writer *w, tp__text *record)
{
    bool good = !record->failed && !tp__here()->code;
    errno = 0;
    if (good &&
        (fwrite(record->at, 1, record->length, w->file) != record->length || fflush(w->file) != 0))
        good = tp__file_good("event_writer", w->path, errno ? errno : EIO);
    tp__text_drop(record);
    return good;
}

static bool event_open(tp_event_writer *w, const char *directory, int64_t step)
{
    tp__text record = {0};
    double time = event_time();
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return tp__file_good("event_writer_new", directory, errno);
    for (int i = 0; i < 1000 && !w->file; i++) {
        snprintf(w->path, sizeof w->path, "%.500s/events.out.tfevents.%010lld.%ld.%d", directory,
                 (long long)time, tp__process(), i);
        w->file = fopen(w->path, "wbx");
        if (!w->file && errno != EEXIST)
            break;
    }
    if (!w->file)
        return tp__file_good("event_writer_new", w->path, errno);
    tp__event_version(&record, time);
    tp__event_start(&record, time, step);
    return event_write(w, &record);
}

tp_event_writer *tp_event_writer_new(const char *directory, int64_t step)
{
    if (!directory || strlen(directory) > 500 || step < 0)
        tp_fail(TP_ERROR_ARGUMENT,
                "event_writer_new: directory %.100s and step %lld, expected a "
                "name and a step from 0 on",
                directory ? directory : "NULL", (long long)step);
    if (tp__here()->code)
        return NULL;
    tp_event_writer *w = tp__alloc_zero(1, sizeof *w);
    if (w && event_open(w, directory, step && step < INT64_MAX ? step + 1 : step))
        return w;
    tp_event_writer_free(w);
    return NULL;
}

void tp_event_writer_free(tp_event_writer *w)
{
    if (!w)
        return;
    errno = 0;
    if (w->file && fclose(w->file) != 0)
        tp__file_good("event_writer_free", w->path, errno ? errno : EIO);
    tp__free(w);
}

static bool event_check(const char *call, const tp_event_writer *w, const char *tag, int64_t step)
{
    if (tp__here()->code)
        return false;
    if (!w || !tag || step < 0) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: the %s", call,
                !w     ? "writer is NULL"
                : !tag ? "tag is NULL"
                       : "step is below 0");
        return false;
    }
    return true;
}

void tp_event_scalar(tp_event_writer *w, const char *tag, int64_t step, double value)
{
    tp__text record = {0};
    if (!event_check("event_scalar", w, tag, step))
        return;
    tp__event_scalar(&record, event_time(), step, tag, value);
    event_write(w, &record);
}

void tp_event_histogram(tp_event_writer *w, const char *tag, int64_t step, tp_var *v)
{
    tp__text record = {0};
    if (!event_check("event_histogram", w, tag, step) ||
        !tp__check_named("event_histogram", "the value", v))
        return;
    size_t scope = tp_scope_begin();
    bool grad = tp_set_grad_enabled(false);
    const double *elements = tp_data(tp_to(v, TP_F64));
    if (!tp__here()->code) {
        tp__event_histogram(&record, event_time(), step, tag, elements, tp_size(v));
        event_write(w, &record);
    }
    tp_set_grad_enabled(grad);
    tp_scope_end(scope);
}
