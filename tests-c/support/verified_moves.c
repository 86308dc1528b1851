#include "system_calls.h"
#include "verified_moves.h"

#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "nodes.h"
#include "pages.h"

/* Threads that keep the kernel busy. */

enum { MAX_ACTIVITIES = 8 };

static struct activity {
    void (*step)(void *);
    void *argument;
    int node;
    pthread_t thread;
    atomic_bool is_paused;
    unsigned long steps;
} activities[MAX_ACTIVITIES];
static size_t activity_count;
static atomic_bool pause_requested, stop_requested;

static void sleep_briefly(void)
{
    const struct timespec moment = { .tv_nsec = 100 * 1000 };
    nanosleep(&moment, NULL);
}

static void *run_activity(void *argument)
{
    struct activity *activity = argument;
    if (activity->node >= 0)
        require(numa_run_on_node(activity->node) == 0);
    while (!stop_requested)
        if (pause_requested) {
            activity->is_paused = true;
            sleep_briefly();
        } else {
            activity->is_paused = false;
            /* Checked again: pause_activities() waits for the assignment above. */
            if (!pause_requested) {
                activity->step(activity->argument);
                activity->steps++;
            }
        }
    return NULL;
}

void start_activity(void (*step)(void *), void *argument, int node)
{
    require(activity_count < MAX_ACTIVITIES);
    struct activity *activity = &activities[activity_count++];
    activity->step = step;
    activity->argument = argument;
    activity->node = node;
    activity->steps = 0;
    activity->is_paused = false;
    require(pthread_create(&activity->thread, NULL, run_activity, activity) == 0);
}

void pause_activities(void)
{
    if (pause_requested)
        return;
    for (size_t i = 0; i < activity_count; i++)
        activities[i].is_paused = false;
    pause_requested = true;
    for (size_t i = 0; i < activity_count; i++)
        while (!activities[i].is_paused)
            sleep_briefly();
}

void resume_activities(void)
{
    pause_requested = false;
}

unsigned long end_activities(void)
{
    unsigned long steps = 0;
    stop_requested = true;
    for (size_t i = 0; i < activity_count; i++) {
        require(pthread_join(activities[i].thread, NULL) == 0);
        steps += activities[i].steps;
    }
    activity_count = 0;
    stop_requested = pause_requested = false;
    return steps;
}

/* Raw queries. */

static void query(pid_t pid, size_t count, void *const *pages, int *actual_nodes)
{
    require(query_with_kernel(pid, count, pages, actual_nodes) == 0);
}

