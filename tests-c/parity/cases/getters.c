/* What the library returns about policies that were set by system calls. */
#include "arguments.h"
#include "families.h"
#include "memory.h"

enum { LOCAL = 4, PREFERRED_MANY = 5, WEIGHTED_INTERLEAVE = 6, BALANCING = 1 << 13, RELATIVE = 1 << 14, STATIC = 1 << 15 };

/* Among the allowed nodes; if there is only one, it is the other one too. */
enum nodes { NONE, FIRST, OTHER, BOTH };

static const struct {
    const char *name;
    int mode;
    enum nodes nodes;
} policies[] = {
    { "default", MPOL_DEFAULT, NONE },
    { "local", LOCAL, NONE },
    { "preferred-none", MPOL_PREFERRED, NONE },
    { "preferred-first", MPOL_PREFERRED, FIRST },
    { "preferred-other", MPOL_PREFERRED, OTHER },
    { "preferred-both", MPOL_PREFERRED, BOTH },
    { "preferred-static-other", MPOL_PREFERRED | STATIC, OTHER },
    { "preferred-many-other", PREFERRED_MANY, OTHER },
    { "preferred-many-both", PREFERRED_MANY, BOTH },
    { "bind-first", MPOL_BIND, FIRST },
    { "bind-other", MPOL_BIND, OTHER },
    { "bind-both", MPOL_BIND, BOTH },
    { "bind-static-both", MPOL_BIND | STATIC, BOTH },
    { "bind-relative-both", MPOL_BIND | RELATIVE, FIRST },
    { "bind-balancing-both", MPOL_BIND | BALANCING, BOTH },
    { "interleave-other", MPOL_INTERLEAVE, OTHER },
    { "interleave-both", MPOL_INTERLEAVE, BOTH },
    { "interleave-static-both", MPOL_INTERLEAVE | STATIC, BOTH },
    { "weighted-interleave-both", WEIGHTED_INTERLEAVE, BOTH },
    { NULL, 0, NONE },
};

static unsigned long choose(enum nodes nodes)
{
    const unsigned long first = 1UL << first_allowed_node(), other = 1UL << other_allowed_node();
    return nodes == NONE ? 0 : nodes == FIRST ? first : nodes == OTHER ? other : first | other;
}

/* The next node depends on how many pages the library itself has touched. */
static void interleave_node(unsigned long nodes)
{
    errno = UNTOUCHED_ERRNO;
    const int node = numa_get_interleave_node();
    if (node >= 0 && (nodes >> node & 1)) {
        puts("one of the policy's nodes");
        print_errno(errno);
    } else
        print_integer(node);
}

void getter_cases(void)
{
    FOR_EACH(policy, policies) {
        const unsigned long nodes = choose(policy->nodes);
#define GETTER(function, action)                      \
    CASE(function "/%s", policy->name) {              \
        set_thread_policy(policy->mode, nodes);       \
        action;                                       \
        print_thread_policy();                        \
    }
        GETTER("numa_preferred", INTEGER(numa_preferred()))
        GETTER("numa_preferred_many", MASK(numa_preferred_many()))
        GETTER("numa_get_membind", MASK(numa_get_membind()))
        GETTER("numa_get_interleave_mask", MASK(numa_get_interleave_mask()))
        GETTER("numa_get_interleave_node", interleave_node(nodes))
    }
    CASE("numa_get_run_node_mask")
        MASK(numa_get_run_node_mask());
    CASE("numa_get_run_node_mask/on-one-cpu") {
        stay_on_first_cpu();
        MASK(numa_get_run_node_mask());
    }
    CASE("numa_get_run_node_mask/on-last-node") {
        INTEGER(numa_run_on_node(last_node()));
        MASK(numa_get_run_node_mask());
    }
}
