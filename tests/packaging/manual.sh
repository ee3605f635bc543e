#!/usr/bin/env bash
# The man pages as man(1) reads them: no warning, and every command and option that --help knows. Skips with 77.
#   manual.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source=$1 build=$2 wrong=0
command -v man >/dev/null || { echo "man-db is not installed: packaging/dependencies.sh test"; exit 77; }
# shellcheck source=packaging/completion/help.sh
. "$source/packaging/completion/help.sh"

for page in "$source"/packaging/man/*; do
  warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' man --warnings=w -E UTF-8 -l "$page" 2>&1 >/dev/null) || true
  [ -z "$warnings" ] || { echo "$page: $warnings"; wrong=1; }
  if command -v mandoc >/dev/null && ! mandoc -T lint -W warning "$page"; then wrong=1; fi
done

for manual in entitlectl.1 entitled.8 entitle-server.8; do
  program=$(find "$build/daemon" "$build/client" "$build/server" -name "${manual%.*}" -type f -perm -u+x | head -n 1)
  # Without line breaks, hyphenation and markup, so that words are found as they are typed.
  text=$(LC_ALL=C MANWIDTH=9999 man --nh --nj -E ascii -l "$source/packaging/man/$manual" | col -b | tr -s ' \t\n' ' ')
  count=0
  while IFS=$S read -r kind path name _; do
    count=$((count + 1))
    case $kind in
      command) wanted=${path:+$path }$name ;;
      option) wanted=${name#-? } ;;
      *) continue ;;
    esac
    # The same for every program, and said by it.
    case $wanted in --help | --help-all | --version) continue ;; esac
    grep -qE -- "(^|[^a-z0-9-])$wanted($|[^a-z0-9-])" <<<"$text" || { echo "$manual does not have '$wanted'${path:+, of $path}"; wrong=1; }
  done < <(read_program "$program" '')
  [ $count -gt 3 ] || { echo "${manual%.*} --help was not understood"; wrong=1; }
done
exit $wrong
