/* SPDX-License-Identifier: MIT
 *
 * Index notation against a loop over all values of all indices, for random equations; errors point
 * into the text; random text does no harm.
 */
#include "matrices.h"

#include <stdlib.h>

static uint64_t einsum_state = 7;

static int einsum_random(int n)
{
    einsum_state = einsum_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((einsum_state >> 33) % (uint64_t)n);
}

/* --- Random equations --- */

enum { EINSUM_INDICES = 5, EINSUM_OPERANDS = 4, EINSUM_AXES = 4 };

typedef struct einsum_case {
    int n, axes[EINSUM_OPERANDS + 1]; /* the last one is the result */
    int index[EINSUM_OPERANDS + 1][EINSUM_AXES];
    int size[EINSUM_INDICES];
    bool single[EINSUM_OPERANDS + 1]; /* the operand's first axis has size 1, and broadcasts */
    char text[64];
} einsum_case;

static bool einsum_occurs(const einsum_case *c, int operand, int index)
{
    for (int i = 0; i < c->axes[operand]; i++)
        if (c->index[operand][i] == index)
            return true;
    return false;
}

static void einsum_write(einsum_case *c)
{
    char *at = c->text;
    for (int i = 0; i <= c->n; i++) {
        int operand = i < c->n ? i : EINSUM_OPERANDS;
        at += sprintf(at, "%s", i == 0 ? "" : i < c->n ? "," : "->");
        for (int k = 0; k < c->axes[operand]; k++)
            *at++ = (char)("jBaZq"[c->index[operand][k]]);
    }
    *at = 0;
}

static einsum_case einsum_make(void)
{
    einsum_case c = {.n = 1 + einsum_random(EINSUM_OPERANDS)};
    for (int i = 0; i < EINSUM_INDICES; i++)
        c.size[i] = 1 + einsum_random(3);
    for (int i = 0; i < c.n; i++) {
        c.axes[i] = einsum_random(EINSUM_AXES + 1);
        for (int k = 0; k < c.axes[i]; k++)
            c.index[i][k] = einsum_random(EINSUM_INDICES);
    }
    for (int index = 0; index < EINSUM_INDICES; index++)
        for (int i = 0; i < c.n; i++)
            if (einsum_occurs(&c, i, index) && !einsum_occurs(&c, EINSUM_OPERANDS, index) &&
                c.axes[EINSUM_OPERANDS] < EINSUM_AXES && einsum_random(2))
                c.index[EINSUM_OPERANDS][c.axes[EINSUM_OPERANDS]++] = index;
    for (int i = 1; i < c.n; i++) {
        int first = c.axes[i] ? c.index[i][0] : -1;
        bool twice = false;
        for (int k = 1; k < c.axes[i]; k++)
            twice = twice || c.index[i][k] == first;
        c.single[i] = first >= 0 && !twice && einsum_occurs(&c, 0, first) && !c.single[0] &&
                      einsum_random(4) == 0;
    }
    einsum_write(&c);
    return c;
}

static tp_var *einsum_given(const einsum_case *c, int i)
{
    int64_t shape[EINSUM_AXES];
    for (int k = 0; k < c->axes[i]; k++)
        shape[k] = k == 0 && c->single[i] ? 1 : c->size[c->index[i][k]];
    return tp_randn(TP_F64, c->axes[i], shape);
}

/* Where the values of all indices lead to in an array of these axes. */
static int64_t einsum_place(const einsum_case *c, int operand, const int *value)
{
    int64_t place = 0;
    for (int k = 0; k < c->axes[operand]; k++) {
        bool single = k == 0 && c->single[operand];
        int index = c->index[operand][k];
        place = single ? 0 : place * c->size[index] + value[index];
    }
    return place;
}

/* The sum, by a loop over everything. */
static void einsum_judge(const einsum_case *c, tp_var *const *x, double *sum)
{
    bool used[EINSUM_INDICES] = {false};
    int value[EINSUM_INDICES], total = 1;
    for (int index = 0; index < EINSUM_INDICES; index++) {
        for (int i = 0; i < c->n; i++)
            used[index] = used[index] || einsum_occurs(c, i, index);
        total *= used[index] ? c->size[index] : 1;
    }
    for (int number = 0; number < total; number++) {
        int rest = number;
        double product = 1;
        for (int index = 0; index < EINSUM_INDICES; index++) {
            value[index] = used[index] ? rest % c->size[index] : 0;
            rest /= used[index] ? c->size[index] : 1;
        }
        for (int i = 0; i < c->n; i++)
            product *= at(x[i], einsum_place(c, i, value));
        sum[einsum_place(c, EINSUM_OPERANDS, value)] += product;
    }
}

