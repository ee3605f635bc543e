#!/usr/bin/env bash
# Are the packages the same bytes when somebody else builds them somewhere else? Builds twice: the second time in another
# directory, time zone, locale and umask, and with a compiler cache that knows only that directory. Compares every package.
#
#   packaging/deb/reproduce.sh [--suite SUITE] [--out DIR]
#
# The packages of the first time stay in DIR (build/packages/SUITE), lintian's judgement included.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
suite=host out=''
while [ $# -gt 0 ]; do
  case $1 in
    --suite) suite=$2; shift ;;
    --out) out=$2; shift ;;
    *) echo "reproduce.sh: unknown argument '$1'" >&2; exit 2 ;;
  esac
  shift
done
out=$(realpath -m -- "${out:-$here/../../build/packages/$suite}")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

TZ=UTC LC_ALL=C.UTF-8 "$here/build.sh" --suite "$suite" --reuse --out "$out"
(umask 077 && TZ=Asia/Kathmandu LC_ALL=C "$here/build.sh" --suite "$suite" --no-lintian --out "$place/two" \
  --directory another.place-with_a-longer-name)

differing=0 same=0
ln -s "$out" "$place/one"
for one in "$place"/one/*.deb; do
  two=$place/two/${one##*/}
  if cmp -s "$one" "$two"; then same=$((same + 1)); continue; fi
  differing=$((differing + 1))
  echo "reproduce.sh: ${one##*/} differs:"
  for side in one two; do
    mkdir -p "$place/$side.d" && dpkg-deb -R "$place/$side/${one##*/}" "$place/$side.d/${one##*/}" || true
    (cd "$place/$side.d/${one##*/}" && find . -type f -exec sha256sum {} + | sort -k 2; dpkg-deb -c "$place/$side/${one##*/}") >"$place/$side.list"
  done
  diff "$place/one.list" "$place/two.list" | head -n 20 || true
done
[ $same -gt 0 ] || { echo "reproduce.sh: nothing was built" >&2; exit 1; }
echo "$same packages are the same bytes, $differing differ"
[ $differing -eq 0 ]
