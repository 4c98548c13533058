/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "nn/layer.h"

#include "tinypytorch/array.h"
#include "tinypytorch/scope.h"

static bool add(tp_module *m, const char *name, tp_var *v)
{
    tp_requires_grad_(v, true);
    return !tp_is_poison(tp_module_add_parameter(m, name, v)) && !tp__here()->code;
}

bool tp__layer_uniform(tp_module *m, const char *name, tp_dtype dtype, int ndim,
                       const int64_t *shape, double bound)
{
    size_t scope = tp_scope_begin();
    bool good = add(m, name, tp_uniform_(tp_zeros(dtype, ndim, shape), -bound, bound));
    tp_scope_end(scope);
    return good;
}

bool tp__layer_filled(tp_module *m, const char *name, tp_dtype dtype, int ndim,
                      const int64_t *shape, double value)
{
    size_t scope = tp_scope_begin();
    bool good = add(m, name, tp_full(dtype, ndim, shape, value));
    tp_scope_end(scope);
    return good;
}

bool tp__layer_without(tp_module *m, const char *name)
{
    return tp__module_hold(m, name, NULL, false);
}

bool tp__layer_count(const char *call, const char *what, int64_t value)
{
    const int64_t most = (int64_t)1 << 40;
    bool good = value > 0 && value <= most;
    if (!good)
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s is %lld, expected 1 to 2^40", call, what,
                (long long)value);
    return good;
}

bool tp__layer_dtype(const char *call, tp_dtype dtype)
{
    bool good = (unsigned)dtype < TP_DTYPES && tp__is_float(dtype);
    if (!good)
        tp_fail(TP_ERROR_DTYPE, "%s: .dtype is %s, expected a floating type", call,
                (unsigned)dtype < TP_DTYPES ? tp_dtype_name(dtype) : "no type");
    return good;
}

tp_module *tp__layer_done(tp_module *m, bool good)
{
    if (good)
        return m;
    tp_module_free(m);
    return NULL;
}
