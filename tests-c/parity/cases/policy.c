/* The policy of the thread. */
#include "arguments.h"
#include "families.h"
#include "memory.h"

static const struct {
    const char *name;
    void (*set)(struct bitmask *);
} by_set[] = {
    { "numa_bind", numa_bind },
    { "numa_set_membind", numa_set_membind },
    { "numa_set_membind_balancing", numa_set_membind_balancing },
    { "numa_set_interleave_mask", numa_set_interleave_mask },
    { "numa_set_preferred_many", numa_set_preferred_many },
    { NULL, NULL },
};

static void print_state(void)
{
    print_thread_policy();
    print_affinity();
}

static void after_another_policy(const char *name, void (*set)(struct bitmask *), const struct set *nodes)
{
    CASE("%s/was-bound:%s", name, nodes->name) {
        set_thread_policy(MPOL_BIND, 1UL << first_allowed_node());
        CALL(set(make_set(nodes)));
        print_thread_policy();
    }
}

void policy_cases(void)
{
    static const struct set none = { "64-bits:none", 64, "" };

    FOR_EACH(call, by_set) {
        FOR_EACH(nodes, node_sets)
            CASE("%s/%s", call->name, nodes->name) {
                CALL(call->set(make_set(nodes)));
                print_state();
            }
        CASE("%s/numa_all_nodes_ptr", call->name) {
            CALL(call->set(numa_all_nodes_ptr));
            print_state();
        }
        CASE("%s/numa_no_nodes_ptr", call->name) {
            CALL(call->set(numa_no_nodes_ptr));
            print_state();
        }
        CASE("%s/NULL", call->name) {
            CALL(call->set(NULL));
            print_state();
        }
        after_another_policy(call->name, call->set, &none);
    }
    FOR_EACH(nodes, node_sets)
        CASE("numa_set_weighted_interleave_mask/%s", nodes->name) {
            void (*set)(struct bitmask *) = (void (*)(struct bitmask *))newer("numa_set_weighted_interleave_mask");
            if (set != NULL)
                CALL(set(make_set(nodes)));
            print_thread_policy();
        }
    FOR_EACH(node, node_numbers)
        CASE("numa_set_preferred/%s", node->name) {
            CALL(numa_set_preferred(node->value));
            print_thread_policy();
        }
    CASE("numa_set_localalloc") {
        set_thread_policy(MPOL_BIND, 1UL << first_allowed_node());
        CALL(numa_set_localalloc());
        print_thread_policy();
    }
    /* These two are stored and change other calls: flags.c. */
    CASE("numa_set_bind_policy")
        for (int strict = -1; strict <= 2; strict++) {
            CALL(numa_set_bind_policy(strict));
            print_thread_policy();
        }
    CASE("numa_set_strict")
        for (int strict = -1; strict <= 2; strict++) {
            CALL(numa_set_strict(strict));
            print_thread_policy();
        }
}
