/* SPDX-License-Identifier: MIT
 *
 * TensorBoard's event files: TFRecords of protocol buffers. A field is its number · 8 + its kind (0
 * varint, 1 eight bytes, 2 bytes behind their length, 5 four bytes), then the value, little-endian.
 */
#ifndef TP_EVENTS_H
#define TP_EVENTS_H

#include "base/features.h"

#include <stdint.h>

#include "base/text.h"
#include "tinypytorch/train.h"

/* The checksum of Castagnoli, Bräuer & Herrmann (1993), reflected. */
uint32_t tp__crc32c(const void *bytes, size_t n);

/* The record of an event at a time in seconds: a scalar; a histogram; what begins a file; the mark
 * behind which later steps are forgotten. */
void tp__event_scalar(tp__text *record, double time, int64_t step, const char *tag, double value);
void tp__event_histogram(tp__text *record, double time, int64_t step, const char *tag,
                         const double *elements, int64_t n);
void tp__event_version(tp__text *record, double time);
void tp__event_start(tp__text *record, double time, int64_t step);

#endif
