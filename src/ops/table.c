/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/families.h"

#include "graph/structural.h"

/* clang-format off */
const tp__family *const tp__families[] = {
    &tp__family_structural,
    &tp__family_arithmetic,
    &tp__family_pow,
    &tp__family_unary,
    &tp__family_exponential,
    &tp__family_trigonometric,
    &tp__family_special,
    &tp__family_piecewise,
    &tp__family_activation,
    &tp__family_choose,
    &tp__family_logic,
    &tp__family_reduce,
    &tp__family_statistics,
    &tp__family_order,
    &tp__family_shape,
    &tp__family_parts,
    &tp__family_index,
    &tp__family_arrange,
    &tp__family_pick,
    &tp__family_linalg,
    &tp__family_products,
    &tp__family_einsum,
    &tp__family_solve,
    &tp__family_factor,
    &tp__family_least_squares,
    &tp__family_matrix_function,
    &tp__family_conv,
    &tp__family_pool,
    &tp__family_resize,
    &tp__family_unfold,
    &tp__family_attention,
    &tp__family_position,
    &tp__family_recurrent,
    &tp__family_recurrent_layers,
    &tp__family_softmax,
    &tp__family_loss,
    &tp__family_ctc,
    NULL,
};
/* clang-format on */
