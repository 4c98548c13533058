/* SPDX-License-Identifier: MIT
 *
 * Each request for memory fails in turn while state dicts are made, saved and loaded.
 */
#define _POSIX_C_SOURCE 200809L
#include "failure.h"

static void job_dict(findings *found)
{
    tp_state_dict *d = tp_state_dict_new();
    char name[16];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "name %d", i % 18);
        tp_state_dict_set(d, name, tp_full(TP_F32, TP_SHAPE(2), i));
        tp_state_dict_set_text(d, name, name);
    }
    for (int64_t i = 0; i < tp_state_dict_len(d); i++)
        find(found, tp_state_dict_at(d, i));
    find_number(found, (double)tp_state_dict_len(d));
    tp_state_dict_free(d);
}
FAILURE_TEST(dict)
