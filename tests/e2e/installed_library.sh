#!/usr/bin/env bash
# What is installed serves a program that knows nothing of this tree: the README's own example is built with CMake's
# find_package and with pkg-config, and answers without a daemon.
#   installed_library.sh SOURCE_DIR BUILD_DIR CXX
set -euo pipefail
source=$1 build=$2 cxx=$3
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

cmake --install "$build" --prefix "$place/usr" >install.log
for file in sbin/entitled bin/entitlectl bin/entitle-server include/entitle/client.h share/entitled/entitled.capnp \
  share/man/man1/entitlectl.1 share/man/man8/entitled.8 share/man/man5/entitled.toml.5 lib/systemd/system/entitled.service; do
  [ -f "usr/$file" ] || { echo "not installed: $file"; exit 1; }
done
if grep -rlF "$source" usr/include usr/share usr/lib/systemd; then echo "the files above name the source tree"; exit 1; fi

sed -n '/^```cpp/,/^```$/p' "$source/README.md" | sed '1d;$d' >program.cpp
grep -q 'int main' program.cpp
cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(my_bot CXX)
add_executable(my_bot program.cpp)
CMAKE
sed -n '/^```cmake/,/^```$/p' "$source/README.md" | sed '1d;$d' >>CMakeLists.txt
cmake -G Ninja -S . -B by-cmake -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_PREFIX_PATH="$place/usr" >cmake.log || { cat cmake.log; exit 1; }
cmake --build by-cmake >build.log || { cat build.log; exit 1; }

export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find usr -name entitle.pc)")
PKG_CONFIG_PATH=$place/$PKG_CONFIG_PATH
# shellcheck disable=SC2046
"$cxx" -std=c++17 -Wall -Wextra -Werror program.cpp -o by-pkg-config $(pkg-config --define-prefix --cflags --libs entitle)
LD_LIBRARY_PATH=$(dirname "$(find "$place/usr" -name 'libentitle.so')")
export LD_LIBRARY_PATH ENTITLED_SOCKET=$place/nobody.sock

for program in by-cmake/my_bot ./by-pkg-config; do
  output=$("$program" 2>&1) || { echo "$program failed: $output"; exit 1; }
  echo "$output"
  grep -q 'Upgrade to Basic' <<<"$output" || { echo "no demo answer from $program"; exit 1; }
done
