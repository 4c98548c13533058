/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/vector.h"

static tp__vector_table vector_none;

tp__vector_table *const tp__vector_levels[TP__LEVELS] = {TP__BY_LEVEL(&vector_none, tp__vector)};
