/* SPDX-License-Identifier: MIT
 *
 * Outcomes as a table on the terminal, as Markdown, as JSON, and against what is wanted.
 */
#include "tensors.h"

#include <math.h>
#include <string.h>

enum { REPORT_CELL = 16, REPORT_COLUMNS = 10 };

/* The columns: a time or a number of an outcome. */
static const char *const report_head[REPORT_COLUMNS] = {
    "ours",  "libtorch", "times", "ours, 2", "libtorch, 2",
    "times", "limit",    "share", "MiB",     "libt. MiB"};
static const int report_width[REPORT_COLUMNS] = {10, 10, 7, 10, 12, 7, 10, 7, 8, 10};

/* MiB: how exact the kernel's accounts are. */
static const double report_peak_error = 0.25;

typedef char report_line[REPORT_COLUMNS][REPORT_CELL];

static void report_time(char *cell, double ns)
{
    if (isnan(ns))
        snprintf(cell, REPORT_CELL, "-");
    else
        bench_format_time(cell, REPORT_CELL, ns);
}

static void report_number(char *cell, const char *format, double value)
{
    if (isnan(value))
        snprintf(cell, REPORT_CELL, "-");
    else
        snprintf(cell, REPORT_CELL, format, value);
}

static void report_ratio(char *cell, double ratio)
{
    report_number(cell, ratio < 10 ? "%.2f" : ratio < 100 ? "%.1f" : "%.0f", ratio);
}

static void report_cells(const tensors_outcome *outcome, report_line cell)
{
    report_time(cell[0], outcome->ns[TENSORS_OURS]);
    report_time(cell[1], outcome->ns[TENSORS_TORCH]);
    report_ratio(cell[2], outcome->faster);
    report_time(cell[3], outcome->ns[TENSORS_OURS_TWO]);
    report_time(cell[4], outcome->ns[TENSORS_TORCH_TWO]);
    report_ratio(cell[5], outcome->faster_two);
    report_time(cell[6], outcome->ns[TENSORS_LIMIT]);
    report_number(cell[7], "%.0f %%", 100 * outcome->share);
    report_number(cell[8], "%.2f", outcome->peak[0]);
    report_number(cell[9], "%.2f", outcome->peak[1]);
}

/* --- The terminal --- */

void tensors_print_head(void)
{
    printf("\n%-28s", "");
    for (int i = 0; i < REPORT_COLUMNS; i++)
        printf(" %*s", report_width[i], report_head[i]);
    putchar('\n');
}

void tensors_print(const tensors_outcome *outcome)
{
    report_line cell;
    report_cells(outcome, cell);
    printf("%-28s", outcome->row->name);
    for (int i = 0; i < REPORT_COLUMNS; i++)
        printf(" %*s", report_width[i], cell[i]);
    putchar('\n');
    fflush(stdout);
}

/* --- What is wanted --- */

/* One line of what is wanted; `wanted` is a least value, or a greatest one for memory. */
typedef struct report_target {
    const tensors_row *row;
    const char *what;
    double wanted, reached, scale;
    const char *unit;
    bool met;
} report_target;

enum { REPORT_TARGETS = 4 };

static int report_add(report_target *target, int n, report_target new)
{
    if (new.wanted > 0 && !isnan(new.reached))
        target[n++] = new;
    return n;
}

/* The targets of a row; memory is one only when it is missed. */
static int report_targets(const tensors_outcome *o, report_target *target)
{
    const tensors_row *row = o->row;
    double ours = o->peak[0], torch = o->peak[1];
    bool enough = o->faster >= row->faster, enough_two = o->faster_two >= row->faster_two;
    int n = report_add(
        target, 0,
        (report_target){row, "times faster, one thread", row->faster, o->faster, 1, "", enough});
    n = report_add(target, n,
                   (report_target){row, "times faster, two threads", row->faster_two, o->faster_two,
                                   1, "", enough_two});
    n = report_add(target, n,
                   (report_target){row, "share of the limit", row->share, o->share, 100, " %",
                                   o->share >= row->share});
    if (ours > torch + report_peak_error)
        target[n++] = (report_target){row, "memory at most", torch, ours, 1, " MiB", false};
    return n;
}

/* Prints every target in this format: row, what, wanted, unit, reached, unit, verdict. */
static void report_print_targets(const tensors_outcome *outcome, int n, FILE *file,
                                 const char *format)
{
    for (int i = 0; i < n; i++) {
        report_target target[REPORT_TARGETS];
        int count = report_targets(&outcome[i], target);
        for (int j = 0; j < count; j++) {
            const report_target *t = &target[j];
            char wanted[REPORT_CELL], reached[REPORT_CELL];
            report_number(wanted, "%.4g", t->scale * t->wanted);
            report_number(reached, "%.3g", t->scale * t->reached);
            fprintf(file, format, t->row->name, t->what, wanted, t->unit, reached, t->unit,
                    t->met ? "met" : "not met");
        }
    }
}

void tensors_print_targets(const tensors_outcome *outcome, int n)
{
    puts("\nwanted and reached:");
    report_print_targets(outcome, n, stdout, "  %-28s %-26s %6s%-4s %8s%-4s  %s\n");
}

/* --- Files --- */

static void report_head_markdown(FILE *file, const char *const *head, int n)
{
    fputs("| |", file);
    for (int i = 0; i < n; i++)
        fprintf(file, " %s |", head[i]);
    fputs("\n|---|", file);
    for (int i = 0; i < n; i++)
        fputs("--:|", file);
    fputc('\n', file);
}

void tensors_write_markdown(const tensors_outcome *outcome, int n, FILE *file)
{
    static const char *const head[] = {"what is wanted", "wanted", "reached", "verdict"};
    report_head_markdown(file, report_head, REPORT_COLUMNS);
    for (int i = 0; i < n; i++) {
        report_line cell;
        report_cells(&outcome[i], cell);
        fprintf(file, "| %s |", outcome[i].row->name);
        for (int j = 0; j < REPORT_COLUMNS; j++)
            fprintf(file, " %s |", cell[j]);
        fputc('\n', file);
    }
    fputc('\n', file);
    report_head_markdown(file, head, 4);
    report_print_targets(outcome, n, file, "| %s | %s | %s%s | %s%s | %s |\n");
}

static void report_member(FILE *file, const char *key, double value)
{
    if (isnan(value))
        fprintf(file, ", \"%s\": null", key);
    else
        fprintf(file, ", \"%s\": %.6g", key, value);
}

void tensors_write_json(const tensors_outcome *outcome, int n, FILE *file)
{
    static const char *const times[TENSORS_CONTESTANTS] = {
        [TENSORS_OURS] = "ours_ns",
        [TENSORS_TORCH] = "libtorch_ns",
        [TENSORS_OURS_TWO] = "ours_two_threads_ns",
        [TENSORS_TORCH_TWO] = "libtorch_two_threads_ns",
        [TENSORS_LIMIT] = "limit_ns"};
    fputs("[", file);
    for (int i = 0; i < n; i++) {
        const tensors_outcome *o = &outcome[i];
        fprintf(file, "%s\n  {\"row\": \"%s\"", i ? "," : "", o->row->name);
        for (int j = 0; j < TENSORS_CONTESTANTS; j++)
            report_member(file, times[j], o->ns[j]);
        report_member(file, "times_faster", o->faster);
        report_member(file, "times_faster_two_threads", o->faster_two);
        report_member(file, "share_of_limit", o->share);
        report_member(file, "peak_mib", o->peak[0]);
        report_member(file, "libtorch_peak_mib", o->peak[1]);
        fputs("}", file);
    }
    fputs("\n]\n", file);
}