int *query_range(pid_t pid, const char *start, size_t count)
{
    enum { AT_ONCE = 512 };
    int *actual_nodes = mmap(NULL, count * sizeof *actual_nodes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(actual_nodes != MAP_FAILED);
    for (size_t first = 0; first < count; first += AT_ONCE) {
        void *pages[AT_ONCE];
        const size_t number = count - first < AT_ONCE ? count - first : AT_ONCE;
        for (size_t page = 0; page < number; page++)
            pages[page] = (void *)(start + (first + page) * page_size());
        query(pid, number, pages, actual_nodes + first);
    }
    return actual_nodes;
}

static void unmap_nodes(int *actual_nodes, size_t count)
{
    require(munmap(actual_nodes, count * sizeof *actual_nodes + 1) == 0);
}

void page_list_unmap(struct page_list *list)
{
    /* As page_list_with_capacity() maps them. */
    require(munmap(list->pages, list->capacity * sizeof *list->pages + 1) == 0);
    require(munmap(list->nodes, list->capacity * sizeof *list->nodes + 1) == 0);
    require(munmap(list->status, list->capacity * sizeof *list->status + 1) == 0);
}

/* Checks. */

static size_t stayed(const struct numars_move_stats *stats)
{
    return stats->shared + stats->busy + stats->no_memory + stats->failed;
}

static const char *describe(const struct move_result *result, const char *what)
{
    static char text[640];
    const struct numars_move_stats *stats = &result->stats;
    snprintf(text, sizeof text,
             "%s returned %ld, errno %d; requested %lu, moved %lu, in_place %lu, absent %lu, unmapped %lu, shared %lu, "
             "busy %lu, no_memory %lu, failed %lu, retried %lu; by raw queries, %zu are on the target, %zu elsewhere, %zu nowhere",
             what, result->returned, result->error, stats->requested, stats->moved, stats->in_place, stats->absent,
             stats->unmapped, stats->shared, stats->busy, stats->no_memory, stats->failed, stats->retried, result->on_target,
             result->elsewhere, result->nowhere);
    return text;
}

/* Invariants under any interference. */
static void assert_consistent(const struct move_result *result, const char *what)
{
    const struct numars_move_stats *stats = &result->stats;
    const size_t sum_of_outcomes = stats->moved + stats->in_place + stats->absent + stats->unmapped + stayed(stats);
    if (result->returned >= 0)
        expect(sum_of_outcomes == stats->requested && (size_t)result->returned == stayed(stats) && result->error == UNTOUCHED_ERRNO,
               "%s", describe(result, what));
    else
        expect(result->returned == -1 && sum_of_outcomes <= stats->requested && result->error > 0 && result->error < UNTOUCHED_ERRNO,
               "%s", describe(result, what));
}

static void classify(struct move_result *result, int actual_node, int target)
{
    if (actual_node < 0)
        result->nowhere++;
    else if (actual_node == target)
        result->on_target++;
    else
        result->elsewhere++;
}

struct move_result verified_move_range(pid_t pid, char *start, size_t count, int node, const struct numars_move_options *options,
                                      enum interference interference)
{
    static const char what[] = "numars_move_range";
    struct move_result result = { .stats = NUMARS_MOVE_STATS_INIT };
    pause_activities();
    int *before = query_range(pid, start, count);
    resume_activities();
    errno = UNTOUCHED_ERRNO;
    result.returned = numars_move_range(pid, start, count * page_size(), node, options, &result.stats);
    result.error = errno;
    pause_activities();
    int *after = query_range(pid, start, count);

    /* The kernel unmaps all pages of a file's folio when it splits it, also those that were in place. */
    size_t present = 0, moved = 0, in_place_before = 0, in_place = 0;
    for (size_t page = 0; page < count; page++) {
        classify(&result, after[page], node);
        present += before[page] >= 0;
        moved += before[page] >= 0 && before[page] != node && after[page] == node;
        in_place_before += before[page] == node;
        in_place += before[page] == node && after[page] == node;
    }
    assert_consistent(&result, what);
    const struct numars_move_stats *stats = &result.stats;
    if (interference == NO_INTERFERENCE && result.returned >= 0)
        expect((size_t)result.returned == result.elsewhere && stats->requested == present && stats->moved == moved
                   && stats->in_place >= in_place && stats->in_place <= in_place_before,
               "%s; %zu were present, %zu have moved, %zu were in place before and %zu of them after", describe(&result, what), present,
               moved, in_place_before, in_place);
    if (interference == INTERFERENCE_TO_TARGET && result.returned >= 0)
        expect((size_t)result.returned >= result.elsewhere && stats->requested == present
                   && stats->moved + stats->in_place <= result.on_target && stats->absent == 0 && stats->unmapped == 0,
               "%s; %zu were present", describe(&result, what), present);
    unmap_nodes(before, count);
    unmap_nodes(after, count);
    return result;
}

static void assert_true_status(const struct page_list *list, size_t entry, int actual_node, enum interference interference)
{
    const int status = list->status[entry], target = list->nodes[entry];
    bool is_true = status > -4096;
    if (interference != ANY_INTERFERENCE && (status >= 0 || status == -ENOENT || status == -EFAULT))
        is_true = status == actual_node || (interference == INTERFERENCE_TO_TARGET && status >= 0 && actual_node == target);
    else if (interference == NO_INTERFERENCE)
        is_true = is_true && actual_node != target;
    expect(is_true, "status %zu of %zu is %d, but a raw query says %d; the target is %d", entry, list->count, status, actual_node,
           target);
}

/* Calls one of the two functions for lists, then queries the pages. */
static struct move_result move_list(pid_t pid, struct page_list *list, const struct numars_move_options *options, int flags,
                                    bool is_numars, int **before, int **after)
{
    struct move_result result = { .stats = NUMARS_MOVE_STATS_INIT };
    for (size_t entry = 0; entry < list->count; entry++)
        list->status[entry] = NOT_WRITTEN;
    pause_activities();
    *before = page_list_query(pid, list);
    resume_activities();
    errno = UNTOUCHED_ERRNO;
    if (is_numars)
        result.returned = numars_move_pages(pid, list->count, list->pages, list->nodes, list->status, options, &result.stats);
    else
        result.returned = numa_move_pages(pid, list->count, list->pages, list->nodes, list->status, flags);
    result.error = errno;
    pause_activities();
    *after = page_list_query(pid, list);
    for (size_t entry = 0; entry < list->count; entry++)
        classify(&result, (*after)[entry], list->nodes[entry]);
    if (result.returned >= 0 || result.error == ENOMEM)
        for (size_t entry = 0; entry < list->count; entry++)
            expect(list->status[entry] != NOT_WRITTEN, "status %zu of %zu was not written", entry, list->count);
    return result;
}

struct move_result verified_move_list(pid_t pid, struct page_list *list, const struct numars_move_options *options,
                                     enum interference interference)
{
    static const char what[] = "numars_move_pages";
    int *before, *after;
    struct move_result result = move_list(pid, list, options, 0, true, &before, &after);
    const struct numars_move_stats *stats = &result.stats;
    size_t moved = 0, in_place = 0, absent = 0, unmapped = 0, shared = 0, busy = 0, no_memory = 0, nodes = 0;
    assert_consistent(&result, what);
    if (result.returned < 0 && result.error != ENOMEM)
        goto done;
    for (size_t entry = 0; entry < list->count; entry++) {
        const int status = list->status[entry], target = list->nodes[entry];
        assert_true_status(list, entry, after[entry], interference);
        moved += before[entry] != target && after[entry] == target;
        in_place += before[entry] == target && after[entry] == target;
        absent += status == -ENOENT;
        unmapped += status == -EFAULT;
        shared += status == -EACCES;
        busy += status == -EBUSY;
        no_memory += status == -ENOMEM;
        nodes += status == target;
    }
    expect(stats->requested == list->count && stats->moved + stats->in_place == nodes && stats->absent == absent
               && stats->unmapped == unmapped && stats->shared == shared && stats->busy == busy
               && stats->no_memory == no_memory,
           "%s; of the statuses, %zu are the target, %zu absent, %zu unmapped, %zu shared, %zu busy, %zu no memory",
           describe(&result, what), nodes, absent, unmapped, shared, busy, no_memory);
    if (interference == NO_INTERFERENCE)
        expect((result.returned < 0 || (size_t)result.returned == result.elsewhere) && stats->moved == moved
                   && stats->in_place == in_place,
               "%s; %zu have moved, %zu were in place", describe(&result, what), moved, in_place);
    if (interference == INTERFERENCE_TO_TARGET && result.returned >= 0)
        expect((size_t)result.returned >= result.elsewhere, "%s", describe(&result, what));
done:
    unmap_nodes(before, list->count);
    unmap_nodes(after, list->count);
    return result;
}

struct move_result verified_numa_move(pid_t pid, struct page_list *list, int flags, enum interference interference)
{
    static const char what[] = "numa_move_pages";
    int *before, *after;
    struct move_result result = move_list(pid, list, NULL, flags, false, &before, &after);
    size_t failed = 0;
    if (result.returned >= 0 || result.error == ENOMEM)
        for (size_t entry = 0; entry < list->count; entry++) {
            assert_true_status(list, entry, after[entry], interference);
            failed += list->status[entry] == -EBUSY || list->status[entry] == -ENOMEM;
        }
    /* Shared pages, and pages that could not be tried, are not failures of this call. */
    if (interference != ANY_INTERFERENCE && failed == 0)
        expect(result.returned == 0, "%s", describe(&result, what));
    unmap_nodes(before, list->count);
    unmap_nodes(after, list->count);
    return result;
}

void verified_count(pid_t pid, char *start, size_t count)
{
    unsigned long on_node[NODES];
    size_t expected[NODES] = { 0 }, present = 0;
    pause_activities();
    int *actual_nodes = query_range(pid, start, count);
    for (size_t page = 0; page < count; page++) {
        present += actual_nodes[page] >= 0;
        if (actual_nodes[page] >= 0 && actual_nodes[page] < NODES)
            expected[actual_nodes[page]]++;
    }
    assert_returns(numars_count_pages(pid, start, count * page_size(), on_node, NODES), (long)present);
    for (int node = 0; node < NODES; node++)
        ck_assert_uint_eq(on_node[node], expected[node]);
    unmap_nodes(actual_nodes, count);
}

double seconds_now(void)
{
    struct timespec now;
    require(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double test_deadline(double seconds)
{
    const char *value = getenv("TEST_SECONDS");
    return seconds_now() + (value == NULL ? seconds : strtod(value, NULL));
}

unsigned long vmstat(const char *name)
{
    char key[64];
    unsigned long number, result = 0;
    FILE *file = fopen("/proc/vmstat", "r");
    require(file != NULL);
    while (fscanf(file, "%63s %lu", key, &number) == 2)
        if (strcmp(key, name) == 0)
            result = number;
    fclose(file);
    return result;
}
