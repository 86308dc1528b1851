#include "all_functions.h"

#include <limits.h>
#include <numars.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"

/* As many nodes as a kernel can have, and CPUs. */
enum { NODE_BITS = 1024, CPU_BITS = 8192, WORD_BITS = 8 * sizeof(unsigned long) };

/* The forms of libnuma's first version, which no header declares. */
#define OLDER(name) __asm__(".symver older_" #name ", " #name "@libnuma_1.1")
OLDER(numa_alloc_interleaved_subset);
OLDER(numa_bind);
OLDER(numa_get_interleave_mask);
OLDER(numa_get_membind);
OLDER(numa_get_run_node_mask);
OLDER(numa_interleave_memory);
OLDER(numa_node_to_cpus);
OLDER(numa_parse_bitmap);
OLDER(numa_run_on_node_mask);
OLDER(numa_sched_getaffinity);
OLDER(numa_sched_setaffinity);
OLDER(numa_set_interleave_mask);
OLDER(numa_set_membind);
OLDER(numa_tonodemask_memory);
extern void *older_numa_alloc_interleaved_subset(size_t size, const nodemask_t *nodes);
extern void older_numa_bind(const nodemask_t *nodes);
extern nodemask_t older_numa_get_interleave_mask(void);
extern nodemask_t older_numa_get_membind(void);
extern nodemask_t older_numa_get_run_node_mask(void);
extern void older_numa_interleave_memory(void *start, size_t size, const nodemask_t *nodes);
extern int older_numa_node_to_cpus(int node, unsigned long *buffer, int length);
extern int older_numa_parse_bitmap(char *line, unsigned long *mask, int cpus);
extern int older_numa_run_on_node_mask(const nodemask_t *nodes);
extern int older_numa_sched_getaffinity(pid_t pid, unsigned int length, unsigned long *mask);
extern int older_numa_sched_setaffinity(pid_t pid, unsigned int length, const unsigned long *mask);
extern void older_numa_set_interleave_mask(const nodemask_t *nodes);
extern void older_numa_set_membind(const nodemask_t *nodes);
extern void older_numa_tonodemask_memory(void *start, size_t size, const nodemask_t *nodes);

/* Who judges: what is expected, what was found, and the call that is looked at. */
struct judge {
    const struct expectations *around;
    struct violations *violations;
    const char *call;
    int line;
    long answer;
    int error;
    /* A node on which memory can be had, and one with CPUs too, that this thread may use; -1: none is known. */
    int node, home;
    char *pages;
    size_t page_size;
};

static void keep_text(char to[static 100], const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0' && length < 99; length++)
        to[length] = text[length];
    to[length] = '\0';
}

static void note(struct judge *judge, const char *wanted)
{
    struct violations *violations = judge->violations;
    if (violations->count < KEPT_VIOLATIONS) {
        struct violation *kept = &violations->kept[violations->count];
        keep_text(kept->call, judge->call);
        keep_text(kept->wanted, wanted);
        kept->line = judge->line;
        kept->answer = judge->answer;
        kept->error = judge->error;
    }
    violations->count++;
}

static void begin(struct judge *judge, const char *call, int line)
{
    judge->call = call;
    judge->line = line;
    errno = UNTOUCHED_ERRNO;
}

static long end(struct judge *judge, long answer)
{
    judge->error = errno;
    return judge->answer = answer;
}

/* Makes a call, and gives its answer. */
#define ASK(call) (begin(judge, #call, __LINE__), end(judge, (long)(call)))

