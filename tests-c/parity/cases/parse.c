/* The grammar of node and CPU lists, and hexadecimal maps. */
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "families.h"

/* Documented in libnuma's manual page, but not declared in its header. */
int numa_parse_bitmap(char *line, struct bitmask *mask);

static const char *const lists[] = {
    "",        " ",       "0",        "1",       "2",       "3",         "4",        "5",      "7",        "63",
    "64",      "127",     "128",      "1023",    "1024",    "1025",      "8191",     "8192",   "99999",    "2147483647",
    "2147483648", "4294967295", "4294967296", "4294967297", "18446744073709551615", "18446744073709551616", "99999999999999999999999",
    "-1",      "-",       "-0",       "+",       "+0",      "+1",        "+2",       "+3",     "+4",       "+-1",
    "0-",      "0-1",     "0-2",      "0-3",     "0-4",     "1-2",       "1-3",      "2-3",    "1-0",      "2-1",
    "0-0",     "3-3",     "0--1",     "0-1-2",   "0-1,2",   "0,1",       "1,0",      "0,1,2,3","0,0",      "0,1,",
    "0,,1",    ",",       ",0",       "0,4",     "0,128",   "0-128",     "0-1023",   "0-1024", "4-5",      "0, 1",
    "0 ,1",    " 0",      "0 ",       "0 1",     "\t0",     "0\n",       "0- 1",     "0 -1",   "00",       "01",
    "010",     "08",      "0x1",      "0x0",     "0X1",     "0x",        "1e0",      "1.0",    "a",        "0a",
    "0-a",     "a-0",     "x",        "all",     "All",     "ALL",       "all,0",    "0,all",  "all-1",    "alll",
    "al",      " all",    "all ",     "all,",    "all,all", "0-all",     "none",     "same",   "!",        "!0",
    "!1",      "!0,1",    "!0-1",     "!0-3",    "!all",    "!4",        "!128",     "!!0",    "! 0",      "!+0",
    "!+0-1",   "!+1",     "+!0",      "+!1",     "+all",    "+0-1",      "+0-3",     "+0,1",   "+0,+1",    "0,+1",
    "0,!1",    "+0-+1",   "+1-2",     "+1,2",    "+ 0",     "++0",       "+0-4",     "+127",   "+128",     "+1023",
    "0-2:2",   "0-3/2",   "0-3:1/2",  "0:1",     "1^2",     "^1",        "~0",       "[0]",    "(0)",      "0;1",
    "netdev:lo", "netdev:", "netdev:nosuchdev", "ip:127.0.0.1", "file:/", "file:/nosuch", "file:", "block:sda", "block:",
    "pci:0:0", "pci:", "pci:00:00.0", "0,netdev:lo", "netdev", "netdev: lo", "netdev:\tlo", "netdev:lo ", "netdev:a.b", "block: sda",
    "cpus", "!cpus", "0,cpus", "cpus,0", "memory-only", "fastest", "slowest", "tier:4", "tier:", "dax:dax0.0", "drm:card0",
    "block: ", "file: /", "ip: 127.0.0.1", "pci: 00:00.0", "pci:00: 00.0", "pci:00:00.0 ", "pci:00 :00.0",
};

static const char *const maps[] = {
    "",  "0", "1", "f", "F", "ff", "3", "00000003", "0000000f", "00000000,00000003", "3,00000000", "ffffffff,ffffffff",
    "1,00000000,00000001", "80000000", "100000000", "123456789", "00000001,", ",00000001", ",", " 1", "1 ", "1\n", "3\n4", "0x3", "x",
    "g", "fg", "1,2", "1,2,3", "00000000,00000000,00000000,00000000,00000003", "00000001,00000000,00000000,00000000,00000000",
    "00000001,00000000,00000000", "f,f", "-1", "+1", "1;2", "1,,2", "ffffffffffffffff", "1ffffffffffffffff",
};

typedef struct bitmask *parser(const char *);

static const struct {
    const char *name;
    parser *parse;
} parsers[] = {
    { "numa_parse_nodestring", numa_parse_nodestring },
    { "numa_parse_nodestring_all", numa_parse_nodestring_all },
    { "numa_parse_cpustring", numa_parse_cpustring },
    { "numa_parse_cpustring_all", numa_parse_cpustring_all },
    { NULL, NULL },
};

/* IDs contain no invisible characters. */
static const char *printable(const char *text)
{
    static char shown[256];
    char *end = shown;
    for (; *text != '\0' && end < shown + sizeof shown - 3; text++)
        switch (*text) {
        case '\n': memcpy(end, "\\n", 2), end += 2; break;
        case '\t': memcpy(end, "\\t", 2), end += 2; break;
        /* An ID ends before a colon and a space. */
        case ' ':
            if (end > shown && end[-1] == ':')
                *end++ = '\\';
            *end++ = ' ';
            break;
        default: *end++ = *text;
        }
    *end = '\0';
    return shown;
}

/* A line of the kernel's files ends with a line feed. */
static void bitmap(const char *map, const char *end)
{
    static const unsigned sizes[] = { 1, 4, 32, 33, 64, 128, 8192 };
    char original[64], line[64];
    snprintf(original, sizeof original, "%s%s", map, end);
    for (size_t size = 0; size < COUNT(sizes); size++) {
        struct bitmask *mask = numa_bitmask_alloc(sizes[size]);
        memcpy(line, original, sizeof line);
        INTEGER(numa_parse_bitmap(line, mask));
        print_mask(mask);
    }
}

static void line_after_parsing(const char *map)
{
    char line[64];
    snprintf(line, sizeof line, "%s\n", map);
    INTEGER(numa_parse_bitmap(line, numa_bitmask_alloc(8192)));
    printf("\"%s\"\n", printable(line));
}

void parse_cases(void)
{
    FOR_EACH(parser, parsers) {
        for (size_t list = 0; list < COUNT(lists); list++) {
            /* The second pair shares the grammar of the first one, so it only gets every third list. */
            if (list % 3 != 0 && strstr(parser->name, "_all") != NULL)
                continue;
            CASE("%s/\"%s\"", parser->name, printable(lists[list]))
                MASK(parser->parse(lists[list]));
        }
        CASE("%s/NULL", parser->name)
            MASK(parser->parse(NULL));
        CASE("%s/is-no_nodes_ptr", parser->name)
            puts(parser->parse("") == numa_no_nodes_ptr ? "yes" : "no");
        CASE("%s/is-all_nodes_ptr", parser->name)
            puts(parser->parse("all") == numa_all_nodes_ptr ? "yes" : "no");
    }
    for (size_t map = 0; map < COUNT(maps); map++) {
        CASE("numa_parse_bitmap/\"%s\"", printable(maps[map])) {
            bitmap(maps[map], "");
            bitmap(maps[map], "\n");
        }
    }
    CASE("numa_parse_bitmap/line-afterwards")
        for (size_t map = 0; map < COUNT(maps); map++)
            line_after_parsing(maps[map]);
    CASE("numa_parse_bitmap/NULL") {
        char line[] = "1\n";
        INTEGER(numa_parse_bitmap(line, NULL));
    }
}
