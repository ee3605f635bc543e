# nspawn: --bind=@/power:/sys/power
# before: mkdir power; echo 'freeze mem' >power/state; echo 's2idle [deep]' >power/mem_sleep; echo '[disabled]' >power/disk; touch power/wakeup_count power/resume power/resume_offset
# On the real system bus, with the real polkit and logind.
name=org.cryptoorchestrator.Entitled1 object=/org/cryptoorchestrator/Entitled1
if [ ! -e "/usr/share/dbus-1/system.d/$name.conf" ]; then
  skip "the system bus" "these packages have no interface there"
else
  drop_in entitled.service $'[Service]\nEnvironment=ENTITLED_LOG_LEVEL=debug'
  check "the daemon is up" systemctl restart entitled.service
  check "it has its name on the bus" eventually busctl --system status "$name"
  says "any user reads what is in force" demo as alice busctl get-property "$name" "$object" "$name" Standing
  says "and asks for a feature" "demo" as alice busctl call "$name" "$object" "$name" CheckFeature s paper_trading
  says "the interface describes itself" CheckFeature as alice busctl introspect "$name" "$object"
  refused "nobody else takes the name" as alice busctl --system call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus RequestName su "$name" 0

  as alice entitlectl run --bots 1 --label seen -- sleep 1000 &
  check "root lists everybody's slots" eventually bash -c "busctl call $name $object $name ListAllSlots | grep seen"
  refused "another user is denied by polkit" as bob busctl call "$name" "$object" "$name" ListAllSlots
  says "by an error's name" "ccess" as bob busctl call "$name" "$object" "$name" ListAllSlots
  groupadd licensers
  usermod -aG licensers bob
  mkdir -p /etc/polkit-1/rules.d
  cat >/etc/polkit-1/rules.d/50-licensers.rules <<'RULE'
polkit.addRule(function (action, subject) {
    if (action.id == "org.cryptoorchestrator.entitled.manage-slots" && subject.isInGroup("licensers")) return polkit.Result.YES;
});
RULE
  systemctl restart polkit.service
  says "a rule of the administrator's lets a group" seen as bob busctl call "$name" "$object" "$name" ListAllSlots
  refused "and nobody else" as alice busctl call "$name" "$object" "$name" ListAllSlots
  refused "nor more than it says" as bob busctl call "$name" "$object" "$name" Deactivate

  check "the bus may go and come" systemctl restart dbus.service
  check "the daemon answers meanwhile" as alice entitlectl check paper_trading
  check "and has its name again" eventually busctl --system status "$name"

  # systemd writes into files; nothing sleeps.
  systemctl restart systemd-logind.service
  if ! eventually systemctl is-active systemd-logind.service; then
    skip "sleep and wake" "logind does not run here"
  elif ! busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager CanSuspend | grep -q yes; then
    skip "sleep and wake" "logind cannot suspend here: $(busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager CanSuspend)"
  else
    drop_in systemd-suspend.service $'[Service]\nExecStart=\nExecStart=/bin/sh -c "echo mem >/sys/power/state"'
    sleep 1
    check "the machine is put to sleep through logind" busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager Suspend b false
    check "and wakes" eventually grep -qx mem /sys/power/state
    check "which the daemon hears" eventually bash -c 'journalctl --no-pager -u entitled.service | grep "woke up"'
  fi
  check "a signal that anybody sends is not believed" bash -c '
    before=$(journalctl --no-pager -u entitled.service | grep -c "woke up")
    busctl --system emit /org/freedesktop/login1 org.freedesktop.login1.Manager PrepareForSleep b false
    entitlectl status >/dev/null; sleep 0.3
    [ "$(journalctl --no-pager -u entitled.service | grep -c "woke up")" = "$before" ]'
fi
