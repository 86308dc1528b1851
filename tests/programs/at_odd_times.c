/* A library that calls everything in its constructor and destructor, whether or not those of numars have run by then; and, with
 * PROGRAM defined, a program that does nothing itself. */
#ifdef PROGRAM

int main(void)
{
    return 0;
}

#else

#include "all_functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void call(const char *when)
{
    static const struct expectations usual;
    struct violations violations = { 0 };
    char text[4096];
    call_all_functions(&usual, &violations);
    describe_violations(&violations, text, sizeof text);
    if (violations.count > 0) {
        printf("in the %s: %s\n", when, text);
        fflush(stdout);
        _exit(1);
    }
    printf("%s\n", when);
    fflush(stdout);
}

__attribute__((constructor)) static void construct(void)
{
    call("constructor");
}

__attribute__((destructor)) static void destruct(void)
{
    call("destructor");
}

#endif
