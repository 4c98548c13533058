/* SPDX-License-Identifier: MIT
 *
 * Prints iterations / evaluations of every method with a search on the problems of Moré, Garbow &
 * Hillstrom (mgh.h), and beside Levenberg–Marquardt those of MINPACK's LMDER, Jacobians /
 * evaluations, where its test program prints them. A star: not the published minimum.
 */
#include "mgh.h"

enum { METHODS = 6 };

static const tp_method methods[METHODS] = {TP_NEWTON, TP_TRUST_REGION, TP_NEWTON_CG,
                                           TP_BFGS,   TP_LBFGS,        TP_CONJUGATE};

static void cell(const mgh_problem *p, const tp_minimize_result *m, bool counts)
{
    char text[40] = "";
    if (counts)
        snprintf(text, sizeof text, "%d/%d%s", m->iterations, m->evaluations,
                 mgh_is_least(p, m->value) ? "" : "*");
    printf(" %10s", text);
}

static void row(const mgh_problem *p, bool minima)
{
    TP_SCOPE();
    tp_minimize_result m = {0};
    printf("%-24s", p->name);
    for (int i = 0; i < METHODS; i++) {
        if (minima)
            tp_minimize(mgh_squares, (void *)p, mgh_start(p), &m, .method = methods[i],
                        .tolerance = 1e-6);
        cell(p, &m, minima);
    }
    tp_least_squares(p->residuals, NULL, mgh_start(p), &m, .tolerance = 1e-6);
    cell(p, &m, true);
    char theirs[24] = "";
    if (p->jacobians)
        snprintf(theirs, sizeof theirs, "%d/%d", p->jacobians, p->evaluations);
    printf(" %9s %15.9g %15.9g\n", theirs, m.value, p->least[0]);
}

int main(void)
{
    printf("%-24s %10s %10s %10s %10s %10s %10s %10s %9s %15s %15s\n", "problem", "Newton",
           "region", "Newton-CG", "BFGS", "L-BFGS", "conjugate", "Lev-Marq", "LMDER", "its f",
           "published");
    for (size_t i = 0; i < sizeof mgh_problems / sizeof *mgh_problems; i++)
        row(&mgh_problems[i], true);
    for (size_t i = 0; i < sizeof mgh_fits / sizeof *mgh_fits; i++)
        row(&mgh_fits[i], false);
    return tp_check();
}
