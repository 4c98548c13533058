/* SPDX-License-Identifier: MIT
 *
 * Reading a formula: precedence climbing with a stack of its own. What is pending on it is an
 * operator that waits for its right operand, or an open bracket. Operations on numbers alone are
 * computed here.
 */
#include "base/features.h"

#include "calculus/formula.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "tinypytorch/error.h"

typedef struct formula_sign {
    const char *token, *record;
    int strength, operands;
    bool from_right; /* what binds as tightly on its left waits */
} formula_sign;

enum { FORMULA_COMPARES = 1 };

/* A token that begins another comes after it. */
static const formula_sign formula_signs[] = {
    {"**", "pow", 5, 2, true},
    {"^", "pow", 5, 2, true},
    {"*", "mul", 3, 2, false},
    {"/", "div", 3, 2, false},
    {"%", "remainder", 3, 2, false},
    {"×", "mul", 3, 2, false},
    {"·", "mul", 3, 2, false},
    {"⋅", "mul", 3, 2, false},
    {"÷", "div", 3, 2, false},
    {"+", "add", 2, 2, false},
    {"-", "sub", 2, 2, false},
    {"−", "sub", 2, 2, false},
    {"<=", "le", FORMULA_COMPARES, 2, true},
    {">=", "ge", FORMULA_COMPARES, 2, true},
    {"==", "eq", FORMULA_COMPARES, 2, true},
    {"!=", "ne", FORMULA_COMPARES, 2, true},
    {"<", "lt", FORMULA_COMPARES, 2, true},
    {">", "gt", FORMULA_COMPARES, 2, true},
    {"≤", "le", FORMULA_COMPARES, 2, true},
    {"≥", "ge", FORMULA_COMPARES, 2, true},
    {"≠", "ne", FORMULA_COMPARES, 2, true},
    {"-", "neg", 4, 1, true}, /* before an operand */
    {"√", "sqrt", 6, 1, true},
};

enum {
    FORMULA_SIGNS = sizeof formula_signs / sizeof *formula_signs,
    FORMULA_MINUS = FORMULA_SIGNS - 2,
    FORMULA_ROOT,
    FORMULA_POWER = 5 /* its strength */
};

typedef struct formula_pending {
    const formula_sign *sign;      /* NULL for a bracket */
    const tp__op *record;          /* the sign's */
    char close;                    /* what ends the bracket */
    tp__formula_function function; /* that it calls, if any */
    size_t begin;                  /* the step that begins a derivative, plus one; 0: none */
    int n;                         /* operands before the last comma */
    size_t at;
} formula_pending;

typedef struct formula_parser {
    tp_expression *f;
    const char *at;
    bool done, operand; /* an operand is expected next */
    bool closed;        /* no other names than those given */
    size_t depth, step_capacity, pending_capacity, n_pending;
    formula_pending *pending;
    int derivatives; /* that are open */
    const tp__op *records[FORMULA_SIGNS];
} formula_parser;

static size_t formula_offset(const formula_parser *p)
{
    return (size_t)(p->at - p->f->text);
}

static void formula_fail_at(formula_parser *p, size_t at, const char *message)
{
    tp__formula_fail(p->f->text, at, message);
    p->done = true;
}

static void formula_fail(formula_parser *p, const char *message)
{
    formula_fail_at(p, formula_offset(p), message);
}

static void formula_space(formula_parser *p)
{
    p->at = tp__formula_skip_spaces(p->at);
}

/* Fails because of a character that no formula has, if there is one; else with the message. */
static void formula_unexpected(formula_parser *p, const char *message)
{
    char odd[80];
    formula_fail(p, tp__formula_odd(p->at, odd) ? odd : message);
}

static bool formula_next_minus(formula_parser *p)
{
    formula_space(p);
    size_t length = tp__formula_minus(p->at);
    p->at += length;
    return length;
}

