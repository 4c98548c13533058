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

tp_var *tp__reduced(tp_var *losses, tp_reduction reduction)
{
    if (tp_is_poison(losses))
        return losses;
    return reduction == TP_MEAN  ? (tp_mean)(losses, NULL)
           : reduction == TP_SUM ? (tp_sum)(losses, NULL)
                                 : losses;
}

bool tp__check_reduction(const char *call, tp_reduction reduction)
{
    if ((unsigned)reduction <= TP_NO_REDUCTION)
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: %d is not a reduction", call, (int)reduction);
    return false;
}
