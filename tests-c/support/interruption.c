#include "interruption.h"

#include <signal.h>
#include <sys/wait.h>

#include "harness.h"

static int interrupt(const struct numars_move_stats *so_far, void *argument)
{
    struct interruption *interruption = argument;
    if (so_far->moved > 0 && !interruption->done) {
        interruption->done = true;
        interruption->action(interruption);
    }
    return 0;
}

struct numars_move_options interrupted_by(struct interruption *interruption, int flags)
{
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    options.flags = flags;
    options.progress = interrupt;
    options.progress_arg = interruption;
    return options;
}

void kill_without_waiting(struct interruption *interruption)
{
    siginfo_t information;
    require(kill(interruption->pid, SIGKILL) == 0);
    require(waitid(P_PID, (id_t)interruption->pid, &information, WEXITED | WNOWAIT) == 0);
}
