#!/usr/bin/env bash
# Shell completion for our programs, made from what their --help says, so that the two cannot differ.
#
#   packaging/completion/generate.sh [--check] [--build-dir DIR]
#
# Writes PROGRAM.bash, _PROGRAM (zsh) and PROGRAM.fish beside itself from the programs below DIR (build/dev). With --check it
# writes nothing and exits 1 when what lies here is not what it would write.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
builds=$here/../../build/dev check=false
while [ $# -gt 0 ]; do
  case $1 in
    --check) check=true ;;
    --build-dir) builds=${2:?--build-dir needs a directory}; shift ;;
    *) echo "generate.sh: unknown argument '$1'" >&2; exit 2 ;;
  esac
  shift
done

# What takes a value, by the name that --help gives it; what nothing is offered for is not listed.
#   values PROGRAM COMMAND OPTION-OR-POSITIONAL TYPE: files, directories, command, features, slots, or "= words"
values() {
  case $1:$2:$3 in
    entitlectl:check:FEATURE) echo features; return ;;
    entitlectl:quota:NAME) echo '= bots'; return ;;
    entitlectl:slots:--release) echo slots; return ;;
    entitlectl:run:COMMAND) echo command; return ;;
    entitle-server:license*:--type) echo '= trial basic pro enterprise'; return ;;
  esac
  case $4 in
    *{*}*) local words=${4#*\{}; echo "= ${words%%\}*}" | tr ',' ' ' ;;
    FILE* | PATH*) echo files ;;
    DIR*) echo directories ;;
    *) [ "$3" != FILE ] || echo files ;;
  esac
}

# shellcheck source=packaging/completion/help.sh
. "$here/help.sh"

# --- the records of one program, in arrays ------------------------------------------------------------------------------------
kinds=() paths=() names=() types=() texts=()
load() {
  local kind path name type text
  kinds=() paths=() names=() types=() texts=()
  while IFS=$S read -r kind path name type text; do
    kinds+=("$kind") paths+=("$path") names+=("$name") types+=("$type") texts+=("$text")
  done < <(read_program "$1" '')
  [ ${#kinds[@]} -gt 0 ] || { echo "generate.sh: $1 --help says nothing" >&2; exit 1; }
}
# each KIND PATH: the indices of those records. PATH - is any.
each() {
  local i
  for i in "${!kinds[@]}"; do
    if [ "${kinds[i]}" = "$1" ] && { [ "$2" = - ] || [ "${paths[i]}" = "$2" ]; }; then echo "$i"; fi
  done
}
all_paths() { printf '%s\n' "${paths[@]}" | awk '!seen[$0]++'; }
# Options of the whole program are understood after a command as well, but for help and version.
inherited() { local i; for i in $(each option ''); do case ${names[i]} in *--help* | --version) ;; *) echo "$i" ;; esac; done; }
long() { echo "${1#-? }"; }
function_name() { echo "_${1//-/_}"; }
heading="made by packaging/completion/generate.sh from what --help says"

