/* SPDX-License-Identifier: MIT
 *
 * The common type of operands, by PyTorch's rules (promote.h): first the largest type of each
 * class, then the classes in order. Every integer type gives way to every floating one, whatever
 * their sizes: int64 and float16 are float16.
 */
#include "base/features.h"

#include "array/promote.h"

#include <stdatomic.h>

#include "base/error.h"
#include "base/log.h"

/* Types in the order in which they take in others: the larger rank is the common type. */
static const int promote_rank[] = {[TP_BOOL] = 0, [TP_U8] = 1,   [TP_I32] = 2, [TP_I64] = 3,
                                   [TP_F16] = 4,  [TP_BF16] = 4, [TP_F32] = 5, [TP_F64] = 6};

/* Neither of the two half types holds the other. */
static tp_dtype promote_larger(tp_dtype a, tp_dtype b)
{
    if (a != b && promote_rank[a] == promote_rank[b])
        return TP_F32;
    return promote_rank[a] > promote_rank[b] ? a : b;
}

/* bool, then integers, then floating types. */
static int promote_kind(tp_dtype dtype)
{
    return tp__is_float(dtype) ? 2 : dtype != TP_BOOL;
}

tp_dtype tp__promote(tp_var *const *in, int n)
{
    bool present[3] = {false, false, false};
    tp_dtype best[3] = {TP_BOOL, TP_BOOL, TP_BOOL};
    for (int i = 0; i < n; i++) {
        int class = in[i]->flags & TP__WEAK ? 2 : in[i]->ndim ? 0 : 1;
        tp_dtype dtype = in[i]->flags & TP__WEAK_INT ? TP_I64 : (tp_dtype)in[i]->dtype;
        present[class] = true;
        best[class] = promote_larger(best[class], dtype);
    }
    if (!present[0] && !present[1])
        return TP_F64;
    tp_dtype result = present[0] ? best[0] : best[1];
    for (int class = 1; class < 3; class ++)
        if (present[class] && promote_kind(best[class]) > promote_kind(result))
            result = best[class];
    return result;
}

void tp__warn_of_mixed(const char *call, tp_var *const *in, int n)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    bool single = false, full = false;
    for (int i = 0; i < n; i++) {
        single |= in[i]->dtype == TP_F32 && in[i]->ndim > 0;
        full |= in[i]->dtype == TP_F64 && in[i]->ndim > 0;
    }
    if (TP_UNLIKELY(single && full) && !atomic_flag_test_and_set(&said))
        tp__log(
            "%s: float32 and float64 arrays are computed in float64, which takes twice the time "
            "and memory; tp_to brings them to one type (this is said once)",
            call);
}

bool tp__check_weak(const char *call, tp_var *const *in, int n, bool grows, tp_dtype *dtype)
{
    for (int i = 0; i < n; i++) {
        const tp_var *v = in[i];
        if (!(v->flags & TP__WEAK) || (*dtype == TP_I64 && v->dtype == TP_I64))
            continue;
        double value = tp__read_element((tp_dtype)v->dtype, v->data);
        if (grows && !tp__dtype_fits(*dtype, value))
            *dtype = TP_I64;
        else if (!tp__check_number(call, *dtype, value))
            return false;
    }
    return true;
}
