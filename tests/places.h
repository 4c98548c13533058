/* SPDX-License-Identifier: MIT
 *
 * Places where a claim is easily false, as formulas: where the first derivatives that are not 0 are
 * of third order or higher, plateaus, slopes without end, kinks, saddles on their stable manifold.
 * In a formula x, y and z are the first elements of the array v.
 */
#ifndef TP_PLACES_H
#define TP_PLACES_H

#include <math.h>

#include <tinypytorch.h>

#define NONE ((double)NAN)

typedef struct place {
    const char *text;
    int n;
    double start[4];
    double least[2]; /* the values of its local minima, by hand */
    bool arrives;    /* methods that search have to converge */
} place;

static const place places[] = {
    /* flat to second order at the start, lower beside it */
    {"-x^4", 1, {0}, {NONE, NONE}, false},
    {"5 - x^4", 1, {0}, {NONE, NONE}, false},
    {"-x^6", 1, {0}, {NONE, NONE}, false},
    {"1e6 - 1e-3*x^4", 1, {0}, {NONE, NONE}, false},
    {"5 - (1e8*x)^4", 1, {0}, {NONE, NONE}, false},
    {"x^3", 1, {0}, {NONE, NONE}, false},
    {"x*x*x", 1, {0}, {NONE, NONE}, false},
    {"1 + x^3", 1, {0}, {NONE, NONE}, false},
    {"(x - 3)^3", 1, {3}, {NONE, NONE}, false},
    {"7 + (x - 3)^3", 1, {3}, {NONE, NONE}, false},
    {"x^3 + x^4", 1, {0}, {-27.0 / 256, NONE}, false},
    {"x^5", 1, {0}, {NONE, NONE}, false},
    {"x - sin(x)", 1, {0}, {NONE, NONE}, false},
    {"x - tanh(x)", 1, {0}, {NONE, NONE}, false},
    {"exp(x) - 1 - x - x^2/2", 1, {0}, {NONE, NONE}, false},
    {"1 - cos(x) - x^2/2", 1, {0}, {NONE, NONE}, false},
    {"sum(v^3)", 2, {0}, {NONE, NONE}, false},
    {"sum(v^3)", 4, {0}, {NONE, NONE}, false},
    {"3 - sum(v^4)", 3, {0}, {NONE, NONE}, false},
    {"x^3 - 3*x*y^2", 2, {0}, {NONE, NONE}, false},
    {"x^3*y", 2, {0}, {NONE, NONE}, false},
    {"x*y*(x^2 - y^2)", 2, {0}, {NONE, NONE}, false},
    {"x*y*z", 3, {0}, {NONE, NONE}, false},
    {"x^4 + y^4 - 2.1*x^2*y^2", 2, {0}, {NONE, NONE}, false},
    {"9 + x^4 + y^4 - 2.1*x^2*y^2", 2, {0}, {NONE, NONE}, false},
    {"x^2 + y^3", 2, {0}, {NONE, NONE}, false},
    {"x^2 + y^3", 2, {1, 0}, {NONE, NONE}, false},
    {"4 + x^2 + y^3", 2, {1, 0}, {NONE, NONE}, false},
    {"x^2 - y^4", 2, {0}, {NONE, NONE}, false},
    {"x^2 - y^4", 2, {1, 0}, {NONE, NONE}, false},
    {"4 + (x - 1)^2 + y^3", 2, {2, 1e-20}, {NONE, NONE}, false},
    {"(x + y)^2 + (x - y)^3", 2, {0}, {NONE, NONE}, false},
    {"6 + (x + y)^2 - (x - y)^4", 2, {1, 1}, {NONE, NONE}, false},
    /* a minimum along every line, but none */
    {"(y - x^2)*(y - 2*x^2)", 2, {0}, {NONE, NONE}, false},
    {"2 + (y - x^2)*(y - 2*x^2)", 2, {0}, {NONE, NONE}, false},
    /* a valley that is bent, so that the function rises along every line, but not along its floor
     */
    {"4 + (y - x^2)^2", 2, {1, 3}, {NONE, NONE}, false},
    {"4 + (y - x^2)^2", 2, {0}, {NONE, NONE}, false},
    {"4 + (y - x^2)^2 + z^2", 3, {1, 3, 2}, {NONE, NONE}, false},
    {"1 + exp(-x) + (y - x^2/9)^2", 2, {25, 80}, {NONE, NONE}, false},
    /* the same, seen from a little beside the floor, where rounding of the value leaves a search */
    {"1e6 + (y - x^2)^2", 2, {1, 3}, {NONE, NONE}, false},
    {"1e6 + (y - sin(x))^2 + 3*(z + sin(x)/2)^2", 3, {2, 1, -1}, {NONE, NONE}, false},
    /* approached from beside */
    {"x^3", 1, {1}, {NONE, NONE}, false},
    {"1 + x^3", 1, {1}, {NONE, NONE}, false},
    {"x^5", 1, {1}, {NONE, NONE}, false},
    {"2 + x^5", 1, {1}, {NONE, NONE}, false},
    {"x - sin(x)", 1, {1}, {NONE, NONE}, false},
    {"x^2 + y^3", 2, {1, 1}, {NONE, NONE}, false},
    {"x^3 - 3*x*y^2", 2, {1, 0}, {NONE, NONE}, false},
    {"1 + x^3 - 3*x*y^2", 2, {1, 0}, {NONE, NONE}, false},
    {"x^3 - 3*x*y^2", 2, {1, 0.1}, {NONE, NONE}, false},
    {"(y - x^2)*(y - 2*x^2)", 2, {1, 3}, {NONE, NONE}, false},
    /* saddles, from their stable manifold */
    {"x^2 - y^2", 2, {0}, {NONE, NONE}, false},
    {"x^2 - y^2", 2, {1, 0}, {NONE, NONE}, false},
    {"3 + x^2 - y^2", 2, {1, 0}, {NONE, NONE}, false},
    {"x^2 - 1e-9*y^2", 2, {1, 0}, {NONE, NONE}, false},
    {"x*y", 2, {1, 1}, {NONE, NONE}, false},
    {"sin(x) + cos(y)", 2, {1, 0}, {-2, NONE}, false},
    {"(x^2 + y^2 - 1)^2", 2, {0}, {0, NONE}, false},
    {"y^2 + (x^2 - 1)^2", 2, {0, 2}, {0, NONE}, false},
    {"cos(x)", 1, {0}, {-1, NONE}, false},
    /* a slope along y, which has no second derivative, beside x and z far smaller than y */
    {"2.5843349e-5*x*y*z - x^2*y*z^2", 3, {0.982506, -1.14924, 1.28623}, {NONE, NONE}, false},
    /* no minimum: plateaus and slopes */
    {"exp(x)", 1, {1}, {NONE, NONE}, false},
    {"exp(x)", 1, {-30}, {NONE, NONE}, false},
    {"1 + exp(-x)", 1, {1}, {NONE, NONE}, false},
    {"1 + exp(-x)", 1, {36}, {NONE, NONE}, false},
    {"1 + exp(-x)", 1, {45}, {NONE, NONE}, false},
    {"1 + exp(-x) + (y - 2)^2", 2, {20, 3}, {NONE, NONE}, false},
    {"1 + exp(-x - y) + (x - y - 1)^2", 2, {9, 9}, {NONE, NONE}, false},
    {"exp(-x) + y^2", 2, {1, 1}, {NONE, NONE}, false},
    {"1/(1 + x^2)", 1, {0}, {NONE, NONE}, false},
    {"1/(1 + x^2)", 1, {1}, {NONE, NONE}, false},
    {"1/(1 + x^2)", 1, {1e8}, {NONE, NONE}, false},
    {"1 + 1/(1 + x^2)", 1, {1}, {NONE, NONE}, false},
    {"atan(x)", 1, {0}, {NONE, NONE}, false},
    {"atan(x)", 1, {-50}, {NONE, NONE}, false},
    {"tanh(x)", 1, {0}, {NONE, NONE}, false},
    {"tanh(x)", 1, {-15}, {NONE, NONE}, false},
    {"sigmoid(x)", 1, {0}, {NONE, NONE}, false},
    {"softplus(x)", 1, {0}, {NONE, NONE}, false},
    {"softplus(x) + 1", 1, {-30}, {NONE, NONE}, false},
    {"x", 1, {0}, {NONE, NONE}, false},
    {"ln(x)", 1, {1}, {NONE, NONE}, false},
    {"-ln(1 + x^2)", 1, {0}, {NONE, NONE}, false},
    {"-ln(1 + x^2)", 1, {2}, {NONE, NONE}, false},
    {"2 + 1/x", 1, {1}, {NONE, NONE}, false},
    {"x/(1 + x^2)", 1, {3}, {-0.5, NONE}, false},
    {"-exp(-x^2)", 1, {0.5}, {-1, NONE}, true},
    {"-exp(-x^2)", 1, {3}, {-1, NONE}, false},
    {"-exp(-x^2)", 1, {5}, {-1, NONE}, false},
    {"-exp(-x^2)", 1, {30}, {-1, NONE}, false},
    {"1 - exp(-x^2)", 1, {7}, {0, NONE}, false},
    {"-exp(-x^2 - y^2)", 2, {4, 1}, {-1, NONE}, false},
    {"x + exp(-x)", 1, {40}, {1, NONE}, false},
    {"x + exp(-x)", 1, {-5}, {1, NONE}, true},
    /* kinks and plateaus of piecewise functions */
    {"-abs(x)", 1, {0}, {NONE, NONE}, false},
    {"1 - abs(x)", 1, {0}, {NONE, NONE}, false},
    {"x^2 - abs(x)", 1, {0}, {-0.25, NONE}, false},
    {"x^2 + y^2 - abs(x)", 2, {0}, {-0.25, NONE}, false},
    {"x^2 + y^2 - abs(x - y)", 2, {0, 0}, {-0.5, NONE}, false},
    {"-relu(x)", 1, {0}, {NONE, NONE}, false},
    {"-relu(x)", 1, {-1}, {0, NONE}, false},
    {"relu(x)", 1, {-1}, {0, NONE}, false},
    {"relu(x)", 1, {1}, {0, NONE}, false},
    {"relu(x) + 1", 1, {-1}, {1, NONE}, false},
    {"relu(x)^2", 1, {1}, {0, NONE}, false},
    {"relu(x)^2 - relu(-x)^2", 1, {0}, {NONE, NONE}, false},
    {"relu(x)^3 - relu(-x)^3", 1, {0}, {NONE, NONE}, false},
    {"abs(x)", 1, {0}, {0, NONE}, true},
    {"abs(x)", 1, {1}, {0, NONE}, false},
    {"abs(x) - x^2", 1, {0}, {0, NONE}, false},
    {"max(x, -x, y, -y)", 2, {1, 3}, {0, NONE}, false},
    {"max(x, 2*y) + y^2", 2, {1, 0}, {NONE, NONE}, false},
    {"where(x > 0, x^2, -x^2)", 1, {0}, {NONE, NONE}, false},
    {"floor(x) + 0*x", 1, {0.5}, {0, NONE}, false},
    /* minima */
    {"x^2", 1, {0}, {0, NONE}, true},
    {"x^4", 1, {0}, {0, NONE}, true},
    {"5 + x^4", 1, {0}, {5, NONE}, true},
    {"5 + x^4", 1, {1}, {5, NONE}, true},
    {"x^6", 1, {0}, {0, NONE}, true},
    {"x^4", 1, {1}, {0, NONE}, false},
    {"(x - 3)^4", 1, {3}, {0, NONE}, true},
    {"sum(v^4)", 3, {0}, {0, NONE}, true},
    {"1 + sum(v^4)", 3, {0}, {1, NONE}, true},
    {"x^4*y^4", 2, {0}, {0, NONE}, true},
    {"x^2*y^2", 2, {0}, {0, NONE}, true},
    {"x^4 + y^4 - 1.9*x^2*y^2", 2, {0}, {0, NONE}, true},
    {"x^2 + y^4", 2, {0}, {0, NONE}, true},
    {"(x + y)^2 + (x - y)^4", 2, {1, 1}, {0, NONE}, false},
    {"2 + (y - x^2)*(2*y - x^2) + x^4", 2, {0}, {2, NONE}, true},
    {"3 + (y - x^2)^2 + x^4", 2, {0}, {3, NONE}, true},
    {"3 + (y - x^2)^2 + z^2 + x^4", 3, {0}, {3, NONE}, true},
    {"cosh(x) - 1 - x^2/2", 1, {0}, {0, NONE}, false},
    {"3 + 0*x", 1, {1}, {3, NONE}, false},
    {"0*x", 1, {1}, {0, NONE}, false},
    {"1 + 1e-20*x^2", 1, {1}, {1, NONE}, true},
    {"1e10 + (x - 3)^2", 1, {1}, {1e10, NONE}, true},
    {"sin(x)^2", 1, {1.5}, {0, NONE}, true},
    {"cos(x)", 1, {1e-3}, {-1, NONE}, true},
    {"cos(x + pi)", 1, {0.3}, {-1, NONE}, true},
};

