/* NUMARS_LOG neither blocks nor ends a program, whatever standard error or the file is that it names, and harms no file that is none of
 * the log's. */
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

static const char LINE[] = ": numars_set_localalloc() = 0\n";
enum { CALLS = 3, MANY = 20000 };

/* More than any of the programs below takes. */
enum { SECONDS = 20 };

/* --- the programs that write lines --- */

static bool call(int times)
{
    for (int time = 0; time < times; time++) {
        errno = UNTOUCHED_ERRNO;
        if (numars_set_localalloc() != 0 || errno != UNTOUCHED_ERRNO)
            return false;
    }
    return true;
}

static int call_a_few_times(void)
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
    return call_a_few_times();
}

static int call_without_proc(void)
{
    unshare_mounts();
    mount_empty_over("/proc");
    /* At once: a sanitizer would look into /proc at the end. */
    _exit(call_a_few_times());
}

/* With no descriptor left. */
static int call_without_descriptors(void)
{
    const struct rlimit standard_streams = { 3, 3 };
    return setrlimit(RLIMIT_NOFILE, &standard_streams) == 0 ? call_a_few_times() : EXIT_FAILURE;
}

/* Where it is told to be, which the library may not be found from. */
static const char *const PLACE = "NUMARS_TEST_FOLDER";

static int call_in_folder(void)
{
    return chdir(getenv(PLACE)) == 0 ? call_a_few_times() : EXIT_FAILURE;
}

/* What a program prints that opens a file after it has closed standard error. */
static int call_with_a_file_in_its_place(void)
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

/* Whether both signals are pending, or neither. */
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

/* Calls, says so, and calls again when it is told to. */
static int call_twice(void)
{
    char byte = 0;
    if (!call(CALLS) || write(STDOUT_FILENO, &byte, 1) != 1 || read(STDIN_FILENO, &byte, 1) != 1)
        return EXIT_FAILURE;
    return call_a_few_times();
}

/* In a sandbox that kills whoever opens a file. */
static int call_without_opening(void)
{
    if (!filter_syscalls((const struct syscall_action[]){ { SYS_openat, SECCOMP_RET_KILL_PROCESS }, { SYS_openat2, SECCOMP_RET_KILL_PROCESS } }, 2))
        return EXIT_FAILURE;
    _exit(call_a_few_times());
}

static int call_without_ioctl(void)
{
    return filter_syscalls(&(const struct syscall_action){ SYS_ioctl, SECCOMP_RET_KILL_PROCESS }, 1) ? call_a_few_times() : EXIT_FAILURE;
}

static int call_where_statx_ends(void)
{
    const struct denied_call refused = { SYS_statx, ENOSYS };
    if (!call(CALLS))
        return EXIT_FAILURE;
    deny_syscalls(&refused, 1);
    return call_a_few_times();
}

/* Lines that do not fit in a file, and then some that do. */
static int call_where_a_line_is_cut(void)
{
    const struct rlimit small = { 50, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };
    return setrlimit(RLIMIT_FSIZE, &small) == 0 && call(CALLS) && setrlimit(RLIMIT_FSIZE, &none) == 0 ? call_a_few_times() : EXIT_FAILURE;
}

#ifdef __x86_64__
/* Milliseconds that the program has waited, by the clock of a kernel that says after some time that there is room, when there is none. */
static long waited;

static void wait_for_nothing(int signal, siginfo_t *information, void *context)
{
    enum { MOST = 60, NANOSECONDS = 1000000 };
    greg_t *const registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct timespec *const remaining = (struct timespec *)registers[REG_RDX];
    const long wait = remaining->tv_nsec / NANOSECONDS < MOST ? remaining->tv_nsec / NANOSECONDS : MOST;
    (void)signal, (void)information;
    waited += wait;
    remaining->tv_nsec -= wait * NANOSECONDS;
    registers[REG_RAX] = wait == MOST;
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
} A_FEW = { "--few", call_a_few_times }, OFTEN = { "--often", call_many_times }, WITHOUT_RIGHTS = { "--without-rights", call_without_rights },
  WITHOUT_PROC = { "--without-proc", call_without_proc }, REPLACED = { "--replaced", call_with_a_file_in_its_place },
  HANDLERS = { "--handlers", call_with_handlers }, BLOCKED = { "--blocked", call_with_signals_blocked }, TWICE = { "--twice", call_twice },
  WITHOUT_DESCRIPTORS = { "--without-descriptors", call_without_descriptors }, IN_FOLDER = { "--in-folder", call_in_folder },
  WITHOUT_OPENING = { "--without-opening", call_without_opening }, WITHOUT_STATX = { "--without-statx", call_where_statx_ends },
  CUT = { "--cut", call_where_a_line_is_cut }, WITHOUT_IOCTL = { "--without-ioctl", call_without_ioctl },
  PATIENT = { "--patient", call_with_slow_waits };

