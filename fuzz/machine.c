/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* --- Random numbers --- */

static uint64_t machine_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

static uint32_t machine_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)((machine_random(state) >> 32) * n >> 32);
}

static int machine_draw_kind(uint64_t *state)
{
    int total = 0, kind = 0;
    for (int i = 0; i < fuzz_n_steps; i++)
        total += fuzz_steps[i].weight;
    int left = (int)machine_below(state, (uint32_t)total);
    while (left >= fuzz_steps[kind].weight)
        left -= fuzz_steps[kind++].weight;
    return kind;
}

void fuzz_generate(fuzz_program *program, uint64_t seed)
{
    uint64_t state = seed;
    *program = (fuzz_program){
        .seed = seed, .large = seed % 2, .failing = seed / 2 % 4 == 0, .plain = seed / 8 % 2 == 0};
    for (uint32_t i = 0; i < FUZZ_LENGTH; i++) {
        fuzz_instruction *in = &program->at[i];
        in->kind = i < 4 ? FUZZ_ARRAY : i < 8 ? FUZZ_VARIABLE : machine_draw_kind(&state);
        if (program->plain && in->kind == FUZZ_VARIABLE)
            in->kind = FUZZ_ARRAY;
        in->budget = machine_below(&state, 3) ? 0 : 1 + (int)machine_below(&state, 30);
        in->choices = machine_random(&state);
        for (int k = 0; k < FUZZ_OPERANDS; k++) {
            uint32_t recent = i < 8 || machine_below(&state, 3) == 0 ? i : 8;
            in->operand[k] = i - 1 - (recent ? machine_below(&state, recent) : 0);
        }
    }
}

int fuzz_choose(fuzz_machine *m, int n)
{
    return (int)machine_below(&m->choices, (uint32_t)n);
}

bool fuzz_chance(fuzz_machine *m, int percent)
{
    return fuzz_choose(m, 100) < percent;
}

/* --- Operands --- */

bool fuzz_any(const tp_var *v, const tp_var *other)
{
    (void)other;
    return v;
}

bool fuzz_alike(const tp_var *v, const tp_var *other)
{
    size_t bytes = (size_t)tp_ndim(other) * sizeof(int64_t);
    return tp_ndim(v) == tp_ndim(other) && !memcmp(tp_shape(v), tp_shape(other), bytes);
}

bool fuzz_is_leaf(const tp_var *v, const tp_var *other)
{
    (void)other;
    return tp_generation(v) == 0;
}

bool fuzz_is_variable(const tp_var *v, const tp_var *other)
{
    return tp_requires_grad(v) && fuzz_is_leaf(v, other);
}

bool fuzz_is_recorded(const tp_var *v, const tp_var *other)
{
    return tp_requires_grad(v) && !fuzz_is_leaf(v, other);
}

/* The number of the value, or -1. */
static int machine_find(const fuzz_machine *m, uint32_t from, fuzz_test *suits, const tp_var *other)
{
    for (int i = 0; i < m->at; i++) {
        int k = ((int)from - i + m->at) % m->at;
        if (m->values[k].v && suits(m->values[k].v, other))
            return k;
    }
    return -1;
}

tp_var *fuzz_operand(fuzz_machine *m, int k, fuzz_test *suits, const tp_var *other)
{
    uint32_t from = m->program->at[m->at].operand[k];
    int found = machine_find(m, from, suits, other);
    if (found < 0)
        found = machine_find(m, from, fuzz_any, NULL);
    fuzz_say(m, " v%d", found);
    return m->values[found].v;
}

/* --- The log --- */

void fuzz_say(fuzz_machine *m, const char *format, ...)
{
    if (!m->trace)
        return;
    size_t used = strlen(m->text);
    va_list args;
    va_start(args, format);
    vsnprintf(m->text + used, sizeof m->text - used, format, args);
    va_end(args);
}

static uint64_t machine_mix(uint64_t hash, uint64_t bits)
{
    hash = (hash ^ bits) * 0x100000001B3;
    return hash ^ hash >> 29;
}

/* A NaN's sign and payload mean nothing. Neither does a zero's sign here: where a gradient of zero
 * meets a slope below a selection, numbers get +0 and arrays keep their −0, and a waiting 0-d sum
 * counts as an array. */
static uint64_t machine_element(tp_dtype dtype, const void *data, int64_t i, double *number)
{
    uint64_t bits = 0;
    if (dtype == TP_F64)
        *number = ((const double *)data)[i];
    else if (dtype == TP_F32)
        *number = (double)((const float *)data)[i];
    else if (dtype == TP_I64)
        *number = (double)((const int64_t *)data)[i];
    else
        *number = ((const uint8_t *)data)[i];
    if (!isnan(*number) && *number != 0)
        memcpy(&bits, number, sizeof bits);
    else if (isnan(*number))
        bits = 1;
    return bits;
}

