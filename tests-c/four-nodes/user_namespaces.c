/* Processes in user namespaces of their own, with and without mapped users: they have no privilege outside, and their files in /proc may
 * belong to another user. */
#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "nodes.h"
#include "pages.h"
#include "verified_moves.h"

enum { PAGES = 300 };

/* Which users are mapped in the namespace. */
enum users { NO_USERS, ROOT, SAME_USER, KINDS };
static const char *const KIND_NAMES[] = { "no users", "root", "the same user" };

static void write_map(const char *path, unsigned int inside, unsigned int outside)
{
    char text[64];
    snprintf(text, sizeof text, "%u %u 1", inside, outside);
    require(write_to_file(path, text));
}

static void enter_user_namespace(enum users users)
{
    const unsigned int user = geteuid(), users_group = getegid();
    require(unshare(CLONE_NEWUSER) == 0);
    if (users == NO_USERS)
        return;
    require(write_to_file("/proc/self/setgroups", "deny"));
    write_map("/proc/self/uid_map", users == ROOT ? 0 : user, user);
    write_map("/proc/self/gid_map", users == ROOT ? 0 : users_group, users_group);
}

static void assert_all_calls_move(pid_t pid, char *pages)
{
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.threads = 2;
    verified_count(pid, pages, PAGES);
    ck_assert_int_eq(verified_move_range(pid, pages, PAGES, 1, &options, NO_INTERFERENCE).returned, 0);
    struct page_list list = page_list_of_range(pages, PAGES, 2);
    ck_assert_int_eq(verified_move_list(pid, &list, NULL, NO_INTERFERENCE).returned, 0);
    struct page_list other = page_list_interleaved(pages, PAGES);
    ck_assert_int_eq(verified_numa_move(pid, &other, MPOL_MF_MOVE, NO_INTERFERENCE).returned, 0);
    ck_assert_int_eq(verified_move_range(pid, pages, PAGES, 1, NULL, NO_INTERFERENCE).returned, 0);
    struct bitmask *from = set_of(mask(1)), *to = set_of(mask(3));
    /* Pages that it shares with its parent stay. */
    ck_assert_int_ge(numars_move_process(pid, from, to, NULL, &stats), 0);
    ck_assert_uint_ge(stats.moved, PAGES);
    int *actual_nodes = query_range(pid, pages, PAGES);
    for (size_t page = 0; page < PAGES; page++)
        ck_assert_int_eq(actual_nodes[page], 3);
    numa_bitmask_free(from);
    numa_bitmask_free(to);
}

static void move_in_namespace(enum users users)
{
    enter_user_namespace(users);
    char *pages = pages_on_node(PAGES, 0);
    assert_all_calls_move(0, pages);
    ck_assert(pages_keep_contents(pages, PAGES));
    /* A process of the same namespace. */
    const struct child_process child = start_child(PAGES, 0, NULL);
    assert_all_calls_move(child.pid, child.pages);
    end_child(child);
    /* No privilege outside, whatever it has inside. */
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.flags = MPOL_MF_MOVE_ALL;
    assert_fails(numars_move_range(0, pages, PAGES * page_size(), 1, &options, NULL), EPERM);
}

static enum users users_in_namespace;
static bool is_unprivileged;
static char output[2048];

static void move_in_chosen_namespace(void)
{
    if (is_unprivileged)
        drop_privileges();
    move_in_namespace(users_in_namespace);
}

START_TEST(processes_of_a_user_namespace_move_their_own_pages_and_those_of_each_other)
{
    for (int unprivileged = 0; unprivileged < 2; unprivileged++)
        for (users_in_namespace = 0; users_in_namespace < KINDS; users_in_namespace++) {
            is_unprivileged = unprivileged;
            const int status = run_in_child(move_in_chosen_namespace, output, sizeof output);
            expect(status == 0, "as %s in a namespace with %s: status %d, %s", unprivileged ? "an unprivileged user" : "root", KIND_NAMES[users_in_namespace],
                   status, output);
        }
}
END_TEST

static struct child_process outside;

static void move_pages_outside(void)
{
    struct page_list list = page_list_of_range(outside.pages, PAGES, 1);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    unsigned long on_node[NODES];
    if (is_unprivileged)
        drop_privileges();
    struct bitmask *from = set_of(mask(0)), *to = set_of(mask(1));
    enter_user_namespace(users_in_namespace);
    assert_fails(numars_move_range(outside.pid, outside.pages, PAGES * page_size(), 1, NULL, &stats), EPERM);
    ck_assert_uint_eq(stats.moved, 0);
    assert_fails(numars_move_pages(outside.pid, PAGES, list.pages, list.nodes, list.status, NULL, &stats), EPERM);
    ck_assert_uint_eq(stats.moved, 0);
    assert_fails(numa_move_pages(outside.pid, PAGES, list.pages, list.nodes, list.status, MPOL_MF_MOVE), EPERM);
    assert_fails(numars_move_process(outside.pid, from, to, NULL, &stats), EPERM);
    ck_assert_uint_eq(stats.moved, 0);
    assert_fails(numars_count_pages(outside.pid, outside.pages, PAGES * page_size(), on_node, NODES), EPERM);
}

START_TEST(a_process_outside_is_eperm_and_none_of_its_pages_moves)
{
    for (int unprivileged = 0; unprivileged < 2; unprivileged++)
        for (users_in_namespace = 0; users_in_namespace < KINDS; users_in_namespace++) {
            is_unprivileged = unprivileged;
            outside = start_child(PAGES, 0, unprivileged ? drop_privileges : NULL);
            const int status = run_in_child(move_pages_outside, output, sizeof output);
            expect(status == 0, "as %s in a namespace with %s: status %d, %s", unprivileged ? "an unprivileged user" : "root", KIND_NAMES[users_in_namespace],
                   status, output);
            int *actual_nodes = query_range(outside.pid, outside.pages, PAGES);
            for (size_t page = 0; page < PAGES; page++)
                ck_assert_int_eq(actual_nodes[page], 0);
            end_child(outside);
        }
}
END_TEST

static void become_root_of_namespace(void)
{
    enter_user_namespace(ROOT);
}

static void leave_all_users(void)
{
    drop_privileges();
    enter_user_namespace(NO_USERS);
}

START_TEST(processes_of_user_namespaces_are_moved_from_outside)
{
    void (*const firsts[])(void) = { become_root_of_namespace, leave_all_users };
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        const struct child_process child = start_child(PAGES, 0, firsts[i]);
        assert_all_calls_move(child.pid, child.pages);
        ck_assert(child_keeps_contents(child, PAGES));
        end_child(child);
    }
}
END_TEST

int main(void)
{
    return run_tests("user namespaces", (const TTest *[]){
        processes_of_a_user_namespace_move_their_own_pages_and_those_of_each_other,
        a_process_outside_is_eperm_and_none_of_its_pages_moves,
        processes_of_user_namespaces_are_moved_from_outside,
        NULL });
}
