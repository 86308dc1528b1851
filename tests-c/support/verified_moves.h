/* Moves of pages, each compared with raw queries of every page before and after it, also while threads keep the kernel busy. */
#ifndef VERIFIED_MOVES_H
#define VERIFIED_MOVES_H

#include <numars.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "page_list.h"

/* A thread that calls `step` again and again, on the CPU of a node (-1: anywhere). The checks below pause it while they ask the
 * kernel where pages are, so a step must be short. */
void start_activity(void (*step)(void *), void *argument, int node);
void pause_activities(void);
void resume_activities(void);
/* Ends all of them. Returns how many steps they made. */
unsigned long end_activities(void);

/* What activities, and other processes, may do to the pages of a move. */
enum interference {
    /* They stay on their nodes, and present. */
    NO_INTERFERENCE,
    /* They stay present, and leave their nodes only for the target of the move. */
    INTERFERENCE_TO_TARGET,
    /* Anything. */
    ANY_INTERFERENCE,
};

struct move_result {
    long returned;
    /* UNTOUCHED_ERRNO if the call left it alone. */
    int error;
    struct numars_move_stats stats;
    /* By raw queries after the call: how many base pages, or entries, are on their target, on another node, or on none. */
    size_t on_target, elsewhere, nowhere;
};

/* Where each base page of a range is: nodes or negative error numbers. The array is mapped and stays. */
int *query_range(pid_t pid, const char *start, size_t count);

/* numars_move_range() of so many base pages. Fails the test if return value or sums are not what raw queries say, as far as `others`
 * lets that be known. An error is for the caller to judge. */
struct move_result verified_move_range(pid_t pid, char *start, size_t count, int node,
                                      const struct numars_move_options *options, enum interference interference);

/* numars_move_pages() of a list; statuses are compared too. */
struct move_result verified_move_list(pid_t pid, struct page_list *list, const struct numars_move_options *options,
                                     enum interference interference);

/* numa_move_pages() of a list: statuses, and a return value of 0. It does not count what another entry moved to another target. */
struct move_result verified_numa_move(pid_t pid, struct page_list *list, int flags, enum interference interference);

/* numars_count_pages() of a range that others leave alone. */
void verified_count(pid_t pid, char *start, size_t count);

/* Gives back the arrays of a list. */
void page_list_unmap(struct page_list *list);

/* When a test that runs for a while shall end: after so many seconds, or as many as TEST_SECONDS in the environment says. */
double test_deadline(double seconds);
double seconds_now(void);

/* What /proc/vmstat says under a name. */
unsigned long vmstat(const char *name);

/* Writes a text to a file of the kernel's. Returns false if that fails. */
bool write_to_file(const char *path, const char *text);

#endif
