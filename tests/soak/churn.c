/* A program whose memory changes in every way while another process moves its pages: it maps, unmaps, forks, executes programs, and uses huge
 * pages, shared memory, files and io_uring. Everything that it writes is read back and compared.
 *
 *     churn DIRECTORY     until SIGTERM; then prints `churn rounds=N io_uring=N`
 *     churn --check FILE SEED
 *
 * Exits with 1, and a line on standard error, at the first wrong byte. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void end(int signal_number)
{
    (void)signal_number;
    ended = 1;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "churn: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

#define need(condition) ((condition) ? (void)0 : fail(#condition))

/* --- contents --- */

static uint64_t mix(uint64_t number)
{
    number = (number ^ number >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return number ^ number >> 29;
}

static void fill(void *memory, size_t bytes, uint64_t seed)
{
    uint64_t *words = memory;
    for (size_t word = 0; word < bytes / sizeof *words; word++)
        words[word] = mix(seed + word);
}

static void check(const void *memory, size_t bytes, uint64_t seed, const char *what)
{
    const uint64_t *words = memory;
    for (size_t word = 0; word < bytes / sizeof *words; word++)
        if (words[word] != mix(seed + word)) {
            fprintf(stderr, "churn: %s: word %zu of %zu is %llx, not %llx\n", what, word, bytes / sizeof *words, (unsigned long long)words[word],
                    (unsigned long long)mix(seed + word));
            exit(EXIT_FAILURE);
        }
}

static void *map(size_t bytes, int flags, int file)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
    need(memory != MAP_FAILED);
    return memory;
}

