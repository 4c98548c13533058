/* SPDX-License-Identifier: MIT
 *
 * memory: operations that move more than they compute, beside the machine's memory. For each: its
 * time, the time in which plain loops read and write as many bytes, and the share that the second
 * is of the first. One thread; 16 MiB of float32 (1 MiB with --small), so what limits is the cache
 * or the memory where that lies.
 *
 * An operation that reads R bytes and writes W is held to a copy of min(R, W) and a read or a fill
 * of the rest: of bytes that lie behind those that were copied, since what the caches hold would be
 * quicker. Loops and operation alternate, and of each the fastest sample counts.
 */
#if !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "harness.h"
#include "machine.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <tinypytorch.h>

enum { MEMORY_ROUNDS = 15 };

static struct memory_input {
    int64_t rows, columns;
    char *from, *to; /* what the loops go over */
    tp_var *x, *y, *row, *column, *cube, *mask, *index, *every, *places, *targets, *table, *words;
    tp_var *narrow, *narrow_row, *narrow_column, *line, *wide, *turned, *half_rows, *diagonal;
    tp_var *positive, *other, *f16, *bf16, *x_variable, *table_variable;
} in;

/* --- Loops --- */

typedef struct memory_operation {
    const char *name;
    bench_step *step;
    double reads, writes;
} memory_operation;

/* Passes take multiples of 256 bytes. */
static size_t memory_whole(double bytes)
{
    return (size_t)bytes / 256 * 256;
}

static void memory_limit(void *of)
{
    const memory_operation *operation = of;
    size_t reads = memory_whole(operation->reads), writes = memory_whole(operation->writes);
    size_t both = reads < writes ? reads : writes;
    if (both)
        bench_pass(BENCH_COPY, in.to, in.from, both);
    if (reads > both)
        bench_pass(BENCH_READ, NULL, in.from + both, reads - both);
    if (writes > both)
        bench_pass(BENCH_FILL, in.to + both, NULL, writes - both);
}

/* --- Operations --- */

#define MEMORY_ALL ((double)(in.rows * in.columns) * 4)
#define MEMORY_GRADIENT(y, x) tp_gradient(tp_sum(y), x)

