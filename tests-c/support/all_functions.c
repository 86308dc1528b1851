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
#include "system_calls.h"

/* The highest numbers of nodes and CPUs that a kernel can have. */
enum { NODE_BITS = 1024, CPU_BITS = 8192, WORD_BITS = 8 * sizeof(unsigned long) };

#ifdef __GLIBC__
/* The symbol versions of libnuma's first version, which no header declares. */
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
#else
/* musl ignores the versions of symbols. What numa.h has for the source of such programs is called instead. */
#define older_numa_alloc_interleaved_subset numa_alloc_interleaved_subset_compat
#define older_numa_bind numa_bind_compat
#define older_numa_get_interleave_mask numa_get_interleave_mask_compat
#define older_numa_get_membind numa_get_membind_compat
#define older_numa_get_run_node_mask numa_get_run_node_mask_compat
#define older_numa_interleave_memory numa_interleave_memory_compat
#define older_numa_node_to_cpus numa_node_to_cpus_compat
#define older_numa_run_on_node_mask numa_run_on_node_mask_compat
#define older_numa_sched_getaffinity numa_sched_getaffinity_compat
#define older_numa_sched_setaffinity numa_sched_setaffinity_compat
#define older_numa_set_interleave_mask numa_set_interleave_mask_compat
#define older_numa_set_membind numa_set_membind_compat
#define older_numa_tonodemask_memory numa_tonodemask_memory_compat

static int older_numa_parse_bitmap(char *line, unsigned long *mask, int cpus)
{
    struct bitmask set = { .size = (unsigned long)cpus, .maskp = mask };
    return numa_parse_bitmap(line, &set);
}
#endif

/* The state of a check: what is expected, what was violated, and the current call. */
struct check {
    const struct expectations *environment;
    struct violations *violations;
    const char *call;
    int line;
    long result;
    int error;
    /* A node that this thread may allocate on, and one with CPUs too; -1: unknown. */
    int node, home;
    char *pages;
    size_t page_size;
};

static void copy_text(char to[static 100], const char *text)
{
    size_t length = 0;
    for (; text[length] != '\0' && length < 99; length++)
        to[length] = text[length];
    to[length] = '\0';
}

static void record_violation(struct check *check, const char *expected)
{
    struct violations *violations = check->violations;
    if (violations->count < KEPT_VIOLATIONS) {
        struct violation *kept = &violations->kept[violations->count];
        copy_text(kept->call, check->call);
        copy_text(kept->expected, expected);
        kept->line = check->line;
        kept->returned = check->result;
        kept->error = check->error;
    }
    violations->count++;
}

static void begin(struct check *check, const char *call, int line)
{
    check->call = call;
    check->line = line;
    errno = UNTOUCHED_ERRNO;
}

static long end(struct check *check, long result)
{
    check->error = errno;
    return check->result = result;
}

/* Makes a call, and evaluates to its result. */
#define CALL(call) (begin(check, #call, __LINE__), end(check, (long)(call)))

