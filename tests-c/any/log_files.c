/* NUMARS_LOG neither blocks nor ends a program, whatever file standard error is or the variable names, and never damages a file that is not
 * a log. */
#include <fcntl.h>
#include <linux/seccomp.h>
#include <numa.h>
#include <numars.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "environment.h"
#include "fault_injection.h"
#include "harness.h"
#include "private_mounts.h"

static const char LINE[] = ": numars_set_localalloc() = 0\n";
enum { CALLS = 3, MANY = 20000 };

/* More seconds than any of the programs below takes. */
enum { SECONDS = 20 };

/* --- programs that write lines --- */

static bool call(int times)
{
    for (int time = 0; time < times; time++) {
        errno = UNTOUCHED_ERRNO;
        if (numars_set_localalloc() != 0 || errno != UNTOUCHED_ERRNO)
            return false;
    }
    return true;
}

static int call_three_times(void)
{
    return call(CALLS) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int call_many_times(void)
{
    return call(MANY) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int call_without_rights(void)
{
    drop_privileges();
    return call_three_times();
}

static int call_without_proc(void)
{
    unshare_mounts();
    mount_empty_over("/proc");
    /* Exits at once: a sanitizer would read /proc at exit. */
    _exit(call_three_times());
}

/* With no descriptor left. */
static int call_without_descriptors(void)
{
    const struct rlimit standard_streams = { 3, 3 };
    if (setrlimit(RLIMIT_NOFILE, &standard_streams) != 0)
        return EXIT_FAILURE;
    /* Exits at once: a sanitizer would open files at exit. */
    _exit(call_three_times());
}

/* The environment variable that names the working directory of call_in_directory(). The library may not be found from there. */
static const char *const WORKING_DIRECTORY = "NUMARS_TEST_FOLDER";

static int call_in_directory(void)
{
    return chdir(getenv(WORKING_DIRECTORY)) == 0 ? call_three_times() : EXIT_FAILURE;
}

/* Closes standard error and opens a file, which gets its descriptor; the log must not be written to it. */
static int call_with_reused_descriptor(void)
{
    char name[] = "/tmp/numars-other-XXXXXX", text[64];
    close(STDERR_FILENO);
    if (mkstemp(name) != STDERR_FILENO || unlink(name) != 0 || !call(CALLS))
        return EXIT_FAILURE;
    return pread(STDERR_FILENO, text, sizeof text, 0) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int handled;

static void count_signal(int signal)
{
    handled += signal != 0;
}

static int call_with_handlers(void)
{
    sigset_t before = { 0 }, after = { 0 };
    signal(SIGPIPE, count_signal);
    signal(SIGXFSZ, count_signal);
    if (sigprocmask(SIG_SETMASK, NULL, &before) != 0 || !call(CALLS) || sigprocmask(SIG_SETMASK, NULL, &after) != 0)
        return EXIT_FAILURE;
    return handled == 0 && memcmp(&before, &after, sizeof before) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Returns true if both signals are pending, or neither. */
static bool are_pending(bool expected)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == expected && sigismember(&pending, SIGXFSZ) == expected;
}

static int call_with_signals_blocked(void)
{
    sigset_t both;
    sigemptyset(&both);
    sigaddset(&both, SIGPIPE);
    sigaddset(&both, SIGXFSZ);
    if (sigprocmask(SIG_BLOCK, &both, NULL) != 0 || !call(CALLS) || !are_pending(false))
        return EXIT_FAILURE;
    if (raise(SIGPIPE) != 0 || raise(SIGXFSZ) != 0 || !call(CALLS) || !are_pending(true))
        return EXIT_FAILURE;
    const struct timespec at_once = { 0 };
    return sigtimedwait(&both, NULL, &at_once) > 0 && sigtimedwait(&both, NULL, &at_once) > 0 && are_pending(false) ? EXIT_SUCCESS
                                                                                                                    : EXIT_FAILURE;
}

/* Makes calls, reports it, and makes more when signalled. */
static int call_twice(void)
{
    char byte = 0;
    if (!call(CALLS) || write(STDOUT_FILENO, &byte, 1) != 1 || read(STDIN_FILENO, &byte, 1) != 1)
        return EXIT_FAILURE;
    return call_three_times();
}

/* In a sandbox that kills a process that opens a file. */
static int call_without_opening(void)
{
    if (!filter_syscalls((const struct syscall_action[]){ { SYS_openat, SECCOMP_RET_KILL_PROCESS }, { SYS_openat2, SECCOMP_RET_KILL_PROCESS } }, 2))
        return EXIT_FAILURE;
    _exit(call_three_times());
}

static int call_without_ioctl(void)
{
    return filter_syscalls(&(const struct syscall_action){ SYS_ioctl, SECCOMP_RET_KILL_PROCESS }, 1) ? call_three_times() : EXIT_FAILURE;
}

static int call_where_statx_ends(void)
{
    const struct denied_call denied = { SYS_statx, ENOSYS };
    if (!call(CALLS))
        return EXIT_FAILURE;
    deny_syscalls(&denied, 1);
    return call_three_times();
}

/* Lines that exceed the file size limit, and then some that do not. */
static int call_with_size_limit(void)
{
    const struct rlimit small = { 50, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };
    return setrlimit(RLIMIT_FSIZE, &small) == 0 && call(CALLS) && setrlimit(RLIMIT_FSIZE, &none) == 0 ? call_three_times() : EXIT_FAILURE;
}

#ifdef __x86_64__
/* The milliseconds that the program has waited, by the clock of a simulated kernel that eventually reports room in the pipe when there is
 * none. */
static long waited;

static void wait_for_nothing(int signal, siginfo_t *information, void *context)
{
    enum { MAX_WAIT = 60, NANOSECONDS = 1000000 };
    greg_t *const registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct timespec *const remaining = (struct timespec *)registers[REG_RDX];
    const long wait = remaining->tv_nsec / NANOSECONDS < MAX_WAIT ? remaining->tv_nsec / NANOSECONDS : MAX_WAIT;
    (void)signal, (void)information;
    waited += wait;
    remaining->tv_nsec -= wait * NANOSECONDS;
    registers[REG_RAX] = wait == MAX_WAIT;
}

static int call_with_slow_waits(void)
{
    const struct sigaction action = { .sa_sigaction = wait_for_nothing, .sa_flags = SA_SIGINFO };
    if (sigaction(SIGSYS, &action, NULL) != 0 || !filter_syscalls((const struct syscall_action[]){ { SYS_ppoll, SECCOMP_RET_TRAP }, { SYS_poll, SECCOMP_RET_TRAP } }, 2) || !call(1))
        return EXIT_FAILURE;
    return waited > 0 && waited <= 100 ? EXIT_SUCCESS : EXIT_FAILURE;
}
#else
static int call_with_slow_waits(void)
{
    return EXIT_SUCCESS;
}
#endif

static const struct program {
    const char *argument;
    int (*run)(void);
} A_FEW = { "--few", call_three_times }, OFTEN = { "--often", call_many_times }, WITHOUT_RIGHTS = { "--without-rights", call_without_rights },
  WITHOUT_PROC = { "--without-proc", call_without_proc }, REPLACED = { "--replaced", call_with_reused_descriptor },
  HANDLERS = { "--handlers", call_with_handlers }, BLOCKED = { "--blocked", call_with_signals_blocked }, TWICE = { "--twice", call_twice },
  WITHOUT_DESCRIPTORS = { "--without-descriptors", call_without_descriptors }, IN_DIRECTORY = { "--in-folder", call_in_directory },
  WITHOUT_OPENING = { "--without-opening", call_without_opening }, WITHOUT_STATX = { "--without-statx", call_where_statx_ends },
  CUT = { "--cut", call_with_size_limit }, WITHOUT_IOCTL = { "--without-ioctl", call_without_ioctl },
  PATIENT = { "--patient", call_with_slow_waits };

/* --- how they are started --- */

/* The size limit for files that a program writes. */
static struct rlimit size_limit = { RLIM_INFINITY, RLIM_INFINITY };

/* In the new process: executes a program with this descriptor (-1: none) as standard error. SIGALRM ends one that blocks. */
static _Noreturn void execute(struct program program, const char *log, int standard_error)
{
    /* By its path, because valgrind does not support executing /proc/self/exe. */
    char name[4096] = "";
    if (standard_error < 0)
        close(STDERR_FILENO);
    else
        dup2(standard_error, STDERR_FILENO);
    setenv("NUMARS_LOG", log, 1);
    signal(SIGPIPE, SIG_DFL);
    setrlimit(RLIMIT_FSIZE, &size_limit);
    alarm(SECONDS);
    if (readlink("/proc/self/exe", name, sizeof name - 1) > 0)
        execl(name, name, program.argument, (char *)NULL);
    _exit(EXIT_FAILURE);
}

static pid_t start(struct program program, const char *log, int standard_error)
{
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0)
        execute(program, log, standard_error);
    return pid;
}

static void assert_ends_well(pid_t pid)
{
    int status;
    require(waitpid(pid, &status, 0) == pid);
    ck_assert_msg(!WIFSIGNALED(status), "the program was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    ck_assert_int_eq(WEXITSTATUS(status), EXIT_SUCCESS);
}

static void run(struct program program, const char *log, int standard_error)
{
    assert_ends_well(start(program, log, standard_error));
}

/* Creates a directory for this test in which every user may create files. */
static const char *test_directory(void)
{
    static char name[] = "/tmp/numars-log-XXXXXX";
    static bool is_made;
    if (!is_made)
        require(mkdtemp(name) != NULL && chmod(name, 01777) == 0);
    is_made = true;
    return name;
}

static const char *in_directory(const char *name)
{
    static char paths[4][128];
    static int last;
    char *path = paths[last++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", test_directory(), name);
    return path;
}

static void remove_directory(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", test_directory());
    require(system(command) == 0);
}

static void write_file(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    require(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text) && close(file) == 0);
}

/* Reads from a descriptor until the end of the file, or until nothing is available. */
static const char *read_available(int descriptor)
{
    static char text[8 << 20];
    size_t length = 0;
    for (ssize_t got; (got = read(descriptor, text + length, sizeof text - 1 - length)) > 0;)
        length += (size_t)got;
    text[length] = '\0';
    return text;
}

static const char *contents(const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    require(file >= 0);
    const char *text = read_available(file);
    close(file);
    return text;
}

/* Returns how many lines of calls there are; each must be complete. */
static int lines(const char *text)
{
    int count = 0, lost, process, end;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        ck_assert_msg(strchr(line, '\n') != NULL, "not a whole line: %s", line);
        if (sscanf(line, "numars %d: %d lines lost%n", &process, &lost, &end) == 2)
            continue;
        end = 0;
        sscanf(line, "numars %d%n", &process, &end);
        ck_assert_msg(end > 0 && strncmp(line + end, LINE, strlen(LINE)) == 0, "%.80s", line);
        count++;
    }
    return count;
}

static void set_flags(int descriptor, int flags)
{
    require(fcntl(descriptor, F_SETFL, flags) == 0);
}

/* Writes until the pipe is full; the descriptor blocks afterwards. */
static void fill(int descriptor)
{
    static const char block[4096];
    set_flags(descriptor, O_NONBLOCK);
    for (size_t size = sizeof block; size > 0; size /= 2)
        while (write(descriptor, block, size) > 0)
            ;
    require(errno == EAGAIN);
    set_flags(descriptor, 0);
}

static void require_root(void)
{
    if (geteuid() != 0)
        skip_test("not root");
}

/* --- FIFOs and pipes --- */

START_TEST(a_fifo_without_a_reader_does_not_block)
{
    require(mkfifo(in_directory("fifo"), 0600) == 0);
    run(A_FEW, in_directory("fifo"), STDERR_FILENO);
    remove_directory();
}
END_TEST

START_TEST(a_fifo_with_a_reader_receives_the_lines)
{
    require(mkfifo(in_directory("fifo"), 0600) == 0);
    const int reader = open(in_directory("fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    require(reader >= 0);
    run(A_FEW, in_directory("fifo"), STDERR_FILENO);
    ck_assert_int_eq(lines(read_available(reader)), CALLS);
    remove_directory();
}
END_TEST

START_TEST(a_full_fifo_does_not_block)
{
    require(mkfifo(in_directory("fifo"), 0600) == 0);
    const int both = open(in_directory("fifo"), O_RDWR | O_CLOEXEC);
    require(both >= 0);
    fill(both);
    run(A_FEW, in_directory("fifo"), STDERR_FILENO);
    remove_directory();
}
END_TEST

static void assert_a_full_pipe_does_not_block(struct program program)
{
    int ends[2];
    require(pipe2(ends, O_CLOEXEC) == 0);
    fill(ends[1]);
    run(program, "1", ends[1]);
    close(ends[0]);
    close(ends[1]);
}

static void assert_a_pipe_has_the_lines(struct program program)
{
    int ends[2];
    require(pipe2(ends, O_CLOEXEC) == 0);
    run(program, "1", ends[1]);
    close(ends[1]);
    ck_assert_int_eq(lines(read_available(ends[0])), CALLS);
    close(ends[0]);
}

static void assert_a_pipe_without_a_reader_ends_nothing(struct program program)
{
    int ends[2];
    require(pipe2(ends, O_CLOEXEC) == 0 && close(ends[0]) == 0);
    run(program, "1", ends[1]);
    close(ends[1]);
}

START_TEST(a_full_pipe_as_standard_error_does_not_block)
{
    assert_a_pipe_has_the_lines(A_FEW);
    assert_a_full_pipe_does_not_block(A_FEW);
}
END_TEST

START_TEST(a_full_pipe_of_another_user_does_not_block)
{
    require_root();
    assert_a_pipe_has_the_lines(WITHOUT_RIGHTS);
    assert_a_full_pipe_does_not_block(WITHOUT_RIGHTS);
    assert_a_pipe_without_a_reader_ends_nothing(WITHOUT_RIGHTS);
}
END_TEST

START_TEST(a_full_pipe_does_not_block_without_proc)
{
    require_private_mounts();
    assert_a_pipe_has_the_lines(WITHOUT_PROC);
    assert_a_full_pipe_does_not_block(WITHOUT_PROC);
    assert_a_pipe_without_a_reader_ends_nothing(WITHOUT_PROC);
}
END_TEST

START_TEST(a_full_pipe_does_not_block_without_descriptors)
{
    write_file(in_directory("standard-error"), "");
    const int standard_error = open(in_directory("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC);
    run(WITHOUT_DESCRIPTORS, "1", standard_error);
    ck_assert_int_eq(lines(contents(in_directory("standard-error"))), CALLS);
    /* Older kernels lose the lines. */
    if (!kernel_before(6, 4))
        assert_a_pipe_has_the_lines(WITHOUT_DESCRIPTORS);
    assert_a_full_pipe_does_not_block(WITHOUT_DESCRIPTORS);
    assert_a_pipe_without_a_reader_ends_nothing(WITHOUT_DESCRIPTORS);
    run(WITHOUT_DESCRIPTORS, in_directory("log"), STDERR_FILENO);
    remove_directory();
}
END_TEST

START_TEST(a_pipe_that_is_read_receives_more_lines_than_it_can_hold)
{
    int ends[2];
    require(pipe2(ends, O_CLOEXEC) == 0);
    const pid_t pid = start(OFTEN, "1", ends[1]);
    close(ends[1]);
    const char *text = read_available(ends[0]);
    ck_assert_uint_gt(strlen(text), 1 << 16);
    ck_assert_int_le(lines(text), MANY);
    assert_ends_well(pid);
}
END_TEST

START_TEST(after_lost_lines_the_next_one_says_how_many)
{
    int ends[2], to_program[2], from_program[2], process, lost, end = 0;
    char byte = 0;
    require(pipe2(ends, O_CLOEXEC) == 0 && pipe2(to_program, O_CLOEXEC) == 0 && pipe2(from_program, O_CLOEXEC) == 0);
    fill(ends[1]);
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        dup2(to_program[0], STDIN_FILENO);
        dup2(from_program[1], STDOUT_FILENO);
        execute(TWICE, "1", ends[1]);
    }
    close(from_program[1]);
    require(read(from_program[0], &byte, 1) == 1);
    set_flags(ends[0], O_NONBLOCK);
    read_available(ends[0]);
    require(write(to_program[1], &byte, 1) == 1);
    assert_ends_well(pid);
    const char *text = read_available(ends[0]);
    ck_assert_msg(sscanf(text, "numars %d: %d lines lost\n%n", &process, &lost, &end) == 2 && end > 0, "%s", text);
    ck_assert_int_eq(lost, CALLS);
    ck_assert_int_eq(process, pid);
    ck_assert_int_eq(lines(text), CALLS);
}
END_TEST

START_TEST(a_line_waits_only_once_even_if_poll_keeps_reporting_room)
{
    assert_a_full_pipe_does_not_block(PATIENT);
}
END_TEST

START_TEST(a_program_in_a_sandbox_that_kills_on_opening_files_logs_to_standard_error)
{
    assert_a_pipe_has_the_lines(WITHOUT_OPENING);
    assert_a_full_pipe_does_not_block(WITHOUT_OPENING);
    assert_a_pipe_without_a_reader_ends_nothing(WITHOUT_OPENING);
    write_file(in_directory("standard-error"), "");
    run(WITHOUT_OPENING, "1", open(in_directory("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC));
    ck_assert_int_eq(lines(contents(in_directory("standard-error"))), CALLS);
    remove_directory();
}
END_TEST

/* --- signals --- */

START_TEST(a_pipe_without_a_reader_does_not_end_the_program)
{
    const struct program programs[] = { A_FEW, HANDLERS, BLOCKED };
    for (size_t program = 0; program < sizeof programs / sizeof *programs; program++)
        assert_a_pipe_without_a_reader_ends_nothing(programs[program]);
}
END_TEST

START_TEST(a_file_at_its_size_limit_does_not_end_the_program)
{
    const struct program programs[] = { A_FEW, HANDLERS, BLOCKED };
    write_file(in_directory("standard-error"), "");
    const int standard_error = open(in_directory("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC);
    require(standard_error >= 0);
    size_limit.rlim_cur = 100;
    for (size_t program = 0; program < sizeof programs / sizeof *programs; program++) {
        run(programs[program], in_directory("log"), STDERR_FILENO);
        run(programs[program], "1", standard_error);
    }
    ck_assert_uint_eq(strlen(contents(in_directory("log"))), size_limit.rlim_cur);
    ck_assert_uint_eq(strlen(contents(in_directory("standard-error"))), size_limit.rlim_cur);
    remove_directory();
}
END_TEST

/* --- sockets --- */

static void make_sockets(int ends[2], int type)
{
    require(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0);
}

START_TEST(a_socket_as_standard_error_receives_the_lines_and_does_not_block)
{
    const int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };
    for (size_t type = 0; type < sizeof types / sizeof *types; type++) {
        int ends[2];
        make_sockets(ends, types[type]);
        run(A_FEW, "1", ends[1]);
        set_flags(ends[0], O_NONBLOCK);
        ck_assert_int_eq(lines(read_available(ends[0])), CALLS);
        fill(ends[1]);
        run(A_FEW, "1", ends[1]);
        close(ends[0]);
        run(A_FEW, "1", ends[1]);
        run(HANDLERS, "1", ends[1]);
        run(BLOCKED, "1", ends[1]);
        close(ends[1]);
    }
}
END_TEST

/* --- terminals --- */

/* Opens a new pseudoterminal: returns its master, and the name of the slave. */
static int make_terminal(const char **name)
{
    const int other_end = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    require(other_end >= 0 && grantpt(other_end) == 0 && unlockpt(other_end) == 0);
    *name = ptsname(other_end);
    require(*name != NULL);
    set_flags(other_end, O_NONBLOCK);
    return other_end;
}

/* Returns what was written to it, with the line ends of a file. */
static const char *shown(int other_end)
{
    static char text[1 << 16];
    char *to = text;
    for (const char *from = read_available(other_end); *from != '\0'; from++)
        if (*from != '\r')
            *to++ = *from;
    *to = '\0';
    return text;
}

static void assert_a_terminal_has_the_lines(struct program program)
{
    const char *name;
    const int other_end = make_terminal(&name), terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    require(terminal >= 0);
    run(program, "1", terminal);
    ck_assert_int_eq(lines(shown(other_end)), CALLS);
    /* Stops output, as CTRL-S does. */
    require(tcflow(terminal, TCOOFF) == 0);
    run(program, "1", terminal);
    require(tcflow(terminal, TCOON) == 0);
    close(terminal);
    close(other_end);
}

START_TEST(a_terminal_receives_the_lines_and_does_not_block_while_it_is_stopped)
{
    assert_a_terminal_has_the_lines(A_FEW);
    const char *name;
    const int other_end = make_terminal(&name), terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    require(terminal >= 0);
    run(A_FEW, name, STDERR_FILENO);
    ck_assert_int_eq(lines(shown(other_end)), CALLS);
    require(tcflow(terminal, TCOOFF) == 0);
    run(A_FEW, name, STDERR_FILENO);
    close(terminal);
    close(other_end);
}
END_TEST

START_TEST(a_stopped_terminal_of_another_user_does_not_block)
{
    require_root();
    assert_a_terminal_has_the_lines(WITHOUT_RIGHTS);
}
END_TEST

/* Runs the program in the background of a terminal that stops background processes which write to it (TOSTOP). */
static _Noreturn void run_in_background(const char *terminal_name)
{
    struct termios settings;
    int status;
    if (setsid() < 0)
        _exit(EXIT_FAILURE);
    const int terminal = open(terminal_name, O_RDWR | O_CLOEXEC);
    if (terminal < 0 || ioctl(terminal, TIOCSCTTY, 0) != 0 || tcgetattr(terminal, &settings) != 0)
        _exit(EXIT_FAILURE);
    settings.c_lflag |= TOSTOP;
    if (tcsetattr(terminal, TCSANOW, &settings) != 0)
        _exit(EXIT_FAILURE);
    const pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        execute(A_FEW, "1", terminal);
    }
    if (waitpid(pid, &status, WUNTRACED) != pid)
        _exit(EXIT_FAILURE);
    if (WIFSTOPPED(status))
        kill(pid, SIGKILL);
    _exit(status == 0 ? EXIT_SUCCESS : WIFSTOPPED(status) ? 100 + WSTOPSIG(status) : EXIT_FAILURE);
}

START_TEST(a_program_in_the_background_of_a_terminal_is_not_stopped)
{
    const char *name;
    const int other_end = make_terminal(&name);
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0)
        run_in_background(name);
    assert_ends_well(pid);
    ck_assert_int_eq(lines(shown(other_end)), CALLS);
    close(other_end);
}
END_TEST

/* --- standard error that has become another file --- */

START_TEST(a_file_that_replaces_standard_error_is_not_written_to)
{
    run(REPLACED, "1", -1);
    run(REPLACED, "1", STDERR_FILENO);
}
END_TEST

START_TEST(standard_error_is_identified_by_any_system_call_that_can_identify_it)
{
    write_file(in_directory("standard-error"), "");
    run(WITHOUT_STATX, "1", open(in_directory("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC));
#ifdef __loongarch__
    /* It has no older call. */
    const int calls_without_statx = 0;
#else
    const int calls_without_statx = CALLS;
#endif
    ck_assert_int_eq(lines(contents(in_directory("standard-error"))), CALLS + calls_without_statx);
    remove_directory();
}
END_TEST

START_TEST(standard_error_may_also_be_named_by_path)
{
    static const char *const names[] = { "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2" };
    write_file(in_directory("standard-error"), "");
    const int standard_error = open(in_directory("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC);
    for (int name = 0; name < 3; name++) {
        run(A_FEW, names[name], standard_error);
        ck_assert_int_eq(lines(contents(in_directory("standard-error"))), (name + 1) * CALLS);
    }
    remove_directory();
}
END_TEST

/* --- files by name --- */

START_TEST(after_a_truncated_line_the_next_one_is_complete)
{
    int lost;
    write_file(in_directory("standard-error"), "");
    run(CUT, in_directory("log"), STDERR_FILENO);
    run(CUT, "1", open(in_directory("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC));
    const char *const names[] = { "log", "standard-error" };
    for (int name = 0; name < 2; name++) {
        const char *text = contents(in_directory(names[name]));
        ck_assert_uint_gt(strlen(text), 50);
        text = strchr(text, '\n') + 1;
        if (text < contents(in_directory(names[name])) + 50)
            text = strchr(text, '\n') + 1;
        ck_assert_msg(sscanf(text, "numars %*d: %d lines lost\n", &lost) == 1, "%s", text);
        ck_assert_int_eq(lines(text), CALLS);
    }
    remove_directory();
}
END_TEST

START_TEST(only_the_user_may_read_a_new_log)
{
    struct stat status;
    umask(0);
    run(A_FEW, in_directory("log"), STDERR_FILENO);
    require(stat(in_directory("log"), &status) == 0);
    ck_assert_int_eq(status.st_mode, S_IFREG | 0600);
    run(A_FEW, in_directory("log"), STDERR_FILENO);
    ck_assert_int_eq(lines(contents(in_directory("log"))), 2 * CALLS);
    remove_directory();
}
END_TEST

/* Returns how many lines were added to the kernel's own log since the last call. */
static int lines_of_kernel(int kernel_log)
{
    char record[8192];
    int count = 0;
    for (ssize_t got; (got = read(kernel_log, record, sizeof record - 1)) > 0 || (got < 0 && errno == EPIPE);)
        if (got > 0) {
            record[got] = '\0';
            count += strstr(record, LINE) != NULL;
        }
    return count;
}

START_TEST(a_device_that_is_not_a_terminal_is_not_written_to)
{
    require_root();
    const int kernel_log = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    require(kernel_log >= 0);
    lines_of_kernel(kernel_log);
    run(A_FEW, "/dev/kmsg", STDERR_FILENO);
    run(A_FEW, "1", kernel_log);
    ck_assert_int_eq(lines_of_kernel(kernel_log), 0);
    close(kernel_log);
}
END_TEST

START_TEST(the_pseudoterminal_multiplexer_is_not_opened)
{
    const char *name;
    int status;
    const int other_end = make_terminal(&name);
    require_root();
    /* Whatever is opened is checked with isatty(3). */
    require(waitpid(start(WITHOUT_IOCTL, name, STDERR_FILENO), &status, 0) > 0);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    run(WITHOUT_IOCTL, "/dev/pts/ptmx", STDERR_FILENO);
    close(other_end);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_has_no_effect)
{
    const struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct sockaddr_un named = address;
    snprintf(named.sun_path, sizeof named.sun_path, "%.100s", in_directory("socket"));
    const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(server >= 0 && bind(server, (struct sockaddr *)&named, sizeof named) == 0 && listen(server, 1) == 0);
    require(mkdir(in_directory("folder"), 0755) == 0);
    const char *const names[] = { in_directory("socket"), in_directory("folder"), "/dev/null", "/dev/zero", "/dev/full", "/", "", "." };
    for (size_t name = 0; name < sizeof names / sizeof *names; name++)
        run(A_FEW, names[name], STDERR_FILENO);
    struct pollfd waiting = { .fd = server, .events = POLLIN };
    ck_assert_int_eq(poll(&waiting, 1, 0), 0);
    remove_directory();
}
END_TEST

START_TEST(a_file_with_several_links_is_not_written_to)
{
    write_file(in_directory("file"), "");
    require(symlink(in_directory("file"), in_directory("symbolic")) == 0 && symlink(in_directory("none"), in_directory("dangling")) == 0);
    run(A_FEW, in_directory("symbolic"), STDERR_FILENO);
    run(A_FEW, in_directory("dangling"), STDERR_FILENO);
    ck_assert_int_ne(access(in_directory("none"), F_OK), 0);
    require(link(in_directory("file"), in_directory("hard")) == 0);
    run(A_FEW, in_directory("hard"), STDERR_FILENO);
    ck_assert_str_eq(contents(in_directory("file")), "");
    /* With a single link, it is a log like any other. */
    require(unlink(in_directory("hard")) == 0);
    run(A_FEW, in_directory("file"), STDERR_FILENO);
    ck_assert_int_eq(lines(contents(in_directory("file"))), CALLS);
    remove_directory();
}
END_TEST

START_TEST(a_file_with_other_contents_is_not_written_to)
{
    static const char *const texts[] = { "root:x:0:0::/root:/bin/sh\n", "\n", "num", "numars", " numars 1: x\n" };
    for (size_t text = 0; text < sizeof texts / sizeof *texts; text++) {
        write_file(in_directory("file"), texts[text]);
        run(A_FEW, in_directory("file"), STDERR_FILENO);
        ck_assert_str_eq(contents(in_directory("file")), texts[text]);
    }
    remove_directory();
}
END_TEST

START_TEST(root_writes_to_no_file_of_another_user_and_creates_none_where_only_root_may)
{
    require_root();
    write_file(in_directory("file"), "");
    require(chown(in_directory("file"), 65534, 65534) == 0 && mkfifo(in_directory("fifo"), 0600) == 0 && chown(in_directory("fifo"), 65534, 65534) == 0);
    const int reader = open(in_directory("fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    run(A_FEW, in_directory("file"), STDERR_FILENO);
    run(A_FEW, in_directory("fifo"), STDERR_FILENO);
    ck_assert_str_eq(contents(in_directory("file")), "");
    ck_assert_str_eq(read_available(reader), "");
    require(mkdir(in_directory("private"), 0755) == 0);
    run(A_FEW, in_directory("private/log"), STDERR_FILENO);
    ck_assert_int_ne(access(in_directory("private/log"), F_OK), 0);
    setenv(WORKING_DIRECTORY, in_directory("private"), 1);
    run(IN_DIRECTORY, "log", STDERR_FILENO);
    ck_assert_int_ne(access(in_directory("private/log"), F_OK), 0);
    /* An existing log is used if it is not empty: many other files are empty. */
    write_file(in_directory("private/log"), "");
    run(A_FEW, in_directory("private/log"), STDERR_FILENO);
    run(IN_DIRECTORY, "log", STDERR_FILENO);
    ck_assert_str_eq(contents(in_directory("private/log")), "");
    write_file(in_directory("private/log"), "numars log\n");
    run(A_FEW, in_directory("private/log"), STDERR_FILENO);
    run(IN_DIRECTORY, "log", STDERR_FILENO);
    ck_assert_int_eq(lines(contents(in_directory("private/log")) + strlen("numars log\n")), 2 * CALLS);
    remove_directory();
}
END_TEST

START_TEST(root_starts_no_log_in_an_empty_file_mounted_in_a_world_writable_directory)
{
    require_root();
    if (kernel_before(5, 8))
        skip_test("this kernel is too old");
    unshare_mounts();
    require(mkdir(in_directory("private"), 0755) == 0);
    write_file(in_directory("private/file"), "");
    write_file(in_directory("log"), "");
    require(mount(in_directory("private/file"), in_directory("log"), "", MS_BIND, NULL) == 0);
    run(A_FEW, in_directory("log"), STDERR_FILENO);
    ck_assert_str_eq(contents(in_directory("private/file")), "");
    require(umount2(in_directory("log"), MNT_DETACH) == 0);
    run(A_FEW, in_directory("log"), STDERR_FILENO);
    ck_assert_int_eq(lines(contents(in_directory("log"))), CALLS);
    remove_directory();
}
END_TEST

#ifndef RENAME_EXCHANGE /* musl before 1.2.6 */
#define RENAME_EXCHANGE 2
#endif

/* Keeps exchanging two names until it is stopped. */
static _Noreturn void exchange_for_ever(const char *one, const char *other)
{
    for (;;)
        syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

START_TEST(root_creates_none_there_while_a_link_to_the_directory_changes)
{
    require_root();
    require(mkdir(in_directory("private"), 0755) == 0 && mkdir(in_directory("shared"), 0755) == 0 && chmod(in_directory("shared"), 01777) == 0);
    require(symlink("private", in_directory("link")) == 0 && symlink("shared", in_directory("other-link")) == 0);
    const pid_t exchanging = fork();
    require(exchanging >= 0);
    if (exchanging == 0)
        exchange_for_ever(in_directory("link"), in_directory("other-link"));
    run(OFTEN, in_directory("link/log"), STDERR_FILENO);
    require(kill(exchanging, SIGKILL) == 0 && waitpid(exchanging, NULL, 0) == exchanging);
    ck_assert_int_ne(access(in_directory("private/log"), F_OK), 0);
    remove_directory();
}
END_TEST

int main(int count, char **arguments)
{
    const struct program programs[] = { A_FEW, OFTEN, WITHOUT_RIGHTS, WITHOUT_PROC, REPLACED, HANDLERS, BLOCKED, TWICE, WITHOUT_DESCRIPTORS, IN_DIRECTORY,
                                        WITHOUT_OPENING, WITHOUT_STATX, CUT, WITHOUT_IOCTL, PATIENT };
    for (size_t program = 0; count == 2 && program < sizeof programs / sizeof *programs; program++)
        if (strcmp(arguments[1], programs[program].argument) == 0)
            return programs[program].run();
    skip_without_numa_system_calls();
    return run_tests("files of the log", (const TTest *[]){
        a_fifo_without_a_reader_does_not_block,
        a_fifo_with_a_reader_receives_the_lines,
        a_full_fifo_does_not_block,
        a_full_pipe_as_standard_error_does_not_block,
        a_full_pipe_of_another_user_does_not_block,
        a_full_pipe_does_not_block_without_proc,
        a_full_pipe_does_not_block_without_descriptors,
        a_pipe_that_is_read_receives_more_lines_than_it_can_hold,
        after_lost_lines_the_next_one_says_how_many,
        a_line_waits_only_once_even_if_poll_keeps_reporting_room,
        a_program_in_a_sandbox_that_kills_on_opening_files_logs_to_standard_error,
        a_pipe_without_a_reader_does_not_end_the_program,
        a_file_at_its_size_limit_does_not_end_the_program,
        a_socket_as_standard_error_receives_the_lines_and_does_not_block,
        a_terminal_receives_the_lines_and_does_not_block_while_it_is_stopped,
        a_stopped_terminal_of_another_user_does_not_block,
        a_program_in_the_background_of_a_terminal_is_not_stopped,
        a_file_that_replaces_standard_error_is_not_written_to,
        standard_error_is_identified_by_any_system_call_that_can_identify_it,
        standard_error_may_also_be_named_by_path,
        after_a_truncated_line_the_next_one_is_complete,
        only_the_user_may_read_a_new_log,
        a_device_that_is_not_a_terminal_is_not_written_to,
        the_pseudoterminal_multiplexer_is_not_opened,
        a_file_that_cannot_be_written_has_no_effect,
        a_file_with_several_links_is_not_written_to,
        a_file_with_other_contents_is_not_written_to,
        root_writes_to_no_file_of_another_user_and_creates_none_where_only_root_may,
        root_starts_no_log_in_an_empty_file_mounted_in_a_world_writable_directory,
        root_creates_none_there_while_a_link_to_the_directory_changes,
        NULL });
}
