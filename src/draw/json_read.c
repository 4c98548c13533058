/* SPDX-License-Identifier: MIT
 *
 * Rebuilds a graph to look at. Nothing of the file is computed with: nodes get their operations'
 * records for the drawing, and are marked so that no sweep enters them (TP__UNRECORDED), since
 * rules trust the attributes of a node, and a file cannot be trusted. Elements that the file does
 * not hold are one NaN (0 for integers) with strides of 0, whatever the shape.
 *
 * Every node's inputs are before it, so what is read is a graph without cycles.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/marks.h"
#include "base/scope.h"
#include "draw/json.h"
#include "draw/json_parse.h"
#include "graph/function.h"
#include "ops/families.h"

enum { JSON_READ_OUTPUTS = 1 << 16 };

/* What was read and is held: one reference each. */
typedef struct json_read_state {
    tp__json json;
    tp__thread *t;
    tp_var **nodes;
    tp__name_scope **scopes;
    size_t n, capacity, n_scopes, scope_capacity;
    tp_var *result;
} json_read_state;

/* A node as the file describes it. */
typedef struct json_read_node {
    tp__text name, function;
    char op[64], label[64];
    uint32_t *inputs, n_in;
    int64_t outputs, output, order, scope;
    int ndim;
    int64_t shape[TP_MAX_NDIM];
    tp_dtype dtype;
    double data[TP__JSON_ELEMENTS];
    int64_t integers[TP__JSON_ELEMENTS], n_data;
    bool has_op, has_function, has_shape, step, implicit, differentiable;
} json_read_node;

/* items with room for one more than n, or NULL, with an error. */
static void *json_read_grow(void *items, size_t *capacity, size_t n, size_t item)
{
    if (n < *capacity)
        return items;
    void *grown = tp__realloc(items, (2 * n + 16) * item);
    if (grown)
        *capacity = 2 * n + 16;
    return grown;
}

/* --- The fields of a node --- */

static void json_read_inputs(json_read_state *s, json_read_node *node)
{
    size_t capacity = 0;
    bool first = true;
    tp__json_expect(&s->json, '[');
    while (tp__json_more(&s->json, ']', &first)) {
        uint32_t *grown = json_read_grow(node->inputs, &capacity, node->n_in, sizeof *grown);
        s->json.failed = !grown;
        if (!grown)
            return;
        node->inputs = grown;
        node->inputs[node->n_in++] = (uint32_t)tp__json_integer(&s->json, 0, (int64_t)s->n - 1);
    }
}

static void json_read_shape(json_read_state *s, json_read_node *node)
{
    bool first = true;
    tp__json_expect(&s->json, '[');
    node->has_shape = true;
    while (tp__json_more(&s->json, ']', &first)) {
        if (node->ndim == TP_MAX_NDIM) {
            tp__json_fail(&s->json, "at most 8 dimensions");
            return;
        }
        node->shape[node->ndim++] = tp__json_integer(&s->json, 0, INT64_MAX);
    }
}

static void json_read_dtype(json_read_state *s, json_read_node *node)
{
    tp__text text = {0};
    tp__json_string(&s->json, &text);
    int dtype = 0;
    while (!s->json.failed && dtype < TP_DTYPES &&
           strcmp(tp_dtype_name((tp_dtype)dtype), text.at) != 0)
        dtype++;
    if (dtype == TP_DTYPES)
        tp__json_fail(&s->json, "the name of an element type");
    else
        node->dtype = (tp_dtype)dtype;
    tp__text_drop(&text);
}

static void json_read_data(json_read_state *s, json_read_node *node)
{
    bool first = true;
    tp__json_expect(&s->json, '[');
    node->n_data = 0;
    while (tp__json_more(&s->json, ']', &first)) {
        if (node->n_data == TP__JSON_ELEMENTS) {
            tp__json_fail(&s->json, "at most 64 elements");
            return;
        }
        node->integers[node->n_data] = strtoll(s->json.at, NULL, 10);
        node->data[node->n_data++] = tp__json_number(&s->json);
    }
}

