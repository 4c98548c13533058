/* SPDX-License-Identifier: MIT
 *
 * All families of operations: those of src/ops, and those of networks.
 */
#ifndef TP_TEST_FAMILIES_H
#define TP_TEST_FAMILIES_H

#include "nn/functional/functional.h"
#include "ops/families.h"

/* Ends with NULL. */
static inline const tp__family *const *all_families(void)
{
    static const tp__family *all[100];
    int n = 0;
    for (const tp__family *const *family = tp__families; *family; family++)
        all[n++] = *family;
    for (const tp__family *const *family = tp__network_families; *family; family++)
        all[n++] = *family;
    all[n] = NULL;
    return all;
}

#endif
