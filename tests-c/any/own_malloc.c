/* A malloc that gets its memory from numars, from its first call on, as the allocators of large programs do. The calls that it needs must
 * not allocate, not even when they fail; those that return sets allocate them with it. */
#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <numars.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "all_functions.h"
#include "environment.h"
#include "harness.h"
#include "pages.h"

/* --- the malloc --- */

enum { ARENA = 8 * 1024 * 1024, ALIGNMENT = 16 };

/* Allocations made while this thread was inside of a call of numars. */
static volatile unsigned int nested;
/* Volatile, because libc's headers say that some of its functions call none of this file. */
static __thread volatile bool inside;

/* Each block is preceded by its size. */
static char *next_block, *end_of_arena;
static bool taken;

static void *allocate_block(size_t size)
{
    const size_t whole = (size + 2 * ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    while (__atomic_test_and_set(&taken, __ATOMIC_ACQUIRE))
        sched_yield();
    if (next_block == NULL || (size_t)(end_of_arena - next_block) < whole) {
        const size_t bytes = whole > ARENA ? whole : ARENA;
        inside = true;
        const int node = numa_available() == 0 ? numa_node_of_cpu(sched_getcpu()) : -1;
        next_block = node < 0 ? numa_alloc_local(bytes) : numa_alloc_onnode(bytes, node);
        inside = false;
        end_of_arena = next_block == NULL ? NULL : next_block + bytes;
    }
    char *block = NULL;
    if (next_block != NULL) {
        memcpy(next_block, &size, sizeof size);
        block = next_block + ALIGNMENT;
        next_block += whole;
    }
    __atomic_clear(&taken, __ATOMIC_RELEASE);
    return block;
}

void *malloc(size_t size)
{
    /* A call of numars that allocated here would wait for itself. */
    if (inside) {
        nested++;
        return NULL;
    }
    return size > SIZE_MAX / 2 ? NULL : allocate_block(size);
}

void free(void *memory)
{
    (void)memory;
}

void *calloc(size_t count, size_t size)
{
    /* The kernel's memory is zeroed, and no block is handed out twice. */
    return size != 0 && count > SIZE_MAX / size ? NULL : malloc(count * size);
}

void *realloc(void *old, size_t size)
{
    size_t old_size = 0;
    void *const fresh = malloc(size);
    if (fresh != NULL && old != NULL) {
        memcpy(&old_size, (char *)old - ALIGNMENT, sizeof old_size);
        memcpy(fresh, old, old_size < size ? old_size : size);
    }
    return fresh;
}

/* --- tests --- */

START_TEST(a_malloc_gets_its_memory_from_numars_from_its_first_call_on)
{
    char *const memory = malloc(100);
    ck_assert(memory != NULL && memory >= end_of_arena - ARENA && memory < end_of_arena);
    ck_assert_uint_eq(nested, 0);
}
END_TEST

START_TEST(all_functions_work_with_such_a_malloc)
{
    const struct expectations usual = { 0 };
    struct violations violations = { 0 };
    char text[4096];
    call_all_functions(&usual, &violations);
    describe_violations(&violations, text, sizeof text);
    ck_assert_msg(violations.count == 0, "%s", text);
    ck_assert_uint_eq(nested, 0);
}
END_TEST

/* Functions that need no memory must not allocate any. */
static char output[4096];

/* To look for a translation, which glibc 2.41 does and 2.36 does not; without memory, there is none. */
static bool libc_allocates_for_text_of_errno(void)
{
    char text[128];
    const unsigned int before = nested;
    inside = true;
    (void)!strerror_r(EINVAL, text, sizeof text);
    inside = false;
    return nested > before;
}

static void call_what_makes_no_set(void)
{
    unsigned long words[8192 / (8 * sizeof(long))] = { 0 };
    struct bitmask nodes = { .size = 64, .maskp = words }, cpus = { .size = 8192, .maskp = words };
    char *page = map_pages(1);
    void *pages[] = { page };
    const int target = 0;
    int status = 0, mode;
    long long free_bytes;
    /* A readable standard error, as on a terminal: there libc's perror(3) allocates. */
    require(dup2(open("/proc/self/fd/2", O_RDWR), STDERR_FILENO) == STDERR_FILENO);
    inside = true;
    numa_available();
    numa_max_node();
    numa_num_configured_nodes();
    numa_num_configured_cpus();
    numa_num_task_nodes();
    numa_distance(0, 0);
    numa_node_size64(0, &free_bytes);
    numa_node_to_cpu_update();
    numa_node_of_cpu(0);
    numa_node_to_cpus(0, &cpus);
    numa_preferred();
    numa_preferred_err();
    numa_get_interleave_node();
    numa_has_preferred_many();
    numa_has_home_node();
    numa_free(numa_alloc(1), 1);
    numa_free(numa_alloc_local(1), 1);
    numa_free(numa_alloc_onnode(1, 0), 1);
    numa_free(numa_alloc_interleaved(1), 1);
    memset(words, 0, sizeof words);
    words[0] = 1;
    numa_free(numa_alloc_interleaved_subset(1, &nodes), 1);
    numa_tonode_memory(page, 1, 0);
    numa_setlocal_memory(page, 1);
    numa_interleave_memory(page, 1, &nodes);
    numa_police_memory(page, 1);
    numa_set_membind(&nodes);
    numa_set_preferred(0);
    numa_set_localalloc();
    numa_run_on_node(0);
    numa_run_on_node_mask(&nodes);
    numa_bind(&nodes);
    numa_sched_getaffinity(0, &cpus);
    numa_run_on_node(-1);
    get_mempolicy(&mode, words, 64, page, MPOL_F_ADDR);
    set_mempolicy(MPOL_DEFAULT, NULL, 0);
    numa_move_pages(0, 1, pages, NULL, &status, 0);
    numars_move_pages(0, 1, pages, &target, &status, NULL, NULL);
    numars_move_range(0, page, 1, 0, NULL, NULL);
    numars_count_pages(0, page, 1, words, 4);
    numa_warn(63, "said %d", 1);
    /* Calls that fail and report it through numa_error(), with the text of errno. */
    const unsigned int before = nested;
    numa_error("said");
    numa_set_preferred(1023);
    numa_free(numa_alloc_onnode(1, 1023), 1);
    inside = false;
    _exit(before > 0 || (nested > before && !libc_allocates_for_text_of_errno()));
}

START_TEST(functions_that_return_no_set_allocate_nothing_even_when_they_fail)
{
    ck_assert_msg(run_in_child(call_what_makes_no_set, output, sizeof output) == 0, "it allocated; it said: %s", output);
    ck_assert_msg(strstr(output, "said: ") != NULL && strstr(output, "said 1\n") != NULL, "%s", output);
}
END_TEST

int main(void)
{
    return run_tests("own_malloc", (const TTest *[]){
        a_malloc_gets_its_memory_from_numars_from_its_first_call_on,
        all_functions_work_with_such_a_malloc,
        functions_that_return_no_set_allocate_nothing_even_when_they_fail,
        NULL });
}
