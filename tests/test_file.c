/* SPDX-License-Identifier: MIT
 *
 * Files are whole: what was there before, or all of the new one, whatever happens in between.
 */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *text = file ? calloc(1, 1 << 22) : NULL;
    *length = text ? fread(text, 1, (1 << 22) - 1, file) : 0;
    if (file)
        fclose(file);
    return text;
}

static bool holds(const char *path, const char *expected)
{
    size_t length;
    char *text = read_file(path, &length);
    bool same = text && length == strlen(expected) && !memcmp(text, expected, length);
    free(text);
    return same;
}

/* Temporary names that are left in the working directory; they are removed. */
static int left_behind(void)
{
    int n = 0;
    DIR *here = opendir(".");
    for (const struct dirent *entry; here && (entry = readdir(here));)
        if (!strncmp(entry->d_name, ".tinypytorch-", 13)) {
            n++;
            remove(entry->d_name);
        }
    if (here)
        closedir(here);
    return n;
}

TEST(a_file_is_replaced_at_the_end)
{
    CHECK(tp__file_save("test", "old.txt", "old", 3));
    tp__file file;
    tp__file_begin(&file, "old.txt");
    tp__file_write(&file, "new, and longer", 15);
    fflush(file.stream);
    CHECK(holds("old.txt", "old"));
    CHECK_INT(tp__file_end(&file, true), 0);
    CHECK(holds("old.txt", "new, and longer"));

    tp__file_begin(&file, "old.txt");
    tp__file_write(&file, "given up", 8);
    CHECK_INT(tp__file_end(&file, false), 0);
    CHECK(holds("old.txt", "new, and longer"));
    CHECK_INT(left_behind(), 0);
}

TEST(links_and_permissions_stay)
{
    struct stat about;
    remove("link.txt");
    CHECK(tp__file_save("test", "target.txt", "old", 3));
    CHECK_INT(chmod("target.txt", 0640), 0);
    CHECK_INT(symlink("target.txt", "link.txt"), 0);
    CHECK(tp__file_save("test", "link.txt", "new", 3));
    CHECK(holds("target.txt", "new"));
    CHECK(lstat("link.txt", &about) == 0 && S_ISLNK(about.st_mode));
    CHECK(stat("target.txt", &about) == 0 && (about.st_mode & 0777) == 0640);
}

TEST(a_device_is_written_directly)
{
    struct stat about;
    CHECK(tp__file_save("test", "/dev/null", "text", 4));
    CHECK(stat("/dev/null", &about) == 0 && S_ISCHR(about.st_mode));
    if (stat("/dev/full", &about) == 0) {
        CHECK(!tp__file_save("test", "/dev/full", "text", 4));
        CHECK_ERROR(TP_ERROR_FILE, "test: cannot write /dev/full: No space left on device");
    }
}

/* Reads a FIFO to its end into text. */
static void *read_fifo(void *text)
{
    FILE *file = fopen("fifo", "rb");
    if (file) {
        size_t n = fread(text, 1, 99, file);
        ((char *)text)[n] = 0;
        fclose(file);
    }
    return NULL;
}

TEST(a_pipe_with_a_name_is_written_directly)
{
    char text[100] = "";
    struct stat about;
    pthread_t reader;
    remove("fifo");
    CHECK_INT(mkfifo("fifo", 0600), 0);
    CHECK_INT(pthread_create(&reader, NULL, read_fifo, text), 0);
    CHECK(tp__file_save("test", "fifo", "through", 7));
    pthread_join(reader, NULL);
    CHECK_TEXT(text, "through");
    CHECK(stat("fifo", &about) == 0 && S_ISFIFO(about.st_mode));
    CHECK_INT(left_behind(), 0);
}

/* The file that the standard output is, is gone on with. */
static void check_open_already(const char *path, int descriptor)
{
    fflush(stdout);
    int file = open("open.txt", O_RDWR | O_CREAT | O_TRUNC, 0600), before = dup(descriptor);
    CHECK(file >= 0 && dup2(file, descriptor) == descriptor);
    CHECK(write(descriptor, "before ", 7) == 7);
    bool good = tp__file_save("test", path, "text", 4);
    CHECK(write(descriptor, " after", 6) == 6);
    dup2(before, descriptor);
    close(before);
    close(file);
    CHECK(good);
    CHECK(holds("open.txt", "before text after"));
}

TEST(what_is_open_already_is_gone_on_with)
{
    check_open_already("/dev/stdout", 1);
    check_open_already("/dev/stderr", 2);
    check_open_already("/dev/fd/1", 1);
    CHECK(!tp__file_save("test", "/dev/fd/999", "text", 4));
    CHECK_ERROR(TP_ERROR_FILE, "test: cannot write /dev/fd/999: ");
}

TEST(what_cannot_be_written_says_why)
{
    tp_var *y = tp_exp(tp_variable(1.0));
    CHECK(!tp_draw_graph(y, "no-directory/y.json"));
    CHECK_ERROR(TP_ERROR_FILE, "draw_graph: cannot write no-directory/y.json: No such file");
    CHECK(!tp_draw_graph(y, "no-directory/y.dot"));
    CHECK_ERROR(TP_ERROR_FILE, "draw_graph: cannot write no-directory/y.dot: No such file");
}

