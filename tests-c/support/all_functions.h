/* Calls every function of the library at least once with valid arguments and checks every result: it is correct, or the failure is one that
 * the headers document, with its errno; and successful calls leave errno alone.
 *
 * It is for environments in which the library may be loaded and that its authors did not foresee. So it runs anywhere, in any number of
 * threads at once, on 16 KiB of stack, and neither allocates nor prints anything itself: it records violations. Only requested output is
 * printed: see unexpected_output(). */
#ifndef ALL_FUNCTIONS_H
#define ALL_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* The errno with which the kernel denies each of these calls; 0: it does not. */
struct policy_errors {
    int get_mempolicy, set_mempolicy, mbind, move_pages, migrate_pages, set_mempolicy_home_node;
};

/* What the files of /sys or /proc contain. */
enum files {
    TRUE_FILES,   /* correct contents */
    NO_FILES,     /* they cannot be opened or read */
    WRONG_FILES,  /* anything */
};

/* The environment of the calls. All zeros: an ordinary one. */
struct expectations {
    struct policy_errors denied;
    enum files sys, proc;
    bool memory_is_short; /* any call that allocates may fail with ENOMEM */
    bool changing;        /* nodes, CPUs and cpusets change concurrently: results need not be consistent with each other */
    /* ALL_FUNCTIONS_PAGES pages of memory that belong to the calling thread, to be moved. NULL: they are mapped and unmapped. */
    char *pages;
};
enum { ALL_FUNCTIONS_PAGES = 80 };

/* An incorrect result. It contains its strings, so that another program can read it. */
struct violation {
    char call[100], expected[100];
    int line;
    long returned;
    int error;
};

/* The first violations, and the number of all. */
enum { KEPT_VIOLATIONS = 20 };
struct violations {
    unsigned int count;
    struct violation kept[KEPT_VIOLATIONS];
};

/* Returns the same, for a kernel without NUMA: all its system calls are denied, and there are no files about nodes. The functions below do
 * this themselves; it is for programs that will find system calls denied. */
struct expectations of_this_kernel(const struct expectations *environment);

/* Calls every function, and adds violations. Restores the calling thread's memory policy (to the default if the kernel does not return it)
 * and affinity; resets numa_set_strict and numa_set_bind_policy to their initial values. */
void call_all_functions(const struct expectations *environment, struct violations *violations);

/* Formats the violations into `text`, one per line, as far as they fit. */
void describe_violations(const struct violations *violations, char *text, size_t size);

/* Returns the first line of `output` that was not requested, or NULL. Requested are warnings, and the failures that a function without a
 * result reports through numa_error(), in this environment and on this kernel. */
const char *unexpected_output(const struct expectations *environment, char *output);

#endif
