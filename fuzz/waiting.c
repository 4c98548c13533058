/* SPDX-License-Identifier: MIT
 *
 * Checks that waiting cannot be observed (tinypytorch/engine.h). Each random program runs twice:
 * eagerly, every result read as soon as it is there, so that nothing ever waits together; and as
 * written, so that whole chains wait, are edited under, left behind by scopes and swept backwards.
 * All that the two runs read must agree to the last bit, and so must their errors, also when
 * allocations of the second run fail and instructions are tried again. Neither may leak.
 *
 *     waiting SEED SECONDS    runs programs SEED, SEED + 1 … for so long
 *     waiting SEED            runs that program only, and prints it
 *
 * Each line "program N" is a program that begins. One that disagrees is shortened, by dropping
 * every instruction that does not matter, and printed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "machine.h"

enum { WAITING_REPORTS = 5 };

static fuzz_machine waiting_eager, waiting_late;

/* The first entry of the logs that differs, or -1. */
static int waiting_compare(const fuzz_program *program)
{
    fuzz_run(&waiting_eager, program, true, false);
    fuzz_run(&waiting_late, program, false, false);
    int n = waiting_eager.n_log < waiting_late.n_log ? waiting_eager.n_log : waiting_late.n_log;
    for (int i = 0; i < n; i++)
        if (waiting_eager.log[i].at != waiting_late.log[i].at ||
            waiting_eager.log[i].bits != waiting_late.log[i].bits)
            return i;
    return waiting_eager.n_log == waiting_late.n_log ? -1 : n;
}

static void waiting_shorten(fuzz_program *program)
{
    for (bool shorter = true; shorter;) {
        shorter = false;
        for (int i = FUZZ_LENGTH; i-- > 0;) {
            fuzz_instruction *in = &program->at[i];
            if (in->dropped)
                continue;
            in->dropped = true;
            in->dropped = waiting_compare(program) >= 0;
            shorter |= in->dropped;
        }
    }
}

static void waiting_show(const char *how, const fuzz_machine *m, int i)
{
    if (i >= m->n_log)
        printf("    %s: nothing more\n", how);
    else if (m->log[i].at == FUZZ_LENGTH)
        printf("    %s: at the end: %s\n", how, m->log[i].text);
    else
        printf("    %s: v%d: %s\n", how, m->log[i].at, m->log[i].text);
}

static void waiting_report(fuzz_program *program)
{
    printf("disagreement in program %" PRIu64 "%s\n", program->seed,
           program->failing ? ", with failing allocations" : "");
    fflush(stdout);
    waiting_shorten(program);
    int i = waiting_compare(program);
    fuzz_entry eager = waiting_eager.log[i];
    waiting_show("eager  ", &waiting_eager, i);
    waiting_show("waiting", &waiting_late, i);
    if (eager.bits == waiting_late.log[i].bits && eager.at == waiting_late.log[i].at)
        printf("    it comes and goes\n");
    fuzz_run(&waiting_late, program, false, true);
}

static void waiting_quiet(const char *line)
{
    (void)line;
}

static bool waiting_number(const char *text, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

int main(int argc, char **argv)
{
    static fuzz_program program;
    uint64_t seed, seconds = 0, programs = 0;
    int disagreements = 0;
    if (argc < 2 || argc > 3 || !waiting_number(argv[1], &seed) ||
        (argc == 3 && !waiting_number(argv[2], &seconds))) {
        fprintf(stderr, "usage: waiting SEED [SECONDS]\n");
        return 2;
    }
    tp_set_log(waiting_quiet);
    time_t end = time(NULL) + (time_t)seconds;
    do {
        printf("program %" PRIu64 "\n", seed);
        fflush(stdout);
        fuzz_generate(&program, seed++);
        if (argc == 2)
            fuzz_run(&waiting_late, &program, false, true);
        if (waiting_compare(&program) >= 0) {
            disagreements++;
            waiting_report(&program);
        }
        programs++;
    } while (time(NULL) < end && disagreements < WAITING_REPORTS);
    printf("%" PRIu64 " programs, %d disagreements\n", programs, disagreements);
    return disagreements > 0;
}
