/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "ops/linalg/lapack_batch.h"

/* --- The cases --- */

static const char *const unary_shapes[] = {"", "3", "2,1,2", NULL};
static const char *const unary_variants[] = {"0", "2,0", NULL};
static const char *const unary_edges[] = {"2", NULL}, *const binary_edges[] = {"4; 4", NULL};
static const char *const binary_shapes[] = {"; ", "3; 3", "2,3; 3", "2,1; 1,3", "; 2,3", NULL};
static const char *const binary_variants[] = {"0; 0", "2,0; 1", "; 0", "0; 3", "2,3; 2", NULL};

typedef enum case_kind { PLAIN, VARIANT, EDGE } case_kind;

typedef struct case_list {
    table_case *at;
    size_t n, capacity;
    const char *family;
} case_list;

/* "2,3; 3" → two operands. */
static void case_parse(table_case *c, const char *shapes)
{
    snprintf(c->shapes, sizeof c->shapes, "%s", shapes);
    c->n = 1;
    for (const char *s = shapes; *s; s++) {
        int i = c->n - 1;
        char *end;
        long size = strtol(s, &end, 10);
        if (end != s) {
            c->shape[i][c->ndim[i]++] = size;
            s = end - 1;
        } else if (*s == ';') {
            c->n++;
        }
    }
}

static int case_number(const case_list *list, const tp__op *op)
{
    int number = 0;
    for (size_t i = 0; i < list->n; i++)
        number += !strcmp(list->at[i].op->name, op->name);
    return number;
}

static table_case *case_add(case_list *list, const tp__op *op, const char *shapes, case_kind kind)
{
    if (list->n + 1 >= list->capacity) {
        list->capacity = 2 * list->capacity + 64;
        list->at = realloc(list->at, list->capacity * sizeof *list->at);
        if (!list->at)
            abort();
    }
    table_case c = {.op = op,
                    .family = list->family,
                    .number = case_number(list, op),
                    .variant = kind != PLAIN,
                    .edge = kind == EDGE};
    case_parse(&c, shapes);
    list->at[list->n] = c;
    list->at[list->n + 1].op = NULL;
    return &list->at[list->n++];
}

static void case_add_elementwise(case_list *list, const tp__op *op, const char *const *shapes,
                                 case_kind kind)
{
    for (; *shapes; shapes++) {
        table_case *c = case_add(list, op, *shapes, kind);
        snprintf(c->torch, sizeof c->torch, "%s%s(%s)", op->torch ? "" : "torch.",
                 op->torch ? op->torch : op->name, op->call_1 ? "x0" : "x0, x1");
    }
}

static void case_add_sample(case_list *list, const tp__op *op, const tp__sample *sample,
                            const char *shapes, case_kind kind)
{
    table_case *c = case_add(list, op, shapes, kind);
    c->call = sample->call;
    snprintf(c->torch, sizeof c->torch, "%s", sample->torch);
}

/* The sample with one of its sizes replaced by 0, for each size that occurs. */
static void case_add_empty(case_list *list, const tp__op *op, const tp__sample *sample)
{
    for (char size = '2'; size <= '9'; size++) {
        char shapes[64], *at = shapes;
        snprintf(shapes, sizeof shapes, "%s", sample->shapes);
        if (!strchr(shapes, size))
            continue;
        while ((at = strchr(at, size)))
            *at = '0';
        case_add_sample(list, op, sample, shapes, VARIANT);
    }
}

/* A sample, as it is and varied. */
static void case_add_samples(case_list *list, const tp__op *op, const tp__sample *sample)
{
    char longer[64];
    snprintf(longer, sizeof longer, "%s%s", sample->shapes, *sample->shapes ? ",2" : "2");
    case_add_sample(list, op, sample, sample->shapes, PLAIN);
    case_add_empty(list, op, sample);
    case_add_sample(list, op, sample, longer, VARIANT);
    if (op->domain != TP__ANYWHERE)
        case_add_sample(list, op, sample, sample->shapes, EDGE);
}

static void case_add_op(case_list *list, const tp__op *op)
{
    if (op->call_1) {
        case_add_elementwise(list, op, unary_shapes, PLAIN);
        case_add_elementwise(list, op, unary_variants, VARIANT);
        case_add_elementwise(list, op, unary_edges, EDGE);
    } else if (op->call_2) {
        case_add_elementwise(list, op, binary_shapes, PLAIN);
        case_add_elementwise(list, op, binary_variants, VARIANT);
        case_add_elementwise(list, op, binary_edges, EDGE);
    }
    for (const tp__sample *s = op->samples; s && s->call; s++)
        case_add_samples(list, op, s);
}

/* The environment's TP_TEST_FAMILY: only that family of operations. What the library was built
 * without is left out. */
