/* The library's own numa_error and numa_warn. A program's own are tested by own_messages.c. */
#include "families.h"

void message_cases(void)
{
    CASE("numa_error/plain") {
        errno = ENOENT;
        numa_error((char *)"the call");
        print_errno(errno);
    }
    CASE("numa_error/twice") {
        errno = EINVAL;
        numa_error((char *)"the call");
        numa_error((char *)"the call");
    }
    CASE("numa_error/no-errno") {
        errno = 0;
        numa_error((char *)"");
    }
    CASE("numa_error/percent") {
        errno = EPERM;
        numa_error((char *)"%s%d");
    }
    CASE("numa_error/exit") {
        errno = EPERM;
        numa_exit_on_error = 1;
        numa_error((char *)"the call");
    }
    CASE("numa_warn/plain") {
        errno = ENOENT;
        numa_warn(0, (char *)"a warning");
        print_errno(errno);
    }
    CASE("numa_warn/arguments")
        numa_warn(1, (char *)"%d and %s, %lu, %5.2f, %c, %x, %%", -3, "text", 7UL, 1.5, 'c', 255u);
    CASE("numa_warn/twice") {
        numa_warn(2, (char *)"a warning");
        numa_warn(2, (char *)"another");
        numa_warn(3, (char *)"a third");
    }
    CASE("numa_warn/with-newline")
        numa_warn(4, (char *)"a warning\n");
    for (int number = -33; number <= 65; number += 14)
        CASE("numa_warn/%d-twice", number) {
            numa_warn(number, (char *)"first");
            numa_warn(number, (char *)"second");
        }
    CASE("numa_warn/0-and-32") {
        numa_warn(0, (char *)"zero");
        numa_warn(32, (char *)"thirty-two");
    }
    CASE("numa_warn/exit") {
        numa_exit_on_warn = 1;
        numa_warn(0, (char *)"a warning");
        puts("still here");
    }
    CASE("numa_warn/exit-on-error") {
        numa_exit_on_error = 1;
        numa_warn(0, (char *)"a warning");
        puts("still here");
    }
}
