#include "pages.h"

#include <fcntl.h>
#include <inttypes.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "environment.h"
#include "harness.h"
#include "system_calls.h"

static char *map(size_t count, int flags, int file)
{
    char *start = mmap(NULL, count * page_size(), PROT_READ | PROT_WRITE, flags, file, 0);
    require(start != MAP_FAILED);
    /* Fails if the kernel has no huge pages, and then it is not needed. */
    (void)madvise(start, count * page_size(), MADV_NOHUGEPAGE);
    return start;
}

char *map_pages(size_t count)
{
    return map(count, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

char *map_shared_pages(size_t count)
{
    return map(count, MAP_SHARED | MAP_ANONYMOUS, -1);
}

char *map_file_pages(int file, size_t count)
{
    return map(count, MAP_SHARED, file);
}

static unsigned char contents_of(size_t page)
{
    return (unsigned char)(page % 251 + 1);
}

void touch_pages_by(int mode, char *start, size_t count, int node)
{
    require_numa_system_calls();
    /* A policy of the process, not of the memory, because it leaves no trace on the mapping. */
    const unsigned long only_node = 1UL << node;
    require(set_mempolicy(mode, &only_node, 8 * sizeof only_node) == 0);
    for (size_t page = 0; page < count; page++)
        memset(start + page * page_size(), contents_of(page), page_size());
    require(set_mempolicy(MPOL_DEFAULT, NULL, 0) == 0);
}

void touch_pages(char *start, size_t count, int node)
{
    touch_pages_by(MPOL_BIND, start, count, node);
}

char *pages_on_node(size_t count, int node)
{
    char *start = map_pages(count);
    touch_pages(start, count, node);
    return start;
}

bool pages_keep_contents(const char *start, size_t count)
{
    unsigned char expected[page_size()];
    for (size_t page = 0; page < count; page++) {
        memset(expected, contents_of(page), page_size());
        if (memcmp(start + page * page_size(), expected, page_size()) != 0)
            return false;
    }
    return true;
}

void *unmapped_address(void)
{
    /* The middle of a hole: later mappings are placed at its ends. */
    const size_t hole = 64 * page_size();
    char *start = map(64, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    require(munmap(start, hole) == 0);
    return start + hole / 2;
}

void *array_at_end_of_mapping(size_t count, size_t element_size)
{
    const size_t pages = count * element_size / page_size() + 1;
    char *start = map(pages + 1, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    char *end = start + pages * page_size();
    require(mprotect(end, page_size(), PROT_NONE) == 0);
    return end - count * element_size;
}

void request_add(struct request *request, void *page, int node)
{
    require(request->count < MAX_PAGES_OF_REQUEST);
    request->pages[request->count] = page;
    request->nodes[request->count] = node;
    request->status[request->count] = NOT_WRITTEN;
    request->count++;
}

struct request request_move(char *start, size_t count, int node)
{
    struct request request = { .count = 0 };
    for (size_t page = 0; page < count; page++)
        request_add(&request, start + page * page_size(), node);
    return request;
}

long perform(struct request *request, int flags)
{
    return move_pages(0, request->count, request->pages, request->nodes, request->status, flags);
}

int node_of_pid(pid_t pid, const void *page)
{
    void *pages[] = { (void *)(uintptr_t)page };
    int status[] = { NOT_WRITTEN };
    assert_returns(move_pages(pid, 1, pages, NULL, status, 0), 0);
    return status[0];
}

int node_of(const void *page)
{
    return node_of_pid(0, page);
}

int move_one(void *page, int node, int flags)
{
    int status = NOT_WRITTEN;
    assert_returns(move_pages(0, 1, &page, &node, &status, flags), 0);
    return status;
}

size_t count_on_node(const char *start, size_t count, int node)
{
    size_t matches = 0;
    for (size_t page = 0; page < count; page++)
        matches += node_of(start + page * page_size()) == node;
    return matches;
}

static size_t count_mapping_pages(pid_t pid, uintptr_t start, uintptr_t end, size_t on_node[NODES])
{
    enum { AT_ONCE = 512 };
    void *pages[AT_ONCE];
    int status[AT_ONCE];
    size_t matches = 0;
    while (start < end) {
        size_t count = 0;
        for (; count < AT_ONCE && start < end; start += page_size())
            pages[count++] = (void *)start;
        require(query_with_kernel(pid, count, pages, status) == 0);
        for (size_t page = 0; page < count; page++) {
            matches += status[page] >= 0;
            if (status[page] >= 0 && status[page] < NODES)
                on_node[status[page]]++;
        }
    }
    return matches;
}

/* A line of /proc/PID/maps. */
static bool is_of_kernel(const char *mapping)
{
    return strstr(mapping, "[v") != NULL || strstr(mapping, "[sigpage]") != NULL;
}

static size_t count_mapped_pages(pid_t pid, bool with_kernel_pages, size_t on_node[NODES])
{
    char path[64], line[512];
    size_t matches = 0;
    snprintf(path, sizeof path, "/proc/%ld/maps", (long)pid);
    memset(on_node, 0, NODES * sizeof *on_node);
    FILE *maps = fopen(path, "r");
    require(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t start, end;
        if ((with_kernel_pages || !is_of_kernel(line)) && sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &start, &end) == 2)
            matches += count_mapping_pages(pid, start, end, on_node);
    }
    fclose(maps);
    return matches;
}

size_t count_process_pages(pid_t pid, size_t on_node[NODES])
{
    return count_mapped_pages(pid, true, on_node);
}

size_t count_movable_pages(pid_t pid, size_t on_node[NODES])
{
    return count_mapped_pages(pid, false, on_node);
}

bool is_transparent_huge_page(const void *address)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    require(maps != NULL);
    bool inside = false, is_huge = false;
    char line[512];
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t start, end;
        size_t kilobytes;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &start, &end) == 2)
            inside = start <= (uintptr_t)address && (uintptr_t)address < end;
        else if (inside && sscanf(line, "AnonHugePages: %zu", &kilobytes) == 1)
            is_huge = kilobytes > 0;
    }
    fclose(maps);
    return is_huge;
}

