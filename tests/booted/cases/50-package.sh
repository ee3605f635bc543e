# The packages over time: a newer version over this one with bots at work, an older one over a newer state, removal, purge.
check "the daemon is up" eventually systemctl is-active entitled.service

# repack SUFFIX: this very build under another version, below /tmp/SUFFIX.
version=$(dpkg-query -W -f '${Version}' entitled)
repack() {
  local deb work
  mkdir -p "/tmp/$1"
  for deb in /payload/packages/*.deb; do
    case $deb in *dbgsym*) continue ;; esac
    work=$(mktemp -d)
    dpkg-deb --raw-extract "$deb" "$work" && sed -i "s|$version|$version$1|g" "$work/DEBIAN/control" &&
      dpkg-deb -Znone --build --root-owner-group "$work" "/tmp/$1" >/dev/null
    rm -r "$work"
  done
}
repack +2

echo '# of the administrator' >>/etc/entitled/entitled.toml
drop_in entitled.service $'[Service]\nEnvironment=ENTITLED_LOG_LEVEL=debug'
systemctl restart entitled.service
as alice entitlectl run --bots 3 --label steady -- sleep 1000 &
check "bots are at work" eventually bash -c 'entitlectl quota bots | grep "3 in use of 3"'
device=$(entitlectl status --json | grep -o '"device[^,]*')
pid=$(daemon_pid)
starts() { journalctl --no-pager --output=cat MESSAGE_ID=30c4d0ff9b18030d8b3ba6892dcc1285 _SYSTEMD_UNIT=entitled.service | wc -l; }
before=$(starts)
asking() { while [ ! -e /tmp/enough ]; do entitlectl check paper_trading >/dev/null 2>>/tmp/words && echo ok || echo lost; done; }
: >/tmp/words; chmod 666 /tmp/words
as alice bash -c "$(declare -f asking); asking" >/tmp/answers 2>/dev/null &
check "a newer version is installed over this one" bash -c 'dpkg --install --force-confold /tmp/+2/*.deb'
check "the daemon was started anew" daemon_is_another_than "$pid"
check "once" eventually eval '[ "$(starts)" -eq $((before + 1)) ]'
touch /tmp/enough
check "nobody who asked meanwhile was lost" bash -c 'sleep 0.2; grep -q ok /tmp/answers && ! grep -q lost /tmp/answers || { sort /tmp/words | uniq -c; grep -c lost /tmp/answers; false; }'
check "the bots are held still" eventually bash -c 'entitlectl quota bots | grep "3 in use of 3, 0 yours$"'
check "the machine is the same" [ "$(entitlectl status --json | grep -o '"device[^,]*')" = "$device" ]
check "what the administrator wrote is kept" grep -q 'of the administrator' /etc/entitled/entitled.toml
check "sockets, users and modes too" bash -c '[ "$(stat -c "%a %U:%G" /run/entitled-admin/admin.sock)" = "660 root:entitle-admin" ]'
pkill -KILL -u alice sleep

check "going back is fine while the state can be read" bash -c 'dpkg --install --force-confold --force-downgrade /payload/packages/*.deb'
check "the daemon answers" eventually as alice entitlectl check paper_trading

# A state of a version that this one does not know.
systemctl stop entitled.socket entitled-admin.socket entitled.service
printf 'ENTSTATE\377\0\0\0' >/tmp/head
[ -e /var/lib/entitled/state ] || install -m 0600 -o entitled -g entitled /tmp/head /var/lib/entitled/state
dd if=/tmp/head of=/var/lib/entitled/state conv=notrunc status=none
words=$(dpkg --install --force-confold /payload/packages/entitled_*.deb 2>&1)
refused "this version is not put over a newer one's state" [ $? -eq 0 ]
says "and says why" "newer entitled" echo "$words"
systemctl stop entitled.socket entitled-admin.socket entitled.service
rm -f /var/lib/entitled/state
dpkg --configure -a
check "without that state it is" bash -c 'dpkg --install --force-confold /payload/packages/*.deb'
check "and runs" eventually systemctl is-active entitled.service

check "removal keeps the state" bash -c 'dpkg --remove entitled && test -e /var/lib/entitled/device.key'
check "and stops everything" bash -c '! pgrep -x entitled && ! test -e /run/entitled/entitled.sock'
says "a program goes on in demo mode" "not running" as alice entitlectl status
check "installed again it is the same machine" bash -c 'dpkg --install /payload/packages/*.deb'
check "of the same name" eventually eval '[ "$(entitlectl status --json | grep -o "\"device[^,]*")" = "$device" ]'
check "purging" dpkg --purge entitled
check "leaves no state, configuration or socket" bash -c '! ls -d /var/lib/entitled /etc/entitled /run/entitled /run/entitled-admin 2>/dev/null | grep .'
