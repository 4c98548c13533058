/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/gates.h"

#include <float.h>
#include <math.h>

/* σ(x), or −σ(−x) from 0 on. */
static double gates_keep_sigmoid(double x, double least)
{
    double e = exp(-fabs(x)), part = e / (1 + e);
    return x < 0 ? part : -(part < least ? least : part);
}

/* tanh x, or ±1 / (1 − |tanh x|). */
static double gates_keep_tanh(double x)
{
    double e = expm1(2 * fabs(x)), rest = 2 / (e + 2);
    return copysign(rest > 0.5 ? e / (e + 2) : 1 / rest, x);
}

/* A gate, 1 less the gate, and its slope, from how it is kept. */
typedef struct gates_value {
    double at, rest, slope;
} gates_value;

static gates_value gates_of_sigmoid(double kept)
{
    double size = fabs(kept);
    return (gates_value){kept < 0 ? 1 + kept : kept, kept < 0 ? -kept : 1 - kept,
                         size * (1 - size)};
}

static gates_value gates_of_tanh(double kept)
{
    double size = fabs(kept), rest = 1 / size;
    if (!(size >= 1))
        return (gates_value){kept, 1 - kept, 1 - kept * kept};
    double at = copysign(1 - rest, kept);
    return (gates_value){at, 1 - at, rest * (2 - rest)};
}

/* What the loops below have in a row r and a place a: at, of lines; gate(k), of gates. */
#define GATES_OF(Type, pointer) ((Type *)(void *)(pointer))

#define GATES_LEAST(Type) (sizeof(Type) == sizeof(float) ? (double)FLT_MIN : DBL_MIN)

#define GATES_LOOP                                                                                 \
    const int64_t n = s->size;                                                                     \
    for (int64_t at = 0; at < s->rows * n; at++)

#define GATES_PLACE(k) ((at / n * TP__GATES + (k)) * n + at % n)

