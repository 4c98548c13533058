/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static test_case *first_test;
static test_case **last_test = &first_test;
static bool current_failed, current_skipped;

void test_register(test_case *test)
{
    *last_test = test;
    last_test = &test->next;
}

bool test_check(bool good, const char *file, int line, const char *format, ...)
{
    if (good)
        return true;
    current_failed = true;
    va_list arguments;
    va_start(arguments, format);
    printf("%s:%d: ", file, line);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    return false;
}

void test_skip(const char *why)
{
    printf("skipped: %s\n", why);
    current_skipped = true;
}

bool test_short(void)
{
    const char *value = getenv("TP_TEST_SHORT");
    return value && *value && strcmp(value, "0") != 0;
}

bool test_close(double a, double b, double tolerance)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return a == b;
    return fabs(a - b) <= tolerance * fmax(1, fabs(b));
}

bool test_error(tp_code code, const char *text)
{
    bool good = tp_status() == code && tp_error() && strstr(tp_error(), text);
    tp_clear_error();
    return good;
}

static void run_test(const test_case *test)
{
    size_t live = tp_live(), shared = tp_live_shared();
    current_failed = current_skipped = false;
    tp_manual_seed(1);
    size_t scope = tp_scope_begin();
    test->run();
    tp_scope_end(scope);
    if (tp_error()) {
        test_check(false, test->name, 0, "an error is pending: %s", tp_error());
        tp_clear_error();
    }
    test_check(tp_live() == live, test->name, 0, "%zu nodes are left", tp_live() - live);
    test_check(tp_live_shared() == shared, test->name, 0, "shared nodes are left");
    test_check(tp_is_grad_enabled(), test->name, 0, "recording is off");
    tp_set_grad_enabled(true);
}

static bool chosen(const test_case *test, int n, char **names)
{
    for (int i = 1; i < n; i++)
        if (strstr(test->name, names[i]))
            return true;
    return n < 2;
}

/* True for tests k, k + n, k + 2 n … if TP_TEST_PART is "k/n", and without it for all. */
static bool in_part(int number)
{
    const char *part = getenv("TP_TEST_PART");
    char *end;
    long k = part ? strtol(part, &end, 10) : 1,
         n = part && *end == '/' ? strtol(end + 1, NULL, 10) : 1;
    return n < 2 || number % n == k - 1;
}

/* Tests let memory run out, and read what is not there, on purpose. */
static void log_but_errors(const char *line)
{
    if (strncmp(line, "error: ", 7) != 0)
        fprintf(stderr, "tinypytorch: %s\n", line);
}

int main(int argc, char **argv)
{
    tp_set_log(log_but_errors);
    int passed = 0, failed = 0, skipped = 0, number = 0;
    const char *locale = getenv("TP_TEST_LOCALE");
    if (locale && (!setlocale(LC_ALL, locale) || *localeconv()->decimal_point == '.')) {
        printf("there is no locale %s with a decimal comma\n", locale);
        return 1;
    }
    for (const test_case *test = first_test; test; test = test->next) {
        if (!chosen(test, argc, argv) || !in_part(number++))
            continue;
        run_test(test);
        if (current_failed)
            printf("FAILED %s\n", test->name);
        failed += current_failed;
        skipped += !current_failed && current_skipped;
        passed += !current_failed && !current_skipped;
    }
    printf("%d passed, %d failed", passed, failed);
    if (skipped)
        printf(", %d skipped", skipped);
    putchar('\n');
    fflush(stdout);
    return failed != 0;
}
