/* SPDX-License-Identifier: MIT
 *
 * The order of a sweep: what was recorded last is visited first, each node once.
 */
#include <stdlib.h>

#include "elements.h"
#include "graph/queue.h"

/* --- The queue alone --- */

enum { QUEUE_NODES = 400, QUEUE_ROUNDS = 400 };

static uint32_t queue_seed;

static uint32_t chance(uint32_t below)
{
    queue_seed = queue_seed * 1664525u + 1013904223u;
    return (queue_seed >> 8) % below;
}

/* The place of the highest of n keys. */
static int highest(const uint64_t *keys, int n)
{
    int found = 0;
    for (int i = 1; i < n; i++)
        if (keys[i] > keys[found])
            found = i;
    return found;
}

/* How many nodes come in for one that goes out, and how far below it: along a chain, in a tree, in
 * layers, from a few nodes with many inputs, at random. */
static uint32_t children(int shape)
{
    return shape == 0 ? 1 : shape == 1 ? 2 : shape == 2 ? chance(4) : chance(40) ? 1 : 60;
}

static uint32_t distance(int shape, uint32_t i)
{
    return shape == 0 ? 1 : shape == 1 ? 1 + chance(i ? 200 : 3) : shape == 2 ? 100 : chance(1000);
}

static bool queue_round(tp_var *nodes, int shape)
{
    uint64_t waiting[QUEUE_NODES];
    int n = 1, n_waiting = 1;
    nodes[0].order = chance(1000000);
    nodes[0].generation = chance(50);
    tp__queue queue;
    tp__queue_begin(&queue);
    waiting[0] = tp__queue_key(&nodes[0]);
    tp__queue_add(&queue, &nodes[0]);
    for (tp_var *v; (v = tp__queue_take(&queue));) {
        int at = n_waiting ? highest(waiting, n_waiting) : 0;
        if (!n_waiting || waiting[at] != tp__queue_key(v))
            return false;
        waiting[at] = waiting[--n_waiting];
        uint32_t order = v->order, generation = v->generation;
        for (uint32_t i = children(shape); i > 0 && n < QUEUE_NODES; i--) {
            uint32_t below = distance(shape, i);
            if (below > order || (below == 0 && generation == 0))
                continue;
            nodes[n].order = order - below;
            nodes[n].generation = below ? chance(60) : chance(generation);
            waiting[n_waiting++] = tp__queue_key(&nodes[n]);
            tp__queue_add(&queue, &nodes[n++]);
        }
    }
    return n_waiting == 0;
}

TEST(the_highest_comes_out_first)
{
    tp_var *nodes = calloc(QUEUE_NODES, sizeof *nodes);
    queue_seed = 1;
    for (int shape = 0; nodes && shape < 4; shape++)
        for (int round = 0; round < QUEUE_ROUNDS; round++)
            CHECK(queue_round(nodes, shape));
    free(nodes);
}

/* --- Sweeps --- */

static int visits[3], n_visits;

static tp_var *visit(void *which, tp_var *gradient)
{
    (void)gradient;
    if (n_visits < 3)
        visits[n_visits++] = *(const int *)which;
    return NULL;
}

TEST(what_was_recorded_last_is_visited_first)
{
    static const int names[] = {0, 1, 2};
    tp_var *x = tp_variable(0.5), *deep = tp_sin(tp_sin(x)), *flat = tp_mul(x, 2),
           *y = tp_add(deep, flat), *values[] = {deep, flat, y};
    for (int i = 0; i < 3; i++)
        tp_register_hook(values[i], visit, (void *)&names[i]);
    for (int graph = 0; graph < 2; graph++) {
        n_visits = 0;
        tp_backward(y, .create_graph = graph);
        CHECK(n_visits == 3 && visits[0] == 2 && visits[1] == 1 && visits[2] == 0);
    }
}

enum { DET = 7 };

