/* The arguments of the cases: node and CPU numbers, sets, sizes. They are made without the library under test. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include "parity.h"

struct number {
    const char *name;
    int value;
};
extern struct number node_numbers[], cpu_numbers[];

struct set {
    const char *name;
    unsigned long size;
    const char *members;
};
/* Sets of nodes in all sizes; and fewer sets, for calls that have other arguments too. */
extern const struct set node_sets[], some_node_sets[], cpu_sets[];

/* Makes a set. Its last word is followed by zeros, so that reading beyond it is at least deterministic. */
struct bitmask *make_set(const struct set *set);
nodemask_t make_nodemask(const struct set *set);

/* The highest numbers of nodes and CPUs that are online. */
int last_node(void);
int last_cpu(void);
/* Nodes and CPUs that this process may use. */
unsigned long allowed_nodes(void);
int first_allowed_node(void);
int other_allowed_node(void);
int first_allowed_cpu(void);

void find_arguments(void);

#endif
