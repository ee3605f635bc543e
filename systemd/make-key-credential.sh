#!/bin/sh
# Run as root by entitled-key.service: makes the credential entitled.wrap once, and sees at every boot that it can still
# be decrypted. One that cannot is put aside and made anew: entitled.service would not start with it, while the daemon
# copes with another one and says so.
#
#   key-credential    in $STATE_DIRECTORY, as systemd gives it
set -eu
umask 077
name=entitled.wrap
place=${STATE_DIRECTORY:?run by entitled-key.service}

if ! command -v systemd-creds >/dev/null; then
  echo "systemd-creds is missing (systemd 250): without a TPM the device key rests in a file"
  exit 0
fi
opens() { systemd-creds decrypt --name=$name "$1" - >/dev/null; }

if [ -e "$place/$name" ]; then
  opens "$place/$name" && exit 0
  mv -f "$place/$name" "$place/$name.unreadable"
  echo "$place/$name cannot be decrypted with this system's key any more; it is kept as $name.unreadable and made anew" >&2
fi
rm -f "$place/$name.new"
head -c 32 /dev/urandom | systemd-creds encrypt --with-key=host --name=$name - "$place/$name.new"
opens "$place/$name.new"
sync "$place/$name.new"
mv -f "$place/$name.new" "$place/$name"
sync "$place"
