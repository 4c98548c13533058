// SPDX-License-Identifier: MIT
//
// GradBench's gradients with ADOL-C, the function taped anew each time. It takes no part where the
// tape would take gigabytes, nor in Jacobians, which GradBench computes from a tape for each row.

#include "evals_functions.hpp"

#include <adolc/adolc.h>

namespace
{

const short tape = 3;

void taped(const evals_problem *p, double *out)
{
    {
        double value;
        std::vector<adouble> x(p->n);
        trace_on(tape);
        for (size_t i = 0; i < p->n; i++)
            x[i] <<= p->x[i];
        adouble y = evals::find<adouble>(p->name)(*p, x.data());
        y >>= value;
        trace_off();
    }
    ::gradient(tape, static_cast<int>(p->n), p->x, out);
}

} // namespace

evals_work *evals_adolc(const evals_problem *p)
{
    bool large = (!std::strcmp(p->name, "gmm") && p->size[0] > 16) || !std::strcmp(p->name, "ode");
    return evals::find<adouble>(p->name) && !large ? taped : nullptr;
}
