#include "parity.h"

#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../support/syscall_filter.h"
#include "arguments.h"
#include "memory.h"

/* An emulated machine is slow; a case that takes this long hangs. */
enum { SECONDS_PER_CASE = 120 };

static const char *wanted_prefix;
static char id[256];
/* The output of the current case: standard output and standard error, in this order. */
static int written[2];
/* The affinity of cases. This process itself stays on one CPU, which makes forking cheaper in an emulated machine. */
static cpu_set_t affinity;

_Noreturn static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* Prints what the file contains, each line after the ID, and empties it. */
static void report(int file, const char *prefix)
{
    static char text[1 << 16];
    const ssize_t size = pread(file, text, sizeof text - 1, 0);
    if (size < 0 || ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0)
        fail("the output of a case");
    text[size] = '\0';
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;)
        if (rest != NULL || *line != '\0')
            printf("%s: %s%s\n", id, prefix, line);
}

static void report_end(int status)
{
    if (WIFSIGNALED(status))
        printf("%s: killed by SIG%s\n", id, sigabbrev_np(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        printf("%s: exited with %d\n", id, WEXITSTATUS(status));
}

/* From here on, the kernel does this when the process opens a file. */
static int filter_opening_files(unsigned action)
{
    const struct syscall_action actions[] = {
#ifdef SYS_open
        { SYS_open, action },
#endif
        { SYS_openat2, action },
        { SYS_openat, action },
    };
    return filter_syscalls(actions, COUNT(actions)) ? 0 : -1;
}

/* How a case loses access to files, long after the library was loaded: PARITY_FILES in the environment. */
static const char *files;

static int lose_files(void)
{
    if (files == NULL)
        return 0;
    if (strcmp(files, "chroot") == 0)
        return chroot("/parity/empty") != 0 ? -1 : chdir("/");
    if (strcmp(files, "eperm") == 0)
        return filter_opening_files(SECCOMP_RET_ERRNO | EPERM);
    if (strcmp(files, "kill") == 0)
        return filter_opening_files(SECCOMP_RET_KILL_PROCESS);
    if (strcmp(files, "emfile") == 0)
        return setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, 0 });
    errno = EINVAL;
    return -1;
}

bool begin_case(const char *id_format, ...)
{
    va_list arguments;
    va_start(arguments, id_format);
    vsnprintf(id, sizeof id, id_format, arguments);
    va_end(arguments);
    if (strncmp(id, wanted_prefix, strlen(wanted_prefix)) != 0)
        return false;

    fflush(NULL);
    const pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        if (sched_setaffinity(0, sizeof affinity, &affinity) != 0)
            fail("sched_setaffinity");
        if (dup2(written[0], STDOUT_FILENO) < 0 || dup2(written[1], STDERR_FILENO) < 0)
            fail("dup2");
        /* Line buffered, so that a crash loses no output. */
        setvbuf(stdout, NULL, _IOLBF, 0);
        alarm(SECONDS_PER_CASE);
        if (lose_files() != 0)
            fail(files);
        return true;
    }
    int status;
    if (waitpid(child, &status, 0) != child)
        fail("waitpid");
    report(written[0], "");
    report(written[1], "stderr: ");
    report_end(status);
    return false;
}

_Noreturn void end_case(void)
{
    fflush(NULL);
    _exit(EXIT_SUCCESS);
}

int run_families(family *const families[], const char *prefix)
{
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    wanted_prefix = prefix;
    if (sched_getaffinity(0, sizeof affinity, &affinity) != 0)
        fail("sched_getaffinity");
    for (size_t file = 0; file < COUNT(written); file++) {
        /* The file stays open across an exec, since a case may execute another program. */
        written[file] = memfd_create("written", 0);
        if (written[file] < 0)
            fail("memfd_create");
    }
    /* Pages are counted individually. */
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    find_arguments();
    files = getenv("PARITY_FILES");
    /* The library's first call, while files are accessible. */
    if (files != NULL && numa_available() != 0)
        fail("numa_available");
    stay_on_first_cpu();
    for (; *families != NULL; families++)
        (*families)();
    if (sched_setaffinity(0, sizeof affinity, &affinity) != 0)
        fail("sched_setaffinity");
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void print_errno(int error)
{
    if (error != UNTOUCHED_ERRNO)
        printf("errno %s\n", error == 0 ? "0" : strerrorname_np(error));
}

void print_returned(int error)
{
    puts("came back");
    print_errno(error);
}

void print_integer(long long returned)
{
    const int error = errno;
    printf("returned %lld\n", returned);
    print_errno(error);
}

void print_bits(const unsigned long *words, unsigned long size)
{
    const unsigned long bits = 8 * sizeof *words;
    bool any = false;
    for (unsigned long first = 0; first < size; first++) {
        if (!(words[first / bits] >> first % bits & 1))
            continue;
        unsigned long last = first;
        while (last + 1 < size && words[(last + 1) / bits] >> (last + 1) % bits & 1)
            last++;
        printf(last == first ? "%s%lu" : "%s%lu-%lu", any ? "," : "", first, last);
        any = true;
        first = last;
    }
    if (!any)
        printf("none");
}

void print_mask(const struct bitmask *mask)
{
    if (mask == NULL) {
        puts("NULL");
        return;
    }
    printf("%lu bits: ", mask->size);
    print_bits(mask->maskp, mask->size);
    putchar('\n');
}

void print_and_free_mask(struct bitmask *mask)
{
    const int error = errno;
    print_mask(mask);
    print_errno(error);
    if (mask != NULL && mask != numa_no_nodes_ptr && mask != numa_all_nodes_ptr)
        numa_bitmask_free(mask);
}

void print_nodemask(const nodemask_t *mask)
{
    printf("nodemask: ");
    print_bits(mask->n, 8 * sizeof *mask);
    putchar('\n');
}

static any_function *function_or_absent(void *symbol)
{
    if (symbol == NULL)
        puts("absent");
    /* POSIX guarantees that this works; ISO C has no way to express it. */
    any_function *function;
    memcpy(&function, &symbol, sizeof function);
    return function;
}

any_function *newer(const char *name)
{
    return function_or_absent(dlsym(RTLD_DEFAULT, name));
}

any_function *older(const char *name)
{
    return function_or_absent(dlvsym(RTLD_DEFAULT, name, "libnuma_1.1"));
}
