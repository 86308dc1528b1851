#include "verified_moves.h"

#include <fcntl.h>
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

enum { MOST_ACTIVITIES = 8 };

static struct activity {
    void (*step)(void *);
    void *argument;
    int node;
    pthread_t thread;
    atomic_bool is_paused;
    unsigned long steps;
} activities[MOST_ACTIVITIES];
static size_t activity_count;
static atomic_bool shall_pause, shall_end;

static void wait_a_moment(void)
{
    const struct timespec moment = { .tv_nsec = 100 * 1000 };
    nanosleep(&moment, NULL);
}

static void *run_activity(void *argument)
{
    struct activity *activity = argument;
    if (activity->node >= 0)
        require(numa_run_on_node(activity->node) == 0);
    while (!shall_end)
        if (shall_pause) {
            activity->is_paused = true;
            wait_a_moment();
        } else {
            activity->is_paused = false;
            /* Asked for in between: the pause is waited for by the value above. */
            if (!shall_pause) {
                activity->step(activity->argument);
                activity->steps++;
            }
        }
    return NULL;
}

void start_activity(void (*step)(void *), void *argument, int node)
{
    require(activity_count < MOST_ACTIVITIES);
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
    if (shall_pause)
        return;
    for (size_t i = 0; i < activity_count; i++)
        activities[i].is_paused = false;
    shall_pause = true;
    for (size_t i = 0; i < activity_count; i++)
        while (!activities[i].is_paused)
            wait_a_moment();
}

void resume_activities(void)
{
    shall_pause = false;
}

unsigned long end_activities(void)
{
    unsigned long steps = 0;
    shall_end = true;
    for (size_t i = 0; i < activity_count; i++) {
        require(pthread_join(activities[i].thread, NULL) == 0);
        steps += activities[i].steps;
    }
    activity_count = 0;
    shall_end = shall_pause = false;
    return steps;
}

/* Raw queries. */

static void query(pid_t pid, size_t count, void *const *pages, int *places)
{
    require(syscall(SYS_move_pages, (long)pid, count, pages, NULL, places, 0L) == 0);
}

