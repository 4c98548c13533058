/* SPDX-License-Identifier: MIT
 *
 * Networks: modules, which are functions with parameters.
 *
 *     tp_module *net = tp_sequential_new(
 *         TP_MODULES(tp_linear_new(2, 16), tp_tanh_new(), tp_linear_new(16, 3)));
 *     tp_var *y = tp_forward(net, x);              (N, 2) → (N, 3)
 *     tp_module_save(net, "net.safetensors");
 *     tp_module_free(net);
 *
 * A *module* has *parameters* (variables, which are trained), *buffers* (constants that belong to
 * it, such as running means) and *children*, which are modules; each has a name. Below a module
 * they have dotted names, "layers.0.weight". Layers (layers.h) have the names, shapes and initial
 * distributions of PyTorch's, so a network of the same form takes the weights of one.
 *
 * One's own module is a struct of what it needs and a function:
 *
 *     typedef struct block {
 *         tp_module *first, *second;
 *     } block;
 *
 *     static tp_var *block_forward(tp_module *m, tp_var *x)
 *     {
 *         block *b = tp_module_self(m);
 *         return tp_add(x, tp_forward(b->second, tp_relu(tp_forward(b->first, x))));
 *     }
 *
 *     static tp_module *block_new(int64_t width)
 *     {
 *         tp_module *m = tp_module_new(.name = "Block", .self = sizeof(block),
 *                                      .forward = block_forward);
 *         block *b = tp_module_self(m);
 *         if (b) {
 *             b->first = tp_module_add(m, "first", tp_linear_new(width, width));
 *             b->second = tp_module_add(m, "second", tp_linear_new(width, width));
 *         }
 *         return m;
 *     }
 *
 * Modules are counted: who makes one has a handle on it and frees it, unless it is handed to a
 * module that takes it as its child. A module that could not be made is NULL, with an error. It is
 * passed on like poison: tp_forward(NULL, x) is poison, and a module that takes NULL as its child
 * keeps the error pending.
 */
#ifndef TINYPYTORCH_NN_H
#define TINYPYTORCH_NN_H

#include "io.h"
#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_module tp_module;

/* --- Modules of one's own --- */

#define TP__DEFAULTS_tp_module_class(_)
typedef struct tp_module_class {
    TP__OPTIONS(tp_module_class)
    const char *name; /* "Block", in summaries and messages; not copied */
    size_t self;      /* bytes for tp_module_self, zero at the beginning */

    /* What it computes: one result of one value, or n_out results of n_in values. Exactly one of
     * the two is given. Values that are optional may be NULL in `in`; the results that nobody wants
     * are not in `out`. It runs in a scope of its own, of which the results are left. */
    tp_var *(*forward)(tp_module *m, tp_var *x);
    void (*forward_n)(tp_module *m, int n_in, tp_var *const *in, int n_out, tp_var **out);

    /* May be NULL: what else there is to free; a line for summaries, "784 → 10", into text. */
    void (*free)(tp_module *m);
    void (*describe)(const tp_module *m, char *text, size_t size);
} TP__BY_NAME tp_module_class;

/* A module without parameters and children. NULL, with an error, without memory or if the class
 * does not say what it computes. The class is copied. */
TP_API tp_module *tp_module_new(const tp_module_class *module_class);

/* Gives back a handle; with the last one go the module, its values and its handles on children.
 * NULL is ignored. tp_module_keep gives one more handle and returns m: a module that is the child
 * of two is shared by them. */
TP_API void tp_module_free(tp_module *m);
TP_API tp_module *tp_module_keep(tp_module *m);

/* The bytes that the class asked for. NULL for NULL. */
TP_API void *tp_module_self(const tp_module *m);

/* Adds a child, whose handle m takes over, and returns it. Names are not empty and have no dot. An
 * error, which frees the child, if the name is taken or the child has m below it. */
TP_API tp_module *tp_module_add(tp_module *m, const char *name, tp_module *child);

/* Adds a parameter: value itself if it is a leaf variable, otherwise a variable with a copy of its
 * elements. Returns it, valid as long as m has it; poison on an error. NULL stands for one that is
 * not there, a bias that was not asked for. A buffer is value itself, a constant. */
TP_API tp_var *tp_module_add_parameter(tp_module *m, const char *name, tp_var *value);
TP_API tp_var *tp_module_add_buffer(tp_module *m, const char *name, tp_var *value);

/* --- Running --- */

/* m's result of x, in the current scope. Poison if m is NULL. */
TP_API tp_var *tp_forward(tp_module *m, tp_var *x);

