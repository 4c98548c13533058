/* SPDX-License-Identifier: MIT
 *
 * A module: its class, its values and its children, each by name, in the order in which they came.
 * The tree of modules is a graph without circles, in which a child may have several parents;
 * tp_module_add sees to that. A value that is NULL was declared and is not there: forward finds it
 * by its number, nobody else sees it.
 */
#ifndef TP_MODULE_H
#define TP_MODULE_H

#include "array/array.h"
#include "tinypytorch/nn.h"

enum { TP__NAME_BYTES = 512 }; /* of a dotted name, at most */

typedef struct tp__held {
    char *name;
    tp_var *v; /* kept, or NULL */
    bool buffer;
} tp__held;

typedef struct tp__child {
    char *name;
    tp_module *m; /* a handle */
} tp__child;

struct tp_module {
    tp_module_class is;
    int refs;
    bool eval, scopes;
    int n_held, n_children;
    tp__held *held;
    tp__child *children;
    char *called; /* its name in the module that took it last; NULL: in none */
    void (*before)(void *arg, tp_module *m); /* beside hook, for summaries */
    tp_module_hook *hook;
    void *hook_arg;
    max_align_t self[];
};

/* True if m is there; otherwise false, with an error unless one is pending. */
bool tp__module_usable(const char *call, const tp_module *m);

/* Value number i of those that m declared, in order; NULL if it is not there. */
TP_INLINE tp_var *tp__module_held(const tp_module *m, int i)
{
    return m->held[i].v;
}

/* Adds a value whose handle m takes over, also when it fails, without memory; v may be NULL. */
bool tp__module_hold(tp_module *m, const char *name, tp_var *v, bool buffer);

/* A walk over m and all below it: for each module under each of its names f gets that name, with a
 * dot behind it unless it is empty. False as soon as f gives false, or a name is too long, with an
 * error. */
typedef struct tp__walk_module {
    bool (*f)(struct tp__walk_module *walk, tp_module *m);
    void *arg;
    char prefix[TP__NAME_BYTES];
    size_t length; /* of prefix */
} tp__walk_module;

bool tp__module_walk(tp__walk_module *walk, tp_module *m);

/* The own value or child of m with the first part of a dotted name; *rest is what follows. */
tp__held *tp__module_find_held(tp_module *m, const char *name);

#endif
