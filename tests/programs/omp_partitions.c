/* Allocates memory by OpenMP's allocators. libgomp opens libnuma for allocators that partition it. */

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE (4 << 20)

static const struct {
    const char *name;
    omp_uintptr_t value;
} partitions[] = {
    {"environment", omp_atv_environment},
    {"nearest", omp_atv_nearest},
    {"blocked", omp_atv_blocked},
    {"interleaved", omp_atv_interleaved},
};

/* Allocates, fills, grows, shrinks and frees. */
static int use(omp_allocator_handle_t allocator, size_t size)
{
    char *memory = omp_alloc(size, allocator);
    if (!memory)
        return 0;
    memset(memory, 1, size);
    memory = omp_realloc(memory, 3 * size, allocator, allocator);
    if (!memory || memory[size - 1] != 1)
        return 0;
    memory = omp_realloc(memory, size / 2, allocator, allocator);
    int kept = memory && memory[size / 2 - 1] == 1;
    omp_free(memory, allocator);
    char *zeros = omp_calloc(size, 1, allocator);
    kept = kept && zeros && zeros[size - 1] == 0;
    omp_free(zeros, allocator);
    char *aligned = omp_aligned_alloc(4096, size, allocator);
    kept = kept && aligned && (size_t)aligned % 4096 == 0;
    omp_free(aligned, allocator);
    return kept;
}

/* omp_partitions PARTITION once: prints which sizes can be used. omp_partitions PARTITION hold: holds memory until it is killed. */
int main(int count, char **arguments)
{
    if (count != 3)
        return 2;
    for (size_t i = 0; i < sizeof partitions / sizeof *partitions; i++) {
        if (strcmp(arguments[1], partitions[i].name) != 0)
            continue;
        omp_alloctrait_t traits[] = {
            {omp_atk_partition, partitions[i].value},
            {omp_atk_alignment, 64},
            {omp_atk_fallback, omp_atv_null_fb},
        };
        omp_allocator_handle_t allocator = omp_init_allocator(omp_default_mem_space, 3, traits);
        printf("allocator %s\n", allocator == omp_null_allocator ? "refused" : "made");
        if (strcmp(arguments[2], "hold") == 0) {
            volatile char *memory = omp_alloc(SIZE, allocator);
            if (!memory)
                return 1;
            for (size_t at = 0; at < SIZE; at++)
                memory[at] = 1;
            for (;;)
                pause();
        }
        for (size_t size = 8; size <= SIZE; size = size * 7 + 1)
            printf("%zu: %s\n", size, use(allocator, size) ? "used" : "refused");
        int all_used = 1;
#pragma omp parallel num_threads(4) reduction(&& : all_used)
        all_used = use(allocator, 100000);
        printf("four threads: %s\n", all_used ? "used" : "refused");
        omp_destroy_allocator(allocator);
        return 0;
    }
    return 2;
}
