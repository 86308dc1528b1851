/* 64 threads call every function at once, for a few seconds or for TEST_SECONDS. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "all_functions.h"
#include "harness.h"

enum { THREADS = 64, USUAL_SECONDS = 3 };

static time_t end;
static unsigned int rounds;

static void *keep_calling(void *violations)
{
    static const struct expectations usual;
    do {
        call_all_functions(&usual, violations);
        __atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED);
    } while (time(NULL) < end);
    return NULL;
}

START_TEST(sixty_four_threads_that_call_every_function_get_correct_results)
{
    static struct violations violations[THREADS];
    const char *seconds = getenv("TEST_SECONDS");
    pthread_t threads[THREADS];
    end = time(NULL) + (seconds == NULL ? USUAL_SECONDS : atoi(seconds));
    for (int thread = 0; thread < THREADS; thread++)
        require(pthread_create(&threads[thread], NULL, keep_calling, &violations[thread]) == 0);
    for (int thread = 0; thread < THREADS; thread++) {
        char text[4096];
        require(pthread_join(threads[thread], NULL) == 0);
        describe_violations(&violations[thread], text, sizeof text);
        ck_assert_msg(violations[thread].count == 0, "%s", text);
    }
    ck_assert_uint_ge(rounds, THREADS);
    fprintf(stderr, "%u times everything\n", rounds);
}
END_TEST

int main(void)
{
    return run_tests("many_threads", (const TTest *[]){
        sixty_four_threads_that_call_every_function_get_correct_results,
        NULL });
}
