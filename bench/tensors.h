/* SPDX-License-Identifier: MIT
 *
 * tensors: arrays instead of numbers. A *row* is one piece of work, a line of the table. A *side*
 * is someone who does it:
 *
 *     ours     this library, as its users write it
 *     torch    libtorch in its own best way
 *     plain    loops in double precision: slow, the reference for results
 *     limit    what nobody can leave out: multiplications at the pace of registers, the vector
 *              functions, passes over memory; its time divided by ours is our share of the limit
 *
 * All sides fill the same inputs. A step does the work once, makes its results readable, and
 * records them when it is asked to. Results are compared before anything is timed.
 */
#ifndef BENCH_TENSORS_H
#define BENCH_TENSORS_H

#include "harness.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a row computes, by its sizes. */
typedef enum tensors_kind {
    TENSORS_CHAIN,        /* (n): sum(tanh(sin x · exp(−x²)) + x²/2) and its gradient for x */
    TENSORS_GEMM,         /* (m, k, n): a (m, k) × b (k, n); T in `how`: stored transposed */
    TENSORS_SUM,          /* sum over the axes that `how` lists; all if "" */
    TENSORS_MAX,          /* largest elements, likewise */
    TENSORS_ADD_ROW,      /* (rows, columns): x + b, b (columns) */
    TENSORS_MUL_COLUMN,   /* (rows, columns): x · c, c (rows, 1) */
    TENSORS_ROW_GRADIENT, /* (rows, columns): x + b, and b's gradient, given one for x + b */
    TENSORS_MLP,          /* (batch, widths …): ReLU, softmax cross-entropy, one step of Adam */
    TENSORS_PHYSICS,      /* (points, 1, width, width, 1): tanh, loss mean((u'' + sin x)²) +
                             u(0)² + u(π)², one step of Adam */
    TENSORS_CONV, /* (images, channels, side, filters): 3 × 3, padding 1; `how` is "forward",
                     or the gradient for "data" or "weights" */
    TENSORS_POOL, /* (images, channels, side): max_pool2d of 2 × 2 and its gradient */
    TENSORS_CNN,  /* (batch, side, filters, filters, width): twice convolution, ReLU and
                     pooling, then two linear layers, cross-entropy, one step of SGD */
    TENSORS_LSTM, /* (steps, batch, width): characters, one step of Adam */
    TENSORS_GPT,  /* (layers, width, heads, length, batch): the same */
    TENSORS_PART  /* a part of a network and its gradient: tensors_layers.h */
} tensors_kind;

typedef enum tensors_type { TENSORS_F32, TENSORS_F64 } tensors_type;

enum {
    TENSORS_SIZES = 5,
    TENSORS_LAYERS = 3,
    TENSORS_PARAMS = 2 * TENSORS_LAYERS, /* weights (in, out) and bias (out) of each layer */
    TENSORS_CNN_PARAMS = 8,
    TENSORS_INPUTS = 64,
    TENSORS_STEPS = 3,
    TENSORS_ARRAYS = TENSORS_STEPS * TENSORS_INPUTS
};

typedef struct tensors_row {
    const char *name;
    tensors_kind kind;
    tensors_type type;
    const char *how; /* TENSORS_GEMM: "NN", "NT", "TN"; reductions: axes in rising order, "02" */
    int64_t size[TENSORS_SIZES]; /* up to the first 0 */

    /* What is wanted; 0: nothing. Times faster than libtorch, both with one thread; with two
     * threads than libtorch with one or two; share of the limit. */
    double faster, faster_two, share;
} tensors_row;

extern const tensors_row tensors_rows[];
extern const int tensors_row_count;

/* A row of the same kind that is over at once: it touches all code and little memory. */
tensors_row tensors_tiny(const tensors_row *row);

/* How many sizes are used; whether a reduction sums over this axis. */
int tensors_ndim(const tensors_row *row);
bool tensors_reduces(const tensors_row *row, int axis);

/* One array that a row starts from. Of networks, inputs 0 and 1 are data, then come
 * the parameters. */
typedef enum tensors_content { TENSORS_UNIFORM, TENSORS_SPACED, TENSORS_ONE_HOT } tensors_content;

typedef struct tensors_input {
    tensors_content content;
    double low, high;
    double grain; /* elements are multiples of it; 0: any */
    bool differentiable;
    int ndim;
    int64_t shape[4];
    int64_t n; /* elements */
} tensors_input;

