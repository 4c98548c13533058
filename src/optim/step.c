/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "optim/step.h"

#include <math.h>

#include "base/settings.h"

enum { STEP_LANES = 16 };

/* Nobody reads the errno that a root may set: so told, compilers make vectors of it. */
float sqrtf(float x) __attribute__((const));
double sqrt(double x) __attribute__((const));

#define STEP_TARGET
#define STEP_REAL float
#define STEP_ROOT sqrtf
#define STEP_SIZE fabsf
#define STEP(name) step_##name##_f32_baseline
#include "optim/step_body.h"

#define STEP_REAL double
#define STEP_ROOT sqrt
#define STEP_SIZE fabs
#define STEP(name) step_##name##_f64_baseline
#include "optim/step_body.h"
#undef STEP_TARGET

#define STEP_BASELINE(kind, kernel)                                                                \
    [TP__##kind] = {step_##kernel##_f32_baseline, step_##kernel##_f64_baseline},
const tp__step_table tp__step_baseline = {TP__STEP_LIST(STEP_BASELINE)};
#undef STEP_BASELINE

#if TP__HAS_AVX

#define STEP_TARGET __attribute__((target("avx2")))
#define STEP_REAL float
#define STEP_ROOT sqrtf
#define STEP_SIZE fabsf
#define STEP(name) step_##name##_f32_avx2
#include "optim/step_body.h"

#define STEP_REAL double
#define STEP_ROOT sqrt
#define STEP_SIZE fabs
#define STEP(name) step_##name##_f64_avx2
#include "optim/step_body.h"
#undef STEP_TARGET

#define STEP_AVX2(kind, kernel) [TP__##kind] = {step_##kernel##_f32_avx2, step_##kernel##_f64_avx2},
const tp__step_table tp__step_avx2 = {TP__STEP_LIST(STEP_AVX2)};
#undef STEP_AVX2

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
