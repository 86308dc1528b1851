# shellcheck shell=sh
# Programs with sanitizers: AddressSanitizer must be loaded first, and replaces malloc.
# packages: g++ clang libclang-rt-dev

# Prints their reports without addresses, process IDs and thread IDs.
report='s/0x[0-9a-f]+/ADDRESS/g; s/==[0-9]+==/==N==/; s/pid=[0-9]+/pid=N/g; s/tid=[0-9]+/tid=N/g; s/\(BuildId: [0-9a-f]+\)//'

# Prints the kind and place of a report, without the frames of libraries.
mistakes() { # compiler flags mistakes…
    compiler=$1 flags=$2
    shift 2
    # shellcheck disable=SC2086 # several flags
    $compiler -Wno-unused-result -g -O1 $flags -pthread -o makes_mistakes /everywhere/programs/makes_mistakes.c
    for mistake; do
        masked "$report" try ./makes_mistakes "$mistake" 2>&1 | grep -v symbolizer |
            grep -E '^[a-z-]*$|ended with|ERROR|WARNING|SUMMARY|runtime error|^    #[0-3] .*makes_mistakes|of size|comes? first'
    done
}

# The shared run-time library must be the first library, and complains about any library in /etc/ld.so.preload. Without that check
# it works.
address_sanitizer_of_gcc() {
    export ASAN_OPTIONS=verify_asan_link_order=0
    mistakes gcc -fsanitize=address none overflow use-after-free leak double-free
}

# Compared with libnuma: the error message.
address_sanitizer_of_gcc_wants_to_be_first() {
    mistakes gcc -fsanitize=address none
}

address_sanitizer_linked_statically() {
    mistakes gcc '-fsanitize=address -static-libasan' none overflow use-after-free leak
}

address_sanitizer_of_clang() {
    mistakes clang '-fsanitize=address -Wno-deprecated' none overflow use-after-free leak double-free
}

undefined_behaviour_sanitizer() {
    mistakes gcc -fsanitize=undefined none undefined
    mistakes clang '-fsanitize=undefined -fno-sanitize-recover=all' none undefined
}

leak_sanitizer() {
    mistakes gcc -fsanitize=leak none leak
    mistakes clang -fsanitize=leak none leak
}

# Which of the two racing accesses is reported first varies.
thread_sanitizer() {
    for compiler in gcc clang; do
        $compiler -g -O1 -fsanitize=thread -pthread -o makes_mistakes /everywhere/programs/makes_mistakes.c
        try setarch -R ./makes_mistakes none
        setarch -R ./makes_mistakes race >/dev/null 2>report || echo "race ended with $?"
        grep -oE 'WARNING: ThreadSanitizer: data race|SUMMARY: ThreadSanitizer: data race' report | sort -u
    done
    gcc -D_GNU_SOURCE -g -O1 -fsanitize=thread -pthread -o uses_threads /everywhere/programs/uses_threads.c
    try setarch -R ./uses_threads
}

memory_sanitizer() {
    clang -g -O1 -fsanitize=memory -fno-omit-frame-pointer -pthread -o makes_mistakes /everywhere/programs/makes_mistakes.c
    for mistake in none uninitialised; do
        masked "$report" setarch -R ./makes_mistakes "$mistake" 2>&1 | grep -v symbolizer | grep -E '^[a-z-]*$|WARNING|SUMMARY' || :
    done
}

libfuzzer_runs() {
    cat >fuzz.cc <<'END'
#include <cstddef>
#include <cstdint>
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 2 && data[0] == 'a' && data[1] == 'b' && data[2] == 'c')
        __builtin_trap();
    return 0;
}
END
    clang++ -g -fsanitize=fuzzer,address -o fuzz fuzz.cc
    printf abc >crash
    ./fuzz -runs=2000 -seed=1 -max_len=2 >output 2>&1 || echo "fuzz ended with $?"
    grep -c Done output
    ./fuzz crash >output 2>&1 || echo "fuzz ended with $?"
    grep -o 'ERROR: .*: deadly signal' output | sed 's/==.*==//'
}

libraries_instrumented_and_checked() {
    gcc -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-all -Wno-all -o a -xc - <<'END'
#include <string.h>
#include <stdio.h>
int main(int argc, char **argv) { char small[8]; strcpy(small, argc > 1 ? argv[1] : "ok"); puts(small); return 0; }
END
    try ./a
    try ./a 0123456789
    gcc -O0 -fstack-protector-all -o b -xc - <<'END'
int main(int argc, char **argv) { char a[8]; for (int i = 0; i < 8 + argc * 24; i++) ((volatile char *)a)[i] = **argv; return 0; }
END
    try ./b
}
