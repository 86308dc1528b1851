/* Something that happens to a process half way through a move of its pages. */
#ifndef INTERRUPTION_H
#define INTERRUPTION_H

#include <numars.h>
#include <stdbool.h>
#include <sys/types.h>

struct interruption {
    /* Called once, from the progress callback, when some pages have moved. */
    void (*action)(struct interruption *);
    pid_t pid;
    char *pages;
    bool done;
};

/* Returns options for the move, with these flags. */
struct numars_move_options interrupted_by(struct interruption *interruption, int flags);

/* An action: kills the process without waiting for it, so that it stays a zombie. */
void kill_without_waiting(struct interruption *interruption);

#endif