/* Records a violation unless the condition holds for the last call. */
#define CHECK(condition)                         \
    do {                                         \
        if (!(condition))                        \
            record_violation(check, #condition); \
    } while (0)

static bool untouched(const struct check *check)
{
    return check->error == UNTOUCHED_ERRNO;
}

/* The call must succeed, and `condition` must hold for its result. */
#define EXPECT(call, condition)                 \
    do {                                        \
        const long result = CALL(call);         \
        (void)result;                           \
        CHECK((condition) && untouched(check)); \
    } while (0)

/* For calls that return nothing. */
#define CALL_VOID(call)                \
    do {                               \
        begin(check, #call, __LINE__); \
        call;                          \
        end(check, 0);                 \
    } while (0)

/* Returns true if the last call failed with this errno. */
static bool failed(const struct check *check, int error)
{
    return check->result == -1 && check->error == error;
}

#define EXPECT_ERROR(call, code)      \
    do {                              \
        CALL(call);                   \
        CHECK(failed(check, (code))); \
    } while (0)

/* Instead of an error: the call returns 1, because an older kernel only has a fallback. */
enum { FALLBACK = -1 };

/* The call must return 0, or -1 with errno `denied_errno` if the kernel denies a system call that it needs, or fail with one of the other
 * errors. 0 ends the list. */
static void check_zero_or(struct check *check, int denied_errno, ...)
{
    va_list errors;
    bool as_expected = check->result == 0 && untouched(check) && denied_errno == 0;
    va_start(errors, denied_errno);
    if (denied_errno != 0)
        as_expected = failed(check, denied_errno);
    for (int error; (error = va_arg(errors, int)) != 0;)
        as_expected |= error == FALLBACK ? check->result == 1 && untouched(check) && denied_errno == 0 : failed(check, error);
    va_end(errors);
    if (check->environment->changing)
        as_expected |= failed(check, EINVAL);
    if (!as_expected)
        record_violation(check, "0, or a failure that was expected");
}

#define EXPECT_ZERO_OR(call, ...)             \
    do {                                      \
        CALL(call);                           \
        check_zero_or(check, __VA_ARGS__, 0); \
    } while (0)

/* A set of bits on the stack. */
#define SET_ON_STACK(name, bits)                            \
    unsigned long name##_words[(bits) / WORD_BITS] = { 0 }; \
    struct bitmask name = { .size = (bits), .maskp = name##_words }

static int first_of(const struct bitmask *set)
{
    for (unsigned int bit = 0; bit < set->size; bit++)
        if (set->maskp[bit / WORD_BITS] >> bit % WORD_BITS & 1)
            return (int)bit;
    return -1;
}

static void set_only(struct bitmask *set, int bit)
{
    memset(set->maskp, 0, set->size / 8);
    if (bit >= 0 && (unsigned long)bit < set->size)
        set->maskp[(size_t)bit / WORD_BITS] = 1UL << bit % WORD_BITS;
}

/* Returns true if sysfs lists the nodes and CPUs, and the lists do not change. */
static bool sysfs_is_reliable(const struct check *check)
{
    return check->environment->sys == TRUE_FILES && !check->environment->changing;
}

static bool memory_is_short(const struct check *check)
{
    return check->environment->memory_is_short;
}

/* Checks the set that the last call made: NULL only without memory, valid, and errno is one of those allowed. */
static struct bitmask *check_new_set(struct check *check, int size, int denied_errno)
{
    struct bitmask *set = (struct bitmask *)check->result;
    if (set == NULL) {
        CHECK(memory_is_short(check) && check->error == ENOMEM);
        return NULL;
    }
    CHECK(untouched(check) || (denied_errno != 0 && check->error == denied_errno));
    CHECK(set->maskp != NULL && set->size == (unsigned long)size);
    return set;
}

#define NEW_SET(call, size, denied_errno) (CALL(call), check_new_set(check, (size), (denied_errno)))

/* Checks that the set is as expected, and frees it. NULL has been checked before. */
static void check_and_free(struct check *check, struct bitmask *set, const struct bitmask *expected)
{
    if (set == NULL)
        return;
    if (expected != NULL)
        CHECK(numa_bitmask_equal(set, expected) == 1);
    EXPECT((numa_bitmask_free(set), 0), true);
}

/* Formats a number for a list. printf would need too much stack. */
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

static void __attribute__((noinline)) sets(struct check *check)
{
    const int nodes = numa_num_possible_nodes(), cpus = numa_num_possible_cpus();
    struct bitmask *set = NEW_SET(numa_bitmask_alloc(100), 100, 0), *node_set = NEW_SET(numa_allocate_nodemask(), nodes, 0);
    struct bitmask *cpu_set = NEW_SET(numa_allocate_cpumask(), cpus, 0);
    SET_ON_STACK(other, 128);
    nodemask_t mask;
    memset(&mask, 0xff, sizeof mask);

    begin(check, "numa_bitmask_alloc(0)", __LINE__);
    end(check, numa_bitmask_alloc(0) != NULL);
    CHECK(check->result == 0 && check->error == EINVAL);
    if (set == NULL)
        set = &other;
    EXPECT(numa_bitmask_setall(set) == set, result == 1);
    EXPECT(numa_bitmask_weight(set), result == (long)set->size);
    EXPECT(numa_bitmask_clearbit(set, 70) == set, result == 1);
    EXPECT(numa_bitmask_isbitset(set, 70), result == 0);
    EXPECT(numa_bitmask_clearall(set) == set, result == 1);
    EXPECT(numa_bitmask_setbit(set, 99) == set, result == 1);
    EXPECT(numa_bitmask_isbitset(set, 99), result == 1);
    EXPECT(numa_bitmask_nbytes(set), result == 16);
    EXPECT(numa_bitmask_equal(set, node_set), result == 0);
    EXPECT((copy_bitmask_to_nodemask(set, &mask), mask.n[0]), result == 0);
    EXPECT((copy_nodemask_to_bitmask(&mask, &other), numa_bitmask_isbitset(&other, 99)), result == 1);
    EXPECT((copy_bitmask_to_bitmask(&other, set), numa_bitmask_equal(&other, set)), result == 1);
    if (set != &other)
        EXPECT((numa_bitmask_free(set), 0), true);
    check_and_free(check, node_set, numa_no_nodes_ptr);
    check_and_free(check, cpu_set, numa_no_nodes_ptr);

    /* The exported sets. */
    EXPECT(numa_bitmask_weight(numa_no_nodes_ptr), result == 0);
    EXPECT(numa_bitmask_weight(numa_nodes_ptr), result >= 1);
    EXPECT(numa_bitmask_weight(numa_all_nodes_ptr), result >= 1 || check->environment->proc != TRUE_FILES);
    EXPECT(numa_bitmask_weight(numa_all_cpus_ptr), result >= 1);
    EXPECT((copy_bitmask_to_nodemask(numa_nodes_ptr, &mask), nodemask_equal(&mask, &numa_all_nodes)), result == 1);
    EXPECT((nodemask_zero(&mask), nodemask_equal(&mask, &numa_no_nodes)), result == 1);
}

/* --- what there is --- */

static void counts(struct check *check)
{
    EXPECT(numa_num_possible_nodes(), result >= 1 && result <= NODE_BITS);
    EXPECT(numa_max_possible_node(), result == numa_num_possible_nodes() - 1);
    EXPECT(numa_num_possible_cpus(), result >= 1);
    EXPECT(numa_max_node(), result >= 0 && result < numa_num_possible_nodes());
    EXPECT(numa_num_configured_nodes(), result >= 1 && (result <= numa_max_node() + 1 || !sysfs_is_reliable(check)));
    EXPECT(numa_num_configured_cpus(), result >= 1);
    EXPECT(numa_num_task_cpus(), result >= 1 && result == (long)numa_bitmask_weight(numa_all_cpus_ptr));
    EXPECT(numa_num_task_nodes(), result == (long)numa_bitmask_weight(numa_all_nodes_ptr));
    EXPECT(numa_num_thread_cpus(), result == numa_num_task_cpus());
    EXPECT(numa_num_thread_nodes(), result == numa_num_task_nodes());
    EXPECT(numa_pagesize(), result == (long)check->page_size);
    EXPECT(numars_version() != NULL, result == 1);
    EXPECT(numars_version_number(), result == NUMARS_VERSION);
    EXPECT(numars_status_string(0) != NULL && numars_status_string(INT_MIN) != NULL, result == 1);
}

static void __attribute__((noinline)) allowed_nodes(struct check *check)
{
    const int denied_errno = check->environment->denied.get_mempolicy;
    struct bitmask *allowed = NEW_SET(numa_get_mems_allowed(), numa_num_possible_nodes(), denied_errno);
    if (allowed == NULL)
        return;
    CHECK(denied_errno != 0 ? first_of(allowed) == -1 : first_of(allowed) >= 0);
    check_and_free(check, allowed, NULL);
}

/* Limits the work on a machine with a thousand nodes, each with a thousand distances. */
enum { SOME_NODES = 16 };

/* Returns true if the call failed because there is no such node, or because the file with its size cannot be opened. */
static bool has_no_size(const struct check *check)
{
    static const int denied[] = { EACCES, EPERM, EMFILE, ENFILE, ENOMEM };
    bool is_refused = false;
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++)
        is_refused |= check->error == denied[i];
    return check->result == -1 && (check->error == ENOENT || (is_refused && check->environment->sys == NO_FILES));
}

static void __attribute__((noinline)) check_node(struct check *check, int node)
{
    const bool there = numa_bitmask_isbitset(numa_nodes_ptr, (unsigned int)node);
    const bool reliable = sysfs_is_reliable(check);
    SET_ON_STACK(cpus, CPU_BITS);
    long long free_bytes = -1;
    long free_as_long = -1;

    begin(check, "numa_node_size64(node, &free_bytes)", __LINE__);
    const long long size = numa_node_size64(node, &free_bytes);
    end(check, size > LONG_MAX ? LONG_MAX : (long)size);
    if (size == -1)
        CHECK(has_no_size(check) && free_bytes == 0 && (!there || !reliable));
    else
        CHECK(untouched(check) && size >= 0 && (free_bytes >= 0 && (free_bytes <= size || !reliable)) && (there || !reliable));
    const long same = CALL(numa_node_size(node, &free_as_long));
    /* The size may be too large for a long of 32 bits. */
    CHECK(same == size || size > LONG_MAX || !reliable);

    EXPECT(numa_distance(node, node), !reliable ? result >= 0 && result <= 255 : there ? result == 10 : result == 0);
    for (int other = 0; other <= numa_max_node() && other < SOME_NODES; other++)
        EXPECT(numa_distance(node, other), result >= 0 && result <= 255);

    const long filled = CALL(numa_node_to_cpus(node, &cpus));
    CHECK(there ? (filled == 0 && untouched(check)) || (!reliable && failed(check, ENOENT)) : failed(check, ERANGE));
    if (reliable)
        for (int cpu = 0; cpu < CPU_BITS; cpu++)
            if (cpus_words[cpu / WORD_BITS] >> cpu % WORD_BITS & 1)
                EXPECT(numa_node_of_cpu(cpu), result == node);
    const long length = numa_num_possible_cpus() / 8;
    if (length <= CPU_BITS / 8) {
        const long older = CALL(older_numa_node_to_cpus(node, cpus_words, (int)length));
        CHECK(older == filled || !reliable);
    }
}

static void __attribute__((noinline)) nodes(struct check *check)
{
    SET_ON_STACK(cpus, WORD_BITS);
    const int impossible[] = { -1, INT_MIN, INT_MAX, numa_num_possible_nodes() };
    CALL_VOID(numa_node_to_cpu_update());
    CHECK(untouched(check));
    for (int node = 0; node <= numa_max_node() && node < SOME_NODES; node++)
        check_node(check, node);
    check_node(check, numa_max_node());
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        CALL(numa_node_size64(impossible[i], NULL));
        CHECK(has_no_size(check));
        CALL(numa_node_size(impossible[i], NULL));
        CHECK(has_no_size(check));
        EXPECT(numa_distance(impossible[i], 0), result == 0);
        EXPECT(numa_distance(0, impossible[i]), result == 0);
        EXPECT_ERROR(numa_node_to_cpus(impossible[i], &cpus), ERANGE);
    }
    EXPECT_ERROR(numa_node_of_cpu(-1), EINVAL);
    EXPECT_ERROR(numa_node_of_cpu(INT_MAX), EINVAL);
    for (int cpu = 0; cpu < numa_num_configured_cpus() && cpu < CPU_BITS; cpu++) {
        const long node = CALL(numa_node_of_cpu(cpu));
        /* A CPU that is offline has no node. */
        CHECK(failed(check, EINVAL) || (untouched(check) && node >= 0 && (node <= numa_max_node() || !sysfs_is_reliable(check))));
    }
}

/* --- nodes that differ --- */

/* Returns true if the last call returned something, or failed because the kernel's files say nothing about it, or cannot be opened. */
static bool is_known_or_unknown(const struct check *check)
{
    if (check->result >= 0)
        return untouched(check);
    return failed(check, ENODATA) || (check->environment->sys == NO_FILES && has_no_size(check) && check->error != ENOENT);
}

static void __attribute__((noinline)) check_attributes(struct check *check, int node)
{
    const bool there = numa_bitmask_isbitset(numa_nodes_ptr, (unsigned int)node);
    uint64_t value = 7;
    for (int attribute = NUMARS_CAPACITY; attribute <= NUMARS_MEMORY_SIDE_CACHE; attribute++)
        for (int initiator = -1; initiator < 2; initiator++) {
            CALL(numars_node_attribute(node, initiator, attribute, &value));
            CHECK(is_known_or_unknown(check) || failed(check, ENODEV));
        }
    CALL(numars_node_attribute(node, -1, NUMARS_CAPACITY, &value));
    CHECK(!there || !sysfs_is_reliable(check) || check->result == 0);
    CALL(numars_node_kind(node));
    CHECK(is_known_or_unknown(check) || !there || check->environment->changing);
    CHECK(check->result <= (NUMARS_NODE_HAS_CPUS | NUMARS_NODE_HAS_MEMORY | NUMARS_NODE_DAX));
    CALL(numars_node_tier(node));
    CHECK(is_known_or_unknown(check) || !there || check->environment->changing);
    CALL(numars_node_weight(node));
    CHECK(is_known_or_unknown(check) || !there || check->environment->changing);
    CHECK(check->result != 0 && check->result < 256);
}

static void __attribute__((noinline)) nodes_that_differ(struct check *check)
{
    SET_ON_STACK(set, NODE_BITS);
    const int impossible[] = { -2, INT_MIN, INT_MAX, numa_num_possible_nodes() };
    int tiers[4];
    for (int node = 0; node <= numa_max_node() && node < SOME_NODES; node++)
        check_attributes(check, node);
    const long count = CALL(numars_tiers(tiers, 4));
    CHECK(is_known_or_unknown(check) && count != 0);
    CALL(numars_tier_nodes(count > 0 ? tiers[0] : 4, &set));
    CHECK(is_known_or_unknown(check) && (check->result == 0) == (first_of(&set) >= 0));
    numa_bitmask_clearall(&set);
    CALL(numars_best_nodes(-1, NUMARS_FREE, &set));
    CHECK(is_known_or_unknown(check) && (check->result == 0) == (first_of(&set) >= 0));
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        EXPECT_ERROR(numars_node_attribute(impossible[i], -1, NUMARS_FREE, NULL), ENODEV);
        EXPECT_ERROR(numars_best_nodes(impossible[i], NUMARS_FREE, &set), ENODEV);
        EXPECT_ERROR(numars_node_kind(impossible[i]), ENODEV);
        EXPECT_ERROR(numars_node_tier(impossible[i]), ENODEV);
        EXPECT_ERROR(numars_node_weight(impossible[i]), ENODEV);
        /* A weight that exists would change for the whole machine. */
        EXPECT_ERROR(numars_set_node_weight(impossible[i], 1), ENODEV);
    }
}

