/* Lists of nodes, and the warnings about them. Header only, because it defines the numa_warn() that the library calls instead of its own:
 * a program includes it to have its warnings recorded instead of printed. */
#ifndef RECORDED_WARNINGS_H
#define RECORDED_WARNINGS_H

#include <numa.h>
#include <stdarg.h>
#include <stdio.h>

#include "harness.h"

/* The latest warning. */
static int last_warning;
static char last_text[256];

void numa_warn(int number, char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    last_warning = number;
    vsnprintf(last_text, sizeof last_text, format, arguments);
    va_end(arguments);
}

/* Returns the set that a list names, which must be accepted without a warning and with errno left alone. */
static struct bitmask *accepted(const char *list, struct bitmask *(*parse)(const char *))
{
    last_warning = -1;
    errno = UNTOUCHED_ERRNO;
    struct bitmask *set = parse(list);
    expect(set != NULL && last_warning == -1 && errno == UNTOUCHED_ERRNO, "%s: set %p, warning %d (%s), errno %d", list, (void *)set,
           last_warning, last_text, errno);
    return set;
}

/* The list must not be accepted, with this warning. */
static void assert_refused(const char *list, int warning, const char *text)
{
    last_warning = -1;
    errno = UNTOUCHED_ERRNO;
    struct bitmask *set = numa_parse_nodestring(list);
    expect(set == NULL && last_warning == warning && errno == UNTOUCHED_ERRNO, "%s: set %p, warning %d (%s), errno %d", list, (void *)set,
           last_warning, last_text, errno);
    ck_assert_str_eq(last_text, text);
}

#endif
