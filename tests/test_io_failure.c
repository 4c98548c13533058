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

static tp_state_dict *some(void)
{
    tp_state_dict *d = tp_state_dict_new();
    tp_state_dict_set(d, "weight", tp_reshape(tp_arange(TP_F32, 0, 6, 1), TP_SHAPE(2, 3)));
    tp_state_dict_set(d, "step", tp_array(TP_I64, TP_SHAPE(), (int64_t[]){3}));
    tp_state_dict_set(d, "turned", tp_transpose(tp_state_dict_get(d, "weight"), 0, 1));
    tp_state_dict_set_text(d, "format", "pt");
    return d;
}

/* Saves, loads, and finds what is there. */
static void find_file(findings *found, const char *path)
{
    tp_state_dict *d = some();
    bool saved = tp_state_dict_save(d, path);
    tp_state_dict_free(d);
    d = saved ? tp_state_dict_load(path) : NULL;
    for (int64_t i = 0; d && i < tp_state_dict_len(d); i++)
        find(found, tp_state_dict_at(d, i));
    if (d)
        find_text(found, strdup(tp_state_dict_text(d, "format")));
    tp_state_dict_free(d);
}

static void job_safetensors(findings *found)
{
    find_file(found, "failure.safetensors");
}
FAILURE_TEST(safetensors)

static void job_shards(findings *found)
{
    static const char text[] = "{\"weight_map\":{\"step\":\"failure.safetensors\"}}";
    FILE *file = fopen("failure.index.json", "wb");
    CHECK(file && fwrite(text, 1, sizeof text - 1, file) == sizeof text - 1);
    fclose(file);
    tp_state_dict *d = tp_state_dict_load("failure.index.json");
    if (d)
        find(found, tp_state_dict_get(d, "step"));
    tp_state_dict_free(d);
}
FAILURE_TEST(shards)

static void job_npz(findings *found)
{
    find_file(found, "failure.npz");
}
FAILURE_TEST(npz)

static void find_foreign(findings *found, const char *name)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/io/%s", TEST_REFERENCE, name);
    tp_state_dict *d = tp_state_dict_load(path);
    if (!d && tp_status() == TP_ERROR_MISSING)
        tp_clear_error();
    find_number(found, d ? (double)tp_state_dict_len(d) : -1);
    for (int64_t i = 0; d && i < tp_state_dict_len(d); i++)
        find(found, tp_sum(tp_to(tp_state_dict_at(d, i), TP_F64)));
    tp_state_dict_free(d);
}

static void job_foreign(findings *found)
{
    find_foreign(found, "state.pt");
    find_foreign(found, "nested.pt");
    find_foreign(found, "stored.npz");
    find_foreign(found, "deflated.npz");
}
FAILURE_TEST(foreign)

static void job_npy(findings *found)
{
    if (tp_npy_save(tp_transpose(tp_ones(TP_F32, TP_SHAPE(2, 3)), 0, 1), "failure.npy"))
        find(found, tp_npy_load("failure.npy"));
}
FAILURE_TEST(npy)
