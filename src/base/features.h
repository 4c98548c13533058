/* SPDX-License-Identifier: MIT
 * What every source file of the library includes first: the systems it is written for. */
#ifndef TP_FEATURES_H
#define TP_FEATURES_H

#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): affinity */
#endif
#if !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* madvise */
#endif

/* A system with one thread and one process: no pthread, no fork, no signals, no mmap. The
 * compiler's -DTP_NO_THREADS says so, and this for WebAssembly without threads. */
#if defined(__wasm__) && !defined(_REENTRANT) && !defined(TP_NO_THREADS)
#define TP_NO_THREADS
#endif

/* The sources define functions that operands.h would make macros of. */
#define TP__LIBRARY

/* a * b + c is two roundings on every machine, whatever the compiler is told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#define TP_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define TP_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Asks for memory that will be written soon. A pointer that was never set does no harm, so the
 * sanitizer that looks for those is told of none. */
#define TP_PREFETCH(pointer) __builtin_prefetch(pointer, 1)
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#undef TP_PREFETCH
#define TP_PREFETCH(pointer) ((void)sizeof(pointer))
#endif
#endif

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
#define TP_NOINLINE __attribute__((noinline))

#endif
