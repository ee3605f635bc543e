# The sockets are the service manager's: nobody who asks is lost, whatever becomes of the daemon.
# Asked before anything else, while the system is still starting.
check "the first question after a boot is answered" as alice entitlectl check paper_trading
figure "from the start of userspace to the first answer" \
  "$(awk -v a="$(systemctl show --property=UserspaceTimestampMonotonic --value)" '{ printf "%.0f ms", $1 * 1000 - a / 1000 }' /proc/uptime)"
check "the daemon is up after a boot" eventually systemctl is-active entitled.service

systemctl stop entitled.service
refused "it is stopped" systemctl is-active entitled.service
started=$EPOCHREALTIME
check "a question starts it" as alice entitlectl check paper_trading
figure "first answer, the daemon started by the question" \
  "$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.0f ms", (b - a) * 1000 }')"
systemctl stop entitled.service
check "so does administration" entitlectl audit

# 1,000 questions of ten programs at once, while the daemon is restarted under them again and again.
asking() {
  local i
  for i in $(seq 100); do entitlectl check paper_trading >/dev/null 2>>/tmp/words || echo lost; done
}
export -f asking
: >/tmp/words
for i in $(seq 10); do as alice bash -c "$(declare -f asking); asking" >"/tmp/lost.$i" 2>/dev/null & done
chmod 666 /tmp/words
restarts=0
while [ -n "$(jobs -r)" ]; do
  systemctl restart entitled.service && restarts=$((restarts + 1))
  sleep 0.2
done
wait
figure "restarts under 1,000 questions" "$restarts"
check "of 1,000 questions across these restarts every one was answered" bash -c '[ "$(cat /tmp/lost.* | wc -l)" -eq 0 ] || { sort /tmp/words | uniq -c; false; }'
check "there were restarts to survive" [ "$restarts" -ge 3 ]

# A program that holds slots all the while.
as alice entitlectl run --bots 2 --label steady -- sleep 1000 &
holder=$!
check "a program holds two bots" eventually bash -c 'entitlectl quota bots | grep "2 in use"'
systemctl restart entitled.service
check "after a restart it holds them still" eventually bash -c 'entitlectl quota bots | grep "2 in use of 3, 0 yours$"'
pid=$(daemon_pid)
kill -KILL "$pid"
check "a killed daemon is started again" eventually daemon_is_another_than "$pid"
check "and the bots are held still" eventually bash -c 'entitlectl quota bots | grep "2 in use of 3, 0 yours$"'
pid=$(daemon_pid)
check "once, not twice" bash -c '[ "$(entitlectl slots --all --json | grep -o "\"label\": *\"steady\"" | wc -l)" -eq 1 ]'
kill -KILL $holder 2>/dev/null
pkill -KILL -u alice entitlectl
check "a killed program's bots are free at once" eventually bash -c 'entitlectl quota bots | grep "0 in use"'

drop_in entitled.service $'[Service]\nWatchdogSec=2'
systemctl restart entitled.service
pid=$(daemon_pid)
kill -STOP "$pid"
check "a daemon that hangs is ended by the watchdog and started again" eventually daemon_is_another_than "$pid"
check "and answers" as alice entitlectl check paper_trading
says "which the journal tells" "atchdog timeout" journalctl --no-pager -u entitled.service

# What no restart mends ends the attempts, with words, and is over as soon as it is mended.
echo 'nonsense = 1' >>/etc/entitled/entitled.toml
systemctl restart entitled.service
says "a wrong configuration is told" "nonsense" journalctl --no-pager -u entitled.service
as alice entitlectl check paper_trading
check "the attempts end" eventually systemctl is-failed entitled.service
refused "nobody is kept waiting for it" as alice timeout 5 entitlectl check paper_trading
sed -i '$d' /etc/entitled/entitled.toml
check "mended, one command brings it back" systemctl restart entitled.service
check "with its socket for questions" systemctl is-active entitled.socket
check "and that for administration" systemctl is-active entitled-admin.socket
check "and it answers" as alice entitlectl check paper_trading
