/* SPDX-License-Identifier: MIT
 *
 * What an operation was told besides its inputs: an axis, an exponent, or whatever else in a block
 * of memory. Which member is meant is known to the operation alone.
 */
#ifndef TP_ATTR_H
#define TP_ATTR_H

#include <stdint.h>

typedef union tp__attr {
    double number;
    int64_t integer;
    void *block;
} tp__attr;

#endif
