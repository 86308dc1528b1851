/* Holds memory until it is ended, to look at with `numars map` and to move with `numars move`.
 *
 *     cc -o hold_memory hold_memory.c
 *     ./hold_memory 64
 *
 * `make demo` runs it. It needs no library. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const size_t mebibytes = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

    if (mebibytes == 0 || mebibytes > 1 << 20) {
        fprintf(stderr, "usage: %s MEBIBYTES\n", argv[0]);
        return EXIT_FAILURE;
    }
    char *memory = mmap(NULL, mebibytes << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        return EXIT_FAILURE;
    }
    madvise(memory, mebibytes << 20, MADV_NOHUGEPAGE);
    memset(memory, 1, mebibytes << 20); /* allocates the pages */
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
