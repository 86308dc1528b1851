#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

volatile int repeats = 1;
static int sum;

__attribute__((noinline)) static int inner(int round)
{
    char *text = malloc(100);

    snprintf(text, 100, "round %d", round);
    puts(text);
    sum += (int)strlen(text);
    free(text);
    return sum;
}

static void *outer(void *unused)
{
    for (int round = 0; round < 5; round++)
        inner(round);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    (void)argv;
    while (argc > 1 && repeats)
        usleep(10000);
    if (pthread_create(&thread, NULL, outer, NULL) || pthread_join(thread, NULL))
        return 1;
    printf("sum %d\n", sum);
    return 0;
}
