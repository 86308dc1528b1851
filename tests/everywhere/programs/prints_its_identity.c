#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    printf("user %u %u, group %u %u, secure %d\n", getuid(), geteuid(), getgid(), getegid(), secure_getenv("HOME") == NULL);
    return argc > 1 ? atoi(argv[1]) : 0;
}
