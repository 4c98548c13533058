/* SPDX-License-Identifier: MIT
 *
 * The formula and the values of its variables. A value is a formula too, without variables: x=pi/4;
 * with commas it is a list: x=1,2,3.
 */
#include "base/features.h"

#include "command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "calculus/formula.h"

/* Lines for a terminal, whatever bytes a name or a word holds. */
static void input_print_lines(const char *message)
{
    for (const char *line = message, *end; *line; line = *end ? end + 1 : end) {
        tp__text out = {0};
        end = line + strcspn(line, "\n");
        tp__escape_plain(&out, line, (size_t)(end - line));
        fprintf(stderr, "%s\n", out.at ? out.at : "");
        tp__text_drop(&out);
    }
}

int command_fail(const command *c, const char *format, ...)
{
    char message[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "tinypytorch%s%s: ", c->verb ? " " : "", c->verb ? c->verb->name : "");
    input_print_lines(message);
    return STATUS_BAD_INPUT;
}

int command_error(const command *c)
{
    const char *message = tp_error();
    command_fail(c, "%s", message ? message : "out of memory");
    tp_clear_error();
    return STATUS_BAD_INPUT;
}

const void *command_data(tp_var *v)
{
    return tp_is_poison(v) ? NULL : tp_data(v);
}

/* --- The formula --- */

static bool input_standard(command *c)
{
    tp__text text = {0};
    char block[4096];
    size_t n;
    while ((n = fread(block, 1, sizeof block, stdin)) > 0)
        tp__text_add(&text, block, n);
    while (text.length && strchr("\r\n", text.at[text.length - 1]))
        text.length--;
    bool whole = text.length == 0 || !memchr(text.at, 0, text.length);
    if (ferror(stdin) || !whole)
        command_fail(c, "stdin %s", whole ? "cannot be read" : "holds a byte 0");
    bool good = !ferror(stdin) && whole;
    c->text = c->standard = tp__text_take(&text);
    return good && c->text;
}

/* The text before "=" of a word; false if that is not a name. */
static size_t input_name(const char *word)
{
    size_t length = strcspn(word, "=");
    return word[length] && length ? length : 0;
}

static bool input_given(const command *c, const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < c->n_words; i++)
        if (input_name(c->words[i]) == length && !strncmp(c->words[i], name, length))
            return true;
    return false;
}

static bool input_add_name(char **names, int *n, const char *name, size_t length)
{
    tp__text copy = {0};
    tp__text_add(&copy, name, length);
    names[*n] = tp__text_take(&copy);
    return names[*n] && ++*n;
}

/* Reads the formula again, with its variables in the order of the words. */
static bool input_order(command *c, const tp_expression *found)
{
    int n = tp_expression_size(found);
    char **names = tp__alloc_zero((size_t)(c->n_words + n) + 1, sizeof *names);
    bool good = true;
    if (!names)
        return false;
    for (int i = 0; good && i < c->n_words; i++)
        good = input_add_name(names, &c->n, c->words[i], input_name(c->words[i]));
    for (int i = 0; good && i < n; i++) {
        const char *name = tp_expression_variable(found, i);
        if (!input_given(c, name))
            good = input_add_name(names, &c->n, name, strlen(name));
    }
    if (good)
        c->f = tp_expression_new(c->text, (const char *const *)names, c->n);
    for (int i = 0; i < c->n; i++)
        tp__free(names[i]);
    tp__free(names);
    return c->f != NULL;
}

static bool input_has(const tp_expression *f, const char *name, size_t length)
{
    for (int i = 0; i < tp_expression_size(f); i++)
        if (strlen(tp_expression_variable(f, i)) == length &&
            !strncmp(tp_expression_variable(f, i), name, length))
            return true;
    return false;
}

/* Says that there is no such variable, and why if the name is a constant's. */
static void input_no_variable(const command *c, const char *name, size_t length)
{
    double number;
    if (tp__formula_constant(name, length, &number))
        command_fail(c, "%.*s is a constant, not a variable", (int)length, name);
    else
        command_fail(c, "the formula has no variable %.*s", (int)length, name);
}

static bool input_words_fit(const command *c, const tp_expression *found)
{
    for (int i = 0; i < c->n_words; i++) {
        size_t length = input_name(c->words[i]);
        if (!length)
            command_fail(c, "expected NAME=VALUE, got %s", c->words[i]);
        else if (!input_has(found, c->words[i], length))
            input_no_variable(c, c->words[i], length);
        if (!length || !input_has(found, c->words[i], length))
            return false;
    }
    return true;
}

/* --- Values --- */

/* In brackets if it holds a comma that is in none. */
static bool input_is_list(const char *text)
{
    int depth = 0;
    for (; *text; text++) {
        depth += (*text == '(' || *text == '[') - (*text == ')' || *text == ']');
        if (*text == ',' && depth == 0)
            return true;
    }
    return false;
}

