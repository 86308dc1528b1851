/* Enters an empty chroot, as servers do, and continues: threads, memory, children, conversions. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *run(void *argument)
{
    free(malloc(1 << 20));
    return argument;
}

int main(int argc, char **argv)
{
    if (argc < 2 || chroot(argv[1]) || chdir("/"))
        return 1;
    pthread_t thread;
    void *result = NULL;
    int status = 0;

    if (pthread_create(&thread, NULL, run, argv) || pthread_join(thread, &result))
        return 2;
    printf("joined %d\n", result == argv);
    fflush(stdout);
    if (fork() == 0)
        exit(7);
    wait(&status);
    printf("child %d\n", WEXITSTATUS(status));
    int executed = execl("/bin/true", "true", NULL);

    printf("exec %d: %s\n", executed, strerror(errno));
    return 0;
}
