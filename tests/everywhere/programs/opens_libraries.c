#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

int main(void)
{
    static const char *const names[] = { "libm.so.6", "libresolv.so.2", "libstdc++.so.6", "libgcc_s.so.1", "libz.so.1", "libpcre2-8.so.0", "libnonexistent.so" };

    for (int round = 0; round < 20; round++)
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
            void *library = dlopen(names[i], round % 2 ? RTLD_NOW | RTLD_LOCAL : RTLD_LAZY | RTLD_GLOBAL);

            if (round == 0)
                printf("%s %s\n", names[i], library ? "opened" : dlerror());
            if (library)
                dlclose(library);
        }
    void *apart = dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW);

    printf("apart: %s\n", apart ? "opened" : dlerror());
    double (*cosine)(double) = apart ? (double (*)(double))dlsym(apart, "cos") : NULL;

    if (cosine)
        printf("%g\n", cosine(0));
    printf("numa: %d\n", dlsym(RTLD_NEXT, "no_such_symbol") != NULL);
    return 0;
}
