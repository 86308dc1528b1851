#include "random.h"

#include <stdint.h>

static __thread uint64_t random_state;

unsigned below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % limit;
}

bool one_in(unsigned chances)
{
    return below(chances) == 0;
}

void seed_random(unsigned long seed)
{
    random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 0x1234567;
    for (int i = 0; i < 8; i++)
        below(2);
}