static void wait_for(pid_t child)
{
    int status;
    need(waitpid(child, &status, 0) == child);
    errno = 0;
    need(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- what memory is used for --- */

enum { PAGE = 4096, SMALL = 64 * PAGE, HUGE = 4 << 20 };

static void anonymous_memory(uint64_t seed)
{
    char *memory = map(SMALL, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    fill(memory, SMALL, seed);
    /* Three mappings, of which the middle one goes. */
    need(mprotect(memory + SMALL / 4, SMALL / 4, PROT_READ) == 0);
    need(munmap(memory + SMALL / 2, PAGE) == 0);
    check(memory, SMALL / 2, seed, "private memory");
    char *rest = memory + SMALL / 2 + PAGE;
    const size_t rest_bytes = SMALL / 2 - PAGE;
    char *elsewhere = mremap(rest, rest_bytes, 2 * rest_bytes, MREMAP_MAYMOVE);
    need(elsewhere != MAP_FAILED);
    check(elsewhere, rest_bytes, seed + (SMALL / 2 + PAGE) / sizeof(uint64_t), "memory that was remapped");
    need(munmap(elsewhere, 2 * rest_bytes) == 0 && munmap(memory, SMALL / 2) == 0);
}

static void huge_pages(uint64_t seed)
{
    char *memory = map(HUGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    madvise(memory, HUGE, MADV_HUGEPAGE);
    fill(memory, HUGE, seed);
    /* Splits a huge page. */
    need(madvise(memory + HUGE / 2, PAGE, MADV_DONTNEED) == 0);
    check(memory, HUGE / 2, seed, "huge pages");
    for (size_t byte = 0; byte < PAGE; byte++)
        if (memory[HUGE / 2 + byte] != 0)
            fail("a page that was given back has contents");
    check(memory + HUGE / 2 + PAGE, HUGE / 2 - PAGE, seed + (HUGE / 2 + PAGE) / sizeof(uint64_t), "a split huge page");
    need(munmap(memory, HUGE) == 0);
}

/* Private memory is copied when parent and child write; shared memory is not. */
static void fork_and_share(uint64_t seed)
{
    char *private = map(SMALL, MAP_PRIVATE | MAP_ANONYMOUS, -1), *shared = map(SMALL, MAP_SHARED | MAP_ANONYMOUS, -1);
    fill(private, SMALL, seed);
    fill(shared, SMALL, seed + 1);
    const pid_t child = fork();
    need(child >= 0);
    if (child == 0) {
        check(private, SMALL, seed, "memory of a parent");
        check(shared, SMALL, seed + 1, "shared memory in the child");
        fill(private, SMALL, seed + 2);
        fill(shared, SMALL, seed + 3);
        check(private, SMALL, seed + 2, "memory of a child");
        _exit(0);
    }
    check(private, SMALL, seed, "memory of a parent, in the parent");
    wait_for(child);
    check(private, SMALL, seed, "memory of a parent after its child");
    check(shared, SMALL, seed + 3, "shared memory");
    need(munmap(private, SMALL) == 0 && munmap(shared, SMALL) == 0);
}

static void file_memory(const char *name, uint64_t seed)
{
    const int file = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    need(file >= 0 && ftruncate(file, SMALL) == 0);
    char *memory = map(SMALL, MAP_SHARED, file), *copy = map(SMALL, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    fill(memory, SMALL, seed);
    need(pread(file, copy, SMALL, 0) == SMALL);
    check(copy, SMALL, seed, "a file, read");
    fill(copy, SMALL / 2, seed + 7);
    need(pwrite(file, copy, SMALL / 2, 0) == SMALL / 2 && msync(memory, SMALL, MS_ASYNC) == 0);
    check(memory, SMALL / 2, seed + 7, "a file, mapped");
    fill(memory, SMALL, seed);
    need(munmap(memory, SMALL) == 0 && munmap(copy, SMALL) == 0 && close(file) == 0);
}

static void execute(const char *name, uint64_t seed)
{
    char number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)seed);
    const pid_t child = fork();
    need(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "churn", "--check", name, number, NULL);
        _exit(127);
    }
    wait_for(child);
}

static int check_file(const char *name, uint64_t seed)
{
    const int file = open(name, O_RDONLY | O_CLOEXEC);
    need(file >= 0);
    const void *memory = mmap(NULL, SMALL, PROT_READ, MAP_PRIVATE, file, 0);
    need(memory != MAP_FAILED);
    check(memory, SMALL, seed, "a file, in another program");
    return EXIT_SUCCESS;
}

/* --- io_uring, whose registered buffers are pinned --- */

static struct {
    int ring;
    unsigned int *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
    struct io_uring_sqe *entries;
    struct io_uring_cqe *results;
    char *buffer;
} uring = { .ring = -1 };

static bool start_uring(void)
{
    struct io_uring_params parameters = { .flags = 0 };
    uring.ring = (int)syscall(SYS_io_uring_setup, 4, &parameters);
    if (uring.ring < 0)
        return false;
    const size_t sq_bytes = parameters.sq_off.array + parameters.sq_entries * sizeof(unsigned int);
    const size_t cq_bytes = parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe);
    char *sq = mmap(NULL, sq_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uring.ring, IORING_OFF_SQ_RING);
    char *cq = mmap(NULL, cq_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uring.ring, IORING_OFF_CQ_RING);
    uring.entries = mmap(NULL, parameters.sq_entries * sizeof *uring.entries, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uring.ring,
                         IORING_OFF_SQES);
    need(sq != MAP_FAILED && cq != MAP_FAILED && uring.entries != MAP_FAILED);
    uring.sq_tail = (unsigned int *)(void *)(sq + parameters.sq_off.tail);
    uring.sq_mask = (unsigned int *)(void *)(sq + parameters.sq_off.ring_mask);
    uring.sq_array = (unsigned int *)(void *)(sq + parameters.sq_off.array);
    uring.cq_head = (unsigned int *)(void *)(cq + parameters.cq_off.head);
    uring.cq_tail = (unsigned int *)(void *)(cq + parameters.cq_off.tail);
    uring.cq_mask = (unsigned int *)(void *)(cq + parameters.cq_off.ring_mask);
    uring.results = (struct io_uring_cqe *)(void *)(cq + parameters.cq_off.cqes);
    uring.buffer = map(SMALL, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    const struct iovec { void *start; size_t bytes; } buffers = { uring.buffer, SMALL };
    need(syscall(SYS_io_uring_register, uring.ring, IORING_REGISTER_BUFFERS, &buffers, 1) == 0);
    return true;
}

/* Transfers the whole buffer. */
static void transfer(unsigned char operation, int file)
{
    const unsigned int tail = *uring.sq_tail, index = tail & *uring.sq_mask;
    uring.entries[index] = (struct io_uring_sqe){ .opcode = operation, .fd = file, .addr = (uintptr_t)uring.buffer, .len = SMALL };
    uring.sq_array[index] = index;
    __atomic_store_n(uring.sq_tail, tail + 1, __ATOMIC_RELEASE);
    while (syscall(SYS_io_uring_enter, uring.ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
        need(errno == EINTR);
    while (__atomic_load_n(uring.cq_tail, __ATOMIC_ACQUIRE) == *uring.cq_head)
        need(syscall(SYS_io_uring_enter, uring.ring, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) >= 0 || errno == EINTR);
    const int result = uring.results[*uring.cq_head & *uring.cq_mask].res;
    __atomic_store_n(uring.cq_head, *uring.cq_head + 1, __ATOMIC_RELEASE);
    errno = result < 0 ? -result : 0;
    need(result == SMALL);
}

static void use_uring(const char *name, uint64_t seed)
{
    const int file = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    need(file >= 0);
    fill(uring.buffer, SMALL, seed);
    transfer(IORING_OP_WRITE_FIXED, file);
    memset(uring.buffer, 0, SMALL);
    transfer(IORING_OP_READ_FIXED, file);
    check(uring.buffer, SMALL, seed, "what io_uring has read");
    need(close(file) == 0);
}

int main(int count, char **arguments)
{
    if (count == 4 && strcmp(arguments[1], "--check") == 0)
        return check_file(arguments[2], strtoull(arguments[3], NULL, 10));
    if (count != 2) {
        fputs("usage: churn DIRECTORY\n", stderr);
        return 2;
    }
    char mapped[4096], transferred[4096];
    snprintf(mapped, sizeof mapped, "%s/mapped", arguments[1]);
    snprintf(transferred, sizeof transferred, "%s/transferred", arguments[1]);
    signal(SIGTERM, end);
    const bool has_uring = start_uring();
    unsigned long rounds = 0, transfers = 0;
    for (; !ended; rounds++) {
        const uint64_t seed = rounds << 32;
        anonymous_memory(seed);
        huge_pages(seed);
        fork_and_share(seed);
        file_memory(mapped, seed);
        execute(mapped, seed);
        if (has_uring) {
            use_uring(transferred, seed);
            transfers += 2;
        }
    }
    printf("churn rounds=%lu io_uring=%lu\n", rounds, transfers);
    return EXIT_SUCCESS;
}
