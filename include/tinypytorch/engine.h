/* SPDX-License-Identifier: MIT
 *
 * The machine: threads, memory, and where the time goes.
 *
 * Large elementwise operations are not computed when they are called. They wait until a value is
 * read (tp_item, tp_data, tp_print, a matrix product, an edit in place …), and then a whole chain
 * of them, with the sums at its end, runs in one pass over memory. Nothing of this can be observed:
 * a value read is right, errors appear at the call that causes them (only running out of memory may
 * appear at the read), and the bits are those of the operations one by one.
 *
 * An operation on large arrays is split over threads in blocks that depend on the problem only, so
 * that the same program gives the same bits for any number of threads. Small ones run on the
 * caller's thread.
 *
 * Memory of arrays is kept for arrays to come, by size, in the thread that freed it.
 *
 * Where memory is limited, this library's own requests that fail are errors of their calls. Others'
 * are not: OpenBLAS, where LAPACK multiplies with it, asks again for ever for its buffers, some 32
 * MB a thread, so make a first factorisation while there is memory; and Graphviz, fontconfig, Pango
 * and the GLib below them end the process (draw.h tells which pictures do without).
 */
#ifndef TINYPYTORCH_ENGINE_H
#define TINYPYTORCH_ENGINE_H

#include "tinypytorch/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The number of threads that an operation may use, the caller's included: from 1 to 64. It starts
 * as the environment's TP_NUM_THREADS, or the number of processors this process may use. It holds
 * for the whole process; an operation that is running keeps what it started with. A value out of
 * range is an error. Factorisations set OpenBLAS, when the library was built with it, to one thread
 * for the whole process: a program that calls OpenBLAS itself has to set its number again.
 * A library that was built with TP_NO_THREADS uses one thread, whatever is set. */
TP_API int tp_num_threads(void);
TP_API void tp_set_num_threads(int n);

/* Memory of arrays, and of what is needed to compute those that wait, in bytes: blocks, whose sizes
 * are rounded up by at most a quarter. Of this thread: a shared array counts where it was made, and
 * is taken off where it goes. Arrays of up to 96 bytes are part of their variable and not counted,
 * unless a view or a pointer (tp_data) has been taken of them, which gives them a block.
 */
typedef struct tp_memory {
    size_t in_use;   /* held */
    size_t peak;     /* the most that in_use has been since the thread began or tp_reset_peak */
    size_t kept;     /* freed, and kept for arrays to come */
    size_t requests; /* how often the system was asked for memory, of any kind */
} tp_memory;

TP_API tp_memory tp_memory_stats(void);

/* Starts peak again from what is in use. */
TP_API void tp_reset_peak(void);

/* Gives the memory that this thread keeps back to the system. */
TP_API void tp_trim_memory(void);

/* Profiling, of all threads, from begin to end: each operation that ran, with calls, time, bytes
 * moved, floating-point operations, and the share of one core's limit, which is measured once
 * (about 50 ms): more than 100 % means that data lay in the caches, or several threads. Elementwise
 * operations that ran together are one line, "sin·mul·sum". Operations on plain numbers are
 * listed of the thread that began the profile and of those that start while it runs, and so are
 * their rules in a sweep ("mul_gradient"); each takes tens of nanoseconds more then.
 *
 * tp_profile_begin drops what an earlier profile counted. tp_profile_end writes the table to the
 * file `table`, "-" for stderr, and a trace for chrome://tracing or Perfetto to the file `trace`
 * (none if NULL); a file that cannot be written is an error. The environment's TP_PROFILE=1
 * profiles a whole run and prints the table to stderr at its end; TP_PROFILE=file.json writes the
 * trace too. */
TP_API void tp_profile_begin(void);
TP_API void tp_profile_end(const char *table, const char *trace);

#ifdef __cplusplus
}
#endif

#endif
