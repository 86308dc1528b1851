/* Locks all current and future memory: each private page of a library counts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
    int locked = mlockall(MCL_CURRENT | MCL_FUTURE);

    printf("mlockall %d %s\n", locked, locked ? strerror(errno) : "");
    void *memory = malloc(1 << 20);

    printf("malloc %d\n", memory != NULL);
    free(memory);
    return locked != 0;
}
