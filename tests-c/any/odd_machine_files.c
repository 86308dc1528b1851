/* A file that describes the machine may be anything: a FIFO, a socket, a device, a file without end. Neither below the directory that
 * NUMARS_FSROOT names nor in the kernel's own file systems does it block or end a program. A directory that other users may write to is
 * ignored. */
#include <fcntl.h>
#include <numa.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"
#include "fault_injection.h"
#include "harness.h"
#include "private_mounts.h"

/* More seconds than the program below takes. */
enum { SECONDS = 20 };

/* --- the program that makes the calls --- */

static const char *const ASK = "--ask";
enum { REAL_MACHINE = 40, ANOTHER_MACHINE = 41, NOTHING_KNOWN = 42 };

/* Makes the library read every file that describes the machine. */
static int read_everything(void)
{
    static const char *const devices[] = { "netdev:net0", "block:disk0", "pci:1:2.3", "file:/proc/self/exe" };
    long long room;
    struct bitmask *cpus = numa_allocate_cpumask();
    numa_available();
    numa_node_to_cpu_update();
    for (int node = 0; node <= 8; node++) {
        numa_node_size64(node, &room);
        numa_distance(node, 0);
        numa_node_to_cpus(node, cpus);
    }
    numa_node_of_cpu(0);
    numa_num_configured_nodes();
    numa_num_possible_cpus();
    for (size_t device = 0; device < sizeof devices / sizeof *devices; device++)
        numa_bitmask_free(numa_parse_nodestring_all(devices[device]));
    numa_bitmask_free(cpus);
    /* No real machine that runs these tests has this node. */
    if (numa_bitmask_isbitset(numa_nodes_ptr, 60))
        return ANOTHER_MACHINE;
    return numa_num_configured_cpus() > 0 ? REAL_MACHINE : NOTHING_KNOWN;
}

/* Returns the exit status of the program, or minus the signal that ended it. */
static int run_with_root(const char *root, const char *what)
{
    int status;
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        char name[4096] = "";
        if (root != NULL)
            setenv("NUMARS_FSROOT", root, 1);
        close(STDERR_FILENO);
        alarm(SECONDS);
        if (readlink("/proc/self/exe", name, sizeof name - 1) > 0)
            execl(name, name, what, (char *)NULL);
        _exit(EXIT_FAILURE);
    }
    require(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int ask(const char *root)
{
    return run_with_root(root, ASK);
}

/* --- captured machines --- */

static const struct source {
    const char *name, *contents;
} SOURCES[] = {
    { "sys/devices/system/node/online", "0,60\n" },
    { "sys/devices/system/node/possible", "0-63\n" },
    { "sys/devices/system/node/has_memory", "0,60\n" },
    { "sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 100 kB\nNode 0 MemFree: 50 kB\n" },
    { "sys/devices/system/node/node0/distance", "10 20\n" },
    { "sys/devices/system/node/node0/cpumap", "1\n" },
    { "sys/devices/system/node/node0/cpulist", "0\n" },
    { "sys/devices/system/node/node60/meminfo", "Node 60 MemTotal: 100 kB\n" },
    { "sys/devices/system/node/node60/distance", "20 10\n" },
    { "sys/devices/system/node/node60/cpumap", "2\n" },
    { "sys/devices/system/cpu/possible", "0-1\n" },
    { "sys/devices/system/cpu/online", "0-1\n" },
    { "sys/class/net/net0/device/numa_node", "60\n" },
    { "sys/class/block/disk0/device/numa_node", "60\n" },
    { "sys/bus/pci/devices/0000:01:02.3/numa_node", "60\n" },
    { "proc/self/status", "Mems_allowed:\t00000000,00000001\nMems_allowed_list:\t0,60\n" },
};
enum { COUNT = sizeof SOURCES / sizeof *SOURCES };

static void run_command(const char *format, const char *argument)
{
    char command[512];
    snprintf(command, sizeof command, format, argument);
    require(system(command) == 0);
}

static const char *path_in(const char *root, const char *name)
{
    static char paths[4][256];
    static int last;
    char *path = paths[last++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void write_source(const char *path, const char *contents)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    require(file >= 0 && write(file, contents, strlen(contents)) == (ssize_t)strlen(contents) && close(file) == 0);
}

static void make_folders_above(const char *path)
{
    char folder[256];
    for (const char *slash = path; (slash = strchr(slash + 1, '/')) != NULL;) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        require(mkdir(folder, 0755) == 0 || errno == EEXIST);
    }
}

/* Creates a machine of two nodes in a directory of its own. */
static const char *make_machine(void)
{
    static char root[64];
    strcpy(root, "/tmp/numars-machine-XXXXXX");
    umask(022);
    require(mkdtemp(root) != NULL && chmod(root, 0755) == 0);
    for (size_t source = 0; source < COUNT; source++) {
        make_folders_above(path_in(root, SOURCES[source].name));
        write_source(path_in(root, SOURCES[source].name), SOURCES[source].contents);
    }
    return root;
}

static void remove_machine(const char *root)
{
    run_command("rm -rf %s", root);
}

/* --- replacements for a file --- */

static void make_fifo(const char *path)
{
    require(mkfifo(path, 0644) == 0);
}

/* A FIFO that a program of this test holds open without writing to it. */
static void make_open_fifo(const char *path)
{
    make_fifo(path);
    require(open(path, O_RDWR) >= 0);
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(server >= 0 && bind(server, (struct sockaddr *)&address, sizeof address) == 0);
}

static void link_to_terminal(const char *path)
{
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    require(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0 && symlink(ptsname(terminal), path) == 0);
}

static void link_to_endless_device(const char *path)
{
    require(symlink("/dev/zero", path) == 0);
}

/* Too large to be read before the program is ended. */
static void make_endless_file(const char *path)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_LARGEFILE, 0644);
    require(file >= 0 && ftruncate64(file, (off64_t)1 << 40) == 0 && close(file) == 0);
}