/* The same of modules with several inputs and results: out gets n_out of them, which are poison on
 * an error. */
TP_API void tp_forward_n(tp_module *m, int n_in, tp_var *const *in, int n_out, tp_var **out);

/* Whether m and all below it are being trained, which dropout and batch norm ask: true at the
 * beginning. */
TP_API void tp_module_train(tp_module *m, bool training);
TP_API bool tp_module_training(const tp_module *m);

/* f(arg, m, …) is called after each forward of m; NULL for none. */
typedef void tp_module_hook(void *arg, tp_module *m, int n_in, tp_var *const *in, int n_out,
                            tp_var *const *out);
TP_API void tp_module_on_forward(tp_module *m, tp_module_hook *f, void *arg);

/* True: forwards of m and of all below it open a name scope each (draw.h), named as the module is
 * in the one above it, so that drawings show them as boxes. It costs some time for each value. */
TP_API void tp_module_name_scopes(tp_module *m, bool enabled);

/* --- Looking inside --- */

/* "Linear". */
TP_API const char *tp_module_name(const tp_module *m);

/* The module below m, the parameter or buffer with this dotted name. Modules: NULL if there is
 * none; "" is m itself. Values: poison, with an error, if there is none. They are m's: keep them,
 * or use them while m has them. */
TP_API tp_module *tp_module_child(tp_module *m, const char *name);
TP_API tp_var *tp_module_get(tp_module *m, const char *name);

/* How many children m has, and child number i. NULL, with an error, if there is no such child. */
TP_API int tp_module_children(const tp_module *m);
TP_API tp_module *tp_module_at(tp_module *m, int i);

/* The parameters of m and of all below it, in the order of PyTorch's: a module's own, then its
 * children's; each once, also if it is shared. Writes the first n of them and returns how many
 * there are; -1 on an error. */
TP_API int tp_parameters(tp_module *m, int n, tp_var **out);

/* How many numbers these are. */
TP_API int64_t tp_parameter_count(tp_module *m);

/* Calls f with m and each module below it, and their dotted names, "" for m; a shared one under
 * each of its names. */
TP_API void tp_module_each(tp_module *m, void (*f)(void *arg, const char *name, tp_module *module),
                           void *arg);

/* The tree of modules as text, in the manner of PyTorch's print; free() it. */
TP_API char *tp_module_repr(tp_module *m);

/* A table of what a forward of n_in values does, by layer: shape of the result, parameters, their
 * bytes, flops (multiplications and additions of products, convolutions and the like; elementwise
 * operations do not count). The forward records nothing and changes no buffer that evaluation does
 * not change; a sum is below it. free() it. */
TP_API char *tp_module_summary(tp_module *m, int n_in, tp_var *const *in);

/* --- Changing --- */

/* Puts v, a leaf variable or for a buffer a constant, in the place of the value of that name, which
 * has its shape: to tie weights, tp_module_set(m, "head.weight", tp_module_get(m, "embed.weight")).
 */
TP_API void tp_module_set(tp_module *m, const char *name, tp_var *v);

/* Freezes (false) or thaws all parameters: frozen ones are constants (tp_requires_grad_). Frozen
 * parameters are still in tp_parameters. */
TP_API void tp_module_requires_grad(tp_module *m, bool requires_grad);

/* Clears all gradients. */
TP_API void tp_module_zero_grad(tp_module *m);

/* Converts all floating parameters and buffers to a floating type. They become new values:
 * optimisers are made afterwards. Those that are shared stay shared within m. */
TP_API void tp_module_to(tp_module *m, tp_dtype dtype);

/* A module of its own with copies of all values; what is shared within m is shared in the copy.
 * tp_module_self is copied byte by byte, but words in it that are addresses of m's modules and
 * values become those of their copies. A class with `free` cannot be copied, which is an error. */
TP_API tp_module *tp_module_copy(tp_module *m);

/* --- States and files --- */

/* All parameters and buffers by dotted name, shared with m. Free it. */
TP_API tp_state_dict *tp_module_state_dict(tp_module *m);

#define TP__DEFAULTS_tp_load_options(_)
typedef struct tp_load_options {
    TP__OPTIONS(tp_load_options)
    bool partial; /* names that only one side has are no error */
    bool convert; /* other element types are converted */
} TP__BY_NAME tp_load_options;

/* Copies the values of d into those of m with the same names. Names, shapes and types are compared
 * first: if anything differs that the options do not allow, nothing is changed, the error tells how
 * many differ and the first, and the log gets the table of tp_module_differences. False then. */
