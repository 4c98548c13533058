/* SPDX-License-Identifier: MIT
 *
 * Errors are told: what a program that never asks prints when it ends, or dies, and how an error
 * names its place. Each program is a child process; its stderr and its end are looked at.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- A child's end --- */

typedef struct child_end {
    int signal, status;
    char text[4000]; /* stderr */
} child_end;

static child_end child_run(void (*program)(void))
{
    child_end end = {0};
    int ends[2];
    fflush(stdout);
    if (pipe(ends) != 0)
        return end;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        tp_set_log(NULL);
        program();
        exit(7);
    }
    close(ends[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], end.text + n, sizeof end.text - 1 - n)) > 0;)
        n += (size_t)got;
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    end.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return end;
}

static int count(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        n++;
    return n;
}

static tp_var *misfit(void)
{
    return tp_matmul(tp_ones(TP_F64, TP_SHAPE(2, 3)), tp_ones(TP_F64, TP_SHAPE(2, 3)));
}

#define MISFIT "error: matmul: shapes (2, 3) and (2, 3) do not fit: 3 != 2"

/* --- Nobody asks --- */

static void never_asks(void)
{
    misfit();
}

/* The child inherits the error, and does not tell it. */
static void forks(void)
{
    misfit();
    pid_t child = fork();
    if (child == 0)
        exit(0);
    waitpid(child, NULL, 0);
}

/* The child tells its own. */
static void forks_and_errs(void)
{
    misfit();
    pid_t child = fork();
    if (child == 0) {
        tp_clear_error();
        tp_exp(NULL);
        exit(0);
    }
    waitpid(child, NULL, 0);
}

TEST(an_error_is_told_by_the_process_that_made_it)
{
    child_end end = child_run(forks);
    CHECK_INT(count(end.text, MISFIT), 1);
    end = child_run(forks_and_errs);
    CHECK_INT(count(end.text, MISFIT), 1);
    CHECK_INT(count(end.text, "exp: the operand is NULL"), 1);
}

static void asks(void)
{
    misfit();
    tp_error();
}

static void asks_for_the_code(void)
{
    misfit();
    tp_status();
}

static void checks(void)
{
    misfit();
    tp_check();
}

static void asks_before(void)
{
    tp_error();
    misfit();
}

static void clears(void)
{
    misfit();
    tp_clear_error();
}

static void asks_for_the_first_of_two(void)
{
    tp_fail(TP_ERROR_FILE, "another");
    tp_error();
    tp_clear_error();
    misfit();
}

static void *thread_never_asks(void *arg)
{
    misfit();
    return arg;
}

static void thread_ends(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_never_asks, NULL) == 0)
        pthread_join(thread, NULL);
}

TEST(an_error_that_nobody_asks_for_is_printed_at_the_end)
{
    static const struct {
        void (*program)(void);
        int lines;
    } programs[] = {
        {never_asks, 1},  {asks, 0},   {asks_for_the_code, 0},         {checks, 1},
        {asks_before, 1}, {clears, 0}, {asks_for_the_first_of_two, 1}, {thread_ends, 1}};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        child_end end = child_run(programs[i].program);
        test_check(end.status == 7 && count(end.text, MISFIT) == programs[i].lines, __FILE__,
                   __LINE__, "program %zu prints: %s", i, end.text);
    }
}

/* --- Reading through NULL --- */

static void reads_through_null(void)
{
    const volatile double *data = tp_data(misfit());
    fprintf(stderr, "%g", data[0]);
}

static void writes_through_null(void)
{
    volatile double *data = tp_data_(misfit());
    data[0] = 1;
}

static void reads_a_gradient_that_is_not_there(void)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(2, 3)));
    tp_backward(tp_matmul(x, x));
    const volatile double *data = tp_data(tp_grad(x));
    fprintf(stderr, "%g", data[0]);
}

