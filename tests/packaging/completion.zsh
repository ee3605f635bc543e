# What zsh would offer at the end of a line: completion.zsh DIRECTORY LINE. It types the line into a zsh of its own and
# presses Tab; instead of showing the matches, that one prints them.
zmodload zsh/zpty
local directory=$1 line=$2
zpty inner zsh -f -i
zpty -w inner "PS1=; PS2=; unsetopt zle_bracketed_paste 2>/dev/null; fpath=($directory \$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w inner 'matches() { compadd() { if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  typeset -a offered_here; builtin compadd -A offered_here "$@"; (( $#offered_here )) && print -rl -- "offer:"${^offered_here}; builtin compadd "$@" }
  _main_complete "$@"; print "end of offers"; compstate[insert]=""; compstate[list]="" }'
zpty -w inner 'zle -C offer complete-word matches; bindkey "^I" offer; print begin-"here"'
zpty -r inner output '*begin-here*'
zpty -w -n inner "$line"$'\t'
local all=
while zpty -r inner output; do
  all+=$output
  [[ $output == *'end of offers'* ]] && break
done
print -r -- "$all" | tr -d '\r' | sed -n 's/.*offer:\(.*\)/\1/p' | sort -u
zpty -d inner
