# shellcheck shell=sh
# The emulated machines of other architectures, for scripts to source.

# The kernel that tests and figures use, as vm names it.
kernel_of() { # architecture
    case $1 in
    ppc64el) echo newest-64k ;;
    s390x) echo newest ;;
    *) echo 6.12 ;;
    esac
}

# Debian's kernel for s390x has no NUMA.
shape_of() { # architecture
    if [ "$1" = s390x ]; then echo one-node; else echo four-nodes; fi
}
