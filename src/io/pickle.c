/* SPDX-License-Identifier: MIT
 *
 * The machine (pickle.h). A step is a byte, and pickle_steps has its function. Every step takes a
 * byte at least and makes an object at most, so memory is in proportion to the pickle.
 *
 * On the stack PICKLE_MARK stands where a list of arguments begins. The memo holds what later steps
 * refer to by number; writers number without gaps, so no number is larger than the pickle.
 */
#include "base/features.h"

#include "io/pickle.h"

#include <string.h>

#include "base/alloc.h"
#include "io/element.h"
#include "io/formats.h"
#include "tinypytorch/error.h"

#define PICKLE_MARK UINT32_MAX

enum {
    PICKLE_ORDERED_DICT = TP__PICKLE_FUNCTIONS,
    PICKLE_REBUILD_TENSOR,
    PICKLE_REBUILD_PARAMETER,
    PICKLE_SIZE
};

static const struct {
    const char *module, *name;
    int id;
} pickle_globals[] = {
    {"torch", "FloatStorage", TP_F32},
    {"torch", "DoubleStorage", TP_F64},
    {"torch", "LongStorage", TP_I64},
    {"torch", "ByteStorage", TP_U8},
    {"torch", "IntStorage", TP_I32},
    {"torch", "BoolStorage", TP_BOOL},
    {"torch", "HalfStorage", TP_F16},
    {"torch", "BFloat16Storage", TP_BF16},
    {"torch", "CharStorage", TP__ELEMENT_I8},
    {"torch", "ShortStorage", TP__ELEMENT_I16},
    {"collections", "OrderedDict", PICKLE_ORDERED_DICT},
    {"torch._utils", "_rebuild_tensor_v2", PICKLE_REBUILD_TENSOR},
    {"torch._utils", "_rebuild_parameter", PICKLE_REBUILD_PARAMETER},
    {"torch", "Size", PICKLE_SIZE},
};

static bool pickle_fail(const tp__pickle *p, const char *what)
{
    return tp__format_fail(p->call, p->path, "not a sound pickle: %s at byte %zu", what,
                           (size_t)(p->at - p->start));
}

/* --- Objects, stack, memo --- */

/* Room for one more than n of so many bytes each; false, with an error. */
static bool pickle_room(void *block, size_t *capacity, size_t n, size_t bytes)
{
    void *old, *grown;
    if (n < *capacity)
        return true;
    memcpy(&old, block, sizeof old);
    grown = tp__realloc(old, (2 * n + 16) * bytes);
    if (!grown)
        return false;
    memcpy(block, &grown, sizeof grown);
    *capacity = 2 * n + 16;
    return true;
}

static bool pickle_push(tp__pickle *p, uint32_t object)
{
    if (!pickle_room(&p->stack, &p->stack_capacity, p->depth, sizeof *p->stack))
        return false;
    p->stack[p->depth++] = object;
    return true;
}

/* Puts a new object on the stack. */
static bool pickle_make(tp__pickle *p, tp__pickle_object object)
{
    if (p->n == PICKLE_MARK - 1)
        return pickle_fail(p, "too many objects");
    if (!pickle_room(&p->objects, &p->capacity, p->n, sizeof *p->objects))
        return false;
    p->objects[p->n] = object;
    return pickle_push(p, (uint32_t)p->n++);
}

static bool pickle_make_integer(tp__pickle *p, int64_t integer)
{
    return pickle_make(p, (tp__pickle_object){TP__PICKLE_INTEGER, .as.integer = integer});
}

/* Takes n objects from the stack, whose numbers are left above its new top. None is a mark. */
static uint32_t *pickle_pop(tp__pickle *p, size_t n)
{
    bool good = p->depth >= n;
    for (size_t i = 0; good && i < n; i++)
        good = p->stack[p->depth - 1 - i] != PICKLE_MARK;
    if (!good) {
        pickle_fail(p, "too little on the stack");
        return NULL;
    }
    p->depth -= n;
    return p->stack + p->depth;
}

/* Takes what stands above the last mark, and the mark; their number, or -1 with an error. They are
 * left above the stack's new top. */
