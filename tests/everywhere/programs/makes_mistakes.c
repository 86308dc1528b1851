/* Bugs that tools must find, whatever is preloaded. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int shared;
void *volatile lost;
static void (*volatile release)(void *) = free;

static void *adds(void *unused)
{
    for (int i = 0; i < 1000; i++)
        shared++;
    return unused;
}

int main(int argc, char **argv)
{
    const char *mistake = argc > 1 ? argv[1] : "none";
    char *memory = malloc(40);
    volatile int index = 40;
    volatile int big = 0x7fffffff;

    memset(memory, 1, 40);
    printf("%s\n", mistake);
    fflush(stdout);
    if (strcmp(mistake, "overflow") == 0)
        memory[index] = 1;
    else if (strcmp(mistake, "use-after-free") == 0) {
        release(memory);
        printf("%d\n", ((volatile char *)memory)[3]);
        return 0;
    } else if (strcmp(mistake, "uninitialised") == 0) {
        char *other = malloc(40);

        if (((volatile char *)other)[7] == 1)
            puts("one");
        free(other);
    } else if (strcmp(mistake, "leak") == 0) {
        lost = malloc(123);
        lost = NULL;
    } else if (strcmp(mistake, "double-free") == 0) {
        release(memory);
    } else if (strcmp(mistake, "race") == 0) {
        pthread_t threads[2];

        for (int i = 0; i < 2; i++)
            pthread_create(&threads[i], NULL, adds, NULL);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
    } else if (strcmp(mistake, "undefined") == 0)
        printf("%d\n", (big + index) ^ (1 << index));
    release(memory);
    return 0;
}
