/* SPDX-License-Identifier: MIT
 *
 * TinyPytorch: n-d arrays, automatic differentiation of any order and the computational graph
 * as something one can see. This header is all a program includes.
 *
 *     tp_var *x = tp_variable(2.0);
 *     tp_var *y = tp_mul(3, tp_pow(x, 2));       // running C records the graph
 *     tp_backward(y);                            // walking it back gives dy/dx
 *     printf("%g\n", tp_item(tp_grad(x)));       // 12
 *
 * Read the headers in this order; each opens with the ideas it needs:
 *     scope.h        who owns a value, and when it goes
 *     error.h        errors are sticky; no operation returns NULL or aborts
 *     array.h        making, reading and editing n-d arrays
 *     elementwise.h  functions of elements, choosing, comparing
 *     reduce.h       reductions over axes
 *     shape.h        other shapes, parts, indexing
 *     linalg.h       products, factorisations, equations
 *     conv.h         linear layers, convolutions, pooling, resampling
 *     network.h      softmax, normalisation, losses
 *     sequence.h     attention, recurrent layers, positions
 *     functional.h   what other layers of networks compute
 *     graph.h        derivatives: backward, gradient, functions of one's own
 *     taylor.h       all orders in one sweep
 *     calculus.h     Jacobians, Hessians, checking gradients, finding minima
 *     sparse.h       sparse Jacobians and Hessians by coloring
 *     equations.h    least squares, roots
 *     checkpoint.h   gradients in less memory
 *     anomaly.h      where the first NaN comes from
 *     formula.h      text that becomes operations
 *     random.h       seeded random arrays
 *     optim.h        optimisers
 *     schedule.h     learning rates that change
 *     scaler.h       losses of half types, scaled
 *     average.h      averages of parameters
 *     data.h         datasets, loaders of batches, readers of files
 *     text.h         tokenisers, tokens as a dataset
 *     engine.h       threads, memory, profiles
 *     draw.h         the graph as text, as a picture, as a page
 *     plot.h         curves and contours
 *     io.h           arrays by name, in files
 *     nn.h           networks: modules, their parameters, states and files
 *     layers.h       their layers
 *     train.h        training them, metrics
 *     options.h      optional arguments, in C and in C++
 *     sugar.h        numbers mixed with variables (C only, off under TP_NO_SUGAR; operands.h,
 *                    number.h)
 */
#ifndef TINYPYTORCH_H
#define TINYPYTORCH_H

#include "tinypytorch/anomaly.h"
#include "tinypytorch/array.h"
#include "tinypytorch/average.h"
#include "tinypytorch/base.h"
#include "tinypytorch/calculus.h"
#include "tinypytorch/checkpoint.h"
#include "tinypytorch/conv.h"
#include "tinypytorch/data.h"
#include "tinypytorch/draw.h"
#include "tinypytorch/elementwise.h"
#include "tinypytorch/engine.h"
#include "tinypytorch/equations.h"
#include "tinypytorch/error.h"
#include "tinypytorch/formula.h"
#include "tinypytorch/functional.h"
#include "tinypytorch/graph.h"
#include "tinypytorch/io.h"
#include "tinypytorch/layers.h"
#include "tinypytorch/linalg.h"
#include "tinypytorch/network.h"
#include "tinypytorch/nn.h"
#include "tinypytorch/optim.h"
#include "tinypytorch/plot.h"
#include "tinypytorch/random.h"
#include "tinypytorch/reduce.h"
#include "tinypytorch/scaler.h"
#include "tinypytorch/schedule.h"
#include "tinypytorch/scope.h"
#include "tinypytorch/sequence.h"
#include "tinypytorch/shape.h"
#include "tinypytorch/sparse.h"
#include "tinypytorch/taylor.h"
#include "tinypytorch/text.h"
#include "tinypytorch/train.h"

#include "tinypytorch/sugar.h"

#include "tinypytorch/operands.h"

#endif