static int64_t pickle_pop_mark(tp__pickle *p)
{
    for (size_t n = 0; n < p->depth; n++)
        if (p->stack[p->depth - 1 - n] == PICKLE_MARK) {
            p->depth -= n + 1;
            memmove(p->stack + p->depth, p->stack + p->depth + 1, n * sizeof *p->stack);
            return (int64_t)n;
        }
    pickle_fail(p, "no mark on the stack");
    return -1;
}

/* The object on top, of that kind; NULL, with an error. */
static tp__pickle_object *pickle_top(tp__pickle *p, tp__pickle_kind kind)
{
    if (p->depth && p->stack[p->depth - 1] != PICKLE_MARK &&
        p->objects[p->stack[p->depth - 1]].kind == kind)
        return &p->objects[p->stack[p->depth - 1]];
    pickle_fail(p, "another kind of object on the stack");
    return NULL;
}

static bool pickle_append(tp__pickle_object *object, const uint32_t *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!pickle_room(&object->as.items.at, &object->as.items.capacity, object->as.items.n,
                         sizeof *items))
            return false;
        object->as.items.at[object->as.items.n++] = items[i];
    }
    return true;
}

/* --- Bytes --- */

/* The next n bytes, or NULL, with an error. */
static const unsigned char *pickle_take(tp__pickle *p, uint64_t n)
{
    if (n > (size_t)(p->end - p->at)) {
        pickle_fail(p, "an end before its end");
        return NULL;
    }
    p->at += n;
    return p->at - n;
}

static bool pickle_number(tp__pickle *p, int bytes, uint64_t *number)
{
    const unsigned char *at = pickle_take(p, (uint64_t)bytes);
    *number = 0;
    for (int i = 0; at && i < bytes; i++)
        *number |= (uint64_t)at[i] << 8 * i;
    return at != NULL;
}

/* --- Steps that make values --- */

static bool pickle_none(tp__pickle *p)
{
    return pickle_make(p, (tp__pickle_object){TP__PICKLE_NONE, .as.integer = 0});
}

static bool pickle_true(tp__pickle *p)
{
    return pickle_make(p, (tp__pickle_object){TP__PICKLE_BOOL, .as.integer = 1});
}

static bool pickle_false(tp__pickle *p)
{
    return pickle_make(p, (tp__pickle_object){TP__PICKLE_BOOL, .as.integer = 0});
}

static bool pickle_int1(tp__pickle *p)
{
    uint64_t number;
    return pickle_number(p, 1, &number) && pickle_make_integer(p, (int64_t)number);
}

static bool pickle_int2(tp__pickle *p)
{
    uint64_t number;
    return pickle_number(p, 2, &number) && pickle_make_integer(p, (int64_t)number);
}

static bool pickle_int4(tp__pickle *p)
{
    uint64_t number;
    return pickle_number(p, 4, &number) && pickle_make_integer(p, (int32_t)(uint32_t)number);
}

/* In two's complement, of as few bytes as it takes. */
static bool pickle_long(tp__pickle *p)
{
    uint64_t length, number;
    if (!pickle_number(p, 1, &length))
        return false;
    if (length > 8)
        return pickle_fail(p, "an integer of more than 64 bits");
    if (!pickle_number(p, (int)length, &number))
        return false;
    int unused = 64 - 8 * (int)length;
    if (length && unused && number >> (8 * length - 1))
        number |= UINT64_MAX << (64 - unused);
    return pickle_make_integer(p, (int64_t)number);
}

static bool pickle_float(tp__pickle *p)
{
    const unsigned char *at = pickle_take(p, 8);
    uint64_t bits = 0;
    double number;
    for (int i = 0; at && i < 8; i++)
        bits = bits << 8 | at[i];
    memcpy(&number, &bits, sizeof number);
    return at && pickle_make(p, (tp__pickle_object){TP__PICKLE_FLOAT, .as.number = number});
}

