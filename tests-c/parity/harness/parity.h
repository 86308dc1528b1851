/* A parity program calls the library and prints the results; two libraries are equivalent if their output is the same.
 *
 *     void cases_of_the_family(void)
 *     {
 *         FOR_EACH(node, node_numbers)
 *             CASE("numa_set_preferred/%s", node->name) {
 *                 CALL(numa_set_preferred(node->value));
 *                 print_thread_policy();
 *             }
 *     }
 *
 * The block of a CASE runs in a process of its own: it may crash, exit, hang, or change policy and affinity. Every line that it prints is
 * output after the case's ID, and so are what it wrote to standard error, and how it ended unless it reached the end of the block. The
 * output must be the same in every run: no addresses, no process IDs, no amounts of free memory. */
#ifndef PARITY_H
#define PARITY_H

#include <errno.h>
#include <limits.h>
#include <numa.h>
#include <numaif.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Iterates over an array that ends with an element whose name is NULL. */
#define FOR_EACH(element, array) for (__typeof__(&(array)[0]) element = (array); element->name != NULL; element++)

/* 2^exponent, or a size that is as unusual where addresses have 32 bits. */
#define HUGE_SIZE(exponent) ((size_t)1 << (sizeof(size_t) == 8 ? (exponent) : 31 - (63 - (exponent)) / 8))

/* The ID is FUNCTION/ARGUMENTS, or TOPIC/ARGUMENTS; it is a printf-like format. */
#define CASE(...) for (bool in_case_ = begin_case(__VA_ARGS__); in_case_; end_case())
bool begin_case(const char *id_format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void end_case(void);

/* Runs a list of families, limited to IDs that begin with `prefix`. Returns the status for main. */
typedef void family(void);
int run_families(family *const families[], const char *prefix);

/* No call sets this errno, so finding it afterwards means that errno was left alone. */
enum { UNTOUCHED_ERRNO = 4000 };

/* Call, and print the result, and errno if it was changed. */
#define CALL(call) (errno = UNTOUCHED_ERRNO, (call), print_returned(errno))
#define INTEGER(call) (errno = UNTOUCHED_ERRNO, print_integer(call))
#define MASK(call) (errno = UNTOUCHED_ERRNO, print_and_free_mask(call))

void print_errno(int error);
void print_returned(int error);
void print_integer(long long returned);
void print_mask(const struct bitmask *mask);
void print_and_free_mask(struct bitmask *mask);
void print_nodemask(const nodemask_t *mask);
/* In the kernel's format: 0-2,5; "none" if empty. */
void print_bits(const unsigned long *words, unsigned long size);

/* ---- functions that older headers lack ---- */

/* The result must be cast to the function's own type. If the library does not have the function, prints that and returns NULL. */
typedef void any_function(void);
any_function *newer(const char *name);
/* The hidden symbol version for programs of libnuma's first version. */
any_function *older(const char *name);

#endif
