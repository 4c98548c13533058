/* SPDX-License-Identifier: MIT
 *
 * State dicts in memory.
 */
#include "harness.h"

#include <stdio.h>

TEST(values_come_back_in_order)
{
    tp_state_dict *d = tp_state_dict_new();
    tp_var *a = tp_ones(TP_F32, TP_SHAPE(2)), *b = tp_scalar(3), *c = tp_scalar(4);
    tp_state_dict_set(d, "weight", a);
    tp_state_dict_set(d, "bias", b);
    tp_state_dict_set(d, "", c);
    CHECK_INT(tp_state_dict_len(d), 3);
    CHECK(tp_state_dict_get(d, "weight") == a && tp_state_dict_get(d, "bias") == b);
    CHECK(tp_state_dict_get(d, "") == c && !tp_state_dict_get(d, "weigh"));
    CHECK_TEXT(tp_state_dict_name(d, 1), "bias");
    CHECK(tp_state_dict_at(d, 0) == a);

    tp_state_dict_set(d, "weight", c);
    CHECK_INT(tp_state_dict_len(d), 3);
    CHECK(tp_state_dict_at(d, 0) == c && tp_state_dict_get(d, "weight") == c);
    tp_state_dict_set(d, "weight", c);
    CHECK(tp_state_dict_get(d, "weight") == c);

    CHECK(!tp_state_dict_text(d, "epoch"));
    tp_state_dict_set_text(d, "epoch", "2");
    tp_state_dict_set_text(d, "epoch", "3");
    CHECK_TEXT(tp_state_dict_text(d, "epoch"), "3");
    tp_state_dict_free(d);
    tp_state_dict_free(NULL);
    CHECK(!tp_error());
}

TEST(a_dict_holds_what_its_scope_no_longer_does)
{
    size_t live = tp_live();
    tp_state_dict *d = tp_state_dict_new();
    {
        TP_SCOPE();
        tp_state_dict_set(d, "x", tp_full(TP_F64, TP_SHAPE(1000), 2.5));
        tp_state_dict_set(d, "y", tp_scalar(1));
        tp_state_dict_set(d, "y", tp_scalar(7));
    }
    CHECK_INT(tp_live() - live, 2);
    CHECK_CLOSE(((const double *)tp_data(tp_state_dict_get(d, "x")))[999], 2.5, 0);
    CHECK_CLOSE(tp_item(tp_state_dict_get(d, "y")), 7, 0);
    /* No operation uses it, so it may still become a variable. */
    CHECK(!tp_is_poison(tp_requires_grad_(tp_state_dict_get(d, "y"), true)));
    tp_state_dict_free(d);
    CHECK_INT(tp_live(), live);
}

TEST(thousands_of_names)
{
    tp_state_dict *d = tp_state_dict_new();
    tp_var *v = tp_scalar(0);
    char name[32];
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "layers.%d.weight", i);
        tp_state_dict_set(d, name, i % 2 ? v : tp_scalar(i));
    }
    CHECK_INT(tp_state_dict_len(d), 10000);
    bool good = true;
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "layers.%d.weight", i);
        good = good && tp_item(tp_state_dict_get(d, name)) == (i % 2 ? 0 : i) &&
               !strcmp(tp_state_dict_name(d, i), name);
    }
    CHECK(good);
    tp_state_dict_free(d);
}

TEST(wrong_arguments)
{
    tp_state_dict *d = tp_state_dict_new();
    tp_state_dict_set(NULL, "x", tp_scalar(1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "state_dict_set: the dict is NULL");
    tp_state_dict_set(d, NULL, tp_scalar(1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "state_dict_set: the name is NULL");
    tp_state_dict_set(d, "x", NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "state_dict_set: the value is NULL");
    tp_state_dict_set_text(d, "x", NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "state_dict_set_text: the text is NULL");
    CHECK(!tp_state_dict_get(NULL, "x"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "state_dict_get: the dict is NULL");
    CHECK(!tp_state_dict_name(d, 0) && !tp_state_dict_at(d, -1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "state_dict_name: there is no value 0 among 0");
    CHECK_INT(tp_state_dict_len(NULL), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "state_dict_len: the dict is NULL");
    tp_state_dict_set(d, "x", tp_add(tp_ones(TP_F64, TP_SHAPE(2)), tp_ones(TP_F64, TP_SHAPE(3))));
    CHECK_INT(tp_state_dict_len(d), 0);
    tp_state_dict_set(NULL, "x", tp_scalar(1)); /* ignored while an error is pending */
    CHECK_ERROR(TP_ERROR_SHAPE, "add: ");
    tp_state_dict_free(d);
}
