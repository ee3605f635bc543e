# system: bare
# From a plain Debian to a daemon that answers: what the package does, who may do what, and what purging leaves.
find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log -o -path /var/cache \) -prune -o -print 2>/dev/null | sort >/tmp/before

check "the packages install on a running system" install_packages
check "the daemon runs, without a word from the administrator" eventually systemctl is-active entitled.service
for unit in entitled.socket entitled-admin.socket entitled.service; do # is-enabled is content with one of several
  check "$unit comes back at the next boot" systemctl is-enabled "$unit"
done
check "this systemd has no word to say about any line of the units" bash -c \
  '! systemd-analyze verify --man=no entitled.service entitled.socket entitled-admin.socket entitled-metrics.timer entitle-server.service 2>&1 | grep entitle'
check "nothing of the packages has failed" bash -c '! systemctl --failed --no-legend | grep entitle'
check "the daemon is not root" bash -c '[ "$(ps -o user= -p "$(systemctl show -P MainPID entitled)")" = entitled ]'

says "an unprivileged user is answered" "paper_trading: allowed" as alice entitlectl check paper_trading
check "and may hold bots" as alice entitlectl run --bots 3 -- true
refused "but has no right that demo mode does not give" as alice entitlectl check live_trading
says "root administers" "started" entitlectl audit
refused "another user does not administer" as alice entitlectl audit
says "and is told why" "entitle-admin" as alice entitlectl audit
usermod -aG entitle-admin bob
says "a member of entitle-admin does" "started" as bob entitlectl audit
check "the doctor finds nothing wrong but that no license is there" bash -c 'entitlectl doctor; [ $? -le 1 ]'

check "the query socket is everybody's, and in a directory only the daemon writes" \
  bash -c '[ "$(stat -c "%a %U" /run/entitled /run/entitled/entitled.sock | paste -sd" ")" = "755 entitled 666 root" ]'
check "the admin socket and its directory are root's and the group's" \
  bash -c '[ "$(stat -c "%a %U:%G" /run/entitled-admin /run/entitled-admin/admin.sock | paste -sd" ")" = "750 root:entitle-admin 660 root:entitle-admin" ]'
check "the state is the daemon's alone" bash -c '[ "$(stat -c "%a %U" /var/lib/entitled)" = "700 entitled" ]'

says "the journal explains what happened" "The daemon answers programs from now on" journalctl --no-pager -x -u entitled.service
says "and finds it by its field" "ready" journalctl --no-pager ENTITLED_STANDING=demo
says "with the unit beside it" "entitled.service" journalctl --no-pager -o json ENTITLED_STANDING=demo

check "the metrics timer can be enabled" systemctl enable --now entitled-metrics.timer
mkdir -p /var/lib/prometheus/node-exporter && chown alice /var/lib/prometheus/node-exporter
check "and its service writes what node_exporter reads" bash -c \
  'systemctl start entitled-metrics.service && grep -q "^# TYPE entitled" /var/lib/prometheus/node-exporter/entitled.prom'
check "which everybody may read" bash -c '[ "$(stat -c %a /var/lib/prometheus/node-exporter/entitled.prom)" = 644 ]'
systemctl disable --now entitled-metrics.timer

for unit in entitled.service entitle-server.service; do
  figure "exposure of $unit" "$(systemd-analyze security "$unit" | sed -n 's/.*: \([0-9.]*\) .*/\1/p')"
done

check "the packages are purged" dpkg --purge entitled entitlectl entitle-server libentitle-dev libentitle0
check "node_exporter is told nothing of a daemon that is gone" test ! -e /var/lib/prometheus/node-exporter/entitled.prom
rm -r /var/lib/prometheus
check "nothing of them runs" bash -c '! pgrep entitle && ! systemctl list-units --all --no-legend | grep entitle'
check "nor is any file left of them" bash -c \
  'find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log -o -path /var/cache \) -prune -o -print 2>/dev/null |
     sort | comm -13 /tmp/before - | grep -i entitle; [ $? -eq 1 ]'
check "nor in /run" bash -c '! find /run -name "*entitle*" -not -path "/run/systemd/*" | grep .'
