/* move_pages(2) on every kind of memory that a process can map. */
#include <fcntl.h>
#include <linux/fs.h>
#include <numaif.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "pages.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

enum { COUNT = 8 };

/* Moves all of them from node 0 to node 1, and checks their contents. */
static void assert_pages_move(char *pages, size_t count)
{
    ck_assert_uint_eq(count_on_node(pages, count, 0), count);
    struct request request = request_move(pages, count, 1);
    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
    for (size_t page = 0; page < count; page++)
        ck_assert_int_eq(request.status[page], 1);
    ck_assert_uint_eq(count_on_node(pages, count, 1), count);
    ck_assert(pages_keep_contents(pages, count));
}

START_TEST(mlocked_pages_move)
{
    /* The 2006 documentation has the status -EPERM for these. */
    char *pages = pages_on_node(COUNT, 0);
    require(mlock(pages, COUNT * page_size()) == 0);
    assert_pages_move(pages, COUNT);
}
END_TEST

START_TEST(read_only_pages_move)
{
    char *pages = pages_on_node(COUNT, 0);
    require(mprotect(pages, COUNT * page_size(), PROT_READ) == 0);
    assert_pages_move(pages, COUNT);
}
END_TEST

START_TEST(stack_and_data_of_the_process_move)
{
    static char data[3 * 4096] = "data";
    char stack[3 * 4096] = "stack";
    /* Writing gives the test its own copies of pages that it shared with its parent. */
    for (size_t byte = 0; byte < sizeof data; byte += 64)
        data[byte] = stack[byte] = 's';
    ck_assert_int_eq(move_one(data + sizeof data / 2, 2, MPOL_MF_MOVE), 2);
    ck_assert_int_eq(move_one(stack + sizeof stack / 2, 3, MPOL_MF_MOVE), 3);
    ck_assert_int_eq(data[4096], 's');
    ck_assert_int_eq(stack[4096], 's');
}
END_TEST

START_TEST(shared_anonymous_memory_moves)
{
    char *pages = map_shared_pages(COUNT);
    touch_pages(pages, COUNT, 0);
    assert_pages_move(pages, COUNT);
}
END_TEST

START_TEST(system_v_shared_memory_moves)
{
    const int id = shmget(IPC_PRIVATE, COUNT * page_size(), IPC_CREAT | 0600);
    require(id >= 0);
    char *pages = shmat(id, NULL, 0);
    require(shmctl(id, IPC_RMID, NULL) == 0);
    require(pages != (char *)-1);
    touch_pages(pages, COUNT, 0);
    assert_pages_move(pages, COUNT);
}
END_TEST

START_TEST(posix_shared_memory_used_by_two_needs_MPOL_MF_MOVE_ALL)
{
    char name[64];
    snprintf(name, sizeof name, "/numars-test-%ld", (long)getpid());
    const int file = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    require(file >= 0 && shm_unlink(name) == 0 && ftruncate(file, (off_t)(COUNT * page_size())) == 0);
    char *pages = map_file_pages(file, COUNT);
    touch_pages(pages, COUNT, 0);
    struct child_process child = share_with_child(pages, COUNT);

    struct request request = request_move(pages, COUNT, 1);
    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
    for (size_t page = 0; page < COUNT; page++)
        ck_assert_int_eq(request.status[page], -EACCES);

    assert_returns(perform(&request, MPOL_MF_MOVE_ALL), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 1), COUNT);
    ck_assert(child_keeps_contents(child, COUNT));
    end_child(child);
}
END_TEST

START_TEST(pages_of_a_tmpfs_file_move)
{
    char *pages = map_file_pages(file_in("/dev/shm", COUNT), COUNT);
    touch_pages(pages, COUNT, 0);
    assert_pages_move(pages, COUNT);
}
END_TEST

