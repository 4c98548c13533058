/* SPDX-License-Identifier: MIT
 *
 * A formula that was read is a list of steps on a stack of values, operands before operations.
 * Reading, running and freeing it use no recursion, so a formula may be as long and as deep as
 * memory allows. Every step knows the place in the text that it came from, for errors.
 */
#ifndef TP_FORMULA_H
#define TP_FORMULA_H

#include "graph/op.h"
#include "tinypytorch/formula.h"

enum { TP__FORMULA_NESTED = 16, TP__FORMULA_ORDER = 170 };

typedef struct tp__formula_machine tp__formula_machine;
typedef struct tp__formula_step tp__formula_step;

/* A function that is not a record's call_1 or call_2. */
typedef struct tp__formula_word {
    const char *name;
    int least, most; /* operands */
    tp_var *(*call)(tp_var *const *in, int n);
} tp__formula_word;

/* What a name before "(" means: one of both, or nothing. */
typedef struct tp__formula_function {
    const tp__op *op;
    const tp__formula_word *word;
} tp__formula_function;

struct tp__formula_step {
    void (*run)(tp__formula_machine *m, const tp__formula_step *step);
    union {
        double number;
        int64_t index;
        const tp__op *op;
        const tp__formula_word *word;
    } of;
    int n; /* of operands; a variable; an order */
    size_t at;
};

typedef struct tp__formula_names {
    char **at;
    int n;
    int *index; /* a hash table of numbers, plus one; 0: empty */
    size_t room;
} tp__formula_names;

struct tp_expression {
    char *text;
    tp__formula_step *steps;
    size_t n_steps, depth; /* of the stack */
    bool ordered;          /* the caller gave the names */
    tp__formula_names names;
};

/* A derivative that is being computed: its variable, and what was before. */
typedef struct tp__formula_derivative {
    int variable;
    tp_var *x;
    bool recording;
} tp__formula_derivative;

struct tp__formula_machine {
    tp_var **stack;
    size_t top;
    tp_var **x;
    int n;
    tp__formula_derivative derivatives[TP__FORMULA_NESTED];
    int n_derivatives;
};

/* What steps do: push a number or a variable; apply an operation, a word, an index, a list of n;
 * begin and end a derivative. */
void tp__formula_number(tp__formula_machine *m, const tp__formula_step *step);
void tp__formula_variable(tp__formula_machine *m, const tp__formula_step *step);
void tp__formula_op(tp__formula_machine *m, const tp__formula_step *step);
void tp__formula_call(tp__formula_machine *m, const tp__formula_step *step);
void tp__formula_index(tp__formula_machine *m, const tp__formula_step *step);
void tp__formula_list(tp__formula_machine *m, const tp__formula_step *step);
void tp__formula_begin(tp__formula_machine *m, const tp__formula_step *step);
void tp__formula_end(tp__formula_machine *m, const tp__formula_step *step);

/* The record with this name that a formula can call with n operands, or with any number if n is 0.
 * NULL if there is none. */
const tp__op *tp__formula_record(const char *name, size_t length, int n);

/* The function of a name; of a record, that with the fewest operands. */
tp__formula_function tp__formula_find(const char *name, size_t length);

/* The number of a constant's name; false if it is none. */
bool tp__formula_constant(const char *name, size_t length, double *number);

/* The length of the name that s starts with, 0 if it starts with none. */
size_t tp__formula_name(const char *s);

/* The length of the number at s, 0 if there is none. One longer than TP__FORMULA_DIGITS is not
 * read. */
enum { TP__FORMULA_DIGITS = 399 };
size_t tp__formula_number_at(const char *s, double *number);

/* How many digits s starts with. */
size_t tp__formula_digits(const char *s);

/* What follows the spaces at s, which may be those of other scripts and of word processors. */
const char *tp__formula_skip_spaces(const char *s);

/* The length of a minus sign at s, "-" or "−"; 0 if there is none. */
size_t tp__formula_minus(const char *s);

/* The length of the raised integer at s, "²" or "⁻¹²", 0 if there is none; its number, or NaN if it
 * is no more than a sign or has more than 15 digits. */
size_t tp__formula_raised(const char *s, double *number);

/* True if s starts with what no formula has, beyond ASCII; says so in text. */
bool tp__formula_odd(const char *s, char text[80]);

/* The number of a name, -1 if it is not there; adding one that is not, -1 when out of memory. */
int tp__formula_names_find(const tp__formula_names *names, const char *name, size_t length);
int tp__formula_names_add(tp__formula_names *names, const char *name, size_t length);
void tp__formula_names_free(tp__formula_names *names);

/* Fills in f from its text. False, with an error, if that is not a formula. */
bool tp__formula_parse(tp_expression *f, const char *const *names, int n);

/* Records an error that shows the place in text; tp__formula_show adds the place to the pending
 * one. */
void tp__formula_fail(const char *text, size_t at, const char *message);
void tp__formula_show(const char *text, size_t at);

#endif
