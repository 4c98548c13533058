/* SPDX-License-Identifier: MIT
 * What a drawing tells of the elements of a value. */
#ifndef TP_STATISTICS_H
#define TP_STATISTICS_H

#include "base/node.h"

typedef struct tp__statistics {
    bool known;            /* false if the elements are gone */
    bool failed;           /* with an error: they could not be computed */
    double min, mean, max; /* of those that are not NaN; NaN if there are none */
    int64_t nan;
} tp__statistics;

/* Elements that wait are computed. */
tp__statistics tp__statistics_of(tp_var *v);

#endif
