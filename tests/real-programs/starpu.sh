# packages: starpu-examples
# programs: usr/lib/x86_64-linux-gnu/starpu/mpi/plu_example_float usr/lib/x86_64-linux-gnu/starpu/mpi/plu_implicit_example_double
# what: a task scheduler: factorizing a matrix that is interleaved over the nodes (`-numa`)

# MPI without its daemons.
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_btl=self STARPU_HOME="$PWD" STARPU_NCPU=3 STARPU_RESERVE_NCPU=1 STARPU_CALIBRATE_MINIMUM=1
factorize() {
    # Neither the times nor the order of additions are the same twice.
    "$@" -p 1 -q 1 2>&1 | grep -vE '^\[|MIN|MAX|AVG|took|GFlops|allocated' | sed -E 's/ 0\.0*e\+00$| [0-9.]+e-0[7-9]$| [0-9.]+e-1[0-9]$/ small/'
}
for options in '-size 128 -nblocks 4' '-size 128 -nblocks 4 -numa' '-size 256 -nblocks 2 -numa -check'; do
    # shellcheck disable=SC2086 # the words are what is wanted
    try "float $options" factorize plu_example_float $options
done
try "double" factorize plu_implicit_example_double -size 128 -nblocks 4 -numa
matrix() {
    exec taskset 2 plu_example_float -p 1 -q 1 -size 4096 -nblocks 8 "$@"
}
has_policy() {
    pages_of_mappings $pid 2>/dev/null | grep -q interleave && sleep 2
}
policies() {
    begin matrix "$@"
    until_it has_policy
    pages_of_mappings $pid | awk '$1 >= 512' | cut -d' ' -f2- | grep interleave | sort -u
    end
}
try policies policies -numa
