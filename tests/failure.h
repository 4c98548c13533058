/* SPDX-License-Identifier: MIT
 *
 * Each request for memory fails in turn. A job runs once undisturbed and then again and again in
 * new threads, so that the first use of scopes and handles is disturbed too; the n-th run loses its
 * n-th request. It must end with the right result or with the error "out of memory", without a
 * crash or a leak, and after the error is cleared the same thread must get the right result. Where
 * nodes are allocated one by one (under the address sanitizer, or with TP_PLAIN_NODES) this reaches
 * each of them.
 */
#ifndef TEST_FAILURE_H
#define TEST_FAILURE_H

#include "harness.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

enum { FAILURE_VALUES = 64 };

/* What a job found, to be compared bit by bit. */
typedef struct findings {
    int n;
    double value[FAILURE_VALUES];
    char text[6000];
} findings;

typedef void failure_job(findings *found);

static inline void find_number(findings *found, double value)
{
    if (found->n < FAILURE_VALUES)
        found->value[found->n++] = value;
}

static inline void find(findings *found, tp_var *v)
{
    tp_var *wide = tp_to(v, TP_F64);
    const double *at = tp_data(wide);
    for (int64_t i = 0; at && i < tp_size(wide); i++)
        find_number(found, at[i]);
}

/* Takes text from the library. */
static inline void find_text(findings *found, char *text)
{
    size_t length = strlen(found->text);
    snprintf(found->text + length, sizeof found->text - length, "%s", text ? text : "(null)");
    free(text);
}

static bool find_same(const findings *a, const findings *b)
{
    return a->n == b->n && !memcmp(a->value, b->value, (size_t)a->n * sizeof *a->value) &&
           !strcmp(a->text, b->text);
}

/* --- Disturbing a job --- */

typedef struct attempt {
    failure_job *job;
    size_t failing, requests;
    findings disturbed, after;
    tp_code code;
    char message[200];
    bool grad_enabled;
    size_t left, left_after;
} attempt;

static void *attempt_run(void *arg)
{
    attempt *a = arg;
    tp_num(0); /* the thread's state itself */
    size_t live = tp_live();
    tp__alloc_fail_at(a->failing);
    size_t mark = tp_scope_begin();
    a->job(&a->disturbed);
    a->requests = tp__alloc_fail_at(0);
    a->code = tp_status();
    snprintf(a->message, sizeof a->message, "%s", tp_error() ? tp_error() : "none");
    a->grad_enabled = tp_is_grad_enabled();
    tp_clear_error();
    if (mark) {
        tp_scope_end(mark);
        a->left = tp_live() - live;
    }
    live = tp_live();
    mark = tp_scope_begin();
    a->job(&a->after);
    if (tp_error())
        a->left_after++;
    tp_clear_error();
    tp_scope_end(mark);
    a->left_after += tp_live() - live;
    return NULL;
}

static void attempt_in_thread(attempt *a)
{
    pthread_t thread;
    if (!CHECK(pthread_create(&thread, NULL, attempt_run, a) == 0))
        abort();
    pthread_join(thread, NULL);
}

static bool attempt_judge(const attempt *a, const findings *right)
{
    bool failed = a->code != TP_OK;
    const char *wrong = failed && a->code != TP_ERROR_MEMORY          ? "another error"
                        : failed && a->requests < a->failing          ? "an error with no reason"
                        : !failed && a->requests >= a->failing        ? "the failure went unnoticed"
                        : !failed && !find_same(&a->disturbed, right) ? "a wrong result"
                        : a->left                                     ? "nodes are left"
                        : !a->grad_enabled                            ? "recording is off"
                        : a->left_after                ? "an error or nodes afterwards"
                        : !find_same(&a->after, right) ? "a wrong result afterwards"
                                                       : NULL;
    return test_check(!wrong, __FILE__, __LINE__, "request %zu of %zu: %s (%s)", a->failing,
                      a->requests, wrong ? wrong : "", a->message);
}

static void disturb(failure_job *job)
{
    static attempt a;
    setenv("PATH", "/nonexistent",
           1); /* some thousand errors would each ask addr2line for its line */
    findings *right = calloc(1, sizeof *right);
    size_t shared = tp_live_shared();
    a = (attempt){.job = job, .failing = (size_t)-1};
    attempt_in_thread(&a);
    CHECK_INT(a.code, TP_OK);
    CHECK(a.disturbed.n || a.disturbed.text[0]);
    *right = a.disturbed;
    size_t requests = a.requests, faults = 0;
    for (size_t n = 1; n <= requests && faults < 5; n++) {
        a = (attempt){.job = job, .failing = n};
        attempt_in_thread(&a);
        faults += !attempt_judge(&a, right);
        if (a.requests > requests)
            requests = a.requests;
    }
    CHECK_INT(tp_live_shared(), shared);
    free(right);
}

#define FAILURE_TEST(job)                                                                          \
    TEST(failure_in_##job)                                                                         \
    {                                                                                              \
        disturb(job_##job);                                                                        \
    }

#endif
