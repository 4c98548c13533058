/* SPDX-License-Identifier: MIT
 *
 * Checkpoints: a training that is killed at any moment and resumed ends with the same bytes in its
 * files as one that was not; what goes wrong leaves the last checkpoint whole.
 */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "elements.h"
#include "train_case.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RESUME_EPOCHS = 6 };

static void rest(long microseconds)
{
    nanosleep(&(struct timespec){0, microseconds * 1000}, NULL);
}

/* Steps that take a while, so that it matters when one is killed. */
static bool slow(void *arg, const tp_train_report *now)
{
    const int *stop_at = arg;
    if (!stop_at)
        rest(500);
    return !stop_at || now->step != *stop_at || now->epoch_ended;
}

/* All of a training into name.safetensors, name.best.safetensors, name.csv. */
static tp_train_report run_case(const char *name, int64_t width, int *stop_at, bool resume)
{
    char checkpoint[80], best[80], log[80];
    snprintf(checkpoint, sizeof checkpoint, "%s.safetensors", name);
    snprintf(best, sizeof best, "%s.best.safetensors", name);
    snprintf(log, sizeof log, "%s.csv", name);
    train_case c = case_new(width);
    tp_train_report r =
        tp_train(c.net, case_loss, c.optimizer, c.loader, .epochs = RESUME_EPOCHS,
                 .validation = c.validation, .metrics = &c.metric, .n_metrics = 1,
                 .schedule = c.schedule, .clip_norm = 3, .callback = slow, .callback_arg = stop_at,
                 .silent = true, .checkpoint = checkpoint, .checkpoint_every = 2, .resume = resume,
                 .best = best, .log = log, .log_every = 4);
    case_free(&c);
    return r;
}

static char *read_file(const char *name, const char *ending, size_t *length)
{
    char path[100];
    snprintf(path, sizeof path, "%s%s", name, ending);
    FILE *file = fopen(path, "rb");
    char *bytes = calloc(1, 1 << 20);
    *length = file && bytes ? fread(bytes, 1, (1 << 20) - 1, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

static const char *const endings[] = {".safetensors", ".best.safetensors", ".csv"};

static void check_same_files(const char *a, const char *b)
{
    for (int i = 0; i < 3; i++) {
        size_t na, nb;
        char *bytes_a = read_file(a, endings[i], &na), *bytes_b = read_file(b, endings[i], &nb);
        test_check(na && na == nb && !memcmp(bytes_a, bytes_b, na), __FILE__, __LINE__,
                   "%s%s differs from %s's", a, endings[i], b);
        free(bytes_a), free(bytes_b);
    }
}

static void remove_files(const char *name)
{
    char path[100];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", name, endings[i]);
        remove(path);
    }
}

/* What a killed process leaves behind. */
static void remove_left(void)
{
    DIR *here = opendir(".");
    for (struct dirent *e; here && (e = readdir(here));)
        if (!strncmp(e->d_name, ".tinypytorch-", 13))
            remove(e->d_name);
    if (here)
        closedir(here);
}

/* In a process of its own, killed after that time, if it is not negative. True if it came to its
 * end, which was the right one. */
static bool run_process(const char *name, long microseconds)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(run_case(name, 5, NULL, true).end == TP_TRAIN_DONE ? 0 : 1);
    if (microseconds >= 0) {
        rest(microseconds);
        kill(child, SIGKILL);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    return WIFEXITED(status);
}

static long elapsed(const struct timespec *from)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - from->tv_sec) * 1000000 + (now.tv_nsec - from->tv_nsec) / 1000;
}

TEST(killed_at_any_moment)
{
    struct timespec began;
    remove_files("whole"), remove_files("killed");
    clock_gettime(CLOCK_MONOTONIC, &began);
    CHECK(run_process("whole", -1));
    long whole = elapsed(&began);
    unsigned random = 12345;
    for (int kills = 0, wanted = test_short() ? 3 : 50; kills < wanted;) {
        random = random * 1103515245u + 12345u;
        long moment = (long)((double)(random >> 8) / 0x1p24 * 0.6 * (double)whole);
        if (!run_process("killed", moment)) {
            kills++;
            continue;
        }
        check_same_files("killed", "whole");
        remove_files("killed");
    }
    run_process("killed", -1);
    check_same_files("killed", "whole");
    remove_left();
}

