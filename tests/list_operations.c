/* SPDX-License-Identifier: MIT
 *
 * Prints docs/operations.md: the table of operations as Markdown. scripts/test compares the two.
 */
#include <stdio.h>
#include <string.h>

#include "families.h"
#include "operations_words.h"

/* Text inside a table's cell. */
static void put_cell(const char *text)
{
    for (; *text; text++)
        printf(*text == '|' ? "\\|" : "%c", *text);
}

static const char *operands(const tp__op *op)
{
    static const char *const words[] = {"any number", "1", "2", "3", "4", "5", "6"};
    const char *own = operation_words_for(operation_operands, op->name);
    if (own)
        return own;
    return op->n_in < 7 ? words[op->n_in] : "more";
}

static const char *shapes(const tp__op *op)
{
    if (op->flags & TP__ELEMENTWISE)
        return "broadcast";
    return op->samples ? op->samples->shapes : "broadcast";
}

static const char *types(const tp__op *op)
{
    if (op->flags & TP__COMPOSITE)
        return "as its parts";
    if (op->flags & TP__MOVES)
        return "all, kept";
    if (!op->gradient)
        return "all → integers";
    return op->flags & TP__FLOATING ? "floating; integers as float64" : "all";
}

static void put_operation(const tp__op *op)
{
    printf("| `%s` | %s | ", op->name, operands(op));
    put_cell(op->formula ? op->formula : "");
    printf(" | ");
    const char *rule = operation_words_for(operation_rules, op->name);
    put_cell(rule ? rule : op->rule);
    printf(" | %s | %s |\n", *shapes(op) ? shapes(op) : "()", types(op));
}

int main(void)
{
    printf(
        "# Operations\n\n"
        "Written by `build/release/tests/list_operations` from the records, which say what each\n"
        "operation is, how it is differentiated and how it is tested. The headers in\n"
        "[include/tinypytorch](../include/tinypytorch) are the manual. y is the result, gy its\n"
        "gradient; every gradient has gradients. Shapes are those of a test; all take others.\n");
    for (const tp__family *const *family = all_families(); *family; family++) {
        printf("\n## %c%s\n\n", *(*family)->title - 'a' + 'A', (*family)->title + 1);
        printf("| name | operands | y | gradient | shapes, e.g. | types "
               "|\n|---|---|---|---|---|---|\n");
        for (const tp__op *const *op = (*family)->ops; *op; op++)
            put_operation(*op);
    }
    printf("\n## Functions over these\n\n| name | what it is |\n|---|---|\n");
    for (const operation_words *other = operation_others; other->name; other++) {
        printf("| `%s` | ", other->name);
        put_cell(other->words);
        printf(" |\n");
    }
    return 0;
}
