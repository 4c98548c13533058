/* SPDX-License-Identifier: MIT
 *
 * docs/operations.md is whole: every function of the headers of operations has a row, and rules
 * name nothing that a reader cannot look up.
 */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <stdio.h>

#include "operations_words.h"
#include "table_check.h"

static bool has_row(const char *name)
{
    for (const tp__family *const *family = all_families(); *family; family++)
        for (const tp__op *const *op = (*family)->ops; *op; op++)
            if (!strcmp((*op)->name, name))
                return true;
    return operation_words_for(operation_others, name) != NULL;
}

/* "TP_API tp_var *tp_name(…": the name without tp_; false for other lines. */
static bool declared_name(const char *line, char name[64])
{
    const char *open = strchr(line, '('), *at = open;
    if (strncmp(line, "TP_API ", 7) || !open)
        return false;
    while (at > line && (isalnum((unsigned char)at[-1]) || at[-1] == '_'))
        at--;
    snprintf(name, 64, "%.*s", (int)(open - at), at);
    return !strncmp(name, "tp_", 3);
}

TEST(every_function_of_an_operation_is_in_the_list)
{
    static const char *const headers[] = {"elementwise", "reduce",   "shape",  "linalg",    "conv",
                                          "network",     "sequence", "random", "functional"};
    int seen = 0;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char path[400], line[400], name[64];
        snprintf(path, sizeof path, "%s/../../include/tinypytorch/%s.h", TEST_REFERENCE,
                 headers[i]);
        FILE *f = fopen(path, "r");
        if (!test_check(f != NULL, __FILE__, __LINE__, "%s cannot be read", path))
            continue;
        while (fgets(line, sizeof line, f)) {
            if (!declared_name(line, name) || !strcmp(name, "tp_manual_seed") ||
                strstr(name, "random_state"))
                continue;
            seen++;
            test_check(has_row(name + 3), __FILE__, __LINE__, "%s has no row", name);
        }
        fclose(f);
    }
    CHECK(seen > 200);
}

/* A word before "(" with an underscore is tp_… or the name of a record. */
static void check_rule(const char *name, const char *rule)
{
    for (const char *open = strchr(rule, '('); open; open = strchr(open + 1, '(')) {
        const char *at = open;
        char word[64];
        while (at > rule && (isalnum((unsigned char)at[-1]) || at[-1] == '_'))
            at--;
        snprintf(word, sizeof word, "%.*s", (int)(open - at), at);
        bool known = !strchr(word, '_') || !strncmp(word, "tp_", 3) || has_row(word);
        test_check(known, __FILE__, __LINE__, "the rule of %s names %s", name, word);
    }
}

TEST(rules_name_what_can_be_looked_up)
{
    for (const tp__family *const *family = all_families(); *family; family++)
        for (const tp__op *const *op = (*family)->ops; *op; op++) {
            const char *words = operation_words_for(operation_rules, (*op)->name);
            check_rule((*op)->name, words ? words : (*op)->rule);
        }
}
