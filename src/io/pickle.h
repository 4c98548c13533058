/* SPDX-License-Identifier: MIT
 *
 * What a pickle of Python's says, without running it. A pickle is a program for a machine with a
 * stack; this one knows the steps that make None, bools, integers, floats, texts, lists, tuples,
 * dicts and references to these, and of all functions a program may name only those by which
 * torch.save tells tensors. Everything else is refused by its name.
 *
 * Objects are numbered. What they hold are numbers of others, which may be their own: who walks
 * over them has to see to an end.
 */
#ifndef TP_PICKLE_H
#define TP_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tp__pickle_kind {
    TP__PICKLE_NONE,
    TP__PICKLE_BOOL,
    TP__PICKLE_INTEGER,
    TP__PICKLE_FLOAT,
    TP__PICKLE_TEXT,
    TP__PICKLE_LIST,    /* or a tuple */
    TP__PICKLE_DICT,    /* its items are keys and values in turn */
    TP__PICKLE_GLOBAL,  /* a name that is known: `integer` says which */
    TP__PICKLE_STORAGE, /* `of` is the tuple that tells it: "storage", type, key, place, elements */
    TP__PICKLE_TENSOR   /* `of` is the tuple: storage, first element, shape, strides, … */
} tp__pickle_kind;

/* Types of storages, as globals, come first, by their element (element.h). */
enum { TP__PICKLE_FUNCTIONS = 100 };

typedef struct tp__pickle_object {
    tp__pickle_kind kind;
    union {
        int64_t integer;
        double number;
        uint32_t of;
        struct {
            const char *at; /* in the pickle */
            size_t n;
        } text;
        struct {
            uint32_t *at;
            size_t n, capacity;
        } items;
    } as;
} tp__pickle_object;

typedef struct tp__pickle {
    const char *call, *path; /* for messages */
    const unsigned char *start, *at, *end;
    tp__pickle_object *objects;
    uint32_t *stack, *memo; /* numbers of objects */
    size_t n, capacity, depth, stack_capacity, memo_capacity, n_memo;
    bool stopped;
} tp__pickle;

/* Reads the pickle; *result is the number of what it makes. False, with an error.
 * tp__pickle_close is to be called in any case. */
bool tp__pickle_open(tp__pickle *p, const char *call, const char *path, const void *bytes,
                     size_t size, uint32_t *result);
void tp__pickle_close(tp__pickle *p);

#endif
