/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/gates.h"

#include <math.h>

static double gates_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* What the loops below have in a row r and a place a: at, of lines; gate(k), of gates. */
#define GATES_OF(Type, pointer) ((Type *)(void *)(pointer))

#define GATES_LOOP                                                                                 \
    const int64_t n = s->size;                                                                     \
    for (int64_t at = 0; at < s->rows * n; at++)

#define GATES_PLACE(k) ((at / n * TP__GATES + (k)) * n + at % n)

#define GATES_REFERENCE(Type)                                                                      \
    static void gates_lstm_forward_##Type(const tp__gate_step *s)                                  \
    {                                                                                              \
        GATES_LOOP                                                                                 \
        {                                                                                          \
            double x[TP__GATES];                                                                   \
            for (int k = 0; k < TP__GATES; k++) {                                                  \
                Type *gate = GATES_OF(Type, s->gates) + GATES_PLACE(k);                            \
                x[k] = (double)*gate + (double)GATES_OF(const Type, s->bias)[k * n + at % n];      \
                x[k] = k == 2 ? tanh(x[k]) : gates_sigmoid(x[k]);                                  \
                *gate = (Type)x[k];                                                                \
            }                                                                                      \
            double c = x[1] * (double)GATES_OF(const Type, s->before)[at] + x[0] * x[2];           \
            GATES_OF(Type, s->c)[at] = (Type)c;                                                    \
            GATES_OF(Type, s->h)[at] = (Type)(x[3] * tanh(c));                                     \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void gates_lstm_backward_##Type(const tp__gate_step *s)                                 \
    {                                                                                              \
        GATES_LOOP                                                                                 \
        {                                                                                          \
            double x[TP__GATES], g[TP__GATES];                                                     \
            for (int k = 0; k < TP__GATES; k++)                                                    \
                x[k] = (double)GATES_OF(Type, s->gates)[GATES_PLACE(k)];                           \
            double gh =                                                                            \
                (double)GATES_OF(const Type, s->gy)[at] + (double)GATES_OF(Type, s->gh)[at];       \
            double h = tanh((double)GATES_OF(Type, s->c)[at]);                                     \
            double gc = (double)GATES_OF(Type, s->gc)[at] + gh * x[3] * (1 - h * h);               \
            g[0] = gc * x[2] * x[0] * (1 - x[0]);                                                  \
            g[1] = gc * (double)GATES_OF(const Type, s->before)[at] * x[1] * (1 - x[1]);           \
            g[2] = gc * x[0] * (1 - x[2] * x[2]);                                                  \
            g[3] = gh * h * x[3] * (1 - x[3]);                                                     \
            for (int k = 0; k < TP__GATES; k++)                                                    \
                GATES_OF(Type, s->change)[GATES_PLACE(k)] = (Type)g[k];                            \
            GATES_OF(Type, s->gc)[at] = (Type)(gc * x[1]);                                         \
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
            x[0] = gates_sigmoid(x[0]);                                                            \
            x[1] = gates_sigmoid(x[1]);                                                            \
            x[2] = tanh(x[2] + x[0] * x[3]);                                                       \
            for (int k = 0; k < TP__GATES; k++)                                                    \
                GATES_OF(Type, s->gates)[GATES_PLACE(k)] = (Type)x[k];                             \
            double before = (double)GATES_OF(const Type, s->before)[at];                           \
            GATES_OF(Type, s->h)[at] = (Type)((1 - x[1]) * x[2] + x[1] * before);                  \
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
            double gh =                                                                            \
                (double)GATES_OF(const Type, s->gy)[at] + (double)GATES_OF(Type, s->gh)[at];       \
            double before = (double)GATES_OF(const Type, s->before)[at];                           \
            g[2] = gh * (1 - x[1]) * (1 - x[2] * x[2]);                                            \
            g[0] = g[2] * x[3] * x[0] * (1 - x[0]);                                                \
            g[1] = gh * (before - x[2]) * x[1] * (1 - x[1]);                                       \
            g[3] = g[2] * x[0];                                                                    \
            for (int k = 0; k < TP__GATES; k++)                                                    \
                GATES_OF(Type, s->change)[GATES_PLACE(k)] = (Type)g[k];                            \
            GATES_OF(Type, s->gh)[at] = (Type)(gh * x[1]);                                         \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static const tp__gate_kernels gates_lstm_##Type = {.cost = 100,                                \
                                                       .forward = gates_lstm_forward_##Type,       \
                                                       .backward = gates_lstm_backward_##Type};    \
    static const tp__gate_kernels gates_gru_##Type = {                                             \
        .cost = 80, .forward = gates_gru_forward_##Type, .backward = gates_gru_backward_##Type};

GATES_REFERENCE(float)
GATES_REFERENCE(double)

const tp__gate_kernels *tp__lstm_reference(tp_dtype dtype)
{
    return dtype == TP_F32 ? &gates_lstm_float : &gates_lstm_double;
}

const tp__gate_kernels *tp__gru_reference(tp_dtype dtype)
{
    return dtype == TP_F32 ? &gates_gru_float : &gates_gru_double;
}