char *align_to_huge_page(char *start)
{
    return start + (huge_page_size() - (uintptr_t)start % huge_page_size()) % huge_page_size();
}

void require_transparent_huge_pages(void)
{
    if (!has_transparent_huge_pages())
        skip_test("the kernel has no transparent huge pages");
}

char *transparent_huge_page(int node)
{
    require_transparent_huge_pages();
    char *start = mmap(NULL, 2 * huge_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(start != MAP_FAILED);
    char *aligned = align_to_huge_page(start);
    require(madvise(aligned, huge_page_size(), MADV_HUGEPAGE) == 0);
    touch_pages(aligned, pages_per_huge_page(), node);
    require(is_transparent_huge_page(aligned));
    return aligned;
}

char *hugetlb_page_for_node_1(void)
{
    require(set_nr_huge_pages(0, 1) == 1 && set_nr_huge_pages(1, 1) == 1);
    char *huge = mmap(NULL, huge_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    require(huge != MAP_FAILED);
    touch_pages(huge, pages_per_huge_page(), 0);
    require(node_of(huge) == 0);
    return huge;
}

int file_in(const char *directory, size_t count)
{
    char path[128];
    snprintf(path, sizeof path, "%s/numars-test-XXXXXX", directory);
    const int file = mkstemp(path);
    expect(file >= 0, "no file can be made in %s: %s", directory, strerror(errno));
    require(unlink(path) == 0 && ftruncate(file, (off_t)(count * page_size())) == 0);
    return file;
}

int pin_in_pipe(char *page)
{
    int ends[2];
    const struct iovec whole_page = { .iov_base = page, .iov_len = page_size() };
    require(pipe(ends) == 0);
    require(vmsplice(ends[1], &whole_page, 1, 0) == (ssize_t)page_size() && close(ends[1]) == 0);
    return ends[0];
}

void unpin_from_pipe(int end)
{
    char *copy = map_pages(1);
    require(read(end, copy, page_size()) == (ssize_t)page_size() && close(end) == 0);
    require(munmap(copy, page_size()) == 0);
}

unsigned long mask(int node)
{
    return 1UL << node;
}

long migrate(pid_t pid, unsigned long from, unsigned long to)
{
    return migrate_pages(pid, MASK_BITS, &from, &to);
}

size_t pages_of_kernel(pid_t pid)
{
    char path[64], line[512];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%ld/maps", (long)pid);
    FILE *maps = fopen(path, "r");
    require(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        size_t start, end;
        if (is_of_kernel(line) && sscanf(line, "%zx-%zx", &start, &end) == 2)
            count += (end - start) / page_size();
    }
    fclose(maps);
    return count;
}