static bool pickle_text(tp__pickle *p, int bytes)
{
    uint64_t length;
    const unsigned char *at = pickle_number(p, bytes, &length) ? pickle_take(p, length) : NULL;
    return at && pickle_make(p, (tp__pickle_object){TP__PICKLE_TEXT,
                                                    .as.text = {(const char *)at, (size_t)length}});
}

static bool pickle_text1(tp__pickle *p)
{
    return pickle_text(p, 1);
}

static bool pickle_text4(tp__pickle *p)
{
    return pickle_text(p, 4);
}

static bool pickle_text8(tp__pickle *p)
{
    return pickle_text(p, 8);
}

static bool pickle_list(tp__pickle *p)
{
    return pickle_make(p, (tp__pickle_object){TP__PICKLE_LIST, .as.items = {NULL, 0, 0}});
}

static bool pickle_dict(tp__pickle *p)
{
    return pickle_make(p, (tp__pickle_object){TP__PICKLE_DICT, .as.items = {NULL, 0, 0}});
}

/* A tuple of what stands above the stack's top, of which making it writes over the first. */
static bool pickle_tuple(tp__pickle *p, size_t n)
{
    tp__pickle_object tuple = {TP__PICKLE_LIST, .as.items = {NULL, 0, 0}};
    if (pickle_append(&tuple, p->stack + p->depth, n) && pickle_make(p, tuple))
        return true;
    tp__free(tuple.as.items.at);
    return false;
}

static bool pickle_tuple_mark(tp__pickle *p)
{
    int64_t n = pickle_pop_mark(p);
    return n >= 0 && pickle_tuple(p, (size_t)n);
}

static bool pickle_tuple1(tp__pickle *p)
{
    return pickle_pop(p, 1) && pickle_tuple(p, 1);
}

static bool pickle_tuple2(tp__pickle *p)
{
    return pickle_pop(p, 2) && pickle_tuple(p, 2);
}

static bool pickle_tuple3(tp__pickle *p)
{
    return pickle_pop(p, 3) && pickle_tuple(p, 3);
}

/* --- Steps that fill containers --- */

/* Adds the n objects above the stack's top to what is there. */
static bool pickle_fill(tp__pickle *p, tp__pickle_kind kind, int64_t n)
{
    tp__pickle_object *object = n < 0 ? NULL : pickle_top(p, kind);
    if (object && kind == TP__PICKLE_DICT && n % 2)
        return pickle_fail(p, "a key without a value");
    return object && pickle_append(object, p->stack + p->depth, (size_t)n);
}

static bool pickle_append_one(tp__pickle *p)
{
    return pickle_pop(p, 1) && pickle_fill(p, TP__PICKLE_LIST, 1);
}

static bool pickle_append_mark(tp__pickle *p)
{
    return pickle_fill(p, TP__PICKLE_LIST, pickle_pop_mark(p));
}

static bool pickle_set_one(tp__pickle *p)
{
    return pickle_pop(p, 2) && pickle_fill(p, TP__PICKLE_DICT, 2);
}

static bool pickle_set_mark(tp__pickle *p)
{
    return pickle_fill(p, TP__PICKLE_DICT, pickle_pop_mark(p));
}

/* Attributes of a dict, such as the versions of a network's modules, are left out. */
static bool pickle_build(tp__pickle *p)
{
    return pickle_pop(p, 1) && pickle_top(p, TP__PICKLE_DICT);
}

/* --- Steps that name and call --- */

static bool pickle_find(tp__pickle *p, const char *module, size_t module_length, const char *name,
                        size_t length)
{
    for (size_t i = 0; i < sizeof pickle_globals / sizeof *pickle_globals; i++)
        if (strlen(pickle_globals[i].module) == module_length &&
            strlen(pickle_globals[i].name) == length &&
            !memcmp(pickle_globals[i].module, module, module_length) &&
            !memcmp(pickle_globals[i].name, name, length))
            return pickle_make(
                p, (tp__pickle_object){TP__PICKLE_GLOBAL, .as.integer = pickle_globals[i].id});
    char text[2][80];
    for (int k = 0; k < 2; k++) {
        size_t n = k ? length : module_length;
        n = n < sizeof text[k] - 1 ? n : sizeof text[k] - 1;
        for (size_t i = 0; i < n; i++) {
            char c = (k ? name : module)[i];
            text[k][i] = (char)(c >= ' ' && c <= '~' ? c : '?');
        }
        text[k][n] = 0;
    }
    return tp__format_fail(p->call, p->path,
                           "the pickle names %s.%s, which is refused: only tensors, dicts, lists, "
                           "tuples, numbers and texts are read",
                           text[0], text[1]);
}

