/* Opens libnuma as a JVM does, and calls the functions of each symbol version. */
#include <dlfcn.h>
#include <stdio.h>

int main(void)
{
    void *library = dlopen("libnuma.so.1", RTLD_LAZY);

    if (!library) {
        puts(dlerror());
        return 1;
    }
    static const char *const names[] = { "numa_available", "numa_max_node", "numa_num_configured_cpus", "numa_num_task_nodes" };
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        int (*function)(void) = (int (*)(void))dlvsym(library, names[i], "libnuma_1.2");

        if (!function)
            function = (int (*)(void))dlsym(library, names[i]);
        if (function)
            printf("%s() = %d\n", names[i], function());
        else
            printf("%s is not there\n", names[i]);
    }
    return dlclose(library);
}