/* --- how they are started --- */

/* How large a program may let a file become. */
static struct rlimit size_limit = { RLIM_INFINITY, RLIM_INFINITY };

/* In the new process: becomes a program, with a descriptor (-1: none) as standard error. One that blocks is ended by SIGALRM. */
static _Noreturn void become(struct program program, const char *log, int standard_error)
{
    /* By its own name: valgrind, which may watch this, loads no /proc/self/exe. */
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
        become(program, log, standard_error);
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

/* A folder of this test, where everybody may make files. */
static const char *folder(void)
{
    static char name[] = "/tmp/numars-log-XXXXXX";
    static bool is_made;
    if (!is_made)
        require(mkdtemp(name) != NULL && chmod(name, 01777) == 0);
    is_made = true;
    return name;
}

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static int last;
    char *path = paths[last++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder(), name);
    return path;
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder());
    require(system(command) == 0);
}

static void write_file(const char *path, const char *text)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    require(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text) && close(file) == 0);
}

/* What can be read from a descriptor until its end, or until there is nothing at the moment. */
static const char *rest_of(int descriptor)
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
    const char *text = rest_of(file);
    close(file);
    return text;
}

/* How many lines there are of calls; each must be whole. */
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

/* Writes until there is no room, and leaves a descriptor that blocks. */
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

static bool is_root(void)
{
    if (geteuid() == 0)
        return true;
    puts("# skipped: not root");
    return false;
}

/* --- FIFOs and pipes --- */

START_TEST(a_fifo_without_a_reader_does_not_block)
{
    require(mkfifo(in_folder("fifo"), 0600) == 0);
    run(A_FEW, in_folder("fifo"), STDERR_FILENO);
    remove_folder();
}
END_TEST