/* --- lists --- */

static void check_rejected(struct check *check, struct bitmask *set)
{
    CHECK(set == NULL);
}

#define EXPECT_REJECTED(call) (CALL(call), check_rejected(check, (struct bitmask *)check->result))

static void __attribute__((noinline)) bitmaps(struct check *check)
{
    char line[] = "00000001,0000000f\n", none[] = "f,g\n";
    SET_ON_STACK(set, 64);
    EXPECT(numa_parse_bitmap(line, &set), result == 0 && numa_bitmask_weight(&set) == 5);
    EXPECT(older_numa_parse_bitmap(line, set_words, 64), result == 0 && numa_bitmask_weight(&set) == 5);
    CALL(numa_parse_bitmap(none, &set));
    CHECK(check->result == -1);
    CALL(numa_parse_bitmap(NULL, &set));
    CHECK(check->result == -1);
}

static void __attribute__((noinline)) node_lists(struct check *check)
{
    const int size = numa_num_possible_nodes();
    char list[16];
    write_number(list, numa_max_node());
    check_and_free(check, NEW_SET(numa_parse_nodestring("all"), size, 0), check->environment->changing ? NULL : numa_all_nodes_ptr);
    check_and_free(check, NEW_SET(numa_parse_nodestring(""), size, 0), numa_no_nodes_ptr);
    check_and_free(check, NEW_SET(numa_parse_nodestring_all("all"), size, 0), numa_nodes_ptr);
    struct bitmask *last = NEW_SET(numa_parse_nodestring_all(list), size, 0);
    CHECK(last == NULL || first_of(last) == numa_max_node());
    check_and_free(check, last, NULL);
    EXPECT_REJECTED(numa_parse_nodestring(NULL));
    EXPECT_REJECTED(numa_parse_nodestring_all("x"));
    EXPECT_REJECTED(numa_parse_nodestring("0,"));
    EXPECT_REJECTED(numa_parse_nodestring("-1"));
    EXPECT_REJECTED(numa_parse_nodestring_all("99999"));
}

/* Devices whose node is unknown on every machine: the loopback device has no disk or bus. */
static void __attribute__((noinline)) devices(struct check *check)
{
    EXPECT_REJECTED(numa_parse_nodestring("netdev:lo"));
    EXPECT_REJECTED(numa_parse_nodestring("block:no such disk"));
    EXPECT_REJECTED(numa_parse_nodestring("pci:ffff:ff:1f.7"));
    EXPECT_REJECTED(numa_parse_nodestring("file:/no such file"));
    EXPECT_REJECTED(numa_parse_nodestring("file:/proc/self/status"));
    EXPECT_REJECTED(numa_parse_nodestring("ip:127.0.0.1"));
    EXPECT_REJECTED(numa_parse_nodestring("drm:no such card"));
    EXPECT_REJECTED(numa_parse_nodestring("dax:no such device"));
    EXPECT_REJECTED(numa_parse_nodestring("tier:2147483647"));
}

static void __attribute__((noinline)) cpu_lists(struct check *check)
{
    const int size = numa_num_possible_cpus();
    char list[16];
    check_and_free(check, NEW_SET(numa_parse_cpustring("all"), size, 0), numa_all_cpus_ptr);
    write_number(list, first_of(numa_all_cpus_ptr));
    struct bitmask *first = NEW_SET(numa_parse_cpustring(list), size, 0);
    CHECK(first == NULL || first_of(first) == first_of(numa_all_cpus_ptr));
    check_and_free(check, first, NULL);
    struct bitmask *all = NEW_SET(numa_parse_cpustring_all("0"), size, 0);
    CHECK(all == NULL || first_of(all) == 0);
    check_and_free(check, all, NULL);
    EXPECT_REJECTED(numa_parse_cpustring("0-"));
    EXPECT_REJECTED(numa_parse_cpustring_all("99999999999999999999"));
}

