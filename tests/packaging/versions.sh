#!/usr/bin/env bash
# What is said in several places says the same: the version; the libraries to build with.
#   versions.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
cd "$1"
wrong=0
same() { [ "$2" = "$3" ] || { echo "$1: '$2' and '$3'"; wrong=1; }; }
version=$(sed -n 's/^project(entitled VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
same "CMakeLists.txt and the RPM's Version" "$version" "$(sed -n 's/^Version: *//p' packaging/rpm/entitled.spec)"
same "CMakeLists.txt and debian/changelog" "$version-1" "$(sed -n '1s/.*(\(.*\)).*/\1/p' packaging/deb/debian/changelog)"

# The compiler and curl's command line are no build dependencies of a Debian package: the first is implied, the second
# is what packaging/quickstart.sh calls.
wanted=$(sed -n '/^Build-Depends:/,/^$/p' packaging/deb/debian/control | tr ',|' '\n\n' | sed 's/^Build-Depends://; s/(.*//; s/[[:space:]]//g' | grep .)
for package in $(packaging/dependencies.sh --print build); do
  case $package in g++ | curl) continue ;; esac
  grep -qxF -- "$package" <<<"$wanted" || { echo "packaging/deb/debian/control does not build-depend on $package, packaging/dependencies.sh does"; wrong=1; }
done
exit $wrong
