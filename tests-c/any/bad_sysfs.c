/* Files of /sys and /proc may be missing, truncated, endless or nonsense: not every container mounts them, and some mount files of their
 * own there. The library then returns what it knows, or reports that it does not know. */
#include <fcntl.h>
#include <numars.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "fault_injection.h"
#include "harness.h"
#include "private_mounts.h"

/* Ways to corrupt a file. */
enum corruption { NONE, MISSING, NO_FILE, EMPTY, CUT, ZEROS_WITHOUT_END, BINARY, HUGE_NONSENSE, CORRUPTIONS };
static const char *const CORRUPTION_NAMES[CORRUPTIONS] = { "as it is", "missing", "a folder", "empty", "cut off", "/dev/zero", "binary",
                                                           "huge" };

/* The files that the library reads. */
static const char *const SYS_FILES[] = {
    "/sys/devices/system/node/online",         "/sys/devices/system/node/has_memory",
    "/sys/devices/system/node/node0/meminfo",  "/sys/devices/system/node/node1/meminfo",
    "/sys/devices/system/node/node0/distance", "/sys/devices/system/node/node1/distance",
    "/sys/devices/system/node/node0/cpulist",  "/sys/devices/system/node/node1/cpulist",
    NULL,
};
static const char *const PROC_FILES[] = { "/proc/self/status", "/proc/self/maps", "/proc/self/pagemap", NULL };

struct replacement {
    const char *mounted_at;
    const char *const *files;
    enum corruption corruption;
};

enum { MAX_FILES = 8, MAX_TEXT = 16384 };

struct file_text {
    size_t length;
    char text[MAX_TEXT];
};

/* A missing file reads as empty; so does one without text. */
static void read_file(const char *path, struct file_text *text)
{
    const int file = open(path, O_RDONLY);
    text->length = 0;
    for (ssize_t got; file >= 0 && (got = read(file, text->text + text->length, MAX_TEXT - text->length)) > 0;)
        text->length += (size_t)got;
    close(file);
}

static void make_folders_of(const char *path)
{
    char folder[128];
    for (const char *end = strchr(path + 1, '/'); end != NULL; end = strchr(end + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(end - path), path);
        mkdir(folder, 0755);
    }
}

static void write_file(const char *path, const char *text, size_t length)
{
    const int file = open(path, O_WRONLY | O_CREAT, 0644);
    require(file >= 0);
    require(write(file, text, length) == (ssize_t)length);
    close(file);
}

/* More than the library reads of any file, in a single line. */
static void write_huge_file(const char *path)
{
    static char text[3 << 20];
    static const char nonsense[] = "0-3,9999999999999999999999-,";
    for (size_t at = 0; at + sizeof nonsense <= sizeof text; at += sizeof nonsense - 1)
        memcpy(text + at, nonsense, sizeof nonsense - 1);
    write_file(path, text, sizeof text);
}

/* Every byte value, several times, in a scrambled order. */
static void write_binary_file(const char *path)
{
    char bytes[4096];
    unsigned int state = 1;
    for (size_t i = 0; i < sizeof bytes; i++) {
        state = state * 1103515245 + 12345;
        bytes[i] = (char)(state >> 16);
    }
    write_file(path, bytes, sizeof bytes);
}

static void make_file(const char *path, const struct file_text *text, enum corruption corruption)
{
    make_folders_of(path);
    switch (corruption) {
    case NONE: write_file(path, text->text, text->length); break;
    case NO_FILE: require(mkdir(path, 0755) == 0); break;
    case EMPTY: write_file(path, "", 0); break;
    case CUT: write_file(path, text->text, text->length / 2); break;
    case ZEROS_WITHOUT_END: require(symlink("/dev/zero", path) == 0); break;
    case BINARY: write_binary_file(path); break;
    case HUGE_NONSENSE: write_huge_file(path); break;
    case MISSING:
    case CORRUPTIONS: break;
    }
}

/* Mounts an empty file system over a directory and creates the corrupted files in it; everything else below it is gone. */
static void corrupt(const struct replacement *replacement)
{
    static struct file_text texts[MAX_FILES];
    for (size_t i = 0; replacement->files[i] != NULL; i++)
        read_file(replacement->files[i], &texts[i]);
    mount_empty_over(replacement->mounted_at);
    for (size_t i = 0; replacement->files[i] != NULL; i++)
        make_file(replacement->files[i], &texts[i], replacement->corruption);
}

static void corrupt_all(const void *argument)
{
    unshare_mounts();
    for (const struct replacement *replacement = argument; replacement->mounted_at != NULL; replacement++)
        corrupt(replacement);
}

static enum files files_after(enum corruption corruption)
{
    return corruption == MISSING || corruption == NO_FILE ? NO_FILES : WRONG_FILES;
}

/* Calls every function with all files below these directories corrupted, once for each kind of corruption. */
static void corrupt_in_all_ways(bool sys, bool proc)
{
    require_private_mounts();
    for (enum corruption corruption = MISSING; corruption < CORRUPTIONS; corruption++) {
        struct expectations environment = { 0 };
        struct replacement replacements[3], *next = replacements;
        if (proc) {
            *next++ = (struct replacement){ "/proc", PROC_FILES, corruption };
            environment.proc = files_after(corruption);
        }
        if (sys) {
            *next++ = (struct replacement){ "/sys", SYS_FILES, corruption };
            environment.sys = files_after(corruption);
        }
        *next = (struct replacement){ NULL, NULL, NONE };
        assert_all_functions_work(CORRUPTION_NAMES[corruption], &environment, corrupt_all, replacements);
    }
}

START_TEST(files_of_sys_may_be_missing_or_corrupt)
{
    corrupt_in_all_ways(true, false);
}
END_TEST

START_TEST(files_of_proc_may_be_missing_or_corrupt)
{
    corrupt_in_all_ways(false, true);
}
END_TEST

START_TEST(all_files_may_be_missing_or_corrupt)
{
    corrupt_in_all_ways(true, true);
}
END_TEST

int main(int count, char **arguments)
{
    continue_after_reexec(count, arguments);
    return run_tests("bad_sysfs", (const TTest *[]){
        files_of_sys_may_be_missing_or_corrupt,
        files_of_proc_may_be_missing_or_corrupt,
        all_files_may_be_missing_or_corrupt,
        NULL });
}
