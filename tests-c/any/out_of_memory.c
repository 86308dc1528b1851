/* Memory allocation fails, in malloc or in the kernel, at the first call or at any later one; and stacks of 16 KiB. */
#include <dlfcn.h>
#include <limits.h>
#include <numa.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault_injection.h"
#include "harness.h"
#include "pages.h"
#include "system_calls.h"

/* Allocating calls until one fails; negative: none fails. If `failing_on`, all later ones fail too. */
static atomic_long calls_until_failure = -1;
static bool failing_on;
static atomic_long failures;

static bool is_to_fail(void)
{
    if (calls_until_failure < 0 || atomic_fetch_sub(&calls_until_failure, 1) != 0)
        return false;
    if (failing_on)
        calls_until_failure = 0;
    failures++;
    errno = ENOMEM;
    return true;
}

#ifdef __GLIBC__
extern void *__libc_malloc(size_t size), *__libc_calloc(size_t count, size_t size), *__libc_realloc(void *memory, size_t size);
#else
/* musl has no other names for them. */
static void find_next(const char *name, void *function)
{
    void *const symbol = dlsym(RTLD_NEXT, name);
    memcpy(function, &symbol, sizeof symbol);
}

static void *__libc_malloc(size_t size)
{
    void *(*next)(size_t);
    find_next("malloc", &next);
    return next(size);
}

static void *__libc_calloc(size_t count, size_t size)
{
    void *(*next)(size_t, size_t);
    find_next("calloc", &next);
    return next(count, size);
}

static void *__libc_realloc(void *memory, size_t size)
{
    void *(*next)(void *, size_t);
    find_next("realloc", &next);
    return next(memory, size);
}
#endif

/* Replaces libc's, for the library as for the rest of the program. */

void *malloc(size_t size)
{
    return is_to_fail() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_to_fail() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return is_to_fail() ? NULL : __libc_realloc(memory, size);
}

static bool mapping_fails;

void *mmap(void *start, size_t length, int protection, int flags, int file, off_t offset)
{
    if (mapping_fails && is_to_fail())
        return MAP_FAILED;
    return mmap_of_kernel(start, length, protection, flags, file, offset);
}

static const struct expectations memory_shortage = { .memory_is_short = true };

/* Pages that are mapped before memory runs out. */
static struct expectations with_pages(void)
{
    struct expectations environment = memory_shortage;
    environment.pages = map_pages(ALL_FUNCTIONS_PAGES);
    return environment;
}

/* Calls every function, with each allocating call failing in turn, alone or with all that follow. Returns how many there are. */
static long fail_at_every_call(void)
{
    const struct expectations environment = with_pages();
    struct violations violations = { 0 };
    char text[4096];
    long call = 0;
    do {
        failures = 0;
        calls_until_failure = call++;
        call_all_functions(&environment, &violations);
        calls_until_failure = -1;
        describe_violations(&violations, text, sizeof text);
        expect(violations.count == 0, "call %ld failed: %s", call, text);
    } while (failures > 0);
    return call;
}

static void fail_at_every_malloc(void)
{
    const long calls = fail_at_every_call();
    /* The number of sets that it makes, roughly. */
    expect(calls > 20, "only %ld calls allocate", calls);
}

START_TEST(malloc_may_fail_at_any_call)
{
    fail_at_every_malloc();
}
END_TEST

START_TEST(malloc_may_fail_from_any_call_on)
{
    failing_on = true;
    fail_at_every_malloc();
}
END_TEST

START_TEST(mmap_may_fail_at_any_call)
{
    mapping_fails = true;
    fail_at_every_call();
}
END_TEST

/* Makes the kernel provide no memory at all. */
static void deny_mappings(const void *argument)
{
    (void)argument;
    const struct denied_call denied_calls[] = { { SYS_MMAP, ENOMEM }, { SYS_mremap, ENOMEM }, { SYS_brk, ENOMEM } };
    deny_syscalls(denied_calls, sizeof denied_calls / sizeof *denied_calls);
}

START_TEST(the_kernel_may_provide_no_memory)
{
    const struct expectations environment = with_pages();
    assert_all_functions_work_here("no mmap, mremap and brk", &environment, deny_mappings, NULL);
}
END_TEST

