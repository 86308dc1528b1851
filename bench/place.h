/* The nodes and CPUs that a measuring program uses: options -N and -C of moves.c and pauses.c; and the size of huge pages there. */
#ifndef PLACE_H
#define PLACE_H

#include <errno.h>
#include <numaif.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PLACES = 8, MAX_NODES = 1024, BITS_OF_WORD = 8 * sizeof(unsigned long) };

/* Numbers of nodes, or of CPUs. */
struct places {
    int count;
    int numbers[MAX_PLACES];
};

/* A set of nodes for system calls. */
struct nodes {
    unsigned long words[MAX_NODES / BITS_OF_WORD];
};

/* Reads a list of numbers, as 0,2,3. */
static struct places read_places(const char *list)
{
    struct places places = { 0 };
    char *end;
    do {
        const unsigned long number = strtoul(list, &end, 10);
        if (end == list || number >= MAX_NODES * 64 || places.count == MAX_PLACES || (*end != ',' && *end != '\0')) {
            fprintf(stderr, "%s: this is no list of at most %d nodes or CPUs\n", list, MAX_PLACES);
            exit(EXIT_FAILURE);
        }
        places.numbers[places.count++] = (int)number;
        list = end + 1;
    } while (*end == ',');
    return places;
}

static struct nodes node_set(int node)
{
    struct nodes nodes = { 0 };
    nodes.words[(unsigned int)node / BITS_OF_WORD] = 1UL << (unsigned int)node % BITS_OF_WORD;
    return nodes;
}

/* Makes this thread allocate memory on one node only; -1: anywhere, which is the default. */
static void allocate_on(int node)
{
    const struct nodes nodes = node_set(node < 0 ? 0 : node);
    if (node < 0 ? set_mempolicy(MPOL_DEFAULT, NULL, 0) != 0 : set_mempolicy(MPOL_BIND, nodes.words, MAX_NODES + 1) != 0) {
        perror("set_mempolicy");
        exit(EXIT_FAILURE);
    }
}

/* Reads a file of transparent huge pages into `text`, and returns whether the kernel has it. */
static bool read_setting(const char *name, char *text, int size)
{
    char path[128];
    snprintf(path, sizeof path, "/sys/kernel/mm/transparent_hugepage/%s", name);
    FILE *file = fopen(path, "r");
    const bool is_there = file != NULL && fgets(text, size, file) != NULL;
    if (file != NULL)
        fclose(file);
    return is_there;
}

/* The size of transparent huge pages; 0: there are none. */
static size_t huge_page_size(void)
{
    char text[128];
    if (!read_setting("enabled", text, sizeof text) || strstr(text, "[never]") != NULL)
        return 0;
    return read_setting("hpage_pmd_size", text, sizeof text) ? strtoul(text, NULL, 10) : (size_t)2 << 20;
}

#endif