/* The call that was made last must have gone well so far as this goes. */
#define MUST(condition)             \
    do {                            \
        if (!(condition))           \
            note(judge, #condition); \
    } while (0)

static bool untouched(const struct judge *judge)
{
    return judge->error == UNTOUCHED_ERRNO;
}

/* The call must succeed, with an answer that this is true of. */
#define RIGHT(call, condition)                         \
    do {                                               \
        const long answer = ASK(call);                 \
        (void)answer;                                  \
        MUST((condition) && untouched(judge));         \
    } while (0)

/* For calls without an answer. */
#define TELLS_NOTHING(call)            \
    do {                               \
        begin(judge, #call, __LINE__); \
        call;                          \
        end(judge, 0);                 \
    } while (0)

/* Whether the last call failed, with this errno. */
static bool failed(const struct judge *judge, int error)
{
    return judge->answer == -1 && judge->error == error;
}

#define WRONG(call, code)            \
    do {                             \
        ASK(call);                   \
        MUST(failed(judge, (code))); \
    } while (0)

/* In the place of an error: the call answers 1, because the kernel is older and has the next best alone. */
enum { FALLBACK = -1 };

/* The call answers 0, or where the kernel refuses a call that it needs, -1 with that errno; or with one of the others, 0 at the end. */
static void zero_or(struct judge *judge, int refusal, ...)
{
    va_list errors;
    bool as_expected = judge->answer == 0 && untouched(judge) && refusal == 0;
    va_start(errors, refusal);
    if (refusal != 0)
        as_expected = failed(judge, refusal);
    for (int error; (error = va_arg(errors, int)) != 0;)
        as_expected |= error == FALLBACK ? judge->answer == 1 && untouched(judge) && refusal == 0 : failed(judge, error);
    va_end(errors);
    if (judge->around->changing)
        as_expected |= failed(judge, EINVAL);
    if (!as_expected)
        note(judge, "0, or a failure that was expected");
}

#define ZERO_OR(call, ...)               \
    do {                                 \
        ASK(call);                       \
        zero_or(judge, __VA_ARGS__, 0);  \
    } while (0)

/* A set of bits on the stack. */
#define SET_ON_STACK(name, bits)                        \
    unsigned long name##_words[(bits) / WORD_BITS] = { 0 }; \
    struct bitmask name = { .size = (bits), .maskp = name##_words }

static int first_of(const struct bitmask *set)
{
    for (unsigned int bit = 0; bit < set->size; bit++)
        if (set->maskp[bit / WORD_BITS] >> bit % WORD_BITS & 1)
            return (int)bit;
    return -1;
}

static void put(struct bitmask *set, int bit)
{
    memset(set->maskp, 0, set->size / 8);
    if (bit >= 0 && (unsigned long)bit < set->size)
        set->maskp[(size_t)bit / WORD_BITS] = 1UL << bit % WORD_BITS;
}

/* Do files of /sys tell which nodes and CPUs there are, and does that stay so? */
static bool is_told(const struct judge *judge)
{
    return judge->around->sys == TRUE_FILES && !judge->around->changing;
}

static bool memory_is_short(const struct judge *judge)
{
    return judge->around->memory_is_short;
}

/* The set that the last call made: NULL only without memory, valid, and errno is what it may be. */
static struct bitmask *made(struct judge *judge, int size, int refusal)
{
    struct bitmask *set = (struct bitmask *)judge->answer;
    if (set == NULL) {
        MUST(memory_is_short(judge) && judge->error == ENOMEM);
        return NULL;
    }
    MUST(untouched(judge) || (refusal != 0 && judge->error == refusal));
    MUST(set->maskp != NULL && set->size == (unsigned long)size);
    return set;
}

#define MADE(call, size, refusal) (ASK(call), made(judge, (size), (refusal)))

/* Is the set what it should be? Then it is given back. NULL was judged before. */
static void is_and_goes(struct judge *judge, struct bitmask *set, const struct bitmask *wanted)
{
    if (set == NULL)
        return;
    if (wanted != NULL)
        MUST(numa_bitmask_equal(set, wanted) == 1);
    RIGHT((numa_bitmask_free(set), 0), true);
}

/* Numbers in lists, without printf, which takes stack. */
static char *write_number(char *to, int number)
{
    char digits[12];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        *to++ = digits[--count];
    *to = '\0';
    return to;
}

/* --- sets --- */

static void __attribute__((noinline)) sets(struct judge *judge)
{
    const int nodes = numa_num_possible_nodes(), cpus = numa_num_possible_cpus();
    struct bitmask *set = MADE(numa_bitmask_alloc(100), 100, 0), *node_set = MADE(numa_allocate_nodemask(), nodes, 0);
    struct bitmask *cpu_set = MADE(numa_allocate_cpumask(), cpus, 0);
    SET_ON_STACK(other, 2 * WORD_BITS);
    nodemask_t mask;
    memset(&mask, 0xff, sizeof mask);

    begin(judge, "numa_bitmask_alloc(0)", __LINE__);
    end(judge, numa_bitmask_alloc(0) != NULL);
    MUST(judge->answer == 0 && judge->error == EINVAL);
    if (set == NULL)
        set = &other;
    RIGHT(numa_bitmask_setall(set) == set, answer == 1);
    RIGHT(numa_bitmask_weight(set), answer == (long)set->size);
    RIGHT(numa_bitmask_clearbit(set, 70) == set, answer == 1);
    RIGHT(numa_bitmask_isbitset(set, 70), answer == 0);
    RIGHT(numa_bitmask_clearall(set) == set, answer == 1);
    RIGHT(numa_bitmask_setbit(set, 99) == set, answer == 1);
    RIGHT(numa_bitmask_isbitset(set, 99), answer == 1);
    RIGHT(numa_bitmask_nbytes(set), answer == 16);
    RIGHT(numa_bitmask_equal(set, node_set), answer == 0);
    RIGHT((copy_bitmask_to_nodemask(set, &mask), mask.n[0]), answer == 0);
    RIGHT((copy_nodemask_to_bitmask(&mask, &other), numa_bitmask_isbitset(&other, 99)), answer == 1);
    RIGHT((copy_bitmask_to_bitmask(&other, set), numa_bitmask_equal(&other, set)), answer == 1);
    if (set != &other)
        RIGHT((numa_bitmask_free(set), 0), true);
    is_and_goes(judge, node_set, numa_no_nodes_ptr);
    is_and_goes(judge, cpu_set, numa_no_nodes_ptr);

    /* The ready-made ones. */
    RIGHT(numa_bitmask_weight(numa_no_nodes_ptr), answer == 0);
    RIGHT(numa_bitmask_weight(numa_nodes_ptr), answer >= 1);
    RIGHT(numa_bitmask_weight(numa_all_nodes_ptr), answer >= 1 || judge->around->proc != TRUE_FILES);
    RIGHT(numa_bitmask_weight(numa_all_cpus_ptr), answer >= 1);
    RIGHT((copy_bitmask_to_nodemask(numa_nodes_ptr, &mask), nodemask_equal(&mask, &numa_all_nodes)), answer == 1);
    RIGHT((nodemask_zero(&mask), nodemask_equal(&mask, &numa_no_nodes)), answer == 1);
}

/* --- what there is --- */

static void counts(struct judge *judge)
{
    RIGHT(numa_num_possible_nodes(), answer >= 1 && answer <= NODE_BITS);
    RIGHT(numa_max_possible_node(), answer == numa_num_possible_nodes() - 1);
    RIGHT(numa_num_possible_cpus(), answer >= 1);
    RIGHT(numa_max_node(), answer >= 0 && answer < numa_num_possible_nodes());
    RIGHT(numa_num_configured_nodes(), answer >= 1 && (answer <= numa_max_node() + 1 || !is_told(judge)));
    RIGHT(numa_num_configured_cpus(), answer >= 1);
    RIGHT(numa_num_task_cpus(), answer >= 1 && answer == (long)numa_bitmask_weight(numa_all_cpus_ptr));
    RIGHT(numa_num_task_nodes(), answer == (long)numa_bitmask_weight(numa_all_nodes_ptr));
    RIGHT(numa_num_thread_cpus(), answer == numa_num_task_cpus());
    RIGHT(numa_num_thread_nodes(), answer == numa_num_task_nodes());
    RIGHT(numa_pagesize(), answer == (long)judge->page_size);
    RIGHT(numars_version() != NULL, answer == 1);
}

static void __attribute__((noinline)) allowed_nodes(struct judge *judge)
{
    const int refusal = judge->around->refused.get_mempolicy;
    struct bitmask *allowed = MADE(numa_get_mems_allowed(), numa_num_possible_nodes(), refusal);
    if (allowed == NULL)
        return;
    MUST(refusal != 0 ? first_of(allowed) == -1 : first_of(allowed) >= 0);
    is_and_goes(judge, allowed, NULL);
}

/* Not all of a thousand, each with a thousand distances. */
enum { SOME_NODES = 16 };

/* Did the call fail because there is no such node, or because the file with its size cannot be opened? */
static bool has_no_size(const struct judge *judge)
{
    static const int refused[] = { EACCES, EPERM, EMFILE, ENFILE, ENOMEM };
    bool is_refused = false;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        is_refused |= judge->error == refused[i];
    return judge->answer == -1 && (judge->error == ENOENT || (is_refused && judge->around->sys == NO_FILES));
}

static void __attribute__((noinline)) a_node(struct judge *judge, int node)
{
    const bool there = numa_bitmask_isbitset(numa_nodes_ptr, (unsigned int)node);
    const bool told = is_told(judge);
    SET_ON_STACK(cpus, CPU_BITS);
    long long free_bytes = -1;
    long free_as_long = -1;

    const long size = ASK(numa_node_size64(node, &free_bytes));
    if (size == -1)
        MUST(has_no_size(judge) && free_bytes == 0 && (!there || !told));
    else
        MUST(untouched(judge) && size >= 0 && (free_bytes >= 0 && (free_bytes <= size || !told)) && (there || !told));
    const long same = ASK(numa_node_size(node, &free_as_long));
    MUST(same == size || !told);

    RIGHT(numa_distance(node, node), !told ? answer >= 0 && answer <= 255 : there ? answer == 10 : answer == 0);
    for (int other = 0; other <= numa_max_node() && other < SOME_NODES; other++)
        RIGHT(numa_distance(node, other), answer >= 0 && answer <= 255);

    const long filled = ASK(numa_node_to_cpus(node, &cpus));
    MUST(there ? (filled == 0 && untouched(judge)) || (!told && failed(judge, ENOENT)) : failed(judge, ERANGE));
    if (told)
        for (int cpu = 0; cpu < CPU_BITS; cpu++)
            if (cpus_words[cpu / WORD_BITS] >> cpu % WORD_BITS & 1)
                RIGHT(numa_node_of_cpu(cpu), answer == node);
    const long length = numa_num_possible_cpus() / 8;
    if (length <= CPU_BITS / 8) {
        const long older = ASK(older_numa_node_to_cpus(node, cpus_words, (int)length));
        MUST(older == filled || !told);
    }
}

static void __attribute__((noinline)) nodes(struct judge *judge)
{
    SET_ON_STACK(cpus, WORD_BITS);
    const int impossible[] = { -1, INT_MIN, INT_MAX, numa_num_possible_nodes() };
    TELLS_NOTHING(numa_node_to_cpu_update());
    MUST(untouched(judge));
    for (int node = 0; node <= numa_max_node() && node < SOME_NODES; node++)
        a_node(judge, node);
    a_node(judge, numa_max_node());
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        ASK(numa_node_size64(impossible[i], NULL));
        MUST(has_no_size(judge));
        ASK(numa_node_size(impossible[i], NULL));
        MUST(has_no_size(judge));
        RIGHT(numa_distance(impossible[i], 0), answer == 0);
        RIGHT(numa_distance(0, impossible[i]), answer == 0);
        WRONG(numa_node_to_cpus(impossible[i], &cpus), ERANGE);
    }
    WRONG(numa_node_of_cpu(-1), EINVAL);
    WRONG(numa_node_of_cpu(INT_MAX), EINVAL);
    for (int cpu = 0; cpu < numa_num_configured_cpus() && cpu < CPU_BITS; cpu++) {
        const long node = ASK(numa_node_of_cpu(cpu));
        /* A CPU that is offline has none. */
        MUST(failed(judge, EINVAL) || (untouched(judge) && node >= 0 && (node <= numa_max_node() || !is_told(judge))));
    }
}

/* --- lists --- */

static void refuse(struct judge *judge, struct bitmask *set)
{
    MUST(set == NULL);
}

#define REFUSED(call) (ASK(call), refuse(judge, (struct bitmask *)judge->answer))

static void __attribute__((noinline)) bitmaps(struct judge *judge)
{
    char line[] = "00000001,0000000f\n", none[] = "f,g\n";
    SET_ON_STACK(set, WORD_BITS);
    RIGHT(numa_parse_bitmap(line, &set), answer == 0 && numa_bitmask_weight(&set) == 5);
    RIGHT(older_numa_parse_bitmap(line, set_words, WORD_BITS), answer == 0 && numa_bitmask_weight(&set) == 5);
    ASK(numa_parse_bitmap(none, &set));
    MUST(judge->answer == -1);
    ASK(numa_parse_bitmap(NULL, &set));
    MUST(judge->answer == -1);
}

static void __attribute__((noinline)) node_lists(struct judge *judge)
{
    const int size = numa_num_possible_nodes();
    char list[16];
    write_number(list, numa_max_node());
    is_and_goes(judge, MADE(numa_parse_nodestring("all"), size, 0), judge->around->changing ? NULL : numa_all_nodes_ptr);
    is_and_goes(judge, MADE(numa_parse_nodestring(""), size, 0), numa_no_nodes_ptr);
    is_and_goes(judge, MADE(numa_parse_nodestring_all("all"), size, 0), numa_nodes_ptr);
    struct bitmask *last = MADE(numa_parse_nodestring_all(list), size, 0);
    MUST(last == NULL || first_of(last) == numa_max_node());
    is_and_goes(judge, last, NULL);
    REFUSED(numa_parse_nodestring(NULL));
    REFUSED(numa_parse_nodestring_all("x"));
    REFUSED(numa_parse_nodestring("0,"));
    REFUSED(numa_parse_nodestring("-1"));
    REFUSED(numa_parse_nodestring_all("99999"));
}

/* Devices whose node no machine knows: no disk and no bus is behind the loopback device. */
static void __attribute__((noinline)) devices(struct judge *judge)
{
    REFUSED(numa_parse_nodestring("netdev:lo"));
    REFUSED(numa_parse_nodestring("block:no such disk"));
    REFUSED(numa_parse_nodestring("pci:ffff:ff:1f.7"));
    REFUSED(numa_parse_nodestring("file:/no such file"));
    REFUSED(numa_parse_nodestring("file:/proc/self/status"));
    REFUSED(numa_parse_nodestring("ip:127.0.0.1"));
}

static void __attribute__((noinline)) cpu_lists(struct judge *judge)
{
    const int size = numa_num_possible_cpus();
    char list[16];
    is_and_goes(judge, MADE(numa_parse_cpustring("all"), size, 0), numa_all_cpus_ptr);
    write_number(list, first_of(numa_all_cpus_ptr));
    struct bitmask *first = MADE(numa_parse_cpustring(list), size, 0);
    MUST(first == NULL || first_of(first) == first_of(numa_all_cpus_ptr));
    is_and_goes(judge, first, NULL);
    struct bitmask *all = MADE(numa_parse_cpustring_all("0"), size, 0);
    MUST(all == NULL || first_of(all) == 0);
    is_and_goes(judge, all, NULL);
    REFUSED(numa_parse_cpustring("0-"));
    REFUSED(numa_parse_cpustring_all("99999999999999999999"));
}

/* --- policy --- */

/* The policy must be of this node alone, in this getter's eyes; where it is told. */
static void policy_is(struct judge *judge, struct bitmask *(*getter)(void), const char *name, const struct bitmask *wanted)
{
    const int refusal = judge->around->refused.get_mempolicy;
    begin(judge, name, __LINE__);
    end(judge, (long)getter());
    struct bitmask *set = made(judge, numa_num_possible_nodes(), refusal);
    const bool known = refusal == 0 && judge->around->refused.set_mempolicy == 0 && !judge->around->changing;
    is_and_goes(judge, set, known ? wanted : NULL);
}

/* Sets a policy in both ways, the one that tells and the one that does not: `was_set` says whether that is done. */
#define BOTH(twin, call, unsupported)                                   \
    do {                                                                \
        ZERO_OR(twin, judge->around->refused.set_mempolicy, (unsupported)); \
        was_set = judge->answer >= 0;                                \
        TELLS_NOTHING(call);                                            \
        MUST(!was_set || untouched(judge) || judge->around->changing);  \
    } while (0)

static void __attribute__((noinline)) task_policies(struct judge *judge)
{
    const int refusal = judge->around->refused.set_mempolicy, untold = judge->around->refused.get_mempolicy;
    const bool told = refusal == 0 && untold == 0 && !judge->around->changing;
    bool was_set;
    SET_ON_STACK(one, NODE_BITS);
    put(&one, judge->node);

    ZERO_OR(numa_available(), untold);

    BOTH(numars_set_membind(&one), numa_set_membind(&one), 0);
    policy_is(judge, numa_get_membind, "numa_get_membind after numa_set_membind", &one);
    policy_is(judge, numa_preferred_many, "numa_preferred_many after numa_set_membind", &one);
    policy_is(judge, numa_get_interleave_mask, "numa_get_interleave_mask after numa_set_membind", numa_no_nodes_ptr);
    policy_is(judge, numa_get_weighted_interleave_mask, "numa_get_weighted_interleave_mask after numa_set_membind", numa_no_nodes_ptr);
    ASK(numa_preferred());
    MUST(untold != 0 ? judge->answer == 0 && judge->error == untold : (judge->answer == judge->node && untouched(judge)) || !told);
    ASK(numa_preferred_err());
    MUST(untold != 0 ? failed(judge, untold) : (judge->answer == judge->node && untouched(judge)) || !told);
    ZERO_OR(numars_set_membind(numa_no_nodes_ptr), refusal, EINVAL);

    /* Linux 5.12. */
    BOTH(numars_set_membind_balancing(&one), numa_set_membind_balancing(&one), FALLBACK);
    if (was_set)
        policy_is(judge, numa_get_membind, "numa_get_membind after numa_set_membind_balancing", &one);

    BOTH(numars_set_interleave_mask(&one), numa_set_interleave_mask(&one), 0);
    policy_is(judge, numa_get_interleave_mask, "numa_get_interleave_mask", &one);
    ASK(numa_get_interleave_node());
    MUST(told ? judge->answer == judge->node && untouched(judge) : judge->answer >= 0);
    older_numa_set_interleave_mask(&numa_no_nodes);
    policy_is(judge, numa_get_interleave_mask, "numa_get_interleave_mask after none", numa_no_nodes_ptr);
    ASK(numa_get_interleave_node());
    MUST((judge->answer == 0 && judge->error == (untold != 0 ? untold : EINVAL)) || !told);

    /* Linux 6.9. */
    BOTH(numars_set_weighted_interleave_mask(&one), numa_set_weighted_interleave_mask(&one), EINVAL);
    if (was_set)
        policy_is(judge, numa_get_weighted_interleave_mask, "numa_get_weighted_interleave_mask", &one);

    BOTH(numars_set_preferred(judge->node), numa_set_preferred(judge->node), 0);
    policy_is(judge, numa_preferred_many, "numa_preferred_many after numa_set_preferred", &one);
    WRONG(numars_set_preferred(INT_MAX), EINVAL);
    RIGHT(numa_has_preferred_many(), answer == 0 || answer == 1);
    const bool has_preferred_many = judge->answer;
    MUST(!has_preferred_many || judge->around->refused.mbind == 0);
    BOTH(numars_set_preferred_many(&one), numa_set_preferred_many(&one), has_preferred_many ? 0 : FALLBACK);

    BOTH(numars_set_localalloc(), numa_set_localalloc(), 0);
    policy_is(judge, numa_preferred_many, "numa_preferred_many after numa_set_localalloc", numa_no_nodes_ptr);

    TELLS_NOTHING(numa_set_strict(0));
    MUST(untouched(judge));
    TELLS_NOTHING(numa_set_bind_policy(1));
    MUST(untouched(judge));
    RIGHT(numa_fail_alloc_on_error, answer == 0);
    RIGHT(numa_exit_on_error, answer == 0);
    RIGHT(numa_exit_on_warn, answer == 0);

    /* The older forms of these. */
    nodemask_t mask, kept;
    copy_bitmask_to_nodemask(&one, &mask);
    TELLS_NOTHING(older_numa_set_membind(&mask));
    kept = older_numa_get_membind();
    MUST(!told || memory_is_short(judge) || judge->node >= NUMA_NUM_NODES || nodemask_equal(&kept, &mask));
    TELLS_NOTHING(older_numa_set_interleave_mask(&mask));
    kept = older_numa_get_interleave_mask();
    MUST(!told || memory_is_short(judge) || judge->node >= NUMA_NUM_NODES || nodemask_equal(&kept, &mask));

    /* The kernel's own. */
    int mode = -1;
    ZERO_OR(set_mempolicy(MPOL_BIND, one_words, NODE_BITS + 1), refusal);
    ZERO_OR(get_mempolicy(&mode, NULL, 0, NULL, 0), untold);
    MUST(!told || mode == MPOL_BIND);
    ZERO_OR(set_mempolicy(MPOL_DEFAULT, NULL, 0), refusal);
}

/* --- where threads run --- */

static void run_anywhere_again(const struct bitmask *before)
{
    syscall(SYS_sched_setaffinity, 0, before->size / 8, before->maskp);
}

static void __attribute__((noinline)) running(struct judge *judge)
{
    SET_ON_STACK(before, CPU_BITS);
    SET_ON_STACK(home, NODE_BITS);
    nodemask_t mask;
    const bool told = is_told(judge) && judge->home >= 0;
    /* Where it is not known which CPUs a node has, none of them can be run on. */
    const int nowhere = told ? 0 : EINVAL;
    put(&home, judge->home);
    copy_bitmask_to_nodemask(&home, &mask);

    ASK(numa_sched_getaffinity(0, &before));
    MUST((untouched(judge) && judge->answer > 0 && numa_bitmask_weight(&before) >= 1)
         || (judge->error == EINVAL && numa_num_possible_cpus() > CPU_BITS));
    if (judge->answer < 0)
        return;
    ASK(older_numa_sched_getaffinity(0, sizeof before_words, before_words));
    MUST(judge->answer > 0 && untouched(judge));
    WRONG(numa_sched_getaffinity(INT_MAX, &before), ESRCH);

    ZERO_OR(numa_run_on_node(judge->home), 0, nowhere, judge->around->sys == TRUE_FILES ? 0 : ERANGE);
    struct bitmask *runs_on = (struct bitmask *)ASK(numa_get_run_node_mask());
    if (runs_on == NULL)
        MUST(memory_is_short(judge) && judge->error == ENOMEM);
    else
        is_and_goes(judge, runs_on, told ? &home : NULL);
    const nodemask_t older = older_numa_get_run_node_mask();
    MUST(!told || memory_is_short(judge) || judge->home >= NUMA_NUM_NODES || nodemask_equal(&older, &mask));
    ZERO_OR(numa_run_on_node(-1), 0);
    WRONG(numa_run_on_node(INT_MIN), EINVAL);
    WRONG(numa_run_on_node(INT_MAX), EINVAL);
    ZERO_OR(numa_run_on_node_mask(&home), 0, nowhere);
    run_anywhere_again(&before);
    ZERO_OR(numa_run_on_node_mask_all(&home), 0, nowhere);
    run_anywhere_again(&before);
    ASK(older_numa_run_on_node_mask(&mask));
    MUST(judge->answer == 0 || failed(judge, EINVAL) || failed(judge, ERANGE));
    run_anywhere_again(&before);
    WRONG(numa_run_on_node_mask(numa_no_nodes_ptr), EINVAL);

    ZERO_OR(numars_bind(&home), judge->around->refused.set_mempolicy, nowhere);
    run_anywhere_again(&before);
    TELLS_NOTHING(numa_bind(&home));
    run_anywhere_again(&before);
    TELLS_NOTHING(older_numa_bind(&mask));
    run_anywhere_again(&before);
    ZERO_OR(numa_sched_setaffinity(0, &before), 0);
    ZERO_OR(older_numa_sched_setaffinity(0, sizeof before_words, before_words), 0);
    WRONG(numa_sched_setaffinity(0, numa_no_nodes_ptr), EINVAL);
}

/* --- memory --- */

/* The memory that the last call made: it can be written, and is given back. */
static void memory_goes(struct judge *judge, size_t size, int refusal)
{
    char *memory = (char *)judge->answer;
    if (memory == NULL) {
        MUST(memory_is_short(judge) && judge->error == ENOMEM);
        return;
    }
    MUST(untouched(judge) || (refusal != 0 && judge->error == refusal) || (judge->around->changing && judge->error == EINVAL));
    MUST((uintptr_t)memory % judge->page_size == 0);
    RIGHT((numa_police_memory(memory, size), 0), true);
    memory[0] = memory[size - 1] = 'x';
    RIGHT((numa_free(memory, size), 0), true);
}

#define MEMORY(call, size, refusal) (ASK(call), memory_goes(judge, (size), (refusal)))

/* What the kernel answers where it does not know a policy. */
static int unless_unknown(int refusal)
{
    return refusal != 0 ? refusal : EINVAL;
}

static void __attribute__((noinline)) allocating(struct judge *judge)
{
    const size_t size = 3 * judge->page_size + 1;
    const int refusal = judge->around->refused.mbind;
    SET_ON_STACK(one, NODE_BITS);
    nodemask_t mask;
    put(&one, judge->node);
    copy_bitmask_to_nodemask(&one, &mask);

    MEMORY(numa_alloc(size), size, 0);
    MEMORY(numa_alloc_local(size), size, refusal);
    MEMORY(numa_alloc_onnode(size, judge->node), size, refusal);
    MEMORY(numa_alloc_onnode(size, INT_MAX), size, unless_unknown(refusal));
    MEMORY(numa_alloc_interleaved(size), size, refusal);
    MEMORY(numa_alloc_interleaved_subset(size, &one), size, refusal);
    MEMORY(older_numa_alloc_interleaved_subset(size, &mask), size, judge->node < NUMA_NUM_NODES ? refusal : unless_unknown(refusal));
    MEMORY(numa_alloc_weighted_interleaved(size), size, unless_unknown(refusal));
    MEMORY(numa_alloc_weighted_interleaved_subset(size, &one), size, unless_unknown(refusal));
    ASK(numa_alloc(0));
    MUST(judge->answer == 0 && (judge->error == EINVAL || (memory_is_short(judge) && judge->error == ENOMEM)));
    ASK(numa_alloc(SIZE_MAX / 2));
    MUST(judge->answer == 0 && judge->error == ENOMEM);

    char *grown = (char *)ASK(numa_alloc(size));
    if (grown == NULL) {
        MUST(memory_is_short(judge) && judge->error == ENOMEM);
        return;
    }
    grown[1] = 'y';
    char *larger = (char *)ASK(numa_realloc(grown, size, 3 * size));
    MUST(larger != NULL ? untouched(judge) && larger[1] == 'y' : memory_is_short(judge) && judge->error == ENOMEM);
    RIGHT((larger != NULL ? numa_free(larger, 3 * size) : numa_free(grown, size), 0), true);
}

/* Gives memory a policy in both ways. */
#define MEMORY_POLICY(twin, call, unsupported)                                                      \
    do {                                                                                            \
        ASK(twin);                                                                                  \
        zero_or(judge, judge->around->refused.mbind, memory_is_short(judge) ? ENOMEM : (unsupported), (unsupported), 0); \
        const bool known = judge->answer == 0;                                                   \
        TELLS_NOTHING(call);                                                                        \
        MUST(!known || untouched(judge) || judge->around->changing || memory_is_short(judge));      \
    } while (0)

static void __attribute__((noinline)) memory_policies(struct judge *judge)
{
    const struct refusals *refused = &judge->around->refused;
    const size_t size = EVERYTHING_PAGES * judge->page_size;
    const int short_memory = memory_is_short(judge) ? ENOMEM : 0;
    char *const pages = judge->pages;
    SET_ON_STACK(one, NODE_BITS);
    nodemask_t mask;
    put(&one, judge->node);
    copy_bitmask_to_nodemask(&one, &mask);

    MEMORY_POLICY(numars_interleave_memory(pages, size, &one), numa_interleave_memory(pages, size, &one), 0);
    MEMORY_POLICY(numars_weighted_interleave_memory(pages, size, &one), numa_weighted_interleave_memory(pages, size, &one), EINVAL);
    MEMORY_POLICY(numars_setlocal_memory(pages, size), numa_setlocal_memory(pages, size), 0);
    MEMORY_POLICY(numars_tonodemask_memory(pages, size, &one), numa_tonodemask_memory(pages, size, &one), 0);
    MEMORY_POLICY(numars_tonode_memory(pages, size, judge->node), numa_tonode_memory(pages, size, judge->node), 0);
    int mode = -1;
    ZERO_OR(get_mempolicy(&mode, NULL, 0, pages, MPOL_F_ADDR), refused->get_mempolicy);
    MUST(mode == MPOL_BIND || refused->get_mempolicy != 0 || refused->mbind != 0 || judge->around->changing || memory_is_short(judge));
    if (judge->node < NUMA_NUM_NODES) {
        TELLS_NOTHING(older_numa_interleave_memory(pages, size, &mask));
        TELLS_NOTHING(older_numa_tonodemask_memory(pages, size, &mask));
    }

    RIGHT(numa_has_home_node(), answer == 0 || (answer == 1 && refused->set_mempolicy_home_node == 0));
    /* Without mbind(2) there is no policy for a home node to be of; before Linux 5.17 there are no home nodes. */
    const int homeless = judge->answer == 0 ? ENOSYS : refused->mbind != 0 ? ENOENT : short_memory;
    ZERO_OR(set_mempolicy_home_node(pages, size, judge->node, 0), refused->set_mempolicy_home_node, homeless, short_memory);
    ZERO_OR(numa_set_mempolicy_home_node(pages, size, judge->node, 0), refused->set_mempolicy_home_node, homeless, short_memory);
    ZERO_OR(mbind(pages, size, MPOL_DEFAULT, NULL, 0, 0), refused->mbind, short_memory);
}

/* --- moving --- */

struct moved {
    void *pages[EVERYTHING_PAGES];
    int nodes[EVERYTHING_PAGES], status[EVERYTHING_PAGES];
};

static void fill_statuses(struct moved *moved)
{
    for (size_t page = 0; page < EVERYTHING_PAGES; page++)
        moved->status[page] = INT_MIN;
}

/* After a call that succeeded each status is this node; while pages are moved by others too, some node or errno. */
static void statuses_are(struct judge *judge, const struct moved *moved, size_t count, int node)
{
    if (judge->answer != 0)
        return;
    for (size_t page = 0; page < count; page++) {
        const int status = moved->status[page];
        if (judge->around->changing ? status == INT_MIN : node < 0 ? status < 0 : status != node) {
            judge->answer = status;
            note(judge, "statuses that are true");
            return;
        }
    }
}

static void stats_are(struct judge *judge, const struct numars_move_stats *stats, unsigned long pages)
{
    const unsigned long became = stats->moved + stats->in_place + stats->absent + stats->unmapped + stats->shared + stats->busy
        + stats->no_memory + stats->failed;
    if (judge->answer < 0)
        return;
    MUST(became == stats->requested);
    MUST(stats->requested == pages || pages == 0 || judge->around->changing || judge->around->proc == WRONG_FILES);
}

static int go_on(const struct numars_move_stats *so_far, void *calls)
{
    (void)so_far;
    ++*(int *)calls;
    return 0;
}

static int stop(const struct numars_move_stats *so_far, void *calls)
{
    return go_on(so_far, calls) + 1;
}

static void __attribute__((noinline)) moving_lists(struct judge *judge)
{
    const int refusal = judge->around->refused.move_pages;
    const bool busy = judge->around->changing;
    struct moved moved;
    const int some = 5;
    for (size_t page = 0; page < EVERYTHING_PAGES; page++) {
        moved.pages[page] = judge->pages + page * judge->page_size;
        moved.nodes[page] = judge->node;
        judge->pages[page * judge->page_size] = 'z';
    }

    fill_statuses(&moved);
    ZERO_OR(move_pages(0, EVERYTHING_PAGES, moved.pages, NULL, moved.status, 0), refusal);
    statuses_are(judge, &moved, EVERYTHING_PAGES, -1);
    fill_statuses(&moved);
    ASK(move_pages(0, EVERYTHING_PAGES, moved.pages, moved.nodes, moved.status, MPOL_MF_MOVE));
    if (!busy)
        zero_or(judge, refusal, 0);
    statuses_are(judge, &moved, EVERYTHING_PAGES, judge->node);

    /* Few and many go different ways. */
    for (int count = some; count <= EVERYTHING_PAGES; count += EVERYTHING_PAGES - some) {
        fill_statuses(&moved);
        ZERO_OR(numa_move_pages(0, (unsigned long)count, moved.pages, NULL, moved.status, 0), refusal);
        statuses_are(judge, &moved, (size_t)count, -1);
        fill_statuses(&moved);
        ASK(numa_move_pages(0, (unsigned long)count, moved.pages, moved.nodes, moved.status, MPOL_MF_MOVE));
        if (!busy)
            zero_or(judge, refusal, 0);
        statuses_are(judge, &moved, (size_t)count, judge->node);
    }
    WRONG(numa_move_pages(INT_MAX, 2, moved.pages, moved.nodes, moved.status, MPOL_MF_MOVE), refusal != 0 ? refusal : ESRCH);

    struct numars_move_stats stats;
    const int scratch = memory_is_short(judge) ? ENOMEM : 0;
    fill_statuses(&moved);
    ASK(numars_move_pages(0, EVERYTHING_PAGES, moved.pages, moved.nodes, moved.status, NULL, &stats));
    if (!busy)
        zero_or(judge, refusal, scratch, 0);
    statuses_are(judge, &moved, EVERYTHING_PAGES, judge->node);
    stats_are(judge, &stats, EVERYTHING_PAGES);
    for (size_t page = 0; page < EVERYTHING_PAGES; page++)
        MUST(judge->pages[page * judge->page_size] == 'z');
}

static void __attribute__((noinline)) moving_ranges(struct judge *judge)
{
    const int refusal = judge->around->refused.move_pages;
    const int scratch = memory_is_short(judge) ? ENOMEM : 0;
    const size_t size = EVERYTHING_PAGES * judge->page_size;
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats;
    unsigned long on_nodes[8] = { 0 };
    int calls = 0;

    options.threads = 2;
    options.progress = go_on;
    options.progress_arg = &calls;
    ASK(numars_move_range(0, judge->pages, size, judge->node, &options, &stats));
    if (!judge->around->changing)
        zero_or(judge, refusal, scratch, 0);
    stats_are(judge, &stats, EVERYTHING_PAGES);
    MUST(judge->answer != 0 || calls > 0);
    options.progress = stop;
    ASK(numars_move_range(0, judge->pages, size, judge->node, &options, &stats));
    MUST(failed(judge, ECANCELED) || (refusal != 0 && failed(judge, refusal)) || (scratch != 0 && failed(judge, scratch)));
    options.size = 1;
    WRONG(numars_move_range(0, judge->pages, size, judge->node, &options, NULL), EINVAL);
    WRONG(numars_move_range(0, judge->pages, size, INT_MAX, NULL, NULL), refusal != 0 ? refusal : ENODEV);

    ASK(numars_count_pages(0, judge->pages, size, on_nodes, 8));
    const bool all = judge->answer == EVERYTHING_PAGES || (judge->answer == 0 && judge->around->proc == WRONG_FILES);
    MUST((refusal == 0 && all && untouched(judge)) || (refusal != 0 && failed(judge, refusal))
         || (scratch != 0 && failed(judge, scratch)));
    MUST(judge->answer <= 0 || judge->node >= 8 || judge->around->changing || on_nodes[judge->node] == EVERYTHING_PAGES);
    /* Nothing may be done to a process that is not there. */
    WRONG(numars_count_pages(INT_MAX, judge->pages, size, on_nodes, 8), refusal != 0 ? refusal : scratch != 0 ? judge->error : ESRCH);
}

static void __attribute__((noinline)) moving_processes(struct judge *judge)
{
    const struct refusals *refused = &judge->around->refused;
    const int scratch = memory_is_short(judge) ? ENOMEM : 0;
    SET_ON_STACK(one, NODE_BITS);
    struct numars_move_stats stats;
    put(&one, judge->node);

    ASK(migrate_pages(0, NODE_BITS + 1, one_words, one_words));
    zero_or(judge, refused->migrate_pages, scratch, 0);
    ASK(numa_migrate_pages(0, &one, &one));
    zero_or(judge, refused->migrate_pages, scratch, 0);

    /* Its own pages, of which all that are on the node stay there. */
    ASK(numars_move_process(0, &one, &one, NULL, &stats));
    if (refused->move_pages == 0 && judge->around->proc != TRUE_FILES && judge->answer == -1)
        MUST(judge->error == ENOENT);
    else
        zero_or(judge, refused->move_pages, scratch, 0);
    stats_are(judge, &stats, 0);
    ASK(numars_move_process(0, &one, numa_no_nodes_ptr, NULL, &stats));
    MUST(judge->answer == -1 && judge->error != UNTOUCHED_ERRNO);
}

/* --- messages --- */

/* Once in a process, since they print. */
static void messages(struct judge *judge)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&told))
        return;
    begin(judge, "numa_error", __LINE__);
    errno = ENOENT;
    numa_error((char[]){ "everything" });
    end(judge, 0);
    MUST(judge->error == ENOENT);
    TELLS_NOTHING(numa_warn(62, (char[]){ "everything is called, %s %d" }, "line", __LINE__));
    MUST(untouched(judge));
}

