#include "move_stats.h"

#include <stdio.h>

#include "harness.h"
#include "machine.h"

static const char *text_of(struct numars_move_stats stats, char text[static 512])
{
    snprintf(text, 512,
             "requested %lu, moved %lu, in_place %lu, absent %lu, unmapped %lu, shared %lu, busy %lu, no_memory %lu, "
             "failed %lu, retried %lu, kernel_calls %lu",
             stats.requested, stats.moved, stats.in_place, stats.absent, stats.unmapped, stats.shared, stats.busy,
             stats.no_memory, stats.failed, stats.retried, stats.kernel_calls);
    return text;
}

void assert_stats_equal_at(struct numars_move_stats stats, struct numars_move_stats expected, const char *file, int line)
{
    char actual_text[512], expected_text[512];
    /* How often moves to a full node are retried is up to the library unless a test specifies it. */
    if (expected.no_memory > 0)
        expected.retried = stats.retried;
    expected.size = stats.size;
    expected.kernel_calls = stats.kernel_calls;
    expected.elapsed_ns = stats.elapsed_ns;
    expected.longest_call_ns = stats.longest_call_ns;
    expect(memcmp(&stats, &expected, sizeof stats) == 0, "%s:%d: %s; expected %s", file, line, text_of(stats, actual_text),
           text_of(expected, expected_text));
}

bool have_same_counts(const struct numars_move_stats *stats, const struct numars_move_stats *other)
{
    struct numars_move_stats without_times = *other;
    without_times.elapsed_ns = stats->elapsed_ns;
    without_times.longest_call_ns = stats->longest_call_ns;
    return memcmp(stats, &without_times, sizeof *stats) == 0;
}

void assert_same_stats_at(struct numars_move_stats stats, struct numars_move_stats other, const char *file, int line)
{
    char text[512], other_text[512];
    expect(have_same_counts(&stats, &other), "%s:%d: %s; %s", file, line, text_of(stats, text), text_of(other, other_text));
}

size_t pages_between_reports(void)
{
    return ((size_t)64 << 20) / page_size();
}

void assert_stats_add_up_at(struct numars_move_stats stats, const char *file, int line)
{
    char text[512];
    expect(stats.requested == stats.moved + stats.in_place + stats.absent + stats.unmapped + stats.shared + stats.busy
                   + stats.no_memory + stats.failed,
           "%s:%d: does not add up: %s", file, line, text_of(stats, text));
}
