/* SPDX-License-Identifier: MIT */
#ifndef TP_CONV_WEIGHTS_H
#define TP_CONV_WEIGHTS_H

#include "kernels/conv_strip.h"

/* The pass of a convolution. */
void tp__conv_forward_pass(const tp__conv *conv, tp__conv_pass *pass);

/* w from x and y. */
bool tp__conv_fast_weights(const tp__conv *conv, const tp__conv_kernels *kernels);

#endif
