#!/bin/sh
# Prints what loading the library costs on other architectures, on their emulated machines: its size, and the system calls and instructions that
# it and Debian's libnuma add to an empty program. Instructions are counted where Debian's valgrind runs.
#   ARCH   architectures as Debian names them (arm64 i386 armhf ppc64el riscv64 s390x)
# Example: make cross-figures ARCH=arm64
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/emulated.sh
. scripts/emulated.sh
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/figures.sh" <<'END'
#!/bin/sh
# Runs in the guest. Constructors come after glibc asks for the size of the stack, the last thing that it does for itself.
cd /tmp
own_calls() { sed -n '/RLIMIT_STACK/,/exit_group/p' trace | grep -c -v 'RLIMIT_STACK\|exit_group\|munmap'; }
empty=
for library in "" numars libnuma; do
    path=${library:+/figures/$library/libnuma.so.1}
    strace -o trace -E LD_PRELOAD=$path /figures/empty
    line="${library:-nothing}: $(own_calls) system calls of its own"
    if [ -x /usr/bin/valgrind ]; then
        VALGRIND_LIB=/usr/libexec/valgrind LD_PRELOAD=$path valgrind --tool=callgrind --callgrind-out-file=out /figures/empty 2>log
        count=$(sed -n 's/.*Collected : //p' log)
        : "${empty:=$count}"
        line="$line, $((count - empty)) instructions"
    fi
    echo "    $line"
done
END
chmod +x "$folder/figures.sh"

figures() { # architecture
    C_TESTS=any/bitmask PACKAGES=no ARCH=$1 scripts/cross.sh >"$folder/log" || { cat "$folder/log" && return 1; }
    eval "$(target/release/vm toolchain --arch "$1")"
    # trixie has no valgrind for riscv64.
    tools=$(target/release/vm packages --arch "$1" "$SUITE" strace valgrind 2>"$folder/log") ||
        tools=$(target/release/vm packages --arch "$1" "$SUITE" strace)
    echo 'int main(void) { return 0; }' | "$CC" -O1 -x c - -o "$folder/empty"
    "$STRIP" -o "$folder/libnuma.so.1" "target/cross/$1/stage/lib/numars/libnuma.so.1.0.0"
    echo "$1: $(stat -c %s "$folder/libnuma.so.1") bytes"
    libraries=$(echo "$tools"/usr/lib/*-linux-gnu*)
    theirs=$(readlink -f "$SYSROOT/usr/lib/$(basename "$libraries")/libnuma.so.1")
    set -- --arch "$1" --kernel "$(kernel_of "$1")" --shape "$(shape_of "$1")" --libraries "$libraries" \
        --add "$folder/figures.sh:/figures/figures.sh" --add "$folder/empty:/figures/empty" \
        --add "$folder/libnuma.so.1:/figures/numars/libnuma.so.1" --add "$theirs:/figures/libnuma/libnuma.so.1" \
        --add "$tools/usr/bin/strace:/usr/bin/strace"
    if [ -x "$tools/usr/bin/valgrind.bin" ]; then
        set -- "$@" --add "$tools/usr/bin/valgrind.bin:/usr/bin/valgrind"
        for file in "$tools"/usr/libexec/valgrind/callgrind-* "$tools"/usr/libexec/valgrind/vgpreload_core-* \
            "$tools"/usr/libexec/valgrind/default.supp "$tools"/usr/libexec/valgrind/*.xml; do
            set -- "$@" --add "$file:/usr/libexec/valgrind/$(basename "$file")"
        done
    fi
    # The guest gets the libraries of the program that it runs: strace runs the script.
    target/release/vm run "$@" -- "$tools/usr/bin/strace" -o /dev/null -e trace=none /figures/figures.sh
}

for architecture in ${ARCH:-arm64 i386 armhf ppc64el riscv64 s390x}; do
    (figures "$architecture")
done