TEST(stopped_at_each_step)
{
    int never = -1;
    remove_files("plain");
    CHECK(run_case("plain", 5, &never, false).end == TP_TRAIN_DONE);
    for (int stop_at = 1; stop_at <= RESUME_EPOCHS * CASE_BATCHES;
         stop_at += test_short() ? 5 : 1) {
        remove_files("parts");
        tp_train_report r = run_case("parts", 5, &stop_at, true);
        CHECK(r.end == TP_TRAIN_STOPPED && r.step == stop_at);
        tp_manual_seed(99);
        r = run_case("parts", 5, &never, true);
        CHECK(r.end == TP_TRAIN_DONE && r.step == RESUME_EPOCHS * CASE_BATCHES);
        check_same_files("parts", "plain");
    }
    tp_train_report r = run_case("parts", 5, &never, true); /* nothing is left to do */
    CHECK(r.end == TP_TRAIN_DONE && r.epoch == RESUME_EPOCHS && isfinite(r.best));
    check_same_files("parts", "plain");
}

static bool press_ctrl_c(void *arg, const tp_train_report *now)
{
    if (now->step == *(int *)arg && !now->epoch_ended)
        raise(SIGINT);
    return true;
}

TEST(an_interrupt_saves)
{
    size_t n[2];
    char *bytes[2];
    for (int i = 0; i < 2; i++) {
        int step = i ? 9 : -1; /* no checkpoint but those of epochs is written by itself */
        const char *name = i ? "pressed.safetensors" : "alone.safetensors";
        remove(name);
        for (int part = 0; part <= i; part++) {
            train_case c = case_new(4);
            tp_train_report r =
                tp_train(c.net, case_loss, c.optimizer, c.loader, .epochs = 3, .checkpoint = name,
                         .resume = true, .silent = true, .interruptible = true,
                         .callback = press_ctrl_c, .callback_arg = &step);
            CHECK(r.end == (part < i ? TP_TRAIN_INTERRUPTED : TP_TRAIN_DONE));
            CHECK_INT(r.step, part < i ? 9 : 3 * CASE_BATCHES);
            case_free(&c);
            step = -1;
        }
        bytes[i] = read_file(name, "", &n[i]);
    }
    CHECK(n[0] && n[0] == n[1] && !memcmp(bytes[0], bytes[1], n[0]));
    free(bytes[0]), free(bytes[1]);
}

TEST(the_best_is_the_module_of_its_epoch)
{
    int never = -1;
    tp_train_report r = run_case("best", 5, &never, false);
    train_case c = case_new(5);
    tp_state_dict *d = tp_state_dict_load("best.best.safetensors");
    CHECK(d && tp_module_load_state_dict(c.net, d));
    tp_module_train(c.net, false);
    double sum = 0;
    tp_var *batch[2];
    while (tp_loader_next(c.validation, batch))
        sum += tp_item(tp_l1_loss(tp_forward(c.net, batch[0]), batch[1], .reduction = TP_SUM));
    CHECK_CLOSE(sum / CASE_POINTS, r.best, 1e-13);
    tp_state_dict_free(d);
    case_free(&c);
}

static tp_var *level_loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction)
{
    (void)arg;
    *prediction = tp_forward(net, batch[0]);
    return tp_add(tp_mul(tp_mean(*prediction), 0), 1.5);
}

/* Nothing gets better after epoch 1, so patience ends after epoch 4, cut at step 15 or not. */
TEST(patience_counts_across_a_resume)
{
    int stop_at = 15;
    remove("patience.safetensors");
    for (int part = 0; part < 3; part++) {
        train_case c = case_new(3);
        tp_train_report r =
            tp_train(c.net, level_loss, c.optimizer, c.loader, .epochs = 20, .patience = 3,
                     .silent = true, .callback = slow, .callback_arg = &stop_at,
                     .checkpoint = "patience.safetensors", .resume = true);
        CHECK(r.end == (part ? TP_TRAIN_PATIENCE : TP_TRAIN_STOPPED));
        CHECK_INT(r.epoch, part ? 4 : 2);
        case_free(&c);
        stop_at = -1;
    }
}

/* --- What goes wrong --- */

static void ignore_line(const char *line)
{
    (void)line;
}

TEST(another_network_is_an_error_and_the_file_stays)
{
    int never = -1;
    size_t before, after;
    remove_files("other");
    run_case("other", 5, &never, false);
    char *old = read_file("other", ".safetensors", &before);
    tp_set_log(ignore_line);
    CHECK(run_case("other", 6, &never, true).end == TP_TRAIN_FAILED);
    tp_set_log(NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "3 values do not fit: 0.weight is (6, 2) float64 here and (5, 2) "
                                "float64 there, in the checkpoint other.safetensors");
    char *now = read_file("other", ".safetensors", &after);
    CHECK(before == after && !memcmp(old, now, before));
    free(old), free(now);
}

