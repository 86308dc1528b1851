/* Libraries that register memory with devices (RDMA, GPUs) define or patch mmap, munmap and mremap to track address changes. */
#include <numa.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "pages.h"
#include "system_calls.h"

static int maps, unmaps, remaps;

void *mmap(void *start, size_t length, int protection, int flags, int file, off_t offset)
{
    maps++;
    return mmap_of_kernel(start, length, protection, flags, file, offset);
}

int munmap(void *start, size_t length)
{
    unmaps++;
    return (int)syscall(SYS_munmap, start, length);
}

void *mremap(void *start, size_t old_length, size_t new_length, int flags, ...)
{
    remaps++;
    va_list more;
    va_start(more, flags);
    void *target = flags & MREMAP_FIXED ? va_arg(more, void *) : NULL;
    va_end(more);
    return (void *)syscall(SYS_mremap, start, old_length, new_length, flags, target);
}

START_TEST(interposed_functions_see_memory_that_is_mapped_remapped_and_unmapped)
{
    /* Other code may map memory too, a sanitizer for example. */
    const int before = maps;
    void *memory = numa_alloc_local(page_size());
    require(memory != NULL);
    ck_assert_int_gt(maps, before);
    ck_assert_int_eq(remaps, 0);
    memory = numa_realloc(memory, page_size(), 3 * page_size());
    require(memory != NULL);
    ck_assert_int_eq(remaps, 1);
    const int unmaps_before = unmaps;
    numa_free(memory, 3 * page_size());
    ck_assert_int_gt(unmaps, unmaps_before);
}
END_TEST

int main(void)
{
    return run_tests("interposed_mmap", (const TTest *[]){
        interposed_functions_see_memory_that_is_mapped_remapped_and_unmapped,
        NULL });
}
