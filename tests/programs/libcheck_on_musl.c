/* What Debian's archives of libcheck and, on arm64, libgcc need of glibc and musl does not have. scripts/musl-test.sh links it with programs
 * for musl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

/* --- with the size of the buffer and a flag, as -D_FORTIFY_SOURCE calls them --- */

int __vfprintf_chk(FILE *file, int flag, const char *format, va_list arguments)
{
    (void)flag;
    return vfprintf(file, format, arguments);
}

int __vsnprintf_chk(char *text, size_t length, int flag, size_t size, const char *format, va_list arguments)
{
    (void)flag, (void)size;
    return vsnprintf(text, length, format, arguments);
}

/* Defines a variadic function as what `call` returns. */
#define VARIADIC(declaration, last, call) \
    int declaration                       \
    {                                     \
        va_list arguments;                \
        va_start(arguments, last);        \
        const int result = (call);        \
        va_end(arguments);                \
        return result;                    \
    }

VARIADIC(__printf_chk(int flag, const char *format, ...), format, __vfprintf_chk(stdout, flag, format, arguments))
VARIADIC(__fprintf_chk(FILE *file, int flag, const char *format, ...), format, __vfprintf_chk(file, flag, format, arguments))
VARIADIC(__snprintf_chk(char *text, size_t length, int flag, size_t size, const char *format, ...), format,
         __vsnprintf_chk(text, length, flag, size, format, arguments))

_Noreturn void __longjmp_chk(jmp_buf environment, int value)
{
    longjmp(environment, value);
}

/* --- of glibc since 2.38 --- */

unsigned long __isoc23_strtoul(const char *text, char **end, int base)
{
    return strtoul(text, end, base);
}

/* --- of libgcc --- */

/* A static musl has it. */
__attribute__((weak)) unsigned long __getauxval(unsigned long type)
{
    return getauxval(type);
}

/* --- pthread_cleanup_push(3), for threads that are cancelled; no test cancels one within libcheck --- */

void __pthread_register_cancel(void *buffer)
{
    (void)buffer;
}

void __pthread_unregister_cancel(void *buffer)
{
    (void)buffer;
}

_Noreturn void __pthread_unwind_next(void *buffer)
{
    (void)buffer;
    abort();
}
