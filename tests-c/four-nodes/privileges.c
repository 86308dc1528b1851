/* A program with more privileges than its caller does not trust the caller's environment: it ignores NUMARS_ variables, and does not pass
 * them on. */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <numa.h>
#include <numaif.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "environment.h"
#include "fault_injection.h"
#include "harness.h"
#include "pages.h"
#include "private_mounts.h"

static const char *const MOVE = "--move", *const BECOME_ROOT = "--become-root", *const FOLDER = "/tmp/privileged";
enum { MOVED_BY_LIBRARY = 40, MOVED_BY_KERNEL = 41 };

static char output[1024];

/* Exit statuses of the program that is run. */
static const char *argument;

/* With NUMARS_MOVE=kernel, a page that is named twice is reported as busy, as the system call does. */
static int move_a_page_twice(void)
{
    char *page = pages_on_node(1, 0);
    void *pages[] = { page, page };
    const int nodes[] = { 1, 1 };
    int status[] = { NOT_WRITTEN, NOT_WRITTEN };
    if (numa_move_pages(0, 2, pages, nodes, status, MPOL_MF_MOVE) != 0 || status[0] != 1)
        return EXIT_FAILURE;
    return status[1] == 1 ? MOVED_BY_LIBRARY : MOVED_BY_KERNEL;
}

/* In a setuid program: sets all user IDs to root and executes itself; the new program cannot know who started the first one. Of variables
 * that it was given twice, it gets the last value, as with shells. */
static int become_root_and_move(const char *name)
{
    if (geteuid() != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0 || getenv("HOME") == NULL)
        return EXIT_FAILURE;
    char *reversed[16] = { NULL };
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    if (count >= sizeof reversed / sizeof *reversed)
        return EXIT_FAILURE;
    for (size_t variable = 0; variable < count; variable++)
        reversed[variable] = environ[count - 1 - variable];
    environ = reversed;
    execl(name, name, MOVE, (char *)NULL);
    return EXIT_FAILURE;
}

static void copy(const char *from, const char *to, mode_t mode)
{
    struct stat status;
    const int source = open(from, O_RDONLY), target = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    require(source >= 0 && target >= 0 && fstat(source, &status) == 0);
    require(sendfile(target, source, NULL, (size_t)status.st_size) == status.st_size);
    require(fchmod(target, mode) == 0);
    close(source);
    close(target);
}

/* Returns where the loader finds the library for such a program, which ignores LD_LIBRARY_PATH too: next to libc. NULL if it is there
 * already. */
static const char *place_beside_libc(const char **library_path)
{
    static char place[256];
    Dl_info libc, library;
    require(dladdr((void *)(uintptr_t)exit, &libc) != 0 && dladdr((void *)(uintptr_t)numa_free, &library) != 0);
    snprintf(place, sizeof place, "%.*s/libnumars.so.1", (int)(strrchr(libc.dli_fname, '/') - libc.dli_fname), libc.dli_fname);
    *library_path = library.dli_fname;
    return strcmp(place, library.dli_fname) == 0 ? NULL : place;
}

/* Makes a copy of this program that every user may run, on a file system that honours its privileges; with an argument, it makes the
 * move. */
static const char *program(mode_t mode)
{
    static char path[64];
    const char *library, *beside_libc = place_beside_libc(&library);
    if (beside_libc != NULL)
        copy(library, beside_libc, 0755);
    unshare_mounts();
    mkdir(FOLDER, 0755);
    require(mount("none", FOLDER, "tmpfs", 0, "mode=755") == 0);
    snprintf(path, sizeof path, "%s/program", FOLDER);
    copy("/proc/self/exe", path, mode);
    argument = MOVE;
    return path;
}

static const char *to_run;

static char *variables[16] = { (char[]){ "NUMARS_MOVE=kernel" }, (char[]){ "HOME=/" }, (char[]){ "NUMARS_LOG=1" }, NULL };

/* Passes each variable to the program twice; libc finds the first one. */
static void name_variables_twice(void)
{
    for (int variable = 0; variable < 3; variable++)
        variables[3 + variable] = strdup(variables[variable]);
}

static void run_unprivileged(void)
{
    drop_privileges();
    /* Makes a library available that is not in the loader's default directories. */
    char **end = variables;
    while (*end != NULL)
        end++;
    static char path[4096];
    if (getenv("LD_LIBRARY_PATH") != NULL) {
        snprintf(path, sizeof path, "LD_LIBRARY_PATH=%s", getenv("LD_LIBRARY_PATH"));
        *end = path;
    }
    environ = variables;
    execl(to_run, to_run, argument, (char *)NULL);
    _exit(EXIT_FAILURE);
}

static void assert_silently(int who_moved)
{
    ck_assert_int_eq(run_in_child(run_unprivileged, output, sizeof output), who_moved);
    ck_assert_str_eq(output, "");
}

static void assert_mover(int who_moved)
{
    ck_assert_int_eq(run_in_child(run_unprivileged, output, sizeof output), who_moved);
    ck_assert_ptr_nonnull(strstr(output, ": numa_move_pages("));
}

START_TEST(a_program_without_privileges_follows_the_environment)
{
    to_run = program(0755);
    assert_mover(MOVED_BY_KERNEL);
}
END_TEST

START_TEST(a_setuid_program_ignores_the_environment)
{
    to_run = program(04755);
    assert_silently(MOVED_BY_LIBRARY);
}
END_TEST

START_TEST(a_program_that_a_setuid_program_runs_as_root_ignores_the_environment)
{
    to_run = program(04755);
    argument = BECOME_ROOT;
    assert_silently(MOVED_BY_LIBRARY);
}
END_TEST

START_TEST(variables_passed_twice_to_a_setuid_program_are_ignored)
{
    to_run = program(04755);
    name_variables_twice();
    assert_silently(MOVED_BY_LIBRARY);
    argument = BECOME_ROOT;
    assert_silently(MOVED_BY_LIBRARY);
}
END_TEST

START_TEST(a_setgid_program_ignores_the_environment)
{
    to_run = program(02755);
    assert_silently(MOVED_BY_LIBRARY);
}
END_TEST

START_TEST(a_program_with_file_capabilities_ignores_the_environment)
{
    const struct vfs_cap_data capabilities = {
        .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
        .data[0].permitted = 1 << CAP_SYS_NICE,
    };
    to_run = program(0755);
    require(setxattr(to_run, "security.capability", &capabilities, sizeof capabilities, 0) == 0);
    assert_silently(MOVED_BY_LIBRARY);
}
END_TEST

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], MOVE) == 0)
        return move_a_page_twice();
    if (count > 1 && strcmp(arguments[1], BECOME_ROOT) == 0)
        return become_root_and_move(arguments[0]);
    const int status = run_tests("privileges", (const TTest *[]){
        a_program_without_privileges_follows_the_environment,
        a_setuid_program_ignores_the_environment,
        a_program_that_a_setuid_program_runs_as_root_ignores_the_environment,
        variables_passed_twice_to_a_setuid_program_are_ignored,
        a_setgid_program_ignores_the_environment,
        a_program_with_file_capabilities_ignores_the_environment,
        NULL });
    const char *library, *beside_libc = place_beside_libc(&library);
    if (beside_libc != NULL)
        unlink(beside_libc);
    rmdir(FOLDER);
    return status;
}
