/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "optim/step.h"

#include <math.h>

#include "base/settings.h"

enum { STEP_LANES = 16 };

/* Nobody reads the errno that a root may set: so told, compilers make vectors of it. */
float sqrtf(float x) __attribute__((const));
double sqrt(double x) __attribute__((const));

#define STEP_TABLE(variant)                                                                        \
    {                                                                                              \
        [TP__SGD] = {step_sgd_f32_##variant, step_sgd_f64_##variant},                              \
        [TP__MOMENTUM] = {step_momentum_f32_##variant, step_momentum_f64_##variant},               \
        [TP__ADAM] = {                                                                             \
            step_adam_f32_##variant,                                                               \
            step_adam_f64_##variant                                                                \
        }                                                                                          \
    }

#define STEP_TARGET
#define STEP_REAL float
#define STEP_ROOT sqrtf
#define STEP(name) step_##name##_f32_baseline
#include "optim/step_body.h"

#define STEP_REAL double
#define STEP_ROOT sqrt
#define STEP(name) step_##name##_f64_baseline
#include "optim/step_body.h"
#undef STEP_TARGET

const tp__step_table tp__step_baseline = STEP_TABLE(baseline);

#if TP__HAS_AVX

#define STEP_TARGET __attribute__((target("avx2")))
#define STEP_REAL float
#define STEP_ROOT sqrtf
#define STEP(name) step_##name##_f32_avx2
#include "optim/step_body.h"

#define STEP_REAL double
#define STEP_ROOT sqrt
#define STEP(name) step_##name##_f64_avx2
#include "optim/step_body.h"
#undef STEP_TARGET

const tp__step_table tp__step_avx2 = STEP_TABLE(avx2);

tp__step_kernel *tp__step_choose(tp__step_kind kind, tp_dtype dtype)
{
    return tp__level >= TP__AVX2 ? tp__step_avx2[kind][dtype] : tp__step_baseline[kind][dtype];
}

#else

const tp__step_table tp__step_avx2 = {{0}};

tp__step_kernel *tp__step_choose(tp__step_kind kind, tp_dtype dtype)
{
    return tp__step_baseline[kind][dtype];
}

#endif
