/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "command.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef enum option_kind { OPTION_FLAG, OPTION_INTEGER, OPTION_NUMBER, OPTION_TEXT } option_kind;

typedef struct option {
    unsigned bit;
    char letter;
    const char *name, *argument, *help;
    option_kind kind;
    size_t field; /* of command_options */
} option;

#define FIELD(name) offsetof(command_options, name)

static const option options[] = {
    {OPTION_ORDER, 'n', "order", "N", "order of the derivative", OPTION_INTEGER, FIELD(order)},
    {OPTION_VARIABLE, 'v', "variable", "NAME", "to vary, or to differentiate for", OPTION_TEXT,
     FIELD(variable)},
    {OPTION_METHOD, 'm', "method", "NAME", "how to minimise:", OPTION_TEXT, FIELD(method)},
    {OPTION_ITERATIONS, 'i', "iterations", "N", "at most so many", OPTION_INTEGER,
     FIELD(iterations)},
    {OPTION_TOLERANCE, 't', "tolerance", "NUMBER", "of the relative gradient, or of a difference",
     OPTION_NUMBER, FIELD(tolerance)},
    {OPTION_RATE, 'r', "rate", "NUMBER", "of methods with a fixed one", OPTION_NUMBER, FIELD(rate)},
    {OPTION_EVERY, 0, "every", "N", "print every N-th iteration; else ever fewer", OPTION_INTEGER,
     FIELD(every)},
    {OPTION_RANGE, 'x', "x", "LOW:HIGH", "the range to plot, -5:5 by default", OPTION_TEXT,
     FIELD(range)},
    {OPTION_DERIVATIVES, 'd', "derivatives", "N", "plot the first N derivatives too",
     OPTION_INTEGER, FIELD(derivatives)},
    {OPTION_POINTS, 0, "points", "N", "evaluate at so many points, 401 by default", OPTION_INTEGER,
     FIELD(points)},
    {OPTION_TAYLOR, 0, "taylor", NULL, "derivatives by Taylor series: a much smaller graph",
     OPTION_FLAG, FIELD(taylor)},
    {OPTION_COLORS, 0, "colors", NULL, "tell apart forward and backward sweeps", OPTION_FLAG,
     FIELD(colors)},
    {OPTION_SHAPES, 0, "shapes", NULL, "write shapes and element types", OPTION_FLAG,
     FIELD(shapes)},
    {OPTION_VALUES, 0, "values", NULL, "write values", OPTION_FLAG, FIELD(values)},
    {OPTION_OUTPUT, 'o', "output", "FILE", "a picture, by its extension", OPTION_TEXT,
     FIELD(output)},
    {OPTION_JSON, 0, "json", NULL, "print JSON", OPTION_FLAG, FIELD(json)},
    {OPTION_CSV, 0, "csv", NULL, "print comma-separated values", OPTION_FLAG, FIELD(csv)},
    {OPTION_HELP, 'h', "help", NULL, "print this", OPTION_FLAG, FIELD(help)},
};

enum { OPTIONS = sizeof options / sizeof *options };

/* "newton-cg" of "Newton-CG". */
static void option_method(char *text, size_t size, const char *name)
{
    size_t i = 0;
    for (; name[i] && i + 1 < size; i++)
        text[i] = (char)(name[i] == ' '                     ? '-'
                         : name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a'
                                                            : name[i]);
    text[i] = 0;
}

static void option_list_methods(void)
{
    const char *name;
    for (int i = 0; (name = tp_method_name((tp_method)i)); i++) {
        char text[40];
        option_method(text, sizeof text, name);
        printf("%*s%s%s\n", 27, "", text, i ? "" : " (the default)");
    }
}

void command_list_options(const command_verb *verb)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        char name[40], letter[] = {'-', options[i].letter, ',', ' ', 0};
        if (!(options[i].bit & (verb->options | OPTION_HELP)))
            continue;
        snprintf(name, sizeof name, "--%s%s%s", options[i].name, options[i].argument ? " " : "",
                 options[i].argument ? options[i].argument : "");
        printf("  %-4s%-20s %s\n", options[i].letter ? letter : "", name, options[i].help);
        if (options[i].bit == OPTION_METHOD)
            option_list_methods();
    }
}

/* --- Reading --- */

static bool option_set(command *c, const option *o, const char *value)
{
    char *end = NULL;
    void *field = (char *)&c->options + o->field;
    errno = 0;
    if (o->kind == OPTION_FLAG) {
        *(bool *)field = true;
    } else if (o->kind == OPTION_TEXT) {
        *(const char **)field = value;
    } else if (o->kind == OPTION_NUMBER) {
        double number = strtod(value, &end);
        *(double *)field = number;
        if (end == value || *end || !(number > 0))
            command_fail(c, "--%s needs a number above 0, not \"%s\"", o->name, value);
        return end != value && !*end && number > 0;
    } else {
        long number = strtol(value, &end, 10);
        *(int *)field = (int)number;
        if (end == value || *end || errno || number < 1 || number > INT_MAX) {
            command_fail(c, "--%s needs an integer of 1 or more, not \"%s\"", o->name, value);
            return false;
        }
    }
    return true;
}

/* The option that a word begins with, and where its argument starts in the word, if it does. */
static const option *option_find(const command *c, const char *word, const char **argument)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const option *o = &options[i];
        size_t n = strlen(o->name);
        if (!(o->bit & (c->verb->options | OPTION_HELP)))
            continue;
        *argument = NULL;
        if (word[1] == '-' && !strncmp(word + 2, o->name, n) &&
            (!word[2 + n] || word[2 + n] == '=')) {
            *argument = word[2 + n] ? word + 3 + n : NULL;
            return o;
        }
        if (word[1] == o->letter && o->letter && (o->kind != OPTION_FLAG || !word[2])) {
            *argument = word[2] ? word + 2 : NULL;
            return o;
        }
    }
    command_fail(c, "unknown option %s; -- goes before a formula that starts with -", word);
    return NULL;
}

/* Reads the option words[0]; returns how many words it took, 0 on failure. */
static int option_read(command *c, int n, char **words)
{
    const char *argument;
    const option *o = option_find(c, words[0], &argument);
    if (!o)
        return 0;
    if (o->kind == OPTION_FLAG && argument) {
        command_fail(c, "--%s takes no argument", o->name);
        return 0;
    }
    int taken = o->kind != OPTION_FLAG && !argument ? 2 : 1;
    if (taken > n) {
        command_fail(c, "--%s needs an argument: %s", o->name, o->argument);
        return 0;
    }
    return option_set(c, o, taken == 2 ? words[1] : argument) ? taken : 0;
}

bool command_read(command *c, int n, char **words)
{
    bool plain = false;
    c->words = words;
    for (int i = 0, taken; i < n; i += taken) {
        taken = 1;
        if (!plain && !strcmp(words[i], "--"))
            plain = true;
        else if (!plain && words[i][0] == '-' && words[i][1])
            taken = option_read(c, n - i, words + i);
        else if (!c->text)
            c->text = words[i];
        else
            words[c->n_words++] = words[i];
        if (!taken)
            return false;
    }
    if (c->options.help)
        return true;
    if (!c->text)
        command_fail(c, "expected a formula; see tinypytorch %s --help", c->verb->name);
    else if (c->options.json && c->options.csv)
        command_fail(c, "--json and --csv are two forms of output");
    return c->text && !(c->options.json && c->options.csv);
}
