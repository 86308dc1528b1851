#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Thread_local int own = 41;
static pthread_barrier_t barrier;

static void *adds(void *sum)
{
    __atomic_add_fetch((int *)sum, ++own, __ATOMIC_RELAXED);
    return NULL;
}

static void cleans(void *argument)
{
    *(int *)argument = 1;
}

static void *waits(void *cleaned)
{
    pthread_cleanup_push(cleans, cleaned);
    pthread_barrier_wait(&barrier);
    for (;;)
        pause();
    pthread_cleanup_pop(0);
    return NULL;
}

static void ends(void *value)
{
    printf("key's destructor: %s\n", (char *)value);
}

static void *uses_key(void *key)
{
    pthread_setspecific(*(pthread_key_t *)key, "value");
    return NULL;
}

int main(void)
{
    pthread_t threads[200];
    pthread_attr_t small;
    int sum = 0;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    for (int i = 0; i < 200; i++)
        if (pthread_create(&threads[i], &small, adds, &sum))
            return 1;
    for (int i = 0; i < 200; i++)
        pthread_join(threads[i], NULL);
    printf("sum %d\n", sum);

    int cleaned = 0;
    void *result = NULL;

    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(threads, NULL, waits, &cleaned);
    pthread_barrier_wait(&barrier);
    pthread_cancel(*threads);
    pthread_join(*threads, &result);
    printf("cancelled %d, cleaned %d\n", result == PTHREAD_CANCELED, cleaned);

    pthread_key_t keys[1024];
    int made = 0;

    while (made < 1024 && pthread_key_create(&keys[made], ends) == 0)
        made++;
    printf("%d keys\n", made);
    pthread_create(threads, NULL, uses_key, &keys[0]);
    pthread_join(*threads, NULL);
    return 0;
}
