# An authority and a machine, both as their packages run them: activated, revoked, narrowed, sealed.
check "the daemon is up" eventually systemctl is-active entitled.service
systemctl start entitle-server.service
refused "an authority that was not founded does not run" systemctl is-active entitle-server.service
refused "which is no failure" systemctl is-failed entitle-server.service

# Founded by root with the roots apart; the service makes the directory its own at its first start.
check "an authority is founded" entitle-server init --roots /root/roots --name booted
cp /var/lib/entitle-server/roots.pub /etc/entitled/roots
check "its unit starts" systemctl enable --now entitle-server.service
check "and the directory is its own" bash -c '[ "$(stat -c "%a %U" /var/lib/entitle-server)" = "700 entitle-server" ]'
answers() { bash -c 'exec 3<>/dev/tcp/127.0.0.1/8000 && printf "GET /readyz HTTP/1.0\r\n\r\n" >&3 && head -n 1 <&3 | grep " 200 "'; }
check "it answers on loopback" eventually answers
server() { setpriv --reuid=entitle-server --regid=entitle-server --init-groups --reset-env -- env PATH="$PATH" LC_ALL=C.UTF-8 entitle-server --dir /var/lib/entitle-server "$@"; }

# A machine made of files: nothing is bound to a container.
mkdir -p /etc/entitled/machine/etc /etc/entitled/machine/sys/class/dmi/id
echo 0f3c5d7e9a1b2c4d6e8f0a1b2c3d4e5f >/etc/entitled/machine/etc/machine-id
echo 1b4e28ba-2fa1-41d2-883f-0016e4d3abcd >/etc/entitled/machine/sys/class/dmi/id/product_uuid
echo 'Example Systems' >/etc/entitled/machine/sys/class/dmi/id/sys_vendor
cat >/etc/entitled/entitled.toml <<'TOML'
[development]
roots = "/etc/entitled/roots"
hardware_root = "/etc/entitled/machine"
[authority]
url = "http://127.0.0.1:8000"
TOML
check "the daemon takes its new configuration" systemctl restart entitled.service

minted=$(server license new --type pro 2>&1)
key=$(grep -oE 'CO-[0-9A-Z-]+' <<<"$minted" | head -n 1) license=$(grep -oE 'lic_[a-z0-9]+' <<<"$minted" | head -n 1)
check "a license is minted" test -n "$key"
refused "nobody but an administrator activates it" as alice entitlectl activate "$key"
says "root does" "active" entitlectl activate "$key"
check "every user has its rights" as alice entitlectl check live_trading
says "the journal has the license in a field" "active" journalctl --no-pager "ENTITLED_LICENSE=$license"
says "and explains it" "is valid and up to date" journalctl --no-pager -x ENTITLED_STANDING=active
as alice entitlectl run --bots 4 --label licensed -- sleep 1000 &
check "more bots than demo mode has" eventually bash -c 'entitlectl quota bots | grep "4 in use of 100"'
systemctl restart entitled.service
check "are held through a restart" eventually bash -c 'entitlectl quota bots | grep "4 in use of 100, 0 yours$"'

# What an administrator forbids the unit, not even root's wish opens.
drop_in entitled.service $'[Service]\nIPAddressDeny=any'
systemctl restart entitled.service
refused "IPAddressDeny keeps the daemon from the authority" timeout 3 entitlectl refresh
check "the license holds meanwhile" as alice entitlectl check live_trading
rm "/etc/systemd/system/entitled.service.d/booted-test.conf"
drop_in entitled.service $'[Service]\nIPAddressDeny=any\nIPAddressAllow=localhost'
systemctl restart entitled.service
check "allowed again by address, it reaches it" entitlectl refresh

check "the authority revokes" server license revoke "$license"
check "which takes the right away" eventually eval '! as alice entitlectl check live_trading'
says "and the journal explains" "may finish" bash -c 'journalctl --no-pager -x -u entitled.service | tail -n 60'

# Sealed to this machine: no secret of the authority lies on the disk in the clear.
if entitle-server --help-all 2>/dev/null | grep -q CREDENTIALS_DIRECTORY; then
  mkdir -p -m 0700 /etc/credstore.encrypted
  check "the signing keys are sealed" bash -c \
    'cat /var/lib/entitle-server/signing/*.key | systemd-creds encrypt --with-key=host --name=entitle-server.signing-keys - /etc/credstore.encrypted/entitle-server.signing-keys'
  check "so is the secret of license keys" \
    systemd-creds encrypt --with-key=host --name=entitle-server.license-secret /var/lib/entitle-server/license-secret /etc/credstore.encrypted/entitle-server.license-secret
  minted=$(server license new --type pro 2>&1)
  key=$(grep -oE 'CO-[0-9A-Z-]+' <<<"$minted" | head -n 1)
  rm /var/lib/entitle-server/signing/*.key /var/lib/entitle-server/license-secret
  check "the authority starts without them on the disk" systemctl restart entitle-server.service
  check "and answers" eventually answers
  says "and signs with what was sealed" "active" entitlectl activate "$key"
else
  skip "sealed secrets" "this entitle-server reads none"
fi
