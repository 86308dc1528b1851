/* Runs a program on a synthetic machine: on_machine ROOT PROGRAM ARGUMENTS…
 *
 * In its own mount namespace, the program sees ROOT's files instead of the kernel's: the nodes and CPUs below
 * /sys/devices/system, and /proc/self/status. Every library it is linked with reads the same files. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

static void show(const char *root, const char *file, const char *place)
{
    char from[4096];
    snprintf(from, sizeof from, "%s%s", root, file);
    if (mount(from, place, NULL, MS_BIND, NULL) != 0) {
        fprintf(stderr, "on_machine: %s: %s\n", from, strerror(errno));
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: on_machine ROOT PROGRAM ARGUMENTS...\n", stderr);
        return EXIT_FAILURE;
    }
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        fprintf(stderr, "on_machine: a mount namespace needs root: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    show(argv[1], "/sys/devices/system/node", "/sys/devices/system/node");
    show(argv[1], "/sys/devices/system/cpu", "/sys/devices/system/cpu");
    /* This process executes the program. */
    show(argv[1], "/proc/self/status", "/proc/self/status");
    /* The CPU time used so far is not the program's. */
    struct timespec time;
    char started[32];
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    snprintf(started, sizeof started, "%lld", time.tv_sec * 1000000000LL + time.tv_nsec);
    setenv("BENCH_STARTED", started, 1);
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return EXIT_FAILURE;
}
