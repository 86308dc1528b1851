/* Moving pages. That the system calls are the kernel's own is tested elsewhere; these cases are about what the library adds. */
#include <unistd.h>

#include "arguments.h"
#include "families.h"
#include "memory.h"

static void *touched_on_first(void)
{
    void *memory = fresh_pages(SOME_PAGES);
    set_thread_policy(MPOL_BIND, 1UL << first_allowed_node());
    touch_pages(memory, SOME_PAGES);
    set_thread_policy(MPOL_DEFAULT, 0);
    return memory;
}

void moving_cases(void)
{
    static const struct set targets[] = {
        { "none", 64, "" }, { "1", 64, "1" }, { "last+1", 64, "last+1" }, { "1-bit", 1, "0" }, { "2048-bits", 2048, "online" }, { NULL, 0, NULL },
    };

    FOR_EACH(node, node_numbers)
        CASE("numa_move_pages/%s", node->name) {
            void *page = touched_on_first();
            int status = -1000;
            INTEGER(numa_move_pages(0, 1, &page, &node->value, &status, MPOL_MF_MOVE));
            printf("status %d\n", status);
            print_placement(page, SOME_PAGES);
        }
    CASE("numa_move_pages/query") {
        void *page = touched_on_first();
        int status = -1000;
        INTEGER(numa_move_pages(0, 1, &page, NULL, &status, 0));
        printf("status %d\n", status);
        INTEGER(numa_move_pages(getpid(), 1, &page, NULL, &status, 0));
        INTEGER(numa_move_pages(INT_MAX, 1, &page, NULL, &status, 0));
        INTEGER(numa_move_pages(-1, 1, &page, NULL, &status, 0));
        INTEGER(numa_move_pages(0, 0, NULL, NULL, NULL, 0));
        INTEGER(numa_move_pages(0, 1, NULL, NULL, &status, 0));
        INTEGER(numa_move_pages(0, 1, &page, NULL, &status, 1 << 10));
    }
    FOR_EACH(from, some_node_sets)
        CASE("numa_migrate_pages/%s", from->name)
            FOR_EACH(to, targets) {
                void *memory = touched_on_first();
                INTEGER(numa_migrate_pages(0, make_set(from), make_set(to)));
                print_placement(memory, SOME_PAGES);
            }
    CASE("numa_migrate_pages/no-such-process")
        INTEGER(numa_migrate_pages(INT_MAX, numa_all_nodes_ptr, numa_all_nodes_ptr));
}
