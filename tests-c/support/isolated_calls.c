#include "isolated_calls.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pages.h"

/* Far more than any case takes, even on an emulated processor or under valgrind. */
enum { SECONDS_PER_CASE = 20 };

/* The result that the process of a case returns in shared memory. */
static struct {
    long value;
    int code;
    bool is_complete;
} *outcome;
static int output_file = -1, wait_status;
static char group[128];

void describe_cases(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(group, sizeof group, format, arguments);
    va_end(arguments);
}

bool begin_case(void)
{
    if (outcome == NULL) {
        outcome = (void *)map_shared_pages(1);
        output_file = memfd_create("printed", 0);
        require(output_file >= 0);
    }
    outcome->is_complete = false;
    require(ftruncate(output_file, 0) == 0 && lseek(output_file, 0, SEEK_SET) == 0);
    const pid_t pid = fork();
    require(pid >= 0);
    if (pid > 0) {
        require(waitpid(pid, &wait_status, 0) == pid);
        return false;
    }
    dup2(output_file, STDERR_FILENO);
    alarm(SECONDS_PER_CASE);
    errno = UNTOUCHED_ERRNO;
    return true;
}

void end_case(long value, int code)
{
    outcome->value = value;
    outcome->code = code;
    outcome->is_complete = true;
    _exit(EXIT_SUCCESS);
}

/* Returns the text on standard error. Valid until the next call. */
static const char *output(void)
{
    static char *text;
    const off_t length = lseek(output_file, 0, SEEK_END);
    require(length >= 0 && (text = realloc(text, (size_t)length + 1)) != NULL);
    require(pread(output_file, text, (size_t)length, 0) == length);
    text[length] = '\0';
    return text;
}

void check_case(const char *call, long value, int code, const char *text)
{
    const char *const output_text = output();
    expect(!WIFSIGNALED(wait_status), "%s: %s: ended by signal %d (%s), after it printed '%.2000s'", group, call,
           WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)), output_text);
    expect(wait_status == 0 && outcome->is_complete, "%s: %s: ended the program with status %d, after it printed '%.2000s'", group,
           call, WEXITSTATUS(wait_status), output_text);
    expect(outcome->value == value && outcome->code == code, "%s: %s: returned %ld, errno %d (%s); expected %ld, errno %d (%s)",
           group, call, outcome->value, outcome->code, strerror(outcome->code), value, code, strerror(code));
    expect(strcmp(output_text, text) == 0, "%s: %s: printed '%.500s'; expected '%.500s'", group, call, output_text, text);
}

const char *error_message(const char *what, int code)
{
    static char text[128];
    snprintf(text, sizeof text, "%s: %s\n", what, strerror(code));
    return text;
}

bool allocated_and_freed(struct bitmask *set)
{
    const bool is_made = set != NULL;
    numa_bitmask_free(set);
    return is_made;
}

struct bitmask set_at_end_of_mapping(unsigned long size, long member)
{
    const size_t word_bits = 8 * sizeof(unsigned long), words = size / word_bits + (size % word_bits != 0);
    unsigned long *maskp = array_at_end_of_mapping(words, sizeof *maskp);
    /* A page of zeros that is not written costs nothing, and a huge one not even page tables. */
    (void)madvise((void *)((size_t)maskp & ~(page_size() - 1)), words * sizeof *maskp, MADV_HUGEPAGE);
    if (member >= 0)
        maskp[(size_t)member / word_bits] = 1UL << (size_t)member % word_bits;
    return (struct bitmask){ .size = size, .maskp = maskp };
}

char *string_at_end_of_mapping(const char *text)
{
    return strcpy(array_at_end_of_mapping(strlen(text) + 1, 1), text);
}

char *long_string(const char *start, const char *pattern, size_t length)
{
    char *text = array_at_end_of_mapping(length + 1, 1);
    const size_t period = strlen(pattern);
    for (size_t i = 0; i < length; i++)
        text[i] = i < period ? pattern[i] : text[i - period];
    memcpy(text, start, strlen(start));
    text[length] = '\0';
    return text;
}
