/* Measures rows of calls: what calls.c and every_call.c share.
 *
 * The programs are compiled once, against libnuma only: the loader selects the library that they run on. They print a line
 * `name<TAB>nanoseconds` for each sample, the mean of a batch of calls. Times are CPU times of this thread, so that they exclude other
 * processes. numars-bench evaluates them.
 *
 * With -m they only make the calls, between functions at which callgrind splits its counts, and writes that strace shows. */
#ifndef ROWS_H
#define ROWS_H

#include <errno.h>
#include <numa.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Whether the call succeeded. */
typedef bool call(void);

struct row {
    const char *name;
    call *call;
    /* The same with bare system calls; measured alternately with it. */
    call *bare;
    /* Only on a machine with this many CPUs. */
    int cpus;
    /* Run before the row: prepares its calls. The row is skipped if it returns false: the library or the kernel lacks the call. */
    call *before;
    /* Run after the row: undoes what its calls changed. */
    void (*after)(void);
};

struct program {
    const char *name;
    const struct row *rows;
    size_t count;
    /* Creates the arguments of the calls, and returns the number of CPUs. */
    int (*prepare)(void);
    /* What option -f does, or NULL. */
    void (*use_first)(void);
};

/* The cost of the loop. */
static bool nothing(void)
{
    return true;
}

static bool given_back(struct bitmask *set)
{
    const bool made = set != NULL;
    numa_bitmask_free(set);
    return made;
}

/* That of main(). */
static const struct program *program;

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", program->name, what);
    exit(EXIT_FAILURE);
}

static uint64_t processor_time(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void repeat(const char *name, call *call, unsigned long times)
{
    /* Only the last call is checked; if another one failed, the last one would fail too. */
    bool good = true;
    for (unsigned long i = 0; i < times; i++)
        good = call();
    if (!good) {
        fprintf(stderr, "%s: %s: %s\n", program->name, name, strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static uint64_t time_of(const char *name, call *call, unsigned long times)
{
    const uint64_t start = processor_time(CLOCK_THREAD_CPUTIME_ID);
    repeat(name, call, times);
    return processor_time(CLOCK_THREAD_CPUTIME_ID) - start;
}

/* The number of calls that take half a millisecond or more: so short that samples are rarely interrupted. Measured twice, because one
 * interruption, or the clock of an emulated CPU, which can jump, would end it early. */
static unsigned long calibrated(const char *name, call *call)
{
    const uint64_t enough = 500000;
    unsigned long times = 1;
    while (times < 1UL << 24 && (time_of(name, call, times) < enough || time_of(name, call, times) < enough))
        times *= 2;
    return times;
}

static void sample(const char *name, const char *kind, call *call, unsigned long times)
{
    printf("%s%s\t%.3f\n", name, kind, (double)time_of(name, call, times) / (double)times);
}

static void measure(const struct row *row, int samples, bool quick)
{
    repeat(row->name, row->call, 2);
    const unsigned long times = quick ? 1 : calibrated(row->name, row->call);
    for (int i = 0; i < samples; i++) {
        sample(row->name, "", row->call, times);
        if (row->bare != NULL)
            sample(row->name, " (bare)", row->bare, times);
    }
}

/* Callgrind dumps and resets its counts wherever this is called. */
__attribute__((noinline)) static void cut(void)
{
    __asm__ volatile("");
}

/* One system call, unlike with stdio. */
static void say(const char *word, const char *name)
{
    char line[128];
    const int length = snprintf(line, sizeof line, "%s %s\n", word, name);
    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        give_up("stdout cannot be written");
}

static void begin(const char *name)
{
    say("begin", name);
    cut();
}

static void end(const char *name)
{
    cut();
    say("end", name);
}

static void mark(const struct row *row, unsigned long times)
{
    repeat(row->name, row->call, 2);
    begin(row->name);
    repeat(row->name, row->call, times);
    end(row->name);
}

/* Whether the row can be measured here. */
static bool can_begin(const struct row *row, int cpus)
{
    return row->cpus <= cpus && (row->before == NULL || row->before());
}

/* The main() of a program: handles its options, and measures its rows. */
static int run(int argc, char **argv, const struct program *what)
{
    bool quick = false, first = false;
    unsigned long marked = 0;
    const char *only = "";
    program = what;
    for (int option; (option = getopt(argc, argv, program->use_first == NULL ? "qm:r:" : "qfm:r:")) != -1;) {
        switch (option) {
        case 'q':
            quick = true;
            break;
        case 'f':
            first = true;
            break;
        case 'm':
            marked = strtoul(optarg, NULL, 10);
            break;
        case 'r':
            only = optarg;
            break;
        default:
            fprintf(stderr,
                    "usage: %s%s [-q] [-m TIMES] [-r ROW]\n"
                    "%s"
                    "  -q  quick: one sample of one call of each\n"
                    "  -m  so many calls between marks, without times\n"
                    "  -r  only rows whose name begins so\n",
                    program->name, program->use_first == NULL ? "" : " [-f]",
                    program->use_first == NULL ? "" : "  -f  only the first use of the library\n");
            return EXIT_FAILURE;
        }
    }
    if (first) {
        program->use_first();
        return EXIT_SUCCESS;
    }
    const int cpus = program->prepare();
    for (const struct row *row = program->rows; row < program->rows + program->count; row++) {
        if (strncmp(row->name, only, strlen(only)) != 0 || !can_begin(row, cpus))
            continue;
        if (marked > 0)
            mark(row, marked);
        else
            measure(row, quick ? 1 : 3, quick);
        if (row->after != NULL)
            row->after();
    }
    return EXIT_SUCCESS;
}

#endif
