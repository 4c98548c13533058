/* SPDX-License-Identifier: MIT
 * What every source file of the library includes first: the systems it is written for. */
#ifndef TP_FEATURES_H
#define TP_FEATURES_H

#if !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* madvise */
#endif

/* The sources define functions that operands.h would make macros of. */
#define TP__LIBRARY

#define TP_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define TP_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Each node in a block of its own, so that memory checkers see its end. */
#if defined(__SANITIZE_ADDRESS__) && !defined(TP_PLAIN_NODES)
#define TP_PLAIN_NODES
#elif defined(__has_feature) && !defined(TP_PLAIN_NODES)
#if __has_feature(address_sanitizer)
#define TP_PLAIN_NODES
#endif
#endif

/* A header's inline function that must not become a call on the path of a scalar operation. */
#define TP_INLINE static inline __attribute__((always_inline))

#endif