static void __attribute__((noinline)) lists_with_errors(struct check *check)
{
    SET_ON_STACK(set, CPU_BITS);
    struct numars_parse_error error = NUMARS_PARSE_ERROR_INIT;
    char list[16];
    EXPECT(numars_parse_nodes("all", &set, &error), result == 0);
    CHECK(check->environment->changing || numa_bitmask_equal(&set, numa_all_nodes_ptr) == 1);
    write_number(list, first_of(numa_all_cpus_ptr));
    EXPECT(numars_parse_cpus(list, &set, &error), result == 0);
    CHECK(check->environment->changing || first_of(&set) == first_of(numa_all_cpus_ptr));
    EXPECT_ERROR(numars_parse_nodes("bad", &set, &error), EINVAL);
    CHECK(error.offset == 0 && error.length == 3 && error.message != NULL);
    EXPECT_ERROR(numars_parse_nodes("file:/no such file", &set, &error), ENOENT);
    EXPECT_ERROR(numars_parse_cpus("-1", &set, NULL), ERANGE);
    EXPECT(numars_format_nodes(&set, list, sizeof list), result > 0 && list[0] != '\0');
    EXPECT(numars_format_nodes(numa_no_nodes_ptr, list, sizeof list), result == 0 && list[0] == '\0');
}

/* --- policy --- */

/* The policy must consist of this node alone, according to this getter, if it can be read. */
static void policy_is(struct check *check, struct bitmask *(*getter)(void), const char *name, const struct bitmask *expected)
{
    const int denied_errno = check->environment->denied.get_mempolicy;
    begin(check, name, __LINE__);
    end(check, (long)getter());
    struct bitmask *set = check_new_set(check, numa_num_possible_nodes(), denied_errno);
    const bool known = denied_errno == 0 && check->environment->denied.set_mempolicy == 0 && !check->environment->changing;
    check_and_free(check, set, known ? expected : NULL);
}

/* Sets a policy through both variants, the one that returns an error and the one that does not. `was_set` is whether that worked. */
#define SET_POLICY_BOTH_WAYS(with_result, call, unsupported)                                  \
    do {                                                                                      \
        EXPECT_ZERO_OR(with_result, check->environment->denied.set_mempolicy, (unsupported)); \
        was_set = check->result >= 0;                                                         \
        CALL_VOID(call);                                                                      \
        CHECK(!was_set || untouched(check) || check->environment->changing);                  \
    } while (0)

static void __attribute__((noinline)) task_policies(struct check *check)
{
    const int denied_errno = check->environment->denied.set_mempolicy, get_denied = check->environment->denied.get_mempolicy;
    const bool reliable = denied_errno == 0 && get_denied == 0 && !check->environment->changing;
    bool was_set;
    SET_ON_STACK(one, NODE_BITS);
    set_only(&one, check->node);

    EXPECT_ZERO_OR(numa_available(), get_denied);

    SET_POLICY_BOTH_WAYS(numars_set_membind(&one), numa_set_membind(&one), 0);
    policy_is(check, numa_get_membind, "numa_get_membind after numa_set_membind", &one);
    policy_is(check, numa_preferred_many, "numa_preferred_many after numa_set_membind", &one);
    policy_is(check, numa_get_interleave_mask, "numa_get_interleave_mask after numa_set_membind", numa_no_nodes_ptr);
    policy_is(check, numa_get_weighted_interleave_mask, "numa_get_weighted_interleave_mask after numa_set_membind", numa_no_nodes_ptr);
    CALL(numa_preferred());
    CHECK(get_denied != 0 ? check->result == 0 && check->error == get_denied : (check->result == check->node && untouched(check)) || !reliable);
    CALL(numa_preferred_err());
    CHECK(get_denied != 0 ? failed(check, get_denied) : (check->result == check->node && untouched(check)) || !reliable);
    EXPECT_ZERO_OR(numars_set_membind(numa_no_nodes_ptr), denied_errno, EINVAL);

    /* Linux 5.12. */
    SET_POLICY_BOTH_WAYS(numars_set_membind_balancing(&one), numa_set_membind_balancing(&one), FALLBACK);
    if (was_set)
        policy_is(check, numa_get_membind, "numa_get_membind after numa_set_membind_balancing", &one);

    SET_POLICY_BOTH_WAYS(numars_set_interleave_mask(&one), numa_set_interleave_mask(&one), 0);
    policy_is(check, numa_get_interleave_mask, "numa_get_interleave_mask", &one);
    CALL(numa_get_interleave_node());
    CHECK(reliable ? check->result == check->node && untouched(check) : check->result >= 0);
    older_numa_set_interleave_mask(&numa_no_nodes);
    policy_is(check, numa_get_interleave_mask, "numa_get_interleave_mask after none", numa_no_nodes_ptr);
    CALL(numa_get_interleave_node());
    CHECK((check->result == 0 && check->error == (get_denied != 0 ? get_denied : EINVAL)) || !reliable);

    /* Linux 6.9. */
    SET_POLICY_BOTH_WAYS(numars_set_weighted_interleave_mask(&one), numa_set_weighted_interleave_mask(&one), EINVAL);
    if (was_set)
        policy_is(check, numa_get_weighted_interleave_mask, "numa_get_weighted_interleave_mask", &one);

    SET_POLICY_BOTH_WAYS(numars_set_preferred(check->node), numa_set_preferred(check->node), 0);
    policy_is(check, numa_preferred_many, "numa_preferred_many after numa_set_preferred", &one);
    EXPECT_ERROR(numars_set_preferred(INT_MAX), EINVAL);
    EXPECT(numa_has_preferred_many(), result == 0 || result == 1);
    const bool has_preferred_many = check->result;
    CHECK(!has_preferred_many || check->environment->denied.mbind == 0);
    SET_POLICY_BOTH_WAYS(numars_set_preferred_many(&one), numa_set_preferred_many(&one), has_preferred_many ? 0 : FALLBACK);

    SET_POLICY_BOTH_WAYS(numars_set_localalloc(), numa_set_localalloc(), 0);
    policy_is(check, numa_preferred_many, "numa_preferred_many after numa_set_localalloc", numa_no_nodes_ptr);

    CALL_VOID(numa_set_strict(0));
    CHECK(untouched(check));
    CALL_VOID(numa_set_bind_policy(1));
    CHECK(untouched(check));
    EXPECT(numa_fail_alloc_on_error, result == 0);
    EXPECT(numa_exit_on_error, result == 0);
    EXPECT(numa_exit_on_warn, result == 0);

    /* The older versions of these. */
    nodemask_t mask, kept;
    copy_bitmask_to_nodemask(&one, &mask);
    CALL_VOID(older_numa_set_membind(&mask));
    kept = older_numa_get_membind();
    CHECK(!reliable || memory_is_short(check) || check->node >= NUMA_NUM_NODES || nodemask_equal(&kept, &mask));
    CALL_VOID(older_numa_set_interleave_mask(&mask));
    kept = older_numa_get_interleave_mask();
    CHECK(!reliable || memory_is_short(check) || check->node >= NUMA_NUM_NODES || nodemask_equal(&kept, &mask));

    /* The system calls. */
    int mode = -1;
    EXPECT_ZERO_OR(set_mempolicy(MPOL_BIND, one_words, NODE_BITS + 1), denied_errno);
    EXPECT_ZERO_OR(get_mempolicy(&mode, NULL, 0, NULL, 0), get_denied);
    CHECK(!reliable || mode == MPOL_BIND);
    EXPECT_ZERO_OR(set_mempolicy(MPOL_DEFAULT, NULL, 0), denied_errno);
}