/* Along row `row`, of the columns that are left. */
static tp_var *determinant(tp_var *const *a, int row, unsigned columns)
{
    tp_var *sum = NULL;
    int sign = 1;
    for (int j = 0; j < DET; j++) {
        if (!(columns >> j & 1))
            continue;
        if (row == DET - 1)
            return a[row * DET + j];
        tp_var *term = tp_mul(a[row * DET + j], determinant(a, row + 1, columns & ~(1u << j)));
        sum = !sum ? term : sign > 0 ? tp_add(sum, term) : tp_sub(sum, term);
        sign = -sign;
    }
    return sum;
}

/* The determinant of a whole matrix without row i and column j, without fractions (Bareiss). */
static int64_t minor_of(const int64_t *a, int i, int j)
{
    enum { N = DET - 1 };
    int64_t m[N][N], before = 1, sign = 1;
    for (int r = 0; r < N; r++)
        for (int c = 0; c < N; c++)
            m[r][c] = a[(r + (r >= i)) * DET + c + (c >= j)];
    for (int k = 0; k < N - 1; k++) {
        int pivot = k;
        while (pivot < N && m[pivot][k] == 0)
            pivot++;
        if (pivot == N)
            return 0;
        for (int c = 0; pivot != k && c < N; c++) {
            int64_t held = m[k][c];
            m[k][c] = m[pivot][c];
            m[pivot][c] = held;
        }
        sign = pivot != k ? -sign : sign;
        for (int r = k + 1; r < N; r++)
            for (int c = k + 1; c < N; c++)
                m[r][c] = (m[r][c] * m[k][k] - m[r][k] * m[k][c]) / before;
        before = m[k][k];
    }
    return sign * m[N - 1][N - 1];
}

/* 13,692 operations by the definition; the gradient of a determinant is its cofactors. */
TEST(a_determinants_gradient_is_its_cofactors)
{
    int64_t a[DET * DET];
    tp_var *x[DET * DET], *g[DET * DET];
    queue_seed = 2;
    for (int i = 0; i < DET * DET; i++) {
        a[i] = (int64_t)chance(19) - 9;
        x[i] = tp_variable((double)a[i]);
    }
    tp_var *y = determinant(x, 0, (1u << DET) - 1);
    tp_backward(y);
    tp_gradients(y, x, DET * DET, g);
    for (int i = 0; i < DET * DET; i++) {
        int row = i / DET, column = i % DET;
        double cofactor = (double)((row + column) % 2 ? -1 : 1) * (double)minor_of(a, row, column);
        CHECK_BITS(tp_item(tp_grad(x[i])), cofactor);
        CHECK_BITS(tp_item(g[i]), cofactor);
    }
}

enum { WIDE = 2000, WIDE_LEAVES = 40, WIDE_STEP = 50 };

/* Values are means of two earlier ones, near and far; y is the sum of every fiftieth. Each gradient
 * follows from those of the values above it: all are positive, so no order of additions cancels. */
TEST(random_graphs_are_summed_up_whole)
{
    static int from[WIDE][2];
    static double expected[WIDE];
    tp_var *v[WIDE], *y = NULL;
    queue_seed = 3;
    for (int i = 0; i < WIDE; i++) {
        expected[i] = 0;
        if (i < WIDE_LEAVES) {
            v[i] = tp_variable((double)chance(9));
            continue;
        }
        uint32_t reach = chance(3) ? 4 : (uint32_t)i;
        for (int k = 0; k < 2; k++)
            from[i][k] = i - 1 - (int)chance(reach);
        v[i] = tp_mul(tp_add(v[from[i][0]], v[from[i][1]]), 0.5);
        if (i % WIDE_STEP == 0) {
            y = y ? tp_add(y, v[i]) : v[i];
            expected[i] = 1;
        }
    }
    tp_backward(y);
    for (int i = WIDE - 1; i >= WIDE_LEAVES; i--)
        for (int k = 0; k < 2; k++)
            expected[from[i][k]] += 0.5 * expected[i];
    for (int i = 0; i < WIDE_LEAVES; i++)
        CHECK_CLOSE(tp_grad(v[i]) ? tp_item(tp_grad(v[i])) : 0, expected[i], 1e-12 * expected[i]);
}
