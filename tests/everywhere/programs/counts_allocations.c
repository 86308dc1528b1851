/* The program defines malloc, which the whole process uses, from the first constructor on. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static char memory[1 << 20];
static size_t used;
static int calls;

void *malloc(size_t size)
{
    calls++;
    char *place = memory + used;

    used += (size + 15) & ~(size_t)15;
    return used <= sizeof memory ? place : NULL;
}

void *calloc(size_t count, size_t size)
{
    return malloc(count * size);
}

void *realloc(void *old, size_t size)
{
    char *place = malloc(size);

    if (place && old)
        memmove(place, old, size);
    return place;
}

void free(void *place)
{
    (void)place;
}

int main(void)
{
    int before = calls;

    printf("%d allocations before main\n", before);
    return 0;
}