/* One of the shorter fields; false if key is none. */
static bool json_read_field(json_read_state *s, json_read_node *node, const char *key)
{
    const struct {
        const char *key;
        int64_t *integer, least, most;
        bool *yes;
    } fields[] = {{"outputs", &node->outputs, 1, JSON_READ_OUTPUTS, NULL},
                  {"output", &node->output, 0, JSON_READ_OUTPUTS, NULL},
                  {"order", &node->order, 0, 11, NULL},
                  {"scope", &node->scope, 0, (int64_t)s->n_scopes - 1, NULL},
                  {"step", NULL, 0, 0, &node->step},
                  {"implicit", NULL, 0, 0, &node->implicit},
                  {"differentiable", NULL, 0, 0, &node->differentiable}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(key, fields[i].key) != 0)
            continue;
        if (fields[i].yes)
            *fields[i].yes = tp__json_bool(&s->json);
        else
            *fields[i].integer = tp__json_integer(&s->json, fields[i].least, fields[i].most);
        return true;
    }
    return false;
}

static void json_read_word(json_read_state *s, char *word, size_t size)
{
    tp__text text = {0};
    tp__json_string(&s->json, &text);
    snprintf(word, size, "%s", text.at ? text.at : "");
    tp__text_drop(&text);
}

static void json_read_fields(json_read_state *s, json_read_node *node)
{
    bool first = true;
    char key[32];
    tp__json_expect(&s->json, '{');
    while (tp__json_more(&s->json, '}', &first)) {
        tp__json_key(&s->json, key, sizeof key);
        if (!strcmp(key, "name")) {
            tp__text_drop(&node->name);
            tp__json_string(&s->json, &node->name);
        } else if (!strcmp(key, "function")) {
            tp__text_drop(&node->function);
            tp__json_string(&s->json, &node->function);
            node->has_function = true;
        } else if (!strcmp(key, "op")) {
            json_read_word(s, node->op, sizeof node->op);
            node->has_op = true;
        } else if (!strcmp(key, "label")) {
            json_read_word(s, node->label, sizeof node->label);
        } else if (!strcmp(key, "inputs")) {
            json_read_inputs(s, node);
        } else if (!strcmp(key, "shape")) {
            json_read_shape(s, node);
        } else if (!strcmp(key, "dtype")) {
            json_read_dtype(s, node);
        } else if (!strcmp(key, "data")) {
            json_read_data(s, node);
        } else if (!json_read_field(s, node, key)) {
            tp__json_skip(&s->json);
        }
    }
}

/* --- Making nodes --- */

static const tp__op *json_read_op(const json_read_node *node)
{
    for (int f = 0; tp__families[f]; f++)
        for (int i = 0; tp__families[f]->ops[i]; i++) {
            const tp__op *op = tp__families[f]->ops[i];
            if (!strcmp(op->name, node->op) && !strcmp(op->label, node->label))
                return op;
        }
    return NULL;
}

/* A constant of the node's shape and type. NULL, with an error, if that cannot be. */
static tp_var *json_read_constant(json_read_state *s, const json_read_node *node)
{
    int64_t size = 1, strides[TP_MAX_NDIM] = {0};
    for (int i = 0; i < node->ndim; i++)
        if (__builtin_mul_overflow(size, node->shape[i], &size))
            size = -1;
    if (node->n_data >= 0 && node->n_data != size) {
        tp__json_fail(&s->json, "as many elements as the shape has, before this place,");
        return NULL;
    }
    if (node->n_data < 0) {
        tp__storage *storage = tp__storage_new(sizeof(double));
        if (!storage)
            return NULL;
        tp__write_element(node->dtype, storage->data, tp__is_float(node->dtype) ? (double)NAN : 0);
        return tp__node_over(s->t, storage, storage->data, node->dtype, node->ndim, node->shape,
                             strides);
    }
    tp_var *v = tp__node_array(s->t, node->dtype, node->ndim, node->shape);
    for (int64_t i = 0; v && i < size; i++) {
        char *at = (char *)v->data + (size_t)i * tp__dtype_size(node->dtype);
        if (node->dtype == TP_I64)
            *(int64_t *)(void *)at = node->integers[i];
        else
            tp__write_element(node->dtype, at, node->data[i]);
    }
    return v;
}

