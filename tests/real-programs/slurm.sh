# packages: slurmd
# programs: usr/sbin/slurmd-wlm
# files: usr/lib/x86_64-linux-gnu/slurm-wlm
# what: the nodes, sockets and CPUs that it finds

try hardware sh -c "slurmd-wlm -C | sed -E '/^UpTime/d; s/ RealMemory=.*//'"