/* Exhausts the address space and malloc. */
static void exhaust_memory(const void *argument)
{
    (void)argument;
    const struct rlimit none = { 0, 0 };
    require(setrlimit(RLIMIT_AS, &none) == 0);
    for (size_t size = 1 << 20; size >= 16; size /= 2)
        while (__libc_malloc(size) != NULL)
            continue;
}

START_TEST(the_address_space_may_be_used_up)
{
    const struct expectations environment = with_pages();
    assert_all_functions_work_here("RLIMIT_AS", &environment, exhaust_memory, NULL);
}
END_TEST

enum { SMALL_STACK = 16 * 1024 };

/* A stack with a guard page below it: overflowing it ends the process. */
static char *stack_of(size_t size)
{
    char *start = map_pages(1 + (size + page_size() - 1) / page_size());
    require(mprotect(start, page_size(), PROT_NONE) == 0);
    return start + page_size();
}

struct round {
    const struct expectations *environment;
    struct violations *violations;
};

static void *call_in_thread(void *argument)
{
    const struct round *round = argument;
    call_all_functions(round->environment, round->violations);
    return NULL;
}

static void assert_none(const struct violations *violations)
{
    char text[4096];
    describe_violations(violations, text, sizeof text);
    expect(violations->count == 0, "%s", text);
}

static void *frame(void *unused)
{
    (void)unused;
    return __builtin_frame_address(0);
}

/* Runs a thread on `stack`, and returns its result. */
static void *run_on(char *stack, size_t size, void *(*function)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *result;
    require(pthread_attr_init(&attributes) == 0);
    require(pthread_attr_setstack(&attributes, stack, size) == 0);
    require(pthread_create(&thread, &attributes, function, argument) == 0);
    require(pthread_join(thread, &result) == 0);
    return result;
}

/* In addition to what libc stores there for each thread: 3 KiB on x86, 6 KiB on riscv64. */
START_TEST(a_thread_may_have_16_kib_of_stack)
{
    enum { LARGE_STACK = 256 * 1024, ALIGNMENT = 64 };
    char *large = stack_of(LARGE_STACK);
    const size_t libc_part = (size_t)(large + LARGE_STACK - (char *)run_on(large, LARGE_STACK, frame, NULL));
    const size_t size = SMALL_STACK + (libc_part + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, least = (size_t)sysconf(_SC_THREAD_STACK_MIN);
    if (size < least)
        skip_test("libc starts no thread with less than %zu bytes of stack", least);
    const struct expectations environment = { 0 };
    struct violations violations = { 0 };
    struct round round = { &environment, &violations };
    run_on(stack_of(size), size, call_in_thread, &round);
    assert_none(&violations);
}
END_TEST

static struct violations found_by_handler;
static volatile sig_atomic_t handled;

static void call_in_handler(int signal)
{
    const struct expectations environment = { 0 };
    (void)signal;
    call_all_functions(&environment, &found_by_handler);
    handled++;
}

/* In addition to what the kernel pushes before the handler runs. */
START_TEST(a_signal_handler_may_have_16_kib_of_stack)
{
    /* Before Linux 5.14, the kernel does not report the size of a signal frame: the registers of AVX-512 take less than 4 KiB. */
    const size_t page = page_size(), minimum = getauxval(AT_MINSIGSTKSZ), least = minimum != 0 ? minimum : 4096;
    const size_t frame = (least + page - 1) / page * page, size = frame + SMALL_STACK;
    const stack_t stack = { .ss_sp = stack_of(size), .ss_size = size };
    const struct sigaction action = { .sa_handler = call_in_handler, .sa_flags = SA_ONSTACK };
    require(sigaltstack(&stack, NULL) == 0);
    require(sigaction(SIGUSR1, &action, NULL) == 0);
    require(raise(SIGUSR1) == 0);
    ck_assert_int_eq(handled, 1);
    assert_none(&found_by_handler);
}
END_TEST

int main(int count, char **arguments)
{
    continue_after_reexec(count, arguments);
    return run_tests("out_of_memory", (const TTest *[]){
        malloc_may_fail_at_any_call,
        malloc_may_fail_from_any_call_on,
        mmap_may_fail_at_any_call,
        the_kernel_may_provide_no_memory,
        the_address_space_may_be_used_up,
        a_thread_may_have_16_kib_of_stack,
        a_signal_handler_may_have_16_kib_of_stack,
        NULL });
}