/* OPERATION(name, bytes read, bytes written, what is computed) */
/* clang-format off */
#define MEMORY_OPERATIONS(OPERATION) \
    OPERATION(sum, MEMORY_ALL, 0, tp_sum(in.x)) \
    OPERATION(sum_axis_0, MEMORY_ALL, 0, tp_sum(in.x, .axes = TP_AXES(0))) \
    OPERATION(sum_axis_1, MEMORY_ALL, 0, tp_sum(in.x, .axes = TP_AXES(1))) \
    OPERATION(sum_axes_0_2, MEMORY_ALL, 0, tp_sum(in.cube, .axes = TP_AXES(0, 2))) \
    OPERATION(sum_short, MEMORY_ALL, MEMORY_ALL / 8, tp_sum(in.narrow, .axes = TP_AXES(1))) \
    OPERATION(sum_float64, MEMORY_ALL, 0, tp_sum(in.wide)) \
    OPERATION(mean_axis_1, MEMORY_ALL, 0, tp_mean(in.x, .axes = TP_AXES(1))) \
    OPERATION(max, MEMORY_ALL, 0, tp_max(in.x)) \
    OPERATION(max_axis_0, MEMORY_ALL, 0, tp_max(in.x, .axes = TP_AXES(0))) \
    OPERATION(max_axis_1, MEMORY_ALL, 0, tp_max(in.x, .axes = TP_AXES(1))) \
    OPERATION(max_short, MEMORY_ALL, MEMORY_ALL / 8, tp_max(in.narrow, .axes = TP_AXES(1))) \
    OPERATION(max_axis_1_gradient, MEMORY_ALL, MEMORY_ALL, MEMORY_GRADIENT(tp_max(in.x_variable, .axes = TP_AXES(1)), in.x_variable)) \
    OPERATION(argmax_axis_0, MEMORY_ALL, 0, tp_argmax(in.x, 0)) \
    OPERATION(argmax_axis_1, MEMORY_ALL, 0, tp_argmax(in.x, 1)) \
    OPERATION(argmin_short, MEMORY_ALL, MEMORY_ALL / 4, tp_argmin(in.narrow, 1)) \
    OPERATION(any, MEMORY_ALL / 4, 0, tp_any(in.mask)) \
    OPERATION(all, MEMORY_ALL / 4, 0, tp_all(in.every)) \
    OPERATION(any_axis_0, MEMORY_ALL / 4, 0, tp_any(in.mask, .axes = TP_AXES(0))) \
    OPERATION(any_axis_1, MEMORY_ALL / 4, 0, tp_any(in.mask, .axes = TP_AXES(1))) \
    OPERATION(count_nonzero, MEMORY_ALL, 0, tp_count_nonzero(in.x)) \
    OPERATION(sum_of_bools, MEMORY_ALL / 4, 0, tp_sum(in.mask)) \
    OPERATION(sum_of_int64, 2 * MEMORY_ALL, 0, tp_sum(in.index)) \
    OPERATION(prod, MEMORY_ALL, 0, tp_prod(in.x)) \
    OPERATION(prod_axis_1, MEMORY_ALL, 0, tp_prod(in.x, .axes = TP_AXES(1))) \
    OPERATION(variance, MEMORY_ALL, 0, tp_variance(in.x)) \
    OPERATION(variance_axis_1, MEMORY_ALL, 0, tp_variance(in.x, .axes = TP_AXES(1))) \
    OPERATION(std_axis_0, MEMORY_ALL, 0, tp_std(in.x, .axes = TP_AXES(0))) \
    OPERATION(norm, MEMORY_ALL, 0, tp_norm(in.x, 2)) \
    OPERATION(norm_axis_1, MEMORY_ALL, 0, tp_norm(in.x, 2, .axes = TP_AXES(1))) \
    OPERATION(norm_1_axis_1, MEMORY_ALL, 0, tp_norm(in.x, 1, .axes = TP_AXES(1))) \
    OPERATION(logsumexp, MEMORY_ALL, 0, tp_logsumexp(in.x, .axes = TP_AXES(1))) \
    OPERATION(plus, 2 * MEMORY_ALL, MEMORY_ALL, tp_add(in.x, in.y)) \
    OPERATION(plus_row, MEMORY_ALL, MEMORY_ALL, tp_add(in.x, in.row)) \
    OPERATION(plus_row_gradient, MEMORY_ALL, 0, tp_sum_to(in.x, TP_SHAPE(in.columns))) \
    OPERATION(times_column, MEMORY_ALL, MEMORY_ALL, tp_mul(in.x, in.column)) \
    OPERATION(times_column_short, 1.125 * MEMORY_ALL, MEMORY_ALL, tp_mul(in.narrow, in.narrow_column)) \
    OPERATION(plus_row_short, MEMORY_ALL, MEMORY_ALL, tp_add(in.narrow, in.narrow_row)) \
    OPERATION(plus_transposed, 2 * MEMORY_ALL, MEMORY_ALL, tp_add(in.x, in.turned)) \
    OPERATION(minus_outer, 0, MEMORY_ALL, tp_sub(in.row, in.column)) \
    OPERATION(cumsum_axis_0, MEMORY_ALL, MEMORY_ALL, tp_cumsum(in.x, 0)) \
    OPERATION(cumsum_axis_1, MEMORY_ALL, MEMORY_ALL, tp_cumsum(in.x, 1)) \
    OPERATION(cumsum_line, MEMORY_ALL, MEMORY_ALL, tp_cumsum(in.line, 0)) \
    OPERATION(cumprod_axis_1, MEMORY_ALL, MEMORY_ALL, tp_cumprod(in.x, 1)) \
    OPERATION(sort_axis_1, MEMORY_ALL, MEMORY_ALL, tp_sort(in.x, 1, false, NULL)) \
    OPERATION(argsort_axis_1, MEMORY_ALL, 2 * MEMORY_ALL, tp_argsort(in.x, 1, false)) \
    OPERATION(topk_axis_1, MEMORY_ALL, 0, tp_topk(in.x, 8, 1, true, NULL)) \
    OPERATION(median_axis_1, MEMORY_ALL, 0, tp_median(in.x, 1)) \
    OPERATION(transposed, MEMORY_ALL, MEMORY_ALL, tp_clone(in.turned)) \
    OPERATION(transposed_short, MEMORY_ALL, MEMORY_ALL, tp_clone(tp_transpose(in.narrow, 0, 1))) \
    OPERATION(flip_axis_0, MEMORY_ALL, MEMORY_ALL, tp_clone(tp_flip(in.x, TP_SHAPE(0)))) \
    OPERATION(flip_axis_1, MEMORY_ALL, MEMORY_ALL, tp_clone(tp_flip(in.x, TP_SHAPE(1)))) \
    OPERATION(roll_axis_1, MEMORY_ALL, MEMORY_ALL, tp_roll(in.x, 5, 1)) \
    OPERATION(repeat, MEMORY_ALL / 2, MEMORY_ALL, tp_repeat(in.half_rows, TP_SHAPE(2, 1))) \
    OPERATION(repeat_interleave, MEMORY_ALL / 2, MEMORY_ALL, tp_repeat_interleave(in.half_rows, 2, 1)) \
    OPERATION(pad_axis_1, MEMORY_ALL, MEMORY_ALL, tp_pad(in.x, 1, 1, 1, 0)) \
    OPERATION(slice_step, MEMORY_ALL, MEMORY_ALL / 2, tp_clone(tp_slice(in.x, 1, 0, in.columns, 2))) \
    OPERATION(slice_gradient, MEMORY_ALL / 2, MEMORY_ALL, MEMORY_GRADIENT(tp_mul(tp_slice(in.x_variable, 1, 0, in.columns / 2, 1), 2), in.x_variable)) \
    OPERATION(concatenate_axis_0, 2 * MEMORY_ALL, 2 * MEMORY_ALL, tp_concatenate((tp_var *[]){in.x, in.y}, 2, 0)) \
    OPERATION(concatenate_axis_1, 2 * MEMORY_ALL, 2 * MEMORY_ALL, tp_concatenate((tp_var *[]){in.x, in.y}, 2, 1)) \
    OPERATION(stack_last, 2 * MEMORY_ALL, 2 * MEMORY_ALL, tp_stack((tp_var *[]){in.x, in.y}, 2, 2)) \
    OPERATION(gather, 3 * MEMORY_ALL, MEMORY_ALL, tp_gather(in.x, 1, in.index)) \
    OPERATION(scatter, 4 * MEMORY_ALL, MEMORY_ALL, tp_scatter(in.x, 1, in.index, in.y)) \
    OPERATION(scatter_add, 4 * MEMORY_ALL, MEMORY_ALL, tp_scatter_add(in.x, 1, in.index, in.y)) \
    OPERATION(index_select, MEMORY_ALL, MEMORY_ALL, tp_index_select(in.x, 0, in.places)) \
    OPERATION(index_add, 2 * MEMORY_ALL, MEMORY_ALL, tp_index_add(in.x, 0, in.places, in.y)) \
    OPERATION(take, 3 * MEMORY_ALL, MEMORY_ALL, tp_take(in.x, in.index)) \
    OPERATION(embedding, MEMORY_ALL, MEMORY_ALL, tp_embedding(in.words, in.table)) \
    OPERATION(embedding_gradient, MEMORY_ALL, MEMORY_ALL / 4, MEMORY_GRADIENT(tp_mul(tp_embedding(in.words, in.table_variable), in.x), in.table_variable)) \
    OPERATION(masked_fill, 1.25 * MEMORY_ALL, MEMORY_ALL, tp_masked_fill(in.x, in.mask, 1)) \
    OPERATION(masked_select, 1.75 * MEMORY_ALL, MEMORY_ALL / 2, tp_masked_select(in.x, in.positive)) \
    OPERATION(nonzero, MEMORY_ALL, 2 * MEMORY_ALL, tp_nonzero(in.positive)) \
    OPERATION(one_hot, 0, 2 * MEMORY_ALL, tp_one_hot(in.targets, in.columns)) \
    OPERATION(tril, MEMORY_ALL, MEMORY_ALL, tp_tril(in.x, 0)) \
    OPERATION(diag_embed, 0, MEMORY_ALL, tp_diag_embed(in.diagonal, 0)) \
    OPERATION(softmax, MEMORY_ALL, MEMORY_ALL, tp_softmax(in.x, 1)) \
    OPERATION(log_softmax, MEMORY_ALL, MEMORY_ALL, tp_log_softmax(in.x, 1)) \
    OPERATION(cross_entropy, MEMORY_ALL, 0, tp_cross_entropy(in.x, in.targets)) \
    OPERATION(cross_entropy_gradient, MEMORY_ALL, MEMORY_ALL, MEMORY_GRADIENT(tp_cross_entropy(in.x_variable, in.targets), in.x_variable)) \
    OPERATION(layer_norm, MEMORY_ALL, MEMORY_ALL, tp_layer_norm(in.x, 1, in.row, in.row)) \
    OPERATION(to_float64, MEMORY_ALL, 2 * MEMORY_ALL, tp_to(in.x, TP_F64)) \
    OPERATION(to_float16, MEMORY_ALL, MEMORY_ALL / 2, tp_to(in.x, TP_F16)) \
    OPERATION(to_bfloat16, MEMORY_ALL, MEMORY_ALL / 2, tp_to(in.x, TP_BF16)) \
    OPERATION(to_int64, MEMORY_ALL, 2 * MEMORY_ALL, tp_to(in.x, TP_I64)) \
    OPERATION(to_bool, MEMORY_ALL, MEMORY_ALL / 4, tp_to(in.x, TP_BOOL)) \
    OPERATION(of_float16, MEMORY_ALL / 2, MEMORY_ALL, tp_to(in.f16, TP_F32)) \
    OPERATION(of_bfloat16, MEMORY_ALL / 2, MEMORY_ALL, tp_to(in.bf16, TP_F32)) \
    OPERATION(of_bool, MEMORY_ALL / 4, MEMORY_ALL, tp_to(in.mask, TP_F32)) \
    OPERATION(of_int64, 2 * MEMORY_ALL, MEMORY_ALL, tp_to(in.index, TP_F32)) \
    OPERATION(int64_of_bool, MEMORY_ALL / 4, 2 * MEMORY_ALL, tp_to(in.mask, TP_I64)) \
    OPERATION(less, 2 * MEMORY_ALL, MEMORY_ALL / 4, tp_lt(in.x, in.y)) \
    OPERATION(less_int64, 4 * MEMORY_ALL, MEMORY_ALL / 4, tp_lt(in.index, in.other)) \
    OPERATION(add_int64, 4 * MEMORY_ALL, 2 * MEMORY_ALL, tp_add(in.index, in.other)) \
    OPERATION(and_bool, MEMORY_ALL / 2, MEMORY_ALL / 4, tp_logical_and(in.mask, in.every)) \
    OPERATION(maximum, 2 * MEMORY_ALL, MEMORY_ALL, tp_maximum(in.x, in.y)) \
    OPERATION(clamp, MEMORY_ALL, MEMORY_ALL, tp_clamp(in.x, -1, 1)) \
    OPERATION(where, 2.25 * MEMORY_ALL, MEMORY_ALL, tp_where(in.mask, in.x, in.y))
