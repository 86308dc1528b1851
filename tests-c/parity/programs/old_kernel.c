/* old-kernel PROGRAM ARGUMENTS…: runs a program as on Linux 3.10. */
#include "../../support/old_kernel.h"

#include <stdio.h>
#include <unistd.h>

int main(int count, char *arguments[])
{
    if (count < 2 || become_old_kernel() != 0) {
        perror("old-kernel");
        return 125;
    }
    execv(arguments[1], arguments + 1);
    perror(arguments[1]);
    return 126;
}
