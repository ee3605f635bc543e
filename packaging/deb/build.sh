#!/usr/bin/env bash
# Builds the Debian packages in one command: on this system, or inside a tree of another suite, which is made by mmdebstrap
# once and kept outside the source tree. The same source gives the same bytes: packaging/deb/reproduce.sh proves it.
#
#   packaging/deb/build.sh [--suite SUITE] [--out DIR] [--roots FILE] [--version-suffix TEXT] [--directory NAME]
#                          [--reuse] [--no-lintian] [--binaries DIR]
#
#   --suite SUITE          host, bookworm or trixie                                (host)
#   --out DIR              where the packages go                                   (build/packages/SUITE)
#   --roots FILE           the authority's public roots: the line that `entitle-server authority show` prints, for customers'
#                          packages. Without it, or ENTITLE_ROOTS with the line itself, it is a development build: it
#                          believes the roots of its configuration, and its version ends in ~dev
#   --version-suffix TEXT  appended to the version, for example +2
#   --directory NAME       the name of the directory that is built in                (entitled)
#   --reuse                build nothing when what lies in DIR was built from this very source
#   --no-lintian           leave lintian out
#   --binaries DIR         compile nothing, take the programs below the build directory DIR: for a quick test on this system
#
# On the host the packages of `packaging/dependencies.sh build package` must be there. For a suite: root, mmdebstrap, and
# the network once; the build itself has none. What it keeps: ENTITLE_CACHE (~/.cache/entitled), safe to delete.
# Exit 77 when this machine cannot do it, with the reason.
set -euo pipefail
tree=$(cd "$(dirname "$0")/../.." && pwd)

suite=host out='' roots=${ENTITLE_ROOTS:-} suffix='' name=entitled lintian=true reuse=false binaries=''
while [ $# -gt 0 ]; do
  case $1 in
    --suite) suite=${2:?--suite needs a name}; shift ;;
    --out) out=$(realpath -m -- "${2:?--out needs a directory}"); shift ;;
    --roots) roots=$(tr '\n' ' ' <"${2:?--roots needs a file}"); shift ;;
    --version-suffix) suffix=${2?--version-suffix needs a text}; shift ;;
    --directory) name=${2:?--directory needs a name}; shift ;;
    --reuse) reuse=true ;;
    --binaries) binaries=$(realpath -- "${2:?--binaries needs a directory}") lintian=false; shift ;;
    --no-lintian) lintian=false ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | head -n -1; exit 0 ;;
    *) echo "build.sh: unknown argument '$1'; --help lists them" >&2; exit 2 ;;
  esac
  shift
done
case $suite in host | bookworm | trixie) ;; *) echo "build.sh: no suite '$suite': host, bookworm or trixie" >&2; exit 2 ;; esac
[[ $name =~ ^[a-zA-Z0-9._-]+$ ]] || { echo "build.sh: '$name' is no plain name" >&2; exit 2; }
out=${out:-$tree/build/packages/$suite}
cache=${ENTITLE_CACHE:-${HOME:-/tmp}/.cache/entitled}
cannot() { echo "build.sh: $*" >&2; exit 77; }

# --- where it is built ------------------------------------------------------------------------------------------------
if [ "$suite" = host ]; then
  command -v dpkg-buildpackage >/dev/null || cannot "dpkg-buildpackage is not installed: this is no Debian system, or packaging/dependencies.sh build package"
  # shellcheck disable=SC1091
  release=$(. /etc/os-release && echo "${ID:-unknown}${VERSION_ID:-}") codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-unstable}")
  release=${release/debian/deb}
else
  chroot=$("$tree/packaging/deb/tree.sh" "$suite") || exit $?
  codename=$suite
  case $suite in bookworm) release=deb12 ;; trixie) release=deb13 ;; esac
fi

# --- the source: what git knows of, with uncommitted changes; every time stamp is the commit's ----------------------------
place=$cache/packages/$suite
mkdir -p "$place"
exec 8>"$place/$name.lock"
flock 8
source=$place/$name/source work=$place/$name
rm -rf "$work"
mkdir -p "$source"
if git -C "$tree" rev-parse --git-dir >/dev/null 2>&1; then
  git -C "$tree" ls-files -z --cached --others --exclude-standard | (cd "$tree" && xargs -0 sh -c 'for f; do [ -e "$f" ] && printf "%s\0" "$f"; done' -) |
    tar -C "$tree" --null -T - -c | tar -C "$source" -x
  epoch=${SOURCE_DATE_EPOCH:-$(git -C "$tree" log -1 --format=%ct)}
else
  tar -C "$tree" --exclude=./build -c . | tar -C "$source" -x
  epoch=${SOURCE_DATE_EPOCH:-$(date -d "$(sed -n 's/^ -- .*>  //p' "$tree/packaging/deb/debian/changelog" | head -n 1)" +%s)}