START_TEST(dirty_pages_of_an_ext4_file_move_and_reach_the_file)
{
    const int file = file_in("/mnt/ext4", COUNT);
    char *pages = map_file_pages(file, COUNT);
    touch_pages(pages, COUNT, 0);
    assert_pages_move(pages, COUNT);

    /* Written to the disk from its new node, dropped from memory, and read from the disk again. */
    require(fsync(file) == 0);
    require(munmap(pages, COUNT * page_size()) == 0);
    require(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0);
    ck_assert(pages_keep_contents(map_file_pages(file, COUNT), COUNT));
}
END_TEST

START_TEST(dirty_pages_of_a_journalled_ext4_file_move)
{
    /* Its data goes through the journal, which other code of the file system handles than for an ordinary file. */
    const int file = file_in("/mnt/ext4", COUNT);
    int flags = 0;
    require(ioctl(file, (int)FS_IOC_GETFLAGS, &flags) == 0);
    flags |= FS_JOURNAL_DATA_FL;
    require(ioctl(file, (int)FS_IOC_SETFLAGS, &flags) == 0);
    char *pages = map_file_pages(file, COUNT);
    touch_pages(pages, COUNT, 0);
    assert_pages_move(pages, COUNT);
}
END_TEST

/* A process that ran on node 0 leaves its file in node 0's memory, written to the disk and clean. */
static int clean_file_on_node_0(void)
{
    const int file = file_in("/mnt/ext4", COUNT);
    char *pages = map_file_pages(file, COUNT);
    touch_pages(pages, COUNT, 0);
    require(fsync(file) == 0);
    require(munmap(pages, COUNT * page_size()) == 0);
    return file;
}

START_TEST(clean_pages_of_an_ext4_file_move)
{
    char *pages = map_file_pages(clean_file_on_node_0(), COUNT);
    require(madvise(pages, COUNT * page_size(), MADV_POPULATE_READ) == 0);
    assert_pages_move(pages, COUNT);
}
END_TEST

START_TEST(pages_of_a_private_file_mapping_move)
{
    const int file = clean_file_on_node_0();
    char *pages = mmap(NULL, COUNT * page_size(), PROT_READ, MAP_PRIVATE, file, 0);
    require(pages != MAP_FAILED);
    require(madvise(pages, COUNT * page_size(), MADV_POPULATE_READ) == 0);
    assert_pages_move(pages, COUNT);
}
END_TEST

/* A file on ramfs, which implements neither migration nor writeback. The file system is mounted for this test only and disappears when the
 * test ends. */
static int file_in_ramfs(void)
{
    require(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    require(mount("ramfs", "/tmp", "ramfs", 0, NULL) == 0);
    return file_in("/tmp", COUNT);
}

START_TEST(clean_pages_move_on_a_file_system_without_migration_support)
{
    char *pages = map_file_pages(file_in_ramfs(), COUNT);
    require(madvise(pages, COUNT * page_size(), MADV_POPULATE_READ) == 0);
    struct request request = request_move(pages, COUNT, 3);
    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 3), COUNT);
}
END_TEST