/* --- where threads run --- */

static void restore_affinity(const struct bitmask *before)
{
    syscall(SYS_sched_setaffinity, 0, before->size / 8, before->maskp);
}

static void __attribute__((noinline)) running(struct check *check)
{
    SET_ON_STACK(before, CPU_BITS);
    SET_ON_STACK(home, NODE_BITS);
    nodemask_t mask;
    const bool reliable = sysfs_is_reliable(check) && check->home >= 0;
    /* If it is unknown which CPUs a node has, no thread can run on it. */
    const int nowhere = reliable ? 0 : EINVAL;
    set_only(&home, check->home);
    copy_bitmask_to_nodemask(&home, &mask);

    CALL(numa_sched_getaffinity(0, &before));
    CHECK((untouched(check) && check->result > 0 && numa_bitmask_weight(&before) >= 1)
          || (check->error == EINVAL && numa_num_possible_cpus() > CPU_BITS));
    if (check->result < 0)
        return;
    CALL(older_numa_sched_getaffinity(0, sizeof before_words, before_words));
    CHECK(check->result > 0 && untouched(check));
    EXPECT_ERROR(numa_sched_getaffinity(INT_MAX, &before), ESRCH);

    EXPECT_ZERO_OR(numa_run_on_node(check->home), 0, nowhere, check->environment->sys == TRUE_FILES ? 0 : ERANGE);
    struct bitmask *runs_on = (struct bitmask *)CALL(numa_get_run_node_mask());
    if (runs_on == NULL)
        CHECK(memory_is_short(check) && check->error == ENOMEM);
    else
        check_and_free(check, runs_on, reliable ? &home : NULL);
    const nodemask_t older = older_numa_get_run_node_mask();
    CHECK(!reliable || memory_is_short(check) || check->home >= NUMA_NUM_NODES || nodemask_equal(&older, &mask));
    EXPECT_ZERO_OR(numa_run_on_node(-1), 0);
    EXPECT_ERROR(numa_run_on_node(INT_MIN), EINVAL);
    EXPECT_ERROR(numa_run_on_node(INT_MAX), EINVAL);
    EXPECT_ZERO_OR(numa_run_on_node_mask(&home), 0, nowhere);
    restore_affinity(&before);
    EXPECT_ZERO_OR(numa_run_on_node_mask_all(&home), 0, nowhere);
    restore_affinity(&before);
    CALL(older_numa_run_on_node_mask(&mask));
    CHECK(check->result == 0 || failed(check, EINVAL) || failed(check, ERANGE));
    restore_affinity(&before);
    EXPECT_ERROR(numa_run_on_node_mask(numa_no_nodes_ptr), EINVAL);

    EXPECT_ZERO_OR(numars_bind(&home), check->environment->denied.set_mempolicy, nowhere);
    restore_affinity(&before);
    CALL_VOID(numa_bind(&home));
    restore_affinity(&before);
    CALL_VOID(older_numa_bind(&mask));
    restore_affinity(&before);
    EXPECT_ZERO_OR(numa_sched_setaffinity(0, &before), 0);
    EXPECT_ZERO_OR(older_numa_sched_setaffinity(0, sizeof before_words, before_words), 0);
    EXPECT_ERROR(numa_sched_setaffinity(0, numa_no_nodes_ptr), EINVAL);
}

/* --- memory --- */

/* Checks the memory that the last call returned: it can be written, and is freed. */
static void check_and_free_memory(struct check *check, size_t size, int denied_errno)
{
    char *memory = (char *)check->result;
    if (memory == NULL) {
        CHECK(memory_is_short(check) && check->error == ENOMEM);
        return;
    }
    CHECK(untouched(check) || (denied_errno != 0 && check->error == denied_errno) || (check->environment->changing && check->error == EINVAL));
    CHECK((uintptr_t)memory % check->page_size == 0);
    EXPECT((numa_police_memory(memory, size), 0), true);
    memory[0] = memory[size - 1] = 'x';
    EXPECT((numa_free(memory, size), 0), true);
}

#define MEMORY(call, size, denied_errno) (CALL(call), check_and_free_memory(check, (size), (denied_errno)))

/* Returns the kernel's error for a policy that it does not support. */
static int unless_unknown(int denied_errno)
{
    return denied_errno != 0 ? denied_errno : EINVAL;
}

/* Checks the result of an allocator that fails instead of returning memory without its policy: with `denied_errno` if the kernel denies a
 * system call that it needs, or with `other`; 0: with no other error. */
static void check_and_free_placed(struct check *check, size_t size, int denied_errno, int other)
{
    if (check->result != 0) {
        CHECK(untouched(check) && denied_errno == 0);
        check_and_free_memory(check, size, 0);
        return;
    }
    const bool is_changing = check->environment->changing && (check->error == EINVAL || check->error == ENOMEM);
    CHECK((denied_errno != 0 && check->error == denied_errno) || (other != 0 && check->error == other) || is_changing
          || (memory_is_short(check) && check->error == ENOMEM));
}

#define PLACED(call, size, denied_errno, other) (CALL(call), check_and_free_placed(check, (size), (denied_errno), (other)))

static void __attribute__((noinline)) allocating_with_errors(struct check *check)
{
    const size_t size = 3 * check->page_size + 1;
    const int denied_errno = check->environment->denied.mbind;
    const int unchecked_errno = denied_errno != 0 ? denied_errno : check->environment->denied.move_pages;
    const int unknown_node = check->node < 0 ? EINVAL : 0;
    SET_ON_STACK(one, NODE_BITS);
    set_only(&one, check->node);

    PLACED(numars_alloc_onnode(size, check->node, 0), size, denied_errno, unknown_node);
    PLACED(numars_alloc_onnode(size, check->node, NUMARS_ALLOC_NO_FALLBACK | NUMARS_ALLOC_HUGE_PAGES), size, denied_errno, unknown_node);
    PLACED(numars_alloc_onnode(size, check->node, NUMARS_ALLOC_NO_FALLBACK | NUMARS_ALLOC_STRICT), size, unchecked_errno, unknown_node);
    PLACED(numars_alloc_local(size, NUMARS_ALLOC_POPULATE), size, denied_errno, 0);
    PLACED(numars_alloc_interleaved(size, &one, NUMARS_ALLOC_STRICT), size, unchecked_errno, unknown_node);
    PLACED(numars_alloc_weighted(size, &one, NUMARS_ALLOC_POPULATE), size, denied_errno, EINVAL);
    CALL(numars_alloc_onnode(size, INT_MAX, 0));
    CHECK(check->result == 0 && (check->error == EINVAL || memory_is_short(check)));
    CALL(numars_alloc_local(0, 0));
    CHECK(check->result == 0 && (check->error == EINVAL || (memory_is_short(check) && check->error == ENOMEM)));
    CALL(numars_alloc_local(size, ~0U));
    CHECK(check->result == 0 && check->error == EINVAL);
}

