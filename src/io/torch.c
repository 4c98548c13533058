/* SPDX-License-Identifier: MIT
 *
 * What torch.save writes: a zip whose data.pkl is a pickle of the object, in which tensors refer to
 * storages, and a file data/KEY for each storage.
 *
 * The object is flattened: a value in a dict in a dict is called outer.inner, one in a list by its
 * place. A number becomes an array of no dimensions (int64, float64, bool), a text one of the
 * dict's texts; None is nothing. Tensors over one storage share it here as there, and two that are
 * the same part of it, as tied weights are, become one value.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "io/element.h"
#include "io/formats.h"
#include "io/pickle.h"
#include "io/zip.h"
#include "tinypytorch/array.h"
#include "tinypytorch/error.h"

enum {
    TORCH_DEPTH = 64,      /* of dicts in dicts */
    TORCH_NAME = 1000,     /* bytes of a name */
    TORCH_TEXTS = 64,      /* times the pickle's size: what names and texts may take */
    TORCH_LEAST = 1 << 20, /* … but so much in any case */
};

/* A storage: all its elements, and the last tensor that was made of it. */
typedef struct torch_storage {
    tp_var *all, *last;
    int element;
} torch_storage;

typedef struct torch_file {
    tp__zip zip;
    tp__pickle pickle;
    tp_state_dict *d;
    tp__names storages; /* torch_storage *, by key */
    tp__text name;      /* of the object that is looked at */
    const char *folder; /* in the zip, with its slash */
    size_t folder_length;
    size_t room; /* for names and texts */
    bool swapped;
} torch_file;

static bool torch_fail(const torch_file *file, const char *what)
{
    return tp__format_fail(file->zip.call, file->zip.path, "\"%.200s\" is %s",
                           file->name.at ? file->name.at : "", what);
}

/* Item i of a list, if it is of that kind; otherwise NULL, with an error. */
static const tp__pickle_object *torch_item(const torch_file *file, uint32_t list, size_t i,
                                           tp__pickle_kind kind)
{
    const tp__pickle_object *object = &file->pickle.objects[list];
    if (i < object->as.items.n) {
        const tp__pickle_object *item = &file->pickle.objects[object->as.items.at[i]];
        if (item->kind == kind)
            return item;
    }
    torch_fail(file, "no tensor as torch.save writes it");
    return NULL;
}

/* --- Storages --- */

/* Reads the storage of that key, which is a text of the pickle. */
static bool torch_read_storage(torch_file *file, torch_storage *storage, const char *key, int64_t n)
{
    tp__text path = {0};
    tp__text_add(&path, file->folder, file->folder_length);
    tp__text_put(&path, "data/");
    tp__text_put(&path, key);
    size_t begin;
    const tp__zip_entry *entry = path.failed ? NULL : tp__zip_find(&file->zip, path.at);
    tp__blob *blob = entry ? tp__zip_read(&file->zip, entry, false, &begin) : NULL;
    if (!entry && !path.failed)
        torch_fail(file, "a tensor whose storage is not in the file");
    tp__text_drop(&path);
    tp__element_array array = {.call = file->zip.call,
                               .path = file->zip.path,
                               .name = file->name.at,
                               .element = storage->element,
                               .ndim = 1,
                               .shape = {n},
                               .swapped = file->swapped};
    size_t bytes;
    bool good = blob && tp__element_count(&array, NULL, &bytes);
    if (good && bytes > entry->size)
        good = torch_fail(file, "a tensor whose storage has fewer bytes than it says");
    tp_var *all = good ? tp__element_value(&array, blob, begin) : tp__poison();
    tp__blob_drop(blob);
    if (tp_is_poison(all) || !tp__node_expose(all))
        return false;
    storage->all = tp_keep(all);
    return true;
}

