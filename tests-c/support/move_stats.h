/* What the calls of numars.h say of how many pages became what. */
#ifndef MOVE_STATS_H
#define MOVE_STATS_H

#include <numars.h>

/* assert_figures(stats, .requested = 3, .moved = 3): these, and 0 for all others but the calls of the kernel. */
#define assert_stats(stats, ...) \
    assert_stats_equal_at((stats), (struct numars_move_stats){ __VA_ARGS__ }, __FILE__, __LINE__)
void assert_stats_equal_at(struct numars_move_stats stats, struct numars_move_stats expected, const char *file, int line);

/* Every page that was looked at became something. */
#define assert_stats_add_up(stats) assert_stats_add_up_at((stats), __FILE__, __LINE__)
void assert_stats_add_up_at(struct numars_move_stats stats, const char *file, int line);

#endif
