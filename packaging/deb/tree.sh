#!/usr/bin/env bash
# A Debian tree with all that a job needs, made by mmdebstrap once and kept; prints where it is.
#
#   packaging/deb/tree.sh SUITE [--name NAME --packages 'PACKAGE...' [--architecture FOREIGN]]
#
# Without a name it is the tree that Debian packages are built in. It lies in ENTITLE_CACHE/trees (~/.cache/entitled/trees),
# its name from the suite and the list of packages: another list makes another tree, and the one before goes.
# ENTITLE_MIRROR names a Debian mirror other than deb.debian.org.
# Exit 77 when this machine cannot make one, with the reason.
set -euo pipefail
tree=$(cd "$(dirname "$0")/../.." && pwd)
suite=${1:?tree.sh SUITE}
shift
packages='' name=build foreign=''
while [ $# -gt 0 ]; do
  case $1 in
    --name) name=$2; shift ;;
    --packages) packages=$2; shift ;;
    --architecture) foreign=$2; shift ;;
    *) echo "tree.sh: unknown argument '$1'" >&2; exit 2 ;;
  esac
  shift
done
cannot() { echo "tree.sh: $*" >&2; exit 77; }
cache=${ENTITLE_CACHE:-${HOME:-/tmp}/.cache/entitled}

if [ -z "$packages" ]; then
  # The one list of packages, as it reads on that suite; mmdebstrap itself is for outside. What makes system users is for
  # installing the packages there.
  packages="ccache systemd-standalone-sysusers $(ENTITLE_RELEASE=$suite "$tree/packaging/dependencies.sh" --print build package | grep -vx mmdebstrap)"
fi
packages=$(printf '%s\n' $packages | sort -u | paste -s -d,)
key=$(printf '%s' "$suite $packages $foreign" | sha256sum | cut -c1-12)
place=$cache/trees/$name-$suite-$key

mkdir -p "$cache/trees"
exec 9>"$cache/trees/$name-$suite.lock"
flock 9
if [ ! -d "$place" ]; then
  [ "$(id -u)" -eq 0 ] || cannot "making and entering a tree of $suite takes root"
  command -v mmdebstrap >/dev/null || cannot "mmdebstrap is not installed (packaging/dependencies.sh package)"
  for old in "$cache/trees/$name-$suite-"*; do [ ! -d "$old" ] || rm -rf --one-file-system "$old"; done
  echo "tree.sh: making a tree of $suite, once: about a minute and 1 GB in $place" >&2
  making=$(mktemp -d "$cache/trees/making.XXXXXX")
  trap 'rm -rf --one-file-system "$making"' EXIT
  options=(--mode=root --variant=apt --include="$packages" --aptopt='APT::Install-Recommends "false"' --quiet
    --aptopt='Acquire::Retries "3"' --dpkgopt='path-exclude=/usr/share/locale/*')
  if [ -n "$foreign" ]; then options+=(--architectures="$(dpkg --print-architecture),$foreign"); fi
  mmdebstrap "${options[@]}" --customize-hook='mkdir -p "$1/ccache"' "$suite" "$making/tree" ${ENTITLE_MIRROR:+"$ENTITLE_MIRROR"} \
    >"$making/log" 2>&1 </dev/null || { tail -n 20 "$making/log" >&2; cannot "mmdebstrap could not make a tree of $suite; is there a network?"; }
  mv "$making/tree" "$place"
fi
echo "$place"