/* Fills in the row's inputs and returns how many there are. */
int tensors_describe(const tensors_row *row, tensors_input input[TENSORS_INPUTS]);

/* Writes the elements of input i, the same ones for every side, as `type`. */
void tensors_fill(const tensors_input *input, int i, tensors_type type, void *data);

/* Adam's rate in this step, from 1: the first ones, which are compared, move; later ones hardly do.
 * A network that learned its data would have vanishing gradients, and denormal moments, whose
 * arithmetic takes other times. */
double tensors_rate(int64_t step);

/* What steps recorded, in order, as doubles. NaN: not computed. */
typedef struct tensors_results {
    const char *of; /* the side's name */
    int count;
    struct tensors_result {
        const char *name;
        double tolerance; /* relative to the largest element */
        int64_t n;
        double *at;
    } array[TENSORS_ARRAYS];
} tensors_results;

/* Copies n elements. Does nothing when results is NULL. */
void tensors_record(tensors_results *results, const char *name, tensors_type type, int64_t n,
                    const void *data);
void tensors_free_results(tensors_results *results);

typedef struct tensors_side {
    const char *name, *version;
    void (*threads)(int n); /* an operation uses n threads from now on; may be NULL */
    void *(*open)(const tensors_row *row); /* inputs and state; NULL if there is nothing to do */
    void (*step)(void *state, tensors_results *results);
    void (*close)(void *state);
} tensors_side;

/* Those that do a row; NULL: any. */
const tensors_side *tensors_ours(const tensors_row *row);
const tensors_side *tensors_torch(const tensors_row *row); /* if BENCH_WITH_TORCH */
const tensors_side *tensors_plain(const tensors_row *row);
const tensors_side *tensors_limit(void); /* of any row; records nothing */

/* A stage of what nobody can leave out: so many floating-point operations, elements that are read
 * and written, and calls of functions of an element, and the whole so many times. */
enum { TENSORS_SIN, TENSORS_COS, TENSORS_EXP, TENSORS_TANH, TENSORS_ERF, TENSORS_FUNCTIONS };

typedef struct tensors_stage {
    int64_t times;
    double flops;
    int64_t read, written, calls[TENSORS_FUNCTIONS];
} tensors_stage;

enum { TENSORS_STAGES = 16 };

/* Fills in the row's stages and returns how many there are. */
int tensors_stages(const tensors_row *row, tensors_stage stage[TENSORS_STAGES]);

/* Records the first step, or TENSORS_STEPS where a step leaves something behind. A side that cannot
 * do the row records nothing. */
void tensors_first_steps(const tensors_row *row, const tensors_side *side,
                         tensors_results *results);

/* True if both agree in everything that both recorded; says on stderr what does not. */
bool tensors_agree(const tensors_row *row, const tensors_results *a, const tensors_results *b);

/* The most resident memory, in MiB, that steps of this row need, inputs and state included: of a
 * process of its own that runs `program --peak row --side side`, which is tensors_peak_child. NaN
 * if it cannot be found out. */
double tensors_peak(const tensors_row *row, const tensors_side *side);
int tensors_peak_child(const tensors_row *row, const tensors_side *side);

/* Contestants of a row's race. */
enum { TENSORS_OURS, TENSORS_TORCH, TENSORS_OURS_TWO, TENSORS_TORCH_TWO, TENSORS_LIMIT };
enum { TENSORS_CONTESTANTS = TENSORS_LIMIT + 1 };

/* What was measured; NaN where nothing was. Ratios are medians over the rounds. */
typedef struct tensors_outcome {
    const tensors_row *row;
    double ns[TENSORS_CONTESTANTS];
    double faster, faster_two, share;
    double peak[2]; /* MiB: ours, libtorch */
} tensors_outcome;

/* A line of the table, with its head before the first; then all of them in other forms. */
void tensors_print_head(void);
void tensors_print(const tensors_outcome *outcome);
void tensors_print_targets(const tensors_outcome *outcome, int n);
void tensors_write_json(const tensors_outcome *outcome, int n, FILE *file);
void tensors_write_markdown(const tensors_outcome *outcome, int n, FILE *file);

#ifdef __cplusplus
}
#endif

#endif
