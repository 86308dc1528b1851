/* Loads and unloads the library at argv[1] a thousand times, and compares what the process has before and afterwards. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                            \
    do {                                                              \
        if (!(condition)) {                                           \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);   \
            exit(1);                                                  \
        }                                                             \
    } while (0)

static void *function(void *library, const char *name)
{
    void *const found = dlsym(library, name);
    REQUIRE(found != NULL);
    return found;
}

static void load_use_and_unload(const char *path)
{
    void *const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(library != NULL);
    REQUIRE(((int (*)(void))function(library, "numa_num_configured_nodes"))() > 0);
    REQUIRE(((int (*)(int))function(library, "numa_node_of_cpu"))(0) >= 0);
    REQUIRE(((int (*)(int, int))function(library, "numa_distance"))(0, 0) == 10);
    void *const set = ((void *(*)(void))function(library, "numa_allocate_nodemask"))();
    REQUIRE(set != NULL);
    ((void (*)(void *))function(library, "numa_bitmask_free"))(set);
    REQUIRE(dlclose(library) == 0);
}

/* The process's mappings as /proc/self/maps has them. */
static void read_maps(char *text, size_t size)
{
    FILE *file = fopen("/proc/self/maps", "r");
    REQUIRE(file != NULL);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static pthread_key_t next_key(void)
{
    pthread_key_t key;
    REQUIRE(pthread_key_create(&key, NULL) == 0 && pthread_key_delete(key) == 0);
    return key;
}

static int open_files(void)
{
    int found = 0;
    DIR *folder = opendir("/proc/self/fd");
    REQUIRE(folder != NULL);
    while (readdir(folder) != NULL)
        found++;
    closedir(folder);
    return found;
}

int main(int count, char **arguments)
{
    static char before[65536], after[65536];
    REQUIRE(count == 2);
    /* What libc itself keeps from the first times on does not count; it does not grow further. */
    for (int time = 0; time < 50; time++) {
        load_use_and_unload(arguments[1]);
        read_maps(before, sizeof before);
        next_key();
        open_files();
        mallinfo2();
    }
    REQUIRE(strstr(before, "numa") == NULL);
    const pthread_key_t key = next_key();
    const int files = open_files();
    const size_t allocated = mallinfo2().uordblks;
    for (int time = 0; time < 1000; time++)
        load_use_and_unload(arguments[1]);
    const size_t allocated_now = mallinfo2().uordblks;
    read_maps(after, sizeof after);
    REQUIRE(strcmp(before, after) == 0);
    REQUIRE(allocated == allocated_now);
    REQUIRE(next_key() == key);
    REQUIRE(open_files() == files);
    printf("nothing is left\n");
    return 0;
}
