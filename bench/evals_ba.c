/* SPDX-License-Identifier: MIT
 *
 * ba: bundle adjustment of n = size[0] cameras, m = size[1] points, p = size[2] observations. A
 * camera is an axis times an angle, a centre, a focal length, a principal point and two radial
 * factors (11), a point has 3 numbers, an observation a weight and the measured place. Its errors
 * are
 *
 *     w (project(camera, point) − measured) and 1 − w²
 *
 * The results are, of each observation, the 15 derivatives of the first error for its camera, point
 * and weight, those of the second, and that of 1 − w². Camera and point of observation i are i
 * modulo n and m. x: cameras (11, n), points (3, m), weights (p); constants: measured (2, p).
 */
#include "evals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tinypytorch.h>

enum { BA_CAMERA = 11, BA_EACH = 15, BA_RESULTS = 2 * BA_EACH + 1, BA_BLOCK = 2048 };

/* The numbers of ADBench's ba5, with each of them spread by some percent. */
static void ba_make(evals_problem *p)
{
    static const double camera[] = {-0.758453, -1.109613, -0.845551,  34.556073,
                                    39.676747, 53.881673, 419.194514, 5.864426,
                                    -8.518870, 0.087812,  0.002739};
    static const double point[] = {7.203245, 0.001144, 3.023326};
    int n = p->size[0], m = p->size[1], count = p->size[2];
    evals_input(p, (size_t)(BA_CAMERA * n + 3 * m + count), (size_t)(2 * count),
                (size_t)count * BA_RESULTS);
    double *x = p->x;
    for (int i = 0; i < BA_CAMERA * n; i++, x++)
        *x = camera[i / n] * (0.98 + 0.04 * *x);
    for (int i = 0; i < 3 * m; i++, x++)
        *x = point[i / m] * (0.98 + 0.04 * *x);
    for (int i = 0; i < count; i++, x++)
        *x = 0.4 + 0.1 * *x;
    for (int i = 0; i < 2 * count; i++)
        p->data[i] = (i < count ? 271.760969 : 834.209256) + p->data[i];
    p->v[0] = evals_variable(TP_SHAPE(BA_CAMERA, n), p->x);
    p->v[1] = evals_variable(TP_SHAPE(3, m), p->x + BA_CAMERA * n);
    p->v[2] = evals_variable(TP_SHAPE(count), p->x + BA_CAMERA * n + 3 * m);
    p->v[3] = evals_constant(TP_SHAPE(2, count), p->data);
    TP_SCOPE();
    tp_var *numbers = tp_arange(TP_I64, 0, count, 1);
    p->v[4] = tp_keep(tp_remainder(numbers, n));
    p->v[5] = tp_keep(tp_remainder(numbers, m));
}

static tp_var *ba_dot(tp_var *const *a, tp_var *const *b)
{
    return tp_add(tp_add(tp_mul(a[0], b[0]), tp_mul(a[1], b[1])), tp_mul(a[2], b[2]));
}

/* x turned by the angle |axis| around axis (Rodrigues). */
static void ba_rotate(tp_var *const *axis, tp_var *const *x, tp_var **to)
{
    tp_var *angle = tp_sqrt(ba_dot(axis, axis)), *c = tp_cos(angle), *s = tp_sin(angle), *w[3];
    for (int i = 0; i < 3; i++)
        w[i] = tp_div(axis[i], angle);
    tp_var *along = tp_mul(ba_dot(w, x), tp_sub(1, c));
    for (int i = 0, j = 1, k = 2; i < 3; i++, j = (j + 1) % 3, k = (k + 1) % 3) {
        tp_var *cross = tp_sub(tp_mul(w[j], x[k]), tp_mul(w[k], x[j]));
        to[i] = tp_add(tp_add(tp_mul(x[i], c), tp_mul(cross, s)), tp_mul(w[i], along));
    }
}

/* v: 11 of the camera, 3 of the point, the weight, each of all observations. */
static void ba_errors(tp_var *const *v, tp_var *const *measured, tp_var **errors)
{
    tp_var *moved[3], *seen[3];
    for (int i = 0; i < 3; i++)
        moved[i] = tp_sub(v[BA_CAMERA + i], v[3 + i]);
    ba_rotate(v, moved, seen);
    tp_var *x = tp_div(seen[0], seen[2]), *y = tp_div(seen[1], seen[2]);
    tp_var *r = tp_add(tp_square(x), tp_square(y));
    tp_var *bent = tp_add(1, tp_mul(r, tp_add(v[9], tp_mul(v[10], r))));
    tp_var *scale = tp_mul(bent, v[6]);
    errors[0] = tp_mul(v[14], tp_sub(tp_add(tp_mul(x, scale), v[7]), measured[0]));
    errors[1] = tp_mul(v[14], tp_sub(tp_add(tp_mul(y, scale), v[8]), measured[1]));
}

/* Observations from … from + count − 1. out: those of all, one after the other. */
static void ba_part(const evals_problem *p, int from, int count, double *out)
{
    tp_var *v[BA_EACH], *measured[2], *errors[2], *g[2 * BA_EACH + 1];
    tp_var *camera = tp_narrow(p->v[4], 0, from, count),
           *point = tp_narrow(p->v[5], 0, from, count);
    for (int i = 0; i < BA_CAMERA; i++)
        v[i] = tp_index_select(tp_select(p->v[0], 0, i), 0, camera);
    for (int i = 0; i < 3; i++)
        v[BA_CAMERA + i] = tp_index_select(tp_select(p->v[1], 0, i), 0, point);
    v[14] = tp_narrow(p->v[2], 0, from, count);
    for (int i = 0; i < 2; i++)
        measured[i] = tp_narrow(tp_select(p->v[3], 0, i), 0, from, count);
    ba_errors(v, measured, errors);
    for (int i = 0; i < 2; i++)
        tp_gradients(tp_sum(errors[i]), v, BA_EACH, g + i * BA_EACH);
    g[2 * BA_EACH] = tp_gradient(tp_sum(tp_sub(1, tp_square(v[14]))), v[14]);
    for (int i = 0; i < BA_RESULTS; i++) {
        const double *data = tp_data(g[i]);
        for (int k = 0; out && data && k < count; k++)
            out[(from + k) * BA_RESULTS + i] = data[k];
    }
}

