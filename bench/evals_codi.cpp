// SPDX-License-Identifier: MIT
//
// GradBench's derivatives with CoDiPack (reverse mode; over forward mode for the Hessian's
// diagonal).

#include "evals_functions.hpp"

#include <codi.hpp>

namespace
{

void gradient(const evals_problem *p, double *out)
{
    using real = codi::RealReverse;
    static std::vector<real> x;
    x.assign(p->x, p->x + p->n);
    auto &tape = real::getTape();
    tape.setActive();
    for (auto &v : x)
        tape.registerInput(v);
    real y = evals::find<real>(p->name)(*p, x.data());
    tape.registerOutput(y);
    tape.setPassive();
    y.setGradient(1);
    tape.evaluate();
    for (size_t i = 0; i < p->n; i++)
        out[i] = x[i].getGradient();
    tape.reset();
}

void direction(const evals_problem *p, double *out)
{
    using inner = codi::RealForward;
    using real = codi::RealReverseGen<inner>;
    static std::vector<real> x;
    x.assign(p->x, p->x + p->n);
    auto &tape = real::getTape();
    tape.setActive();
    for (auto &v : x) {
        v.value().gradient() = 1;
        tape.registerInput(v);
    }
    real y = evals::kmeans(*p, x.data());
    tape.registerOutput(y);
    tape.setPassive();
    y.gradient().value() = 1;
    tape.evaluate();
    for (size_t i = 0; i < p->n; i++)
        out[i] = x[i].gradient().value() / x[i].gradient().gradient();
    tape.reset();
}

void bundle(const evals_problem *p, double *out)
{
    using real = codi::RealReverseVec<2>;
    auto &tape = real::getTape();
    for (int i = 0; i < p->size[2]; i++) {
        double numbers[15], measured[2] = {p->data[i], p->data[p->size[2] + i]};
        real x[15], errors[2];
        evals::ba_numbers(*p, i, numbers);
        tape.setActive();
        for (int k = 0; k < 15; k++) {
            x[k] = numbers[k];
            tape.registerInput(x[k]);
        }
        evals::ba_errors(x, x + 11, x[14], measured, errors);
        for (int e = 0; e < 2; e++)
            tape.registerOutput(errors[e]);
        tape.setPassive();
        for (int e = 0; e < 2; e++)
            errors[e].gradient()[static_cast<size_t>(e)] = 1;
        tape.evaluate();
        for (int k = 0; k < 15; k++)
            for (int e = 0; e < 2; e++)
                out[31 * i + 15 * e + k] = x[k].getGradient()[static_cast<size_t>(e)];
        out[31 * i + 30] = -2 * numbers[14];
        tape.reset();
    }
}

} // namespace

evals_work *evals_codi(const evals_problem *p)
{
    if (!std::strcmp(p->name, "kmeans"))
        return direction;
    if (!std::strcmp(p->name, "ba"))
        return bundle;
    return gradient;
}
