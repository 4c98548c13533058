/* SPDX-License-Identifier: MIT
 *
 * Files that others made (reference/make_io.py): NumPy, PyTorch, and safetensors by hand. The
 * numbers are those that were put there.
 */
#include "harness.h"

#include <stdio.h>

#include "io_bytes.h"

#define F32(shape, ...) tp_array(TP_F32, shape, (float[]){__VA_ARGS__})
#define F64(shape, ...) tp_array(TP_F64, shape, (double[]){__VA_ARGS__})
#define I64(shape, ...) tp_array(TP_I64, shape, (int64_t[]){__VA_ARGS__})
#define I32(shape, ...) tp_array(TP_I32, shape, (int32_t[]){__VA_ARGS__})

static const char *reference(const char *name)
{
    static char path[1000];
    snprintf(path, sizeof path, "%s/io/%s", TEST_REFERENCE, name);
    return path;
}

static tp_state_dict *load(const char *name)
{
    return tp_state_dict_load(reference(name));
}

static bool has(const tp_state_dict *d, const char *name, tp_var *expected)
{
    return same_value(tp_state_dict_get(d, name), expected);
}

static tp_var *table(void)
{
    return F64(TP_SHAPE(2, 3), 0, 0.25, 0.5, 0.75, 1, 1.25);
}

TEST(safetensors_by_hand)
{
    tp_state_dict *d = load("hand.safetensors");
    CHECK_INT(tp_state_dict_len(d), 2);
    CHECK_TEXT(tp_state_dict_name(d, 0), "half");
    CHECK(has(d, "weight", F32(TP_SHAPE(2, 3), 0, 1, 2, 3, 4, 5)));
    CHECK(has(d, "half", tp_to(F32(TP_SHAPE(2), 1, -3), TP_BF16)));
    CHECK_TEXT(tp_state_dict_text(d, "format"), "pt");
    tp_state_dict_free(d);
}