static bool is_wanted(const tp__family *family, const tp__op *op)
{
    const char *wanted = getenv("TP_TEST_FAMILY");
    if ((op->flags & TP__LAPACK) && !tp__lapack_is_there())
        return false;
    return !wanted || !strcmp(wanted, family->name);
}

const table_case *table_cases(void)
{
    static case_list list;
    static const table_case none;
    if (!list.at)
        for (const tp__family *const *family = all_families(); *family; family++)
            for (const tp__op *const *op = (*family)->ops; *op; op++) {
                list.family = (*family)->name;
                if (is_wanted(*family, *op))
                    case_add_op(&list, *op);
            }
    return list.at ? list.at : &none;
}

tp_var *table_call(const table_case *c, tp_var *const *x)
{
    if (c->call)
        return c->call(x);
    return c->op->call_1 ? c->op->call_1(x[0]) : c->op->call_2(x[0], x[1]);
}

/* --- Operands --- */

int64_t table_size(const table_case *c, int i)
{
    int64_t size = 1;
    for (int d = 0; d < c->ndim[i]; d++)
        size *= c->shape[i][d];
    return size;
}

/* Multiples of an irrational number modulo 1: no two are close. */
static double spread(int64_t k, double irrational)
{
    double multiple = (double)(k + 1) * irrational;
    return multiple - floor(multiple);
}

static double in_domain(tp__domain domain, int i, double u)
{
    if (domain == TP__POSITIVE || (domain == TP__BASE_POSITIVE && i == 0))
        return 0.3 + 2 * u;
    if (domain == TP__ABOVE_ONE)
        return 1.2 + 2 * u;
    if (domain == TP__FRACTION)
        return 0.1 + 0.8 * u;
    if (domain == TP__INSIDE)
        return 1.8 * u - 0.9;
    if (domain == TP__NOT_ZERO || domain == TP__DISTINCT)
        return u < 0.5 ? -0.4 - 2.4 * u : 2.4 * u - 0.8;
    return 2.2 * u - 1.1;
}

double table_number(const table_case *c, int i, int64_t k, bool whole)
{
    int64_t before = 0;
    for (int j = 0; j < i; j++)
        before += table_size(c, j);
    if (c->edge)
        return (double)((k >> i) & 1);
    double value = in_domain(c->op->domain, i, spread(before + k, 0.41421356237309503));
    if (!whole)
        return round(1024 * value) / 1024;
    return c->op->domain == TP__ANYWHERE        ? round(3 * value)
           : c->op->domain == TP__INSIDE        ? 0
           : c->op->domain == TP__FRACTION      ? (double)(k & 1)
           : c->op->domain == TP__BASE_POSITIVE ? ceil(fabs(2 * value))
                                                : copysign(ceil(fabs(2 * value)), value);
}

static void write_number(tp_dtype dtype, void *at, int64_t k, double value)
{
    size_t item = tp__dtype_size(dtype);
    tp__write_element(dtype, (char *)at + (size_t)k * item, dtype == TP_U8 ? fabs(value) : value);
}

tp_var *table_constant(const table_case *c, int i, tp_dtype dtype)
{
    tp_var *v = tp_zeros(dtype, c->ndim[i], c->shape[i]);
    void *at = tp_data_(v);
    bool whole = !tp__is_float(dtype);
    for (int64_t k = 0; at && k < tp_size(v); k++)
        write_number(dtype, at, k, table_number(c, i, k, whole));
    return v;
}

void table_variables(const table_case *c, tp_dtype dtype, tp_var **x)
{
    for (int i = 0; i < c->n; i++)
        x[i] = tp_variable(table_constant(c, i, dtype));
}

/* --- Weights --- */

double table_weight(int which, int64_t k)
{
    double u = spread(which * TABLE_WEIGHTS + k, 0.6180339887498949);
    return (2 * floor(64 * u) - 63) / 64;
}

tp_var *table_weights(const tp_var *v, int which)
{
    tp_dtype dtype = tp__is_float(tp_dtype_of(v)) ? tp_dtype_of(v) : TP_F64;
    tp_var *w = tp_zeros(dtype, tp_ndim(v), tp_shape(v));
    void *at = tp_data_(w);
    for (int64_t k = 0; at && k < tp_size(w); k++)
        write_number(dtype, at, k, table_weight(which, k));
    return w;
}

tp_var *table_weighted(tp_var *const *v, int n, int first)
{
    tp_var *sum = NULL;
    for (int i = 0; i < n; i++) {
        tp_var *part = tp_sum(tp_mul(table_weights(v[i], first + i), v[i]));
        sum = sum ? tp_add(sum, part) : part;
    }
    return sum;
}