/* The storage that the tuple ("storage", type, key, place, elements) tells, read if it is new. */
static torch_storage *torch_storage_of(torch_file *file, uint32_t tuple)
{
    const tp__pickle_object *type = torch_item(file, tuple, 1, TP__PICKLE_GLOBAL),
                            *key = type ? torch_item(file, tuple, 2, TP__PICKLE_TEXT) : NULL,
                            *n = key ? torch_item(file, tuple, 4, TP__PICKLE_INTEGER) : NULL;
    if (!n)
        return NULL;
    char name[32];
    if (type->as.integer >= TP__PICKLE_FUNCTIONS || key->as.text.n >= sizeof name ||
        !tp__format_is_text(key->as.text.at, key->as.text.n)) {
        torch_fail(file, "no tensor as torch.save writes it");
        return NULL;
    }
    memcpy(name, key->as.text.at, key->as.text.n);
    name[key->as.text.n] = 0;
    tp__names_entry *entry = tp__names_add(&file->storages, name);
    if (entry && !entry->value)
        entry->value = tp__alloc_zero(1, sizeof(torch_storage));
    torch_storage *storage = entry ? entry->value : NULL;
    if (!storage)
        return NULL;
    if (storage->all &&
        (storage->element != (int)type->as.integer || storage->all->size != n->as.integer)) {
        torch_fail(file, "a tensor whose storage is described in two ways");
        return NULL;
    }
    storage->element = (int)type->as.integer;
    return storage->all || torch_read_storage(file, storage, name, n->as.integer) ? storage : NULL;
}

/* --- Tensors --- */

typedef struct torch_view {
    int ndim;
    int64_t offset, shape[TP_MAX_NDIM], strides[TP_MAX_NDIM], size;
} torch_view;

static bool torch_take_view(const torch_file *file, uint32_t arguments, torch_view *view)
{
    const tp__pickle_object *offset = torch_item(file, arguments, 1, TP__PICKLE_INTEGER),
                            *shape =
                                offset ? torch_item(file, arguments, 2, TP__PICKLE_LIST) : NULL,
                            *strides =
                                shape ? torch_item(file, arguments, 3, TP__PICKLE_LIST) : NULL;
    if (!strides)
        return false;
    size_t ndim = shape->as.items.n;
    if (ndim > TP_MAX_NDIM || strides->as.items.n != ndim)
        return torch_fail(file, "a tensor of more than 8 dimensions, or with as many strides as it "
                                "has no dimensions");
    view->ndim = (int)ndim;
    view->offset = offset->as.integer;
    const uint32_t *list = file->pickle.objects[arguments].as.items.at;
    for (size_t i = 0; i < ndim; i++) {
        const tp__pickle_object *size = torch_item(file, list[2], i, TP__PICKLE_INTEGER),
                                *stride =
                                    size ? torch_item(file, list[3], i, TP__PICKLE_INTEGER) : NULL;
        if (!stride)
            return false;
        view->shape[i] = size->as.integer;
        view->strides[i] = stride->as.integer;
    }
    return true;
}

/* True if the view's elements all lie among the storage's n. */
static bool torch_check_view(const torch_file *file, torch_view *view, const torch_storage *storage)
{
    tp__element_array array = {.call = file->zip.call,
                               .path = file->zip.path,
                               .name = file->name.at,
                               .element = storage->element,
                               .ndim = view->ndim};
    memcpy(array.shape, view->shape, sizeof array.shape);
    if (!tp__element_count(&array, &view->size, NULL))
        return false;
    int64_t n = storage->all->size, last = view->offset;
    bool good = last >= 0 && last <= n;
    for (int i = 0; i < view->ndim && good; i++) {
        int64_t steps = view->shape[i] ? view->shape[i] - 1 : 0, stride = view->strides[i];
        good = stride >= 0 && (!view->size || !steps || stride <= (n - last) / steps);
        last += good && view->size ? steps * stride : 0;
    }
    good = good && (!view->size || last < n);
    return good || torch_fail(file, "a tensor whose elements lie outside its storage");
}

/* A value over the view's elements. One that is not contiguous is copied, unless that took more
 * memory than the storage has: then elements are repeated, and the value shows them so. */
static tp_var *torch_make(const torch_view *view, torch_storage *storage)
{
    tp__thread *t = tp__here();
    tp_var *all = storage->all;
    char *data = (char *)all->data +
                 (size_t)(view->size ? view->offset : 0) * tp__dtype_size((tp_dtype)all->dtype);
    int64_t contiguous[TP_MAX_NDIM];
    tp__contiguous_strides(view->ndim, view->shape, contiguous);
    tp__storage_ref(all->storage);
    tp_var *v = tp__own(t, tp__node_over(t, all->storage, data, (tp_dtype)all->dtype, view->ndim,
                                         view->shape, view->size ? view->strides : contiguous));
    if (!tp_is_poison(v) && !(v->flags & TP__CONTIGUOUS) && v->size <= all->size)
        return tp__own(t, tp__copy_as(t, v, (tp_dtype)v->dtype));
    if (!tp_is_poison(v) && (v->flags & TP__CONTIGUOUS)) {
        tp_free(storage->last);
        storage->last = tp_keep(v);
    }
    return v;
}

