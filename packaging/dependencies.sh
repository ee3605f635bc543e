#!/usr/bin/env bash
# The one list of Debian packages. Installs what is missing, and nothing else; prints what it would do first.
#
#   packaging/dependencies.sh [--print | --missing] [GROUP...]
#
#   build   to build and run everything                    (the default)
#   test    for the tests and benchmarks, beside `build`
#   heavy   for the clang, fuzzing, valgrind, format and booted stages of packaging/test.sh
#   package to build the Debian packages: packaging/deb/build.sh
#
#   --print    only print the packages of the groups
#   --missing  only print those not installed; exit 1 if there are any
#
# ENTITLE_RELEASE names another Debian release for --print, for example trixie.
set -euo pipefail

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }

mode=install
groups=()
for argument in "$@"; do
  case $argument in
    --print) mode=print ;;
    --missing) mode=missing ;;
    build | test | heavy | package) groups+=("$argument") ;;
    -h | --help) usage; exit 0 ;;
    *) echo "dependencies.sh: unknown argument '$argument'" >&2; usage >&2; exit 2 ;;
  esac
done
[ ${#groups[@]} -gt 0 ] || groups=(build)

os_field() { sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" "${ENTITLE_OS_RELEASE:-/etc/os-release}"; }
release=${ENTITLE_RELEASE:-$(os_field VERSION_CODENAME)}

build_packages() {
  echo g++ cmake ninja-build pkg-config capnproto libcapnp-dev libsodium-dev libspdlog-dev libfmt-dev libsystemd-dev \
    libtomlplusplus-dev libcli11-dev libsoci-dev libsqlite3-dev libpq-dev prometheus-cpp-dev libcurl4-openssl-dev libssl-dev libtss2-dev curl
  # Boost 1.81 or newer. Bookworm's default is 1.74, but it carries 1.81 beside it.
  case $release in
    bookworm) echo libboost1.81-dev libboost-json1.81-dev ;;
    *) echo libboost-dev libboost-json-dev ;;
  esac
}
test_packages() {
  echo libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev git postgresql swtpm man-db mandoc zsh fish
  # The private bus: dbus-daemon, mocks of logind, polkit and NetworkManager, and foreign clients (busctl is systemd's).
  echo dbus-daemon python3-dbusmock python3-gi libglib2.0-bin systemd
}
package_packages() { echo build-essential debhelper lintian mmdebstrap; }
heavy_packages() {
  echo clang clang-format clang-tidy valgrind ccache mmdebstrap systemd-container
  # libFuzzer and clang's sanitizers, in the version that `clang` stands for.
  case $release in
    bookworm) echo libclang-rt-14-dev ;;
    trixie) echo libclang-rt-19-dev ;;
    *) echo libclang-rt-dev ;;
  esac
}

if ! command -v dpkg-query >/dev/null; then
  echo "dependencies.sh: this is not a Debian system. Install by hand what these are called here:" >&2
  for group in "${groups[@]}"; do "${group}_packages" >&2; done
  exit 1
fi

wanted=()
for group in "${groups[@]}"; do
  mapfile -t -O ${#wanted[@]} wanted < <("${group}_packages" | tr ' ' '\n')
done
if [ "$mode" = print ]; then
  printf '%s\n' "${wanted[@]}"
  exit 0
fi

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
if [ "$mode" = missing ]; then
  [ ${#missing[@]} -eq 0 ] && exit 0
  printf '%s\n' "${missing[@]}"
  exit 1
fi
if [ ${#missing[@]} -eq 0 ]; then
  echo "All ${#wanted[@]} packages are installed (${groups[*]}, ${release:-unknown release})."
  exit 0
fi

case $release in
  bookworm | trixie) ;;
  *) echo "Not tried on '${release:-this system}': Debian 12 (bookworm) and 13 (trixie) are. Going on with trixie's names." ;;
esac

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "dependencies.sh: ${#missing[@]} packages are missing, and there is no sudo here. As root, type:" >&2
    echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  echo "Root is needed to install ${#missing[@]} packages, for nothing else."
  as_root=(sudo)
fi

apt() {  # apt() ARGUMENTS: quiet when all is well, everything when not
  local log status=0
  log=$(mktemp)
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 \
    -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 || status=$?
  [ $status -eq 0 ] || cat "$log" >&2
  rm -f "$log"
  return $status
}
has_candidates() { LC_ALL=C apt-cache policy "${missing[@]}" 2>/dev/null | awk '/Candidate:/ && $2 != "(none)"' | wc -l; }

echo "\$ apt-get install --no-install-recommends ${missing[*]}"
if [ "$(has_candidates)" -lt ${#missing[@]} ]; then apt update; fi
# Lists that are present may still name files the mirror no longer has: then update, and try once more.
if ! apt install --no-install-recommends "${missing[@]}" 2>/dev/null; then
  apt update
  apt install --no-install-recommends "${missing[@]}"
fi
echo "Installed ${#missing[@]} packages."