START_TEST(a_fifo_with_a_reader_has_the_lines)
{
    require(mkfifo(in_folder("fifo"), 0600) == 0);
    const int reader = open(in_folder("fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    require(reader >= 0);
    run(A_FEW, in_folder("fifo"), STDERR_FILENO);
    ck_assert_int_eq(lines(rest_of(reader)), CALLS);
    remove_folder();
}
END_TEST

START_TEST(a_full_fifo_does_not_block)
{
    require(mkfifo(in_folder("fifo"), 0600) == 0);
    const int both = open(in_folder("fifo"), O_RDWR | O_CLOEXEC);
    require(both >= 0);
    fill(both);
    run(A_FEW, in_folder("fifo"), STDERR_FILENO);
    remove_folder();
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
    ck_assert_int_eq(lines(rest_of(ends[0])), CALLS);
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

START_TEST(neither_does_that_of_another_user)
{
    if (!is_root())
        return;
    assert_a_pipe_has_the_lines(WITHOUT_RIGHTS);
    assert_a_full_pipe_does_not_block(WITHOUT_RIGHTS);
    assert_a_pipe_without_a_reader_ends_nothing(WITHOUT_RIGHTS);
}
END_TEST

START_TEST(neither_does_one_without_proc)
{
    if (!can_unshare_mounts())
        return;
    assert_a_pipe_has_the_lines(WITHOUT_PROC);
    assert_a_full_pipe_does_not_block(WITHOUT_PROC);
    assert_a_pipe_without_a_reader_ends_nothing(WITHOUT_PROC);
}
END_TEST

START_TEST(neither_does_one_without_descriptors)
{
    write_file(in_folder("standard-error"), "");
    const int standard_error = open(in_folder("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC);
    run(WITHOUT_DESCRIPTORS, "1", standard_error);
    ck_assert_int_eq(lines(contents(in_folder("standard-error"))), CALLS);
    /* Before, the lines are lost. */
    if (!kernel_before(6, 4))
        assert_a_pipe_has_the_lines(WITHOUT_DESCRIPTORS);
    assert_a_full_pipe_does_not_block(WITHOUT_DESCRIPTORS);
    assert_a_pipe_without_a_reader_ends_nothing(WITHOUT_DESCRIPTORS);
    run(WITHOUT_DESCRIPTORS, in_folder("log"), STDERR_FILENO);
    remove_folder();
}
END_TEST

START_TEST(a_pipe_that_is_read_has_more_lines_than_it_can_hold)
{
    int ends[2];
    require(pipe2(ends, O_CLOEXEC) == 0);
    const pid_t pid = start(OFTEN, "1", ends[1]);
    close(ends[1]);
    const char *text = rest_of(ends[0]);
    ck_assert_uint_gt(strlen(text), 1 << 16);
    ck_assert_int_le(lines(text), MANY);
    assert_ends_well(pid);
}
END_TEST

START_TEST(when_lines_were_lost_the_next_one_says_how_many)
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
        become(TWICE, "1", ends[1]);
    }
    close(from_program[1]);
    require(read(from_program[0], &byte, 1) == 1);
    set_flags(ends[0], O_NONBLOCK);
    rest_of(ends[0]);
    require(write(to_program[1], &byte, 1) == 1);
    assert_ends_well(pid);
    const char *text = rest_of(ends[0]);
    ck_assert_msg(sscanf(text, "numars %d: %d lines lost\n%n", &process, &lost, &end) == 2 && end > 0, "%s", text);
    ck_assert_int_eq(lost, CALLS);
    ck_assert_int_eq(process, pid);
    ck_assert_int_eq(lines(text), CALLS);
}
END_TEST

START_TEST(a_line_waits_once_however_often_there_seems_to_be_room)
{
    assert_a_full_pipe_does_not_block(PATIENT);
}
END_TEST

START_TEST(a_sandbox_that_kills_whoever_opens_a_file_has_the_lines_of_standard_error)
{
    assert_a_pipe_has_the_lines(WITHOUT_OPENING);
    assert_a_full_pipe_does_not_block(WITHOUT_OPENING);
    assert_a_pipe_without_a_reader_ends_nothing(WITHOUT_OPENING);
    write_file(in_folder("standard-error"), "");
    run(WITHOUT_OPENING, "1", open(in_folder("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC));
    ck_assert_int_eq(lines(contents(in_folder("standard-error"))), CALLS);
    remove_folder();
}
END_TEST

/* --- signals --- */

START_TEST(a_pipe_without_a_reader_ends_nothing)
{
    const struct program programs[] = { A_FEW, HANDLERS, BLOCKED };
    for (size_t program = 0; program < sizeof programs / sizeof *programs; program++)
        assert_a_pipe_without_a_reader_ends_nothing(programs[program]);
}
END_TEST

START_TEST(a_file_that_has_become_too_large_ends_nothing)
{
    const struct program programs[] = { A_FEW, HANDLERS, BLOCKED };
    write_file(in_folder("standard-error"), "");
    const int standard_error = open(in_folder("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC);
    require(standard_error >= 0);
    size_limit.rlim_cur = 100;
    for (size_t program = 0; program < sizeof programs / sizeof *programs; program++) {
        run(programs[program], in_folder("log"), STDERR_FILENO);
        run(programs[program], "1", standard_error);
    }
    ck_assert_uint_eq(strlen(contents(in_folder("log"))), size_limit.rlim_cur);
    ck_assert_uint_eq(strlen(contents(in_folder("standard-error"))), size_limit.rlim_cur);
    remove_folder();
}
END_TEST

/* --- sockets --- */

static void make_sockets(int ends[2], int type)
{
    require(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0);
}

START_TEST(a_socket_as_standard_error_has_the_lines_and_does_not_block)
{
    const int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };
    for (size_t type = 0; type < sizeof types / sizeof *types; type++) {
        int ends[2];
        make_sockets(ends, types[type]);
        run(A_FEW, "1", ends[1]);
        set_flags(ends[0], O_NONBLOCK);
        ck_assert_int_eq(lines(rest_of(ends[0])), CALLS);
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

/* A new terminal: its other end, and its name. */
static int make_terminal(const char **name)
{
    const int other_end = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    require(other_end >= 0 && grantpt(other_end) == 0 && unlockpt(other_end) == 0);
    *name = ptsname(other_end);
    require(*name != NULL);
    set_flags(other_end, O_NONBLOCK);
    return other_end;
}

/* What was written to it, with the line ends of a file. */
static const char *shown(int other_end)
{
    static char text[1 << 16];
    char *to = text;
    for (const char *from = rest_of(other_end); *from != '\0'; from++)
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
    /* As CTRL-S does. */
    require(tcflow(terminal, TCOOFF) == 0);
    run(program, "1", terminal);
    require(tcflow(terminal, TCOON) == 0);
    close(terminal);
    close(other_end);
}

START_TEST(a_terminal_has_the_lines_and_does_not_block_while_it_is_stopped)
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

START_TEST(neither_does_the_terminal_of_another_user)
{
    if (!is_root())
        return;
    assert_a_terminal_has_the_lines(WITHOUT_RIGHTS);
}
END_TEST

/* Runs the program in the background of a terminal that stops those that write to it. */
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
        become(A_FEW, "1", terminal);
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

/* --- standard error that is another file --- */

START_TEST(a_file_that_comes_in_the_place_of_standard_error_is_left_alone)
{
    run(REPLACED, "1", -1);
    run(REPLACED, "1", STDERR_FILENO);
}
END_TEST

START_TEST(standard_error_is_known_by_any_call_that_tells_of_it)
{
    write_file(in_folder("standard-error"), "");
    run(WITHOUT_STATX, "1", open(in_folder("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC));
    ck_assert_int_eq(lines(contents(in_folder("standard-error"))), 2 * CALLS);
    remove_folder();
}
END_TEST

START_TEST(standard_error_has_the_lines_by_the_names_of_files_too)
{
    static const char *const names[] = { "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2" };
    write_file(in_folder("standard-error"), "");
    const int standard_error = open(in_folder("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC);
    for (int name = 0; name < 3; name++) {
        run(A_FEW, names[name], standard_error);
        ck_assert_int_eq(lines(contents(in_folder("standard-error"))), (name + 1) * CALLS);
    }
    remove_folder();
}
END_TEST

/* --- files by name --- */

START_TEST(after_a_line_that_was_cut_the_next_one_is_whole)
{
    int lost;
    write_file(in_folder("standard-error"), "");
    run(CUT, in_folder("log"), STDERR_FILENO);
    run(CUT, "1", open(in_folder("standard-error"), O_WRONLY | O_APPEND | O_CLOEXEC));
    const char *const names[] = { "log", "standard-error" };
    for (int name = 0; name < 2; name++) {
        const char *text = contents(in_folder(names[name]));
        ck_assert_uint_gt(strlen(text), 50);
        text = strchr(text, '\n') + 1;
        if (text < contents(in_folder(names[name])) + 50)
            text = strchr(text, '\n') + 1;
        ck_assert_msg(sscanf(text, "numars %*d: %d lines lost\n", &lost) == 1, "%s", text);
        ck_assert_int_eq(lines(text), CALLS);
    }
    remove_folder();
}
END_TEST

START_TEST(only_the_user_may_read_a_log_that_is_made)
{
    struct stat status;
    umask(0);
    run(A_FEW, in_folder("log"), STDERR_FILENO);
    require(stat(in_folder("log"), &status) == 0);
    ck_assert_int_eq(status.st_mode, S_IFREG | 0600);
    run(A_FEW, in_folder("log"), STDERR_FILENO);
    ck_assert_int_eq(lines(contents(in_folder("log"))), 2 * CALLS);
    remove_folder();
}
END_TEST

/* How many lines the kernel's own log has got since it was last asked. */
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

START_TEST(a_device_that_is_no_terminal_is_left_alone)
{
    if (!is_root())
        return;
    const int kernel_log = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    require(kernel_log >= 0);
    lines_of_kernel(kernel_log);
    run(A_FEW, "/dev/kmsg", STDERR_FILENO);
    run(A_FEW, "1", kernel_log);
    ck_assert_int_eq(lines_of_kernel(kernel_log), 0);
    close(kernel_log);
}
END_TEST

START_TEST(a_device_that_makes_terminals_is_not_opened)
{
    const char *name;
    int status;
    const int other_end = make_terminal(&name);
    if (!is_root())
        return;
    /* What is opened is asked whether it is a terminal. */
    require(waitpid(start(WITHOUT_IOCTL, name, STDERR_FILENO), &status, 0) > 0);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    run(WITHOUT_IOCTL, "/dev/pts/ptmx", STDERR_FILENO);
    close(other_end);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_disturbs_nothing)
{
    const struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct sockaddr_un named = address;
    snprintf(named.sun_path, sizeof named.sun_path, "%.100s", in_folder("socket"));
    const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(server >= 0 && bind(server, (struct sockaddr *)&named, sizeof named) == 0 && listen(server, 1) == 0);
    require(mkdir(in_folder("folder"), 0755) == 0);
    const char *const names[] = { in_folder("socket"), in_folder("folder"), "/dev/null", "/dev/zero", "/dev/full", "/", "", "." };
    for (size_t name = 0; name < sizeof names / sizeof *names; name++)
        run(A_FEW, names[name], STDERR_FILENO);
    struct pollfd waiting = { .fd = server, .events = POLLIN };
    ck_assert_int_eq(poll(&waiting, 1, 0), 0);
    remove_folder();
}
END_TEST

START_TEST(a_file_by_another_name_is_left_alone)
{
    write_file(in_folder("file"), "");
    require(symlink(in_folder("file"), in_folder("symbolic")) == 0 && symlink(in_folder("none"), in_folder("dangling")) == 0);
    run(A_FEW, in_folder("symbolic"), STDERR_FILENO);
    run(A_FEW, in_folder("dangling"), STDERR_FILENO);
    ck_assert_int_ne(access(in_folder("none"), F_OK), 0);
    require(link(in_folder("file"), in_folder("hard")) == 0);
    run(A_FEW, in_folder("hard"), STDERR_FILENO);
    ck_assert_str_eq(contents(in_folder("file")), "");
    /* With one name, it is a log as any. */
    require(unlink(in_folder("hard")) == 0);
    run(A_FEW, in_folder("file"), STDERR_FILENO);
    ck_assert_int_eq(lines(contents(in_folder("file"))), CALLS);
    remove_folder();
}
END_TEST

START_TEST(a_file_with_other_contents_is_left_alone)
{
    static const char *const texts[] = { "root:x:0:0::/root:/bin/sh\n", "\n", "num", "numars", " numars 1: x\n" };
    for (size_t text = 0; text < sizeof texts / sizeof *texts; text++) {
        write_file(in_folder("file"), texts[text]);
        run(A_FEW, in_folder("file"), STDERR_FILENO);
        ck_assert_str_eq(contents(in_folder("file")), texts[text]);
    }
    remove_folder();
}
END_TEST

START_TEST(root_writes_to_no_file_of_another_user_and_makes_none_where_only_root_may)
{
    if (!is_root())
        return;
    write_file(in_folder("file"), "");
    require(chown(in_folder("file"), 65534, 65534) == 0 && mkfifo(in_folder("fifo"), 0600) == 0 && chown(in_folder("fifo"), 65534, 65534) == 0);
    const int reader = open(in_folder("fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    run(A_FEW, in_folder("file"), STDERR_FILENO);
    run(A_FEW, in_folder("fifo"), STDERR_FILENO);
    ck_assert_str_eq(contents(in_folder("file")), "");
    ck_assert_str_eq(rest_of(reader), "");
    require(mkdir(in_folder("private"), 0755) == 0);
    run(A_FEW, in_folder("private/log"), STDERR_FILENO);
    ck_assert_int_ne(access(in_folder("private/log"), F_OK), 0);
    setenv(PLACE, in_folder("private"), 1);
    run(IN_FOLDER, "log", STDERR_FILENO);
    ck_assert_int_ne(access(in_folder("private/log"), F_OK), 0);
    /* One that is there will do, if it has been begun: many files are empty. */
    write_file(in_folder("private/log"), "");
    run(A_FEW, in_folder("private/log"), STDERR_FILENO);
    run(IN_FOLDER, "log", STDERR_FILENO);
    ck_assert_str_eq(contents(in_folder("private/log")), "");
    write_file(in_folder("private/log"), "numars log\n");
    run(A_FEW, in_folder("private/log"), STDERR_FILENO);
    run(IN_FOLDER, "log", STDERR_FILENO);
    ck_assert_int_eq(lines(contents(in_folder("private/log")) + strlen("numars log\n")), 2 * CALLS);
    remove_folder();
}
END_TEST

START_TEST(root_begins_no_file_that_is_mounted_where_everybody_may_make_files)
{
    if (!is_root() || kernel_before(5, 8))
        return;
    unshare_mounts();
    require(mkdir(in_folder("private"), 0755) == 0);
    write_file(in_folder("private/file"), "");
    write_file(in_folder("log"), "");
    require(mount(in_folder("private/file"), in_folder("log"), "", MS_BIND, NULL) == 0);
    run(A_FEW, in_folder("log"), STDERR_FILENO);
    ck_assert_str_eq(contents(in_folder("private/file")), "");
    require(umount2(in_folder("log"), MNT_DETACH) == 0);
    run(A_FEW, in_folder("log"), STDERR_FILENO);
    ck_assert_int_eq(lines(contents(in_folder("log"))), CALLS);
    remove_folder();
}
END_TEST

/* Exchanges what two names name until it is ended. */
static _Noreturn void exchange_for_ever(const char *one, const char *other)
{
    for (;;)
        syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

START_TEST(root_makes_none_there_either_while_a_link_to_the_folder_changes)
{
    if (!is_root())
        return;
    require(mkdir(in_folder("private"), 0755) == 0 && mkdir(in_folder("shared"), 0755) == 0 && chmod(in_folder("shared"), 01777) == 0);
    require(symlink("private", in_folder("link")) == 0 && symlink("shared", in_folder("other-link")) == 0);
    const pid_t exchanging = fork();
    require(exchanging >= 0);
    if (exchanging == 0)
        exchange_for_ever(in_folder("link"), in_folder("other-link"));
    run(OFTEN, in_folder("link/log"), STDERR_FILENO);
    require(kill(exchanging, SIGKILL) == 0 && waitpid(exchanging, NULL, 0) == exchanging);
    ck_assert_int_ne(access(in_folder("private/log"), F_OK), 0);
    remove_folder();
}
END_TEST

int main(int count, char **arguments)
{
    const struct program programs[] = { A_FEW, OFTEN, WITHOUT_RIGHTS, WITHOUT_PROC, REPLACED, HANDLERS, BLOCKED, TWICE, WITHOUT_DESCRIPTORS, IN_FOLDER,
                                        WITHOUT_OPENING, WITHOUT_STATX, CUT, WITHOUT_IOCTL, PATIENT };
    for (size_t program = 0; count == 2 && program < sizeof programs / sizeof *programs; program++)
        if (strcmp(arguments[1], programs[program].argument) == 0)
            return programs[program].run();
    return run_tests("files of the log", (const TTest *[]){
        a_fifo_without_a_reader_does_not_block,
        a_fifo_with_a_reader_has_the_lines,
        a_full_fifo_does_not_block,
        a_full_pipe_as_standard_error_does_not_block,
        neither_does_that_of_another_user,
        neither_does_one_without_proc,
        neither_does_one_without_descriptors,
        a_pipe_that_is_read_has_more_lines_than_it_can_hold,
        when_lines_were_lost_the_next_one_says_how_many,
        a_line_waits_once_however_often_there_seems_to_be_room,
        a_sandbox_that_kills_whoever_opens_a_file_has_the_lines_of_standard_error,
        a_pipe_without_a_reader_ends_nothing,
        a_file_that_has_become_too_large_ends_nothing,
        a_socket_as_standard_error_has_the_lines_and_does_not_block,
        a_terminal_has_the_lines_and_does_not_block_while_it_is_stopped,
        neither_does_the_terminal_of_another_user,
        a_program_in_the_background_of_a_terminal_is_not_stopped,
        a_file_that_comes_in_the_place_of_standard_error_is_left_alone,
        standard_error_is_known_by_any_call_that_tells_of_it,
        standard_error_has_the_lines_by_the_names_of_files_too,
        after_a_line_that_was_cut_the_next_one_is_whole,
        only_the_user_may_read_a_log_that_is_made,
        a_device_that_is_no_terminal_is_left_alone,
        a_device_that_makes_terminals_is_not_opened,
        a_file_that_cannot_be_written_disturbs_nothing,
        a_file_by_another_name_is_left_alone,
        a_file_with_other_contents_is_left_alone,
        root_writes_to_no_file_of_another_user_and_makes_none_where_only_root_may,
        root_begins_no_file_that_is_mounted_where_everybody_may_make_files,
        root_makes_none_there_either_while_a_link_to_the_folder_changes,
        NULL });
}
