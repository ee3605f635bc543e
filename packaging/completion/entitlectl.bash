# bash completion of entitlectl, made by packaging/completion/generate.sh from what --help says.
_entitlectl() {
    local current=${COMP_WORDS[COMP_CWORD]} command='' before='' word i words=''
    local inherited='--socket --admin-socket --json --timeout --color'
    COMPREPLY=()
    # Which command it is, and the option whose value is being typed. Bash makes a word of the = in --option=value.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        [[ $word == = ]] && continue
        if [[ -n $before ]]; then before=''; continue; fi
        case "$command $word" in
            *" "--socket | *" "--admin-socket | *" "--timeout | *" "--color) before=$word ;;
            'run '--bots | 'run '--label) before=$word ;;
            'slots '--release) before=$word ;;
            'request '--out | 'request '--label) before=$word ;;
            'audit '--after) before=$word ;;
            'metrics '--out) before=$word ;;
            *" "--) command+="${command:+ }--"; break ;;
            ' status' | ' check' | ' features' | ' quota' | ' run' | ' slots' | ' watch' | ' fingerprint' | ' doctor' | ' version' | ' activate' | ' refresh' | ' request' | ' import' | ' deactivate' | ' audit' | ' metrics') command+="${command:+ }$word" ;;
        esac
    done
    [[ $current == = ]] && current=''
    case "$command $before" in
        *" "--socket) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        *" "--admin-socket) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        *" "--timeout) COMPREPLY=(); return ;;
        *" "--color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$current"); return ;;
        'run --bots') COMPREPLY=(); return ;;
        'run --label') COMPREPLY=(); return ;;
        'slots --release') mapfile -t COMPREPLY < <(compgen -W "$(entitlectl --timeout 500 --json slots 2>/dev/null | grep -o '"id":[0-9]*' | cut -d: -f2)" -- "$current"); return ;;
        'request --out') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        'request --label') COMPREPLY=(); return ;;
        'audit --after') COMPREPLY=(); return ;;
        'metrics --out') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    esac
    case $command in
        '')
            words="-h --help --version $inherited"
            [[ $current == -* ]] || words='status check features quota run slots watch fingerprint doctor version activate refresh request import deactivate audit metrics'
            ;;
        'status')
            words="-h --help $inherited"
            ;;
        'check')
            words="-h --help $inherited"
            [[ $current == -* ]] || { mapfile -t COMPREPLY < <(compgen -W "$(entitlectl --timeout 500 --json features 2>/dev/null | grep -o '"feature":"[a-z0-9_]*' | cut -d'"' -f4)" -- "$current"); return; }
            ;;
        'features')
            words="-h --help $inherited"
            ;;
        'quota')
            words="-h --help $inherited"
            [[ $current == -* ]] || { mapfile -t COMPREPLY < <(compgen -W 'bots' -- "$current"); return; }
            ;;
        'run')
            words="-h --help --bots --label $inherited"
            [[ $current == -* ]] || { mapfile -t COMPREPLY < <(compgen -c -- "$current"); return; }
            ;;
        'slots')
            words="-h --help --all --release $inherited"
            ;;
        'watch')
            words="-h --help $inherited"
            ;;
        'fingerprint')
            words="-h --help $inherited"
            ;;
        'doctor')
            words="-h --help $inherited"
            ;;
        'version')
            words="-h --help $inherited"
            ;;
        'activate')
            words="-h --help $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'refresh')
            words="-h --help $inherited"
            ;;
        'request')
            words="-h --help --out --label --fresh $inherited"
            ;;
        'import')
            words="-h --help $inherited"
            [[ $current == -* ]] || { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; }
            ;;
        'deactivate')
            words="-h --help --yes $inherited"
            ;;
        'audit')
            words="-h --help --verify --after $inherited"
            ;;
        'metrics')
            words="-h --help --out $inherited"
            ;;
        "run --")
            # The rest is a command line of its own: completed by its own rules where bash-completion is there.
            if declare -F _command_offset >/dev/null; then _command_offset "$((i + 1))"; return; fi
            if ((COMP_CWORD == i + 1)); then mapfile -t COMPREPLY < <(compgen -c -- "$current")
            else compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); fi
            return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _entitlectl entitlectl
