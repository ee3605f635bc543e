# What the daemon costs while nobody asks.
check "the daemon is up" eventually systemctl is-active entitled.service
for i in $(seq 50); do as alice entitlectl check paper_trading >/dev/null; done
pid=$(daemon_pid)
wakeups() { cat "/proc/$pid"/task/*/status | awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }'; }
ticks() { sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }'; }
busy() { awk '/^usage_usec/ { print $2 }' "/sys/fs/cgroup/system.slice/entitled.service/cgroup.stat" "/sys/fs/cgroup/system.slice/entitled.service/cpu.stat" 2>/dev/null | head -n 1; }
seconds=${IDLE_SECONDS:-10}
before=$(wakeups) spent=$(ticks) used=$(busy)
sleep "$seconds"
woken=$(($(wakeups) - before)) spent=$(($(ticks) - spent))
figure "wake-ups in $seconds idle seconds" "$woken"
figure "processor time in $seconds idle seconds" "$((spent * 10)) ms by the clock's ticks${used:+, $((($(busy) - used))) us by the cgroup}"
figure "resident memory" "$(sed -n 's/^VmRSS:[[:space:]]*//p' "/proc/$pid/status")"
figure "of it the daemon's own" "$(sed -n 's/^RssAnon:[[:space:]]*//p' "/proc/$pid/status")"
# Its supervisor's watchdog is answered twice a minute; nothing else is due.
check "it sleeps but for the watchdog" [ "$woken" -le $((seconds / 15 + 2)) ]
check "and costs nothing that could be measured" [ "$spent" -le 1 ]