# --- bash -----------------------------------------------------------------------------------------------------------------------
bash_values() {  # bash_values KIND-OF-VALUE PROGRAM
  case $1 in
    files) echo 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current")' ;;
    directories) echo 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current")' ;;
    command) echo 'mapfile -t COMPREPLY < <(compgen -c -- "$current")' ;;
    features) echo "mapfile -t COMPREPLY < <(compgen -W \"\$($2 --timeout 500 --json features 2>/dev/null | grep -o '\"feature\":\"[a-z0-9_]*' | cut -d'\"' -f4)\" -- \"\$current\")" ;;
    slots) echo "mapfile -t COMPREPLY < <(compgen -W \"\$($2 --timeout 500 --json slots 2>/dev/null | grep -o '\"id\":[0-9]*' | cut -d: -f2)\" -- \"\$current\")" ;;
    '= '*) echo "mapfile -t COMPREPLY < <(compgen -W '${1#= }' -- \"\$current\")" ;;
    *) echo 'COMPREPLY=()' ;;
  esac
}
write_bash() {
  local program=$1 i path name words subcommands
  # shellcheck disable=SC2016
  echo "# bash completion of $program, $heading."
  echo "$(function_name "$program")() {"
  echo '    local current=${COMP_WORDS[COMP_CWORD]} command='"''"' before='"''"' word i words='"''"
  words=''
  for i in $(inherited); do words+=" ${names[i]}"; done
  echo "    local inherited='${words# }'"
  echo '    COMPREPLY=()'
  echo '    # Which command it is, and the option whose value is being typed. Bash makes a word of the = in --option=value.'
  echo '    for ((i = 1; i < COMP_CWORD; i++)); do'
  echo '        word=${COMP_WORDS[i]}'
  echo '        [[ $word == = ]] && continue'
  echo '        if [[ -n $before ]]; then before='"''; continue; fi"
  echo '        case "$command $word" in'
  while read -r path; do
    words=''
    for i in $(each option "$path"); do
      [ -n "${types[i]}" ] || continue
      words+="${words:+ | }${path:+'$path '}$([ -n "$path" ] || echo '*" "')$(long "${names[i]}")"
    done
    [ -z "$words" ] || echo "            $words) before=\$word ;;"
  done < <(all_paths)
  words=''
  for i in $(each command -); do words+="${words:+ | }'${paths[i]} ${names[i]}'"; done
  echo '            *" "--) command+="${command:+ }--"; break ;;'
  [ -z "$words" ] || echo "            $words) command+=\"\${command:+ }\$word\" ;;"
  echo '        esac'
  echo '    done'
  echo '    [[ $current == = ]] && current='"''"
  echo '    case "$command $before" in'
  for i in $(each option -); do
    [ -n "${types[i]}" ] || continue
    name=$(long "${names[i]}")
    if [ -z "${paths[i]}" ]; then name="*\" \"$name"; else name="'${paths[i]} $name'"; fi
    echo "        $name) $(bash_values "$(values "$program" "${paths[i]}" "$(long "${names[i]}")" "${types[i]}")" "$program"); return ;;"
  done
  echo '    esac'
  echo '    case $command in'
  while read -r path; do
    words='' subcommands=''
    for i in $(each command "$path"); do subcommands+=" ${names[i]}"; done
    for i in $(each option "$path" | { [ -n "$path" ] && cat || grep -vxF "$(inherited)"; }); do words+=" ${names[i]}"; done
    echo "        '$path')"
    echo "            words=\"${words# } \$inherited\""
    if [ -n "$subcommands" ]; then
      echo "            [[ \$current == -* ]] || words='${subcommands# }'"
    else
      for i in $(each positional "$path" | head -n 1); do
        echo "            [[ \$current == -* ]] || { $(bash_values "$(values "$program" "$path" "${names[i]}" "${types[i]}")" "$program"); return; }"
      done
    fi
    echo '            ;;'
  done < <(all_paths)
  if [ "$program" = entitlectl ]; then
    echo '        "run --")'
    echo '            # The rest is a command line of its own: completed by its own rules where bash-completion is there.'
    echo '            if declare -F _command_offset >/dev/null; then _command_offset "$((i + 1))"; return; fi'
    echo '            if ((COMP_CWORD == i + 1)); then mapfile -t COMPREPLY < <(compgen -c -- "$current")'
    echo '            else compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); fi'
    echo '            return ;;'
  fi
  echo '    esac'
  echo '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")'
  echo '}'
  echo "complete -F $(function_name "$program") $program"
}