/* --- all of it --- */

/* The nodes that the kernel lets this thread use, without the library. */
static void find_nodes(struct judge *judge)
{
    SET_ON_STACK(allowed, NODE_BITS);
    unsigned long cpus[CPU_BITS / WORD_BITS] = { 0 };
    if (syscall(SYS_get_mempolicy, NULL, allowed_words, NODE_BITS + 1, NULL, MPOL_F_MEMS_ALLOWED) != 0)
        memcpy(allowed_words, numa_all_nodes_ptr->maskp, numa_all_nodes_ptr->size / 8);
    judge->node = first_of(&allowed);
    if (judge->node < 0)
        judge->node = 0;
    judge->home = -1;
    if (syscall(SYS_sched_getaffinity, 0, sizeof cpus, cpus) <= 0)
        return;
    for (int cpu = 0; cpu < CPU_BITS && judge->home < 0; cpu++)
        if (cpus[cpu / WORD_BITS] >> cpu % WORD_BITS & 1) {
            const int node = numa_node_of_cpu(cpu);
            if (node >= 0 && allowed_words[node / WORD_BITS] >> node % WORD_BITS & 1)
                judge->home = node;
        }
}

static void judge_all(struct judge *judge)
{
    counts(judge);
    sets(judge);
    allowed_nodes(judge);
    nodes(judge);
    bitmaps(judge);
    node_lists(judge);
    devices(judge);
    cpu_lists(judge);
    task_policies(judge);
    running(judge);
    allocating(judge);
    memory_policies(judge);
    moving_lists(judge);
    moving_ranges(judge);
    moving_processes(judge);
    messages(judge);
}

