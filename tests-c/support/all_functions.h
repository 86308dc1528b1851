/* Every function of the library, called at least once with sensible arguments, and every answer judged: it is right, or the
 * failure that the headers name, with its errno; and errno is left alone by what succeeds.
 *
 * For surroundings in which a library may be loaded and that its authors did not think of. So this runs anywhere, in any number
 * of threads at once, on 16 KiB of stack, allocates nothing itself and prints nothing: it collects what is wrong. Only
 * what the library is asked to print is printed: see is_unasked_output. */
#ifndef ALL_FUNCTIONS_H
#define ALL_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* The errno with which the kernel refuses each of these calls; 0: it does not. */
struct policy_errors {
    int get_mempolicy, set_mempolicy, mbind, move_pages, migrate_pages, set_mempolicy_home_node;
};

/* What the files of /sys or /proc say. */
enum files {
    TRUE_FILES,   /* the truth */
    NO_FILES,     /* nothing: they cannot be opened or read */
    WRONG_FILES,  /* anything */
};

/* What is around the calls. All zeros: the usual. */
struct expectations {
    struct policy_errors refused;
    enum files sys, proc;
    bool memory_is_short; /* any call that allocates may fail with ENOMEM */
    bool changing;        /* nodes, CPUs and cpusets come and go meanwhile: answers need not fit each other */
    /* So many pages of memory of the calling thread's own, for what is moved. NULL: they are mapped and unmapped. */
    char *pages;
};
enum { ALL_FUNCTIONS_PAGES = 80 };

/* An answer that is wrong. With texts of its own, so that another program can read it. */
struct violation {
    char call[100], expected[100];
    int line;
    long returned;
    int error;
};

/* The first ones, and how many there are. */
enum { KEPT_VIOLATIONS = 20 };
struct violations {
    unsigned int count;
    struct violation kept[KEPT_VIOLATIONS];
};

/* Calls everything, and adds what is wrong. Memory policy and affinity of the calling thread are put back (the policy to the
 * kernel's default where the kernel does not tell it); numa_set_strict and numa_set_bind_policy are as at the start of a program. */
void call_all_functions(const struct expectations *environment, struct violations *violations);

/* Writes the violations as lines into `text`, as far as there is room. */
void describe_violations(const struct violations *violations, char *text, size_t size);

/* The first line of what was printed that nobody asked for, NULL: none. Asked for are warnings, and the failures that a function
 * without an answer tells numa_error() of: in these surroundings and on this kernel. */
const char *unexpected_output(const struct expectations *environment, char *output);

#endif
