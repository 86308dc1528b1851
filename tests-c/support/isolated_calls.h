/* Single calls, each in a process of its own, so that one that crashes, exits or hangs is reported by its source text.
 *
 *     RETURNS(numa_bitmask_weight(NULL), 0);
 *     FAILS(numa_node_of_cpu(-1), -1, EINVAL);
 *     for (…) {
 *         describe_cases("a set of %lu bits", size);
 *         REPORTS(numa_set_membind(set), "set_mempolicy", EINVAL);
 *     }
 *
 * The returned value, errno and the output must be as given; a call that returns nothing counts as returning 0. */
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

/* Returns nothing, or 0: the failure is reported through numa_error(). */
#define REPORTS(call, what, code) CHECK_CALL(((call), 0L), 0, code, error_message(what, code))

/* All of it: the value, errno and the text on standard error. */
#define CHECK_CALL(call, value, code, text)           \
    do {                                              \
        if (begin_case()) {                           \
            const long returned_ = (long)(call);      \
            end_case(returned_, errno);               \
        }                                             \
        check_case(#call, (long)(value), code, text); \
    } while (0)

/* Describes what the following cases have in common, for messages. */
void describe_cases(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The parts of CHECK_CALL: begin_case() is true in the new process, which end_case() ends. */
bool begin_case(void);
_Noreturn void end_case(long value, int code);
void check_case(const char *call, long value, int code, const char *text);

/* Returns what numa_error() prints. */
const char *error_message(const char *what, int code);

/* Returns true if there is a set, and frees it. */
bool allocated_and_freed(struct bitmask *set);

/* A set whose words end where the mapping ends, with one member; -1: none. */
struct bitmask set_at_end_of_mapping(unsigned long size, long member);

/* A string that ends where the mapping ends: reading beyond an unterminated one faults. */
char *string_at_end_of_mapping(const char *text);

/* The same, `length` bytes long: `pattern` repeated, after `start`. */
char *long_string(const char *start, const char *pattern, size_t length);

#endif
