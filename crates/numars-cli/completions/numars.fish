# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_numars_global_optspecs
    string join \n json color= ascii q/quiet h/help V/version
end

function __fish_numars_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_numars_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_numars_using_subcommand
    set -l cmd (__fish_numars_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c numars -n "__fish_numars_needs_command" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_needs_command" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_needs_command" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_needs_command" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_needs_command" -s h -l help -d 'Print help'
complete -c numars -n "__fish_numars_needs_command" -s V -l version -d 'Print version'
complete -c numars -n "__fish_numars_needs_command" -f -a "nodes" -d 'Show the nodes of the machine: their CPUs, memory, tiers, bandwidths and distances'
complete -c numars -n "__fish_numars_needs_command" -f -a "ps" -d 'Show where the memory of processes is'
complete -c numars -n "__fish_numars_needs_command" -f -a "map" -d 'Show the memory of a process, mapping by mapping, and on which nodes it is'
complete -c numars -n "__fish_numars_needs_command" -f -a "move" -d 'Move the pages of running processes to other nodes'
complete -c numars -n "__fish_numars_needs_command" -f -a "run" -d 'Run a program with a memory policy, on CPUs, or on numars instead of libnuma'
complete -c numars -n "__fish_numars_needs_command" -f -a "check" -d 'Show which symbols of libnuma a program needs, and whether numars has them'
complete -c numars -n "__fish_numars_needs_command" -f -a "doctor" -d 'Check what works here, what does not, and what to do about it'
complete -c numars -n "__fish_numars_needs_command" -f -a "measure" -d 'Measure bandwidths and latencies between the nodes'
complete -c numars -n "__fish_numars_needs_command" -f -a "top" -d 'Watch processes and nodes, and move processes'
complete -c numars -n "__fish_numars_needs_command" -f -a "schema" -d 'Print the JSON schema of a command\'s results'
complete -c numars -n "__fish_numars_needs_command" -f -a "generate" -d 'Write the manual pages, completions and schemas that are kept with the sources'
complete -c numars -n "__fish_numars_using_subcommand nodes" -l svg -d 'Draw the machine into an SVG file' -r -F
complete -c numars -n "__fish_numars_using_subcommand nodes" -l root -d 'Show the machine whose files of /proc and /sys are below this directory, as hwloc-gather-topology captures them' -r -F
complete -c numars -n "__fish_numars_using_subcommand nodes" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_using_subcommand nodes" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_using_subcommand nodes" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_using_subcommand nodes" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_using_subcommand nodes" -s h -l help -d 'Print help'
complete -c numars -n "__fish_numars_using_subcommand ps" -s s -l sort -d 'Sort by memory, anonymous, file, shared, huge, local, threads, pid, name, user, or node0, node1, ...' -r
complete -c numars -n "__fish_numars_using_subcommand ps" -s n -l name -d 'Only processes whose names contain this text' -r
complete -c numars -n "__fish_numars_using_subcommand ps" -s u -l user -d 'Only processes of this user' -r
complete -c numars -n "__fish_numars_using_subcommand ps" -l node -d 'Only processes with memory on these nodes' -r
complete -c numars -n "__fish_numars_using_subcommand ps" -s m -l min-size -d 'Only processes with at least this much memory, such as 100M; with --node, on these nodes' -r
complete -c numars -n "__fish_numars_using_subcommand ps" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_using_subcommand ps" -s a -l all -d 'Show all processes, also if they do not fit the screen'
complete -c numars -n "__fish_numars_using_subcommand ps" -s d -l details -d 'Show everything about each process, as for a single one'
complete -c numars -n "__fish_numars_using_subcommand ps" -s r -l reverse -d 'Sort the other way round'
complete -c numars -n "__fish_numars_using_subcommand ps" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_using_subcommand ps" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_using_subcommand ps" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_using_subcommand ps" -s h -l help -d 'Print help'
complete -c numars -n "__fish_numars_using_subcommand map" -l svg -d 'Draw the mappings and their pages into an SVG file' -r -F
complete -c numars -n "__fish_numars_using_subcommand map" -l watch -d 'Show it again and again, every 2 seconds or as often as this, until the process ends' -r
complete -c numars -n "__fish_numars_using_subcommand map" -l mapping -d 'Only mappings of this kind or file (repeatable): heap, stack, anon (memory without a file), a path or the name of a file' -r
complete -c numars -n "__fish_numars_using_subcommand map" -l range -d 'Only these addresses (repeatable), in hexadecimal as in /proc/PID/maps' -r
complete -c numars -n "__fish_numars_using_subcommand map" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_using_subcommand map" -l pages -d 'Draw the pages: a character for each page, the last digit of its node; for several pages of a large mapping'
complete -c numars -n "__fish_numars_using_subcommand map" -l policy -d 'Show the memory policies, from /proc/PID/numa_maps: reading it walks all page tables, and the process may wait when it maps memory'
complete -c numars -n "__fish_numars_using_subcommand map" -l huge-pages -d 'Show how much is in huge pages, from /proc/PID/smaps, which costs as much as --policy'
complete -c numars -n "__fish_numars_using_subcommand map" -l all -d 'Show mappings without pages in memory too'
complete -c numars -n "__fish_numars_using_subcommand map" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_using_subcommand map" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_using_subcommand map" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_using_subcommand map" -s h -l help -d 'Print help'
complete -c numars -n "__fish_numars_using_subcommand move" -l to -d 'The nodes to move to, such as 1-3, tier:4, fastest or !0' -r
complete -c numars -n "__fish_numars_using_subcommand move" -l tier -d 'Move to the nodes of a memory tier, as --to tier:N' -r
complete -c numars -n "__fish_numars_using_subcommand move" -l from -d 'Move only pages of these nodes, the first node\'s to the first of --to and so on, as migratepages(8)' -r
complete -c numars -n "__fish_numars_using_subcommand move" -l mapping -d 'Only mappings of this kind or file (repeatable): heap, stack, anon (memory without a file), a path or the name of a file' -r
complete -c numars -n "__fish_numars_using_subcommand move" -l range -d 'Only these addresses (repeatable), in hexadecimal as in /proc/PID/maps' -r
complete -c numars -n "__fish_numars_using_subcommand move" -l threads -d 'Move with several threads; 0: half as many as the usable CPUs, at most four' -r
complete -c numars -n "__fish_numars_using_subcommand move" -l max-pause -d 'Keep each call of the kernel, for which a thread that needs a page may wait, about as short as this, such as 5ms' -r
complete -c numars -n "__fish_numars_using_subcommand move" -l bandwidth -d 'Move at most so many bytes per second, such as 1GB/s' -r
complete -c numars -n "__fish_numars_using_subcommand move" -l timeout -d 'Stop after this time, such as 30s' -r
complete -c numars -n "__fish_numars_using_subcommand move" -l retries -d 'How often a busy page is tried again' -r
complete -c numars -n "__fish_numars_using_subcommand move" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_using_subcommand move" -l shared-pages -d 'Move pages that several processes map too, such as those of libraries; needs CAP_SYS_NICE'
complete -c numars -n "__fish_numars_using_subcommand move" -l set-policy -d 'Give the memory the policy of the placement'
complete -c numars -n "__fish_numars_using_subcommand move" -l dry-run -d 'Show what would move and whether there is room for it, and move nothing'
complete -c numars -n "__fish_numars_using_subcommand move" -l interleave -d 'Distribute page by page, as MPOL_INTERLEAVE'
complete -c numars -n "__fish_numars_using_subcommand move" -l weighted -d 'Distribute by the weights of the nodes, as MPOL_WEIGHTED_INTERLEAVE'
complete -c numars -n "__fish_numars_using_subcommand move" -l pack -d 'Fill the first node, then the next'
complete -c numars -n "__fish_numars_using_subcommand move" -l balance -d 'Move as few pages as possible until all nodes have the same number; each mapping that is selected by itself'
complete -c numars -n "__fish_numars_using_subcommand move" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_using_subcommand move" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_using_subcommand move" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_using_subcommand move" -s h -l help -d 'Print help'
complete -c numars -n "__fish_numars_using_subcommand run" -s m -l membind -d 'Allocate only on these nodes (MPOL_BIND)' -r
complete -c numars -n "__fish_numars_using_subcommand run" -s i -l interleave -d 'Allocate on these nodes in turn (MPOL_INTERLEAVE)' -r
complete -c numars -n "__fish_numars_using_subcommand run" -s w -l weighted-interleave -d 'Allocate on these nodes in turn, as often as their weights say (MPOL_WEIGHTED_INTERLEAVE)' -r
complete -c numars -n "__fish_numars_using_subcommand run" -s p -l preferred -d 'Allocate on this node as long as it has memory (MPOL_PREFERRED)' -r
complete -c numars -n "__fish_numars_using_subcommand run" -s P -l preferred-many -d 'Allocate on the nearest of these nodes as long as they have memory (MPOL_PREFERRED_MANY)' -r
complete -c numars -n "__fish_numars_using_subcommand run" -l home-node -d 'A home node is one of a range of memory' -r
complete -c numars -n "__fish_numars_using_subcommand run" -s N -l cpunodebind -d 'Run on the CPUs of these nodes' -r
complete -c numars -n "__fish_numars_using_subcommand run" -s C -l physcpubind -d 'Run on these CPUs; of --cpunodebind and --physcpubind, the last one counts' -r
complete -c numars -n "__fish_numars_using_subcommand run" -l library -d 'The file of numars for --libnuma, instead of the installed one' -r -F
complete -c numars -n "__fish_numars_using_subcommand run" -l log -d 'Log what the program asks numars for, to standard error or to a file (NUMARS_LOG)' -r
complete -c numars -n "__fish_numars_using_subcommand run" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_using_subcommand run" -s l -l localalloc -d 'Allocate on the node of the CPU that allocates (MPOL_LOCAL)'
complete -c numars -n "__fish_numars_using_subcommand run" -s b -l balancing -d 'Let the kernel move pages between the nodes of --membind or --preferred-many (MPOL_F_NUMA_BALANCING); ignored with other policies'
complete -c numars -n "__fish_numars_using_subcommand run" -s a -l all -d 'Lists may name all CPUs and nodes of the machine, not only those that this process may use now'
complete -c numars -n "__fish_numars_using_subcommand run" -l libnuma -d 'Substitute numars for libnuma, also if the program opens it with dlopen(3)'
complete -c numars -n "__fish_numars_using_subcommand run" -l show -d 'Show the policy and the CPUs that a program would have, and run none'
complete -c numars -n "__fish_numars_using_subcommand run" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_using_subcommand run" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_using_subcommand run" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_using_subcommand run" -s h -l help -d 'Print help'
complete -c numars -n "__fish_numars_using_subcommand check" -l library -d 'The file of numars, instead of the installed one' -r -F
complete -c numars -n "__fish_numars_using_subcommand check" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_using_subcommand check" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_using_subcommand check" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_using_subcommand check" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_using_subcommand check" -s h -l help -d 'Print help'
complete -c numars -n "__fish_numars_using_subcommand doctor" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_using_subcommand doctor" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_using_subcommand doctor" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_using_subcommand doctor" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c numars -n "__fish_numars_using_subcommand measure" -l nodes -d 'Measure the memory of these nodes, as in 0-3,8; otherwise of all' -r
complete -c numars -n "__fish_numars_using_subcommand measure" -l cpu-nodes -d 'Measure from the CPUs of these nodes; otherwise of all that have CPUs' -r
complete -c numars -n "__fish_numars_using_subcommand measure" -l size -d 'The memory to use on each node, such as 512M; otherwise several times the last-level caches' -r
complete -c numars -n "__fish_numars_using_subcommand measure" -l threads -d 'The threads that measure bandwidth; otherwise one for each CPU of a node' -r
complete -c numars -n "__fish_numars_using_subcommand measure" -l runs -d 'The number of runs, of which the median is shown' -r
complete -c numars -n "__fish_numars_using_subcommand measure" -l svg -d 'Draw the matrices into an SVG file' -r -F
complete -c numars -n "__fish_numars_using_subcommand measure" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_using_subcommand measure" -l quick -d 'Measure for a shorter time, less exactly'
complete -c numars -n "__fish_numars_using_subcommand measure" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_using_subcommand measure" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_using_subcommand measure" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_using_subcommand measure" -s h -l help -d 'Print help'
complete -c numars -n "__fish_numars_using_subcommand top" -s i -l interval -d 'The time between reports, such as 500ms or 5s' -r
complete -c numars -n "__fish_numars_using_subcommand top" -s c -l count -d 'End after this number of reports' -r
complete -c numars -n "__fish_numars_using_subcommand top" -s s -l sort -d 'Sort by memory, anonymous, file, shared, huge, local, threads, pid, name, user, or node0, node1, ...' -r
complete -c numars -n "__fish_numars_using_subcommand top" -s n -l name -d 'Only processes whose names contain this text' -r
complete -c numars -n "__fish_numars_using_subcommand top" -s u -l user -d 'Only processes of this user' -r
complete -c numars -n "__fish_numars_using_subcommand top" -l node -d 'Only processes with memory on these nodes' -r
complete -c numars -n "__fish_numars_using_subcommand top" -s m -l min-size -d 'Only processes with at least this much memory, such as 100M; with --node, on these nodes' -r
complete -c numars -n "__fish_numars_using_subcommand top" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_using_subcommand top" -s 1 -l once -d 'Print one frame as text, after one interval'
complete -c numars -n "__fish_numars_using_subcommand top" -s r -l reverse -d 'Sort the other way round'
complete -c numars -n "__fish_numars_using_subcommand top" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_using_subcommand top" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_using_subcommand top" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_using_subcommand top" -s h -l help -d 'Print help'
complete -c numars -n "__fish_numars_using_subcommand schema" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_using_subcommand schema" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_using_subcommand schema" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_using_subcommand schema" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_using_subcommand schema" -s h -l help -d 'Print help'
complete -c numars -n "__fish_numars_using_subcommand generate" -l color -d 'Use colours: always, never, or auto, which follows NO_COLOR, CLICOLOR_FORCE and whether the output is a terminal' -r -f -a "auto\t'On terminals that have them'
always\t'Always'
never\t'Never'"
complete -c numars -n "__fish_numars_using_subcommand generate" -l json -d 'Write JSON, whose schema the field `schema` names'
complete -c numars -n "__fish_numars_using_subcommand generate" -l ascii -d 'Draw with ASCII characters, as in a locale without UTF-8'
complete -c numars -n "__fish_numars_using_subcommand generate" -s q -l quiet -d 'Print nothing but failures'
complete -c numars -n "__fish_numars_using_subcommand generate" -s h -l help -d 'Print help'
