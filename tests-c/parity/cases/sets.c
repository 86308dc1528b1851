/* Operations on sets. */
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "families.h"

static const unsigned sizes[] = { 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000, 1024, 2048, 100000 };

static void members(void)
{
    static const unsigned bits[] = { 0, 1, 31, 32, 63, 64, 65, 127, 128, 1023, 1024, 2047, 2048, INT_MAX, 1U << 31, UINT_MAX };
    static const struct set sets[] = {
        { "1-bit", 1, "every" },       { "64-bits", 64, "0,1,top" },  { "65-bits", 65, "0,1,top" },
        { "128-bits", 128, "0,1,top" }, { "2048-bits", 2048, "every" }, { NULL, 0, NULL },
    };
    FOR_EACH(set, sets) {
        CASE("numa_bitmask_isbitset/%s", set->name)
            for (size_t bit = 0; bit < COUNT(bits); bit++)
                INTEGER(numa_bitmask_isbitset(make_set(set), bits[bit]));
        CASE("numa_bitmask_weight/%s", set->name)
            INTEGER(numa_bitmask_weight(make_set(set)));
        CASE("numa_bitmask_setbit/%s", set->name)
            for (size_t bit = 0; bit < COUNT(bits); bit++) {
                struct bitmask *mask = make_set(set);
                puts(numa_bitmask_setbit(mask, bits[bit]) == mask ? "itself" : "something else");
                print_mask(mask);
            }
        CASE("numa_bitmask_clearbit/%s", set->name)
            for (size_t bit = 0; bit < COUNT(bits); bit++) {
                struct bitmask *mask = make_set(set);
                puts(numa_bitmask_clearbit(mask, bits[bit]) == mask ? "itself" : "something else");
                print_mask(mask);
            }
        CASE("numa_bitmask_setall/%s", set->name) {
            struct bitmask *mask = make_set(set);
            puts(numa_bitmask_setall(mask) == mask ? "itself" : "something else");
            print_mask(mask);
        }
        CASE("numa_bitmask_clearall/%s", set->name) {
            struct bitmask *mask = make_set(set);
            puts(numa_bitmask_clearall(mask) == mask ? "itself" : "something else");
            print_mask(mask);
        }
    }
}

static void copies(void)
{
    static nodemask_t nodemask;
    FOR_EACH(set, some_node_sets) {
        CASE("copy_bitmask_to_nodemask/%s", set->name) {
            memset(&nodemask, 0xff, sizeof nodemask);
            CALL(copy_bitmask_to_nodemask(make_set(set), &nodemask));
            print_nodemask(&nodemask);
        }
        CASE("copy_nodemask_to_bitmask/%s", set->name) {
            struct bitmask *mask = make_set(set);
            memset(&nodemask, 0x55, sizeof nodemask);
            CALL(copy_nodemask_to_bitmask(&nodemask, mask));
            print_mask(mask);
        }
        CASE("copy_bitmask_to_bitmask/%s", set->name)
            FOR_EACH(other, some_node_sets) {
                struct bitmask *mask = make_set(other);
                CALL(copy_bitmask_to_bitmask(make_set(set), mask));
                print_mask(mask);
            }
        CASE("numa_bitmask_equal/%s", set->name)
            FOR_EACH(other, some_node_sets)
                INTEGER(numa_bitmask_equal(make_set(set), make_set(other)));
    }
}

void set_cases(void)
{
    CASE("numa_bitmask_alloc/0")
        MASK(numa_bitmask_alloc(0));
    CASE("numa_bitmask_alloc/UINT_MAX") {
        struct bitmask *mask = numa_bitmask_alloc(UINT_MAX);
        printf("%lu bits\n", mask->size);
    }
    for (size_t size = 0; size < COUNT(sizes); size++) {
        CASE("numa_bitmask_alloc/%u", sizes[size])
            MASK(numa_bitmask_alloc(sizes[size]));
        CASE("numa_bitmask_nbytes/%u", sizes[size])
            INTEGER(numa_bitmask_nbytes(numa_bitmask_alloc(sizes[size])));
    }
    CASE("numa_bitmask_free/NULL")
        CALL(numa_bitmask_free(NULL));
    members();
    copies();
}
