/* Threads that allocate memory, and free memory that others allocated. */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 1000
static void *slots[SLOTS];

static void *churns(void *argument)
{
    unsigned seed = (unsigned)(size_t)argument;

    for (int i = 0; i < 100000; i++) {
        size_t size = rand_r(&seed) % 4000;
        char *memory = i % 7 ? malloc(size) : memalign(64, size);

        memset(memory, 1, size);
        if (i % 5 == 0)
            memory = realloc(memory, size * 2 + 1);
        free(__atomic_exchange_n(&slots[rand_r(&seed) % SLOTS], memory, __ATOMIC_ACQ_REL));
    }
    return argument;
}

int main(void)
{
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, churns, (void *)i))
            return 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < SLOTS; i++)
        free(slots[i]);
    puts("churned");
    return 0;
}
