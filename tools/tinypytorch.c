/* SPDX-License-Identifier: MIT
 *
 * The command tinypytorch: finds the verb, reads what follows it, and runs it.
 */
#include "base/features.h"

#include "command.h"

#include <string.h>

static const command_verb *const verbs[] = {
    &verb_eval,  &verb_grad,     &verb_hessian, &verb_derivatives,
    &verb_check, &verb_minimize, &verb_graph,   &verb_plot,
};

enum { VERBS = sizeof verbs / sizeof *verbs };

static void print_help(void)
{
    puts("usage: tinypytorch VERB [OPTION...] FORMULA [NAME=VALUE...]\n"
         "\n"
         "Derivatives, minima and pictures of a formula.\n");
    for (size_t i = 0; i < VERBS; i++)
        printf("  %-12s %s\n", verbs[i]->name, verbs[i]->summary);
    puts("\n"
         "  tinypytorch eval \"sin(x)^2\" x=1\n"
         "  tinypytorch grad \"100*(x1 - x0^2)^2 + (x0 - 1)^2\" x0=0 x1=2\n"
         "  tinypytorch minimize \"(x - 3)^2 + sin(x)\" x=0\n"
         "\n"
         "A formula has + - * / ^, comparisons, numbers, pi, e, lists [a, b], elements v[0],\n"
         "functions (sin, exp, where, max, sum, norm ...) and derivatives d(a, x), d(a, x, n).\n"
         "If it is \"-\", it is read from stdin. A value is a formula without variables, x=pi/4,\n"
         "or a list of them, x=1,2,3.\n"
         "\n"
         "  tinypytorch VERB --help   options and examples of a verb\n"
         "  tinypytorch --version\n"
         "\n"
         "Exit status: 0 if all is well, 1 if a minimum was not reached or a check failed, 2 if\n"
         "the input was wrong.");
}

static void print_verb_help(const command_verb *verb)
{
    printf("usage: tinypytorch %s %s\n\n%s.\n%s\n", verb->name, verb->arguments, verb->summary,
           verb->help);
    command_list_options(verb);
}

static const command_verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERBS; i++)
        if (!strcmp(verbs[i]->name, name))
            return verbs[i];
    return NULL;
}

static int run_verb(command *c, int n, char **words)
{
    TP_SCOPE();
    if (!command_read(c, n, words))
        return STATUS_BAD_INPUT;
    if (c->options.help) {
        print_verb_help(c->verb);
        return STATUS_GOOD;
    }
    int status = command_open(c) ? c->verb->run(c) : STATUS_BAD_INPUT;
    command_close(c);
    return status;
}

int main(int argc, char **argv)
{
    const char *first = argc > 1 ? argv[1] : "";
    command c = {.verb = find_verb(first),
                 .options = {.iterations = -1, .tolerance = TP_AUTO, .rate = TP_AUTO}};
    int status = STATUS_GOOD;
    if (!strcmp(first, "--help") || !strcmp(first, "-h"))
        print_help();
    else if (!strcmp(first, "--version"))
        printf("tinypytorch %s\n", tp_version());
    else if (c.verb)
        status = run_verb(&c, argc - 2, argv + 2);
    else
        status = command_fail(&c,
                              *first ? "unknown verb %s; see tinypytorch --help"
                                     : "expected a verb%s; see tinypytorch --help",
                              first);
    if (fflush(stdout) || ferror(stdout))
        status = command_fail(&c, "stdout cannot be written");
    return status;
}
