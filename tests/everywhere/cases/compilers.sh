# shellcheck shell=sh
# Compilers, linkers, and programs for other loaders, C libraries and architectures.
# packages: g++ clang lld rustc golang-go cmake make musl-tools binutils libnuma-dev hello:i386

gcc_compiles_and_links() {
    cat >a.c <<'END'
#include <math.h>
#include <stdio.h>
int main(int argc, char **argv) { printf("%s %g\n", *argv, sqrt(argc + 1.0)); return argc; }
END
    gcc -O2 -flto=2 -o a a.c -lm && try ./a
    gcc -E a.c | grep -c main
    gcc -S -O1 -o - a.c | md5sum
    gcc -shared -fPIC -o lib.so a.c && nm -D lib.so | grep -w main
    echo 'int main(void) { return 0 }' | try gcc -xc -
}

gxx_compiles_exceptions_and_threads() {
    cat >a.cc <<'END'
#include <future>
#include <iostream>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>
thread_local int own = 1;
int main()
{
    std::vector<std::future<int>> jobs;
    for (int i = 0; i < 20; i++)
        jobs.push_back(std::async(std::launch::async, [i] {
            own += i;
            if (i % 5 == 0)
                throw std::runtime_error("five");
            return own;
        }));
    for (auto &job : jobs)
        try { std::cout << job.get() << '\n'; } catch (std::exception &e) { std::cout << e.what() << '\n'; }
    throw 1;
}
END
    g++ -O1 -pthread -o a a.cc
    try ./a
}

clang_compiles_and_lld_links() {
    echo 'int puts(const char *); int main(void) { puts("hello"); return 3; }' >a.c
    clang -O2 -flto -fuse-ld=lld -o a a.c && try ./a
    clang -static -o static a.c && try ./static
    echo 'int main() { return nothing; }' >b.c
    try clang -c b.c
}

rustc_compiles() {
    cat >a.rs <<'END'
use std::thread;
fn main() {
    let sums: Vec<u64> = (0..8u64).map(|i| thread::spawn(move || (0..i * 1000).sum())).map(|t| t.join().unwrap()).collect();
    println!("{sums:?}");
    let failed = thread::Builder::new().name("worker".into()).spawn(|| panic!("on purpose")).unwrap().join();
    println!("{}", failed.is_err());
    std::process::exit(5);
}
END
    rustc -O a.rs
    try ./a
    rustc -O -C panic=abort -C target-feature=+crt-static -o static a.rs
    try ./static 2>/dev/null
}

# With and without the C library.
go_builds() {
    export GOCACHE=/tmp/work/cache GO111MODULE=off
    cat >a.go <<'END'
package main
import ("fmt"; "os/exec"; "sync")
func main() {
    var wait sync.WaitGroup
    sums := make([]int, 8)
    for i := range sums { wait.Add(1); go func(i int) { defer wait.Done(); for j := 0; j < i*1000; j++ { sums[i] += j } }(i) }
    wait.Wait()
    output, err := exec.Command("sh", "-c", "echo child; exit 2").Output()
    fmt.Println(sums, string(output), err)
}
END
    CGO_ENABLED=0 go build -o static a.go && ./static
    cat >b.go <<'END'
package main
// #include <stdlib.h>
// #include <stdio.h>
// static int half(int x) { return abs(x) / 2; }
import "C"
import "fmt"
func main() { fmt.Println(C.half(-42)) }
END
    CGO_ENABLED=1 go build -o dynamic b.go && ./dynamic
}

cmake_configures_and_builds() {
    cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.20)
project(p C)
include(CheckFunctionExists)
check_function_exists(fork HAVE_FORK)
check_function_exists(no_such_function HAVE_NONE)
find_package(Threads REQUIRED)
add_library(l SHARED l.c)
add_executable(p p.c)
target_link_libraries(p l Threads::Threads)
enable_testing()
add_test(NAME runs COMMAND p)
END
    echo 'int l(void) { return 0; }' >l.c
    echo 'int l(void); int main(void) { return l(); }' >p.c
    masked 's/[0-9.]+ ?s(ec)?\>/N s/g' sh -c 'cmake -S . -B build && cmake --build build --parallel 2 && cmake --build build --target test'
}

binutils() {
    gcc -xc -g -o a - <<'END'
int square(int x) { return x * x; }
int main(void) { return square(2); }
END
    objdump --disassemble=square --no-show-raw-insn a | grep -c mul
    readelf --file-header a | grep Type
    addr2line -e a "$(nm a | awk '$3 == "square" { print $1 }')"
    strip a && size a | wc -l && try ./a
}

# Linked with libnuma itself, using its own headers.
a_program_linked_with_libnuma() {
    build uses_libnuma -lnuma
    try ./uses_libnuma
}

a_program_that_opens_libnuma_by_dlopen() {
    build opens_libnuma
    ./opens_libnuma
}

# musl's loader does not read /etc/ld.so.preload.
musl_programs() {
    echo 'int puts(const char *); int main(void) { puts("hello from musl"); return 3; }' >a.c
    musl-gcc -o dynamic a.c && try ./dynamic
    musl-gcc -static -o static a.c && try ./static
}

static_programs() {
    build prints_its_identity -static
    try ./prints_its_identity
    try ./prints_its_identity 7
}

# Compared with libnuma: the i386 loader reports that it cannot preload any library for amd64.
i386_programs() {
    try hello
    hello 2>&1 >/dev/null | grep -c 'wrong ELF class' || :
}

# Compared with libnuma: ldd prints the library.
ldd_and_the_loader() {
    ldd /bin/true | sed 's/ (0x.*//' | sort
    /lib64/ld-linux-x86-64.so.2 --list /bin/true | sed 's/ (0x.*//' | sort
    /lib64/ld-linux-x86-64.so.2 --verify /bin/true && echo verified
    LD_BIND_NOW=1 true && LD_TRACE_LOADED_OBJECTS=1 true | wc -l
    LD_DEBUG=files true 2>&1 | grep -o 'calling init: .*numa.*' || :
}