static void __attribute__((noinline)) allocating(struct check *check)
{
    const size_t size = 3 * check->page_size + 1;
    const int denied_errno = check->environment->denied.mbind;
    SET_ON_STACK(one, NODE_BITS);
    nodemask_t mask;
    set_only(&one, check->node);
    copy_bitmask_to_nodemask(&one, &mask);

    MEMORY(numa_alloc(size), size, 0);
    MEMORY(numa_alloc_local(size), size, denied_errno);
    MEMORY(numa_alloc_onnode(size, check->node), size, denied_errno);
    MEMORY(numa_alloc_onnode(size, INT_MAX), size, unless_unknown(denied_errno));
    MEMORY(numa_alloc_interleaved(size), size, denied_errno);
    MEMORY(numa_alloc_interleaved_subset(size, &one), size, denied_errno);
    MEMORY(older_numa_alloc_interleaved_subset(size, &mask), size, check->node < NUMA_NUM_NODES ? denied_errno : unless_unknown(denied_errno));
    MEMORY(numa_alloc_weighted_interleaved(size), size, unless_unknown(denied_errno));
    MEMORY(numa_alloc_weighted_interleaved_subset(size, &one), size, unless_unknown(denied_errno));
    CALL(numa_alloc(0));
    CHECK(check->result == 0 && (check->error == EINVAL || (memory_is_short(check) && check->error == ENOMEM)));
    CALL(numa_alloc(SIZE_MAX / 4 * (sizeof(size_t) > 4 ? 2 : 3)));
    CHECK(check->result == 0 && check->error == ENOMEM);

    char *grown = (char *)CALL(numa_alloc(size));
    if (grown == NULL) {
        CHECK(memory_is_short(check) && check->error == ENOMEM);
        return;
    }
    grown[1] = 'y';
    char *larger = (char *)CALL(numa_realloc(grown, size, 3 * size));
    CHECK(larger != NULL ? untouched(check) && larger[1] == 'y' : memory_is_short(check) && check->error == ENOMEM);
    EXPECT((larger != NULL ? numa_free(larger, 3 * size) : numa_free(grown, size), 0), true);
}

/* Sets the policy of memory through both variants. */
#define MEMORY_POLICY(with_result, call, unsupported)                                                                              \
    do {                                                                                                                           \
        CALL(with_result);                                                                                                         \
        check_zero_or(check, check->environment->denied.mbind, memory_is_short(check) ? ENOMEM : (unsupported), (unsupported), 0); \
        const bool known = check->result == 0;                                                                                     \
        CALL_VOID(call);                                                                                                           \
        CHECK(!known || untouched(check) || check->environment->changing || memory_is_short(check));                               \
    } while (0)

static void __attribute__((noinline)) memory_policies(struct check *check)
{
    const struct policy_errors *denied = &check->environment->denied;
    const size_t size = ALL_FUNCTIONS_PAGES * check->page_size;
    const int short_memory = memory_is_short(check) ? ENOMEM : 0;
    char *const pages = check->pages;
    SET_ON_STACK(one, NODE_BITS);
    nodemask_t mask;
    set_only(&one, check->node);
    copy_bitmask_to_nodemask(&one, &mask);

    MEMORY_POLICY(numars_interleave_memory(pages, size, &one), numa_interleave_memory(pages, size, &one), 0);
    MEMORY_POLICY(numars_weighted_interleave_memory(pages, size, &one), numa_weighted_interleave_memory(pages, size, &one), EINVAL);
    MEMORY_POLICY(numars_setlocal_memory(pages, size), numa_setlocal_memory(pages, size), 0);
    MEMORY_POLICY(numars_tonodemask_memory(pages, size, &one), numa_tonodemask_memory(pages, size, &one), 0);
    MEMORY_POLICY(numars_tonode_memory(pages, size, check->node), numa_tonode_memory(pages, size, check->node), 0);
    int mode = -1;
    EXPECT_ZERO_OR(get_mempolicy(&mode, NULL, 0, pages, MPOL_F_ADDR), denied->get_mempolicy);
    CHECK(mode == MPOL_BIND || denied->get_mempolicy != 0 || denied->mbind != 0 || check->environment->changing || memory_is_short(check));
    if (check->node < NUMA_NUM_NODES) {
        CALL_VOID(older_numa_interleave_memory(pages, size, &mask));
        CALL_VOID(older_numa_tonodemask_memory(pages, size, &mask));
    }

    EXPECT(numa_has_home_node(), result == 0 || (result == 1 && denied->set_mempolicy_home_node == 0));
    /* Without mbind(2) there is no policy that could have a home node; before Linux 5.17 there are no home nodes. */
    const int home_node_errno = check->result == 0 ? ENOSYS : denied->mbind != 0 ? ENOENT : short_memory;
    EXPECT_ZERO_OR(set_mempolicy_home_node(pages, size, check->node, 0), denied->set_mempolicy_home_node, home_node_errno, short_memory);
    EXPECT_ZERO_OR(numa_set_mempolicy_home_node(pages, size, check->node, 0), denied->set_mempolicy_home_node, home_node_errno, short_memory);
    EXPECT_ZERO_OR(mbind(pages, size, MPOL_DEFAULT, NULL, 0, 0), denied->mbind, short_memory);
}

/* --- moving --- */

struct moved {
    void *pages[ALL_FUNCTIONS_PAGES];
    int nodes[ALL_FUNCTIONS_PAGES], status[ALL_FUNCTIONS_PAGES];
};

static void fill_statuses(struct moved *moved)
{
    for (size_t page = 0; page < ALL_FUNCTIONS_PAGES; page++)
        moved->status[page] = INT_MIN;
}

/* After a call that succeeded, each status is this node; while others move pages too, some node or errno. */
static void check_statuses(struct check *check, const struct moved *moved, size_t count, int node)
{
    if (check->result != 0)
        return;
    for (size_t page = 0; page < count; page++) {
        const int status = moved->status[page];
        if (check->environment->changing ? status == INT_MIN : node < 0 ? status < 0 : status != node) {
            check->result = status;
            record_violation(check, "statuses that are true");
            return;
        }
    }
}

static void check_stats(struct check *check, const struct numars_move_stats *stats, unsigned long pages)
{
    const unsigned long became = stats->moved + stats->in_place + stats->absent + stats->unmapped + stats->shared + stats->busy
        + stats->no_memory + stats->failed;
    if (check->result < 0)
        return;
    CHECK(became == stats->requested);
    CHECK(stats->requested == pages || pages == 0 || check->environment->changing || check->environment->proc == WRONG_FILES);
}

static int count_calls(const struct numars_move_stats *so_far, void *calls)
{
    (void)so_far;
    ++*(int *)calls;
    return 0;
}

static int cancel(const struct numars_move_stats *so_far, void *calls)
{
    return count_calls(so_far, calls) + 1;
}

