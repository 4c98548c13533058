/* SPDX-License-Identifier: MIT
 *
 * The networks of examples/fashion_mnist.c for training.py, which trains the same ones in PyTorch:
 *
 *     training MODEL TYPE STEPS DIRECTORY
 *
 * MODEL is mlp, lenet or resnet, TYPE float32 or float64. Writes the initial weights and the order
 * of the images into DIRECTORY, trains STEPS batches of 64, and prints each loss; or with STEPS 0
 * trains two epochs in float32 and prints the seconds of the second.
 */
int example_main(int argc, char **argv);
#define main example_main
#include "../examples/fashion_mnist.c"
#undef main

#include "harness.h"

enum { BATCH = 64 };

static tp_module *model_of(const char *name)
{
    return !strcmp(name, "mlp") ? mlp() : !strcmp(name, "lenet") ? lenet() : resnet();
}

static double step(tp_module *net, tp_optimizer *adam, tp_var *x, tp_var *target)
{
    tp_var *loss = tp_cross_entropy(tp_forward(net, x), target);
    tp_optimizer_zero_grad(adam);
    tp_backward(loss);
    tp_optimizer_step(adam);
    return tp_item(loss);
}

static void compare(tp_module *net, tp_optimizer *adam, tp_loader *train, tp_dtype type, int steps,
                    const char *directory)
{
    char path[512];
    snprintf(path, sizeof path, "%s/weights.safetensors", directory);
    tp_module_save(net, path);
    for (int i = 0; i < steps && !tp_error(); i++) {
        TP_SCOPE();
        tp_var *batch[2];
        tp_loader_next(train, batch);
        snprintf(path, sizeof path, "%s/batch%d.safetensors", directory, i);
        tp_state_dict *d = tp_state_dict_new();
        tp_state_dict_set(d, "x", batch[0]);
        tp_state_dict_set(d, "target", batch[1]);
        tp_state_dict_save(d, path);
        tp_state_dict_free(d);
        printf("%.17g\n", step(net, adam, tp_to(batch[0], type), batch[1]));
    }
}

static void measure(tp_module *net, tp_optimizer *adam, tp_loader *train)
{
    double start = 0;
    for (int epoch = 0; epoch < 2 && !tp_error(); epoch++) {
        tp_var *batch[2];
        start = bench_now();
        for (size_t s; s = tp_scope_begin(), tp_loader_next(train, batch); tp_scope_end(s))
            step(net, adam, batch[0], batch[1]);
    }
    printf("%.3f\n", (bench_now() - start) / 1e9);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: training mlp|lenet|resnet float32|float64 STEPS DIRECTORY\n");
        return 2;
    }
    tp_dtype type = strcmp(argv[2], "float64") ? TP_F32 : TP_F64;
    tp_manual_seed(1);
    tp_module *net = model_of(argv[1]);
    tp_module_to(net, type);
    tp_dataset *images = tp_fashion_mnist(NULL, true);
    tp_loader *train = tp_loader_new(images, BATCH, .shuffle = true);
    tp_var *params[64];
    tp_optimizer *adam = tp_adam_new(params, tp_parameters(net, 64, params), 1e-3);
    int steps = atoi(argv[3]);
    if (steps)
        compare(net, adam, train, type, steps, argv[4]);
    else
        measure(net, adam, train);
    tp_optimizer_free(adam);
    tp_loader_free(train);
    tp_dataset_free(images);
    tp_module_free(net);
    return tp_check();
}
