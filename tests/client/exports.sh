#!/bin/sh
# libentitle exports what <entitle/client.h> declares, and nothing of what it is built from.
#   exports.sh LIBRARY
set -eu
exported=$(nm -D -C --defined-only "$1" | cut -c20- | grep -v '^ENTITLE_0$')
others=$(printf '%s\n' "$exported" | grep -v '^entitle::v0::\(Client\|Slots\|Watch\|toString\|version\)' || true)
if [ -n "$others" ]; then
  echo "exported, but not part of the interface:"
  printf '%s\n' "$others"
  exit 1
fi
for name in 'Client::check(' 'Client::acquire(' 'Client::onChange(' 'Slots::release(' 'version('; do
  printf '%s\n' "$exported" | grep -qF "entitle::v0::$name" || { echo "not exported: $name"; exit 1; }
done
