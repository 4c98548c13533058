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

#define PLACES_NONE ((double)NAN)

typedef struct place {
    const char *text;
    int n;
    double start[4];
    double least[2]; /* the values of its local minima, by hand; NaN: none */
    bool arrives;    /* methods that search have to converge */
} place;

static const place places[] = {
    /* flat to second order at the start, lower beside it */
    {"-x^4", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"5 - x^4", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"-x^6", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"1e6 - 1e-3*x^4", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"5 - (1e8*x)^4", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"x^3", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"x*x*x", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"1 + x^3", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"(x - 3)^3", 1, {3}, {(double)NAN, (double)NAN}, false},
    {"7 + (x - 3)^3", 1, {3}, {(double)NAN, (double)NAN}, false},
    {"x^3 + x^4", 1, {0}, {-27.0 / 256, (double)NAN}, false},
    {"x^5", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"x - sin(x)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"x - tanh(x)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"exp(x) - 1 - x - x^2/2", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"1 - cos(x) - x^2/2", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"sum(v^3)", 2, {0}, {(double)NAN, (double)NAN}, false},
    {"sum(v^3)", 4, {0}, {(double)NAN, (double)NAN}, false},
    {"3 - sum(v^4)", 3, {0}, {(double)NAN, (double)NAN}, false},
    {"x^3 - 3*x*y^2", 2, {0}, {(double)NAN, (double)NAN}, false},
    {"x^3*y", 2, {0}, {(double)NAN, (double)NAN}, false},
    {"x*y*(x^2 - y^2)", 2, {0}, {(double)NAN, (double)NAN}, false},
    {"x*y*z", 3, {0}, {(double)NAN, (double)NAN}, false},
    {"x^4 + y^4 - 2.1*x^2*y^2", 2, {0}, {(double)NAN, (double)NAN}, false},
    {"9 + x^4 + y^4 - 2.1*x^2*y^2", 2, {0}, {(double)NAN, (double)NAN}, false},
    {"x^2 + y^3", 2, {0}, {(double)NAN, (double)NAN}, false},
    {"x^2 + y^3", 2, {1, 0}, {(double)NAN, (double)NAN}, false},
    {"4 + x^2 + y^3", 2, {1, 0}, {(double)NAN, (double)NAN}, false},
    {"x^2 - y^4", 2, {0}, {(double)NAN, (double)NAN}, false},
    {"x^2 - y^4", 2, {1, 0}, {(double)NAN, (double)NAN}, false},
    {"4 + (x - 1)^2 + y^3", 2, {2, 1e-20}, {(double)NAN, (double)NAN}, false},
    {"(x + y)^2 + (x - y)^3", 2, {0}, {(double)NAN, (double)NAN}, false},
    {"6 + (x + y)^2 - (x - y)^4", 2, {1, 1}, {(double)NAN, (double)NAN}, false},
    /* a minimum along every line, but none */
    {"(y - x^2)*(y - 2*x^2)", 2, {0}, {(double)NAN, (double)NAN}, false},
    {"2 + (y - x^2)*(y - 2*x^2)", 2, {0}, {(double)NAN, (double)NAN}, false},
    /* approached from beside */
    {"x^3", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"1 + x^3", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"x^5", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"2 + x^5", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"x - sin(x)", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"x^2 + y^3", 2, {1, 1}, {(double)NAN, (double)NAN}, false},
    {"x^3 - 3*x*y^2", 2, {1, 0}, {(double)NAN, (double)NAN}, false},
    {"1 + x^3 - 3*x*y^2", 2, {1, 0}, {(double)NAN, (double)NAN}, false},
    {"x^3 - 3*x*y^2", 2, {1, 0.1}, {(double)NAN, (double)NAN}, false},
    {"(y - x^2)*(y - 2*x^2)", 2, {1, 3}, {(double)NAN, (double)NAN}, false},
    /* saddles, from their stable manifold */
    {"x^2 - y^2", 2, {0}, {(double)NAN, (double)NAN}, false},
    {"x^2 - y^2", 2, {1, 0}, {(double)NAN, (double)NAN}, false},
    {"3 + x^2 - y^2", 2, {1, 0}, {(double)NAN, (double)NAN}, false},
    {"x^2 - 1e-9*y^2", 2, {1, 0}, {(double)NAN, (double)NAN}, false},
    {"x*y", 2, {1, 1}, {(double)NAN, (double)NAN}, false},
    {"sin(x) + cos(y)", 2, {1, 0}, {-2, (double)NAN}, false},
    {"(x^2 + y^2 - 1)^2", 2, {0}, {0, (double)NAN}, false},
    {"y^2 + (x^2 - 1)^2", 2, {0, 2}, {0, (double)NAN}, false},
    {"cos(x)", 1, {0}, {-1, (double)NAN}, false},
    /* no minimum: plateaus and slopes */
    {"exp(x)", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"exp(x)", 1, {-30}, {(double)NAN, (double)NAN}, false},
    {"1 + exp(-x)", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"1 + exp(-x)", 1, {36}, {(double)NAN, (double)NAN}, false},
    {"1 + exp(-x)", 1, {45}, {(double)NAN, (double)NAN}, false},
    {"1 + exp(-x) + (y - 2)^2", 2, {20, 3}, {(double)NAN, (double)NAN}, false},
    {"1 + exp(-x - y) + (x - y - 1)^2", 2, {9, 9}, {(double)NAN, (double)NAN}, false},
    {"exp(-x) + y^2", 2, {1, 1}, {(double)NAN, (double)NAN}, false},
    {"1/(1 + x^2)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"1/(1 + x^2)", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"1/(1 + x^2)", 1, {1e8}, {(double)NAN, (double)NAN}, false},
    {"1 + 1/(1 + x^2)", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"atan(x)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"atan(x)", 1, {-50}, {(double)NAN, (double)NAN}, false},
    {"tanh(x)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"tanh(x)", 1, {-15}, {(double)NAN, (double)NAN}, false},
    {"sigmoid(x)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"softplus(x)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"softplus(x) + 1", 1, {-30}, {(double)NAN, (double)NAN}, false},
    {"x", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"ln(x)", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"-ln(1 + x^2)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"-ln(1 + x^2)", 1, {2}, {(double)NAN, (double)NAN}, false},
    {"2 + 1/x", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"x/(1 + x^2)", 1, {3}, {-0.5, (double)NAN}, false},
    {"-exp(-x^2)", 1, {0.5}, {-1, (double)NAN}, true},
    {"-exp(-x^2)", 1, {3}, {-1, (double)NAN}, false},
    {"-exp(-x^2)", 1, {5}, {-1, (double)NAN}, false},
    {"-exp(-x^2)", 1, {30}, {-1, (double)NAN}, false},
    {"1 - exp(-x^2)", 1, {7}, {0, (double)NAN}, false},
    {"-exp(-x^2 - y^2)", 2, {4, 1}, {-1, (double)NAN}, false},
    {"x + exp(-x)", 1, {40}, {1, (double)NAN}, false},
    {"x + exp(-x)", 1, {-5}, {1, (double)NAN}, true},
    /* kinks and plateaus of piecewise functions */
    {"-abs(x)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"1 - abs(x)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"x^2 - abs(x)", 1, {0}, {-0.25, (double)NAN}, false},
    {"x^2 + y^2 - abs(x)", 2, {0}, {-0.25, (double)NAN}, false},
    {"x^2 + y^2 - abs(x - y)", 2, {0, 0}, {-0.5, (double)NAN}, false},
    {"-relu(x)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"-relu(x)", 1, {-1}, {0, (double)NAN}, false},
    {"relu(x)", 1, {-1}, {0, (double)NAN}, false},
    {"relu(x)", 1, {1}, {0, (double)NAN}, false},
    {"relu(x) + 1", 1, {-1}, {1, (double)NAN}, false},
    {"relu(x)^2", 1, {1}, {0, (double)NAN}, false},
    {"relu(x)^2 - relu(-x)^2", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"relu(x)^3 - relu(-x)^3", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"abs(x)", 1, {0}, {0, (double)NAN}, true},
    {"abs(x)", 1, {1}, {0, (double)NAN}, false},
    {"abs(x) - x^2", 1, {0}, {0, (double)NAN}, false},
    {"max(x, -x, y, -y)", 2, {1, 3}, {0, (double)NAN}, false},
    {"max(x, 2*y) + y^2", 2, {1, 0}, {(double)NAN, (double)NAN}, false},
    {"where(x > 0, x^2, -x^2)", 1, {0}, {(double)NAN, (double)NAN}, false},
    {"floor(x) + 0*x", 1, {0.5}, {0, (double)NAN}, false},
    /* minima */
    {"x^2", 1, {0}, {0, (double)NAN}, true},
    {"x^4", 1, {0}, {0, (double)NAN}, true},
    {"5 + x^4", 1, {0}, {5, (double)NAN}, true},
    {"5 + x^4", 1, {1}, {5, (double)NAN}, true},
    {"x^6", 1, {0}, {0, (double)NAN}, true},
    {"x^4", 1, {1}, {0, (double)NAN}, false},
    {"(x - 3)^4", 1, {3}, {0, (double)NAN}, true},
    {"sum(v^4)", 3, {0}, {0, (double)NAN}, true},
    {"1 + sum(v^4)", 3, {0}, {1, (double)NAN}, true},
    {"x^4*y^4", 2, {0}, {0, (double)NAN}, true},
    {"x^2*y^2", 2, {0}, {0, (double)NAN}, true},
    {"x^4 + y^4 - 1.9*x^2*y^2", 2, {0}, {0, (double)NAN}, true},
    {"x^2 + y^4", 2, {0}, {0, (double)NAN}, true},
    {"(x + y)^2 + (x - y)^4", 2, {1, 1}, {0, (double)NAN}, false},
    {"2 + (y - x^2)*(2*y - x^2) + x^4", 2, {0}, {2, (double)NAN}, true},
    {"cosh(x) - 1 - x^2/2", 1, {0}, {0, (double)NAN}, false},
    {"3 + 0*x", 1, {1}, {3, (double)NAN}, false},
    {"0*x", 1, {1}, {0, (double)NAN}, false},
    {"1 + 1e-20*x^2", 1, {1}, {1, (double)NAN}, true},
    {"1e10 + (x - 3)^2", 1, {1}, {1e10, (double)NAN}, true},
    {"sin(x)^2", 1, {1.5}, {0, (double)NAN}, true},
    {"cos(x)", 1, {1e-3}, {-1, (double)NAN}, true},
    {"cos(x + pi)", 1, {0.3}, {-1, (double)NAN}, true},
};

enum { PLACES = sizeof places / sizeof *places };

/* The same for residuals: the least values are of their sum of squares. */
static const place place_fits[] = {
    {"x^2 - 1", 1, {0}, {0, (double)NAN}, false},
    {"[x^2 - 1, x/10]", 1, {0}, {0.00997500, (double)NAN}, false},
    {"[x^2 - 1, y]", 2, {0, 1}, {0, (double)NAN}, false},
    {"[x^2 - 1, y, x/10]", 2, {0, 1}, {0.00997500, (double)NAN}, false},
    {"[x*y - 1, x + y, x - y]", 2, {0}, {1, (double)NAN}, true},
    {"[x*y - 3, (x + y)/10, (x - y)/10]", 2, {0}, {0.119600, (double)NAN}, false},
    {"1 - exp(-x^2)", 1, {30}, {0, (double)NAN}, false},
    {"1 + exp(-x)", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"1 + exp(-x)", 1, {30}, {(double)NAN, (double)NAN}, false},
    {"exp(x)", 1, {1}, {(double)NAN, (double)NAN}, false},
    {"[1 + x^3, y]", 2, {0}, {0, (double)NAN}, false},
    {"[1 + x^3, y]", 2, {0, 1}, {0, (double)NAN}, false},
    {"2 - x^2", 1, {0}, {0, (double)NAN}, false},
    {"2 - abs(x)", 1, {0}, {0, (double)NAN}, false},
    {"[2 - abs(x), 3*x]", 1, {0}, {3.6, (double)NAN}, false},
    {"2 + x^4", 1, {0}, {4, (double)NAN}, true},
    {"x^2", 1, {0}, {0, (double)NAN}, true},
    {"[x - 1, x - 2]", 1, {5}, {0.5, (double)NAN}, true},
    {"x + y - 3", 2, {0}, {0, (double)NAN}, true},
    {"[x + y - 3, x + y - 4]", 2, {0}, {0.5, (double)NAN}, true},
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