static bool formula_next(formula_parser *p, char c)
{
    formula_space(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

/* Room for one more than n in *block. */
static bool formula_room(formula_parser *p, void **block, size_t *capacity, size_t n, size_t bytes)
{
    if (n < *capacity)
        return true;
    size_t grown = 2 * n + 16;
    void *larger = tp__realloc(*block, grown * bytes);
    if (!larger) {
        p->done = true;
        return false;
    }
    *block = larger;
    *capacity = grown;
    return true;
}

/* --- Steps --- */

/* Adds a step that takes so many operands from the stack and leaves one; NULL on failure. */
static tp__formula_step *formula_step(formula_parser *p, int operands,
                                      void (*run)(tp__formula_machine *, const tp__formula_step *),
                                      size_t at)
{
    tp_expression *f = p->f;
    void *steps = f->steps;
    bool good = formula_room(p, &steps, &p->step_capacity, f->n_steps, sizeof *f->steps);
    f->steps = steps;
    if (!good)
        return NULL;
    p->depth = p->depth + 1 - (size_t)operands;
    f->depth = p->depth > f->depth ? p->depth : f->depth;
    tp__formula_step *step = &f->steps[f->n_steps++];
    *step = (tp__formula_step){.run = run, .n = operands, .at = at};
    return step;
}

static void formula_add_number(formula_parser *p, double number, size_t at)
{
    tp__formula_step *step = formula_step(p, 0, tp__formula_number, at);
    if (step)
        step->of.number = number;
}

/* Computes op on the n numbers that were read last; false if they are not all numbers. */
static bool formula_fold(formula_parser *p, const tp__op *op, int n)
{
    tp__formula_step *in = p->f->steps + p->f->n_steps - n;
    for (int i = 0; i < n; i++)
        if (!op->number || in[i].run != tp__formula_number)
            return false;
    in[0].of.number = op->number(in[0].of.number, n > 1 ? in[1].of.number : 0);
    p->f->n_steps -= (size_t)n - 1;
    p->depth -= (size_t)n - 1;
    return true;
}

static void formula_add_op(formula_parser *p, const tp__op *op, int n, size_t at)
{
    tp__formula_step *step = formula_fold(p, op, n) ? NULL : formula_step(p, n, tp__formula_op, at);
    if (step)
        step->of.op = op;
}

/* --- Names of variables --- */

/* The number of a variable, which may be seen for the first time; -1 on failure. */
static int formula_find_variable(formula_parser *p, const char *name, size_t length)
{
    int found = tp__formula_names_find(&p->f->names, name, length);
    if (found < 0 && p->closed)
        formula_fail_at(p, (size_t)(name - p->f->text), "unknown name");
    else if (found < 0)
        found = tp__formula_names_add(&p->f->names, name, length);
    p->done = found < 0;
    return found;
}

/* The names that the caller gives. */
static bool formula_take_names(formula_parser *p, const char *const *names, int n)
{
    double number;
    for (int i = 0; i < n && !p->done; i++) {
        size_t length = names[i] ? tp__formula_name(names[i]) : 0;
        if (length && !names[i][length] && tp__formula_constant(names[i], length, &number))
            tp_fail(TP_ERROR_ARGUMENT, "formula: \"%s\" is a constant, not a variable", names[i]);
        else if (length == 0 || names[i][length])
            tp_fail(TP_ERROR_ARGUMENT, "formula: no variable can be called \"%.60s\"",
                    names[i] ? names[i] : "(null)");
        else if (formula_find_variable(p, names[i], length) != i && !p->done)
            tp_fail(TP_ERROR_ARGUMENT, "formula: two variables are called \"%.60s\"", names[i]);
        p->done = p->done || tp__here()->code != TP_OK;
    }
    p->closed = p->f->ordered = names != NULL;
    return !p->done;
}

/* --- Pending --- */

static formula_pending *formula_wait(formula_parser *p, size_t at)
{
    void *pending = p->pending;
    bool good = formula_room(p, &pending, &p->pending_capacity, p->n_pending, sizeof *p->pending);
    p->pending = pending;
    if (!good)
        return NULL;
    p->pending[p->n_pending] = (formula_pending){.at = at};
    return &p->pending[p->n_pending++];
}

static formula_pending *formula_open(formula_parser *p, char close, size_t at)
{
    formula_pending *bracket = formula_wait(p, at);
    if (bracket)
        bracket->close = close;
    return bracket;
}

static void formula_wait_for(formula_parser *p, const formula_sign *sign, size_t at)
{
    size_t i = (size_t)(sign - formula_signs);
    formula_pending *pending = formula_wait(p, at);
    if (!pending)
        return;
    if (!p->records[i])
        p->records[i] = tp__formula_record(sign->record, strlen(sign->record), sign->operands);
    pending->sign = sign;
    pending->record = p->records[i];
    p->operand = true;
}

/* What is pending last, NULL if nothing is. */
static formula_pending *formula_top(const formula_parser *p)
{
    return p->n_pending ? &p->pending[p->n_pending - 1] : NULL;
}

/* Applies operators that bind as tightly as strength, or tighter, back to the last bracket. */
static void formula_reduce(formula_parser *p, int strength, bool from_right)
{
    formula_pending *top;
    while ((top = formula_top(p)) && top->sign && !p->done &&
           top->sign->strength >= strength + from_right) {
        formula_add_op(p, top->record, top->sign->operands, top->at);
        p->n_pending--;
    }
}

/* --- Operands --- */

static void formula_read_number(formula_parser *p)
{
    double number;
    size_t at = formula_offset(p), length = tp__formula_number_at(p->at, &number);
    if (length > TP__FORMULA_DIGITS) {
        formula_fail(p, "a number of 400 characters or more");
        return;
    }
    formula_add_number(p, number, at);
    p->at += length;
    p->operand = false;
}

static void formula_read_call(formula_parser *p, size_t length)
{
    size_t at = formula_offset(p);
    tp__formula_function function = tp__formula_find(p->at, length);
    bool derivative = length == 1 && *p->at == 'd';
    if (!function.op && !function.word && !derivative) {
        formula_fail(p, "unknown function");
        return;
    }
    p->at += length;
    formula_next(p, '(');
    formula_pending *call = formula_open(p, ')', at);
    if (!call)
        return;
    call->function = function;
    if (!derivative)
        return;
    if (++p->derivatives > TP__FORMULA_NESTED) {
        formula_fail_at(p, at, "derivatives more than 16 deep; write d(a, x, n)");
        return;
    }
    formula_step(p, 1, tp__formula_begin, at);
    call->begin = p->f->n_steps;
}

static void formula_read_name(formula_parser *p, size_t length)
{
    double number;
    size_t at = formula_offset(p);
    if (*tp__formula_skip_spaces(p->at + length) == '(') {
        formula_read_call(p, length);
        return;
    }
    if (tp__formula_constant(p->at, length, &number)) {
        formula_add_number(p, number, at);
    } else {
        int variable = formula_find_variable(p, p->at, length);
        tp__formula_step *step = p->done ? NULL : formula_step(p, 0, tp__formula_variable, at);
        if (step)
            step->n = variable;
    }
    p->at += length;
    p->operand = false;
}

/* √( begins a call of sqrt; √x is the root of what stands there. */
static void formula_read_root(formula_parser *p, size_t at)
{
    p->at += strlen("√");
    if (!formula_next(p, '(')) {
        formula_wait_for(p, &formula_signs[FORMULA_ROOT], at);
        return;
    }
    formula_pending *call = formula_open(p, ')', at);
    if (call)
        call->function = tp__formula_find("sqrt", strlen("sqrt"));
}

static void formula_read_operand(formula_parser *p)
{
    double number;
    size_t name = tp__formula_name(p->at);
    size_t at = formula_offset(p);
    if (name)
        formula_read_name(p, name);
    else if (tp__formula_number_at(p->at, &number))
        formula_read_number(p);
    else if (formula_next(p, '('))
        formula_open(p, ')', at);
    else if (formula_next(p, '['))
        formula_open(p, ']', at);
    else if (formula_next_minus(p))
        formula_wait_for(p, &formula_signs[FORMULA_MINUS], at);
    else if (!strncmp(p->at, "√", strlen("√")))
        formula_read_root(p, at);
    else if (!formula_next(p, '+'))
        formula_unexpected(p, "expected a number, a name, \"(\" or \"[\"");
}

/* --- What follows an operand --- */

static void formula_expected(formula_parser *p)
{
    size_t i = p->n_pending;
    while (i > 0 && p->pending[i - 1].sign)
        i--;
    const formula_pending *open = i ? &p->pending[i - 1] : NULL;
    bool group = open && open->close == ')' && !open->function.op && !open->function.word;
    formula_unexpected(p, !open                ? "expected an operator or the end"
                          : open->close == ']' ? "expected an operator, \",\" or \"]\""
                          : open->begin        ? "expected an operator or \",\""
                          : group              ? "expected an operator or \")\""
                                               : "expected an operator, \",\" or \")\"");
}

/* √x^2 is read in two ways. */
static bool formula_root_waits(formula_parser *p)
{
    const formula_pending *top = formula_top(p);
    if (!top || top->sign != &formula_signs[FORMULA_ROOT])
        return false;
    formula_fail(p, "a power of a root or the root of a power? Write sqrt(x)^2 or sqrt(x^2)");
    return true;
}

/* "²", "⁻¹": a power of what was read last, and of that alone. */
static void formula_read_raised(formula_parser *p)
{
    size_t at = formula_offset(p);
    double exponent;
    if (formula_root_waits(p))
        return;
    p->at += tp__formula_raised(p->at, &exponent);
    if (exponent != exponent) {
        formula_fail(p, "expected a raised integer");
        return;
    }
    formula_add_number(p, exponent, at);
    const tp__op *power = tp__formula_record("pow", strlen("pow"), 2);
    if (!p->done)
        formula_add_op(p, power, 2, at);
}

static void formula_read_sign(formula_parser *p, const formula_sign *sign)
{
    size_t at = formula_offset(p);
    if (sign->strength == FORMULA_POWER && formula_root_waits(p))
        return;
    formula_reduce(p, sign->strength, sign->from_right);
    formula_pending *top = formula_top(p);
    if (p->done)
        return;
    if (sign->strength == FORMULA_COMPARES && top && top->sign) {
        formula_fail(p, "a second comparison; use parentheses");
        return;
    }
    p->at += strlen(sign->token);
    formula_wait_for(p, sign, at);
}

static void formula_read_index(formula_parser *p, size_t at)
{
    do {
        bool minus = formula_next_minus(p);
        formula_space(p);
        size_t digits = tp__formula_digits(p->at);
        if (digits == 0 || digits > 18) {
            formula_fail(p, "expected an integer");
            return;
        }
        int64_t index = strtoll(p->at, NULL, 10);
        tp__formula_step *step = formula_step(p, 1, tp__formula_index, at);
        if (step)
            step->of.index = minus ? -index : index;
        p->at += digits;
    } while (!p->done && formula_next(p, ','));
    if (!p->done && !formula_next(p, ']'))
        formula_fail(p, "expected \",\" or \"]\"");
}

/* ", x)" or ", x, n)" after what is to be differentiated; the first comma was read. */
static void formula_read_derivative(formula_parser *p)
{
    const formula_pending call = *formula_top(p);
    double number;
    formula_space(p);
    size_t length = tp__formula_name(p->at), order = 1;
    if (!length || tp__formula_constant(p->at, length, &number)) {
        formula_unexpected(p, length ? "a constant, not a variable"
                                     : "expected the name of a variable");
        return;
    }
    p->f->steps[call.begin - 1].n = formula_find_variable(p, p->at, length);
    if (p->done)
        return;
    p->at += length;
    if (formula_next(p, ',')) {
        formula_space(p);
        size_t digits = tp__formula_digits(p->at);
        order = digits && digits < 4 ? strtoul(p->at, NULL, 10) : 0;
        if (order < 1 || order > TP__FORMULA_ORDER) {
            formula_fail(p, "expected an order from 1 to 170");
            return;
        }
        p->at += digits;
    }
    if (!formula_next(p, ')')) {
        formula_fail(p, "expected \")\"");
        return;
    }
    tp__formula_step *step = formula_step(p, 1, tp__formula_end, call.at);
    if (step)
        step->n = (int)order;
    p->derivatives--;
    p->n_pending--;
}

static void formula_read_comma(formula_parser *p)
{
    formula_reduce(p, 0, false);
    formula_pending *top = formula_top(p);
    if (p->done)
        return;
    if (!top || (top->close == ')' && !top->begin && !top->function.op && !top->function.word)) {
        formula_expected(p);
        return;
    }
    p->at++;
    if (top->begin) {
        formula_read_derivative(p);
        return;
    }
    top->n++;
    p->operand = true;
}

static void formula_add_call(formula_parser *p, const formula_pending *call, int n)
{
    const tp__op *op = call->function.op;
    const tp__formula_word *word = call->function.word;
    int least = op ? op->n_in : word->least, most = op ? op->n_in : word->most;
    if (n < least || n > most) {
        char message[80];
        snprintf(message, sizeof message, "%s takes %d operand%s%s, got %d",
                 op ? op->name : word->name, n < least ? least : most,
                 (n < least ? least : most) == 1 ? "" : "s",
                 least == most ? ""
                 : n < least   ? " or more"
                               : " at most",
                 n);
        formula_fail_at(p, call->at, message);
    } else if (op) {
        formula_add_op(p, op, n, call->at);
    } else {
        tp__formula_step *step = formula_step(p, n, tp__formula_call, call->at);
        if (step)
            step->of.word = word;
    }
}

static void formula_close(formula_parser *p, char close)
{
    formula_reduce(p, 0, false);
    const formula_pending *top = formula_top(p);
    if (p->done)
        return;
    if (!top || top->close != close || top->begin) {
        formula_expected(p);
        return;
    }
    const formula_pending open = *top;
    p->n_pending--;
    p->at++;
    if (close == ']')
        formula_step(p, open.n + 1, tp__formula_list, open.at);
    else if (open.function.op || open.function.word)
        formula_add_call(p, &open, open.n + 1);
}

static void formula_read_end(formula_parser *p)
{
    formula_reduce(p, 0, false);
    if (!p->done && p->n_pending)
        formula_expected(p);
    p->done = true;
}

static void formula_read_operator(formula_parser *p)
{
    size_t at = formula_offset(p);
    double raised;
    for (size_t i = 0; i < FORMULA_MINUS; i++)
        if (!strncmp(p->at, formula_signs[i].token, strlen(formula_signs[i].token))) {
            formula_read_sign(p, &formula_signs[i]);
            return;
        }
    if (!*p->at)
        formula_read_end(p);
    else if (tp__formula_raised(p->at, &raised))
        formula_read_raised(p);
    else if (*p->at == ',')
        formula_read_comma(p);
    else if (*p->at == ')' || *p->at == ']')
        formula_close(p, *p->at);
    else if (formula_next(p, '['))
        formula_read_index(p, at);
    else
        formula_expected(p);
}

bool tp__formula_parse(tp_expression *f, const char *const *names, int n)
{
    formula_parser p = {.f = f, .at = f->text, .operand = true};
    formula_take_names(&p, names, n);
    while (!p.done) {
        formula_space(&p);
        if (p.operand)
            formula_read_operand(&p);
        else
            formula_read_operator(&p);
    }
    tp__free(p.pending);
    return tp__here()->code == TP_OK;
}
