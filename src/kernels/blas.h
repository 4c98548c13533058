/* SPDX-License-Identifier: MIT
 *
 * OpenBLAS, which LAPACK multiplies with, held to one thread: its own threads change bits, and
 * spin. With TP_WITH_BLAS only.
 */
#ifndef TP_BLAS_H
#define TP_BLAS_H

/* The rest of the program may have given OpenBLAS threads since the last call of it. */
void tp__blas_one_thread(void);

#endif
