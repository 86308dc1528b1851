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
