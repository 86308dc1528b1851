# packages: irqbalance
# programs: irqbalance
# what: the tree of nodes, packages and CPUs, for once

try tree figures irqbalance --oneshot --debug --foreground