TEST(a_file_that_is_no_checkpoint_is_an_error)
{
    int never = -1;
    remove_files("wrong");
    FILE *file = fopen("wrong.safetensors", "wb");
    if (CHECK(file)) {
        fputs("not at all", file);
        fclose(file);
    }
    CHECK(run_case("wrong", 5, &never, true).end == TP_TRAIN_FAILED);
    CHECK_ERROR(TP_ERROR_FILE, "wrong.safetensors");
    tp_state_dict *d = tp_state_dict_new();
    tp_state_dict_set(d, "x", tp_ones(TP_F32, TP_SHAPE(2)));
    CHECK(tp_state_dict_save(d, "wrong.safetensors"));
    tp_state_dict_free(d);
    CHECK(run_case("wrong", 5, &never, true).end == TP_TRAIN_FAILED);
    CHECK_ERROR(TP_ERROR_FILE, "no format of a training, in the checkpoint wrong.safetensors");
}

/* A process that may write no more than 1 KB to a file, as on a full disk. */
TEST(a_full_disk_is_an_error_and_the_last_checkpoint_stays)
{
    int stop = 3, status = 0, never = -1;
    size_t before, after;
    remove_files("full");
    run_case("full", 5, &stop, false);
    char *old = read_file("full", ".safetensors", &before);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {1024, 1024};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        tp_train_report r = run_case("full", 5, &never, true);
        bool right = r.end == TP_TRAIN_FAILED && tp_status() == TP_ERROR_FILE &&
                     strstr(tp_error(), "cannot write full.safetensors");
        tp_clear_error();
        _exit(right ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status));
    char *now = read_file("full", ".safetensors", &after);
    CHECK(before > 1024 && before == after && !memcmp(old, now, before));
    free(old), free(now);
    CHECK(run_case("full", 5, &never, true).end == TP_TRAIN_DONE);
}

/* --- The log --- */

static tp_var *flat_loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction)
{
    (void)arg;
    *prediction = tp_forward(net, batch[0]);
    return tp_add(tp_mul(tp_mean(*prediction), 0), 1.5);
}

static void check_log(const char *path, const char *expected)
{
    size_t n;
    train_case c = case_new(3);
    tp_train_report r =
        tp_train(c.net, flat_loss, c.optimizer, c.loader, .epochs = 2, .silent = true,
                 .validation = c.validation, .log = path, .log_every = 5, .schedule = c.schedule);
    CHECK(r.end == TP_TRAIN_DONE);
    char *text = read_file(path, "", &n);
    CHECK_TEXT(text, expected);
    free(text);
    case_free(&c);
}

TEST(logs_have_a_row_for_steps_and_epochs)
{
    check_log("log.csv", "row,epoch,step,lr,loss,validation_loss\n"
                         "step,1,5,0.02,1.5,\n"
                         "epoch,1,6,0.02,1.5,1.5\n"
                         "step,2,10,0.02,1.5,\n"
                         "epoch,2,12,0.02,1.5,1.5\n");
    check_log("log.jsonl",
              "{\"row\": \"step\", \"epoch\": 1, \"step\": 5, \"lr\": 0.02, \"loss\": 1.5, "
              "\"validation_loss\": null}\n"
              "{\"row\": \"epoch\", \"epoch\": 1, \"step\": 6, \"lr\": 0.02, \"loss\": 1.5, "
              "\"validation_loss\": 1.5}\n"
              "{\"row\": \"step\", \"epoch\": 2, \"step\": 10, \"lr\": 0.02, \"loss\": 1.5, "
              "\"validation_loss\": null}\n"
              "{\"row\": \"epoch\", \"epoch\": 2, \"step\": 12, \"lr\": 0.02, \"loss\": 1.5, "
              "\"validation_loss\": 1.5}\n");
    train_case c = case_new(3);
    tp_train(c.net, flat_loss, c.optimizer, c.loader, .log = "log.txt");
    CHECK_ERROR(TP_ERROR_ARGUMENT, "the log is log.txt, expected a name that ends in .csv");
    tp_train(c.net, flat_loss, c.optimizer, c.loader, .resume = true);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "there is no .checkpoint to resume");
    case_free(&c);
}
