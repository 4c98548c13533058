/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/families.h"

#include "graph/structural.h"

const tp__family *const tp__families[] = {
    &tp__family_structural,
    &tp__family_arithmetic,
    &tp__family_pow,
    &tp__family_unary,
    &tp__family_choose,
    &tp__family_reduce,
    &tp__family_shape,
    &tp__family_parts,
    &tp__family_linalg,
    &tp__family_conv,
    &tp__family_pool,
    &tp__family_resize,
    NULL,
};
