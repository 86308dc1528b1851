# packages: irqbalance
# programs: irqbalance
# what: the tree of nodes, packages and CPUs (`--oneshot`)

try tree figures irqbalance --oneshot --debug --foreground