/* A call with room for its outputs and its name. */
static tp_var *json_read_call(json_read_state *s, const char *name, int64_t outputs, uint32_t n_in)
{
    size_t table = (size_t)outputs * sizeof(tp_var *), length = strlen(name) + 1;
    tp__function_call *block = tp__alloc_zero(1, sizeof *block + table + length);
    tp_var *call = block ? tp__node_number(s->t, 0) : NULL;
    if (!call) {
        tp__free(block);
        return NULL;
    }
    block->outputs.n = (uint32_t)outputs;
    block->outputs.living = (tp_var **)(block + 1);
    char *copy = memcpy((char *)(block + 1) + table, name, length);
    block->function = (tp_function){.size = sizeof block->function, .name = copy};
    block->function.n_in = (int)n_in;
    block->function.n_out = (int)outputs;
    call->op = &tp__op_call;
    call->attr.block = block;
    call->flags = (call->flags & (uint16_t)~TP__NUMBER) | TP__PARTS;
    return call;
}

/* v holds its inputs, as if it had been recorded. */
static bool json_read_hold(tp_var *v, tp_var *const *in, uint32_t n)
{
    if (!tp__node_inputs(v, n))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        tp__inputs(v)[i] = in[i];
        tp__input_versions(v)[i] = 0;
        tp__ref(in[i]);
        if (in[i]->generation >= v->generation)
            v->generation = in[i]->generation + 1;
    }
    return true;
}

/* Makes v output number `output` of a call. */
static bool json_read_output(json_read_state *s, tp_var *v, tp_var *call, int64_t output)
{
    tp__output_table *table = call->op == &tp__op_call ? call->attr.block : NULL;
    if (!table || output >= table->n || table->living[output]) {
        tp__json_fail(&s->json, "another output, or another call as its input, before this place,");
        return false;
    }
    if (!json_read_hold(v, &call, 1))
        return false;
    v->op = &tp__op_output;
    v->attr.integer = output;
    v->flags |= TP__PARTS;
    table->living[output] = v;
    return true;
}

/* Makes v the result of its operation; one that is not known here is shown like a function. */
static bool json_read_made(json_read_state *s, const json_read_node *node, tp_var *v, tp_var **in)
{
    for (uint32_t i = 0; i < node->n_in; i++)
        if (in[i]->op == &tp__op_call && (node->has_op || node->n_in != 1)) {
            tp__json_fail(&s->json, "an input that is no call, before this place,");
            return false;
        }
    v->flags |= TP__UNRECORDED;
    v->marks |= node->implicit && node->n_in ? TP__IMPLICIT : 0;
    if (!node->has_op)
        return json_read_output(s, v, in[0], node->output);
    const tp__op *op = json_read_op(node);
    if (op && node->n_in) {
        v->op = op;
        v->attr.block = NULL;
        return json_read_hold(v, in, node->n_in);
    }
    tp_var *call = json_read_call(s, node->label, 1, node->n_in);
    bool good = call && json_read_hold(call, in, node->n_in) && json_read_output(s, v, call, 0);
    if (call)
        tp__drop(call);
    return good;
}

static void json_read_marks(json_read_state *s, const json_read_node *node, tp_var *v)
{
    for (int64_t k = 0; k < node->order; k++)
        v->marks |= (uint16_t)(TP__ORDER << k);
    v->marks |= node->step ? TP__STEP : 0;
    if (node->name.at)
        tp_set_name(v, node->name.at);
    tp__extra *extra = node->scope >= 0 ? tp__extra_of(v) : NULL;
    if (!extra)
        return;
    extra->scope = s->scopes[node->scope];
    tp__name_scope_ref(extra->scope);
}

/* The node with one reference, or NULL, with an error. */
static tp_var *json_read_make(json_read_state *s, const json_read_node *node, tp_var **in)
{
    tp_var *v;
    if (node->has_function) {
        v = json_read_call(s, node->function.at, node->outputs, node->n_in);
        if (v && json_read_hold(v, in, node->n_in))
            return v;
    } else {
        if (!node->has_shape)
            tp__json_fail(&s->json, "a shape before this place");
        v = node->has_shape ? json_read_constant(s, node) : NULL;
        bool made = node->has_op || node->n_in;
        if (v && !made && node->differentiable)
            v->flags |= TP__NEEDS_GRAD;
        if (v && (!made || json_read_made(s, node, v, in)))
            return v;
    }
    if (v)
        tp__drop(v);
    return NULL;
}

static void json_read_add(json_read_state *s, const json_read_node *node)
{
    tp_var **grown = json_read_grow(s->nodes, &s->capacity, s->n, sizeof(tp_var *));
    tp_var **in = tp__alloc((node->n_in + 1u) * sizeof(tp_var *)), *v = NULL;
    s->nodes = grown ? grown : s->nodes;
    if (grown && in) {
        for (uint32_t i = 0; i < node->n_in; i++)
            in[i] = s->nodes[node->inputs[i]];
        v = json_read_make(s, node, in);
    }
    tp__free(in);
    s->json.failed = s->json.failed || !v;
    if (!v)
        return;
    s->nodes[s->n++] = v;
    json_read_marks(s, node, v);
    s->json.failed = s->json.failed || s->t->code;
}

