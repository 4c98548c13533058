/* SPDX-License-Identifier: MIT
 *
 * Anomaly mode: the operation or rule that makes the first NaN is named, with the line where it was
 * recorded (this file is compiled with -g); what only passes through is none; memory failures.
 */
#include "base/features.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "elements.h"

/* Lines are told on Linux with glibc, where addr2line is installed. */
static bool lines_are_known(void)
{
#if defined(__GLIBC__)
    return system("addr2line --version >/dev/null 2>&1") == 0;
#else
    return false;
#endif
}

/* The pending error says the line of this file, if lines are known at all; it stays pending. */
static void check_line(int line, const char *what)
{
    char place[60];
    snprintf(place, sizeof place, "test_anomaly.c:%d", line);
    if (!lines_are_known())
        return;
    test_check(tp_error() && strstr(tp_error(), what) && strstr(tp_error(), place), __FILE__, line,
               "expected \"%s\" and %s in: %s", what, place, tp_error() ? tp_error() : "none");
}

static tp_var *named(tp_var *v, const char *name)
{
    tp_set_name(v, name);
    return v;
}

static tp_var *three(double a, double b, double c)
{
    return tp_array(TP_F64, TP_SHAPE(3), ((double[]){a, b, c}));
}

TEST(an_operation_that_makes_nan_is_named)
{
    bool old = tp_set_anomaly(true);
    tp_var *x = named(tp_variable(three(1, -2, 0)), "x");
    tp_var *y = tp_log(x);
    check_line(__LINE__ - 1, "called at");
    CHECK(tp_is_poison(y));
    CHECK_ERROR(TP_ERROR_ANOMALY,
                "log: its result (3,) has nan at element 1; operand x (3,) finite");
    tp_div(named(tp_variable(three(1, 2, 3)), "a"), three(1, 0, 2));
    check_line(__LINE__ - 1, "called at");
    CHECK_ERROR(TP_ERROR_ANOMALY,
                "div: its result (3,) has inf at element 1; operands a (3,) finite, (3,) finite");
    tp_set_anomaly(old);
}

TEST(numbers_too)
{
    bool old = tp_set_anomaly(true);
    tp_var *x = tp_variable(-4.0);
    TP_NAME_SCOPE("outer");
    TP_NAME_SCOPE("inner");
    tp_var *y = tp_sqrt(tp_mul(x, 2));
    check_line(__LINE__ - 1, "; in scope outer/inner; called at");
    CHECK_ERROR(TP_ERROR_ANOMALY, "sqrt: its result () has");
    CHECK(tp_is_poison(y));
    tp_set_anomaly(old);
}

TEST(a_rule_that_makes_inf_is_named)
{
    bool old = tp_set_anomaly(true);
    for (int order = 0; order < 2; order++) {
        tp_var *x = named(tp_variable(three(1, 4, 0)), "x");
        tp_var *root = tp_sqrt(x);
        int line = __LINE__ - 1;
        tp_backward(tp_sum(root), .create_graph = order);
        check_line(line, "; recorded at");
        CHECK_ERROR(TP_ERROR_ANOMALY,
                    "backward: the gradient rule of sqrt gives its operand x (3,) "
                    "inf at element 2");
        CHECK(!tp_grad(x));
        tp_var *number = tp_variable(0.0), *power = tp_sqrt(number);
        line = __LINE__ - 1;
        CHECK(tp_is_poison(tp_gradient(power, number, .create_graph = order)));
        check_line(line, "; recorded at");
        CHECK_ERROR(TP_ERROR_ANOMALY,
                    "gradient: the gradient rule of sqrt gives its operand () inf");
    }
    tp_set_anomaly(old);
}

TEST(what_passes_through_is_none)
{
    bool old = tp_set_anomaly(true);
    tp_var *x = tp_variable(three(1, 2, 3));
    tp_var *mask = tp_gt(x, 1.5);
    tp_var *scores = tp_where(mask, x, tp_full(TP_F64, TP_SHAPE(3), -HUGE_VAL));
    CHECK_CLOSE(at(scores, 0), -HUGE_VAL, 0);
    tp_var *y = tp_softmax(scores, 0);
    tp_backward(tp_sum(tp_mul(y, three(1, 2, 3))));
    CHECK(!tp_error());
    CHECK_CLOSE(at(tp_grad(x), 0), 0, 0);
    tp_mul(x, three(1, (double)NAN, 1));
    CHECK_ERROR(TP_ERROR_ANOMALY,
                "mul: its result (3,) has nan at element 1; operands (3,) finite, "
                "(3,) with nan");
    tp_set_anomaly(old);
}

TEST(results_are_the_same)
{
    double value[2], slope[2];
    for (int on = 0; on < 2; on++) {
        bool old = tp_set_anomaly(on);
        CHECK(tp_is_anomaly_enabled() == on);
        tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(5000), 0.3));
        tp_var *y = tp_sum(tp_tanh(tp_mul(tp_sin(x), x)));
        tp_var *g = tp_gradient(y, x, .create_graph = true);
        value[on] = tp_item(tp_sum(g));
        slope[on] = tp_item(tp_sum(tp_gradient(tp_sum(g), x)));
        tp_set_anomaly(old);
    }
    CHECK_BITS(value[1], value[0]);
    CHECK_BITS(slope[1], slope[0]);
}

TEST(each_allocation_fails_in_turn)
{
    bool more = true, old = tp_set_anomaly(true);
    for (size_t n = 1; more; n++) {
        TP_SCOPE();
        tp_var *x = tp_variable(three(1, 4, 0));
        tp__alloc_fail_at(n);
        tp_backward(
            tp_sum(tp_sqrt(tp_transpose(tp_mul(x, tp_ones(TP_F64, TP_SHAPE(3, 3))), 0, 1))));
        more = tp__alloc_fail_at(0) >= n;
        CHECK(tp_status() == (more ? TP_ERROR_MEMORY : TP_ERROR_ANOMALY));
        tp_clear_error();
    }
    tp_set_anomaly(old);
}

/* A program of its own, by TP_ANOMALY. */
TEST(the_environment_turns_it_on)
{
    if (getenv("TEST_ANOMALY_CHILD"))
        return;
    if (getenv("TP_TEST_EMULATED")) {
        test_skip("the emulator does not start programs");
        return;
    }
    char program[400] = "", command[600];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) {
        test_skip("no /proc");
        return;
    }
    snprintf(command, sizeof command,
             "TEST_ANOMALY_CHILD=1 TP_ANOMALY=1 '%s' told_by_the_environment >/dev/null", program);
    CHECK_INT(system(command), 0);
}

TEST(told_by_the_environment)
{
    if (getenv("TEST_ANOMALY_CHILD"))
        CHECK(tp_is_anomaly_enabled());
}

/* --- What is not looked at --- */

TEST(data_and_edits_are_told_by_the_operation_that_reads_them)
{
    bool old = tp_set_anomaly(true);
    tp_var *x = tp_array(TP_F64, TP_SHAPE(2), (double[]){1, (double)NAN});
    CHECK(tp_error() == NULL);
    tp_exp(x);
    CHECK_ERROR(TP_ERROR_ANOMALY,
                "exp: its result (2,) has nan at element 1; operand (2,) with nan");
    tp_var *w = tp_variable(1.0);
    tp_mul_(w, (double)NAN);
    CHECK(tp_error() == NULL);
    tp_mul(w, 2);
    CHECK_ERROR(TP_ERROR_ANOMALY, "with nan");
    tp_set_anomaly(old);
}
