// SPDX-License-Identifier: MIT
//
// The functions of evals.h, of one number, for peers that record numbers: T is theirs.
#ifndef BENCH_EVALS_FUNCTIONS_HPP
#define BENCH_EVALS_FUNCTIONS_HPP

#include "evals.h"

#include <cmath>
#include <cstring>
#include <vector>

namespace evals
{

using std::vector;

template <class T> T lse(const T *x, int n)
{
    using std::exp;
    using std::log;
    T top = x[0], sum = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > top)
            top = x[i];
    for (int i = 0; i < n; i++)
        sum += exp(x[i] - top);
    return log(sum) + top;
}

template <class T> T whole_lse(const evals_problem &p, const T *x)
{
    return lse(x, p.size[0]);
}

template <class T> T llsq(const evals_problem &p, const T *x)
{
    T sum = 0;
    for (int i = 0; i < p.size[0]; i++) {
        double t = -1 + 2 * static_cast<double>(i) / (p.size[0] - 1), power = 1;
        T rest = (t > 0) - (t < 0);
        for (int j = 0; j < p.size[1]; j++, power *= t)
            rest -= x[j] * power;
        sum += rest * rest;
    }
    return sum / 2;
}

template <class T> T kmeans(const evals_problem &p, const T *x)
{
    T cost = 0;
    for (int i = 0; i < p.size[0]; i++) {
        const double *point = p.data + i * p.size[2];
        T closest = HUGE_VAL;
        for (int j = 0; j < p.size[1]; j++) {
            T distance = 0;
            for (int l = 0; l < p.size[2]; l++)
                distance += (point[l] - x[j * p.size[2] + l]) * (point[l] - x[j * p.size[2] + l]);
            if (distance < closest)
                closest = distance;
        }
        cost += closest;
    }
    return cost;
}

template <class T> T gmm(const evals_problem &p, const T *x)
{
    using std::exp;
    int d = p.size[0], k = p.size[1], n = p.size[2], below = d * (d - 1) / 2;
    const T *alpha = x, *mu = x + k, *q = mu + k * d, *l = q + k * d;
    vector<T> diagonal(k * d), sum_q(k), term(k), scaled(d), centered(d);
    T total = 0;
    for (int i = 0; i < k; i++) {
        sum_q[i] = 0;
        for (int j = 0; j < d; j++) {
            diagonal[i * d + j] = exp(q[i * d + j]);
            sum_q[i] += q[i * d + j];
            total -= 0.5 * diagonal[i * d + j] * diagonal[i * d + j];
        }
    }
    for (int i = 0; i < k * below; i++)
        total -= 0.5 * l[i] * l[i];
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < k; c++) {
            const T *at = l + c * below;
            T squares = 0;
            for (int j = 0; j < d; j++) {
                centered[j] = p.data[i * d + j] - mu[c * d + j];
                scaled[j] = diagonal[c * d + j] * centered[j];
            }
            for (int j = 0; j < d; j++)
                for (int r = j + 1; r < d; r++)
                    scaled[r] += *at++ * centered[j];
            for (int j = 0; j < d; j++)
                squares += scaled[j] * scaled[j];
            term[c] = alpha[c] + sum_q[c] - 0.5 * squares;
        }
        total += lse(term.data(), k);
    }
    return total - n * lse(alpha, k);
}

template <class T> T sigmoid(const T &x)
{
    using std::exp;
    return 1 / (1 + exp(-x));
}

template <class T> T lstm(const evals_problem &p, const T *x)
{
    using std::exp;
    using std::log;
    using std::tanh;
    const int l = p.size[0], c = p.size[1], b = 14;
    const T *extra = x + 8 * l * b;
    const double *sequence = p.data + 2 * l * b;
    vector<T> state(p.data, p.data + 2 * l * b), prediction(b);
    T total = 0;
    for (int t = 0; t < c - 1; t++) {
        T sum = 2;
        for (int i = 0; i < b; i++) {
            T in = sequence[t * b + i] * extra[i];
            for (int k = 0; k < l; k++) {
                const T *w = x + 8 * k * b + i, *bias = w + 4 * b;
                T &h = state[2 * k * b + i], &cell = state[(2 * k + 1) * b + i];
                T forget = sigmoid<T>(in * w[0] + bias[0]);
                T open = sigmoid<T>(in * w[2 * b] + bias[2 * b]);
                T gate = sigmoid<T>(h * w[b] + bias[b]), change = tanh(h * w[3 * b] + bias[3 * b]);
                cell = cell * forget + gate * change;
                h = open * tanh(cell);
                in = h;
            }
            prediction[i] = in * extra[b + i] + extra[2 * b + i];
            sum += exp(prediction[i]);
        }
        T norm = log(sum);
        for (int i = 0; i < b; i++)
            total -= sequence[(t + 1) * b + i] * (prediction[i] - norm);
    }
    return total / (b * (c - 1));
}

