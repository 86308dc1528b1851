#include "arguments.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_BITS = 4096, WORD = 8 * sizeof(unsigned long) };

struct number node_numbers[] = {
    { "-2", -2 },
    { "-1", -1 },
    { "0", 0 },
    { "1", 1 },
    { "last", 0 },
    { "last+1", 0 },
    { "64", 64 },
    { "127", 127 },
    { "128", 128 },
    { "1023", 1023 },
    { "1024", 1024 },
    { "INT_MAX", INT_MAX },
    { "INT_MIN", INT_MIN },
    { NULL, 0 },
};

struct number cpu_numbers[] = {
    { "-2", -2 },
    { "-1", -1 },
    { "0", 0 },
    { "1", 1 },
    { "last", 0 },
    { "last+1", 0 },
    { "64", 64 },
    { "1023", 1023 },
    { "8191", 8191 },
    { "8192", 8192 },
    { "INT_MAX", INT_MAX },
    { "INT_MIN", INT_MIN },
    { NULL, 0 },
};

/* Members: numbers, last, last+1, online (0 to last), every (all bits) and top (the highest bit), separated by commas. */
const struct set node_sets[] = {
    { "1-bit:none", 1, "" },
    { "1-bit:every", 1, "every" },
    { "64-bits:none", 64, "" },
    { "64-bits:0", 64, "0" },
    { "64-bits:1", 64, "1" },
    { "64-bits:0,2", 64, "0,2" },
    { "64-bits:1,last", 64, "1,last" },
    { "64-bits:last", 64, "last" },
    { "64-bits:last+1", 64, "last+1" },
    { "64-bits:0,last+1", 64, "0,last+1" },
    { "64-bits:online", 64, "online" },
    { "64-bits:every", 64, "every" },
    { "65-bits:online,top", 65, "online,top" },
    { "128-bits:online", 128, "online" },
    { "128-bits:every", 128, "every" },
    { "1024-bits:1", 1024, "1" },
    { "1024-bits:online", 1024, "online" },
    { "1024-bits:top", 1024, "top" },
    { "1024-bits:every", 1024, "every" },
    { "2048-bits:online", 2048, "online" },
    { "2048-bits:0,top", 2048, "0,top" },
    { "2048-bits:every", 2048, "every" },
    { NULL, 0, NULL },
};

const struct set some_node_sets[] = {
    { "1-bit:every", 1, "every" },
    { "64-bits:none", 64, "" },
    { "64-bits:0", 64, "0" },
    { "64-bits:0,1", 64, "0,1" },
    { "64-bits:1,last", 64, "1,last" },
    { "64-bits:last+1", 64, "last+1" },
    { "64-bits:online", 64, "online" },
    { "128-bits:every", 128, "every" },
    { "1024-bits:1", 1024, "1" },
    { "2048-bits:online", 2048, "online" },
    { "2048-bits:0,top", 2048, "0,top" },
    { NULL, 0, NULL },
};

const struct set cpu_sets[] = {
    { "1-bit:none", 1, "" },
    { "1-bit:every", 1, "every" },
    { "64-bits:none", 64, "" },
    { "64-bits:0", 64, "0" },
    { "64-bits:0,1", 64, "0,1" },
    { "64-bits:1,2", 64, "1,2" },
    { "64-bits:3", 64, "3" },
    { "64-bits:63", 64, "63" },
    { "64-bits:every", 64, "every" },
    { "100-bits:1", 100, "1" },
    { "1024-bits:1", 1024, "1" },
    { "4096-bits:none", 4096, "" },
    { "4096-bits:every", 4096, "every" },
    { NULL, 0, NULL },
};

/* Returns the highest number in a file such as "0-3" or "0-1,3". */
static int last_in(const char *path)
{
    char text[256];
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(text, sizeof text, file) == NULL)
        abort();
    fclose(file);
    char *number = text + strlen(text);
    while (number > text && strchr("-,", number[-1]) == NULL)
        number--;
    return atoi(number);
}

int last_node(void)
{
    return last_in("/sys/devices/system/node/online");
}

int last_cpu(void)
{
    return last_in("/sys/devices/system/cpu/online");
}

unsigned long allowed_nodes(void)
{
    unsigned long words[MAX_BITS / WORD] = { 0 };
    if (syscall(SYS_get_mempolicy, NULL, words, MAX_BITS, NULL, MPOL_F_MEMS_ALLOWED) != 0)
        abort();
    return words[0];
}

int first_allowed_node(void)
{
    return __builtin_ctzl(allowed_nodes());
}

int other_allowed_node(void)
{
    const unsigned long nodes = allowed_nodes();
    const unsigned long others = nodes & (nodes - 1);
    return __builtin_ctzl(others != 0 ? others : nodes);
}

int first_allowed_cpu(void)
{
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0)
        abort();
    int cpu = 0;
    while (!CPU_ISSET(cpu, &cpus))
        cpu++;
    return cpu;
}

static void find_last(struct number *numbers, int last)
{
    FOR_EACH(number, numbers) {
        if (strcmp(number->name, "last") == 0)
            number->value = last;
        if (strcmp(number->name, "last+1") == 0)
            number->value = last + 1;
    }
}

void find_arguments(void)
{
    find_last(node_numbers, last_node());
    find_last(cpu_numbers, last_cpu());
}

/* Bits beyond the size are dropped: a one-bit set of all nodes would have some. */
static void set_bits(unsigned long *words, unsigned long size, unsigned long first, unsigned long last)
{
    for (unsigned long bit = first; bit <= last && bit < size; bit++)
        words[bit / WORD] |= 1UL << bit % WORD;
}

static void fill(unsigned long *words, const struct set *set)
{
    char members[64];
    snprintf(members, sizeof members, "%s", set->members);
    for (char *rest = members, *member; (member = strsep(&rest, ",")) != NULL;) {
        const unsigned long last = (unsigned long)last_node();
        if (strcmp(member, "every") == 0)
            set_bits(words, set->size, 0, set->size);
        else if (strcmp(member, "online") == 0)
            set_bits(words, set->size, 0, last);
        else if (strcmp(member, "last") == 0)
            set_bits(words, set->size, last, last);
        else if (strcmp(member, "last+1") == 0)
            set_bits(words, set->size, last + 1, last + 1);
        else if (strcmp(member, "top") == 0)
            set_bits(words, set->size, set->size - 1, set->size - 1);
        else if (*member != '\0')
            set_bits(words, set->size, strtoul(member, NULL, 10), strtoul(member, NULL, 10));
    }
}

struct bitmask *make_set(const struct set *set)
{
    struct bitmask *made = malloc(sizeof *made);
    unsigned long *words = calloc(2 * MAX_BITS / WORD, sizeof *words);
    if (made == NULL || words == NULL)
        abort();
    fill(words, set);
    *made = (struct bitmask){ .size = set->size, .maskp = words };
    return made;
}

nodemask_t make_nodemask(const struct set *set)
{
    nodemask_t made = { { 0 } };
    fill(made.n, &(const struct set){ set->name, 8 * sizeof made, set->members });
    return made;
}
