# bash completion of entitle-server, made by packaging/completion/generate.sh from what --help says.
_entitle_server() {
    local current=${COMP_WORDS[COMP_CWORD]} command='' before='' word i words=''
    local inherited='--dir --server --token-file --ca --json --wait'
    COMPREPLY=()
    # Which command it is, and the option whose value is being typed. Bash makes a word of the = in --option=value.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        [[ $word == = ]] && continue
        if [[ -n $before ]]; then before=''; continue; fi
        case "$command $word" in
            *" "--dir | *" "--server | *" "--token-file | *" "--ca | *" "--wait) before=$word ;;
            'init '--roots | 'init '--name | 'init '--database) before=$word ;;
            'license new '--type | 'license new '--days | 'license new '--expires | 'license new '--note | 'license new '--plan-limits) before=$word ;;
            'license release '--device) before=$word ;;
            'license generate '--account | 'license generate '--type | 'license generate '--expires | 'license generate '--device-limit | 'license generate '--total-bots | 'license generate '--note) before=$word ;;
            'license extend '--until) before=$word ;;
            'license change '--type | 'license change '--device-limit | 'license change '--total-bots | 'license change '--note) before=$word ;;
            'issue '--license | 'issue '--request | 'issue '--out | 'issue '--exp-days) before=$word ;;
            'update-file '--out) before=$word ;;
            'keys rotate '--roots | 'keys rotate '--overlap) before=$word ;;
            'keys revoke '--roots) before=$word ;;
            'serve '--config | 'serve '--listen) before=$word ;;
            'admin create '--password-file) before=$word ;;
            'login '--password-file) before=$word ;;
            'account list '--limit) before=$word ;;
            'approval list '--state) before=$word ;;
            'attempts '--limit) before=$word ;;
            'audit '--limit) before=$word ;;
            'backup '--out) before=$word ;;
            'restore '--from) before=$word ;;
            *" "--) command+="${command:+ }--"; break ;;
            ' init' | ' license' | ' issue' | ' update-file' | ' keys' | ' authority' | ' serve' | ' admin' | ' login' | ' logout' | ' account' | ' device' | ' approval' | ' attempts' | ' audit' | ' migrate' | ' backup' | ' restore' | 'license new' | 'license list' | 'license show' | 'license release' | 'license generate' | 'license suspend' | 'license reinstate' | 'license revoke' | 'license extend' | 'license change' | 'keys list' | 'keys rotate' | 'keys revoke' | 'authority show' | 'admin create' | 'account list' | 'account show' | 'account promote' | 'account demote' | 'account end-sessions' | 'device list' | 'device release' | 'approval list' | 'approval approve' | 'approval deny') command+="${command:+ }$word" ;;
        esac
    done
    [[ $current == = ]] && current=''
    case "$command $before" in
        *" "--dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        *" "--server) COMPREPLY=(); return ;;
        *" "--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        *" "--ca) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        *" "--wait) COMPREPLY=(); return ;;
        'init --roots') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        'init --name') COMPREPLY=(); return ;;
        'init --database') COMPREPLY=(); return ;;
        'license new --type') mapfile -t COMPREPLY < <(compgen -W 'trial basic pro enterprise' -- "$current"); return ;;
        'license new --days') COMPREPLY=(); return ;;
        'license new --expires') COMPREPLY=(); return ;;
        'license new --note') COMPREPLY=(); return ;;
        'license new --plan-limits') COMPREPLY=(); return ;;
        'license release --device') COMPREPLY=(); return ;;
        'license generate --account') COMPREPLY=(); return ;;
        'license generate --type') mapfile -t COMPREPLY < <(compgen -W 'trial basic pro enterprise' -- "$current"); return ;;
        'license generate --expires') COMPREPLY=(); return ;;
        'license generate --device-limit') COMPREPLY=(); return ;;
        'license generate --total-bots') COMPREPLY=(); return ;;
        'license generate --note') COMPREPLY=(); return ;;
        'license extend --until') COMPREPLY=(); return ;;
        'license change --type') mapfile -t COMPREPLY < <(compgen -W 'trial basic pro enterprise' -- "$current"); return ;;
        'license change --device-limit') COMPREPLY=(); return ;;
        'license change --total-bots') COMPREPLY=(); return ;;
        'license change --note') COMPREPLY=(); return ;;
        'issue --license') COMPREPLY=(); return ;;
        'issue --request') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        'issue --out') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        'issue --exp-days') COMPREPLY=(); return ;;
        'update-file --out') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        'keys rotate --roots') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        'keys rotate --overlap') COMPREPLY=(); return ;;
        'keys revoke --roots') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        'serve --config') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        'serve --listen') COMPREPLY=(); return ;;
        'admin create --password-file') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        'login --password-file') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        'account list --limit') COMPREPLY=(); return ;;
        'approval list --state') mapfile -t COMPREPLY < <(compgen -W 'waiting approved denied used all' -- "$current"); return ;;
        'attempts --limit') COMPREPLY=(); return ;;
        'audit --limit') COMPREPLY=(); return ;;
        'backup --out') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        'restore --from') compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    esac
    case $command in
        '')
            words="-h --help --version --help-all $inherited"
            [[ $current == -* ]] || words='init license issue update-file keys authority serve admin login logout account device approval attempts audit migrate backup restore'
            ;;
        'init')
            words="-h --help --help-all --roots --name --database $inherited"
            ;;
        'license')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || words='new list show release generate suspend reinstate revoke extend change'
            ;;
        'license new')
            words="-h --help --help-all --type --days --expires --note --plan-limits $inherited"
            ;;
        'license list')
            words="-h --help --help-all $inherited"
            ;;
        'license show')
            words="-h --help --help-all --key $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'license release')
            words="-h --help --help-all --device $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'license generate')
            words="-h --help --help-all --account --type --expires --device-limit --total-bots --note $inherited"
            ;;
        'license suspend')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'license reinstate')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'license revoke')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'license extend')
            words="-h --help --help-all --until --never $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'license change')
            words="-h --help --help-all --type --device-limit --total-bots --note $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'issue')
            words="-h --help --help-all --license --request --out --exp-days --other-hardware $inherited"
            ;;
        'update-file')
            words="-h --help --help-all --out $inherited"
            ;;
        'keys')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || words='list rotate revoke'
            ;;
        'keys list')
            words="-h --help --help-all $inherited"
            ;;
        'keys rotate')
            words="-h --help --help-all --roots --overlap $inherited"
            ;;
        'keys revoke')
            words="-h --help --help-all --roots $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'authority')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || words='show'
            ;;
        'authority show')
            words="-h --help --help-all $inherited"
            ;;
        'serve')
            words="-h --help --help-all --config --listen --check-config $inherited"
            ;;
        'admin')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || words='create'
            ;;
        'admin create')
            words="-h --help --help-all --password-file $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'login')
            words="-h --help --help-all --password-file $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'logout')
            words="-h --help --help-all $inherited"
            ;;
        'account')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || words='list show promote demote end-sessions'
            ;;
        'account list')
            words="-h --help --help-all --limit $inherited"
            ;;
        'account show')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'account promote')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'account demote')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'account end-sessions')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'device')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || words='list release'
            ;;
        'device list')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'device release')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'approval')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || words='list approve deny'
            ;;
        'approval list')
            words="-h --help --help-all --state $inherited"
            ;;
        'approval approve')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'approval deny')
            words="-h --help --help-all $inherited"
            [[ $current == -* ]] || { COMPREPLY=(); return; }
            ;;
        'attempts')
            words="-h --help --help-all --limit $inherited"
            ;;
        'audit')
            words="-h --help --help-all --limit $inherited"
            ;;
        'migrate')
            words="-h --help --help-all $inherited"
            ;;
        'backup')
            words="-h --help --help-all --out $inherited"
            ;;
        'restore')
            words="-h --help --help-all --from $inherited"
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _entitle_server entitle-server
