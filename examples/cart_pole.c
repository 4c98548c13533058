/* SPDX-License-Identifier: MIT
 *
 * A pole that hangs from a cart is swung up within two seconds, by 20 forces of at most 10 N, each
 * held for a tenth of a second. The cost is what is left at the end (10 for the square of the angle
 * in rad, 1 for those of place and speeds) and a hundredth of the sum of squared forces. Gradients
 * go through 20 steps of Runge & Kutta; every method finds the same swing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tinypytorch.h>

enum { STEPS = 20, PLACE = 0, ANGLE, SPEED, TURN, STATES };

static const double step = 0.1, gravity = 9.81, cart = 1, pole = 0.1, half_length = 0.5;

/* d state / dt under a force (Barto, Sutton & Anderson 1983, without friction). */
static void motion(tp_var *const s[STATES], tp_var *force, tp_var *rate[STATES])
{
    tp_var *sine = tp_sin(s[ANGLE]), *cosine = tp_cos(s[ANGLE]);
    tp_var *pull = tp_mul(pole * half_length, tp_mul(tp_square(s[TURN]), sine));
    tp_var *push = tp_div(tp_add(force, pull), cart + pole);
    tp_var *inertia = tp_sub(4.0 / 3, tp_mul(pole / (cart + pole), tp_square(cosine)));
    tp_var *moment = tp_sub(tp_mul(gravity, sine), tp_mul(cosine, push));
    tp_var *turned = tp_div(moment, tp_mul(half_length, inertia));
    rate[PLACE] = s[SPEED];
    rate[ANGLE] = s[TURN];
    rate[SPEED] = tp_sub(push, tp_mul(pole * half_length / (cart + pole), tp_mul(turned, cosine)));
    rate[TURN] = turned;
}

/* s + h rate */
static void move(tp_var *const s[STATES], double h, tp_var *const rate[STATES], tp_var *to[STATES])
{
    for (int i = 0; i < STATES; i++)
        to[i] = tp_add(s[i], tp_mul(h, rate[i]));
}

static void runge_kutta(tp_var *s[STATES], tp_var *force)
{
    tp_var *k[4][STATES], *between[STATES];
    motion(s, force, k[0]);
    for (int stage = 1; stage < 4; stage++) {
        move(s, stage < 3 ? step / 2 : step, k[stage - 1], between);
        motion(between, force, k[stage]);
    }
    for (int i = 0; i < STATES; i++) {
        tp_var *middle = tp_mul(2, tp_add(k[1][i], k[2][i]));
        s[i] = tp_add(s[i], tp_mul(step / 6, tp_add(tp_add(k[0][i], middle), k[3][i])));
    }
}

static void swing(tp_var *forces, tp_var *s[STATES])
{
    for (int i = 0; i < STATES; i++)
        s[i] = tp_num(i == ANGLE ? 3.14159265358979323846 : 0);
    for (int i = 0; i < STEPS; i++)
        runge_kutta(s, tp_select(forces, 0, i));
}

static tp_var *cost(void *ctx, tp_var *forces)
{
    tp_var *s[STATES];
    (void)ctx;
    swing(forces, s);
    tp_var *left = tp_mul(10, tp_square(s[ANGLE]));
    left = tp_add(left, tp_add(tp_square(s[PLACE]), tp_square(s[SPEED])));
    left = tp_add(left, tp_square(s[TURN]));
    return tp_add(left, tp_mul(0.01, tp_sum(tp_square(forces))));
}

static void show(tp_var *forces)
{
    tp_var *s[STATES];
    swing(forces, s);
    char *line = tp_sparkline(forces, 0);
    printf("forces %s from %.2f to %.2f N\n", line, tp_item(tp_min(forces)),
           tp_item(tp_max(forces)));
    printf("at the end the pole leans by %.1f degrees, the cart is at %.2f m\n",
           tp_item(s[ANGLE]) * 180 / 3.14159265358979323846, tp_item(s[PLACE]));
    free(line);
}

int main(void)
{
    tp_minimize_result best = {0};
    for (tp_method method = TP_LBFGS; method <= TP_CONJUGATE; method++) {
        clock_t began = clock();
        tp_minimize(cost, NULL, tp_ones(TP_F64, TP_SHAPE(STEPS)), &best, .method = method,
                    .lower = tp_num(-10), .upper = tp_num(10));
        printf("%-19s cost %.6f, %3d iterations, %3d evaluations, %.2f s; %s\n",
               tp_method_name(method), best.value, best.iterations, best.evaluations,
               (double)(clock() - began) / CLOCKS_PER_SEC, best.message);
    }
    show(best.x);
    return tp_check();
}