static void __attribute__((noinline)) moving_lists(struct check *check)
{
    const int denied_errno = check->environment->denied.move_pages;
    const bool busy = check->environment->changing;
    struct moved moved;
    const int some = 5;
    for (size_t page = 0; page < ALL_FUNCTIONS_PAGES; page++) {
        moved.pages[page] = check->pages + page * check->page_size;
        moved.nodes[page] = check->node;
        check->pages[page * check->page_size] = 'z';
    }

    /* Kernels before 6.16 answer 32-bit programs that ask for more wrongly. */
    const int answered = sizeof(long) == 4 ? 16 : ALL_FUNCTIONS_PAGES;
    fill_statuses(&moved);
    EXPECT_ZERO_OR(move_pages(0, answered, moved.pages, NULL, moved.status, 0), denied_errno);
    check_statuses(check, &moved, answered, -1);
    fill_statuses(&moved);
    CALL(move_pages(0, ALL_FUNCTIONS_PAGES, moved.pages, moved.nodes, moved.status, MPOL_MF_MOVE));
    if (!busy)
        check_zero_or(check, denied_errno, 0);
    check_statuses(check, &moved, ALL_FUNCTIONS_PAGES, check->node);

    /* Short and long lists are handled differently. */
    for (int count = some; count <= ALL_FUNCTIONS_PAGES; count += ALL_FUNCTIONS_PAGES - some) {
        fill_statuses(&moved);
        EXPECT_ZERO_OR(numa_move_pages(0, (unsigned long)count, moved.pages, NULL, moved.status, 0), denied_errno);
        check_statuses(check, &moved, (size_t)count, -1);
        fill_statuses(&moved);
        CALL(numa_move_pages(0, (unsigned long)count, moved.pages, moved.nodes, moved.status, MPOL_MF_MOVE));
        if (!busy)
            check_zero_or(check, denied_errno, 0);
        check_statuses(check, &moved, (size_t)count, check->node);
    }
    EXPECT_ERROR(numa_move_pages(INT_MAX, 2, moved.pages, moved.nodes, moved.status, MPOL_MF_MOVE), denied_errno != 0 ? denied_errno : ESRCH);

    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    const int scratch = memory_is_short(check) ? ENOMEM : 0;
    fill_statuses(&moved);
    CALL(numars_move_pages(0, ALL_FUNCTIONS_PAGES, moved.pages, moved.nodes, moved.status, NULL, &stats));
    if (!busy)
        check_zero_or(check, denied_errno, scratch, 0);
    check_statuses(check, &moved, ALL_FUNCTIONS_PAGES, check->node);
    check_stats(check, &stats, ALL_FUNCTIONS_PAGES);
    for (size_t page = 0; page < ALL_FUNCTIONS_PAGES; page++)
        CHECK(check->pages[page * check->page_size] == 'z');
}

static void __attribute__((noinline)) moving_ranges(struct check *check)
{
    const int denied_errno = check->environment->denied.move_pages;
    const int scratch = memory_is_short(check) ? ENOMEM : 0;
    const size_t size = ALL_FUNCTIONS_PAGES * check->page_size;
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    unsigned long on_nodes[8] = { 0 };
    int calls = 0;

    options.threads = 2;
    options.progress = count_calls;
    options.progress_arg = &calls;
    CALL(numars_move_range(0, check->pages, size, check->node, &options, &stats));
    if (!check->environment->changing)
        check_zero_or(check, denied_errno, scratch, 0);
    check_stats(check, &stats, ALL_FUNCTIONS_PAGES);
    CHECK(check->result != 0 || calls > 0);
    options.progress = cancel;
    CALL(numars_move_range(0, check->pages, size, check->node, &options, &stats));
    CHECK(failed(check, ECANCELED) || (denied_errno != 0 && failed(check, denied_errno)) || (scratch != 0 && failed(check, scratch)));
    options.size = 1;
    EXPECT_ERROR(numars_move_range(0, check->pages, size, check->node, &options, NULL), EINVAL);
    EXPECT_ERROR(numars_move_range(0, check->pages, size, INT_MAX, NULL, NULL), denied_errno != 0 ? denied_errno : ENODEV);

    CALL(numars_count_pages(0, check->pages, size, on_nodes, 8));
    const bool all = check->result == ALL_FUNCTIONS_PAGES || (check->result == 0 && check->environment->proc == WRONG_FILES);
    CHECK((denied_errno == 0 && all && untouched(check)) || (denied_errno != 0 && failed(check, denied_errno))
          || (scratch != 0 && failed(check, scratch)));
    CHECK(check->result <= 0 || check->node >= 8 || check->environment->changing || on_nodes[check->node] == ALL_FUNCTIONS_PAGES);
    /* Nothing may be done to a process that does not exist. */
    EXPECT_ERROR(numars_count_pages(INT_MAX, check->pages, size, on_nodes, 8),
                 scratch != 0 ? check->error : denied_errno != 0 ? denied_errno : ESRCH);
}

static void __attribute__((noinline)) moving_processes(struct check *check)
{
    const struct policy_errors *denied = &check->environment->denied;
    const int scratch = memory_is_short(check) ? ENOMEM : 0;
    SET_ON_STACK(one, NODE_BITS);
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    set_only(&one, check->node);

    CALL(migrate_pages(0, NODE_BITS + 1, one_words, one_words));
    check_zero_or(check, denied->migrate_pages, scratch, 0);
    CALL(numa_migrate_pages(0, &one, &one));
    check_zero_or(check, denied->migrate_pages, scratch, 0);

    /* Its own pages; those on the node stay there. */
    CALL(numars_move_process(0, &one, &one, NULL, &stats));
    if (denied->move_pages == 0 && check->environment->proc != TRUE_FILES && check->result == -1)
        CHECK(check->error == ENOENT);
    else
        check_zero_or(check, denied->move_pages, scratch, 0);
    check_stats(check, &stats, 0);
    CALL(numars_move_process(0, &one, numa_no_nodes_ptr, NULL, &stats));
    CHECK(check->result == -1 && check->error != UNTOUCHED_ERRNO);
}

/* The memory has the policy of the last mode afterwards. */
static void __attribute__((noinline)) placing_ranges(struct check *check)
{
    static const unsigned char weights[] = { 1, 1, 1 };
    const struct policy_errors *denied = &check->environment->denied;
    const int scratch = memory_is_short(check) ? ENOMEM : 0;
    const size_t size = ALL_FUNCTIONS_PAGES * check->page_size;
    SET_ON_STACK(one, NODE_BITS);
    struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    set_only(&one, check->node);
    placement.nodes = &one;
    for (int mode = NUMARS_PLACE_PACK; mode <= NUMARS_PLACE_BALANCE; mode++) {
        const bool weighted = mode == NUMARS_PLACE_WEIGHTED;
        placement.mode = mode;
        placement.flags = weighted ? 0 : NUMARS_PLACE_SET_POLICY;
        placement.weights = weighted ? weights : NULL;
        placement.n_weights = weighted ? 3 : 0;
        CALL(numars_place_range(0, check->pages, size, &placement, NULL, &stats));
        if (!check->environment->changing)
            check_zero_or(check, denied->move_pages != 0 || weighted ? denied->move_pages : denied->mbind, scratch, 0);
        check_stats(check, &stats, ALL_FUNCTIONS_PAGES);
    }
    placement.mode = NUMARS_PLACE_PACK;
    EXPECT_ERROR(numars_place_range(0, check->pages, size, NULL, NULL, NULL), EINVAL);
    placement.nodes = numa_no_nodes_ptr;
    CALL(numars_place_range(0, check->pages, size, &placement, NULL, NULL));
    CHECK(check->result == -1 && check->error != UNTOUCHED_ERRNO);
}

/* The move is cancelled before any page moves, because other threads place the memory that they share with this one at the same time. */
static void __attribute__((noinline)) placing_processes(struct check *check)
{
    static const int cancelled = 1;
    const struct policy_errors *denied = &check->environment->denied;
    const int scratch = memory_is_short(check) ? ENOMEM : 0;
    SET_ON_STACK(one, NODE_BITS);
    struct numars_placement placement = NUMARS_PLACEMENT_INIT;
    struct numars_move_options options = NUMARS_MOVE_OPTIONS_INIT;
    set_only(&one, check->node);
    placement.nodes = &one;
    options.cancel = &cancelled;
    CALL(numars_place_process(0, &placement, &options, NULL));
    CHECK(failed(check, ECANCELED) || (denied->move_pages != 0 && failed(check, denied->move_pages)) || (scratch != 0 && failed(check, scratch))
          || (check->environment->proc != TRUE_FILES && failed(check, ENOENT)) || check->environment->changing);
}

