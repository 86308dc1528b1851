#include "parity.h"

#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
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

#include "arguments.h"
#include "memory.h"

/* An emulated machine is slow; a case that takes this long hangs. */
enum { SECONDS_PER_CASE = 20 };

static const char *wanted_prefix;
static char id[256];
/* What the case at hand has written: standard output and standard error, in this order. */
static int written[2];
/* Of a case. This process itself stays on one CPU, which makes forking cheaper in an emulated machine. */
static cpu_set_t affinity;

_Noreturn static void give_up(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* Prints what is in the file, every line behind the id, and empties it. */
static void report(int file, const char *prefix)
{
    static char text[1 << 16];
    const ssize_t size = pread(file, text, sizeof text - 1, 0);
    if (size < 0 || ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0)
        give_up("the output of a case");
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

/* From here on the process meets this action when it opens a file. */
static int forbid_opening_files(unsigned action)
{
    struct sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_open
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 2, 0),
#endif
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = { COUNT(instructions), instructions };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? -1 : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

/* How a case loses its files, long after the library was loaded: PARITY_FILES in the environment. */
static const char *files;

static int lose_files(void)
{
    if (files == NULL)
        return 0;
    if (strcmp(files, "chroot") == 0)
        return chroot("/parity/empty") != 0 ? -1 : chdir("/");
    if (strcmp(files, "eperm") == 0)
        return forbid_opening_files(SECCOMP_RET_ERRNO | EPERM);
    if (strcmp(files, "kill") == 0)
        return forbid_opening_files(SECCOMP_RET_KILL_PROCESS);
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
        give_up("fork");
    if (child == 0) {
        if (sched_setaffinity(0, sizeof affinity, &affinity) != 0)
            give_up("sched_setaffinity");
        if (dup2(written[0], STDOUT_FILENO) < 0 || dup2(written[1], STDERR_FILENO) < 0)
            give_up("dup2");
        /* Nothing may be lost in a crash. */
        setvbuf(stdout, NULL, _IOLBF, 0);
        alarm(SECONDS_PER_CASE);
        if (lose_files() != 0)
            give_up(files);
        return true;
    }
    int status;
    if (waitpid(child, &status, 0) != child)
        give_up("waitpid");
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
        give_up("sched_getaffinity");
    for (size_t file = 0; file < COUNT(written); file++) {
        /* The file stays open over an exec: a case may start another program. */
        written[file] = memfd_create("written", 0);
        if (written[file] < 0)
            give_up("memfd_create");
    }
    /* Pages are counted one by one. */
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    find_arguments();
    files = getenv("PARITY_FILES");
    /* The first call of the library, while there are files. */
    if (files != NULL && numa_available() != 0)
        give_up("numa_available");
    stay_on_first_cpu();
    for (; *families != NULL; families++)
        (*families)();
    if (sched_setaffinity(0, sizeof affinity, &affinity) != 0)
        give_up("sched_setaffinity");
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void print_errno(int error)
{
    if (error != UNTOUCHED_ERRNO)
        printf("errno %s\n", error == 0 ? "0" : strerrorname_np(error));
}

void print_that_it_came_back(int error)
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

static any_function *found_or_absent(void *symbol)
{
    if (symbol == NULL)
        puts("absent");
    /* POSIX promises that this works; ISO C does not know how to write it. */
    any_function *function;
    memcpy(&function, &symbol, sizeof function);
    return function;
}

any_function *newer(const char *name)
{
    return found_or_absent(dlsym(RTLD_DEFAULT, name));
}

any_function *older(const char *name)
{
    return found_or_absent(dlvsym(RTLD_DEFAULT, name, "libnuma_1.1"));
}
