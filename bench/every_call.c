/* Times every function of libnuma's interface, on small arguments as programs pass them. rows.h says what it prints.
 *
 * A row is named after its function, and after a comma, its case. bench/src/every_call.rs lists the rows and judges them. */
#include "rows.h"
#include <dlfcn.h>
#include <numaif.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096, PAGES = 16, RANGE = PAGES * PAGE, SIZES = 3, WORD = 8 * sizeof(unsigned long) };

/* Not in all versions of <numaif.h>. */
enum { BALANCING = 1 << 13, PREFERRED_MANY = 5, WEIGHTED_INTERLEAVE = 6 };

/* --- arguments of the calls, created by prepare() --- */

/* Bitmasks of as many bits as nodes of a small machine, as nodes of the kernel, and as CPUs of a large machine. */
static const unsigned int BITS[SIZES] = { 64, 1024, 8192 };
static struct bitmask *bits[SIZES], *same_bits[SIZES], *other_bits[SIZES];

static struct bitmask *cpus, *all_cpus, *nodes, *some_cpus;
static nodemask_t old_nodes;
static int last_cpu, last_node;
static unsigned long *words, *first_node;
/* The number of bits of words and first_node, as the kernel expects it. */
static unsigned long length;
static char node_range[32], cpu_range[32], cpu_map[] = "00000000,0000000f\n";
static cpu_set_t affinity;

/* Memory whose pages are present, and its pages with the nodes that they are on. */
static char *range;
static void *pages[PAGES];
static int homes[PAGES], status[PAGES];

/* Functions that libnuma has since 2.0.19, or that no release of Debian has. */
static int (*preferred_err)(void);
static int (*has_home_node)(void);
static int (*set_home_node)(void *, unsigned long, int, int);
static struct bitmask *(*get_weighted_interleave_mask)(void);
static void (*set_weighted_interleave_mask)(struct bitmask *);
static void *(*alloc_weighted_interleaved)(size_t);
static void *(*alloc_weighted_interleaved_subset)(size_t, struct bitmask *);
static void (*weighted_interleave_memory)(void *, size_t, struct bitmask *);

static bool failed;

/* Exported, but not in all versions of <numa.h>. */
int numa_parse_bitmap(char *line, struct bitmask *mask);

/* Called by the library if a function cannot return that it failed. */
void numa_error(char *where)
{
    (void)where;
    failed = true;
}

static void look_up(void *function, const char *name)
{
    void *const place = dlsym(RTLD_DEFAULT, name);
    memcpy(function, &place, sizeof place);
}

static void look_up_newer_functions(void)
{
    look_up(&preferred_err, "numa_preferred_err");
    look_up(&has_home_node, "numa_has_home_node");
    look_up(&set_home_node, "numa_set_mempolicy_home_node");
    look_up(&get_weighted_interleave_mask, "numa_get_weighted_interleave_mask");
    look_up(&set_weighted_interleave_mask, "numa_set_weighted_interleave_mask");
    look_up(&alloc_weighted_interleaved, "numa_alloc_weighted_interleaved");
    look_up(&alloc_weighted_interleaved_subset, "numa_alloc_weighted_interleaved_subset");
    look_up(&weighted_interleave_memory, "numa_weighted_interleave_memory");
}

/* Every third bit is set: neither empty nor full words. */
static struct bitmask *every_third(unsigned int count)
{
    struct bitmask *made = numa_bitmask_alloc(count);
    for (unsigned int bit = 0; bit < count; bit += 3)
        numa_bitmask_setbit(made, bit);
    return made;
}