/* Two lines: module and name. */
static bool pickle_global(tp__pickle *p)
{
    const char *line[2];
    size_t length[2];
    for (int k = 0; k < 2; k++) {
        const unsigned char *end =
            p->at < p->end ? memchr(p->at, '\n', (size_t)(p->end - p->at)) : NULL;
        if (!end)
            return pickle_fail(p, "an end before its end");
        line[k] = (const char *)p->at;
        length[k] = (size_t)(end - p->at);
        p->at = end + 1;
    }
    return pickle_find(p, line[0], length[0], line[1], length[1]);
}

static bool pickle_stack_global(tp__pickle *p)
{
    const uint32_t *pair = pickle_pop(p, 2);
    if (!pair || p->objects[pair[0]].kind != TP__PICKLE_TEXT ||
        p->objects[pair[1]].kind != TP__PICKLE_TEXT)
        return pair && pickle_fail(p, "another kind of object on the stack");
    const tp__pickle_object *module = &p->objects[pair[0]], *name = &p->objects[pair[1]];
    return pickle_find(p, module->as.text.at, module->as.text.n, name->as.text.at, name->as.text.n);
}

/* Names that are no functions of ours are refused before, so what is called here is known. */
static bool pickle_call(tp__pickle *p)
{
    const uint32_t *pair = pickle_pop(p, 2);
    if (!pair)
        return false;
    uint32_t arguments = pair[1];
    const tp__pickle_object *function = &p->objects[pair[0]], *given = &p->objects[arguments];
    if (function->kind != TP__PICKLE_GLOBAL || given->kind != TP__PICKLE_LIST)
        return pickle_fail(p, "a call of what is no function");
    size_t n = given->as.items.n;
    if (function->as.integer == PICKLE_ORDERED_DICT && n == 0)
        return pickle_dict(p);
    if (function->as.integer == PICKLE_REBUILD_TENSOR && n >= 4)
        return pickle_make(p, (tp__pickle_object){TP__PICKLE_TENSOR, .as.of = arguments});
    uint32_t first = n ? given->as.items.at[0] : 0;
    if (function->as.integer == PICKLE_REBUILD_PARAMETER && n &&
        p->objects[first].kind == TP__PICKLE_TENSOR)
        return pickle_push(p, first);
    if (function->as.integer == PICKLE_SIZE && n == 1 && p->objects[first].kind == TP__PICKLE_LIST)
        return pickle_push(p, first);
    return pickle_fail(p, "a call with other arguments");
}

static bool pickle_storage(tp__pickle *p)
{
    const uint32_t *tuple = pickle_pop(p, 1);
    if (tuple && p->objects[*tuple].kind != TP__PICKLE_LIST)
        return pickle_fail(p, "a reference to what is no storage");
    return tuple && pickle_make(p, (tp__pickle_object){TP__PICKLE_STORAGE, .as.of = *tuple});
}

/* --- Steps of the memo and others --- */

static bool pickle_put(tp__pickle *p, uint64_t number)
{
    size_t most = (size_t)(p->end - p->start);
    if (!p->depth || p->stack[p->depth - 1] == PICKLE_MARK || number > most)
        return pickle_fail(p, "nothing to remember");
    while (p->n_memo <= number) {
        if (!pickle_room(&p->memo, &p->memo_capacity, p->n_memo, sizeof *p->memo))
            return false;
        p->memo[p->n_memo++] = PICKLE_MARK;
    }
    p->memo[number] = p->stack[p->depth - 1];
    return true;
}

static bool pickle_put1(tp__pickle *p)
{
    uint64_t number;
    return pickle_number(p, 1, &number) && pickle_put(p, number);
}