void call_everything(const struct expectations *around, struct violations *violations)
{
    struct judge state = { .around = around, .violations = violations, .pages = around->pages }, *const judge = &state;
    const long page_size = sysconf(_SC_PAGESIZE);
    unsigned long nodes_before[NODE_BITS / WORD_BITS] = { 0 };
    int mode_before = MPOL_DEFAULT;
    state.page_size = (size_t)page_size;
    const size_t size = EVERYTHING_PAGES * state.page_size;

    if (syscall(SYS_get_mempolicy, &mode_before, nodes_before, NODE_BITS + 1, NULL, 0) != 0)
        mode_before = MPOL_DEFAULT;
    find_nodes(judge);
    if (state.pages == NULL)
        state.pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (state.pages == MAP_FAILED) {
        begin(judge, "mmap of the pages to move", __LINE__);
        note(judge, "memory, or pages from the caller");
        return;
    }
    /* Huge pages cannot be told by base pages. */
    madvise(state.pages, size, MADV_NOHUGEPAGE);
    judge_all(judge);
    syscall(SYS_set_mempolicy, mode_before, nodes_before, NODE_BITS + 1);
    if (around->pages == NULL)
        munmap(state.pages, size);
}

void describe_violations(const struct violations *violations, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "%u wrong answers\n", violations->count);
    for (unsigned int i = 0; i < violations->count && i < KEPT_VIOLATIONS && length < size; i++) {
        const struct violation *wrong = &violations->kept[i];
        length += (size_t)snprintf(text + length, size - length, "line %d: %s: %ld, errno %d (%s); wanted: %s\n", wrong->line,
                                   wrong->call, wrong->answer, wrong->error, strerror(wrong->error), wrong->wanted);
    }
}

