/* Uses libnuma's interface, and numars' own if NUMARS is defined. Prints nothing; ends with status 0 if everything is as it should be. */
#include <numa.h>
#include <numaif.h>
#include <string.h>
#ifdef NUMARS
#include <numars.h>
#endif

int main(void)
{
    struct bitmask *mask = numa_parse_nodestring_all("0");
    if (mask == NULL || !numa_bitmask_isbitset(mask, 0))
        return 1;
    numa_bitmask_free(mask);

    static char page[1];
    void *address = page;
    int status = -1;
    page[0] = 1;
    /* A kernel or a container may have no NUMA. */
    if (numa_available() == 0 && (move_pages(0, 1, &address, NULL, &status, 0) != 0 || status < 0))
        return 2;
#ifdef NUMARS
    if (strchr(numars_version(), '.') == NULL)
        return 3;
#endif
    return 0;
}