TP_API bool tp_module_load_state_dict(tp_module *m, const tp_state_dict *d,
                                      const tp_load_options *options);

/* A line for each name whose value is missing on one side or has another shape or type: name, in
 * the module, in the dict. free() it. NULL if nothing differs (or on an error). */
TP_API char *tp_module_differences(tp_module *m, const tp_state_dict *d);

/* The same with a file: tp_state_dict_save and _load name the formats. False, with an error. */
TP_API bool tp_module_save(tp_module *m, const char *path);
TP_API bool tp_module_load(tp_module *m, const char *path, const tp_load_options *options);

/* --- Containers --- */

/* One after the other, "0", "1" …: a result of each is what the next one takes. Takes the handles
 * of all, also on an error. */
TP_API tp_module *tp_sequential_new(int n, tp_module *const *modules);

/* x + body(x), or shortcut(x) + body(x) if shortcut is not NULL: children "body" and "shortcut". */
TP_API tp_module *tp_residual_new(tp_module *body, tp_module *shortcut);

/* A function without parameters as a module: tp_lambda_new("Square", tp_square). The name is not
 * copied. */
TP_API tp_module *tp_lambda_new(const char *name, tp_var *(*f)(tp_var *x));

/* --- Initial values ---
 *
 * Fill v, a leaf or constant of a floating type, in place, from this thread's random stream, and
 * return it: PyTorch's torch.nn.init. A weight is (out, in, kernel …): fan_in is in · taps, fan_out
 * is out · taps. */
TP_API tp_var *tp_uniform_(tp_var *v, double low, double high);
TP_API tp_var *tp_normal_(tp_var *v, double mean, double std);
TP_API tp_var *tp_trunc_normal_(tp_var *v, double mean, double std, double low, double high);
TP_API tp_var *tp_fill_(tp_var *v, double value);

/* ±gain √(6 / (fan_in + fan_out)), and normal of std gain √(2 / (fan_in + fan_out)) (Glorot &
 * Bengio 2010). */
TP_API tp_var *tp_xavier_uniform_(tp_var *v, double gain);
TP_API tp_var *tp_xavier_normal_(tp_var *v, double gain);

/* ±gain √(3 / fan_in), and normal of std gain / √fan_in (He et al. 2015); gain is √2 for relu, and
 * tp_leaky_relu_gain(a) = √(2 / (1 + a²)) for leaky_relu of slope a. fan_out in its place if
 * by_fan_out. */
TP_API tp_var *tp_kaiming_uniform_(tp_var *v, double gain, bool by_fan_out);
TP_API tp_var *tp_kaiming_normal_(tp_var *v, double gain, bool by_fan_out);
TP_API double tp_leaky_relu_gain(double slope);

/* gain times a matrix with orthonormal rows or columns, whichever are fewer, of v as (first axis,
 * all others), drawn uniformly among them (Saxe et al. 2014; Mezzadri 2007). */
TP_API tp_var *tp_orthogonal_(tp_var *v, double gain);

/* Identity: ones where both indices of a matrix are equal; of a convolution's weight, in the middle
 * of the kernel. */
TP_API tp_var *tp_eye_(tp_var *v);
TP_API tp_var *tp_dirac_(tp_var *v);

/* Each column of a matrix has ⌈sparsity · rows⌉ zeros at random places, and is else normal. */
TP_API tp_var *tp_sparse_(tp_var *v, double sparsity, double std);

#ifdef __cplusplus
}
#endif

/* TP_MODULES(a, b, c): a number of modules and these, two arguments. */
#ifdef __cplusplus
struct tp__module_list {
    tp_module *at[64];
    template <class... Module> tp__module_list(Module... module) : at{module...}
    {
    }
};
#define TP_MODULES(...) TP__COUNT(__VA_ARGS__), tp__module_list(__VA_ARGS__).at
#else
#define TP_MODULES(...)                                                                            \
    (int)(sizeof((tp_module *[]){__VA_ARGS__}) / sizeof(tp_module *)), (tp_module *[])             \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#endif

#ifdef TP__V
#define tp_module_new(...) TP__WITH(tp_module_class, tp_module_new, (), __VA_ARGS__)
#define TP__MODULE_LOAD(function, m, from, ...)                                                    \
    TP__WITH(tp_load_options, function, (m, from, ), __VA_ARGS__)
#define tp_module_load_state_dict(...) TP__MODULE_LOAD(tp_module_load_state_dict, __VA_ARGS__, )
#define tp_module_load(...) TP__MODULE_LOAD(tp_module_load, __VA_ARGS__, )
#endif

#endif