fi
chmod -R u=rwX,go=rX "$source"
cp -r "$source/packaging/deb/debian" "$source/debian"
printf '%s\n' "$(xargs <<<"$roots")" >"$source/debian/roots"
if [ -n "$binaries" ]; then
  for program in daemon/entitled client/entitlectl client/libentitle.so server/entitle-server; do
    mkdir -p "$source/debian/binaries/${program%/*}"
    cp -a "$binaries/$program"* "$source/debian/binaries/${program%/*}"
  done
  suffix+='~quick'
fi

version=$(sed -n 's/^project(entitled VERSION \([0-9.]*\).*/\1/p' "$tree/CMakeLists.txt")-1~$release
[ -n "$(xargs <<<"$roots")" ] || version+='~dev'
version+=$suffix
{
  echo "entitled ($version) $codename; urgency=medium"
  printf '\n  * Built for %s.\n\n' "$codename"
  echo " -- CryptoOrchestrator <packages@cryptoorchestrator.org>  $(LC_ALL=C date -u -R -d "@$epoch")"
  echo
  cat "$tree/packaging/deb/debian/changelog"
} >"$source/debian/changelog"
find "$source" -exec touch -h -d "@$epoch" {} +

# What it is made from, to be told again by --reuse.
made_from=$(cd "$source" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
# What lintian has seen serves whoever does not ask for it, too.
linted="$made_from linted"
made=$(cat "$out/made-from" 2>/dev/null || true)
if $reuse && { [ "$made" = "$linted" ] || { ! $lintian && [ "$made" = "$made_from" ]; }; }; then
  rm -rf "$work"
  echo "entitled $version for $codename: built before, in $out"
  exit 0
fi

# --- build -------------------------------------------------------------------------------------------------------------
# Objects are cached with the directory they were built in, so that a build elsewhere is a build.
cat >"$work/build" <<SCRIPT
set -eu
unset CCACHE_BASEDIR CCACHE_NOHASHDIR CMAKE_C_COMPILER_LAUNCHER CMAKE_CXX_COMPILER_LAUNCHER CMAKE_GENERATOR
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS DESTDIR ENTITLE_ROOTS
if command -v ccache >/dev/null; then export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
export SOURCE_DATE_EPOCH=$epoch DEB_BUILD_OPTIONS="parallel=$(nproc) nocheck$([ -z "$binaries" ] || echo ' noautodbgsym')"
$([ -z "$binaries" ] || echo 'export DPKG_DEB_COMPRESSOR_TYPE=none')
cd source
dpkg-buildpackage -b -us -uc
cd ..
if $lintian; then
  command -v lintian >/dev/null || { echo "build: lintian is not installed"; exit 1; }
  lintian --allow-root --fail-on error,warning --show-overrides ./*.changes
fi
SCRIPT
log=$work/log
started=$SECONDS
status=0
if [ "$suite" != host ]; then
  "$tree/packaging/deb/inside.sh" "$chroot" "$work" "/mnt/$name" "$cache/ccache" bash ./build >"$log" 2>&1 </dev/null || status=$?
else
  export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache} CCACHE_COMPILERCHECK=content
  at=(bash ./build)
  # Root builds at the same place as in a tree, so that a tree of the same suite finds the objects in the cache.
  # shellcheck disable=SC2016
  [ "$(id -u)" -ne 0 ] || at=(unshare --mount --propagation private bash -c
    'mount -t tmpfs tmpfs /mnt && mkdir "/mnt/$1" && mount --bind . "/mnt/$1" && cd "/mnt/$1" && exec bash ./build' - "$name")
  (cd "$work" && "${at[@]}") >"$log" 2>&1 </dev/null || status=$?
fi
if [ $status -ne 0 ]; then
  grep -nE 'error:|Error|FAILED|^[EW]: |undefined reference' "$log" | cut -c1-300 | head -n 40 >&2
  tail -n 25 "$log" >&2
  echo "build.sh: the build failed; whole output: $log" >&2
  exit 1
fi

mkdir -p "$out"
rm -f "$out"/*.deb "$out"/*.changes "$out"/*.buildinfo "$out"/build.log "$out"/made-from
cp "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$out"
cp "$log" "$out/build.log"
if $lintian; then echo "$linted"; else echo "$made_from"; fi >"$out/made-from"
rm -rf "$work"
grep -E '^[EWIN]: ' "$out/build.log" | sort | uniq -c | sort -rn | head -n 20 || true
echo "entitled $version for $codename, in $((SECONDS - started)) s:"
(cd "$out" && du -k --apparent-size ./*.deb)
