/* SPDX-License-Identifier: MIT
 *
 * A dict that is spread over several safetensors files: a JSON object whose "weight_map" tells for
 * each name the file, beside this one, that holds it. The dict has exactly these names, in this
 * order, and the texts of all files. A file is opened once, when the first name needs it.
 *
 * Files are those of the index's own directory: a name with a slash is refused.
 */
#include "base/features.h"

#include <string.h>

#include "base/alloc.h"
#include "draw/json_parse.h"
#include "io/formats.h"
#include "tinypytorch/error.h"

typedef struct shards_index {
    tp__json json;
    tp_state_dict *d;
    tp__names files; /* tp_state_dict *, of the files that were opened */
} shards_index;

static tp_state_dict *shards_load(shards_index *index, const char *file)
{
    const char *path = index->json.path, *slash = strrchr(path, '/');
    tp__text beside = {0};
    tp__text_add(&beside, path, slash ? (size_t)(slash + 1 - path) : 0);
    tp__text_put(&beside, file);
    tp_state_dict *d = beside.failed ? NULL : tp_state_dict_new();
    tp__blob *blob = d ? tp__blob_open(index->json.call, beside.at) : NULL;
    if (!blob || !tp__safetensors_read(index->json.call, beside.at, blob, d)) {
        tp_state_dict_free(d);
        d = NULL;
    }
    tp__blob_drop(blob);
    tp__text_drop(&beside);
    return d;
}

/* The dict of a file, which the index holds. NULL, with an error. */
static const tp_state_dict *shards_open(shards_index *index, const char *file)
{
    if (!*file || strpbrk(file, "/\\") || !strcmp(file, ".") || !strcmp(file, "..")) {
        tp__format_fail(index->json.call, index->json.path,
                        "\"%.100s\" is no name of a file in the same directory", file);
        return NULL;
    }
    tp__names_entry *entry = tp__names_add(&index->files, file);
    if (entry && !entry->value)
        entry->value = shards_load(index, file);
    return entry ? entry->value : NULL;
}

static bool shards_take(shards_index *index, const char *name, const char *file)
{
    const char *call = index->json.call, *path = index->json.path;
    const tp_state_dict *shard = shards_open(index, file);
    tp_var *v = shard ? tp_state_dict_get(shard, name) : NULL;
    if (shard && !v)
        return tp__format_fail(call, path, "%s has no tensor \"%s\"", file, name);
    return v && tp__format_set(call, path, index->d, name, v);
}

static void shards_read_map(shards_index *index)
{
    bool first = true;
    tp__json_expect(&index->json, '{');
    while (tp__json_more(&index->json, '}', &first)) {
        tp__text name = {0}, file = {0};
        tp__json_string(&index->json, &name);
        tp__json_expect(&index->json, ':');
        if (!index->json.failed)
            tp__json_string(&index->json, &file);
        if (!index->json.failed)
            index->json.failed = !shards_take(index, name.at, file.at);
        tp__text_drop(&name);
        tp__text_drop(&file);
    }
}

static void shards_read(shards_index *index, size_t length)
{
    bool first = true, seen = false;
    tp__json_expect(&index->json, '{');
    while (tp__json_more(&index->json, '}', &first)) {
        char key[16];
        tp__json_key(&index->json, key, sizeof key);
        bool map = !strcmp(key, "weight_map");
        if (map && seen)
            tp__json_fail(&index->json, "\"weight_map\" once");
        else if (map)
            shards_read_map(index);
        else if (!index->json.failed)
            tp__json_skip(&index->json);
        seen = seen || map;
    }
    if (!seen)
        tp__json_fail(&index->json, "\"weight_map\" before this");
    tp__json_end(&index->json, index->json.start + length);
}

/* Texts that several files have are the same in all, or the first one's. */
static bool shards_take_texts(tp_state_dict *d, const tp_state_dict *shard)
{
    for (size_t i = 0; i < shard->texts.n; i++) {
        const tp__names_entry *entry = &shard->texts.entries[i];
        if (!tp_state_dict_text(d, entry->name))
            tp_state_dict_set_text(d, entry->name, entry->value);
    }
    return !tp__here()->code;
}

bool tp__shards_read(const char *call, const char *path, tp__blob *blob, tp_state_dict *d)
{
    tp__text text = {0};
    tp__text_add(&text, (char *)blob->at, blob->size);
    if (text.failed)
        return false;
    shards_index index = {.json = {.start = text.at,
                                   .at = text.at,
                                   .call = call,
                                   .path = path,
                                   .what = "an index of safetensors files",
                                   .strict = true},
                          .d = d};
    shards_read(&index, blob->size);
    bool good = !index.json.failed;
    for (size_t i = 0; i < index.files.n; i++) {
        tp_state_dict *shard = index.files.entries[i].value;
        good = good && shards_take_texts(d, shard);
        tp_state_dict_free(shard);
    }
    tp__names_drop(&index.files);
    tp__text_drop(&text);
    return good;
}