static void asks_for_null_again_and_again(void)
{
    for (int i = 0; i < 25; i++) {
        tp_data(misfit());
        tp_clear_error();
    }
}

/* Ten of them: a program that goes on does not flood. */
TEST(so_many_nulls_are_told)
{
    CHECK_INT(count(child_run(asks_for_null_again_and_again).text, MISFIT), 10);
}

TEST(an_error_is_printed_before_null_is_read)
{
    static void (*const programs[])(void) = {reads_through_null, writes_through_null,
                                             reads_a_gradient_that_is_not_there};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        child_end end = child_run(programs[i]);
        test_check((end.signal == SIGSEGV || end.status != 7) && count(end.text, MISFIT) == 1,
                   __FILE__, __LINE__, "program %zu: signal %d, prints: %s", i, end.signal,
                   end.text);
    }
}

/* --- At once --- */

static void goes_on_printing(void)
{
    tp_set_errors(TP_ERRORS_PRINT);
    misfit();
    fprintf(stderr, "after\n");
    misfit();
    tp_error();
    tp_clear_error();
    tp_add(NULL, tp_scalar(1));
}

static void goes_on_aborting(void)
{
    if (tp_set_errors(TP_ERRORS_ABORT) == TP_ERRORS_KEEP)
        misfit();
}

TEST(errors_print_or_abort_at_once_on_request)
{
    child_end end = child_run(goes_on_printing);
    const char *after = strstr(end.text, "after\n");
    CHECK(after && strstr(end.text, MISFIT) < after);
    CHECK_INT(count(end.text, MISFIT), 1);
    CHECK(strstr(end.text, "add: operand 1 of 2 is NULL") != NULL);
    end = child_run(goes_on_aborting);
    CHECK_INT(end.signal, SIGABRT);
    CHECK_INT(count(end.text, MISFIT), 1);
    CHECK(tp_set_errors((tp_errors)9) == TP_ERRORS_KEEP);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "set_errors: 9");
}

/* --- Places --- */

TEST(an_error_names_the_line_of_its_call)
{
    char place[40];
    CHECK(tp_error_place() == NULL);
    snprintf(place, sizeof place, "test_report.c:%d", __LINE__ + 1);
    tp_reshape(tp_ones(TP_F64, TP_SHAPE(2)), TP_SHAPE(3));
    const char *found = tp_error_place();
    if (!found || !strstr(found, ".c:"))
        test_skip("no backtrace or no addr2line here");
    else
        test_check(strstr(found, place) != NULL, __FILE__, __LINE__, "at %s, expected %s", found,
                   place);
    tp_clear_error();
    CHECK(tp_error_place() == NULL);
}

/* --- Releases that nothing paid for --- */

TEST(free_without_keep_is_an_error_and_frees_nothing)
{
    tp_var *x = tp_variable(3.0), *y = tp_exp(x);
    tp_set_name(x, "weight");
    size_t live = tp_live();
    tp_free(x);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "free: the value (weight) of shape () was not kept");
    tp_free(y);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "free: the value of shape () was not kept");
    CHECK_INT(tp_live(), live);
    tp_var *a = tp_variable(1.0), *b = tp_variable(2.0);
    CHECK(a != b && a != x && b != x && tp_item(x) == 3);
    for (int i = 0; i < 3; i++)
        tp_keep(y);
    for (int i = 0; i < 3; i++)
        tp_free(y);
    CHECK(tp_error() == NULL);
    tp_free(y);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "free");
    tp_backward(y, .consume = true);
    tp_keep(y);
    tp_free(y);
    TP_SCOPE();
    tp_leave(x);
    tp_free(x);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "free");
}

TEST(more_keeps_than_are_counted_stay)
{
    tp_var *x = tp_scalar(3);
    for (int i = 0; i < 70000; i++)
        tp_keep(x);
    for (int i = 0; i < 70000; i++)
        tp_free(x);
    CHECK(tp_error() == NULL);
    CHECK_BITS(tp_item(x), 3);
}
