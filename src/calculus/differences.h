/* SPDX-License-Identifier: MIT
 *
 * The slope at 0 of a function of one number, by differences that know how far they can be trusted.
 *
 * At one width h there are eight pairs of values at ±h·0.8ᵏ. Their odd parts are fitted by t, t³
 * and t⁵, which gives the slope, their even parts by |t|, t² and t⁴, which gives a kink at 0. What
 * a fit leaves over, be it rounding, noise or a curve that is no such polynomial, tells by least
 * squares how far each coefficient may be off. Widths differ by factors of 30. The one that tells
 * most decides; a narrower one that agrees outweighs it, since a slope is what narrow widths see.
 * Wider ones than the first are tried only where no more than rounding blurs that: far away a
 * staircase looks like a slope.
 */
#ifndef TP_DIFFERENCES_H
#define TP_DIFFERENCES_H

#include <stdbool.h>

typedef enum tp__verdict {
    TP__AGREES,  /* the expected slope is right, to the tolerance */
    TP__DIFFERS, /* it is off by more than the tolerance and more than the differences may be off */
    TP__UNDECIDED /* the differences do not tell */
} tp__verdict;

typedef struct tp__differences {
    double (*f)(void *ctx, double t);
    void *ctx;
    double at_0;      /* f there */
    double expected;  /* its slope there, perhaps */
    double tolerance; /* of the slope, relative */
    double size;      /* of slopes that matter: errors below tolerance · size need not be told */
    double width;     /* the first h */
    double epsilon;   /* of the type that f is computed in */
} tp__differences;

/* What differences of one width tell. Errors are bounds; infinite where f is not finite. */
typedef struct tp__slope {
    double value, error;
    double kink, kink_error; /* half of what the slope jumps by */
    double secant;           /* the largest |f(t) − f(0)| / |t| */
    double largest;          /* |f(t)| */
} tp__slope;

/* Compares expected with differences, of which those that decided are left in *found; found->kink
 * is 0 where there is none. It calls f 16 times for each of 15 widths at most, and a few more times
 * where f may have a kink at 0. */
tp__verdict tp__differences_compare(const tp__differences *job, tp__slope *found);

#endif
