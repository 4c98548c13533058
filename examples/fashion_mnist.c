/* SPDX-License-Identifier: MIT
 *
 * Clothes from photographs: Fashion-MNIST (Xiao et al. 2017), 60,000 images of 28 × 28 in ten
 * classes (Debian's dataset-fashion-mnist), by a multilayer perceptron, LeNet or a small ResNet:
 *     fashion_mnist [mlp | lenet | resnet] [epochs]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tinypytorch.h>

static tp_module *mlp(void)
{
    return tp_sequential_new(TP_MODULES(tp_flatten_new(), tp_linear_new(784, 256), tp_relu_new(),
                                        tp_linear_new(256, 128), tp_relu_new(),
                                        tp_linear_new(128, 10)));
}

static tp_module *lenet(void)
{
    return tp_sequential_new(
        TP_MODULES(tp_conv2d_new(1, 16, 5, .padding = 2), tp_relu_new(), tp_max_pool2d_new(2),
                   tp_conv2d_new(16, 32, 5), tp_relu_new(), tp_max_pool2d_new(2), tp_flatten_new(),
                   tp_linear_new(800, 120), tp_relu_new(), tp_linear_new(120, 84), tp_relu_new(),
                   tp_linear_new(84, 10)));
}

/* Two convolutions beside a shortcut, at half the size if the stride is 2. */
static tp_module *block(int64_t in, int64_t out, int64_t stride)
{
    tp_module *body = tp_sequential_new(TP_MODULES(
        tp_conv2d_new(in, out, 3, .padding = 1, .stride.one = stride, .bias = false),
        tp_batch_norm_new(out), tp_relu_new(),
        tp_conv2d_new(out, out, 3, .padding = 1, .bias = false), tp_batch_norm_new(out)));
    tp_module *shortcut = NULL;
    if (in != out)
        shortcut = tp_sequential_new(
            TP_MODULES(tp_conv2d_new(in, out, 1, .stride.one = stride, .bias = false),
                       tp_batch_norm_new(out)));
    return tp_sequential_new(TP_MODULES(tp_residual_new(body, shortcut), tp_relu_new()));
}

static tp_module *resnet(void)
{
    return tp_sequential_new(
        TP_MODULES(tp_conv2d_new(1, 16, 3, .padding = 1, .bias = false), tp_batch_norm_new(16),
                   tp_relu_new(), block(16, 16, 1), block(16, 32, 2), block(32, 64, 2),
                   tp_adaptive_avg_pool2d_new(1), tp_flatten_new(), tp_linear_new(64, 10)));
}

static double accuracy(tp_module *net, tp_loader *test)
{
    TP_NO_GRAD();
    double right = 0, all = 0;
    tp_var *batch[2];
    tp_module_train(net, false);
    for (size_t s; s = tp_scope_begin(), tp_loader_next(test, batch); tp_scope_end(s)) {
        right += tp_item(tp_sum(tp_eq(tp_argmax(tp_forward(net, batch[0]), 1), batch[1])));
        all += (double)tp_len(batch[1]);
    }
    tp_module_train(net, true);
    return 100 * right / all;
}

int main(int argc, char **argv)
{
    const char *model = argc > 1 ? argv[1] : "lenet";
    int epochs = argc > 2 ? atoi(argv[2]) : 5;
    tp_manual_seed(1);
    tp_module *net = !strcmp(model, "mlp") ? mlp() : !strcmp(model, "lenet") ? lenet() : resnet();
    tp_dataset *images = tp_fashion_mnist(NULL, true), *unseen = tp_fashion_mnist(NULL, false);
    tp_loader *train = tp_loader_new(images, 64, .shuffle = true, .workers = 1);
    tp_loader *test = tp_loader_new(unseen, 500);
    tp_var *params[64];
    tp_optimizer *adam = tp_adam_new(params, tp_parameters(net, 64, params), 1e-3);

    printf("%s: %d parameters\n", model, (int)tp_parameter_count(net));
    for (int epoch = 0; epoch < epochs && !tp_error(); epoch++) {
        double sum = 0;
        tp_var *batch[2];
        tp_optimizer_set_lr(adam, 0, 4 * epoch < 3 * epochs ? 1e-3 : 1e-4);
        for (size_t s; s = tp_scope_begin(), tp_loader_next(train, batch); tp_scope_end(s)) {
            tp_var *loss = tp_cross_entropy(tp_forward(net, batch[0]), batch[1]);
            tp_optimizer_zero_grad(adam);
            tp_backward(loss);
            tp_optimizer_step(adam);
            sum += tp_item(loss);
        }
        printf("epoch %2d  loss %.4f  accuracy %.2f %%\n", epoch + 1,
               sum / (double)tp_loader_len(train), accuracy(net, test));
    }
    tp_optimizer_free(adam);
    tp_loader_free(train), tp_loader_free(test);
    tp_dataset_free(images), tp_dataset_free(unseen);
    tp_module_free(net);
    return tp_check();
}
