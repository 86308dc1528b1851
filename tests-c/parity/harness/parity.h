/* A parity program calls the library and prints what came back; two libraries are equal when the prints are.
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
 * The block of a CASE runs in a process of its own: it may crash, exit, hang, or change policy and affinity as it likes. Every line
 * that it prints comes out behind the case's id, so does what it wrote to standard error, and how it ended, if not by reaching the
 * block's end. What is printed must be the same in every run: no addresses, no process ids, no amounts of free memory. */
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

/* Walks through an array that ends with an element whose name is NULL. */
#define FOR_EACH(element, array) for (__typeof__(&(array)[0]) element = (array); element->name != NULL; element++)

/* The id is FUNCTION/ARGUMENTS, or TOPIC/ARGUMENTS; it is a printf-like format. */
#define CASE(...) for (bool in_case_ = begin_case(__VA_ARGS__); in_case_; end_case())
bool begin_case(const char *id_format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void end_case(void);

/* Runs everything that a list of families does, limited to ids that begin with `prefix`. Returns the status for main. */
typedef void family(void);
int run_families(family *const families[], const char *prefix);

/* No call sets this errno, so finding it afterwards means: errno was left alone. */
enum { UNTOUCHED_ERRNO = 4000 };

/* Calls, and prints what came back, and errno if that was changed. */
#define CALL(call) (errno = UNTOUCHED_ERRNO, (call), print_that_it_came_back(errno))
#define INTEGER(call) (errno = UNTOUCHED_ERRNO, print_integer(call))
#define MASK(call) (errno = UNTOUCHED_ERRNO, print_and_free_mask(call))

void print_errno(int error);
void print_that_it_came_back(int error);
void print_integer(long long returned);
void print_mask(const struct bitmask *mask);
void print_and_free_mask(struct bitmask *mask);
void print_nodemask(const nodemask_t *mask);
/* As the kernel writes sets: 0-2,5; "none" if empty. */
void print_bits(const unsigned long *words, unsigned long size);

/* ---- functions that the headers may lack ---- */

/* To be cast to the function's own type. NULL, and the case says so, when the library does not have it. */
typedef void any_function(void);
any_function *newer(const char *name);
/* The hidden form for programs of libnuma's first version. */
any_function *older(const char *name);

#endif
