# fish completion of entitled, made by packaging/completion/generate.sh from what --help says.

# Is the command that is being typed the one given? The words of the line, without options and their values.
function __entitled_at
    set -l words (commandline -opc)
    set -l commands
    set -l skip 0
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word --config
            set skip 1
        else if test "$word" = --
            break
        else if not string match -q -- '-*' $word
            set -a commands $word
        end
    end
    test (count $argv) -le (count $commands); or return 1
    for i in (seq (count $argv))
        test "$argv[$i]" = "$commands[$i]"; or return 1
    end
    # A command that has commands of its own is left once one of those stands there.
    test (count $argv) -eq (count $commands); or not contains -- "$argv" ''
end

complete -c entitled -f
complete -c entitled -n '__entitled_at' -s h -l help -d 'Print this help message and exit'
complete -c entitled -n '__entitled_at' -l config -r -F -d 'The configuration file'
complete -c entitled -n '__entitled_at' -l check-config -d 'Read the configuration, say what is wrong with it, and exit'
complete -c entitled -n '__entitled_at' -l new-key -d 'Set the device key aside, make a new one, and exit'
complete -c entitled -n '__entitled_at' -l foreground -d 'Stay in the foreground (always so; a supervisor puts it in the background)'
complete -c entitled -n '__entitled_at' -l version -d 'Print the version and exit'
