/* SPDX-License-Identifier: MIT
 *
 * A state dict: two maps by name. Each value has a reference of the user's kind (tp_keep), so that
 * whoever counts handles does not take the dict for a recorded operation.
 */
#ifndef TP_STATE_DICT_H
#define TP_STATE_DICT_H

#include "io/names.h"
#include "tinypytorch/io.h"

struct tp_state_dict {
    tp__names vars;  /* tp_var * */
    tp__names texts; /* char * */
};

/* True if d is there and no error is pending; otherwise false, with an error. */
bool tp__state_dict_check(const char *call, const tp_state_dict *d);

#endif
