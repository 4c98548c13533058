/* SPDX-License-Identifier: MIT
 *
 * Control within bounds: a pendulum is swung up by 40 torques, more variables than whole Hessians
 * are computed for. A few stiff directions lie across variables that are alike, and many of these
 * end at their bounds.
 */
#include <math.h>

#include "functions.h"

enum { CONTROL_STEPS = 40, CONTROL_MOST = 300 };

/* θ'' = sin θ + u from hanging, by steps of 0.1; what is left at the end, and the effort. */
static tp_var *control_cost(void *ctx, tp_var *torques)
{
    tp_var *angle = tp_num(3.14159265358979323846), *speed = tp_num(0);
    (void)ctx;
    for (int i = 0; i < CONTROL_STEPS; i++) {
        tp_var *turn = tp_add(tp_sin(angle), tp_select(torques, 0, i));
        speed = tp_add(speed, tp_mul(0.1, turn));
        angle = tp_add(angle, tp_mul(0.1, speed));
    }
    tp_var *left = tp_add(tp_mul(100, tp_square(angle)), tp_mul(100, tp_square(speed)));
    return tp_add(left, tp_mul(0.01, tp_sum(tp_square(torques))));
}

/* SciPy's L-BFGS-B, TNC and SLSQP agree on the least values; L-BFGS-B takes 75, 231 and 308
 * iterations. */
static const struct {
    double bound, least;
} control_cases[] = {{1, 0.42412726238845}, {1.2, 0.308668216853}, {1.5, 0.306374885931}};

TEST(every_method_controls)
{
    for
        EACH(i, control_cases)
        {
            for (tp_method method = TP_LBFGS; method <= TP_CONJUGATE; method++) {
                TP_SCOPE();
                tp_minimize_result m;
                tp_var *start = tp_mul(0.5, tp_ones(TP_F64, TP_SHAPE(CONTROL_STEPS)));
                double bound = control_cases[i].bound, least = control_cases[i].least;
                bool good = tp_minimize(control_cost, NULL, start, &m, .method = method,
                                        .lower = tp_num(-bound), .upper = tp_num(bound));
                test_check(good && fabs(m.value - least) <= 1e-9 * least &&
                               m.iterations <= CONTROL_MOST,
                           __FILE__, __LINE__, "%s, %g: %.12g after %d iterations, %s",
                           tp_method_name(method), bound, m.value, m.iterations, m.message);
            }
        }
}
