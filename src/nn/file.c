/* SPDX-License-Identifier: MIT
 *
 * Modules in files, by their state dicts.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/nn.h"

#include "nn/module.h"

bool tp_module_save(tp_module *m, const char *path)
{
    tp_state_dict *d = tp_module_state_dict(m);
    bool good = d && tp_state_dict_save(d, path);
    tp_state_dict_free(d);
    return good;
}

bool(tp_module_load)(tp_module *m, const char *path, const tp_load_options *options)
{
    tp_state_dict *d = tp__here()->code ? NULL : tp_state_dict_load(path);
    bool good = d && tp_module_load_state_dict(m, d, options);
    tp_state_dict_free(d);
    return good;
}
