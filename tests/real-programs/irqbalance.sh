# packages: irqbalance
# programs: irqbalance
# what: the tree of nodes, packages and CPUs (`--oneshot`)

try tree mask_numbers irqbalance --oneshot --debug --foreground