TEST(numpys_arrays)
{
    static const char *const same[] = {"plain.npy", "fortran.npy", "big.npy", "version2.npy",
                                       "version3.npy"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        CHECK(same_value(tp_npy_load(reference(same[i])), table()));
    CHECK(same_value(tp_npy_load(reference("number.npy")), I64(TP_SHAPE(), -5)));
    tp_state_dict *d = load("plain.npy");
    CHECK(has(d, "arr_0", table()));
    tp_state_dict_free(d);
    CHECK(tp_is_poison(tp_npy_load(reference("object.npy"))));
    CHECK_ERROR(TP_ERROR_DTYPE, "\"arr_0\" has elements of NumPy's type |O, which are not among");
}

TEST(numpys_archives)
{
    tp_state_dict *d = load("stored.npz");
    CHECK_INT(tp_state_dict_len(d), 12);
    CHECK(has(d, "float32", F32(TP_SHAPE(2), 1.5F, -0.0F)));
    CHECK(has(d, "float16", tp_to(F32(TP_SHAPE(1), 1 / 3.0F), TP_F16)));
    CHECK(has(d, "int32", I32(TP_SHAPE(1, 1), -7)));
    CHECK(has(d, "bool", tp_array(TP_BOOL, TP_SHAPE(2), "\1\0")));
    CHECK(has(d, "uint8", tp_array(TP_U8, TP_SHAPE(1), "\310")));
    CHECK(has(d, "int8", I32(TP_SHAPE(1), -3)));
    CHECK(has(d, "int16", I32(TP_SHAPE(1), -300)));
    CHECK(has(d, "uint16", I32(TP_SHAPE(1), 65535)));
    CHECK(has(d, "uint32", I64(TP_SHAPE(1), 4294967295)));
    CHECK(has(d, "big32", I32(TP_SHAPE(2, 2), 1, 2, 3, 4)));
    CHECK(has(d, "empty", tp_zeros(TP_F64, TP_SHAPE(0, 3))));
    CHECK(has(d, "a/b.c", F64(TP_SHAPE(), 2)));
    CHECK_TEXT(tp_state_dict_text(d, "text"), "na\303\257ve \360\237\230\200");
    tp_state_dict_free(d);

    d = load("deflated.npz");
    if (!d && test_error(TP_ERROR_MISSING, "zeros.npy is compressed, and the library was built "
                                           "without zlib"))
        return;
    CHECK(has(d, "zeros", tp_zeros(TP_F64, TP_SHAPE(5000))) && has(d, "table", table()));
    tp_state_dict_free(d);
}

TEST(pytorchs_state)
{
    tp_state_dict *d = load("state.pt");
    CHECK_INT(tp_state_dict_len(d), 9);
    CHECK(has(d, "weight", F32(TP_SHAPE(2, 3), 0, 1, 2, 3, 4, 5)));
    CHECK(tp_state_dict_get(d, "weight") == tp_state_dict_get(d, "tied"));
    CHECK(has(d, "turned", F32(TP_SHAPE(3, 2), 0, 3, 1, 4, 2, 5)));
    CHECK(has(d, "tail", F32(TP_SHAPE(6), 6, 7, 8, 9, 10, 11)));
    CHECK(has(d, "repeated", F32(TP_SHAPE(4), 3, 3, 3, 3)));
    CHECK(has(d, "half", tp_to(F32(TP_SHAPE(1), 1.5F), TP_BF16)));
    CHECK(has(d, "count", I64(TP_SHAPE(), 7)));
    CHECK(has(d, "flags", tp_array(TP_BOOL, TP_SHAPE(2), "\1\0")));
    CHECK(has(d, "small", I32(TP_SHAPE(1), -2)));
    tp_var *weight = tp_state_dict_get(d, "weight");
    tp_add_(weight, tp_num(1));
    CHECK(has(d, "tail", F32(TP_SHAPE(6), 6, 7, 8, 9, 10, 11)));
    CHECK(!tp_is_poison(tp_requires_grad_(weight, true)));
    tp_state_dict_free(d);
}

TEST(pytorchs_nested_dicts)
{
    tp_state_dict *d = load("nested.pt");
    CHECK_INT(tp_state_dict_len(d), 9);
    CHECK(has(d, "model.w", F32(TP_SHAPE(2), 1, 1)));
    CHECK(has(d, "epoch", I64(TP_SHAPE(), 3)) && has(d, "loss", F64(TP_SHAPE(), 0.25)));
    CHECK(has(d, "done", tp_array(TP_BOOL, TP_SHAPE(), "\1")));
    CHECK_TEXT(tp_state_dict_text(d, "name"), "run");
    CHECK(has(d, "list.0", F32(TP_SHAPE(1), 0)) && has(d, "list.1.0", I64(TP_SHAPE(), 1)));
    CHECK(has(d, "list.1.1", I64(TP_SHAPE(), -70000)));
    CHECK(has(d, "large", I64(TP_SHAPE(), INT64_C(1) << 40)) && has(d, "5", F64(TP_SHAPE(), 2.5)));
    tp_state_dict_free(d);

    d = load("model.pt");
    CHECK_INT(tp_state_dict_len(d), 7);
    CHECK(has(d, "0.weight", F32(TP_SHAPE(1, 2), 1, 2)) && has(d, "0.bias", F32(TP_SHAPE(1), 3)));
    CHECK(has(d, "1.running_var", F32(TP_SHAPE(1), 1)));
    CHECK(has(d, "1.num_batches_tracked", I64(TP_SHAPE(), 0)));
    tp_state_dict_free(d);

    /* The first step: m = 0.1 g, v = 0.001 g². */
    d = load("adam.pt");
    CHECK_CLOSE(tp_item(tp_state_dict_get(d, "state.0.step")), 1, 0);
    CHECK_CLOSE(tp_item(tp_select(tp_state_dict_get(d, "state.0.exp_avg"), 0, 1)), -0.2, 1e-7);
    CHECK_CLOSE(tp_item(tp_select(tp_state_dict_get(d, "state.0.exp_avg_sq"), 0, 1)), 0.004, 1e-7);
    CHECK(has(d, "param_groups.0.lr", F64(TP_SHAPE(), 0.5)));
    CHECK(has(d, "param_groups.0.betas.1", F64(TP_SHAPE(), 0.999)));
    tp_state_dict_free(d);
}

TEST(code_is_not_run)
{
    CHECK(!load("code.pt"));
    CHECK_ERROR(TP_ERROR_FILE,
                "code.pt: the pickle names torch.nn.modules.linear.Linear, which is refused");
    CHECK(!load("old.pt"));
    CHECK_ERROR(TP_ERROR_FILE, "the zip that torch.save writes from PyTorch 1.6 on");
}

TEST(archives_come_back)
{
    tp_state_dict *d = every_type();
    tp_state_dict_set_text(d, "text", "\303\244\360\237\230\200");
    tp_state_dict_set_text(d, "nothing", "");
    CHECK(tp_state_dict_save(d, "types.npz"));
    tp_state_dict *read = tp_state_dict_load("types.npz");
    tp_var *wide = tp_state_dict_get(read, "bfloat16");
    CHECK(tp_dtype_of(wide) == TP_F32);
    tp_state_dict_set(read, "bfloat16", tp_to(wide, TP_BF16));
    CHECK(same_dict(d, read));
    CHECK_TEXT(tp_state_dict_text(read, "text"), "\303\244\360\237\230\200");
    CHECK_TEXT(tp_state_dict_text(read, "nothing"), "");
    tp_state_dict_free(read);
    tp_state_dict_set_text(d, "bool", "");
    CHECK(!tp_state_dict_save(d, "types.npz"));
    CHECK_ERROR(TP_ERROR_FILE, "\"bool\" is the name of a value and of a text");
    tp_state_dict_free(d);
    CHECK(tp_npy_save(tp_transpose(table(), 0, 1), "turned.npy"));
    CHECK(same_value(tp_npy_load("turned.npy"), F64(TP_SHAPE(3, 2), 0, 0.75, 0.25, 1, 0.5, 1.25)));
}

/* Any byte of a file changed, and any length cut: a dict or an error, and nothing worse. */
static void hurt(const char *name)
{
    size_t n, loaded = 0;
    char *bytes = read_bytes(reference(name), &n);
    tp_state_dict *whole = tp_state_dict_load(reference(name));
    bool readable = tp_status() != TP_ERROR_MISSING; /* compressed, and there is no zlib */
    tp_state_dict_free(whole);
    tp_clear_error();
    for (size_t i = 0; i < n; i += test_short() ? 7 : 1)
        for (int k = 0; k < 3; k++) {
            char was = bytes[i];
            bytes[i] = (char)(k == 0 ? was ^ 1 : k == 1 ? was ^ 0x80 : (char)-1);
            write_bytes("hurt.bin", bytes, k == 2 ? i : n);
            bytes[i] = was;
            tp_state_dict *d = tp_state_dict_load("hurt.bin");
            CHECK(d || tp_error());
            for (int64_t j = 0; d && j < tp_state_dict_len(d); j++) {
                TP_SCOPE();
                tp_data(tp_state_dict_at(d, j));
            }
            loaded += d != NULL;
            tp_clear_error();
            tp_state_dict_free(d);
        }
    CHECK(loaded > 0 || n == 0 || !readable);
    free(bytes);
}

TEST(hurt_files_do_no_harm)
{
    static const char *const names[] = {"hand.safetensors", "plain.npy", "stored.npz",
                                        "deflated.npz",     "state.pt",  "nested.pt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        hurt(names[i]);
}