/* clang-format on */

#define MEMORY_FUNCTION(name, reads, writes, computed)                                             \
    static void memory_##name(void *unused)                                                        \
    {                                                                                              \
        TP_SCOPE();                                                                                \
        (void)unused;                                                                              \
        tp_data(computed);                                                                         \
    }

MEMORY_OPERATIONS(MEMORY_FUNCTION)

/* To be read many times: nothing of it waits. */
static tp_var *memory_keep(tp_var *x)
{
    tp_data(x);
    return tp_keep(x);
}

static tp_var *memory_random(int ndim, const int64_t *shape)
{
    return memory_keep(tp_randn(TP_F32, ndim, shape));
}

static void memory_open(bool small)
{
    TP_SCOPE();
    in.rows = small ? 1024 : 4096, in.columns = small ? 256 : 1024;
    in.from = bench_memory((size_t)(4 * MEMORY_ALL)),
    in.to = bench_memory((size_t)(2 * MEMORY_ALL));
    const int64_t shape[] = {in.rows, in.columns};
    in.x = memory_random(2, shape), in.y = memory_random(2, shape);
    in.row = memory_random(TP_SHAPE(in.columns)), in.column = memory_random(TP_SHAPE(in.rows, 1));
    in.cube = memory_keep(tp_reshape(in.x, TP_SHAPE(in.rows / 64, 64, in.columns)));
    in.mask = memory_keep(tp_gt(in.x, 10)), in.every = memory_keep(tp_logical_not(in.mask));
    in.index = memory_keep(tp_randint(0, in.columns, 2, shape));
    in.places = memory_keep(tp_randint(0, in.rows, TP_SHAPE(in.rows)));
    in.targets = memory_keep(tp_randint(0, in.columns, TP_SHAPE(in.rows)));
    in.words = memory_keep(tp_randint(0, in.rows / 4, TP_SHAPE(in.rows)));
    const int64_t table[] = {in.rows / 4, in.columns};
    in.table = memory_random(2, table);
    const int64_t line = in.rows * in.columns;
    in.line = memory_keep(tp_reshape(in.x, TP_SHAPE(line)));
    in.narrow = memory_keep(tp_reshape(in.x, TP_SHAPE(line / 8, 8)));
    in.narrow_row = memory_random(TP_SHAPE(8)),
    in.narrow_column = memory_random(TP_SHAPE(line / 8, 1));
    in.wide = memory_keep(tp_randn(TP_F64, TP_SHAPE(line / 2)));
    const int64_t turned[] = {in.columns, in.rows};
    in.turned = memory_keep(tp_transpose(memory_random(2, turned), 0, 1));
    in.half_rows = memory_keep(tp_clone(tp_slice(in.x, 0, 0, in.rows / 2, 1)));
    in.diagonal = memory_random(TP_SHAPE(2 * in.columns));
    in.positive = memory_keep(tp_gt(in.x, 0));
    in.other = memory_keep(tp_randint(0, in.columns, 2, shape));
    in.f16 = memory_keep(tp_to(in.x, TP_F16)), in.bf16 = memory_keep(tp_to(in.x, TP_BF16));
    in.x_variable = tp_keep(tp_variable(in.x)), in.table_variable = tp_keep(tp_variable(in.table));
}

