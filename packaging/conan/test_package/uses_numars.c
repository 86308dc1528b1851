/* Prints the version of the library, which is that of the headers. */
#include <numars.h>
#include <stdio.h>

int main(void)
{
    printf("numars %s\n", numars_version());
    return numars_version_number() != NUMARS_VERSION;
}