int *places_of_range(pid_t pid, const char *start, size_t count)
{
    enum { AT_ONCE = 512 };
    int *places = mmap(NULL, count * sizeof *places + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(places != MAP_FAILED);
    for (size_t first = 0; first < count; first += AT_ONCE) {
        void *pages[AT_ONCE];
        const size_t number = count - first < AT_ONCE ? count - first : AT_ONCE;
        for (size_t page = 0; page < number; page++)
            pages[page] = (void *)(start + (first + page) * page_size());
        query(pid, number, pages, places + first);
    }
    return places;
}

static void forget(int *places, size_t count)
{
    require(munmap(places, count * sizeof *places + 1) == 0);
}

void unmap_bulk(struct bulk *bulk)
{
    /* As bulk_with_room() maps them. */
    require(munmap(bulk->pages, bulk->room * sizeof *bulk->pages + 1) == 0);
    require(munmap(bulk->nodes, bulk->room * sizeof *bulk->nodes + 1) == 0);
    require(munmap(bulk->status, bulk->room * sizeof *bulk->status + 1) == 0);
}

/* Checks. */

static size_t stayed(const struct numars_move_stats *stats)
{
    return stats->shared + stats->busy + stats->no_memory + stats->failed;
}

static const char *text_of(const struct move_result *result, const char *what)
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

/* What holds whatever others do. */
static void assert_consistent(const struct move_result *result, const char *what)
{
    const struct numars_move_stats *stats = &result->stats;
    const size_t outcomes = stats->moved + stats->in_place + stats->absent + stats->unmapped + stayed(stats);
    if (result->returned >= 0)
        expect(outcomes == stats->requested && (size_t)result->returned == stayed(stats) && result->error == UNTOUCHED_ERRNO,
               "%s", text_of(result, what));
    else
        expect(result->returned == -1 && outcomes <= stats->requested && result->error > 0 && result->error < UNTOUCHED_ERRNO,
               "%s", text_of(result, what));
}

static void classify(struct move_result *result, int place, int target)
{
    if (place < 0)
        result->nowhere++;
    else if (place == target)
        result->on_target++;
    else
        result->elsewhere++;
}

struct move_result checked_move_range(pid_t pid, char *start, size_t count, int node, const struct numars_move_options *options,
                                      enum others others)
{
    static const char what[] = "numars_move_range";
    struct move_result result = { .returned = 0 };
    pause_activities();
    int *before = places_of_range(pid, start, count);
    resume_activities();
    errno = UNTOUCHED_ERRNO;
    result.returned = numars_move_range(pid, start, count * page_size(), node, options, &result.stats);
    result.error = errno;
    pause_activities();
    int *after = places_of_range(pid, start, count);

    size_t present = 0, moved = 0, in_place = 0;
    for (size_t page = 0; page < count; page++) {
        classify(&result, after[page], node);
        present += before[page] >= 0;
        moved += before[page] >= 0 && before[page] != node && after[page] == node;
        in_place += before[page] == node && after[page] == node;
    }
    assert_consistent(&result, what);
    const struct numars_move_stats *stats = &result.stats;
    if (others == OTHERS_MOVE_NOTHING && result.returned >= 0)
        expect((size_t)result.returned == result.elsewhere && stats->requested == present && stats->moved == moved
                   && stats->in_place == in_place,
               "%s; %zu were present, %zu have moved, %zu were in place", text_of(&result, what), present, moved, in_place);
    if (others == OTHERS_MOVE_TO_TARGET && result.returned >= 0)
        expect((size_t)result.returned >= result.elsewhere && stats->requested == present
                   && stats->moved + stats->in_place <= result.on_target && stats->absent == 0 && stats->unmapped == 0,
               "%s; %zu were present", text_of(&result, what), present);
    forget(before, count);
    forget(after, count);
    return result;
}

static void assert_true_status(const struct bulk *bulk, size_t entry, int place, enum others others)
{
    const int status = bulk->status[entry], target = bulk->nodes[entry];
    bool is_true = status > -4096;
    if (others != OTHERS_DO_ANYTHING && (status >= 0 || status == -ENOENT || status == -EFAULT))
        is_true = status == place || (others == OTHERS_MOVE_TO_TARGET && status >= 0 && place == target);
    else if (others == OTHERS_MOVE_NOTHING)
        is_true = is_true && place != target;
    expect(is_true, "status %zu of %zu is %d, but a raw query says %d; the target is %d", entry, bulk->count, status, place,
           target);
}

/* Calls one of the two functions for lists, and looks where the pages are then. */
static struct move_result move_list(pid_t pid, struct bulk *bulk, const struct numars_move_options *options, int flags,
                                    bool is_numars, int **before, int **after)
{
    struct move_result result = { .returned = 0 };
    for (size_t entry = 0; entry < bulk->count; entry++)
        bulk->status[entry] = NOT_WRITTEN;
    pause_activities();
    *before = bulk_places(pid, bulk);
    resume_activities();
    errno = UNTOUCHED_ERRNO;
    if (is_numars)
        result.returned = numars_move_pages(pid, bulk->count, bulk->pages, bulk->nodes, bulk->status, options, &result.stats);
    else
        result.returned = numa_move_pages(pid, bulk->count, bulk->pages, bulk->nodes, bulk->status, flags);
    result.error = errno;
    pause_activities();
    *after = bulk_places(pid, bulk);
    for (size_t entry = 0; entry < bulk->count; entry++)
        classify(&result, (*after)[entry], bulk->nodes[entry]);
    if (result.returned >= 0 || result.error == ENOMEM)
        for (size_t entry = 0; entry < bulk->count; entry++)
            expect(bulk->status[entry] != NOT_WRITTEN, "status %zu of %zu was not written", entry, bulk->count);
    return result;
}

struct move_result checked_move_list(pid_t pid, struct bulk *bulk, const struct numars_move_options *options,
                                     enum others others)
{
    static const char what[] = "numars_move_pages";
    int *before, *after;
    struct move_result result = move_list(pid, bulk, options, 0, true, &before, &after);
    const struct numars_move_stats *stats = &result.stats;
    size_t moved = 0, in_place = 0, absent = 0, unmapped = 0, shared = 0, busy = 0, no_memory = 0, nodes = 0;
    assert_consistent(&result, what);
    if (result.returned < 0 && result.error != ENOMEM)
        goto done;
    for (size_t entry = 0; entry < bulk->count; entry++) {
        const int status = bulk->status[entry], target = bulk->nodes[entry];
        assert_true_status(bulk, entry, after[entry], others);
        moved += before[entry] != target && after[entry] == target;
        in_place += before[entry] == target && after[entry] == target;
        absent += status == -ENOENT;
        unmapped += status == -EFAULT;
        shared += status == -EACCES;
        busy += status == -EBUSY;
        no_memory += status == -ENOMEM;
        nodes += status == target;
    }
    expect(stats->requested == bulk->count && stats->moved + stats->in_place == nodes && stats->absent == absent
               && stats->unmapped == unmapped && stats->shared == shared && stats->busy == busy
               && stats->no_memory == no_memory,
           "%s; of the statuses, %zu are the target, %zu absent, %zu unmapped, %zu shared, %zu busy, %zu no memory",
           text_of(&result, what), nodes, absent, unmapped, shared, busy, no_memory);
    if (others == OTHERS_MOVE_NOTHING)
        expect((result.returned < 0 || (size_t)result.returned == result.elsewhere) && stats->moved == moved
                   && stats->in_place == in_place,
               "%s; %zu have moved, %zu were in place", text_of(&result, what), moved, in_place);
    if (others == OTHERS_MOVE_TO_TARGET && result.returned >= 0)
        expect((size_t)result.returned >= result.elsewhere, "%s", text_of(&result, what));
done:
    forget(before, bulk->count);
    forget(after, bulk->count);
    return result;
}

struct move_result checked_numa_move(pid_t pid, struct bulk *bulk, int flags, enum others others)
{
    static const char what[] = "numa_move_pages";
    int *before, *after;
    struct move_result result = move_list(pid, bulk, NULL, flags, false, &before, &after);
    size_t failed = 0;
    if (result.returned >= 0 || result.error == ENOMEM)
        for (size_t entry = 0; entry < bulk->count; entry++) {
            assert_true_status(bulk, entry, after[entry], others);
            failed += bulk->status[entry] == -EBUSY || bulk->status[entry] == -ENOMEM;
        }
    /* Pages that are shared, or could not be tried, are no failure of this call. */
    if (others != OTHERS_DO_ANYTHING && failed == 0)
        expect(result.returned == 0, "%s", text_of(&result, what));
    forget(before, bulk->count);
    forget(after, bulk->count);
    return result;
}

void checked_count(pid_t pid, char *start, size_t count)
{
    unsigned long on_node[NODES];
    size_t expected[NODES] = { 0 }, present = 0;
    pause_activities();
    int *places = places_of_range(pid, start, count);
    for (size_t page = 0; page < count; page++) {
        present += places[page] >= 0;
        if (places[page] >= 0 && places[page] < NODES)
            expected[places[page]]++;
    }
    assert_returns(numars_count_pages(pid, start, count * page_size(), on_node, NODES), (long)present);
    for (int node = 0; node < NODES; node++)
        ck_assert_uint_eq(on_node[node], expected[node]);
    forget(places, count);
}

double seconds_now(void)
{
    struct timespec now;
    require(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double end_of_test(double seconds)
{
    const char *wanted = getenv("TEST_SECONDS");
    return seconds_now() + (wanted == NULL ? seconds : strtod(wanted, NULL));
}

unsigned long vmstat(const char *name)
{
    char found[64];
    unsigned long number, result = 0;
    FILE *file = fopen("/proc/vmstat", "r");
    require(file != NULL);
    while (fscanf(file, "%63s %lu", found, &number) == 2)
        if (strcmp(found, name) == 0)
            result = number;
    fclose(file);
    return result;
}

bool write_to_file(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    const bool written = write(file, text, strlen(text)) == (ssize_t)strlen(text);
    close(file);
    return written;
}
