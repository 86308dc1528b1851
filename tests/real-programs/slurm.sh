# packages: slurmd
# programs: usr/sbin/slurmd-wlm
# files: usr/lib/x86_64-linux-gnu/slurm-wlm
# what: the nodes, sockets and CPUs that it detects

try hardware sh -c "slurmd-wlm -C | sed -E '/^UpTime/d; s/ RealMemory=.*//'"
