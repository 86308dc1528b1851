#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void show(const char *how, pid_t child)
{
    int status = -1;

    waitpid(child, &status, 0);
    printf("%s: exited %d, signal %d\n", how, WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    fflush(stdout);
}

static int cloned(void *argument)
{
    (void)argument;
    _exit(5);
}

int main(void)
{
    char *arguments[] = { "sh", "-c", "exit 6", NULL };
    static char stack[1 << 16];
    pid_t child = fork();

    if (child == 0)
        exit(3);
    show("fork", child);
    child = vfork();
    if (child == 0)
        execve("/bin/sh", arguments, environ), _exit(127);
    show("vfork", child);
    show("clone", clone(cloned, stack + sizeof stack, CLONE_VM | CLONE_FILES | SIGCHLD, NULL));
    if (posix_spawnp(&child, "sh", NULL, NULL, arguments, environ))
        return 1;
    show("posix_spawn", child);
    child = fork();
    if (child == 0)
        raise(SIGSEGV);
    show("fork", child);
    child = fork();
    if (child == 0)
        abort();
    show("fork", child);
    printf("system: %d\n", WEXITSTATUS(system("exit 9")));
    fflush(stdout);
    /* A chain of programs, each of which executes the next. */
    for (int depth = 0; depth < 20; depth++)
        if ((child = fork()) != 0) {
            int status;

            waitpid(child, &status, 0);
            exit(WEXITSTATUS(status));
        }
    puts("deep");
    return 0;
}
