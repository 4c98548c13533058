/* SPDX-License-Identifier: MIT
 *
 * The operations that applying and sweeping insert themselves: gradients are added up; shapes and
 * element types are brought together and back.
 */
#ifndef TP_STRUCTURAL_H
#define TP_STRUCTURAL_H

#include "graph/op.h"

extern const tp__op tp__op_add, tp__op_broadcast_to, tp__op_sum_to, tp__op_to;
extern const tp__family tp__family_structural;

#endif
