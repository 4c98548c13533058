/* SPDX-License-Identifier: MIT
 *
 * Derivatives of smooth functions to order 16 against those from 80 digits of mpmath
 * (reference/series.txt, written by reference/make_series.py).
 */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/numbers.h"
#include "ops/families.h"

enum { SERIES_ORDER = 16, SERIES_LINE = 1000 };

static const tp__op *series_operation(const char *name)
{
    for (const tp__family *const *family = tp__families; *family; family++)
        for (const tp__op *const *op = (*family)->ops; *op; op++)
            if ((*op)->call_1 && !strcmp((*op)->name, name))
                return *op;
    return NULL;
}

/* The largest error of the derivatives that the line tells, relative to the larger of 1 and the
 * derivative. */
static double series_error(const tp__op *op, const char *numbers)
{
    TP_SCOPE();
    char *rest;
    tp_var *x = tp_variable(tp__read_number(numbers, &rest)), *d[SERIES_ORDER];
    tp_derivatives(op->call_1(x), x, SERIES_ORDER, d);
    double worst = 0;
    for (int k = 0; k < SERIES_ORDER; k++) {
        double expected = tp__read_number(rest, &rest);
        worst = fmax(worst, fabs(tp_item(d[k]) - expected) / fmax(1, fabs(expected)));
    }
    return worst;
}

TEST(derivatives_to_order_16)
{
    char line[SERIES_LINE], name[32];
    FILE *file = fopen(TEST_REFERENCE "/series.txt", "r");
    int lines = 0, at = 0;
    while (CHECK(file) && fgets(line, sizeof line, file)) {
        if (*line == '#' || sscanf(line, "%31s%n", name, &at) != 1)
            continue;
        const tp__op *op = series_operation(name);
        if (!CHECK(op)) {
            fprintf(stderr, "    %s: no such operation\n", name);
            continue;
        }
        double error = series_error(op, line + at);
        lines++;
        if (!CHECK(error <= 1e-13))
            fprintf(stderr, "    %s: %.3g\n", name, error);
    }
    CHECK(lines == 64);
    if (file)
        fclose(file);
}
