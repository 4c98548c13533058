/* SPDX-License-Identifier: MIT
 *
 * NIST's nonlinear regression problems (reference/strd.txt): residuals as one array, their sum of
 * squares as one number, and how many digits of the certified parameters were reached.
 */
#ifndef TP_STRD_H
#define TP_STRD_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"

enum { STRD_PROBLEMS = 27, STRD_MOST = 9, STRD_ROWS = 250 };

typedef struct strd_problem {
    char name[16], names[STRD_MOST + 2][4];
    int n, columns; /* parameters; columns of data that the model has */
    double start[2][STRD_MOST], certified[STRD_MOST], deviation[STRD_MOST], squares;
    tp_expression *model;
    tp_var *y, *x[2];
    double unit; /* residuals are multiplied by it: 1 */
} strd_problem;

static inline int strd_numbers(const char *text, double *to)
{
    int n = 0;
    for (char *end; n < STRD_MOST; n++, text = end) {
        to[n] = strtod(text, &end);
        if (end == text)
            break;
    }
    return n;
}

/* The data below the line "rows n y x …". */
static inline void strd_rows(strd_problem *p, FILE *file, const char *given, bool logarithm)
{
    double column[3][STRD_ROWS] = {{0}};
    int rows = atoi(given);
    char line[160];
    p->columns = strstr(given, "x2") ? 2 : 1;
    for (int i = 0; i < rows && fgets(line, sizeof line, file); i++) {
        double row[STRD_MOST];
        strd_numbers(line, row);
        for (int k = 0; k <= p->columns; k++)
            column[k][i] = row[k];
        column[0][i] = logarithm ? log(column[0][i]) : column[0][i];
    }
    p->y = tp_keep(tp_array(TP_F64, 1, (int64_t[]){rows}, column[0]));
    for (int k = 0; k < p->columns; k++)
        p->x[k] = tp_keep(tp_array(TP_F64, 1, (int64_t[]){rows}, column[k + 1]));
}

static inline void strd_model(strd_problem *p, const char *text)
{
    const char *names[STRD_MOST + 2];
    int n = p->n + p->columns;
    for (int i = 0; i < n; i++) {
        names[i] = p->names[i];
        if (i < p->n)
            snprintf(p->names[i], sizeof p->names[i], "b%c", (char)('1' + i));
        else
            snprintf(p->names[i], sizeof p->names[i], p->columns > 1 ? "x%c" : "x",
                     (char)('1' + i - p->n));
    }
    p->model = tp_expression_new(text, names, n);
}

/* Reads all problems; false if the file is not as it should be. */
static inline bool strd_read(const char *path, strd_problem problems[STRD_PROBLEMS])
{
    FILE *file = fopen(path, "r");
    char line[400], model[400] = "";
    int at = -1, starts = 0;
    bool logarithm = false;
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        const char *rest = strchr(line, ' ') ? strchr(line, ' ') + 1 : "";
        strd_problem *p = at < 0 ? NULL : &problems[at];
        if (!strncmp(line, "problem ", 8) && ++at < STRD_PROBLEMS) {
            problems[at] = (strd_problem){.unit = 1};
            snprintf(problems[at].name, sizeof problems[at].name, "%s", rest);
            starts = 0;
        } else if (!strncmp(line, "model ", 6)) {
            snprintf(model, sizeof model, "%s", rest);
        } else if (!strncmp(line, "response ", 9)) {
            logarithm = strstr(rest, "log");
        } else if (p && !strncmp(line, "start ", 6) && starts < 2) {
            p->n = strd_numbers(rest, p->start[starts++]);
        } else if (p && !strncmp(line, "certified ", 10)) {
            strd_numbers(rest, p->certified);
        } else if (p && !strncmp(line, "deviations ", 11)) {
            strd_numbers(rest, p->deviation);
        } else if (p && !strncmp(line, "squares ", 8)) {
            p->squares = strtod(rest, NULL);
        } else if (p && !strncmp(line, "rows ", 5)) {
            strd_rows(p, file, rest, logarithm);
            strd_model(p, model);
        }
    }
    if (file)
        fclose(file);
    return at == STRD_PROBLEMS - 1;
}

static inline void strd_free(strd_problem problems[STRD_PROBLEMS])
{
    for (int i = 0; i < STRD_PROBLEMS; i++) {
        tp_expression_free(problems[i].model);
        tp_free(problems[i].y);
        for (int k = 0; k < problems[i].columns; k++)
            tp_free(problems[i].x[k]);
    }
}

static tp_var *strd_residuals(void *ctx, tp_var *b)
{
    const strd_problem *p = ctx;
    tp_var *at[STRD_MOST + 2];
    for (int i = 0; i < p->n; i++)
        at[i] = tp_select(b, 0, i);
    for (int k = 0; k < p->columns; k++)
        at[p->n + k] = p->x[k];
    tp_var *r = tp_sub(tp_expression_apply(p->model, at), p->y);
    return p->unit == 1 ? r : tp_mul(p->unit, r);
}

static tp_var *strd_squares(void *ctx, tp_var *b)
{
    return tp_sum(tp_square(strd_residuals(ctx, b)));
}

static inline tp_var *strd_start(const strd_problem *p, int which)
{
    return tp_array(TP_F64, 1, (int64_t[]){p->n}, p->start[which]);
}

/* Digits of the worst parameter, at most 11, which is what is certified; 0 for none. */
static inline double strd_digits(const strd_problem *p, tp_var *b)
{
    const double *found = tp_is_poison(b) ? NULL : tp_data(b);
    double digits = found ? 11 : 0;
    for (int i = 0; found && i < p->n; i++) {
        double off = fabs(found[i] - p->certified[i]) / fabs(p->certified[i]);
        digits = fmin(digits, off > 0 ? -log10(off) : 11);
    }
    return digits > 0 ? digits : 0;
}

/* A claim is true at the certified value, relative to the sum of squares (Lanczos1 fits its rounded
 * data to 1e-13: 0 is as good), or at another minimum. */
static inline bool strd_is_true(strd_problem *p, const tp_minimize_result *m)
{
    double off = fabs(m->value / (p->unit * p->unit) - p->squares);
    return off <= 1e-7 * p->squares || off <= 1e-20 || claims_is_minimum(strd_squares, p, m->x, 0);
}

#endif