static fuzz_entry *machine_entry(fuzz_machine *m)
{
    fuzz_entry *entry = &m->log[m->n_log < FUZZ_LOG - 1 ? m->n_log++ : m->n_log];
    *entry = (fuzz_entry){.at = m->at};
    return entry;
}

static void machine_log_text(fuzz_machine *m, const char *text)
{
    fuzz_entry *entry = machine_entry(m);
    snprintf(entry->text, sizeof entry->text, "%s", text);
    for (; *text; text++)
        entry->bits = machine_mix(entry->bits, (unsigned char)*text);
}

void fuzz_log_value(fuzz_machine *m, tp_var *v)
{
    const void *data = v ? tp_data(v) : NULL;
    if (!data) {
        if (!tp_error())
            machine_log_text(m, "none");
        return;
    }
    fuzz_entry *entry = machine_entry(m);
    uint64_t hash = (uint64_t)tp_dtype_of(v);
    double number = 0, first = 0;
    for (int i = 0; i < tp_ndim(v); i++)
        hash = machine_mix(hash, (uint64_t)tp_shape(v)[i]);
    for (int64_t i = 0; i < tp_size(v); i++) {
        hash = machine_mix(hash, machine_element(tp_dtype_of(v), data, i, &number));
        if (i == 0)
            first = number;
    }
    entry->bits = hash;
    snprintf(entry->text, sizeof entry->text, "%lld of %s, the first %.17g", (long long)tp_size(v),
             tp_dtype_name(tp_dtype_of(v)), first);
}

/* --- Running --- */

static void machine_trace(fuzz_machine *m, const tp_var *result)
{
    if (!m->trace)
        return;
    if (result) {
        fuzz_say(m, " -> %s (", tp_dtype_name(tp_dtype_of(result)));
        for (int i = 0; i < tp_ndim(result); i++)
            fuzz_say(m, "%s%lld", i ? ", " : "", (long long)tp_shape(result)[i]);
        fuzz_say(m, ")%s", tp_requires_grad(result) ? " recorded" : "");
    }
    printf("    v%d: %s%s%s\n", m->at, m->text, tp_error() ? ": " : "",
           tp_error() ? tp_error() : "");
    fflush(stdout);
}

/* A value that is there already, such as a conversion that has nothing to do, counts once. */
static tp_var *machine_take(fuzz_machine *m, tp_var *v)
{
    if (!v || tp_is_poison(v))
        return NULL;
    for (int i = 0; i < m->at; i++)
        if (m->values[i].v == v)
            return NULL;
    m->values[m->at] = (fuzz_value){v, m->depth};
    if (m->eager)
        (void)tp_data(v);
    return v;
}

static void machine_step(fuzz_machine *m)
{
    const fuzz_instruction *in = &m->program->at[m->at];
    int n_log = m->n_log;
    if (in->dropped || (in->kind != FUZZ_ARRAY && machine_find(m, 0, fuzz_any, NULL) < 0))
        return;
    for (int tries = 0; tries < 2; tries++) {
        m->choices = in->choices;
        m->n_log = n_log;
        m->values[m->at].v = NULL;
        m->text[0] = '\0';
        fuzz_say(m, "%s", fuzz_steps[in->kind].name);
        bool failing = m->program->failing && !m->eager && tries == 0;
        tp__alloc_fail_at(failing ? (size_t)in->budget : 0);
        tp_var *result = machine_take(m, fuzz_steps[in->kind].run(m));
        tp__alloc_fail_at(0);
        machine_trace(m, result);
        if (!failing || tp_status() != TP_ERROR_MEMORY)
            break;
        tp_clear_error();
    }
    if (tp_error())
        machine_log_text(m, tp_error());
    tp_clear_error();
}

static void machine_finish(fuzz_machine *m)
{
    for (int i = FUZZ_LENGTH; i-- > 0;) {
        tp_var *v = m->values[i].v;
        if (!v)
            continue;
        fuzz_log_value(m, v);
        if (fuzz_is_variable(v, NULL))
            fuzz_log_value(m, tp_grad(v));
        if (tp_error())
            machine_log_text(m, tp_error());
        tp_clear_error();
    }
    for (int i = 0; i < FUZZ_LENGTH; i++)
        if (m->values[i].v && m->values[i].depth == 0)
            tp_free(m->values[i].v);
    tp_scope_end(m->marks[0]);
}

void fuzz_run(fuzz_machine *m, const fuzz_program *program, bool eager, bool trace)
{
    size_t nodes = tp_live(), bytes = tp_memory_stats().in_use;
    m->program = program;
    m->eager = eager;
    m->trace = trace;
    m->n_log = 0;
    memset(m->values, 0, sizeof m->values);
    m->marks[0] = tp_scope_begin();
    m->depth = 1;
    for (m->at = 0; m->at < FUZZ_LENGTH; m->at++)
        machine_step(m);
    machine_finish(m);
    if (tp_live() != nodes || tp_memory_stats().in_use != bytes)
        machine_log_text(m, eager ? "a leak when eager" : "a leak when waiting");
}
