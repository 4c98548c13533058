/* SPDX-License-Identifier: MIT
 *
 * The graph of x0 + x1, as text.
 *
 * Adding two variables records a small graph: the two inputs, the function Add, its result. Here
 * it is printed in Graphviz's DOT language and written to sample.dot. The output is itself a DOT
 * file: `add_graph | dot -Tpng -o sample.png` makes a picture of it.
 */
#include <stdio.h>
#include <stdlib.h>

#include <tinypytorch.h>

int main(void)
{
    tp_var *x0 = tp_variable(1.0), *x1 = tp_variable(1.0);
    tp_var *y = tp_add(x0, x1);

    tp_set_name(x0, "x0");
    tp_set_name(x1, "x1");
    tp_set_name(y, "y");

    char *text = tp_get_dot_graph(y, false);
    printf("// y = x0 + x1 = %g\n%s", tp_item(y), text ? text : "");
    free(text);

    FILE *file = fopen("sample.dot", "w");
    if (!file) {
        perror("sample.dot");
        return 1;
    }
    tp_write_dot_graph(y, false, file);
    if (fclose(file) != 0) {
        perror("sample.dot");
        return 1;
    }
    return tp_check();
}
