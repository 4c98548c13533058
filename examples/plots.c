/* SPDX-License-Identifier: MIT
 *
 * Training seen in pictures: a small network learns to tell four patterns apart, and its loss,
 * its weights and what its first layer looks for are drawn.
 */
#include <stdio.h>
#include <stdlib.h>

#include <tinypytorch.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, HIDDEN = 12, CLASSES = 4, BATCH = 32, STEPS = 400 };

/* Bars across, bars down, a check and a ring, under noise. */
static tp_var *patterns(tp_var *classes)
{
    TP_SCOPE();
    float *pixel = tp_data_(tp_zeros(TP_F32, TP_SHAPE(BATCH * PIXELS)));
    const int64_t *class = tp_data(classes);
    for (int i = 0; i < BATCH * PIXELS; i++) {
        int row = i / SIDE % SIDE, column = i % SIDE;
        int far = abs(2 * row - SIDE + 1) + abs(2 * column - SIDE + 1);
        int on[] = {row % 4 < 2, column % 4 < 2, (row / 2 + column / 2) % 2, far > 5 && far < 10};
        int64_t image = i / PIXELS;
        pixel[i] = (float)on[class[image]];
    }
    tp_var *clean = tp_array(TP_F32, TP_SHAPE(BATCH, PIXELS), pixel);
    return tp_leave(tp_add(clean, tp_mul(0.3, tp_randn(TP_F32, TP_SHAPE(BATCH, PIXELS)))));
}

static void save(tp_plot *plot, const char *name)
{
    if (tp_plot_save(plot, name)) {
        printf("wrote %s\n", name);
    } else if (tp_status() == TP_ERROR_MISSING) {
        printf("%s was not drawn: %s\n", name, tp_error());
        tp_clear_error();
    }
    tp_plot_free(plot);
}

int main(void)
{
    tp_manual_seed(5);
    tp_var *w1 = tp_variable(tp_mul(0.2, tp_randn(TP_F32, TP_SHAPE(PIXELS, HIDDEN))));
    tp_var *w2 = tp_variable(tp_mul(0.2, tp_randn(TP_F32, TP_SHAPE(HIDDEN, CLASSES))));
    tp_var *param[] = {w1, w2}, *losses = tp_zeros(TP_F64, TP_SHAPE(STEPS)), *examples = NULL;
    double *loss_at = tp_data_(losses);
    for (int i = 0; i < STEPS; i++) {
        TP_SCOPE();
        tp_var *class = tp_randint(0, CLASSES, TP_SHAPE(BATCH));
        tp_var *x = patterns(class);
        tp_var *loss = tp_cross_entropy(tp_matmul(tp_tanh(tp_matmul(x, w1)), w2), class);
        tp_cleargrad(w1), tp_cleargrad(w2);
        tp_backward(loss, .consume = true);
        tp_sgd_step(param, NULL, 2, .lr = 0.05);
        loss_at[i] = tp_item(loss);
        if (i == 0)
            examples = tp_keep(tp_reshape(tp_narrow(x, 0, 0, 8), TP_SHAPE(8, SIDE, SIDE)));
    }
    char *line = tp_sparkline(losses, 40);
    printf("loss %.3f to %.3f  %s\n", loss_at[0], loss_at[STEPS - 1], line ? line : "");
    free(line);

    tp_plot *plot = tp_plot_new(.title = "Training", .x_label = "step", .y_label = "cross-entropy",
                                .grid = true, .log_y = true);
    tp_plot_training(plot, losses, .label = "loss", .smooth = 20);
    save(plot, "training.png");

    plot = tp_plot_new(.title = "Weights of the first layer", .x_label = "weight",
                       .y_label = "density");
    tp_plot_histogram(plot, w1, .density = true, .label = "after training");
    save(plot, "weights.png");

    plot = tp_plot_new(.title = "What each hidden unit looks for", .width = 800, .height = 500);
    tp_var *units = tp_reshape(tp_transpose(w1, 0, 1), TP_SHAPE(HIDDEN, SIDE, SIDE));
    tp_plot_images(plot, units, .palette = TP_PALETTE_DIVERGING, .low = -0.8, .high = 0.8);
    save(plot, "units.png");

    const char *captions[] = {"1", "2", "3", "4", "5", "6", "7", "8"};
    plot = tp_plot_new(.title = "The first eight examples");
    tp_plot_images(plot, examples, .palette = TP_PALETTE_GRAY, .captions = captions,
                   .n_captions = 8);
    save(plot, "patterns.png");
    tp_free(examples);
    return tp_check();
}