static void make_link_to_itself(const char *path)
{
    require(symlink(path, path) == 0);
}

static void make_folder(const char *path)
{
    require(mkdir(path, 0755) == 0);
}

static void (*const INSTEAD[])(const char *) = {
    make_fifo, make_open_fifo, make_socket, link_to_terminal, link_to_endless_device, make_endless_file, make_link_to_itself, make_folder,
};

START_TEST(a_fifo_instead_of_a_file_below_NUMARS_FSROOT_does_not_block)
{
    const char *root = make_machine();
    ck_assert_int_eq(ask(root), ANOTHER_MACHINE);
    for (size_t source = 0; source < COUNT; source++) {
        const char *path = path_in(root, SOURCES[source].name);
        require(unlink(path) == 0);
        make_fifo(path);
        const int status = ask(root);
        ck_assert_msg(status >= REAL_MACHINE, "%s: %d", path, status);
        require(unlink(path) == 0);
        write_source(path, SOURCES[source].contents);
    }
    remove_machine(root);
}
END_TEST

START_TEST(the_program_continues_whatever_replaces_all_files_below_NUMARS_FSROOT)
{
    for (size_t kind = 0; kind < sizeof INSTEAD / sizeof *INSTEAD; kind++) {
        const char *root = make_machine();
        /* The first file is the list of nodes: once with it, once without. */
        for (size_t source = COUNT; source-- > 0;) {
            require(unlink(path_in(root, SOURCES[source].name)) == 0);
            INSTEAD[kind](path_in(root, SOURCES[source].name));
            if (source <= 1) {
                const int status = ask(root);
                ck_assert_msg(status >= REAL_MACHINE, "kind %zu: %d", kind, status);
            }
        }
        remove_machine(root);
    }
}
END_TEST

START_TEST(the_program_continues_whatever_replaces_the_root)
{
    for (size_t kind = 0; kind < sizeof INSTEAD / sizeof *INSTEAD; kind++) {
        char path[] = "/tmp/numars-root-XXXXXX";
        require(mkdtemp(path) != NULL && rmdir(path) == 0);
        INSTEAD[kind](path);
        ck_assert_int_eq(ask(path), REAL_MACHINE);
        run_command("rm -rf %s", path);
    }
    ck_assert_int_eq(ask("/nowhere"), REAL_MACHINE);
}
END_TEST

START_TEST(a_fifo_instead_of_a_file_of_the_kernel_does_not_block)
{
    static const char FIFO[] = "/dev/shm/fifo";
    static const char *const files[] = { "/sys/devices/system/node/online", "/sys/devices/system/node/has_memory",
                                         "/sys/devices/system/node/node0/cpulist", "/sys/devices/system/node/node0/meminfo",
                                         "/sys/devices/system/node/node0/distance" };
    /* Not cpu/possible, which sysconf(3) reads. */
    require_private_mounts();
    unshare_mounts();
    mount_empty_over("/dev/shm");
    make_fifo(FIFO);
    for (size_t file = 0; file < sizeof files / sizeof *files; file++) {
        if (access(files[file], F_OK) != 0)
            continue;
        require(mount(FIFO, files[file], "", MS_BIND, NULL) == 0);
        ck_assert_msg(ask(NULL) == REAL_MACHINE, "%s", files[file]);
        require(umount2(files[file], MNT_DETACH) == 0);
    }
}
END_TEST

/* --- ownership of a captured machine --- */

START_TEST(a_root_that_others_may_write_to_is_ignored)
{
    const char *root = make_machine(), *system_folder = path_in(root, "sys/devices/system");
    const char *const folders[] = { root, system_folder };
    ck_assert_int_eq(ask(root), ANOTHER_MACHINE);
    for (size_t folder = 0; folder < 2; folder++) {
        require(chmod(folders[folder], 01777) == 0);
        ck_assert_int_eq(ask(root), REAL_MACHINE);
        require(chmod(folders[folder], 0755) == 0);
    }
    ck_assert_int_eq(ask(root), ANOTHER_MACHINE);
    remove_machine(root);
}
END_TEST

