#!/usr/bin/env bash
# Completion as the shell itself does it, or (drift) whether the files are what --help says. Skips with 77.
#   completion.sh SOURCE_DIR BUILD_DIR bash|zsh|fish|drift
set -euo pipefail
source=$1 build=$2 shell=$3
here=$source/packaging/completion
if [ "$shell" = drift ]; then exec "$here/generate.sh" --check --build-dir "$build"; fi
command -v "$shell" >/dev/null || { echo "$shell is not installed: packaging/dependencies.sh test"; exit 77; }

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/bin" "$place/here"
for program in entitlectl entitled entitle-server; do
  ln -s "$(find "$build/daemon" "$build/client" "$build/server" -name $program -type f | head -n 1)" "$place/bin/$program"
done
PATH=$place/bin:$PATH
# There is no daemon: what is looked up in one comes from demo mode, or is left out; nothing waits.
export PATH HOME=$place ENTITLED_SOCKET=$place/nobody.sock ENTITLED_ADMIN_SOCKET=$place/nobody.sock TERM=dumb
cd "$place/here"
touch machine.request
mkdir roots

wrong=0
# offers LINE WORD...: completing at the end of LINE offers each WORD; refuses LINE WORD...: none of them.
offers() {
  local line=$1 offered word
  offered=$(complete "$line")
  shift
  for word; do
    grep -qxF -- "$word" <<<"$offered" || { echo "$shell: '$line' does not offer '$word', but: $(paste -sd' ' <<<"$offered")"; wrong=1; }
  done
}
refuses() {
  local line=$1 offered word
  offered=$(complete "$line")
  shift
  for word; do
    ! grep -qxF -- "$word" <<<"$offered" || { echo "$shell: '$line' offers '$word'"; wrong=1; }
  done
}

case $shell in
  bash)
    # As readline takes the line apart: an = is a word, and after a blank an empty one begins.
    complete() {
      local line=${1//=/ = } last=$1 parts
      read -ra parts <<<"$line"
      [[ $last == *' ' || $last == *= ]] && parts+=("")
      bash --norc -c 'program=$1; shift; source "$0/$program.bash"; COMP_WORDS=("$program" "$@") COMP_CWORD=$#
        "_${program//-/_}"; printf "%s\n" "${COMPREPLY[@]}"' "$here" "${parts[@]}"
    }
    ;;
  fish)
    for program in entitlectl entitled entitle-server; do fish --no-execute "$here/$program.fish"; done
    complete() { fish --no-config -c "source $here/${1%% *}.fish; complete -C '$1'" | cut -f1; }
    ;;
  zsh)
    for program in entitlectl entitled entitle-server; do zsh -n "$here/_$program"; done
    # A terminal of zsh's own, where Tab is pressed; what it would list comes between marks.
    complete() { zsh -f "$source/tests/packaging/completion.zsh" "$here" "$1"; }
    ;;
esac

offers 'entitlectl ' status check run doctor
offers 'entitlectl ch' check
refuses 'entitlectl ch' status
offers 'entitlectl check ' live_trading paper_trading
offers 'entitlectl check live' live_trading
offers 'entitlectl --json check li' live_trading
offers 'entitlectl --timeout 100 ch' check
offers 'entitlectl --color ' auto always never
offers 'entitlectl status --' --json --color --socket
refuses 'entitlectl status --' --release
offers 'entitlectl slots --' --release --all
offers 'entitlectl import ma' machine.request
offers 'entitlectl quota ' bots
offers 'entitled --' --config --check-config
offers 'entitled --config ma' machine.request
offers 'entitle-server ' license keys serve
offers 'entitle-server license ' new list revoke
refuses 'entitle-server license ' serve
offers 'entitle-server --dir roots license n' new
offers 'entitle-server license new --' --type --days
refuses 'entitle-server license new --' --overlap
offers 'entitle-server license new --type ' trial basic pro enterprise
offers 'entitle-server keys rotate --' --roots --overlap
offers 'entitle-server issue --request ma' machine.request
exit $wrong