static void prepare_range(void)
{
    range = mmap(NULL, RANGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (range == MAP_FAILED)
        give_up("no memory");
    /* Fails if the kernel has no huge pages; then it is not needed. */
    (void)madvise(range, RANGE, MADV_NOHUGEPAGE);
    memset(range, 1, RANGE);
    for (int page = 0; page < PAGES; page++)
        pages[page] = range + page * PAGE;
    if (syscall(SYS_move_pages, 0, PAGES, pages, NULL, homes, 0) != 0)
        give_up("move_pages");
}

static int prepare(void)
{
    if (numa_available() < 0)
        give_up("the kernel has no memory policy");
    for (int i = 0; i < SIZES; i++) {
        bits[i] = every_third(BITS[i]);
        same_bits[i] = every_third(BITS[i]);
        other_bits[i] = numa_bitmask_alloc(BITS[i]);
    }
    last_cpu = numa_num_configured_cpus() - 1;
    last_node = numa_max_node();
    cpus = numa_allocate_cpumask();
    some_cpus = numa_allocate_cpumask();
    all_cpus = numa_allocate_cpumask();
    numa_sched_getaffinity(0, all_cpus);
    nodes = numa_get_mems_allowed();
    copy_bitmask_to_nodemask(nodes, &old_nodes);
    const unsigned long count = ((unsigned long)numa_num_possible_nodes() + WORD - 1) / WORD;
    length = count * WORD + 1;
    words = calloc(count, sizeof *words);
    first_node = calloc(count, sizeof *first_node);
    first_node[0] = 1;
    sprintf(node_range, "0-%d", last_node);
    sprintf(cpu_range, "0-%d", last_cpu);
    if (sched_getaffinity(0, sizeof affinity, &affinity) != 0)
        give_up("sched_getaffinity");
    prepare_range();
    look_up_newer_functions();
    return last_cpu + 1;
}

/* --- what precedes and follows rows --- */

static bool set_policy(int mode)
{
    return syscall(SYS_set_mempolicy, mode, first_node, length) == 0;
}

static bool interleave(void)
{
    return set_policy(MPOL_INTERLEAVE);
}

/* These return false if the kernel lacks the policy. */
static bool balance(void)
{
    return set_policy(MPOL_BIND | BALANCING);
}

static bool prefer_many(void)
{
    return set_policy(PREFERRED_MANY);
}

static bool interleave_by_weight(void)
{
    return set_weighted_interleave_mask != NULL && set_policy(WEIGHTED_INTERLEAVE);
}

/* The same for functions that no release of Debian's libnuma has yet. */
static bool interleave_by_weight_newer(void)
{
    return get_weighted_interleave_mask != NULL && set_policy(WEIGHTED_INTERLEAVE);
}

static bool preferred_err_exists(void)
{
    return preferred_err != NULL;
}

static bool has_home_node_exists(void)
{
    return has_home_node != NULL;
}

static bool home_node_exists(void)
{
    return set_home_node != NULL && syscall(SYS_mbind, range, RANGE, MPOL_BIND, first_node, length, 0) == 0;
}

/* The policy and the CPUs of the start. */
static void restore(void)
{
    if (syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0) != 0 || sched_setaffinity(0, sizeof affinity, &affinity) != 0 ||
        syscall(SYS_mbind, range, RANGE, MPOL_DEFAULT, NULL, 0, 0) != 0)
        give_up("restore");
}

static void be_lenient(void)
{
    numa_set_strict(0);
    numa_set_bind_policy(0);
}

/* --- the calls --- */

/* A call that succeeds if the condition is true. */
#define CHECK(name, condition) \
    static bool name(void)     \
    {                          \
        return condition;      \
    }

/* A call that returns nothing, and fails if it calls numa_error(). */
#define DO(name, statement) \
    static bool name(void)  \
    {                       \
        failed = false;     \
        statement;          \
        return !failed;     \
    }