static tp_var *torch_tensor(torch_file *file, uint32_t arguments)
{
    torch_view view = {0};
    const tp__pickle_object *of = torch_item(file, arguments, 0, TP__PICKLE_STORAGE);
    torch_storage *storage = of ? torch_storage_of(file, of->as.of) : NULL;
    if (!storage || !torch_take_view(file, arguments, &view) ||
        !torch_check_view(file, &view, storage))
        return tp__poison();
    tp_var *last = storage->last;
    size_t offset = (size_t)view.offset * tp__dtype_size((tp_dtype)storage->all->dtype);
    if (last && last->data == (char *)storage->all->data + offset &&
        tp__same_shape(last, view.ndim, view.shape) &&
        !memcmp(tp__strides(last), view.strides, (size_t)view.ndim * sizeof *view.strides))
        return last;
    return torch_make(&view, storage);
}

/* --- Flattening --- */

/* Names and texts are copies, of what the pickle may refer to any number of times. */
static bool torch_spend(torch_file *file, size_t bytes)
{
    if (bytes > file->room)
        return torch_fail(file, "more than 64 times as long, with what was before it, as the file");
    file->room -= bytes;
    return true;
}

static bool torch_take_text(torch_file *file, const tp__pickle_object *object)
{
    tp__text text = {0};
    if (!tp__format_is_text(object->as.text.at, object->as.text.n))
        return torch_fail(file, "a text that is not UTF-8, or has a character 0");
    if (!torch_spend(file, object->as.text.n))
        return false;
    tp__text_add(&text, object->as.text.at, object->as.text.n);
    bool good = !text.failed && tp__format_set_text(file->zip.call, file->zip.path, file->d,
                                                    file->name.at, text.at);
    tp__text_drop(&text);
    return good;
}

static tp_var *torch_number(const tp__pickle_object *object)
{
    uint8_t yes = object->as.integer != 0;
    return object->kind == TP__PICKLE_FLOAT  ? tp_array(TP_F64, 0, NULL, &object->as.number)
           : object->kind == TP__PICKLE_BOOL ? tp_array(TP_BOOL, 0, NULL, &yes)
                                             : tp_array(TP_I64, 0, NULL, &object->as.integer);
}

/* What is no container. */
static bool torch_take_leaf(torch_file *file, const tp__pickle_object *object)
{
    TP_SCOPE();
    if (!torch_spend(file, file->name.length + 1))
        return false;
    if (object->kind == TP__PICKLE_NONE)
        return true;
    if (object->kind == TP__PICKLE_TEXT)
        return torch_take_text(file, object);
    if (object->kind == TP__PICKLE_GLOBAL || object->kind == TP__PICKLE_STORAGE)
        return torch_fail(file, "neither a tensor nor a number nor a text");
    tp_var *v = object->kind == TP__PICKLE_TENSOR ? torch_tensor(file, object->as.of)
                                                  : torch_number(object);
    return tp__format_set(file->zip.call, file->zip.path, file->d, file->name.at, v);
}

/* Appends a key to the name. */
static bool torch_take_key(torch_file *file, const tp__pickle_object *key, size_t place)
{
    size_t before = file->name.length;
    if (before)
        tp__text_put(&file->name, ".");
    if (!key)
        tp__text_format(&file->name, "%zu", place);
    else if (key->kind == TP__PICKLE_INTEGER)
        tp__text_format(&file->name, "%lld", (long long)key->as.integer);
    else if (key->kind != TP__PICKLE_TEXT || key->as.text.n > TORCH_NAME ||
             !tp__format_is_text(key->as.text.at, key->as.text.n))
        return torch_fail(file,
                          "a dict with a key that is neither a text, of UTF-8, nor an integer");
    else
        tp__text_add(&file->name, key->as.text.at, key->as.text.n);
    return !file->name.failed &&
           (file->name.length <= TORCH_NAME || torch_fail(file, "a name of more than 1000 bytes"));
}

