/* holds_memory NODE:MIB…: has so much memory on each of the nodes, at 0x100000000, 0x200000000, …, prints a line, and waits. */

#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MPOL_BIND = 2 };

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        unsigned node, mebibytes;
        if (sscanf(argv[i], "%u:%u", &node, &mebibytes) != 2 || node >= 64)
            return 2;
        unsigned long nodes = 1ul << node, size = (unsigned long)mebibytes << 20;
        void *place = (void *)((unsigned long)i << 32);
        char *memory = mmap(place, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (memory == MAP_FAILED || madvise(memory, size, MADV_NOHUGEPAGE) != 0) {
            perror("mmap");
            return 1;
        }
        if (syscall(SYS_mbind, memory, size, MPOL_BIND, &nodes, 65ul, 0) != 0) {
            perror("mbind");
            return 1;
        }
        memset(memory, 1, size);
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
