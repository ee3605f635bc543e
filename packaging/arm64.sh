#!/usr/bin/env bash
# The code on another processor: cross-builds unit tests for 64-bit ARM inside a tree of Debian 12, which is made once and
# kept, and runs them under qemu. What ran, as a JUnit file; exit 77 when this machine cannot, with the reason.
#
#   packaging/arm64.sh [--junit FILE] [CTEST-ARGUMENT...]
#
# What qemu lacks is not tested: the tests that look at processors, at other processes' memory and at kernel limits are
# the host's. Caches lie in ENTITLE_CACHE (~/.cache/entitled).
set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
cache=${ENTITLE_CACHE:-${HOME:-/tmp}/.cache/entitled}
junit=$source/build/log/arm64.xml
if [ "${1:-}" = --junit ]; then junit=$(realpath -m -- "$2"); shift 2; fi

# Libraries of the other architecture, tools of this one.
packages='cmake ninja-build pkg-config capnproto ccache crossbuild-essential-arm64 qemu-user-static libcli11-dev'
for package in $(ENTITLE_RELEASE=bookworm "$source/packaging/dependencies.sh" --print build test); do
  case $package in libcli11-dev) ;; lib*-dev | *-cpp-dev) packages+=" $package:arm64" ;; esac
done
tree=$("$source/packaging/deb/tree.sh" bookworm --name arm64 --packages "$packages" --architecture arm64)

# The source and the build appear at fixed places, so that the compiler cache knows them again.
work=$cache/arm64
mkdir -p "$work" "$(dirname "$junit")"
exec 8>"$work/lock"
flock 8
rm -rf "$work/source"
mkdir -p "$work/source"
git -C "$source" ls-files -z --cached --others --exclude-standard |
  (cd "$source" && xargs -0 sh -c 'for f; do [ -e "$f" ] && printf "%s\0" "$f"; done' -) | tar -C "$source" --null -T - -c | tar -C "$work/source" -x
cat >"$work/run" <<'SCRIPT'
set -eu
export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
# pkg-config of the other architecture.
export PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig
cmake -G Ninja -S source -B build --fresh -DCMAKE_BUILD_TYPE=Debug '-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g0' -DENTITLE_WERROR=ON \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc \
  -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_LIBRARY_ARCHITECTURE=aarch64-linux-gnu \
  -DCMAKE_CROSSCOMPILING_EMULATOR=/usr/bin/qemu-aarch64-static
cmake --build build -j "$(nproc)" --target license_crypto_test license_logic_test license_clock_test \
  proto_test daemon_core_test daemon_platform_test entitled entitlectl -- -k 0
file=$(find build -name entitled -type f | head -n 1)
case $(od -A n -t u2 -j 18 -N 2 "$file") in *183) ;; *) echo "$file is not for 64-bit ARM"; exit 1 ;; esac
"$file" --version 2>/dev/null || qemu-aarch64-static "$file" --version
ctest --test-dir build --output-on-failure --no-tests=error -j "$(nproc)" --output-junit /mnt/arm64/junit.xml \
  -L '^(license|proto|daemon)$' "$@"
SCRIPT
status=0
"$source/packaging/deb/inside.sh" "$tree" "$work" /mnt/arm64 "$cache/ccache" bash ./run "$@" || status=$?
[ ! -f "$work/junit.xml" ] || cp "$work/junit.xml" "$junit"
exit $status
