# packages: rt-tests
# programs: cyclictest oslat signaltest
# what: threads pinned by CPU lists, with memory on each CPU's node; invalid lists

for affinity in 2 1,3 0-2 all '!1'; do
    try "cyclictest $affinity" threads 4 cyclictest --quiet --threads=3 --interval=20000 "--affinity=$affinity"
done
try cyclictest-smp threads 5 cyclictest --quiet --smp --interval=20000 --mainaffinity=1
try cyclictest-once mask_numbers cyclictest --quiet --threads=2 --affinity=1,3 --loops=20 --interval=20000
try cyclictest-mistakes sh -c 'cyclictest --affinity=9 --threads=1 --loops=1 2>&1 | head -n 1; cyclictest --affinity=x --loops=1 2>&1 | head -n 1'
try oslat threads 3 oslat --cpu-list 1,3 --cpu-main-thread 2 --workload memmove --workload-mem 1M --duration 60 --quiet
try oslat-mistake sh -c 'oslat --cpu-list 9 --duration 1 2>&1 | head -n 1'
try signaltest mask_numbers signaltest --quiet --loops=5 --affinity=2
