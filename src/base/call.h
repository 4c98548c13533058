/* SPDX-License-Identifier: MIT
 *
 * The public function that the program called, for messages. A function that is made of other
 * public ones begins with TP__CALL("its name"); until it returns, an error of those that it calls
 * bears its name: the outermost one wins. What runs the caller's own code begins with TP__CALLER():
 * there, until it returns, calls have their own names again.
 */
#ifndef TP_CALL_H
#define TP_CALL_H

#include "base/thread.h"

TP_INLINE const char *tp__call_enter(const char *name)
{
    tp__thread *t = tp__here();
    const char *outer = t->call;
    if (!outer)
        t->call = name;
    return outer;
}

TP_INLINE void tp__call_leave(const char *const *outer)
{
    tp__here()->call = *outer;
}

TP_INLINE const char *tp__call_caller(void)
{
    tp__thread *t = tp__here();
    const char *outer = t->call;
    t->call = NULL;
    return outer;
}

#define TP__CALL(name)                                                                             \
    __attribute__((cleanup(tp__call_leave), unused)) const char *const TP__UNIQUE(tp__call_) =     \
        tp__call_enter(name)

#define TP__CALLER()                                                                               \
    __attribute__((cleanup(tp__call_leave), unused)) const char *const TP__UNIQUE(tp__call_) =     \
        tp__call_caller()

#endif