TEST(a_directory_or_file_that_is_not_writable_says_so)
{
    bool root = geteuid() == 0; /* who may write everywhere: be nobody */
    mkdir("closed", 0777);
    CHECK(tp__file_save("test", "closed/y.svg", "old", 3));
    CHECK(tp__file_save("test", "closed/z.svg", "old", 3));
    CHECK_INT(chmod("closed/y.svg", 0666), 0);
    CHECK_INT(chmod("closed/z.svg", 0444), 0);
    CHECK_INT(chmod("closed", 0555), 0);
    chmod(".", 0755);
    if (root)
        CHECK_INT(seteuid(65534), 0);
    tp__file_save("test", "closed/y.svg", "new", 3);
    CHECK_ERROR(TP_ERROR_FILE, "test: cannot write closed/y.svg: no new file can be made in the "
                               "directory ");
    tp__file_save("test", "closed/y.svg", "new", 3);
    CHECK(strstr(tp_error(), "closed, where files are put together: Permission denied"));
    tp_clear_error();
    tp__file_save("test", "closed/new.svg", "new", 3);
    CHECK_ERROR(TP_ERROR_FILE, "closed/new.svg: no new file can be made in the directory closed, ");
    tp__file_save("test", "closed/z.svg", "new", 3);
    CHECK_ERROR(TP_ERROR_FILE, "test: cannot write closed/z.svg: Permission denied");
    if (root)
        CHECK_INT(seteuid(0), 0);
    CHECK(holds("closed/y.svg", "old") && holds("closed/z.svg", "old"));
    chmod("closed", 0700);
}

/* Every kind of file the library writes; `of` changes what is in it. */
static const char *const written[] = {"w.dot", "w.json", "w.svg", "w.html", "v.dot",
                                      "p.png", "p.svg",  "p.pdf", "p.html", "trace.json"};
enum { KINDS = sizeof written / sizeof *written, PLOTS = 5 };

static void write_kind(int kind, tp_var *y, const tp_plot *plot)
{
    if (kind == KINDS - 1) {
        tp_profile_begin();
        for (int i = 0; i < 400; i++) {
            TP_SCOPE();
            tp_data(tp_exp(tp_ones(TP_F64, TP_SHAPE(50))));
        }
        tp_profile_end(NULL, written[kind]);
    } else if (kind >= PLOTS) {
        tp_plot_save(plot, written[kind]);
    } else {
        tp_draw_graph(y, written[kind], .values = written[kind][0] == 'v', .layout = "layers");
    }
    if (tp_status() == TP_ERROR_MISSING)
        tp_clear_error();
}

static tp_var *graph(int steps)
{
    tp_var *x = tp_variable(0.3), *y = x;
    for (int i = 0; i < steps; i++)
        y = tp_sin(tp_mul(x, y));
    return y;
}

static tp_plot *curve(int points)
{
    tp_plot *plot = tp_plot_new(.title = "a curve");
    tp_var *x = tp_linspace(TP_F64, 0, 9, points);
    tp_plot_line(plot, x, tp_sin(x));
    return plot;
}

static bool ends_with(const char *path)
{
    static const char *const ends[][2] = {
        {".json", "]\n"},
        {"w.json", "]}\n"},
        {".dot", "}\n"},
        {".svg", "</svg>\n"},
        {".html", "</html>\n"},
        {".pdf", "%%EOF\n"},
        {".png", "\xAE\x42\x60\x82"},
    };
    size_t length;
    char *text = read_file(path, &length);
    bool good = false;
    for (size_t i = 0; text && i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i][1]);
        if (strstr(path, ends[i][0]) && length >= n)
            good = good || !memcmp(text + length - n, ends[i][1], n);
    }
    good = !text || good;
    free(text);
    return good;
}

/* Writes all kinds until it is killed. */
static void write_for_ever(void)
{
    for (int round = 0;; round++) {
        TP_SCOPE();
        tp_var *y = graph(20 + round % 2);
        tp_plot *plot = curve(2000 + round % 2);
        for (int kind = 0; kind < KINDS; kind++)
            write_kind(kind, y, plot);
        tp_plot_free(plot);
    }
}

TEST(a_killed_process_leaves_files_whole)
{
    int rounds = test_short() ? 10 : 60;
    for (int kind = 0; kind < KINDS; kind++)
        remove(written[kind]);
    srand(1);
    for (int i = 0; i < rounds; i++) {
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            write_for_ever();
            _exit(1);
        }
        long ns = 5000000 + rand() % 150 * 1000000L;
        nanosleep(&(struct timespec){0, ns}, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        for (int kind = 0; kind < KINDS; kind++)
            test_check(ends_with(written[kind]), __FILE__, __LINE__, "%s is cut", written[kind]);
    }
    left_behind();
}

/* A limit on the size of files stands for a full disk. */
TEST(a_full_disk_leaves_files_whole)
{
    tp_var *y = graph(20), *longer = graph(4000);
    tp_plot *plot = curve(2000), *other = curve(60000);
    struct rlimit before, small = {2000, 2000};
    for (int kind = 0; kind < KINDS; kind++)
        write_kind(kind, y, plot);
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    for (int kind = 0; kind < KINDS; kind++) {
        size_t length, later;
        char *text = read_file(written[kind], &length);
        setrlimit(RLIMIT_FSIZE, &small);
        write_kind(kind, longer, other);
        bool failed = tp_status() == TP_ERROR_FILE && strstr(tp_error(), written[kind]) &&
                      strstr(tp_error(), "File too large");
        setrlimit(RLIMIT_FSIZE, &before);
        test_check(!text || failed, __FILE__, __LINE__, "%s: %s", written[kind],
                   tp_error() ? tp_error() : "no error");
        tp_clear_error();
        char *now = read_file(written[kind], &later);
        test_check(!text || (now && later == length && !memcmp(text, now, length)), __FILE__,
                   __LINE__, "%s was touched", written[kind]);
        free(text);
        free(now);
    }
    signal(SIGXFSZ, old);
    CHECK_INT(left_behind(), 0);
    tp_plot_free(plot);
    tp_plot_free(other);
}