static bool einsum_is_right(const einsum_case *c)
{
    TP_SCOPE();
    tp_var *x[EINSUM_OPERANDS];
    double sum[81] = {0};
    for (int i = 0; i < c->n; i++)
        x[i] = tp_variable(einsum_given(c, i));
    tp_var *y = tp_einsum(c->text, x, c->n);
    einsum_judge(c, x, sum);
    bool good = CHECK(!tp_error()) && CHECK(tp_ndim(y) == c->axes[EINSUM_OPERANDS]);
    for (int64_t k = 0; good && k < tp_size(y); k++)
        good = test_close(at(y, k), sum[k], 1e-12);
    return CHECK(good);
}

/* Linear in each operand: differences have no error but rounding. */
static bool einsum_gradients_are_right(const einsum_case *c)
{
    TP_SCOPE();
    tp_var *x[EINSUM_OPERANDS], *moved[EINSUM_OPERANDS], *g[EINSUM_OPERANDS];
    for (int i = 0; i < c->n; i++)
        moved[i] = x[i] = tp_variable(einsum_given(c, i));
    tp_var *y = tp_einsum(c->text, x, c->n), *w = tp_randn(TP_F64, tp_ndim(y), tp_shape(y));
    tp_gradients(tp_sum(tp_mul(w, y)), x, c->n, g);
    for (int i = 0; i < c->n; i++) {
        tp_var *d = tp_randn(TP_F64, tp_ndim(x[i]), tp_shape(x[i]));
        moved[i] = tp_add(x[i], d);
        double difference = tp_item(tp_sum(tp_mul(w, tp_sub(tp_einsum(c->text, moved, c->n), y))));
        moved[i] = x[i];
        if (!CHECK(test_close(tp_item(tp_sum(tp_mul(g[i], d))), difference, 1e-10)))
            return false;
    }
    return true;
}

TEST(random_equations)
{
    for (int n = 0; n < (test_short() ? 100 : 2000); n++) {
        einsum_case c = einsum_make();
        if (!einsum_is_right(&c) || !einsum_gradients_are_right(&c)) {
            fprintf(stderr, "    \"%s\": %s\n", c.text, tp_error() ? tp_error() : "wrong");
            tp_clear_error();
            return;
        }
    }
}

/* --- Single cases --- */

TEST(an_ellipsis_stands_for_the_rest)
{
    tp_var *a = tp_randn(TP_F64, TP_SHAPE(2, 1, 3, 4)), *b = tp_randn(TP_F64, TP_SHAPE(5, 4, 2));
    CHECK_NEAR(tp_einsum("...ij,...jk->...ik", (tp_var *[]){a, b}, 2), tp_matmul(a, b), 1e-14);
    CHECK_NEAR(tp_einsum("...ij,...jk", (tp_var *[]){a, b}, 2), tp_matmul(a, b), 1e-14);
    CHECK_NEAR(tp_einsum("i...->...i", &b, 1), tp_permute(b, TP_SHAPE(1, 2, 0)), 0);
    CHECK_NEAR(tp_einsum("...->...", &b, 1), b, 0);
    CHECK_NEAR(tp_einsum("i...->i", &b, 1), tp_sum(b, .axes = TP_AXES(1, 2)), 1e-14);
    CHECK_NEAR(tp_einsum("...,", (tp_var *[]){b, tp_scalar(2)}, 2), tp_mul(2, b), 0);
}

TEST(the_implicit_result_is_in_the_order_of_ascii)
{
    tp_var *x = tp_randn(TP_F64, TP_SHAPE(2, 3, 4));
    CHECK_NEAR(tp_einsum("baC", &x, 1), tp_permute(x, TP_SHAPE(2, 1, 0)), 0);
    CHECK_NEAR(tp_einsum(" b a C ", &x, 1), tp_permute(x, TP_SHAPE(2, 1, 0)), 0);
}

TEST(integers_stay_integers)
{
    tp_var *x = counting(TP_I32, TP_SHAPE(2, 2));
    tp_var *y = tp_einsum("ij,jk->ik", (tp_var *[]){x, x}, 2);
    CHECK_INT(tp_dtype_of(y), TP_I64);
    CHECK_ELEMENTS(y, 7, 10, 15, 22);
}

TEST(the_cheapest_pair_goes_first)
{
    /* From the left this would take 2 · 10⁹ multiplications and 320 MB. */
    tp_var *column = tp_ones(TP_F64, TP_SHAPE(6000, 1)), *row = tp_ones(TP_F64, TP_SHAPE(1, 6000));
    tp_var *y = tp_einsum("ij,jk,kl->il", (tp_var *[]){column, row, column}, 3);
    CHECK_SHAPE(y, 6000, 1);
    CHECK_BITS(at(y, 17), 6000);
}

