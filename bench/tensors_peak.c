/* SPDX-License-Identifier: MIT
 *
 * Peak memory by Linux's accounts: the kernel keeps the largest resident size of a process
 * (VmHWM), and sets it back to the present one on request. A process of its own for each
 * measurement starts with empty allocators. Before the baseline is taken, a tiny row of the same
 * kind has brought in the libraries' code and tables.
 */
#if !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/* The child: a line "VmHWM:    1234 kB" of its status, in MiB. */
static double peak_status(const char *key)
{
    char line[128];
    double kib = (double)NAN;
    size_t length = strlen(key);
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, key, length) && line[length] == ':')
            kib = strtod(line + length + 1, NULL);
    if (status)
        fclose(status);
    return kib / 1024;
}

static bool peak_reset(void)
{
    FILE *refs = fopen("/proc/self/clear_refs", "w");
    return refs && fputs("5", refs) >= 0 && fclose(refs) == 0;
}

static void peak_steps(const tensors_side *side, void *state)
{
    for (int i = 0; state && i < TENSORS_STEPS; i++)
        side->step(state, NULL);
}

/* What filled the inputs is freed, but malloc may keep it. */
static void peak_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

int tensors_peak_child(const tensors_row *row, const tensors_side *side)
{
    tensors_row tiny = tensors_tiny(row);
    if (side->threads)
        side->threads(1);
    void *state = side->open(&tiny);
    peak_steps(side, state);
    if (state)
        side->close(state);
    peak_trim();

    double before = peak_status("VmRSS");
    state = side->open(row);
    peak_trim();
    if (!state || !peak_reset())
        return 1;
    peak_steps(side, state);
    printf("%.3f\n", peak_status("VmHWM") - before);
    side->close(state);
    return 0;
}

static void peak_become(const tensors_row *row, const tensors_side *side, int out)
{
    char self[] = "/proc/self/exe", peak[] = "--peak", option[] = "--side", text[2][64];
    snprintf(text[0], sizeof text[0], "%s", row->name);
    snprintf(text[1], sizeof text[1], "%s", side->name);
    char *const argv[] = {self, peak, text[0], option, text[1], NULL};
    if (dup2(out, STDOUT_FILENO) >= 0)
        execv(self, argv);
    _exit(127);
}

double tensors_peak(const tensors_row *row, const tensors_side *side)
{
    int ends[2], status;
    char line[64] = "";
    if (pipe(ends) < 0)
        return (double)NAN;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        peak_become(row, side, ends[1]);
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    bool got = from && fgets(line, sizeof line, from);
    if (from)
        fclose(from);
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0 || !got)
        return (double)NAN;
    return strtod(line, NULL);
}