static void memory_measure(memory_operation *operation, const char *format)
{
    enum { OURS, LIMIT };
    bench_race race = {.title = operation->name, .unit = ""};
    bench_enter_step(&race, "ours", operation->step, NULL, NULL);
    bench_enter_step(&race, "limit", memory_limit, NULL, operation);
    bench_run(&race, &(bench_plan){.rounds = MEMORY_ROUNDS, .sample_ns = 2e6});
    char ours[32], least[32];
    bench_format_time(ours, sizeof ours, race.entry[OURS].fastest);
    bench_format_time(least, sizeof least, race.entry[LIMIT].fastest);
    printf(format, operation->name, ours, least,
           100 * race.entry[LIMIT].fastest / race.entry[OURS].fastest);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *pattern = "";
    bool small = false, markdown = false;
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--small"))
            small = true;
        else if (!strcmp(argv[i], "--markdown"))
            markdown = true;
        else if (argv[i][0] == '-')
            return puts("usage: memory [--small] [--markdown] [PATTERN]"), 2;
        else
            pattern = argv[i];
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
        return 2;
    tp_set_num_threads(1);
    memory_open(small);
    if (!in.from || !in.to)
        return 1;
#define MEMORY_ROW(name, reads, writes, computed) {#name, memory_##name, reads, writes},
    memory_operation operations[] = {MEMORY_OPERATIONS(MEMORY_ROW)};
    if (!markdown)
        bench_print_machine();
    bench_print_rates(stdout);
    printf(markdown ? "\n| operation | time | limit | share |\n|---|---|---|---|\n"
                    : "operation                      time      limit   share\n");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (!regexec(&regex, operations[i].name, 0, NULL, 0))
            memory_measure(&operations[i], markdown ? "| %s | %s | %s | %.0f %% |\n"
                                                    : "%-24s %10s %10s %5.0f %%\n");
    regfree(&regex);
    free(in.from), free(in.to);
    return tp_check();
}
