/* SPDX-License-Identifier: MIT
 *
 * A training that runs. `now` is what callbacks see; everything from `now` on is what has to be
 * known to go on later as if nothing had happened, beside module, optimiser, schedule, loader and
 * random stream.
 */
#ifndef TP_TRAIN_H
#define TP_TRAIN_H

#include "base/features.h"

#include "tinypytorch/train.h"

enum { TP__TRAIN_METRICS = 16 };

typedef struct tp__run {
    tp_module *net;
    tp_batch_loss *loss;
    tp_optimizer *optimizer;
    tp_loader *loader;
    tp_train_options o;
    tp_var **params; /* of net, for clipping */
    int n_params;
    int64_t began, first_step; /* when, by tp__clock, and at which step */
    int64_t shown;             /* when the line on the terminal was written */
    bool terminal;
    char *graph;             /* the picture of the first loss, for a report; NULL: none */
    tp_event_writer *events; /* NULL: none are wanted */

    tp_train_report now;
    double loss_sum, loss_count; /* of this epoch */
    double metrics[TP__TRAIN_METRICS];
    int64_t waited; /* epochs since the best one */
    double *rows;   /* of the log, n_rows of tp__train_columns each; room for `room` */
    int64_t n_rows, room;
} tp__run;

/* --- train/validate.c --- */

/* Loss and metrics of the validation. False with an error. */
bool tp__train_validate(tp__run *run);

/* Adds ", in epoch …" to the error that arose in a batch's loss. */
void tp__train_tell_where(const tp__run *run, const char *what, int64_t batch);

/* --- train/log.c --- */

enum { TP__ROW_EPOCH_ENDED, TP__ROW_EPOCH, TP__ROW_STEP, TP__ROW_LR, TP__ROW_LOSS };
enum { TP__ROW_VALIDATION = 5, TP__ROW_METRICS = 6 };

/* Numbers in a row: those above, and the metrics. */
int tp__train_columns(const tp__run *run);

/* Room for n rows; a row of this moment, in events too. False, with an error, without memory or if
 * these cannot be written. */
bool tp__train_rows(tp__run *run, int64_t n);
bool tp__train_add_row(tp__run *run, bool epoch_ended);

/* Writes the log, if one is wanted. False with an error. */
bool tp__train_write_log(const tp__run *run);

/* True, or an error: the log's name ends as it should. */
bool tp__train_check_log(const tp__run *run);

/* --- train/checkpoint.c --- */

/* Writes the checkpoint, and the best, if one is wanted. False with an error. */
bool tp__train_save(const tp__run *run);
bool tp__train_save_best(const tp__run *run);

/* Goes to where the checkpoint was written, if resuming is wanted and there is one. False with an
 * error. */
bool tp__train_resume(tp__run *run);

/* --- train/report.c --- */

/* Keeps the picture of a loss, if a report is wanted and it is the first. */
void tp__train_draw(tp__run *run, tp_var *loss);

/* Writes report and curves, if they are wanted. False with an error. */
bool tp__train_report(const tp__run *run);

/* --- train/progress.c --- */

/* The line of a terminal, and of an epoch. */
void tp__train_bar(const tp__run *run, double seconds, char *text, size_t size);
void tp__train_line(const tp__run *run, double seconds, char *text, size_t size);

/* After a step, after an epoch, at the end. */
void tp__train_show_step(tp__run *run);
void tp__train_show_epoch(tp__run *run);
void tp__train_show_end(tp__run *run);

/* --- train/interrupt.c --- */

void tp__interrupt_begin(void);
bool tp__interrupt_came(void);
void tp__interrupt_end(void);

#endif
