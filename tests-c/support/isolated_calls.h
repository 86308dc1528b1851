/* Single calls, each in a process of its own, so that one which crashes, ends the program or never comes back is told by its text.
 *
 *     ANSWERS(numa_bitmask_weight(NULL), 0);
 *     FAILS(numa_node_of_cpu(-1), -1, EINVAL);
 *     for (…) {
 *         cases_of("a set of %lu bits", size);
 *         REPORTS(numa_set_membind(set), "set_mempolicy", EINVAL);
 *     }
 *
 * What a call gives back, what is in errno afterwards and what it prints must be as said; a call that returns nothing gives 0. */
#ifndef ISOLATED_CALLS_H
#define ISOLATED_CALLS_H

#include <errno.h>
#include <numa.h>
#include <stdbool.h>

#include "harness.h"

/* Succeeds: errno is left alone, and nothing is printed. */
#define RETURNS(call, value) CHECK_CALL(call, value, UNTOUCHED_ERRNO, "")

/* Fails silently. */
#define FAILS(call, value, code) CHECK_CALL(call, value, code, "")

/* Returns nothing, or 0: what is wrong goes to numa_error(). */
#define REPORTS(call, what, code) CHECK_CALL(((call), 0L), 0, code, error_message(what, code))

/* All of it: the value, errno and the text on standard error. */
#define CHECK_CALL(call, value, code, text)                   \
    do {                                               \
        if (begin_case()) {                            \
            const long returned_ = (long)(call);       \
            end_case(returned_, errno);                \
        }                                              \
        check_case(#call, (long)(value), code, text); \
    } while (0)

/* What the cases from here on have in common, for their names. */
void describe_cases(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What TRY is made of: begin_case is true in the new process, which end_case ends. */
bool begin_case(void);
_Noreturn void end_case(long value, int code);
void check_case(const char *call, long value, int code, const char *text);

/* What numa_error() prints. */
const char *error_message(const char *what, int code);

/* Whether there is a set; it is given back. */
bool allocated_and_freed(struct bitmask *set);

/* A set whose words end where the mapping ends, with one member; -1: none. */
struct bitmask set_at_end_of_mapping(unsigned long size, long member);

/* A string whose end is the end of the mapping: one that is not terminated would be read beyond it. */
char *string_at_end_of_mapping(const char *text);

/* The same, of so many bytes, which repeat `pattern`, and begin with `start`. */
char *long_string(const char *start, const char *pattern, size_t length);

#endif
