/* Libraries that do what one that is preloaded everywhere must not do: scripts/everywhere-test.sh has to notice each. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((unused)) static void *sleeps(void *unused)
{
    for (;;)
        pause();
    return unused;
}

__attribute__((unused)) static void ignore(int signal)
{
    (void)signal;
}

#if defined PRINTS
static void load(void) { if (write(2, "loaded\n", 7)) {} }
#elif defined ALLOCATES
void *volatile kept;
static void load(void) { kept = malloc(100); }
#elif defined CHANGES_ERRNO
static void load(void) { errno = ENOENT; }
#elif defined KEEPS_A_FILE_OPEN
static void load(void) { open("/dev/null", O_RDONLY); }
#elif defined TAKES_MEMORY
char table[64 << 20] = { 1 };
static void load(void) {}
#elif defined STARTS_A_THREAD
static void load(void) { pthread_t thread; pthread_create(&thread, NULL, sleeps, NULL); }
#elif defined HANDLES_A_SIGNAL
static void load(void) { signal(SIGUSR1, ignore); }
#elif defined SETS_A_VARIABLE
static void load(void) { setenv("BAD", "1", 1); }
#elif defined ENDS_WITH_1
static void load(void) {}
__attribute__((destructor)) static void unload(void) { _exit(1); }
#elif defined READS_PROC
static void load(void) { if (access("/proc/self/maps", R_OK)) abort(); }
#elif defined IS_KILLED_IN_A_SANDBOX
/* sshd's sandbox has no place for acct(2). */
static void load(void) {}
int poll(struct pollfd *files, nfds_t count, int timeout)
{
    syscall(SYS_acct, "/nonexistent");
    return (int)syscall(SYS_poll, files, count, timeout);
}
int ppoll(struct pollfd *files, nfds_t count, const struct timespec *timeout, const sigset_t *signals)
{
    struct timespec left = timeout ? *timeout : (struct timespec){ 0 };
    syscall(SYS_acct, "/nonexistent");
    return (int)syscall(SYS_ppoll, files, count, timeout ? &left : NULL, signals, _NSIG / 8);
}
#endif

__attribute__((constructor)) static void constructor(void)
{
    load();
}