START_TEST(dirty_pages_stay_on_a_file_system_without_migration_and_writeback)
{
    /* The documents of 2006 have the status -EINVAL for these. Today they are counted in the return value, as pages that could not be
     * moved, and have no status. */
    char *pages = map_file_pages(file_in_ramfs(), COUNT);
    touch_pages(pages, COUNT, 0);
    struct request request = request_move(pages, COUNT, 1);
    assert_returns(perform(&request, MPOL_MF_MOVE), COUNT);
    for (size_t page = 0; page < COUNT; page++)
        ck_assert_int_eq(request.status[page], NOT_WRITTEN);
    ck_assert_uint_eq(count_on_node(pages, COUNT, 0), COUNT);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

START_TEST(pages_of_a_child_move_by_its_pid)
{
    struct child_process child = start_child(COUNT, 0, NULL);
    struct request request = request_move(child.pages, COUNT, 2);
    assert_returns(move_pages(child.pid, COUNT, request.pages, request.nodes, request.status, MPOL_MF_MOVE), 0);
    for (size_t page = 0; page < COUNT; page++) {
        ck_assert_int_eq(request.status[page], 2);
        ck_assert_int_eq(node_of_pid(child.pid, request.pages[page]), 2);
    }
    ck_assert(child_keeps_contents(child, COUNT));
    end_child(child);
}
END_TEST

START_TEST(addresses_are_those_of_the_process_named)
{
    char *mine = pages_on_node(1, 0);
    struct child_process child = start_child(1, 0, NULL);
    /* The child is a fork and does not have mappings made from now on. */
    char *only_mine = pages_on_node(1, 0);
    require(mine != child.pages);
    ck_assert_int_eq(node_of_pid(child.pid, child.pages), 0);
    ck_assert_int_eq(node_of_pid(child.pid, unmapped_address()), -EFAULT);
    if (only_mine != child.pages)
        ck_assert_int_eq(node_of_pid(child.pid, only_mine), -EFAULT);
    end_child(child);
}
END_TEST

START_TEST(the_own_pid_is_equivalent_to_zero)
{
    char *page = pages_on_node(1, 3);
    ck_assert_int_eq(node_of_pid(getpid(), page), 3);
}
END_TEST

START_TEST(moving_one_base_page_moves_its_whole_huge_page)
{
    const size_t count = pages_per_huge_page();
    char *huge = transparent_huge_page(0);
    ck_assert_int_eq(move_one(huge + pages_per_huge_page() / 5 * page_size(), 1, MPOL_MF_MOVE), 1);
    ck_assert_uint_eq(count_on_node(huge, count, 1), count);
    ck_assert(is_transparent_huge_page(huge));
    ck_assert(pages_keep_contents(huge, count));
}
END_TEST

START_TEST(of_all_base_pages_of_a_huge_page_only_the_second_is_ebusy)
{
    const size_t count = pages_per_huge_page();
    char *huge = transparent_huge_page(0);
    struct request request = request_move(huge, count, 1);
    assert_returns(perform(&request, MPOL_MF_MOVE), 0);
    /* The second finds the huge page already queued for moving, which makes the kernel move it at once; the third finds it on its
     * target. */
    for (size_t page = 0; page < count; page++)
        ck_assert_int_eq(request.status[page], page == 1 ? -EBUSY : 1);
    ck_assert_uint_eq(count_on_node(huge, count, 1), count);
    ck_assert(is_transparent_huge_page(huge));
    ck_assert(pages_keep_contents(huge, count));
}
END_TEST

START_TEST(a_huge_page_shared_with_another_process_is_eacces)
{
    char *huge = transparent_huge_page(0);
    struct child_process child = share_with_child(huge, pages_per_huge_page());
    ck_assert_int_eq(move_one(huge, 1, MPOL_MF_MOVE), -EACCES);
    ck_assert_int_eq(move_one(huge, 1, MPOL_MF_MOVE_ALL), 1);
    ck_assert(is_transparent_huge_page(huge));
    end_child(child);
}
END_TEST

START_TEST(a_huge_range_only_read_is_the_huge_zero_page_and_efault)
{
    require_transparent_huge_pages();
    char *start = mmap(NULL, 2 * huge_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(start != MAP_FAILED && madvise(start, 2 * huge_page_size(), MADV_HUGEPAGE) == 0);
    char *aligned = align_to_huge_page(start);
    ck_assert_int_eq(*(volatile char *)aligned, 0);
    ck_assert_int_eq(node_of(aligned + page_size()), -EFAULT);
    ck_assert_int_eq(move_one(aligned + page_size(), 1, MPOL_MF_MOVE), -EFAULT);
}
END_TEST

START_TEST(a_hugetlb_page_moves)
{
    const size_t count = pages_per_huge_page();
    char *huge = hugetlb_page_for_node_1();
    ck_assert_int_eq(move_one(huge, 1, MPOL_MF_MOVE), 1);
    ck_assert_uint_eq(count_on_node(huge, count, 1), count);
    ck_assert(pages_keep_contents(huge, count));
}
END_TEST

START_TEST(a_pointer_into_a_hugetlb_page_names_it)
{
    /* On 6.1, only its first base page does; any other has the status of a shared page. */
    char *huge = hugetlb_page_for_node_1();
    const int there = kernel_before(6, 12) ? 0 : 1;
    ck_assert_int_eq(move_one(huge + 5 * page_size(), 1, MPOL_MF_MOVE), there == 1 ? 1 : -EACCES);
    ck_assert_int_eq(node_of(huge), there);
    ck_assert_int_eq(node_of(huge + 5 * page_size()), there);
}
END_TEST

START_TEST(a_page_of_the_kernel_itself_is_ebusy)
{
    /* The vdso: kernel code that every process maps, which is on no LRU list that pages are moved from. */
    void *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
    require(vdso != NULL);
    const int node = node_of(vdso), elsewhere = (node + 1) % 4;
    ck_assert_int_ge(node, 0);
    ck_assert_int_eq(move_one(vdso, elsewhere, MPOL_MF_MOVE), -EACCES);
    ck_assert_int_eq(move_one(vdso, elsewhere, MPOL_MF_MOVE_ALL), -EBUSY);
    ck_assert_int_eq(node_of(vdso), node);
}
END_TEST

/* Returns the [vvar] mapping: kernel data that every process maps, made of page frames without struct page. */
static void *bare_page_frame(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    require(maps != NULL);
    char line[512];
    uintptr_t start = 0;
    while (start == 0 && fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "[vvar]") != NULL)
            start = (uintptr_t)strtoull(line, NULL, 16);
    fclose(maps);
    require(start != 0);
    (void)*(volatile char *)start;
    return (void *)start;
}

START_TEST(a_page_frame_that_the_kernel_does_not_manage_as_a_page_is_efault)
{
    /* A query gives -EFAULT on 6.1, -ENOENT on 6.12 and the node of the frame on 7.2. */
    void *frame = bare_page_frame();
    for (int node = 0; node < 4; node++)
        ck_assert_int_eq(move_one(frame, node, MPOL_MF_MOVE_ALL), -EFAULT);
}
END_TEST

START_TEST(pages_made_inaccessible_move)
{
    /* Not on 6.1, which reports them as absent. */
    char *pages = pages_on_node(COUNT, 0);
    require(mprotect(pages, COUNT * page_size(), PROT_NONE) == 0);
    ck_assert_int_eq(node_of(pages), kernel_before(6, 12) ? -ENOENT : 0);
    ck_assert_int_eq(move_one(pages, 1, MPOL_MF_MOVE), kernel_before(6, 12) ? -ENOENT : 1);
    require(mprotect(pages, COUNT * page_size(), PROT_READ) == 0);
    ck_assert(pages_keep_contents(pages, COUNT));
}
END_TEST

int main(void)
{
    return run_tests("page_kinds", (const TTest *[]){
        mlocked_pages_move,
        read_only_pages_move,
        stack_and_data_of_the_process_move,
        shared_anonymous_memory_moves,
        system_v_shared_memory_moves,
        posix_shared_memory_used_by_two_needs_MPOL_MF_MOVE_ALL,
        pages_of_a_tmpfs_file_move,
        dirty_pages_of_an_ext4_file_move_and_reach_the_file,
        dirty_pages_of_a_journalled_ext4_file_move,
        clean_pages_of_an_ext4_file_move,
        pages_of_a_private_file_mapping_move,
        clean_pages_move_on_a_file_system_without_migration_support,
        dirty_pages_stay_on_a_file_system_without_migration_and_writeback,
        pages_of_a_child_move_by_its_pid,
        addresses_are_those_of_the_process_named,
        the_own_pid_is_equivalent_to_zero,
        moving_one_base_page_moves_its_whole_huge_page,
        of_all_base_pages_of_a_huge_page_only_the_second_is_ebusy,
        a_huge_page_shared_with_another_process_is_eacces,
        a_huge_range_only_read_is_the_huge_zero_page_and_efault,
        a_hugetlb_page_moves,
        a_pointer_into_a_hugetlb_page_names_it,
        a_page_of_the_kernel_itself_is_ebusy,
        a_page_frame_that_the_kernel_does_not_manage_as_a_page_is_efault,
        pages_made_inaccessible_move,
        NULL });
}
