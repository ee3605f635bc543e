#!/usr/bin/env bash
# Installs the packages into a scratch copy of a Debian tree, uses them, upgrades, refuses a downgrade, removes and purges.
# No service runs there: what needs a booted system is tests/booted's. Skips with 77.
#   installed.sh SOURCE_DIR PACKAGES_DIR bookworm|trixie
set -euo pipefail
if [ "$1" != --inside ]; then
  source=$1 packages=$(realpath "$2") suite=$3
  ls "$packages"/entitled_*.deb >/dev/null || { echo "no packages in $packages: packaging/deb/build.sh"; exit 1; }
  tree=$("$source/packaging/deb/tree.sh" "$suite") || exit $?
  place=$(mktemp -d)
  trap 'rm -rf "$place"' EXIT
  cp "$packages"/*.deb "$place"
  rm -f "$place"/*-dbgsym_*.deb
  cp "$0" "$place/inside.sh"
  "$source/packaging/deb/inside.sh" --scratch "$tree" "$place" /mnt/packages "$place" bash inside.sh --inside
  exit
fi

step() { echo "- $*"; }
wrong() { echo "NOT AS DESCRIBED: $*"; exit 1; }
export DEBIAN_FRONTEND=noninteractive
# Everything but what any installation leaves: the package system's own, logs, and accounts.
everything() {
  find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /ccache -o -path /mnt -o -path /var/lib/dpkg \
    -o -path /var/cache -o -path /var/log -o -path /run -o -path /root \) -prune -o \
    -not -path '/etc/passwd*' -not -path '/etc/group*' -not -path '/etc/shadow*' -not -path '/etc/gshadow*' -not -path /etc/.pwd.lock \
    -not -path '/etc/sub?id*' -not -path '/etc/ld.so.cache' -not -path '/var/lib/systemd/deb-systemd*' -print | LC_ALL=C sort
}
everything >/tmp/before

step "it installs, with what its Depends name"
dpkg -i ./*.deb >/tmp/install.log 2>&1 || { cat /tmp/install.log; wrong "dpkg -i"; }
step "the user and the group for administrators are there"
getent passwd entitled | grep -q ':/usr/sbin/nologin$' || wrong "no user entitled, or it may log in"
getent group entitle-admin >/dev/null || wrong "no group entitle-admin"
step "the programs run"
for program in entitled entitlectl entitle-server; do $program --version >/dev/null || wrong "$program --version"; done
entitled --check-config | grep -q 'in order' || wrong "the configuration that is shipped is not in order"
[ "$(stat -c '%U:%G %a' /etc/entitled/entitled.toml)" = 'root:root 644' ] || wrong "owner or mode of the configuration"
step "no file of ours is writable by others, or owned by somebody else than root"
for package in entitled entitlectl entitle-server libentitle0 libentitle-dev; do dpkg -L $package; done | sort -u >/tmp/ours
odd=$(xargs -d '\n' -a /tmp/ours stat -c '%a %U:%G %n' | grep -vE '^(755|644|777) root:root ' || true)
[ -z "$odd" ] || wrong "$odd"
step "man pages and completion are where they are looked for"
for page in man8/entitled.8 man5/entitled.toml.5 man1/entitlectl.1 man8/entitle-server.8 man5/entitle-server.toml.5; do
  grep -q "^/usr/share/man/$page.gz$" /tmp/ours || wrong "no $page"
done
for file in bash-completion/completions/entitlectl zsh/vendor-completions/_entitlectl fish/vendor_completions.d/entitlectl.fish; do
  grep -q "^/usr/share/$file$" /tmp/ours || wrong "no $file"
done
step "a program finds the library by pkg-config"
cat >/tmp/program.cpp <<'CPP'
#include <entitle/client.h>
#include <iostream>
int main() { entitle::Client client; std::cout << client.check("live_trading").message << '\n'; }
CPP
# shellcheck disable=SC2046
g++ -std=c++17 -Wall -Wextra -Werror /tmp/program.cpp -o /tmp/program $(pkg-config --cflags --libs entitle)
ENTITLED_SOCKET=/tmp/nobody.sock timeout 30 /tmp/program | grep -q 'Upgrade to Basic' || wrong "the program's answer"

step "an upgrade keeps state and configuration"
install -d -o entitled -g entitled -m 700 /var/lib/entitled
# "ENTSTATE", version 1: what an older entitled wrote.
printf 'ENTSTATE\1\0\0\0\0\0\0\0' >/var/lib/entitled/state
echo '# of the administrator' >>/etc/entitled/entitled.toml
cp /etc/entitled/entitled.toml /tmp/configuration
mkdir /tmp/newer /tmp/older
for deb in ./*.deb; do  # the same files as a later and as an earlier version
  for which in newer older; do
    rm -rf /tmp/unpacked
    dpkg-deb -R "$deb" /tmp/unpacked
    [ $which = newer ] && mark='+9' || mark='~~9'
    sed -i "s/^Version: .*/&$mark/; s/^\(Depends: .*libentitle0 (= [^)]*\))/\1$mark)/; s/^\(Recommends: .*entitlectl (= [^)]*\))/\1$mark)/" /tmp/unpacked/DEBIAN/control
    dpkg-deb -b -Znone /tmp/unpacked /tmp/$which >/dev/null
  done
done
dpkg -i /tmp/newer/*.deb >/tmp/install.log 2>&1 || { cat /tmp/install.log; wrong "the upgrade"; }
cmp -s /etc/entitled/entitled.toml /tmp/configuration || wrong "the administrator's configuration was changed"
[ "$(head -c 9 /var/lib/entitled/state | od -A n -t x1)" = "$(printf 'ENTSTATE\1' | od -A n -t x1)" ] || wrong "the state was changed"

step "a downgrade below the state's version is refused with words, and changes nothing"
printf 'ENTSTATE\377\0\0\0\0\0\0\0' >/var/lib/entitled/state
if dpkg -i /tmp/older/entitled_*.deb >/tmp/install.log 2>&1; then wrong "the downgrade went through"; fi
grep -q 'was written by a newer entitled' /tmp/install.log || { cat /tmp/install.log; wrong "no words"; }
dpkg-query -W -f '${Status} ${Version}' entitled | grep -q '^install ok installed .*+9$' || wrong "the installed version is not whole: $(dpkg-query -W entitled)"
step "a downgrade that can read the state goes through"
printf 'ENTSTATE\1\0\0\0\0\0\0\0' >/var/lib/entitled/state
dpkg -i /tmp/older/*.deb >/tmp/install.log 2>&1 || { cat /tmp/install.log; wrong "the downgrade"; }

step "removing keeps configuration and state"
dpkg -r entitled entitlectl entitle-server libentitle-dev libentitle0 >/tmp/remove.log 2>&1 || { cat /tmp/remove.log; wrong "dpkg -r"; }
[ -f /etc/entitled/entitled.toml ] && [ -f /var/lib/entitled/state ] || wrong "something is gone"
step "purging leaves nothing but the system users"
mkdir -p /var/lib/entitle-server/signing /run/entitled /run/entitled-admin
dpkg -P entitled entitlectl entitle-server libentitle-dev libentitle0 >/tmp/remove.log 2>&1 || { cat /tmp/remove.log; wrong "dpkg -P"; }
everything >/tmp/after
diff /tmp/before /tmp/after || wrong "the lines above are left, or gone"
ls -d /run/entitled* 2>/dev/null && wrong "left in /run"
getent passwd entitled >/dev/null || wrong "the user is gone, though its number may own files elsewhere"
echo "all as described"