template <class T> void ode_slope(int n, const T *x, const vector<T> &y, vector<T> &to)
{
    to[0] = x[0];
    for (int i = 1; i < n; i++)
        to[i] = x[i] * y[i - 1];
}

template <class T> T ode(const evals_problem &p, const T *x)
{
    int n = p.size[0];
    double h = 2.0 / p.size[1];
    vector<T> y(n), k1(n), k2(n), k3(n), k4(n), z(n);
    for (int s = 0; s < p.size[1]; s++) {
        ode_slope(n, x, y, k1);
        for (int i = 0; i < n; i++)
            z[i] = y[i] + h / 2 * k1[i];
        ode_slope(n, x, z, k2);
        for (int i = 0; i < n; i++)
            z[i] = y[i] + h / 2 * k2[i];
        ode_slope(n, x, z, k3);
        for (int i = 0; i < n; i++)
            z[i] = y[i] + h * k3[i];
        ode_slope(n, x, z, k4);
        for (int i = 0; i < n; i++)
            y[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
    }
    T sum = 0;
    for (int i = 0; i < n; i++)
        sum += y[i];
    return sum;
}

template <class T> T det_minor(const T *x, int n, int m, unsigned columns)
{
    const T *row = x + (n - m) * n;
    T sum = 0;
    bool minus = false;
    for (int j = 0; j < n; j++) {
        if (!(columns >> j & 1))
            continue;
        if (m == 1)
            return row[j];
        T minor = det_minor(x, n, m - 1, columns & ~(1u << j));
        if (minus)
            sum -= row[j] * minor;
        else
            sum += row[j] * minor;
        minus = !minus;
    }
    return sum;
}

template <class T> T det(const evals_problem &p, const T *x)
{
    return det_minor(x, p.size[0], p.size[0], (1u << p.size[0]) - 1);
}

// cam: axis times angle, centre, focal length, principal point, radial factors.
template <class T>
void ba_errors(const T *cam, const T *point, const T &w, const double *measured, T *errors)
{
    using std::cos;
    using std::sin;
    using std::sqrt;
    T x[3], axis[3], seen[3];
    T angle = sqrt(cam[0] * cam[0] + cam[1] * cam[1] + cam[2] * cam[2]), c = cos(angle),
      s = sin(angle), inverse = 1 / angle;
    for (int i = 0; i < 3; i++) {
        x[i] = point[i] - cam[3 + i];
        axis[i] = cam[i] * inverse;
    }
    T along = (axis[0] * x[0] + axis[1] * x[1] + axis[2] * x[2]) * (1 - c);
    for (int i = 0, j = 1, k = 2; i < 3; i++, j = (j + 1) % 3, k = (k + 1) % 3)
        seen[i] = x[i] * c + (axis[j] * x[k] - axis[k] * x[j]) * s + axis[i] * along;
    T u = seen[0] / seen[2], v = seen[1] / seen[2], r = u * u + v * v;
    T scale = (1 + r * (cam[9] + cam[10] * r)) * cam[6];
    errors[0] = w * (u * scale + cam[7] - measured[0]);
    errors[1] = w * (v * scale + cam[8] - measured[1]);
}

// The 15 numbers of observation i.
inline void ba_numbers(const evals_problem &p, int i, double *to)
{
    int n = p.size[0], m = p.size[1];
    const double *points = p.x + 11 * n;
    for (int k = 0; k < 11; k++)
        to[k] = p.x[k * n + i % n];
    for (int k = 0; k < 3; k++)
        to[11 + k] = points[k * m + i % m];
    to[14] = points[3 * m + i];
}

// The function of this name whose derivative is a gradient, or NULL.
template <class T> T (*find(const char *name))(const evals_problem &, const T *)
{
    static const struct {
        const char *name;
        T (*function)(const evals_problem &, const T *);
    } functions[] = {{"lse", whole_lse<T>}, {"llsq", llsq<T>}, {"gmm", gmm<T>},
                     {"lstm", lstm<T>},     {"ode", ode<T>},   {"det", det<T>}};
    for (const auto &entry : functions)
        if (!std::strcmp(name, entry.name))
            return entry.function;
    return nullptr;
}

} // namespace evals

#endif