enum { PLACES = sizeof places / sizeof *places };

/* The same for residuals: the least values are of their sum of squares. */
static const place place_fits[] = {
    {"x^2 - 1", 1, {0}, {0, NONE}, false},
    {"[x^2 - 1, x/10]", 1, {0}, {0.00997500, NONE}, false},
    {"[x^2 - 1, y]", 2, {0, 1}, {0, NONE}, false},
    {"[x^2 - 1, y, x/10]", 2, {0, 1}, {0.00997500, NONE}, false},
    {"[x*y - 1, x + y, x - y]", 2, {0}, {1, NONE}, true},
    {"[x*y - 3, (x + y)/10, (x - y)/10]", 2, {0}, {0.119600, NONE}, false},
    {"1 - exp(-x^2)", 1, {30}, {0, NONE}, false},
    {"1 + exp(-x)", 1, {1}, {NONE, NONE}, false},
    {"1 + exp(-x)", 1, {30}, {NONE, NONE}, false},
    {"exp(x)", 1, {1}, {NONE, NONE}, false},
    {"[1 + x^3, y]", 2, {0}, {0, NONE}, false},
    {"[1 + x^3, y]", 2, {0, 1}, {0, NONE}, false},
    {"2 - x^2", 1, {0}, {0, NONE}, false},
    {"2 - abs(x)", 1, {0}, {0, NONE}, false},
    {"[2 - abs(x), 3*x]", 1, {0}, {3.6, NONE}, false},
    {"2 + x^4", 1, {0}, {4, NONE}, true},
    {"x^2", 1, {0}, {0, NONE}, true},
    {"[x - 1, x - 2]", 1, {5}, {0.5, NONE}, true},
    {"x + y - 3", 2, {0}, {0, NONE}, true},
    {"[x + y - 3, x + y - 4]", 2, {0}, {0.5, NONE}, true},
};

enum { PLACE_FITS = sizeof place_fits / sizeof *place_fits };

/* Of a place: the formula at v. */
static tp_var *place_value(void *ctx, tp_var *v)
{
    static const char *const names[] = {"v", "x", "y", "z"};
    const place *p = ctx;
    tp_var *values[4] = {v};
    int n = p->n > 3 ? 3 : p->n;
    for (int i = 0; i < n; i++)
        values[i + 1] = tp_select(v, 0, i);
    return tp_formula(p->text, names, values, n + 1);
}

static inline tp_var *place_start(const place *p)
{
    return tp_array(TP_F64, 1, (int64_t[]){p->n}, p->start);
}

/* A value is that of a minimum. */
static inline bool place_is_least(const place *p, double value)
{
    for (int i = 0; i < 2; i++)
        if (fabs(value - p->least[i]) <= 1e-9 * fmax(1, fabs(p->least[i])))
            return true;
    return false;
}

#endif
