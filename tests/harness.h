/* SPDX-License-Identifier: MIT
 *
 * A small test harness. TEST(name) { … } registers a test. Each runs in a scope of its own; after
 * it the harness checks that no node is left, no error is pending and recording is on. A failed
 * check prints where and goes on. The last line of a program is "N passed, N failed[, N skipped]".
 *
 * Arguments are names (or parts) of tests to run. TP_TEST_SHORT=1 asks for less of everything that
 * is long, as under sanitizers and valgrind. TP_TEST_PART=1/3 asks for each third test.
 * TP_TEST_LOCALE is a locale with a decimal comma that the program is to choose; a program that
 * cannot fails.
 */
#ifndef TP_HARNESS_H
#define TP_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <tinypytorch.h>

typedef struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
} test_case;

void test_register(test_case *test);
bool test_check(bool good, const char *file, int line, const char *format, ...) TP_PRINTF(4, 5);
void test_skip(const char *why);
bool test_short(void);

/* |a − b| ≤ tolerance · max(1, |b|), or both NaN or the same infinity. */
bool test_close(double a, double b, double tolerance);

/* True if an error with this code is pending whose message contains text; clears it. */
bool test_error(tp_code code, const char *text);

#define TEST(name_)                                                                                \
    static void name_(void);                                                                       \
    __attribute__((constructor)) static void register_##name_(void)                                \
    {                                                                                              \
        static test_case test = {#name_, name_, NULL};                                             \
        test_register(&test);                                                                      \
    }                                                                                              \
    static void name_(void)

#define CHECK(condition) test_check(condition, __FILE__, __LINE__, "%s", #condition)

#define CHECK_CLOSE(value, expected, tolerance)                                                    \
    do {                                                                                           \
        double value_ = (value), expected_ = (expected);                                           \
        test_check(test_close(value_, expected_, tolerance), __FILE__, __LINE__,                   \
                   "%s = %.17g, expected %.17g", #value, value_, expected_);                       \
    } while (0)

/* Equal to the last bit. */
#define CHECK_BITS(value, expected) CHECK_CLOSE(value, expected, 0)

#define CHECK_INT(value, expected)                                                                 \
    do {                                                                                           \
        long long value_ = (long long)(value), expected_ = (long long)(expected);                  \
        test_check(value_ == expected_, __FILE__, __LINE__, "%s = %lld, expected %lld", #value,    \
                   value_, expected_);                                                             \
    } while (0)

#define CHECK_TEXT(value, expected)                                                                \
    do {                                                                                           \
        const char *value_ = (value), *expected_ = (expected);                                     \
        test_check(value_ && !strcmp(value_, expected_), __FILE__, __LINE__,                       \
                   "%s = \"%s\", expected \"%s\"", #value, value_ ? value_ : "(null)", expected_); \
    } while (0)

#define CHECK_ERROR(code, text)                                                                    \
    do {                                                                                           \
        char message_[600];                                                                        \
        snprintf(message_, sizeof message_, "%s", tp_error() ? tp_error() : "none");               \
        test_check(test_error(code, text), __FILE__, __LINE__,                                     \
                   "expected the error %s with \"%s\", got: %s", #code, text, message_);           \
    } while (0)

#endif