#define GATES_REFERENCE(Type)                                                                      \
    static void gates_lstm_forward_##Type(const tp__gate_step *s)                                  \
    {                                                                                              \
        GATES_LOOP                                                                                 \
        {                                                                                          \
            gates_value x[TP__GATES];                                                              \
            for (int k = 0; k < TP__GATES; k++) {                                                  \
                Type *gate = GATES_OF(Type, s->gates) + GATES_PLACE(k);                            \
                double z = (double)*gate + (double)GATES_OF(const Type, s->bias)[k * n + at % n];  \
                double kept =                                                                      \
                    k == 2 ? gates_keep_tanh(z) : gates_keep_sigmoid(z, GATES_LEAST(Type));        \
                x[k] = k == 2 ? gates_of_tanh(kept) : gates_of_sigmoid(kept);                      \
                *gate = (Type)kept;                                                                \
            }                                                                                      \
            double c = x[1].at * (double)GATES_OF(const Type, s->before)[at] + x[0].at * x[2].at;  \
            GATES_OF(Type, s->c)[at] = (Type)c;                                                    \
            GATES_OF(Type, s->h)[at] = (Type)(x[3].at * tanh(c));                                  \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void gates_lstm_backward_##Type(const tp__gate_step *s)                                 \
    {                                                                                              \
        GATES_LOOP                                                                                 \
        {                                                                                          \
            gates_value x[TP__GATES];                                                              \
            double g[TP__GATES];                                                                   \
            for (int k = 0; k < TP__GATES; k++) {                                                  \
                double kept = (double)GATES_OF(Type, s->gates)[GATES_PLACE(k)];                    \
                x[k] = k == 2 ? gates_of_tanh(kept) : gates_of_sigmoid(kept);                      \
            }                                                                                      \
            double gh =                                                                            \
                (double)GATES_OF(const Type, s->gy)[at] + (double)GATES_OF(Type, s->gh)[at];       \
            gates_value h = gates_of_tanh(gates_keep_tanh((double)GATES_OF(Type, s->c)[at]));      \
            double gc = (double)GATES_OF(Type, s->gc)[at] + gh * x[3].at * h.slope;                \
            g[0] = gc * x[2].at * x[0].slope;                                                      \
            g[1] = gc * (double)GATES_OF(const Type, s->before)[at] * x[1].slope;                  \
            g[2] = gc * x[0].at * x[2].slope;                                                      \
            g[3] = gh * h.at * x[3].slope;                                                         \
            for (int k = 0; k < TP__GATES; k++)                                                    \
                GATES_OF(Type, s->change)[GATES_PLACE(k)] = (Type)g[k];                            \
            GATES_OF(Type, s->gc)[at] = (Type)(gc * x[1].at);                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void gates_gru_forward_##Type(const tp__gate_step *s)                                   \
    {                                                                                              \
        GATES_LOOP                                                                                 \
        {                                                                                          \
            double x[TP__GATES];                                                                   \
            for (int k = 0; k < TP__GATES; k++)                                                    \
                x[k] = (double)GATES_OF(Type, s->gates)[GATES_PLACE(k)] +                          \
                       (double)GATES_OF(const Type, s->bias)[k * n + at % n];                      \
            x[0] = gates_keep_sigmoid(x[0], GATES_LEAST(Type));                                    \
            x[1] = gates_keep_sigmoid(x[1], GATES_LEAST(Type));                                    \
            x[2] = gates_keep_tanh(x[2] + gates_of_sigmoid(x[0]).at * x[3]);                       \
            for (int k = 0; k < TP__GATES; k++)                                                    \
                GATES_OF(Type, s->gates)[GATES_PLACE(k)] = (Type)x[k];                             \
            double before = (double)GATES_OF(const Type, s->before)[at];                           \
            gates_value z = gates_of_sigmoid(x[1]);                                                \
            GATES_OF(Type, s->h)[at] = (Type)(z.rest * gates_of_tanh(x[2]).at + z.at * before);    \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void gates_gru_backward_##Type(const tp__gate_step *s)                                  \
    {                                                                                              \
        GATES_LOOP                                                                                 \
        {                                                                                          \
            double x[TP__GATES], g[TP__GATES];                                                     \
            for (int k = 0; k < TP__GATES; k++)                                                    \
                x[k] = (double)GATES_OF(Type, s->gates)[GATES_PLACE(k)];                           \
            gates_value r = gates_of_sigmoid(x[0]), z = gates_of_sigmoid(x[1]);                    \
            gates_value t = gates_of_tanh(x[2]);                                                   \
            double gh =                                                                            \
                (double)GATES_OF(const Type, s->gy)[at] + (double)GATES_OF(Type, s->gh)[at];       \
            double before = (double)GATES_OF(const Type, s->before)[at];                           \
            g[2] = gh * z.rest * t.slope;                                                          \
            g[0] = g[2] * x[3] * r.slope;                                                          \
            g[1] = gh * (before - t.at) * z.slope;                                                 \
            g[3] = g[2] * r.at;                                                                    \
            for (int k = 0; k < TP__GATES; k++)                                                    \
                GATES_OF(Type, s->change)[GATES_PLACE(k)] = (Type)g[k];                            \
            GATES_OF(Type, s->gh)[at] = (Type)(gh * z.at);                                         \
        }                                                                                          \
    }

GATES_REFERENCE(float)
GATES_REFERENCE(double)

#define GATES_PAIR(name, cost)                                                                     \
    {                                                                                              \
        {cost, gates_##name##_forward_float, gates_##name##_backward_float},                       \
        {                                                                                          \
            cost, gates_##name##_forward_double, gates_##name##_backward_double                    \
        }                                                                                          \
    }

static tp__gate_table gates_lstm_reference = GATES_PAIR(lstm, 100);
static tp__gate_table gates_gru_reference = GATES_PAIR(gru, 80);

const tp__gate_kernels *tp__lstm_kernels_of(tp_dtype dtype)
{
    static tp__gate_table *const levels[TP__LEVELS] = {
        TP__BY_MATH_LEVEL(&gates_lstm_reference, tp__lstm)};
    return &(*levels[tp__level])[dtype];
}

const tp__gate_kernels *tp__gru_kernels_of(tp_dtype dtype)
{
    static tp__gate_table *const levels[TP__LEVELS] = {
        TP__BY_MATH_LEVEL(&gates_gru_reference, tp__gru)};
    return &(*levels[tp__level])[dtype];
}