TEST(many_axes)
{
    tp_var *x = tp_randn(TP_F64, TP_SHAPE(2, 1, 2, 1, 2, 1, 2, 2));
    tp_var *xs[] = {x, x};
    CHECK_NEAR(tp_einsum("abcdefgh,abcdefgh->abcdefg", xs, 2),
               tp_sum(tp_square(x), .axes = TP_AXES(-1)), 1e-14);
    CHECK_NEAR(tp_einsum("abcdefgh,abcdefgh->", xs, 2), tp_sum(tp_square(x)), 1e-14);
    tp_einsum("abcdefgh,ijklmnop->ai", xs, 2);
    CHECK(!tp_error());
    tp_einsum("abcdefgh,ijklmnoh->abcdijkl", xs, 2);
    CHECK(!tp_error());
    tp_einsum("abcdefgh,ijklmnoh->abcdeijkl", xs, 2);
    CHECK_ERROR(TP_ERROR_SHAPE, "einsum: \"abcdefgh,ijklmnoh->abcdeijkl\", at character 28, 'l': "
                                "the result has more than 8 axes");
}

/* --- Errors --- */

#define EINSUM_FAILS(equation, n, code, text)                                                      \
    do {                                                                                           \
        CHECK(tp_is_poison(tp_einsum(equation, x, n)));                                            \
        CHECK_ERROR(code, text);                                                                   \
    } while (0)

TEST(errors_point_into_the_text)
{
    tp_var *x[] = {tp_ones(TP_F64, TP_SHAPE(2, 3)), tp_ones(TP_F64, TP_SHAPE(4, 5))};
    EINSUM_FAILS(
        "ij,jk->ik", 2, TP_ERROR_SHAPE,
        "einsum: \"ij,jk->ik\", at character 4, 'j': size 4 here, of shape (4, 5), 3 before");
    EINSUM_FAILS("ij,kl->iz", 2, TP_ERROR_ARGUMENT,
                 "at character 9, 'z': no operand has this index");
    EINSUM_FAILS("ij,kl->ii", 2, TP_ERROR_ARGUMENT, "at character 9, 'i': twice in the result");
    EINSUM_FAILS("i_,kl", 2, TP_ERROR_ARGUMENT, "at character 2, '_': expected a letter");
    EINSUM_FAILS("ij..,kl", 2, TP_ERROR_ARGUMENT, "at character 3, '.': expected a letter");
    EINSUM_FAILS("...i...,kl", 2, TP_ERROR_ARGUMENT, "at character 5, '.': a second ellipsis");
    EINSUM_FAILS("ij,kl->...i...", 2, TP_ERROR_ARGUMENT, "at character 12, '.': a second");
    EINSUM_FAILS("ijk,kl", 2, TP_ERROR_SHAPE,
                 "at character 1, 'i': 3 indices for operand 1, of shape (2, 3)");
    EINSUM_FAILS("ij,k", 2, TP_ERROR_SHAPE,
                 "at character 4, 'k': 1 index for operand 2, of shape (4, 5)");
    EINSUM_FAILS("ij,kl,m", 2, TP_ERROR_ARGUMENT, "at character 6, ',': more operands");
    EINSUM_FAILS("ij", 2, TP_ERROR_ARGUMENT, "at its end: fewer operands");
    EINSUM_FAILS("ii,kl", 2, TP_ERROR_SHAPE, "at character 2, 'i': sizes 2 and 3 in one operand");
    EINSUM_FAILS("ij-ij", 1, TP_ERROR_ARGUMENT, "at character 3, '-': expected '->'");
    EINSUM_FAILS("ij->i->j", 1, TP_ERROR_ARGUMENT, "at character 6, '-': expected the end");
    EINSUM_FAILS("ij->i,j", 1, TP_ERROR_ARGUMENT, "at character 6, ',': expected the end");
    EINSUM_FAILS(NULL, 1, TP_ERROR_ARGUMENT, "einsum: no text");
    EINSUM_FAILS("ij", 0, TP_ERROR_ARGUMENT, "einsum: no operands");
    x[1] = NULL;
    EINSUM_FAILS("ij,kl", 2, TP_ERROR_ARGUMENT, "einsum: operand 2 of 2 is NULL");
}

/* Random text of few characters: an error that points into it, or a result. */
TEST(random_text_does_no_harm)
{
    const char *const pieces[] = {"i", "j", "K", "...", ",", "->", ".",
                                  "-", " ", ">", "i",   "j", "9"};
    for (int n = 0; n < (test_short() ? 2000 : 50000); n++) {
        TP_SCOPE();
        char text[64] = "";
        for (int length = einsum_random(10); length > 0; length--)
            strcat(text, pieces[einsum_random(13)]);
        tp_var *x[3];
        for (int i = 0; i < 3; i++)
            x[i] = tp_ones(TP_F64, einsum_random(4), (int64_t[]){2, 2, 2, 2});
        tp_var *y = tp_einsum(text, x, 1 + einsum_random(3));
        if (tp_is_poison(y) && !CHECK(tp_error() && !strncmp(tp_error(), "einsum: \"", 9)))
            fprintf(stderr, "    \"%s\": %s\n", text, tp_error() ? tp_error() : "no error");
        tp_clear_error();
    }
}
