# What the sandbox hides, and what the daemon needs nevertheless.
check "the daemon is up" eventually systemctl is-active entitled.service
pid=$(daemon_pid)
inside() { nsenter --target "$pid" --mount -- "$@"; }
as_daemon() { inside setpriv --reuid=entitled --regid=entitled --clear-groups --bounding-set=-all --inh-caps=-all -- "$@"; }
status() { [ "$(sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status" | head -n 1)" = "$2" ]; }
EMPTY=0000000000000000

check "it has no capability, nor can it get one" eval 'status CapEff $EMPTY && status CapBnd $EMPTY && status CapAmb $EMPTY && status NoNewPrivs 1'
check "its system calls are filtered" status Seccomp 2
refused "it sees no home" inside ls /home/alice
for directory in /etc /usr /var /var/lib; do
  refused "it does not write to $directory" inside touch "$directory/x"
done
refused "it does not write to /run" as_daemon touch /run/x  # root could: systemd leaves /run writable
check "it writes there" as_daemon sh -c 'touch /run/entitled/x /var/lib/entitled/x && rm /run/entitled/x /var/lib/entitled/x'
refused "it sees no other process" as_daemon test -e /proc/1/status
refused "nor the kernel's settings" as_daemon test -e /proc/sys/kernel/random/boot_id
refused "nor devices" inside sh -c 'ls /dev/kmsg /dev/console /dev/sda /dev/vda /dev/mem 2>/dev/null | grep .'
refused "it reads nobody's credentials but its own" as_daemon ls /run/credentials/systemd-tmpfiles-setup.service
check "nothing of ours listens on a network" bash -c '! ss -Hltunp | grep -E "entitled|pid='"$pid"',"'

check "the boot id is handed over" bash -c 'inside="$(nsenter -t '"$pid"' -m cat /run/credentials/entitled.service/boot_id)"; [ "$inside" = "$(cat /proc/sys/kernel/random/boot_id)" ]'
if [ -e /sys/class/dmi/id/product_uuid ]; then
  check "so is the machine's UUID" bash -c '[ "$(nsenter -t '"$pid"' -m cat /run/credentials/entitled.service/product_uuid)" = "$(cat /sys/class/dmi/id/product_uuid)" ]'
else
  says "a machine without DMI is told so, and starts all the same" none inside cat /run/credentials/entitled.service/product_uuid
fi

if [ -e /usr/lib/systemd/system/entitled-key.service ] || [ -e /lib/systemd/system/entitled-key.service ]; then
  says "the device key rests behind a credential that systemd alone opens" systemd-creds entitlectl status --json
  check "it lies nowhere in the clear" bash -c '! grep -r k4.secret /var/lib/entitled'
  check "and the machine is the same after a restart" bash -c \
    'before=$(entitlectl status --json | grep -o "\"device[^,]*") && systemctl restart entitled.service && [ "$(entitlectl status --json | grep -o "\"device[^,]*")" = "$before" ]'
else
  skip "the sealed device key" "these packages have no entitled-key.service"
fi
pid=$(daemon_pid)

# A machine made of files, whose UUID comes as a credential, as root alone may read it.
mkdir -p /etc/entitled/machine/etc /etc/entitled/machine/sys/class/dmi/id
echo 0f3c5d7e9a1b2c4d6e8f0a1b2c3d4e5f >/etc/entitled/machine/etc/machine-id
echo 'Example Systems' >/etc/entitled/machine/sys/class/dmi/id/sys_vendor
echo 1b4e28ba-2fa1-41d2-883f-0016e4d3abcd >/root/uuid
chmod 600 /root/uuid
printf '[development]\nhardware_root = "/etc/entitled/machine"\n' >>/etc/entitled/entitled.toml
systemctl restart entitled.service
says "without a UUID the doctor's fingerprint says so" "product_uuid" entitlectl doctor
drop_in entitled.service $'[Service]\nLoadCredential=product_uuid:/root/uuid'
systemctl restart entitled.service
pid=$(daemon_pid)
check "a UUID that root alone may read is part of the fingerprint" bash -c 'entitlectl fingerprint | grep -i "uuid"'
check "and stands nowhere in the log" bash -c '! journalctl --no-pager -u entitled.service | grep -i 1b4e28ba'

# Who holds a slot is whom the kernel names, and a holder's death is noticed though its /proc is hidden.
as alice bash -c 'entitlectl run --bots 1 --label mortal -- sleep 1000 & echo $! >/tmp/mortal; wait' &
check "alice's slot is hers by number" eventually bash -c 'entitlectl slots --all --json | grep -qE "\"uid\": ?$(id -u alice)\b"'
kill -KILL "$(cat /tmp/mortal)"
check "a killed holder's slot is free at once" eventually bash -c 'entitlectl quota bots | grep "0 in use"'

# The network as an administrator may narrow it.
check "the drop-in for a machine without a network is there to be copied" install -D -m 0644 \
  /usr/share/doc/entitled/examples/entitled.service.d/air-gapped.conf /etc/systemd/system/entitled.service.d/air-gapped.conf
systemctl daemon-reload
systemctl restart entitled.service
pid=$(daemon_pid)
check "an air-gapped daemon answers" as alice entitlectl check paper_trading
check "and has no network but its own loopback" bash -c '[ "$(readlink /proc/'"$pid"'/ns/net)" != "$(readlink /proc/1/ns/net)" ]'