static void json_read_nodes(json_read_state *s)
{
    bool first = true;
    tp__json_expect(&s->json, '[');
    while (tp__json_more(&s->json, ']', &first)) {
        json_read_node node = {.dtype = TP_F64, .outputs = 1, .scope = -1, .n_data = -1};
        json_read_fields(s, &node);
        if (!s->json.failed)
            json_read_add(s, &node);
        tp__text_drop(&node.name);
        tp__text_drop(&node.function);
        tp__free(node.inputs);
    }
}

/* --- Scopes and the whole --- */

static void json_read_scope(json_read_state *s)
{
    tp__text name = {0};
    int64_t outer = -1;
    char key[32];
    bool first = true;
    tp__json_expect(&s->json, '{');
    while (tp__json_more(&s->json, '}', &first)) {
        tp__json_key(&s->json, key, sizeof key);
        if (!strcmp(key, "name")) {
            tp__text_drop(&name);
            tp__json_string(&s->json, &name);
        } else if (!strcmp(key, "outer")) {
            outer = tp__json_integer(&s->json, 0, (int64_t)s->n_scopes - 1);
        } else {
            tp__json_skip(&s->json);
        }
    }
    tp__name_scope **grown =
        json_read_grow(s->scopes, &s->scope_capacity, s->n_scopes, sizeof(tp__name_scope *));
    s->scopes = grown ? grown : s->scopes;
    tp__name_scope *made = grown && name.at && !s->json.failed
                               ? tp__name_scope_new(name.at, outer >= 0 ? s->scopes[outer] : NULL)
                               : NULL;
    if (!name.at)
        tp__json_fail(&s->json, "a name before this place");
    s->json.failed = s->json.failed || !made;
    if (made)
        s->scopes[s->n_scopes++] = made;
    tp__text_drop(&name);
}

static void json_read_scopes(json_read_state *s)
{
    bool first = true;
    tp__json_expect(&s->json, '[');
    while (tp__json_more(&s->json, ']', &first))
        json_read_scope(s);
}

static void json_read_all(json_read_state *s)
{
    int64_t result = -1;
    char key[32], format[32] = "";
    bool first = true;
    tp__json_expect(&s->json, '{');
    while (tp__json_more(&s->json, '}', &first)) {
        tp__json_key(&s->json, key, sizeof key);
        if (!strcmp(key, "format"))
            json_read_word(s, format, sizeof format);
        else if (!strcmp(key, "version"))
            tp__json_integer(&s->json, 1, 1);
        else if (!strcmp(key, "result"))
            result = tp__json_integer(&s->json, 0, UINT32_MAX);
        else if (!strcmp(key, "scopes"))
            json_read_scopes(s);
        else if (!strcmp(key, "nodes"))
            json_read_nodes(s);
        else
            tp__json_skip(&s->json);
    }
    bool known = result >= 0 && (size_t)result < s->n;
    if (strcmp(format, "tinypytorch graph") != 0)
        tp__json_fail(&s->json, "\"format\": \"tinypytorch graph\" before this place");
    if (!known || s->nodes[result]->op == &tp__op_call)
        tp__json_fail(&s->json, "nodes and, as result, one that is no call, before this place");
    if (!s->json.failed)
        s->result = s->nodes[result];
}

tp_var *tp_read_graph_json(const char *text)
{
    json_read_state s = {.t = tp__here()};
    s.json = (tp__json){
        .start = text, .at = text, .call = "read_graph_json", .what = "the JSON of a graph"};
    if (!text)
        return tp_fail(TP_ERROR_ARGUMENT, "read_graph_json: text is NULL");
    if (!s.t->code)
        json_read_all(&s);
    if (s.result)
        tp__ref(s.result);
    for (size_t i = s.n; i-- > 0;)
        tp__drop(s.nodes[i]);
    for (size_t i = 0; i < s.n_scopes; i++)
        tp__name_scope_drop(s.scopes[i]);
    tp__free(s.nodes);
    tp__free(s.scopes);
    return tp__own(s.t, s.result);
}
