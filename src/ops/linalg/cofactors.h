/* SPDX-License-Identifier: MIT
 *
 * Cofactors of matrices, which a determinant's gradient consists of: right where the matrix is
 * singular or its determinant is out of range.
 */
#ifndef TP_COFACTORS_H
#define TP_COFACTORS_H

#include "base/node.h"

/* The matrices of cofactors of x (…, n, n), in public operations. Up to n = 32 they are the minors'
 * determinants, so that derivatives of every order follow; of larger matrices they come from
 * singular values, and their derivatives are right where the rank is n − 1 at least. */
tp_var *tp__cofactors(tp_var *x);

#endif
