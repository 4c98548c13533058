/* SPDX-License-Identifier: MIT
 *
 * Gradients of max and min where several elements are the extreme one, or NaN: they share it.
 */
#include "elements.h"

#include <math.h>

#include "base/dtype.h"
#include "tinypytorch.h"

/* A sweep that records nothing shares by a kernel, one that records by operations. */
TEST(ties_share_alike_whether_recorded_or_not)
{
    const double nan = (double)NAN;
    double given[] = {1, 3, 3, 0, -0.0, nan, 2, 2, 2, nan, nan, 5};
    const tp_axes axes[] = {{.n = 1, .at = {2}},
                            {.n = 2, .at = {1, 2}},
                            {.n = 1, .at = {0}},
                            {.n = 3, .at = {0, 1, 2}}};
    for (int dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (int i = 0; i < 8; i++) {
            TP_SCOPE();
            tp_var *x =
                tp_variable(tp_to(tp_array(TP_F64, TP_SHAPE(2, 2, 3), given), (tp_dtype)dtype));
            tp_var *y = i & 1 ? tp_max(x, .axes = axes[i / 2]) : tp_min(x, .axes = axes[i / 2]);
            tp_var *weights = tp_arange((tp_dtype)dtype, 1, 1 + (double)tp_size(y), 1);
            tp_var *shaped = tp_reshape(weights, tp_ndim(y), tp_shape(y));
            tp_var *plain = tp_gradient(y, x, .gradient = shaped);
            tp_var *recorded = tp_gradient(y, x, .gradient = shaped, .create_graph = true);
            CHECK(tp_item(tp_max(tp_abs(tp_sub(plain, recorded)))) == 0);
            CHECK_CLOSE(tp_item(tp_sum(plain)), tp_item(tp_sum(weights)), 1e-6);
        }
}

/* Long and short rows, some with one largest element, some with several, some with NaN: those
 * share the gradient equally, as those of PyTorch's amax do. */
TEST(gradients_of_extremes_are_shared_in_rows_of_any_length)
{
    static const int64_t lengths[] = {1, 5, 64, 65, 100, 1000, 70000};
    for
        EACH(l, lengths)
    for
        EACH(d, element_types)
        {
            TP_SCOPE();
            int64_t n = lengths[l];
            if (!tp__is_float(element_types[d]))
                continue;
            tp_var *x = tp_remainder(tp_arange(TP_F64, 0, 4.0 * (double)n, 1), 97);
            tp_var *wide = tp_variable(tp_to(tp_reshape(x, TP_SHAPE(4, n)), element_types[d]));
            if (n > 4) {
                tp_var *row = tp_slice(tp_detach(wide), 0, 3, 4, 1);
                tp_copy_(tp_slice(row, 1, 2, 4, 1), NAN);
            }
            tp_var *g =
                tp_gradient(tp_max(wide, .axes = 1), wide,
                            .gradient = tp_to(tp_arange(TP_F64, 1, 5, 1), element_types[d]));
            for (int64_t i = 0; i < 4; i++) {
                double best = at(wide, i * n), count = 0;
                for (int64_t j = 0; j < n; j++)
                    best =
                        isnan(at(wide, i * n + j)) ? (double)NAN : fmax(best, at(wide, i * n + j));
                best = i == 3 && n > 4 ? (double)NAN : best;
                for (int64_t j = 0; j < n; j++)
                    count += isnan(best) ? isnan(at(wide, i * n + j)) : at(wide, i * n + j) == best;
                bool good = count > 0;
                for (int64_t j = 0; j < n; j++) {
                    double v = at(wide, i * n + j);
                    bool chosen = isnan(best) ? isnan(v) : v == best;
                    double share = (double)(i + 1) / count;
                    share = element_types[d] == TP_F32 ? (double)(float)share : share;
                    good = good && at(g, i * n + j) == (chosen ? share : 0);
                }
                CHECK(good);
            }
        }
}
