/* SPDX-License-Identifier: MIT
 *
 * Results of steps, and whether two sides agree on them. Arrays are compared by their largest
 * difference relative to their largest element: what rounding leaves of a single small element is
 * no one's fault.
 */
#include "tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rounding adds up over long sums and a few steps; a mistake is larger. */
static double results_tolerance(tensors_type type)
{
    return type == TENSORS_F32 ? 1e-4 : 1e-10;
}

void tensors_record(tensors_results *results, const char *name, tensors_type type, int64_t n,
                    const void *data)
{
    if (!results || results->count == TENSORS_ARRAYS)
        return;
    double *copy = malloc((size_t)(n + 1) * sizeof *copy);
    if (!copy) {
        fputs("error: no memory for results\n", stderr);
        exit(1);
    }
    if (type == TENSORS_F32)
        for (int64_t i = 0; i < n; i++)
            copy[i] = (double)((const float *)data)[i];
    else
        memcpy(copy, data, (size_t)n * sizeof *copy);
    results->array[results->count++] = (struct tensors_result){
        .name = name, .tolerance = results_tolerance(type), .n = n, .at = copy};
}

void tensors_free_results(tensors_results *results)
{
    for (int i = 0; i < results->count; i++)
        free(results->array[i].at);
    results->count = 0;
}

static int results_steps(const tensors_row *row)
{
    switch (row->kind) {
    case TENSORS_CHAIN:
    case TENSORS_ROW_GRADIENT:
    case TENSORS_MLP:
    case TENSORS_PHYSICS:
        return TENSORS_STEPS;
    default:
        return 1;
    }
}

void tensors_first_steps(const tensors_row *row, const tensors_side *side, tensors_results *results)
{
    void *state = side->open(row);
    results->count = 0;
    results->of = side->name;
    for (int i = 0; state && i < results_steps(row); i++)
        side->step(state, results);
    if (state)
        side->close(state);
}

/* The largest difference relative to the largest element, infinite if one has no number. */
static double results_difference(const struct tensors_result *a, const struct tensors_result *b)
{
    double difference = 0, largest = 0;
    for (int64_t i = 0; i < a->n; i++) {
        if (isnan(b->at[i]))
            continue;
        if (isnan(a->at[i]))
            return (double)INFINITY;
        largest = fmax(largest, fabs(b->at[i]));
        difference = fmax(difference, fabs(a->at[i] - b->at[i]));
    }
    return difference > 0 ? difference / largest : 0;
}

bool tensors_agree(const tensors_row *row, const tensors_results *a, const tensors_results *b)
{
    int count = a->count < b->count ? a->count : b->count;
    for (int i = 0; i < count; i++) {
        const struct tensors_result *x = &a->array[i], *y = &b->array[i];
        double difference = x->n == y->n ? results_difference(x, y) : (double)INFINITY;
        if (difference <= fmax(x->tolerance, y->tolerance))
            continue;
        fprintf(stderr, "error: %s: %s (%d) of %s and of %s differ by %.3g of the largest\n",
                row->name, x->name, i, a->of, b->of, difference);
        return false;
    }
    if (!count)
        fprintf(stderr, "error: %s: %s or %s has no results\n", row->name, a->of, b->of);
    return count > 0;
}
