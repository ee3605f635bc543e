# bash completion of entitled, made by packaging/completion/generate.sh from what --help says.
_entitled() {
    local current=${COMP_WORDS[COMP_CWORD]} command='' before='' word i words=''
    local inherited='--config --check-config --new-key --foreground'
    COMPREPLY=()
    # Which command it is, and the option whose value is being typed. Bash makes a word of the = in --option=value.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        [[ $word == = ]] && continue
        if [[ -n $before ]]; then before=''; continue; fi
        case "$command $word" in
            *" "--config) before=$word ;;
            *" "--) command+="${command:+ }--"; break ;;
        esac
    done
    [[ $current == = ]] && current=''
    case "$command $before" in
        *" "--config) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    esac
    case $command in
        '')
            words="-h --help --version $inherited"
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _entitled entitled
