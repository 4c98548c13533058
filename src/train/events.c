/* SPDX-License-Identifier: MIT
 *
 * Events as bytes. A message inside another stands behind its length, so it is made first.
 */
#include "base/features.h"

#include "train/events.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

enum { PROTO_VARINT = 0, PROTO_DOUBLE = 1, PROTO_BYTES = 2, PROTO_FLOAT = 5 };

uint32_t tp__crc32c(const void *bytes, size_t n)
{
    uint32_t crc = 0xFFFFFFFF;
    for (const unsigned char *at = bytes; n--; at++) {
        crc ^= *at;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82F63B78) : 0);
    }
    return ~crc;
}

/* --- Fields --- */

static void proto_little(tp__text *text, uint64_t value, int bytes)
{
    char little[8];
    for (int i = 0; i < bytes; i++)
        little[i] = (char)(value >> 8 * i & 0xFF);
    tp__text_add(text, little, (size_t)bytes);
}

static void proto_varint(tp__text *text, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        proto_little(text, (value & 0x7F) | 0x80, 1);
    proto_little(text, value, 1);
}

static void proto_key(tp__text *text, unsigned field, unsigned kind)
{
    proto_varint(text, field << 3 | kind);
}

static void proto_raw_double(tp__text *text, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    proto_little(text, bits, 8);
}

static void proto_double(tp__text *text, unsigned field, double value)
{
    proto_key(text, field, PROTO_DOUBLE);
    proto_raw_double(text, value);
}

static void proto_float(tp__text *text, unsigned field, double value)
{
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    proto_key(text, field, PROTO_FLOAT);
    proto_little(text, bits, 4);
}

static void proto_bytes(tp__text *text, unsigned field, const char *bytes, size_t n)
{
    proto_key(text, field, PROTO_BYTES);
    proto_varint(text, n);
    tp__text_add(text, bytes, n);
}

/* A message as a field of another; it is dropped. */
static void proto_message(tp__text *text, unsigned field, tp__text *message)
{
    text->failed = text->failed || message->failed;
    if (!text->failed)
        proto_bytes(text, field, message->at, message->length);
    tp__text_drop(message);
}

/* --- Records --- */

static uint32_t record_checksum(const void *bytes, size_t n)
{
    uint32_t crc = tp__crc32c(bytes, n);
    return (crc >> 15 | crc << 17) + UINT32_C(0xA282EAD8);
}

/* Length, its checksum, the event, its checksum; the event is dropped. */
static void record_add(tp__text *record, tp__text *event)
{
    tp__text length = {0};
    proto_little(&length, event->length, 8);
    record->failed = record->failed || event->failed || length.failed;
    if (!record->failed) {
        tp__text_add(record, length.at, 8);
        proto_little(record, record_checksum(length.at, 8), 4);
        tp__text_add(record, event->at, event->length);
        proto_little(record, record_checksum(event->at, event->length), 4);
    }
    tp__text_drop(&length);
    tp__text_drop(event);
}

static void event_begin(tp__text *event, double time, int64_t step)
{
    proto_double(event, 1, time);
    if (step) {
        proto_key(event, 2, PROTO_VARINT);
        proto_varint(event, (uint64_t)step);
    }
}

void tp__event_version(tp__text *record, double time)
{
    tp__text event = {0};
    event_begin(&event, time, 0);
    proto_bytes(&event, 3, "brain.Event:2", 13);
    record_add(record, &event);
}

void tp__event_start(tp__text *record, double time, int64_t step)
{
    tp__text event = {0}, session = {0};
    event_begin(&event, time, step);
    proto_key(&session, 1, PROTO_VARINT);
    proto_varint(&session, 1); /* START */
    proto_message(&event, 7, &session);
    record_add(record, &event);
}

/* An event whose summary has one value, which is dropped. */
static void event_summary(tp__text *record, double time, int64_t step, tp__text *value)
{
    tp__text event = {0}, summary = {0};
    event_begin(&event, time, step);
    proto_message(&summary, 1, value);
    proto_message(&event, 5, &summary);
    record_add(record, &event);
}

void tp__event_scalar(tp__text *record, double time, int64_t step, const char *tag, double value)
{
    tp__text message = {0};
    proto_bytes(&message, 1, tag, strlen(tag));
    proto_float(&message, 2, value);
    event_summary(record, time, step, &message);
}

/* --- Histograms --- */

/* Limits on one side of 0: 1e-12 · 1.1ⁿ up to 1e20. The buckets are those below each limit, from
 * the least on: negative ones, 0, positive ones, and what is beyond. */
enum { EVENT_LIMITS = 774, EVENT_BUCKETS = 2 * EVENT_LIMITS + 2 };

typedef struct event_buckets {
    double limit[EVENT_BUCKETS], count[EVENT_BUCKETS];
} event_buckets;

static void event_limits(event_buckets *b)
{
    double limit = 1e-12;
    for (int i = 0; i < EVENT_LIMITS; i++, limit *= 1.1) {
        b->limit[EVENT_LIMITS + 1 + i] = limit;
        b->limit[EVENT_LIMITS - 1 - i] = -limit;
    }
    b->limit[EVENT_LIMITS] = 0;
    b->limit[EVENT_BUCKETS - 1] = 1.7976931348623157e308;
}

/* The first bucket whose limit is above the value. */
static int event_bucket(const event_buckets *b, double value)
{
    int low = 0, high = EVENT_BUCKETS - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (value < b->limit[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void event_put_buckets(tp__text *message, const event_buckets *b, int from, int to)
{
    tp__text limits = {0}, counts = {0};
    for (int i = from; i <= to; i++) {
        proto_raw_double(&limits, b->limit[i]);
        proto_raw_double(&counts, b->count[i]);
    }
    proto_message(message, 6, &limits);
    proto_message(message, 7, &counts);
}

void tp__event_histogram(tp__text *record, double time, int64_t step, const char *tag,
                         const double *elements, int64_t n)
{
    tp__text message = {0}, histogram = {0};
    event_buckets *b = tp__alloc_zero(1, sizeof *b);
    double least = (double)INFINITY, most = -least, number = 0, sum = 0, squares = 0;
    record->failed = record->failed || !b;
    if (record->failed)
        return;
    event_limits(b);
    for (int64_t i = 0; i < n; i++) {
        double x = elements[i];
        if (!isfinite(x))
            continue;
        least = fmin(least, x), most = fmax(most, x);
        number++, sum += x, squares += x * x;
        b->count[event_bucket(b, x)]++;
    }
    const double facts[] = {number > 0 ? least : 0, number > 0 ? most : 0, number, sum, squares};
    for (unsigned i = 0; i < 5; i++)
        proto_double(&histogram, i + 1, facts[i]);
    int from = number > 0 ? event_bucket(b, least) : EVENT_LIMITS;
    event_put_buckets(&histogram, b, from > 0 ? from - 1 : 0,
                      number > 0 ? event_bucket(b, most) : EVENT_LIMITS);
    tp__free(b);
    proto_bytes(&message, 1, tag, strlen(tag));
    proto_message(&message, 5, &histogram);
    event_summary(record, time, step, &message);
}