bool command_value(const command *c, const char *what, const char *text, tp_var **value)
{
    tp__text list = {0};
    tp__text_format(&list, input_is_list(text) ? "[%s]" : "%s", text);
    *value = list.at ? tp_formula(list.at, NULL, NULL, 0) : NULL;
    if (*value && !tp_is_poison(*value))
        *value = tp_variable(tp_to(*value, TP_F64));
    tp__text_drop(&list);
    if (*value && !tp_is_poison(*value))
        return true;
    command_fail(c, "%s: %s", what, tp_error() ? tp_error() : "out of memory");
    tp_clear_error();
    return false;
}

static bool input_values(command *c)
{
    c->x = tp__alloc_zero((size_t)c->n + 1, sizeof *c->x);
    for (int i = 0; c->x && i < c->n_words; i++) {
        const char *word = c->words[i];
        if (!command_value(c, tp_expression_variable(c->f, i), word + input_name(word) + 1,
                           &c->x[i]))
            return false;
        c->size += tp_size(c->x[i]);
    }
    return c->x != NULL;
}

char *command_title(const command *c)
{
    enum { LONGEST = 72 };
    tp__text title = {0};
    size_t length = strlen(c->text), n = length < LONGEST ? length : LONGEST;
    while (n > 0 && ((unsigned char)c->text[n] & 0xC0) == 0x80)
        n--;
    tp__escape_plain(&title, c->text, n);
    tp__text_put(&title, n < length ? "…" : "");
    return tp__text_take(&title);
}

bool command_open(command *c)
{
    if (!strcmp(c->text, "-") && !input_standard(c))
        return false;
    tp_expression *found = tp_expression_new(c->text, NULL, 0);
    bool fits = found && input_words_fit(c, found);
    bool good = fits && input_order(c, found);
    tp_expression_free(found);
    if (!good && (!found || fits))
        command_error(c);
    return good && input_values(c);
}

void command_close(command *c)
{
    tp_expression_free(c->f);
    tp__free(c->standard);
    tp__free(c->x);
}

bool command_has_values(const command *c, int but)
{
    for (int i = 0; i < c->n; i++)
        if (!c->x[i] && i != but) {
            const char *name = tp_expression_variable(c->f, i);
            command_fail(c, "%s has no value: add %s=VALUE", name, name);
            return false;
        }
    return true;
}

int command_variable(const command *c)
{
    const char *name = c->options.variable;
    for (int i = 0; name && i < c->n; i++)
        if (!strcmp(tp_expression_variable(c->f, i), name))
            return i;
    if (!name && c->n == 1)
        return 0;
    if (name)
        input_no_variable(c, name, strlen(name));
    else
        command_fail(c, c->n ? "which variable? Add --variable NAME" : "there is no variable");
    return -1;
}

/* --- All values as one array --- */

tp_var *command_packed(const command *c)
{
    if (c->n == 0)
        return tp_variable(tp_zeros(TP_F64, TP_SHAPE(0)));
    tp_var **parts = tp__alloc((size_t)c->n * sizeof *parts);
    for (int i = 0; parts && i < c->n; i++)
        parts[i] = tp_flatten(c->x[i]);
    tp_var *packed = parts ? tp_variable(tp_concatenate(parts, c->n, 0)) : NULL;
    tp__free(parts);
    return packed ? packed : tp_fail(TP_ERROR_MEMORY, "out of memory");
}

tp_var *command_at(void *ctx, tp_var *packed)
{
    const command *c = ctx;
    tp_var **x = tp__alloc(((size_t)c->n + 1) * sizeof *x);
    int64_t start = 0;
    if (!x)
        return tp_fail(TP_ERROR_MEMORY, "out of memory");
    for (int i = 0; i < c->n; i++) {
        int64_t size = tp_size(c->x[i]);
        tp_var *part = tp_slice(packed, 0, start, start + size, 1);
        x[i] = tp_reshape(part, tp_ndim(c->x[i]), tp_shape(c->x[i]));
        start += size;
    }
    tp_var *y = tp_expression_apply(c->f, x);
    tp__free(x);
    return y;
}

void command_element(const command *c, int64_t i, tp__text *name)
{
    int k = 0;
    while (k < c->n - 1 && i >= tp_size(c->x[k]))
        i -= tp_size(c->x[k++]);
    tp__text_put(name, tp_expression_variable(c->f, k));
    int64_t rest = tp_size(c->x[k]);
    for (int axis = 0; axis < tp_ndim(c->x[k]); axis++) {
        rest /= tp_shape(c->x[k])[axis];
        tp__text_format(name, "%s%lld", axis ? ", " : "[", (long long)(i / rest));
        i %= rest;
    }
    tp__text_put(name, tp_ndim(c->x[k]) ? "]" : "");
}
