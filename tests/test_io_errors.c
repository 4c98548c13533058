/* SPDX-License-Identifier: MIT
 *
 * Files that cannot be written or read: the error names the path and the reason, and the old file
 * stays.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "io_bytes.h"

static void try_full_disk(const char *path)
{
    struct rlimit before, small;
    tp_state_dict *d = tp_state_dict_new();
    tp_state_dict_set(d, "x", tp_ones(TP_F64, TP_SHAPE(3)));
    CHECK(tp_state_dict_save(d, path));
    tp_state_dict_set(d, "x", tp_ones(TP_F64, TP_SHAPE(100000)));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 20000;
    setrlimit(RLIMIT_FSIZE, &small);
    bool saved = tp_state_dict_save(d, path);
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(!saved);
    CHECK(tp_error() && strstr(tp_error(), path));
    CHECK_ERROR(TP_ERROR_FILE, "File too large");
    tp_state_dict_free(d);
    d = tp_state_dict_load(path);
    CHECK(same_value(tp_state_dict_get(d, "x"), tp_ones(TP_F64, TP_SHAPE(3))));
    tp_state_dict_free(d);
}

TEST(a_full_disk_leaves_the_old_file)
{
    try_full_disk("full.safetensors");
    try_full_disk("full.npz");
}

TEST(what_cannot_be_read_says_why)
{
    mkdir("folder", 0777);
    CHECK(!tp_state_dict_load("folder"));
    CHECK_ERROR(TP_ERROR_FILE, "state_dict_load: cannot read folder: Is a directory");
    CHECK(!tp_state_dict_load("none/x.npz"));
    CHECK_ERROR(TP_ERROR_FILE, "state_dict_load: cannot read none/x.npz: No such file");
    CHECK(tp_is_poison(tp_npy_load("none.npy")));
    CHECK_ERROR(TP_ERROR_FILE, "npy_load: cannot read none.npy: No such file");
    CHECK(!tp_npy_save(tp_scalar(1), "none/x.npy"));
    CHECK_ERROR(TP_ERROR_FILE, "npy_save: cannot write none/x.npy: No such file");
}
