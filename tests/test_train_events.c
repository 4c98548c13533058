/* SPDX-License-Identifier: MIT
 *
 * Event files: bytes by hand, after the formats of TFRecord and protocol buffers; checksums are
 * RFC 3720's examples.
 */
#define _POSIX_C_SOURCE 200809L
#include "elements.h"
#include "train_case.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "train/events.h"

TEST(crc32c_is_that_of_rfc_3720)
{
    unsigned char zeros[32] = {0}, ones[32], up[32];
    for (int i = 0; i < 32; i++)
        ones[i] = 0xFF, up[i] = (unsigned char)i;
    CHECK_INT(tp__crc32c("123456789", 9), 0xE3069283);
    CHECK_INT(tp__crc32c(zeros, 32), 0x8A9136AA);
    CHECK_INT(tp__crc32c(ones, 32), 0x62A8AB43);
    CHECK_INT(tp__crc32c(up, 32), 0x46DD794E);
}

static uint64_t little(const char *at, int n)
{
    uint64_t value = 0;
    for (int i = n; i--;)
        value = value << 8 | (unsigned char)at[i];
    return value;
}

static uint32_t masked(const char *at, size_t n)
{
    uint32_t crc = tp__crc32c(at, n);
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

/* True if a record begins at `at` and is whole; its event and the event's length. */
static bool record_is(const char *at, size_t left, const char **event, size_t *n)
{
    if (left < 16 || little(at, 8) > left - 16)
        return false;
    *n = (size_t)little(at, 8);
    *event = at + 12;
    return little(at + 8, 4) == masked(at, 8) && little(at + 12 + *n, 4) == masked(at + 12, *n);
}

static void check_record(tp__text *record, const char *expected, size_t n)
{
    const char *event = NULL;
    size_t length = 0;
    CHECK(!record->failed && record_is(record->at, record->length, &event, &length));
    CHECK_INT(record->length, n + 16);
    CHECK(length == n && !memcmp(event, expected, n));
    tp__text_drop(record);
}

TEST(a_scalar_is_these_bytes)
{
    static const char expected[] = "\x09\0\0\0\0\0\0\xF8\x3F" /* 1: time 1.5 */
                                   "\x10\xAC\x02"             /* 2: step 300 */
                                   "\x2A\x0A"                 /* 5: summary of 10 bytes */
                                   "\x0A\x08"                 /* 1: value of 8 */
                                   "\x0A\x01\x61"             /* 1: tag "a" */
                                   "\x15\0\0\0\x3F";          /* 2: 0.5 */
    tp__text record = {0};
    tp__event_scalar(&record, 1.5, 300, "a", 0.5);
    check_record(&record, expected, sizeof expected - 1);
}

TEST(the_beginning_is_these_bytes)
{
    tp__text record = {0};
    tp__event_version(&record, 1.5);
    check_record(&record,
                 "\x09\0\0\0\0\0\0\xF8\x3F\x1A\x0D"
                 "brain.Event:2",
                 24);
    tp__event_start(&record, 1.5, 3);
    check_record(&record, "\x09\0\0\0\0\0\0\xF8\x3F\x10\x03\x3A\x02\x08\x01", 15);
}

/* 0 and 1e-12 are in buckets that follow each other: below 1e-12, below 1.1e-12. One bucket is
 * before the first. */
TEST(a_histogram_is_these_bytes)
{
    char expected[200], *at = expected;
    const double facts[] = {0, 1e-12, 2, 1e-12, 1e-12 * 1e-12};
    const double limits[] = {0, 1e-12, 1e-12 * 1.1}, counts[] = {0, 1, 1};
    at += sprintf(at, "%c%c%c", 0x0A, 1, 'h'), *at++ = 0x2A, *at++ = 5 * 9 + 2 * 26;
    for (int i = 0; i < 5; i++, at += 8)
        *at++ = (char)((i + 1) << 3 | 1), memcpy(at, &facts[i], 8);
    *at++ = 6 << 3 | 2, *at++ = 24, memcpy(at, limits, 24), at += 24;
    *at++ = 7 << 3 | 2, *at++ = 24, memcpy(at, counts, 24), at += 24;
    const double values[] = {0, 1e-12, (double)NAN, (double)INFINITY};
    tp__text record = {0};
    tp__event_histogram(&record, 1.5, 0, "h", values, 4);
    size_t n = (size_t)(at - expected);
    CHECK(n < 126 && record.length == 16 + 9 + 2 + 2 + n);
    CHECK(!record.failed && !memcmp(record.at + 12 + 13, expected, n));
    tp__text_drop(&record);
}

/* --- Files --- */

static int whole_records(const char *path)
{
    static char bytes[100000];
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(bytes, 1, sizeof bytes, file) : 0, at = 0, length;
    int records = 0;
    const char *event;
    if (file)
        fclose(file);
    for (; at < n && record_is(bytes + at, n - at, &event, &length); at += length + 16)
        records++;
    return at == n ? records : -1;
}

/* The records of all files in the directory, which are removed. */
static int take_records(const char *directory)
{
    char path[400];
    int records = 0;
    DIR *files = opendir(directory);
    for (struct dirent *e; files && (e = readdir(files));) {
        snprintf(path, sizeof path, "%s/%.250s", directory, e->d_name);
        if (!strncmp(e->d_name, "events.out.tfevents.", 20)) {
            records += whole_records(path);
            remove(path);
        }
    }
    if (files)
        closedir(files);
    return records;
}

TEST(a_directory_of_events)
{
    take_records("events");
    tp_event_writer *a = tp_event_writer_new("events", 0), *b = tp_event_writer_new("events", 7);
    tp_event_scalar(a, "loss", 1, 0.5);
    tp_event_histogram(b, "weight", 8, tp_randn(TP_F32, TP_SHAPE(10, 10)));
    tp_event_scalar(a, NULL, 1, 0.5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "event_scalar: the tag is NULL");
    tp_event_scalar(NULL, "loss", 1, 0.5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "event_scalar: the writer is NULL");
    tp_event_writer_free(a), tp_event_writer_free(b), tp_event_writer_free(NULL);
    CHECK_INT(take_records("events"), 2 + 1 + 2 + 1);
    CHECK(!tp_event_writer_new("nowhere/at/all", 0));
    CHECK_ERROR(TP_ERROR_FILE, "event_writer_new: cannot write nowhere/at/all");
    CHECK(!tp_event_writer_new(NULL, 0));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "event_writer_new: directory NULL");
}

TEST(a_training_writes_its_rows_as_events)
{
    train_case c = case_new(4);
    take_records("run");
    tp_train_report r = tp_train(c.net, case_loss, c.optimizer, c.loader, .epochs = 2,
                                 .validation = c.validation, .metrics = &c.metric, .n_metrics = 1,
                                 .silent = true, .events = "run", .log_every = 3);
    CHECK(r.end == TP_TRAIN_DONE);
    CHECK_INT(take_records("run"), 2 + 4 * 2 + 2 * 4); /* steps: lr, loss; epochs: all four */
    case_free(&c);
}