static void __attribute__((noinline)) moving_between_tiers(struct check *check)
{
    const int denied_errno = check->environment->denied.move_pages;
    const size_t size = ALL_FUNCTIONS_PAGES * check->page_size;
    struct numars_move_stats stats = NUMARS_MOVE_STATS_INIT;
    /* Where there are no other tiers, both fail. The pages may have been on a node that is not in the nearest tier. */
    for (int promote = 0; promote < 2; promote++) {
        if (promote)
            CALL(numars_promote_range(0, check->pages, size, NULL, &stats));
        else
            CALL(numars_demote_range(0, check->pages, size, NULL, &stats));
        CHECK(is_known_or_unknown(check) || (denied_errno != 0 && failed(check, denied_errno)) || failed(check, ENOMEM)
              || check->environment->changing);
        check_stats(check, &stats, ALL_FUNCTIONS_PAGES);
    }
}

/* --- messages --- */

/* Only once per process, since they print. */
static void messages(struct check *check)
{
    static atomic_flag reliable = ATOMIC_FLAG_INIT;
    if (atomic_flag_test_and_set(&reliable))
        return;
    begin(check, "numa_error", __LINE__);
    errno = ENOENT;
    numa_error((char[]){ "everything" });
    end(check, 0);
    CHECK(check->error == ENOENT);
    CALL_VOID(numa_warn(62, (char[]){ "everything is called, %s %d" }, "line", __LINE__));
    CHECK(untouched(check));
}

/* --- all of it --- */

/* Gets the nodes that the kernel lets this thread use, without the library. */
static void choose_nodes(struct check *check)
{
    SET_ON_STACK(allowed, NODE_BITS);
    unsigned long cpus[CPU_BITS / WORD_BITS] = { 0 };
    if (syscall(SYS_get_mempolicy, NULL, allowed_words, NODE_BITS + 1, NULL, MPOL_F_MEMS_ALLOWED) != 0)
        memcpy(allowed_words, numa_all_nodes_ptr->maskp, numa_all_nodes_ptr->size / 8);
    check->node = first_of(&allowed);
    if (check->node < 0)
        check->node = 0;
    check->home = -1;
    if (syscall(SYS_sched_getaffinity, 0, sizeof cpus, cpus) <= 0)
        return;
    for (int cpu = 0; cpu < CPU_BITS && check->home < 0; cpu++)
        if (cpus[cpu / WORD_BITS] >> cpu % WORD_BITS & 1) {
            const int node = numa_node_of_cpu(cpu);
            if (node >= 0 && allowed_words[node / WORD_BITS] >> node % WORD_BITS & 1)
                check->home = node;
        }
}

static void check_all(struct check *check)
{
    counts(check);
    sets(check);
    allowed_nodes(check);
    nodes(check);
    nodes_that_differ(check);
    bitmaps(check);
    node_lists(check);
    devices(check);
    cpu_lists(check);
    lists_with_errors(check);
    task_policies(check);
    running(check);
    allocating(check);
    allocating_with_errors(check);
    memory_policies(check);
    moving_lists(check);
    moving_ranges(check);
    moving_processes(check);
    placing_ranges(check);
    placing_processes(check);
    moving_between_tiers(check);
    messages(check);
}

struct expectations of_this_kernel(const struct expectations *environment)
{
    struct expectations result = *environment;
    if (!has_numa_system_calls()) {
        int *const denied[] = { &result.denied.get_mempolicy, &result.denied.set_mempolicy, &result.denied.mbind,
                                &result.denied.move_pages, &result.denied.migrate_pages, &result.denied.set_mempolicy_home_node };
        for (size_t i = 0; i < sizeof denied / sizeof *denied; i++)
            if (*denied[i] == 0)
                *denied[i] = ENOSYS;
        if (result.sys == TRUE_FILES)
            result.sys = NO_FILES;
    }
    return result;
}

void call_all_functions(const struct expectations *usual_environment, struct violations *violations)
{
    const struct expectations actual = of_this_kernel(usual_environment), *const environment = &actual;
    struct check state = { .environment = environment, .violations = violations, .pages = environment->pages }, *const check = &state;
    const long page_size = sysconf(_SC_PAGESIZE);
    unsigned long nodes_before[NODE_BITS / WORD_BITS] = { 0 };
    int mode_before = MPOL_DEFAULT;
    state.page_size = (size_t)page_size;
    const size_t size = ALL_FUNCTIONS_PAGES * state.page_size;

    if (syscall(SYS_get_mempolicy, &mode_before, nodes_before, NODE_BITS + 1, NULL, 0) != 0)
        mode_before = MPOL_DEFAULT;
    choose_nodes(check);
    if (state.pages == NULL)
        state.pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (state.pages == MAP_FAILED) {
        begin(check, "mmap of the pages to move", __LINE__);
        record_violation(check, "memory, or pages from the caller");
        return;
    }
    /* Huge pages cannot be counted by base pages. */
    madvise(state.pages, size, MADV_NOHUGEPAGE);
    check_all(check);
    syscall(SYS_set_mempolicy, mode_before, nodes_before, NODE_BITS + 1);
    if (environment->pages == NULL)
        munmap(state.pages, size);
}

void describe_violations(const struct violations *violations, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "%u violations\n", violations->count);
    for (unsigned int i = 0; i < violations->count && i < KEPT_VIOLATIONS && length < size; i++) {
        const struct violation *wrong = &violations->kept[i];
        length += (size_t)snprintf(text + length, size - length, "line %d: %s: %ld, errno %d (%s); expected: %s\n", wrong->line,
                                   wrong->call, wrong->returned, wrong->error, strerror(wrong->error), wrong->expected);
    }
}

/* Returns true if the line reports that a call of this name failed with this error, or because the kernel does not support what was
 * requested. */
static bool is_failure_of(const char *line, const char *name, int denied_errno)
{
    const size_t length = strlen(name);
    if (strncmp(line, name, length) != 0 || strncmp(line + length, ": ", 2) != 0)
        return false;
    const char *reason = line + length + 2;
    return (denied_errno != 0 && strcmp(reason, strerror(denied_errno)) == 0) || strcmp(reason, strerror(EINVAL)) == 0;
}

static bool is_requested(const struct expectations *environment, const char *line)
{
    const struct policy_errors *denied = &environment->denied;
    return strncmp(line, "libnuma: Warning: ", 18) == 0 || line[0] == '\0'
        || strncmp(line, "everything: ", 12) == 0
        || (denied->get_mempolicy != 0 && is_failure_of(line, "get_mempolicy", denied->get_mempolicy))
        || is_failure_of(line, "set_mempolicy", denied->set_mempolicy)
        || is_failure_of(line, "mbind", denied->mbind) || (environment->memory_is_short && is_failure_of(line, "mbind", ENOMEM))
        || is_failure_of(line, "set_mempolicy_home_node", denied->set_mempolicy_home_node)
        /* Without mbind() there is no policy to add a home node to; kernels before 5.17 do not have the call. */
        || (denied->mbind != 0 && is_failure_of(line, "set_mempolicy_home_node", ENOENT))
        || is_failure_of(line, "set_mempolicy_home_node", ENOSYS)
        || is_failure_of(line, "numa_sched_setaffinity_v2_int() failed", 0);
}

const char *unexpected_output(const struct expectations *usual_environment, char *output)
{
    const struct expectations actual = of_this_kernel(usual_environment), *const environment = &actual;
    for (char *line = output, *line_end; line != NULL && *line != '\0'; line = line_end == NULL ? NULL : line_end + 1) {
        line_end = strchr(line, '\n');
        if (line_end != NULL)
            *line_end = '\0';
        if (!is_requested(environment, line))
            return line;
        if (line_end != NULL)
            *line_end = '\n';
    }
    return NULL;
}
