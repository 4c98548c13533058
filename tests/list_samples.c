/* SPDX-License-Identifier: MIT
 *
 * Prints the cases of the table test for tests/reference/make_reference.py, which evaluates them
 * in PyTorch: the weights once, then families, and for each case its title, shapes, expression, how
 * many orders of gradients and the operands. Numbers are exact, in hexadecimal.
 */
#include <stdio.h>
#include <string.h>

#include "table.h"

int main(void)
{
    printf("weights");
    for (int k = 0; k < (TABLE_OPERANDS + 1) * TABLE_WEIGHTS; k++)
        printf(" %a", table_weight(0, k));
    const char *family = "";
    for (const table_case *c = table_cases(); c->op; c++) {
        if (strcmp(family, c->family))
            printf("\nfamily %s", c->family);
        family = c->family;
        printf("\ncase %s %d\nshapes %s\ntorch %s\norders %d\n", c->op->name, c->number, c->shapes,
               c->torch, c->edge ? 1 : 2);
        for (int i = 0; i < c->n; i++) {
            printf("operand");
            for (int64_t k = 0; k < table_size(c, i); k++)
                printf(" %a", table_number(c, i, k, false));
            printf(i + 1 < c->n ? "\n" : "");
        }
    }
    printf("\n");
    return tp_check();
}