# --- zsh ------------------------------------------------------------------------------------------------------------------------
zsh_values() {
  case $1 in
    files) echo '_files' ;;
    directories) echo '_files -/' ;;
    command) echo '_normal' ;;
    features) echo '_entitlectl_known_features' ;;
    slots) echo '_entitlectl_held_slots' ;;
    '= '*) echo "(${1#= })" ;;
    *) echo ' ' ;;
  esac
}
quoted() { local text=${1//\'/\'\\\'\'}; text=${text//\[/\\[}; text=${text//\]/\\]}; echo "${text//:/\\:}"; }
zsh_options() {  # zsh_options INDEX...: as arguments of _arguments
  local i name value
  for i in "$@"; do
    name=${names[i]} value=''
    if [ -n "${types[i]}" ]; then
      value=":$(quoted "${types[i]%%:*}"):$(zsh_values "$(values "$program" "${paths[i]}" "$(long "$name")" "${types[i]}")")"
      name=$(long "$name")=
    fi
    if [[ $name == *' '* ]]; then
      echo "'(${name})'{${name/ /,}}'[$(quoted "${texts[i]}")]$value'"
    else
      echo "'$name[$(quoted "${texts[i]}")]$value'"
    fi
  done
}
zsh_command() {  # zsh_command PATH: one function, and those of its subcommands
  local path=$1 i suffix=${1// /_} subcommands
  suffix=${suffix//-/_}
  subcommands=$(each command "$path")
  echo
  echo "$(function_name "$program")${suffix:+_$suffix}() {"
  [ -z "$subcommands" ] || echo "    local curcontext=\"\$curcontext\" state line"
  if [ -z "$path" ]; then
    # What is understood after every command; the functions below are called from this one and see it.
    echo '    local -a inherited=('
    zsh_options $(inherited) | sed 's/^/        /'
    echo '    )'
  fi
  echo "    _arguments -s -S$([ -z "$subcommands" ] || echo ' -C') \\"
  zsh_options $(if [ -n "$path" ]; then each option "$path"; else each option '' | grep -vxF "$(inherited)"; fi) | sed 's/^/        /; s/$/ \\/'
  if [ -n "$subcommands" ]; then
    echo "        \$inherited '1:command:->command' '*::argument:->argument'"
    echo '    case $state in'
    echo '        command)'
    echo '            local -a commands=('
    for i in $subcommands; do echo "                '${names[i]}:$(quoted "${texts[i]}")'"; done
    echo '            )'
    echo "            _describe command commands ;;"
    echo '        argument)'
    echo '            case $line[1] in'
    for i in $subcommands; do echo "                ${names[i]}) $(function_name "$program")_${suffix:+${suffix}_}${names[i]//-/_} ;;"; done
    echo '            esac ;;'
    echo '    esac'
  else
    local rest=''
    for i in $(each positional "$path"); do
      if [ "$program $path ${names[i]}" = "entitlectl run COMMAND" ]; then
        rest+=" '(-)1:command: _command_names -e' '*::argument:_normal'"
      else
        rest+=" ':$(quoted "${names[i]}"):$(zsh_values "$(values "$program" "$path" "${names[i]}" "${types[i]}")")'"
      fi
    done
    echo "        \$inherited$rest"
  fi
  echo '}'
  for i in $subcommands; do zsh_command "${path:+$path }${names[i]}"; done
}
write_zsh() {
  local program=$1
  echo "#compdef $program"
  echo "# zsh completion of $program, $heading."
  if [ "$program" = entitlectl ]; then
    cat <<'ZSH'

_entitlectl_known_features() {
    local -a found=(${(f)"$(entitlectl --timeout 500 --json features 2>/dev/null | grep -o '"feature":"[a-z0-9_]*' | cut -d'"' -f4)"})
    (( $#found )) && compadd -a found
}

_entitlectl_held_slots() {
    local -a found=(${(f)"$(entitlectl --timeout 500 --json slots 2>/dev/null | grep -o '"id":[0-9]*' | cut -d: -f2)"})
    (( $#found )) && compadd -a found
}
ZSH
  fi
  zsh_command ''
  echo
  echo "$(function_name "$program") \"\$@\""
}

# --- fish -----------------------------------------------------------------------------------------------------------------------
fish_values() {
  case $1 in
    files) echo ' -r -F' ;;
    directories) echo " -x -a '(__fish_complete_directories)'" ;;
    features) echo " -x -a '(entitlectl --timeout 500 --json features 2>/dev/null | string match -ar \"feature\\\":\\\"[a-z0-9_]*\" | string replace \"feature\\\":\\\"\" \"\")'" ;;
    slots) echo " -x -a '(entitlectl --timeout 500 --json slots 2>/dev/null | string match -ar \"\\\"id\\\":[0-9]*\" | string replace \"\\\"id\\\":\" \"\")'" ;;
    '= '*) echo " -x -a '${1#= }'" ;;
    *) echo ' -x' ;;
  esac
}
fish_quoted() { local text=${1//\\/\\\\}; echo "'${text//\'/\\\'}'"; }
fish_option() {  # fish_option PROGRAM CONDITION INDEX
  local i=$3 line="complete -c $1 -n '$2'"
  [[ ${names[i]} == *' '* ]] && line+=" -s ${names[i]:1:1}"
  line+=" -l $(long "${names[i]}" | cut -c3-)"
  [ -z "${types[i]}" ] || line+=$(fish_values "$(values "$1" "${paths[i]}" "$(long "${names[i]}")" "${types[i]}")")
  echo "$line -d $(fish_quoted "${texts[i]}")"
}
write_fish() {
  local program=$1 path i at valued='' described kind
  at=_$(function_name "$program")_at
  for i in $(each option -); do [ -z "${types[i]}" ] || valued+=" $(long "${names[i]}")"; done
  echo "# fish completion of $program, $heading."
  cat <<FISH

# Is the command that is being typed the one given? The words of the line, without options and their values.
function $at
    set -l words (commandline -opc)
    set -l commands
    set -l skip 0
    for word in \$words[2..-1]
        if test \$skip = 1
            set skip 0
        else if contains -- \$word$valued
            set skip 1
        else if test "\$word" = --
            break
        else if not string match -q -- '-*' \$word
            set -a commands \$word
        end
    end
    test (count \$argv) -le (count \$commands); or return 1
    for i in (seq (count \$argv))
        test "\$argv[\$i]" = "\$commands[\$i]"; or return 1
    end
    # A command that has commands of its own is left once one of those stands there.
    test (count \$argv) -eq (count \$commands); or not contains -- "\$argv" $(all_groups)
end

complete -c $program -f
FISH
  while read -r path; do
    for i in $(each command "$path"); do
      echo "complete -c $program -n '$at${path:+ $path}' -a ${names[i]} -d $(fish_quoted "${texts[i]}")"
    done
    for i in $(each option "$path") $([ -z "$path" ] || inherited); do fish_option "$program" "$at${path:+ $path}" "$i"; done
    [ -n "$(each command "$path")" ] || for i in $(each positional "$path" | head -n 1); do
      kind=$(values "$program" "$path" "${names[i]}" "${types[i]}")
      case $kind in
        files) echo "complete -c $program -n '$at $path' -F" ;;
        command) echo "complete -c $program -n '$at $path' -a '(__fish_complete_subcommand --fcs-skip=2)'" ;;
        '') ;;
        *) described=$(fish_values "$kind"); echo "complete -c $program -n '$at $path'${described/ -x/ -f}" ;;
      esac
    done
  done < <(all_paths)
}
all_groups() { local path; printf "''"; while read -r path; do [ -z "$path" ] || [ -z "$(each command "$path")" ] || printf " '%s'" "$path"; done < <(all_paths); }

# --- all of it ------------------------------------------------------------------------------------------------------------------
into=$here
if $check; then into=$(mktemp -d); trap 'rm -rf "$into"' EXIT; fi
for program in entitlectl entitled entitle-server; do
  found=$(find "$builds/daemon" "$builds/client" "$builds/server" -name "$program" -type f -perm -u+x 2>/dev/null | head -n 1)
  [ -n "$found" ] || { echo "generate.sh: no $program below $builds" >&2; exit 1; }
  load "$found"
  write_bash "$program" >"$into/$program.bash"
  write_zsh "$program" >"$into/_$program"
  write_fish "$program" >"$into/$program.fish"
  if $check; then
    for file in "$program.bash" "_$program" "$program.fish"; do
      diff -u "$here/$file" "$into/$file" || { echo "$file is not what --help says now: packaging/completion/generate.sh writes it anew" >&2; exit 1; }
    done
  fi
done
