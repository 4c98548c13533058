/* SPDX-License-Identifier: MIT
 *
 * The command tinypytorch: verbs over formulas. A verb is a record; its options are those of one
 * table that its mask names. Results go to stdout, messages to stderr. Functions that can fail say
 * so on stderr and return false, or a status.
 */
#ifndef TP_COMMAND_H
#define TP_COMMAND_H

#include <stdbool.h>

#include "base/text.h"
#include "tinypytorch.h"

enum { STATUS_GOOD, STATUS_NO, STATUS_BAD_INPUT };

enum {
    OPTION_HELP = 1 << 0,
    OPTION_JSON = 1 << 1,
    OPTION_CSV = 1 << 2,
    OPTION_ORDER = 1 << 3,
    OPTION_VARIABLE = 1 << 4,
    OPTION_OUTPUT = 1 << 5,
    OPTION_METHOD = 1 << 6,
    OPTION_ITERATIONS = 1 << 7,
    OPTION_TOLERANCE = 1 << 8,
    OPTION_RATE = 1 << 9,
    OPTION_EVERY = 1 << 10,
    OPTION_RANGE = 1 << 11,
    OPTION_DERIVATIVES = 1 << 12,
    OPTION_TAYLOR = 1 << 13,
    OPTION_SHAPES = 1 << 14,
    OPTION_VALUES = 1 << 15,
    OPTION_COLORS = 1 << 16,
    OPTION_POINTS = 1 << 17
};

/* Where an option was not given: zero, −1 iterations, TP_AUTO. */
typedef struct command_options {
    bool help, json, csv, taylor, shapes, values, colors;
    int order, iterations, every, derivatives, points;
    double tolerance, rate;
    const char *variable, *output, *method, *range;
} command_options;

typedef struct command {
    const struct command_verb *verb;
    command_options options;
    const char *text; /* the formula */
    char *standard;   /* what was read from stdin */
    char **words;     /* "x=1", … */
    int n_words;
    tp_expression *f;
    tp_var **x;   /* for each variable a float64 array, NULL if none was given */
    int n;        /* variables: those with values first, in the order of words */
    int64_t size; /* elements of all x */
} command;

typedef struct command_verb {
    const char *name, *arguments, *summary, *help;
    unsigned options;
    int (*run)(command *c);
} command_verb;

extern const command_verb verb_eval, verb_grad, verb_hessian, verb_derivatives, verb_check,
    verb_minimize, verb_graph, verb_plot;

/* --- options.c --- */

/* Reads what follows the verb. */
bool command_read(command *c, int n, char **words);

/* What --help prints of the verb's options. */
void command_list_options(const command_verb *verb);

/* --- input.c --- */

/* Prints a message, or the pending error, after "tinypytorch: verb: "; returns
 * STATUS_BAD_INPUT. */
int command_fail(const command *c, const char *format, ...) TP_PRINTF(2, 3);
int command_error(const command *c);

/* The elements of v, NULL if a call failed: the library prints an error that meets tp_data, and the
 * command prints it itself. */
const void *command_data(tp_var *v);

/* Reads the formula and the values. */
bool command_open(command *c);
void command_close(command *c);

/* The formula as a title, cut to a line; goes with free(). */
char *command_title(const command *c);

/* True if every variable but number `but` has a value. */
bool command_has_values(const command *c, int but);

/* The variable that --variable names, or the only one; -1 if that is not clear. */
int command_variable(const command *c);

/* The value of a text without variables. */
bool command_value(const command *c, const char *what, const char *text, tp_var **value);

/* All values one after the other, as one array; the formula of such an array (a tp_objective); what
 * its element i is called. */
tp_var *command_packed(const command *c);
tp_var *command_at(void *c, tp_var *packed);
void command_element(const command *c, int64_t i, tp__text *name);

/* --- table.c --- */

typedef struct command_table {
    const command *c;
    const char *label; /* of the first column, which has texts or integers */
    char **columns;
    int n, rows, digits; /* 0 digits: as many as read back the same */
    bool texts, inner;   /* labels are texts; in JSON something follows */
} command_table;

/* Prints a table row by row: as text, or as JSON or CSV if these options are given. columns are
 * taken over and freed; NULL if memory ran out. */
bool table_begin(command_table *table, const command *c, const char *label, char **columns, int n);
void table_row(command_table *table, const char *label, const double *values);
void table_end(command_table *table);

/* Names "prefix[0]" … of the elements of an array like v, or prefix alone for a number. */
char **table_names(const char *prefix, tp_var *v);
char **table_element_names(const command *c, int before, const char *const *first);

/* A number that reads back the same; in JSON those that are not finite are the strings "nan", "inf"
 * and "-inf". */
void table_number(tp__text *text, double number, bool json);

/* Prints text and frees it. */
void command_put(tp__text *text);

/* --- picture.c --- */

/* Draws a formula of one or two numbers, and the points (n, 1 or 2) of a path. */
bool command_picture(command *c, tp_var *path);

/* --- text_plot.c --- */

enum { TEXT_PLOT_POINTS = 128 };

/* Curves of so many evenly spaced points, one after the other in y, in dots of braille characters;
 * where gap is true a curve does not go on to the next point. low and high are said below. */
void text_plot(const double *y, const bool *gap, int curves, double low, double high);

#endif