static void ba_ours(const evals_problem *p, double *out)
{
    TP_SCOPE();
    ba_part(p, 0, p->size[2], out);
}

static void ba_blocks(const evals_problem *p, double *out)
{
    for (int from = 0; from < p->size[2]; from += BA_BLOCK) {
        TP_SCOPE();
        int left = p->size[2] - from;
        ba_part(p, from, left < BA_BLOCK ? left : BA_BLOCK, out);
    }
}

/* --- By hand: forwards, then both errors back together --- */

/* The rotation of x by angle |a| and its derivatives: to is R x, rows of da and dx those of each of
 * its numbers for a and for x. */
static void ba_hand_rotate(const double *a, const double *x, double *to, double (*da)[3],
                           double (*dx)[3])
{
    double angle = sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]), c = cos(angle), s = sin(angle);
    double w[3] = {a[0] / angle, a[1] / angle, a[2] / angle};
    double dot = w[0] * x[0] + w[1] * x[1] + w[2] * x[2], rest = 1 - c;
    double cross[3] = {w[1] * x[2] - w[2] * x[1], w[2] * x[0] - w[0] * x[2],
                       w[0] * x[1] - w[1] * x[0]};
    double skew[3][3] = {{0, -w[2], w[1]}, {w[2], 0, -w[0]}, {-w[1], w[0], 0}};
    double back[3][3] = {{0, x[2], -x[1]}, {-x[2], 0, x[0]}, {x[1], -x[0], 0}};
    for (int i = 0; i < 3; i++) {
        to[i] = x[i] * c + cross[i] * s + w[i] * dot * rest;
        double turned = cross[i] * c - x[i] * s + w[i] * dot * s, dw[3], along = 0;
        for (int j = 0; j < 3; j++) {
            dx[i][j] = (i == j ? c : 0) + skew[i][j] * s + w[i] * w[j] * rest;
            dw[j] = back[i][j] * s + w[i] * x[j] * rest + (i == j ? dot * rest : 0);
            along += dw[j] * w[j];
        }
        for (int j = 0; j < 3; j++)
            da[i][j] = turned * w[j] + (dw[j] - along * w[j]) / angle;
    }
}

static void ba_hand_one(const double *camera, const double *point, double w, const double *measured,
                        double *out)
{
    double moved[3] = {point[0] - camera[3], point[1] - camera[4], point[2] - camera[5]};
    double seen[3], da[3][3], dx[3][3];
    ba_hand_rotate(camera, moved, seen, da, dx);
    double x = seen[0] / seen[2], y = seen[1] / seen[2], r = x * x + y * y, focal = camera[6];
    double bent = 1 + r * (camera[9] + camera[10] * r), slope = camera[9] + 2 * camera[10] * r;
    double place[2] = {x, y};
    for (int e = 0; e < 2; e++, out += BA_EACH) {
        double gx = place[e] * slope * 2 * x + (e == 0 ? bent : 0);
        double gy = place[e] * slope * 2 * y + (e == 1 ? bent : 0);
        double g[3] = {w * focal * gx / seen[2], w * focal * gy / seen[2],
                       -w * focal * (gx * x + gy * y) / seen[2]};
        for (int j = 0; j < 3; j++) {
            out[j] = g[0] * da[0][j] + g[1] * da[1][j] + g[2] * da[2][j];
            out[BA_CAMERA + j] = g[0] * dx[0][j] + g[1] * dx[1][j] + g[2] * dx[2][j];
            out[3 + j] = -out[BA_CAMERA + j];
        }
        out[6] = w * place[e] * bent;
        out[7] = e == 0 ? w : 0;
        out[8] = e == 1 ? w : 0;
        out[9] = w * focal * place[e] * r;
        out[10] = w * focal * place[e] * r * r;
        out[14] = place[e] * bent * focal + camera[7 + e] - measured[e];
    }
    *out = -2 * w;
}

static void ba_hand(const evals_problem *p, double *out)
{
    int n = p->size[0], m = p->size[1], count = p->size[2];
    const double *points = p->x + BA_CAMERA * n, *weights = points + 3 * m;
    for (int i = 0; i < count; i++) {
        double camera[BA_CAMERA], point[3], measured[2] = {p->data[i], p->data[count + i]};
        for (int k = 0; k < BA_CAMERA; k++)
            camera[k] = p->x[k * n + i % n];
        for (int k = 0; k < 3; k++)
            point[k] = points[k * m + i % m];
        ba_hand_one(camera, point, weights[i], measured, out + (size_t)i * BA_RESULTS);
    }
}

const evals_problem evals_ba[] = {
    {.name = "ba",
     .title = "ba: 225,911 observations (ba5)",
     .size = {257, 65132, 225911},
     .make = ba_make,
     .hand = ba_hand,
     .ours = {{"TinyPytorch", ba_ours}, {"TinyPytorch, blocks of 2,048", ba_blocks}},
     .tolerance = 1e-12},
    {0}};
