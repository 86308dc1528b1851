/* Moves of pages, each compared with raw queries of every page before and after it, also while threads keep the kernel busy. */
#ifndef VERIFIED_MOVES_H
#define VERIFIED_MOVES_H

#include <numars.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "page_list.h"

/* Starts a thread that keeps calling `step`, on a CPU of this node (-1: any). The checks below pause it while they query pages, so a step
 * must be short. */
void start_activity(void (*step)(void *), void *argument, int node);
void pause_activities(void);
void resume_activities(void);
/* Ends all of them. Returns how many steps they made. */
unsigned long end_activities(void);

/* What activities and other processes may do to the pages of a move. */
enum interference {
    /* They stay present and on their nodes. */
    NO_INTERFERENCE,
    /* They stay present, and only move to the target of the move. */
    INTERFERENCE_TO_TARGET,
    /* Anything. */
    ANY_INTERFERENCE,
};

struct move_result {
    long returned;
    /* UNTOUCHED_ERRNO if the call left it alone. */
    int error;
    struct numars_move_stats stats;
    /* From raw queries after the call: how many base pages, or entries, are on their target, on another node, or absent. */
    size_t on_target, elsewhere, nowhere;
};

/* Queries each base page of a range: each element is a node or a negative errno. The array is mapped and not freed. */
int *query_range(pid_t pid, const char *start, size_t count);

/* Calls numars_move_range() for `count` base pages. Fails the test if the return value or sums disagree with raw queries, as far as
 * `interference` allows. The caller checks errors. */
struct move_result verified_move_range(pid_t pid, char *start, size_t count, int node,
                                      const struct numars_move_options *options, enum interference interference);

/* Calls numars_move_pages() for a list; statuses are compared too. */
struct move_result verified_move_list(pid_t pid, struct page_list *list, const struct numars_move_options *options,
                                     enum interference interference);

/* Calls numa_move_pages() for a list: compares statuses, and expects 0 unless one of them is a failure. The call does not count pages that
 * another entry moved to another target. */
struct move_result verified_numa_move(pid_t pid, struct page_list *list, int flags, enum interference interference);

/* Calls numars_count_pages() for a range that nothing else moves. */
void verified_count(pid_t pid, char *start, size_t count);

/* Unmaps the arrays of a list. */
void page_list_unmap(struct page_list *list);

/* Returns when a long test must end: after this many seconds, or TEST_SECONDS in the environment. */
double test_deadline(double seconds);
double seconds_now(void);

/* Returns a counter of /proc/vmstat. */
unsigned long vmstat(const char *name);

#endif
