/* SPDX-License-Identifier: MIT
 *
 * Kernels are made of vectors if anything is optimised, whatever the rest is compiled with. None of
 * this changes what an expression means.
 */
#if defined(__OPTIMIZE__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#endif
