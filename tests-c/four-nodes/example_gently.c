/* The example for moves that do not disturb a process: examples/move_gently.c. */
#define main move_gently
#include "../../examples/move_gently.c"
#undef main

#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "page_counts.h"
#include "pages.h"

/* Returns what the example prints on standard output. */
static const char *printed_by(const char *node, const char *pid, int *status)
{
    char *arguments[] = { "move_gently", (char *)node, (char *)pid, NULL };
    keep_output();
    *status = move_gently(pid == NULL ? 2 : 3, arguments);
    return kept_output();
}

/* Returns the number of pages that the text says have moved. */
static unsigned long moved(const char *text)
{
    unsigned long pages = 0, calls = 0;
    double seconds = 0, longest = 0;
    expect(sscanf(text, "%lu pages moved, %*u shared, %*u busy, %*u found no memory\n%lf s, %lu calls, the longest took %lf ms\n", &pages, &seconds,
                  &calls, &longest) == 4 && calls > 0 && longest > 0, "printed: %s", text);
    return pages;
}

START_TEST(the_example_moves_its_own_memory)
{
    int status;
    require(numa_run_on_node(0) == 0);
    /* It has 64 MiB, and its stack and data. */
    ck_assert_uint_ge(moved(printed_by("2", NULL, &status)), ((size_t)64 << 20) / page_size());
    ck_assert_int_eq(status, EXIT_SUCCESS);
}
END_TEST

START_TEST(the_example_moves_another_process)
{
    int status;
    char pid[16];
    const struct child_process child = start_child(3000, 0, NULL);
    snprintf(pid, sizeof pid, "%d", (int)child.pid);
    ck_assert_uint_ge(moved(printed_by("3", pid, &status)), 3000);
    ck_assert_int_eq(status, EXIT_SUCCESS);
    ck_assert_uint_eq(count_pages_raw(child.pid, child.pages, 3000).on_node[3], 3000);
    end_child(child);
}
END_TEST

START_TEST(an_interrupt_ends_the_example_early)
{
    int status;
    char pid[16];
    const size_t count = pages_within(40000, 160 << 20);
    const struct child_process child = start_child(count, 0, NULL);
    snprintf(pid, sizeof pid, "%d", (int)child.pid);
    /* As Ctrl-C does. At 256 MiB per second, the move would take more than half a second. */
    signal(SIGINT, interrupt);
    const pid_t self = getpid(), sender = fork();
    require(sender >= 0);
    if (sender == 0) {
        usleep(300 * 1000);
        kill(self, SIGINT);
        _exit(0);
    }
    const char *text = printed_by("1", pid, &status);
    ck_assert_uint_lt(moved(text), count);
    ck_assert_int_eq(status, EXIT_FAILURE);
    require(waitpid(sender, NULL, 0) == sender);
    end_child(child);
}
END_TEST

int main(void)
{
    return run_tests("example_gently", (const TTest *const[]){
        the_example_moves_its_own_memory,
        the_example_moves_another_process,
        an_interrupt_ends_the_example_early,
        NULL });
}