static bool pickle_put4(tp__pickle *p)
{
    uint64_t number;
    return pickle_number(p, 4, &number) && pickle_put(p, number);
}

static bool pickle_put_next(tp__pickle *p)
{
    return pickle_put(p, p->n_memo);
}

static bool pickle_get(tp__pickle *p, int bytes)
{
    uint64_t number;
    if (!pickle_number(p, bytes, &number))
        return false;
    if (number >= p->n_memo || p->memo[number] == PICKLE_MARK)
        return pickle_fail(p, "nothing is remembered");
    return pickle_push(p, p->memo[number]);
}

static bool pickle_get1(tp__pickle *p)
{
    return pickle_get(p, 1);
}

static bool pickle_get4(tp__pickle *p)
{
    return pickle_get(p, 4);
}

static bool pickle_mark(tp__pickle *p)
{
    return pickle_push(p, PICKLE_MARK);
}

static bool pickle_version(tp__pickle *p)
{
    uint64_t version;
    if (!pickle_number(p, 1, &version))
        return false;
    return (version >= 2 && version <= 5) || pickle_fail(p, "a protocol that is not 2 to 5");
}

static bool pickle_frame(tp__pickle *p)
{
    return pickle_take(p, 8) != NULL;
}

static bool pickle_stop(tp__pickle *p)
{
    p->stopped = true;
    return p->depth == 1 || pickle_fail(p, "more than one result");
}

static bool (*const pickle_steps[256])(tp__pickle *p) = {
    ['N'] = pickle_none,        [0x88] = pickle_true,      [0x89] = pickle_false,
    ['K'] = pickle_int1,        ['M'] = pickle_int2,       ['J'] = pickle_int4,
    [0x8a] = pickle_long,       ['G'] = pickle_float,      [0x8c] = pickle_text1,
    ['X'] = pickle_text4,       [0x8d] = pickle_text8,     ['U'] = pickle_text1,
    ['T'] = pickle_text4,       [']'] = pickle_list,       ['}'] = pickle_dict,
    [')'] = pickle_list,        ['t'] = pickle_tuple_mark, [0x85] = pickle_tuple1,
    [0x86] = pickle_tuple2,     [0x87] = pickle_tuple3,    ['a'] = pickle_append_one,
    ['e'] = pickle_append_mark, ['s'] = pickle_set_one,    ['u'] = pickle_set_mark,
    ['b'] = pickle_build,       ['c'] = pickle_global,     [0x93] = pickle_stack_global,
    ['R'] = pickle_call,        ['Q'] = pickle_storage,    ['q'] = pickle_put1,
    ['r'] = pickle_put4,        [0x94] = pickle_put_next,  ['h'] = pickle_get1,
    ['j'] = pickle_get4,        ['('] = pickle_mark,       [0x80] = pickle_version,
    [0x95] = pickle_frame,      ['.'] = pickle_stop};

bool tp__pickle_open(tp__pickle *p, const char *call, const char *path, const void *bytes,
                     size_t size, uint32_t *result)
{
    *p = (tp__pickle){.call = call, .path = path, .start = bytes, .at = bytes};
    p->end = p->start + size;
    while (!p->stopped) {
        if (p->at == p->end)
            return pickle_fail(p, "an end before its end");
        unsigned char step = *p->at++;
        if (!pickle_steps[step])
            return tp__format_fail(call, path,
                                   "the pickle has the step 0x%02x at byte %zu, which is refused: "
                                   "only tensors, dicts, lists, tuples, numbers and texts are read",
                                   step, (size_t)(p->at - p->start) - 1);
        if (!pickle_steps[step](p))
            return false;
    }
    *result = p->stack[0];
    return *result != PICKLE_MARK || pickle_fail(p, "no result");
}

void tp__pickle_close(tp__pickle *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->objects[i].kind == TP__PICKLE_LIST || p->objects[i].kind == TP__PICKLE_DICT)
            tp__free(p->objects[i].as.items.at);
    tp__free(p->objects);
    tp__free(p->stack);
    tp__free(p->memo);
}