/* Does the line say that a call of this name failed, for this reason or because the kernel does not know what was asked for? */
static bool is_failure_of(const char *line, const char *name, int refusal)
{
    const size_t length = strlen(name);
    if (strncmp(line, name, length) != 0 || strncmp(line + length, ": ", 2) != 0)
        return false;
    const char *reason = line + length + 2;
    return (refusal != 0 && strcmp(reason, strerror(refusal)) == 0) || strcmp(reason, strerror(EINVAL)) == 0;
}

static bool was_asked_for(const struct expectations *around, const char *line)
{
    const struct refusals *refused = &around->refused;
    return strncmp(line, "libnuma: Warning: ", 18) == 0 || line[0] == '\0'
        || strncmp(line, "everything: ", 12) == 0
        || (refused->get_mempolicy != 0 && is_failure_of(line, "get_mempolicy", refused->get_mempolicy))
        || is_failure_of(line, "set_mempolicy", refused->set_mempolicy)
        || is_failure_of(line, "mbind", around->memory_is_short ? ENOMEM : refused->mbind)
        || is_failure_of(line, "set_mempolicy_home_node", refused->set_mempolicy_home_node)
        /* Without mbind() there is no policy to add a home node to; kernels before 5.17 do not have the call. */
        || (refused->mbind != 0 && is_failure_of(line, "set_mempolicy_home_node", ENOENT))
        || is_failure_of(line, "set_mempolicy_home_node", ENOSYS)
        || is_failure_of(line, "numa_sched_setaffinity_v2_int() failed", 0);
}

const char *unasked_output(const struct expectations *around, char *output)
{
    for (char *line = output, *line_end; line != NULL && *line != '\0'; line = line_end == NULL ? NULL : line_end + 1) {
        line_end = strchr(line, '\n');
        if (line_end != NULL)
            *line_end = '\0';
        if (!was_asked_for(around, line))
            return line;
        if (line_end != NULL)
            *line_end = '\n';
    }
    return NULL;
}