/* The same with bitmasks of each size: `of` is the index of the size. */
#define CHECK_SIZES(name, condition) \
    static inline bool name(int of)  \
    {                                \
        return condition;            \
    }                                \
    CHECK(name##_64, name(0))        \
    CHECK(name##_1024, name(1))      \
    CHECK(name##_8192, name(2))

/* Valgrind, which counts the instructions of the library, does not have all system calls. */
static bool ended(long result)
{
    return result == 0 || errno == ENOSYS;
}

static bool copied(int from, int to)
{
    copy_bitmask_to_bitmask(bits[from], other_bits[to]);
    return true;
}

/* --- bitmasks --- */

CHECK_SIZES(bitmask_alloc, given_back(numa_bitmask_alloc(BITS[of])))
CHECK_SIZES(clearall, numa_bitmask_clearall(other_bits[of]) != NULL)
CHECK_SIZES(setall, numa_bitmask_setall(other_bits[of]) != NULL)
CHECK_SIZES(equal, numa_bitmask_equal(bits[of], same_bits[of]) == 1)
CHECK_SIZES(weight, numa_bitmask_weight(bits[of]) == (BITS[of] + 2) / 3)
CHECK_SIZES(copy_bitmask, copied(of, of))
CHECK(copy_to_longer, copied(0, 1))
CHECK(setbit, numa_bitmask_setbit(other_bits[1], 66) != NULL)
CHECK(clearbit, numa_bitmask_clearbit(other_bits[1], 66) != NULL)
CHECK(isbitset, numa_bitmask_isbitset(bits[1], 66) == 1)
CHECK(isbitset_64, numa_bitmask_isbitset(bits[0], 33) == 1)
CHECK(nbytes, numa_bitmask_nbytes(bits[1]) == 128)
CHECK(bitmask_free, given_back(numa_bitmask_alloc(256)))
CHECK(allocate_cpumask, given_back(numa_allocate_cpumask()))
CHECK(allocate_nodemask, given_back(numa_allocate_nodemask()))
DO(copy_to_nodemask, copy_bitmask_to_nodemask(nodes, &old_nodes))
DO(copy_from_nodemask, copy_nodemask_to_bitmask(&old_nodes, other_bits[1]))

/* --- the machine --- */

static long long free_bytes;
static long old_free_bytes;

static bool updated(void)
{
    numa_node_to_cpu_update();
    return numa_node_to_cpus(last_node, cpus) == 0;
}

CHECK(available, numa_available() == 0)
CHECK(distance, numa_distance(0, last_node) >= 10)
CHECK(max_node, numa_max_node() == last_node)
CHECK(max_possible_node, numa_max_possible_node() >= last_node)
CHECK(node_of_cpu, numa_node_of_cpu(last_cpu) >= 0)
CHECK(node_size, numa_node_size(0, &old_free_bytes) > 0)
CHECK(node_size64, numa_node_size64(0, &free_bytes) > 0)
CHECK(node_to_cpus, numa_node_to_cpus(last_node, cpus) == 0)
CHECK(num_configured_cpus, numa_num_configured_cpus() == last_cpu + 1)
CHECK(num_configured_nodes, numa_num_configured_nodes() > 0)
CHECK(num_possible_cpus, numa_num_possible_cpus() > last_cpu)
CHECK(num_possible_nodes, numa_num_possible_nodes() > last_node)
CHECK(num_task_cpus, numa_num_task_cpus() > 0)
CHECK(num_task_nodes, numa_num_task_nodes() > 0)
CHECK(num_thread_cpus, numa_num_thread_cpus() > 0)
CHECK(num_thread_nodes, numa_num_thread_nodes() > 0)
CHECK(pagesize, numa_pagesize() > 0)
CHECK(preferred_many_supported, numa_has_preferred_many() >= 0)
CHECK(home_node_supported, has_home_node() >= 0)

/* --- node and CPU strings --- */

CHECK(parse_bitmap, numa_parse_bitmap(cpu_map, other_bits[1]) == 0)
CHECK(parse_first_cpu, given_back(numa_parse_cpustring("0")))
CHECK(parse_cpus, given_back(numa_parse_cpustring(cpu_range)))
CHECK(parse_first_cpu_of_all, given_back(numa_parse_cpustring_all("0")))
CHECK(parse_cpus_of_all, given_back(numa_parse_cpustring_all(cpu_range)))
CHECK(parse_first_node, given_back(numa_parse_nodestring("0")))
CHECK(parse_nodes, given_back(numa_parse_nodestring(node_range)))
CHECK(parse_first_node_of_all, given_back(numa_parse_nodestring_all("0")))
CHECK(parse_nodes_of_all, given_back(numa_parse_nodestring_all(node_range)))

/* --- the policy of the thread, and its CPUs --- */

static int mode;

CHECK(kernels_get_mempolicy, get_mempolicy(&mode, words, length, NULL, 0) == 0)
CHECK(kernels_set_mempolicy, set_mempolicy(MPOL_BIND, first_node, length) == 0)
CHECK(get_interleave_mask, given_back(numa_get_interleave_mask()))
CHECK(get_interleave_node, numa_get_interleave_node() >= 0)
CHECK(get_membind, given_back(numa_get_membind()))
CHECK(get_mems_allowed, given_back(numa_get_mems_allowed()))
CHECK(get_run_node_mask, given_back(numa_get_run_node_mask()))
CHECK(get_weighted_mask, given_back(get_weighted_interleave_mask()))
CHECK(preferred, numa_preferred() >= -1)
CHECK(preferred_or_error, preferred_err() >= -1)
CHECK(preferred_many, given_back(numa_preferred_many()))
CHECK(run_on_node, numa_run_on_node(0) == 0)
CHECK(run_on_node_mask, numa_run_on_node_mask(nodes) == 0)
CHECK(run_on_node_mask_all, numa_run_on_node_mask_all(nodes) == 0)
CHECK(read_affinity, numa_sched_getaffinity(0, some_cpus) > 0)
CHECK(set_affinity, numa_sched_setaffinity(0, all_cpus) == 0)
DO(bind_thread, numa_bind(nodes))
DO(set_bind_policy, numa_set_bind_policy(1))
DO(set_interleave_mask, numa_set_interleave_mask(nodes))
DO(set_localalloc, numa_set_localalloc())
DO(set_membind, numa_set_membind(nodes))
DO(set_membind_balancing, numa_set_membind_balancing(nodes))
DO(set_preferred, numa_set_preferred(0))
DO(set_preferred_many, numa_set_preferred_many(nodes))
DO(set_strict, numa_set_strict(1))
DO(set_weighted_mask, set_weighted_interleave_mask(nodes))

/* --- memory --- */

static bool freed(void *memory, size_t size)
{
    if (memory == NULL)
        return false;
    numa_free(memory, size);
    return true;
}

static bool mapped_and_freed(void)
{
    void *memory = mmap(NULL, RANGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return freed(memory == MAP_FAILED ? NULL : memory, RANGE);
}

static void *resized;

/* Shrinks and extends it in place. */
static bool reallocated(void)
{
    resized = numa_realloc(resized, RANGE, PAGE);
    resized = resized == NULL ? NULL : numa_realloc(resized, PAGE, RANGE);
    return resized != NULL;
}

static bool allocate_resized(void)
{
    resized = numa_alloc_local(RANGE);
    return resized != NULL;
}

static void free_resized(void)
{
    numa_free(resized, RANGE);
}

CHECK(alloc_page, freed(numa_alloc(PAGE), PAGE))
CHECK(alloc_range, freed(numa_alloc(RANGE), RANGE))
CHECK(alloc_interleaved, freed(numa_alloc_interleaved(RANGE), RANGE))
CHECK(alloc_interleaved_subset, freed(numa_alloc_interleaved_subset(RANGE, nodes), RANGE))
CHECK(alloc_local, freed(numa_alloc_local(RANGE), RANGE))
CHECK(alloc_onnode, freed(numa_alloc_onnode(RANGE, 0), RANGE))
CHECK(alloc_weighted, freed(alloc_weighted_interleaved(RANGE), RANGE))
CHECK(alloc_weighted_subset, freed(alloc_weighted_interleaved_subset(RANGE, nodes), RANGE))
CHECK(kernels_mbind, mbind(range, RANGE, MPOL_BIND, first_node, length, 0) == 0)
CHECK(home_node, ended(set_home_node(range, RANGE, 0, 0)))
DO(interleave_memory, numa_interleave_memory(range, RANGE, nodes))
DO(police_memory, numa_police_memory(range, RANGE))
DO(setlocal_memory, numa_setlocal_memory(range, RANGE))
DO(tonode_memory, numa_tonode_memory(range, RANGE, 0))
DO(tonodemask_memory, numa_tonodemask_memory(range, RANGE, nodes))
DO(weighted_memory, weighted_interleave_memory(range, RANGE, nodes))

/* --- page moves, which leave all pages where they are --- */

CHECK(kernels_migrate_pages, ended(migrate_pages(0, length, first_node, first_node)))
CHECK(kernels_move_pages, move_pages(0, 1, pages, NULL, status, 0) == 0)
CHECK(migrate, ended(numa_migrate_pages(0, nodes, nodes)))
CHECK(move_one, numa_move_pages(0, 1, pages, homes, status, MPOL_MF_MOVE) == 0)
CHECK(move_range, numa_move_pages(0, PAGES, pages, homes, status, MPOL_MF_MOVE) == 0)
CHECK(query_one, numa_move_pages(0, 1, pages, NULL, status, 0) == 0)

static const struct row ROWS[] = {
    /* The cost of the loop. */
    { .name = "nothing", .call = nothing },

    { .name = "numa_bitmask_alloc, 64 bits", .call = bitmask_alloc_64 },
    { .name = "numa_bitmask_alloc, 1,024 bits", .call = bitmask_alloc_1024 },
    { .name = "numa_bitmask_alloc, 8,192 bits", .call = bitmask_alloc_8192 },
    { .name = "numa_bitmask_clearall, 64 bits", .call = clearall_64 },
    { .name = "numa_bitmask_clearall, 1,024 bits", .call = clearall_1024 },
    { .name = "numa_bitmask_clearall, 8,192 bits", .call = clearall_8192 },
    { .name = "numa_bitmask_setall, 64 bits", .call = setall_64 },
    { .name = "numa_bitmask_setall, 1,024 bits", .call = setall_1024 },
    { .name = "numa_bitmask_setall, 8,192 bits", .call = setall_8192 },
    { .name = "numa_bitmask_equal, 64 bits", .call = equal_64 },
    { .name = "numa_bitmask_equal, 1,024 bits", .call = equal_1024 },
    { .name = "numa_bitmask_equal, 8,192 bits", .call = equal_8192 },
    { .name = "numa_bitmask_weight, 64 bits", .call = weight_64 },
    { .name = "numa_bitmask_weight, 1,024 bits", .call = weight_1024 },
    { .name = "numa_bitmask_weight, 8,192 bits", .call = weight_8192 },
    { .name = "copy_bitmask_to_bitmask, 64 bits", .call = copy_bitmask_64 },
    { .name = "copy_bitmask_to_bitmask, 1,024 bits", .call = copy_bitmask_1024 },
    { .name = "copy_bitmask_to_bitmask, 8,192 bits", .call = copy_bitmask_8192 },
    { .name = "copy_bitmask_to_bitmask, 64 bits to 1,024", .call = copy_to_longer },
    { .name = "copy_bitmask_to_nodemask", .call = copy_to_nodemask },
    { .name = "copy_nodemask_to_bitmask", .call = copy_from_nodemask },
    { .name = "numa_bitmask_setbit", .call = setbit },
    { .name = "numa_bitmask_clearbit", .call = clearbit },
    { .name = "numa_bitmask_isbitset, 64 bits", .call = isbitset_64 },
    { .name = "numa_bitmask_isbitset, 1,024 bits", .call = isbitset },
    { .name = "numa_bitmask_nbytes", .call = nbytes },
    { .name = "numa_bitmask_free, 256 bits after numa_bitmask_alloc", .call = bitmask_free },
    { .name = "numa_allocate_cpumask", .call = allocate_cpumask },
    { .name = "numa_allocate_nodemask", .call = allocate_nodemask },

    { .name = "numa_available", .call = available },
    { .name = "numa_distance", .call = distance },
    { .name = "numa_has_home_node", .call = home_node_supported, .before = has_home_node_exists },
    { .name = "numa_has_preferred_many", .call = preferred_many_supported },
    { .name = "numa_max_node", .call = max_node },
    { .name = "numa_max_possible_node", .call = max_possible_node },
    { .name = "numa_node_of_cpu", .call = node_of_cpu },
    { .name = "numa_node_size", .call = node_size },
    { .name = "numa_node_size64", .call = node_size64 },
    { .name = "numa_node_to_cpu_update, and numa_node_to_cpus", .call = updated },
    { .name = "numa_node_to_cpus", .call = node_to_cpus },
    { .name = "numa_num_configured_cpus", .call = num_configured_cpus },
    { .name = "numa_num_configured_nodes", .call = num_configured_nodes },
    { .name = "numa_num_possible_cpus", .call = num_possible_cpus },
    { .name = "numa_num_possible_nodes", .call = num_possible_nodes },
    { .name = "numa_num_task_cpus", .call = num_task_cpus },
    { .name = "numa_num_task_nodes", .call = num_task_nodes },
    { .name = "numa_num_thread_cpus", .call = num_thread_cpus },
    { .name = "numa_num_thread_nodes", .call = num_thread_nodes },
    { .name = "numa_pagesize", .call = pagesize },

    { .name = "numa_parse_bitmap", .call = parse_bitmap },
    { .name = "numa_parse_cpustring, 0", .call = parse_first_cpu },
    { .name = "numa_parse_cpustring, all as a range", .call = parse_cpus },
    { .name = "numa_parse_cpustring_all, 0", .call = parse_first_cpu_of_all },
    { .name = "numa_parse_cpustring_all, all as a range", .call = parse_cpus_of_all },
    { .name = "numa_parse_nodestring, 0", .call = parse_first_node },
    { .name = "numa_parse_nodestring, all as a range", .call = parse_nodes },
    { .name = "numa_parse_nodestring_all, 0", .call = parse_first_node_of_all },
    { .name = "numa_parse_nodestring_all, all as a range", .call = parse_nodes_of_all },

    { .name = "get_mempolicy", .call = kernels_get_mempolicy },
    { .name = "set_mempolicy", .call = kernels_set_mempolicy, .after = restore },
    { .name = "numa_bind", .call = bind_thread, .after = restore },
    { .name = "numa_get_interleave_mask, interleaving", .call = get_interleave_mask, .before = interleave, .after = restore },
    { .name = "numa_get_interleave_mask, default policy", .call = get_interleave_mask },
    { .name = "numa_get_interleave_node", .call = get_interleave_node, .before = interleave, .after = restore },
    { .name = "numa_get_membind", .call = get_membind },
    { .name = "numa_get_mems_allowed", .call = get_mems_allowed },
    { .name = "numa_get_run_node_mask", .call = get_run_node_mask },
    { .name = "numa_get_weighted_interleave_mask", .call = get_weighted_mask, .before = interleave_by_weight_newer, .after = restore },
    { .name = "numa_preferred", .call = preferred },
    { .name = "numa_preferred_err", .call = preferred_or_error, .before = preferred_err_exists },
    { .name = "numa_preferred_many", .call = preferred_many, .before = prefer_many, .after = restore },
    { .name = "numa_run_on_node", .call = run_on_node, .after = restore },
    { .name = "numa_run_on_node_mask", .call = run_on_node_mask, .after = restore },
    { .name = "numa_run_on_node_mask_all", .call = run_on_node_mask_all, .after = restore },
    { .name = "numa_sched_getaffinity", .call = read_affinity },
    { .name = "numa_sched_setaffinity", .call = set_affinity, .after = restore },
    { .name = "numa_set_bind_policy", .call = set_bind_policy, .after = be_lenient },
    { .name = "numa_set_interleave_mask", .call = set_interleave_mask, .after = restore },
    { .name = "numa_set_localalloc", .call = set_localalloc, .after = restore },
    { .name = "numa_set_membind", .call = set_membind, .after = restore },
    { .name = "numa_set_membind_balancing", .call = set_membind_balancing, .before = balance, .after = restore },
    { .name = "numa_set_preferred", .call = set_preferred, .after = restore },
    { .name = "numa_set_preferred_many", .call = set_preferred_many, .before = prefer_many, .after = restore },
    { .name = "numa_set_strict", .call = set_strict, .after = be_lenient },
    { .name = "numa_set_weighted_interleave_mask", .call = set_weighted_mask, .before = interleave_by_weight, .after = restore },

    { .name = "numa_alloc, 4 KiB and numa_free", .call = alloc_page },
    { .name = "numa_alloc, 64 KiB and numa_free", .call = alloc_range },
    { .name = "numa_alloc_interleaved, 64 KiB and numa_free", .call = alloc_interleaved },
    { .name = "numa_alloc_interleaved_subset, 64 KiB and numa_free", .call = alloc_interleaved_subset },
    { .name = "numa_alloc_local, 64 KiB and numa_free", .call = alloc_local },
    { .name = "numa_alloc_onnode, 64 KiB and numa_free", .call = alloc_onnode },
    { .name = "numa_alloc_weighted_interleaved, 64 KiB and numa_free", .call = alloc_weighted, .before = interleave_by_weight_newer,
      .after = restore },
    { .name = "numa_alloc_weighted_interleaved_subset, 64 KiB and numa_free", .call = alloc_weighted_subset,
      .before = interleave_by_weight_newer, .after = restore },
    { .name = "numa_free, 64 KiB after mmap", .call = mapped_and_freed },
    { .name = "numa_realloc, 64 KiB to 4 KiB and back", .call = reallocated, .before = allocate_resized, .after = free_resized },
    { .name = "mbind", .call = kernels_mbind, .after = restore },
    { .name = "numa_interleave_memory", .call = interleave_memory, .after = restore },
    { .name = "numa_police_memory, 64 KiB", .call = police_memory },
    { .name = "numa_set_mempolicy_home_node", .call = home_node, .before = home_node_exists, .after = restore },
    { .name = "numa_setlocal_memory", .call = setlocal_memory, .after = restore },
    { .name = "numa_tonode_memory", .call = tonode_memory, .after = restore },
    { .name = "numa_tonodemask_memory", .call = tonodemask_memory, .after = restore },
    { .name = "numa_weighted_interleave_memory", .call = weighted_memory, .before = interleave_by_weight_newer, .after = restore },

    { .name = "migrate_pages", .call = kernels_migrate_pages },
    { .name = "move_pages, query of 1 page", .call = kernels_move_pages },
    { .name = "numa_migrate_pages", .call = migrate },
    { .name = "numa_move_pages, 1 page at home", .call = move_one },
    { .name = "numa_move_pages, 16 pages at home", .call = move_range },
    { .name = "numa_move_pages, query of 1 page", .call = query_one },
};

int main(int argc, char **argv)
{
    return run(argc, argv, &(const struct program){ "every_call", ROWS, sizeof ROWS / sizeof *ROWS, prepare, NULL });
}