static bool torch_take(torch_file *file, uint32_t number, int depth)
{
    const tp__pickle_object *object = &file->pickle.objects[number];
    bool dict = object->kind == TP__PICKLE_DICT;
    if (!dict && object->kind != TP__PICKLE_LIST)
        return torch_take_leaf(file, object);
    if (depth == TORCH_DEPTH)
        return torch_fail(file, "more than 64 dicts or lists deep");
    size_t step = dict ? 2 : 1, before = file->name.length;
    for (size_t i = 0; i + step <= object->as.items.n; i += step) {
        const uint32_t *items = object->as.items.at + i;
        if (!torch_spend(file, 1) ||
            !torch_take_key(file, dict ? &file->pickle.objects[items[0]] : NULL, i) ||
            !torch_take(file, items[step - 1], depth + 1))
            return false;
        file->name.length = before;
        file->name.at[before] = 0;
    }
    return true;
}

/* --- The file --- */

/* The entry of the pickle, in whatever folder. NULL if there is none. */
static const tp__zip_entry *torch_find_pickle(const tp__zip *zip)
{
    static const char name[] = "data.pkl";
    for (size_t i = 0; i < zip->n; i++) {
        const char *slash = strchr(zip->entries[i].name, '/');
        if (slash && !strcmp(slash + 1, name))
            return &zip->entries[i];
    }
    return NULL;
}

/* A file of before 2023 does not tell the order of bytes: it is the common one. */
static bool torch_read_order(torch_file *file)
{
    tp__text path = {0};
    tp__text_add(&path, file->folder, file->folder_length);
    tp__text_put(&path, "byteorder");
    const tp__zip_entry *entry = path.failed ? NULL : tp__zip_find(&file->zip, path.at);
    bool good = !path.failed;
    tp__text_drop(&path);
    if (!entry)
        return good;
    size_t begin;
    tp__blob *blob = tp__zip_read(&file->zip, entry, false, &begin);
    const uint16_t one = 1;
    bool here_little = *(const unsigned char *)&one, big = false;
    if (blob && entry->size == 3 && !memcmp(blob->at + begin, "big", 3))
        big = true;
    else if (blob && (entry->size != 6 || memcmp(blob->at + begin, "little", 6) != 0))
        tp__format_fail(file->zip.call, file->zip.path,
                        "the order of bytes is neither little nor "
                        "big");
    file->swapped = big == here_little;
    tp__blob_drop(blob);
    return blob && !tp__here()->code;
}

static bool torch_read(torch_file *file, const tp__zip_entry *entry)
{
    file->folder = entry->name;
    file->folder_length = (size_t)(strchr(entry->name, '/') + 1 - entry->name);
    file->room = TORCH_LEAST + TORCH_TEXTS * (entry->size < PTRDIFF_MAX / TORCH_TEXTS / 2
                                                  ? entry->size
                                                  : PTRDIFF_MAX / TORCH_TEXTS / 2);
    if (!torch_read_order(file))
        return false;
    size_t begin;
    uint32_t result;
    tp__blob *blob = tp__zip_read(&file->zip, entry, false, &begin);
    bool good = blob && tp__pickle_open(&file->pickle, file->zip.call, file->zip.path,
                                        blob->at + begin, entry->size, &result);
    tp__text_add(&file->name, "", 0);
    good = good && !file->name.failed && torch_take(file, result, 0);
    tp__pickle_close(&file->pickle);
    tp__blob_drop(blob);
    return good;
}

static void torch_close(torch_file *file)
{
    for (size_t i = 0; i < file->storages.n; i++) {
        torch_storage *storage = file->storages.entries[i].value;
        if (storage) {
            tp_free(storage->all);
            tp_free(storage->last);
        }
        tp__free(storage);
    }
    tp__names_drop(&file->storages);
    tp__text_drop(&file->name);
    tp__zip_close(&file->zip);
}

/* A zip without a pickle is one of NumPy's. */
bool tp__zip_file_read(const char *call, const char *path, tp__blob *blob, tp_state_dict *d)
{
    torch_file file = {.d = d};
    bool good = tp__zip_open(&file.zip, call, path, blob);
    const tp__zip_entry *entry = good ? torch_find_pickle(&file.zip) : NULL;
    if (entry)
        good = torch_read(&file, entry);
    else if (good)
        good = tp__npz_read(&file.zip, d);
    torch_close(&file);
    return good;
}
