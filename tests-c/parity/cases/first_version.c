/* The hidden symbol versions for programs of libnuma's first version. They take a nodemask_t, or a plain array with its length in bytes. */
#include <string.h>

#include "arguments.h"
#include "families.h"
#include "memory.h"

static const struct set nodemasks[] = {
    { "none", 0, "" },         { "0", 0, "0" },         { "1", 0, "1" },   { "0,1", 0, "0,1" }, { "1,last", 0, "1,last" },
    { "last+1", 0, "last+1" }, { "online", 0, "online" }, { "top", 0, "top" }, { "every", 0, "every" }, { NULL, 0, NULL },
};

static void print_state(void)
{
    print_thread_policy();
    print_affinity();
}

static void with_nodemask(const struct set *nodes)
{
    static const char *const setters[] = { "numa_bind", "numa_set_membind", "numa_set_interleave_mask" };
    static const char *const of_memory[] = { "numa_interleave_memory", "numa_tonodemask_memory" };
    const nodemask_t nodemask = make_nodemask(nodes);

    for (size_t name = 0; name < COUNT(setters); name++)
        CASE("%s@libnuma_1.1/%s", setters[name], nodes->name) {
            void (*set)(const nodemask_t *) = (void (*)(const nodemask_t *))older(setters[name]);
            if (set != NULL)
                CALL(set(&nodemask));
            print_state();
        }
    for (size_t name = 0; name < COUNT(of_memory); name++)
        CASE("%s@libnuma_1.1/%s", of_memory[name], nodes->name) {
            void (*apply)(void *, size_t, const nodemask_t *) = (void (*)(void *, size_t, const nodemask_t *))older(of_memory[name]);
            void *memory = fresh_pages(SOME_PAGES);
            stay_on_first_cpu();
            if (apply != NULL)
                CALL(apply(memory, SOME_PAGES * page_size(), &nodemask));
            print_memory_policy(memory);
            touch_pages(memory, SOME_PAGES);
            print_placement(memory, SOME_PAGES);
        }
    CASE("numa_alloc_interleaved_subset@libnuma_1.1/%s", nodes->name) {
        void *(*allocate)(size_t, const nodemask_t *) = (void *(*)(size_t, const nodemask_t *))older("numa_alloc_interleaved_subset");
        if (allocate == NULL)
            end_case();
        stay_on_first_cpu();
        errno = UNTOUCHED_ERRNO;
        void *memory = allocate(SOME_PAGES * page_size(), &nodemask);
        print_errno(errno);
        puts(memory == NULL ? "NULL" : "memory");
        if (memory == NULL)
            end_case();
        print_memory_policy(memory);
        touch_pages(memory, SOME_PAGES);
        print_placement(memory, SOME_PAGES);
    }
    CASE("numa_run_on_node_mask@libnuma_1.1/%s", nodes->name) {
        int (*run)(const nodemask_t *) = (int (*)(const nodemask_t *))older("numa_run_on_node_mask");
        if (run != NULL)
            INTEGER(run(&nodemask));
        print_state();
    }
}

static const struct {
    const char *name;
    int mode;
    bool has_nodes;
} policies[] = {
    { "default", MPOL_DEFAULT, false },
    { "preferred", MPOL_PREFERRED, true },
    { "bind", MPOL_BIND, true },
    { "interleave", MPOL_INTERLEAVE, true },
    { NULL, 0, false },
};

static void getters(void)
{
    static const char *const names[] = { "numa_get_membind", "numa_get_interleave_mask", "numa_get_run_node_mask" };
    for (size_t name = 0; name < COUNT(names); name++)
        FOR_EACH(policy, policies)
            CASE("%s@libnuma_1.1/%s", names[name], policy->name) {
                nodemask_t (*get)(void) = (nodemask_t (*)(void))older(names[name]);
                if (get == NULL)
                    end_case();
                set_thread_policy(policy->mode, policy->has_nodes ? 1UL << other_allowed_node() : 0);
                errno = UNTOUCHED_ERRNO;
                const nodemask_t got = get();
                print_errno(errno);
                print_nodemask(&got);
            }
}

static void with_bytes(unsigned bytes)
{
    static unsigned long words[2048];
    memset(words, 0xff, sizeof words);

    CASE("numa_sched_getaffinity@libnuma_1.1/%u-bytes", bytes) {
        int (*get)(pid_t, unsigned, unsigned long *) = (int (*)(pid_t, unsigned, unsigned long *))older("numa_sched_getaffinity");
        if (get != NULL)
            INTEGER(get(0, bytes, words));
        print_bits(words, 192);
        putchar('\n');
    }
    CASE("numa_sched_setaffinity@libnuma_1.1/%u-bytes", bytes) {
        int (*set)(pid_t, unsigned, const unsigned long *) = (int (*)(pid_t, unsigned, const unsigned long *))older("numa_sched_setaffinity");
        if (set != NULL)
            INTEGER(set(0, bytes, (const unsigned long[32]){ 1UL << first_allowed_cpu() }));
        print_affinity();
    }
    CASE("numa_parse_bitmap@libnuma_1.1/%u-cpus", bytes) {
        int (*parse)(char *, unsigned long *, int) = (int (*)(char *, unsigned long *, int))older("numa_parse_bitmap");
        char line[] = "00000001,00000003\n";
        memset(words, 0, sizeof words);
        if (parse != NULL)
            INTEGER(parse(line, words, (int)bytes));
        print_bits(words, 192);
        putchar('\n');
    }
    CASE("numa_node_to_cpus@libnuma_1.1/%u-bytes", bytes)
        FOR_EACH(node, node_numbers) {
            memset(words, 0xff, sizeof words);
            int (*get)(int, unsigned long *, int) = (int (*)(int, unsigned long *, int))older("numa_node_to_cpus");
            if (get != NULL)
                INTEGER(get(node->value, words, (int)bytes));
            print_bits(words, 192);
            putchar('\n');
        }
}

void first_version_cases(void)
{
    static const unsigned bytes[] = { 0, 1, 4, 8, 12, 16, 128, 1024 };

    FOR_EACH(nodes, nodemasks)
        with_nodemask(nodes);
    getters();
    for (size_t count = 0; count < COUNT(bytes); count++)
        with_bytes(bytes[count]);
}
