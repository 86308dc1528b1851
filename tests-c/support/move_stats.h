/* Assertions about the statistics of numars.h (struct numars_move_stats). */
#ifndef MOVE_STATS_H
#define MOVE_STATS_H

#include <numars.h>
#include <stdbool.h>
#include <stddef.h>

/* assert_stats(stats, .requested = 3, .moved = 3): these values, and 0 for all other counts except kernel_calls. */
#define assert_stats(stats, ...) \
    assert_stats_equal_at((stats), (struct numars_move_stats){ __VA_ARGS__ }, __FILE__, __LINE__)
void assert_stats_equal_at(struct numars_move_stats stats, struct numars_move_stats expected, const char *file, int line);

/* The same counts. The times differ. */
#define assert_same_stats(stats, other) assert_same_stats_at((stats), (other), __FILE__, __LINE__)
void assert_same_stats_at(struct numars_move_stats stats, struct numars_move_stats other, const char *file, int line);

/* Returns true if both have the same counts. */
bool have_same_counts(const struct numars_move_stats *stats, const struct numars_move_stats *other);

/* Returns how many base pages may be processed between two calls of the progress callback: 64 MiB. */
size_t pages_between_reports(void);

/* Every page that was processed has exactly one outcome. */
#define assert_stats_add_up(stats) assert_stats_add_up_at((stats), __FILE__, __LINE__)
void assert_stats_add_up_at(struct numars_move_stats stats, const char *file, int line);

#endif