START_TEST(a_root_of_another_user_is_ignored)
{
    if (geteuid() != 0)
        skip_test("not root");
    const char *root = make_machine(), *system_folder = path_in(root, "sys/devices/system");
    require(chown(root, 65534, 65534) == 0);
    ck_assert_int_eq(ask(root), REAL_MACHINE);
    require(chown(root, 0, 0) == 0 && chown(system_folder, 65534, 65534) == 0);
    ck_assert_int_eq(ask(root), REAL_MACHINE);
    require(chown(system_folder, 0, 0) == 0);
    ck_assert_int_eq(ask(root), ANOTHER_MACHINE);
    remove_machine(root);
}
END_TEST

static const char *const ASK_SIZE = "--ask-size";

static int ask_size(void)
{
    return numa_node_size64(0, NULL) == 100 * 1024 ? ANOTHER_MACHINE : NOTHING_KNOWN;
}

START_TEST(a_file_of_others_or_that_others_may_write_to_is_not_read)
{
    const char *root = make_machine(), *file = path_in(root, "sys/devices/system/node/node0/meminfo");
    ck_assert_int_eq(run_with_root(root, ASK_SIZE), ANOTHER_MACHINE);
    require(chmod(file, 0646) == 0);
    ck_assert_int_eq(run_with_root(root, ASK_SIZE), NOTHING_KNOWN);
    require(chmod(file, 0644) == 0);
    ck_assert_int_eq(run_with_root(root, ASK_SIZE), ANOTHER_MACHINE);
    if (geteuid() == 0) {
        require(chown(file, 65534, 65534) == 0);
        ck_assert_int_eq(run_with_root(root, ASK_SIZE), NOTHING_KNOWN);
        require(chown(file, 0, 0) == 0);
        ck_assert_int_eq(run_with_root(root, ASK_SIZE), ANOTHER_MACHINE);
    }
    remove_machine(root);
}
END_TEST

static const char *const ASK_AGAIN = "--ask-again", *const LINK = "NUMARS_TEST_LINK";

/* Queries the size of a node twice; in between, a link is redirected to another user's machine. */
static int ask_again(void)
{
    char other[256];
    const long long before = numa_node_size64(0, NULL);
    const char *link = getenv(LINK);
    snprintf(other, sizeof other, "%s.other", link);
    if (before <= 0 || rename(other, link) != 0)
        return EXIT_FAILURE;
    const long long after = numa_node_size64(0, NULL);
    return after < 0 || after == before ? REAL_MACHINE : ANOTHER_MACHINE;
}

START_TEST(a_root_that_becomes_another_users_is_ignored_from_then_on)
{
    if (geteuid() != 0)
        skip_test("not root");
    char others[64];
    strcpy(others, make_machine());
    write_source(path_in(others, "sys/devices/system/node/node0/meminfo"), "Node 0 MemTotal: 200 kB\nNode 0 MemFree: 50 kB\n");
    require(chown(others, 65534, 65534) == 0);
    const char *root = make_machine(), *link = path_in(root, "link"), *other_link = path_in(root, "link.other");
    require(symlink(root, link) == 0 && symlink(others, other_link) == 0);
    setenv(LINK, link, 1);
    ck_assert_int_eq(run_with_root(link, ASK_AGAIN), REAL_MACHINE);
    remove_machine(root);
    remove_machine(others);
}
END_TEST

START_TEST(a_directory_without_the_files_of_a_machine_is_ignored)
{
    char root[] = "/tmp/numars-empty-XXXXXX";
    require(mkdtemp(root) != NULL);
    ck_assert_int_eq(ask(root), REAL_MACHINE);
    ck_assert_int_eq(ask("/etc"), REAL_MACHINE);
    require(rmdir(root) == 0);
}
END_TEST

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], ASK) == 0)
        return read_everything();
    if (count == 2 && strcmp(arguments[1], ASK_SIZE) == 0)
        return ask_size();
    if (count == 2 && strcmp(arguments[1], ASK_AGAIN) == 0)
        return ask_again();
    return run_tests("odd files of a machine", (const TTest *[]){
        a_fifo_instead_of_a_file_below_NUMARS_FSROOT_does_not_block,
        the_program_continues_whatever_replaces_all_files_below_NUMARS_FSROOT,
        the_program_continues_whatever_replaces_the_root,
        a_fifo_instead_of_a_file_of_the_kernel_does_not_block,
        a_root_that_others_may_write_to_is_ignored,
        a_root_of_another_user_is_ignored,
        a_file_of_others_or_that_others_may_write_to_is_not_read,
        a_root_that_becomes_another_users_is_ignored_from_then_on,
        a_directory_without_the_files_of_a_machine_is_ignored,
        NULL });
}
