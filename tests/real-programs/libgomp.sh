# packages: libgomp1 libnuma1
# compiled: tests/programs/omp_partitions -fopenmp
# files: usr/lib/x86_64-linux-gnu/libnuma.so.1
# what: GCC's OpenMP library, which opens libnuma for `omp_alloc` with partitions

opens /usr/bin/omp_partitions omp_partitions nearest once
for partition in environment nearest blocked interleaved; do
    try "$partition" omp_partitions $partition once
    try "placement $partition" placement 4 taskset 2 omp_partitions $partition hold
done
# The memory that is bound to a node stays there when the thread's policy is another.
try "bound" bound 4 taskset 8 omp_partitions nearest hold
