/* The system calls that the library exports. */
#include "arguments.h"
#include "families.h"
#include "memory.h"

void kernel_call_cases(void)
{
    static const unsigned long sizes[] = { 0, 1, 2, 64, 65, 1024, 1025, 1 << 15, HUGE_SIZE(40) };
    static unsigned long words[(1 << 15) / (8 * sizeof(unsigned long)) + 1];

    for (size_t size = 0; size < COUNT(sizes); size++) {
        CASE("set_mempolicy/%lu-bits", sizes[size]) {
            words[0] = 1UL << first_allowed_node();
            for (int mode = -1; mode <= 7; mode++) {
                INTEGER(set_mempolicy(mode, words, sizes[size]));
                print_thread_policy();
            }
        }
        CASE("mbind/%lu-bits", sizes[size]) {
            void *memory = fresh_pages(2);
            words[0] = 1UL << first_allowed_node();
            for (int mode = -1; mode <= 7; mode++) {
                INTEGER(mbind(memory, 2 * page_size(), mode, words, sizes[size], 0));
                print_memory_policy(memory);
            }
        }
    }
    for (size_t size = 0; size < COUNT(sizes); size++)
        CASE("get_mempolicy/%lu-bits", sizes[size]) {
            int mode = -1;
            INTEGER(get_mempolicy(&mode, words, sizes[size], NULL, 0));
            printf("mode %d, %lx\n", mode, words[0]);
        }
    CASE("get_mempolicy/wrong") {
        INTEGER(get_mempolicy(NULL, NULL, 0, NULL, 0));
        INTEGER(get_mempolicy(NULL, NULL, 0, NULL, 1 << 10));
        INTEGER(get_mempolicy(NULL, NULL, 0, NULL, MPOL_F_ADDR));
    }
    CASE("migrate_pages/wrong") {
        INTEGER(migrate_pages(INT_MAX, 1, words, words));
        INTEGER(migrate_pages(0, HUGE_SIZE(40), words, words));
        INTEGER(migrate_pages(0, 64, NULL, NULL));
    }
    CASE("move_pages/wrong") {
        int status = 0;
        INTEGER(move_pages(INT_MAX, 0, NULL, NULL, &status, 0));
        INTEGER(move_pages(0, 1, NULL, NULL, &status, 0));
        INTEGER(move_pages(0, 0, NULL, NULL, NULL, 1 << 10));
    }
}
