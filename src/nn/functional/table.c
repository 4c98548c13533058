/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "nn/functional/functional.h"

#include "array/array.h"
#include "base/dtype.h"
#include "tinypytorch.h"

const tp__family *const tp__network_families[] = {&tp__family_functional,
                                                  &tp__family_bags,
                                                  &tp__family_margins,
                                                  &tp__family_batch_norm,
                                                  &tp__family_recurrent_net,
                                                  &tp__family_rnn,
                                                  NULL};

tp_var *tp__floating(tp_var *x)
{
    return tp_is_poison(x) || tp__is_float((tp_dtype)x->dtype) ? x : tp_to(x, TP_F64);
}
