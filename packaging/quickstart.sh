#!/usr/bin/env bash
# Installs what is missing, builds, and runs the main job of `entitled` for real: a daemon, an authority, a license carried
# by file, bots that hold slots, crashes and a thief; then the same online: a key, an outage, a revocation. In a private
# directory, without root; nothing is left running.
#
#   packaging/quickstart.sh [--keep] [--no-install] [--build-dir DIR] [--no-build]
#
#   --keep           leave the private directory for a look afterwards
#   --no-install     do not touch packages
#   --build-dir DIR  where to build, or with --no-build where the binaries are    (build/release)
#   --no-build       use the binaries as they are
#
# Every step prints what a person would type and the answer, and is checked: exit 1 when one is not as described.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1

keep=false install=true build=true builds=$root/build/release
while [ $# -gt 0 ]; do
  case $1 in
    --keep) keep=true ;;
    --no-install) install=false ;;
    --no-build) build=false ;;
    --build-dir) builds=$(realpath -m -- "${2:?--build-dir needs a directory}"); shift ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | head -n -1; exit 0 ;;
    *) echo "quickstart.sh: unknown argument '$1'; --help lists them" >&2; exit 2 ;;
  esac
  shift
done

# --- build ------------------------------------------------------------------------------------------------------------
if $install && $build; then "$root/packaging/dependencies.sh" build || exit 1; fi
if $build; then
  options=()
  if [ ! -f "$builds/CMakeCache.txt" ]; then
    # The tests need more packages. A build directory that has them already keeps them.
    options=(-DBUILD_TESTING=OFF)
  elif ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$builds/CMakeCache.txt"; then
    options=(--fresh -DBUILD_TESTING=OFF) # the tree has moved since
  fi
  log=$builds/quickstart.log
  mkdir -p "$builds" || { echo "quickstart.sh: cannot write $builds; name another place with --build-dir" >&2; exit 1; }
  echo "\$ cmake --preset release && cmake --build $builds        (cold: several minutes; log in $log)"
  if ! (cd "$root" && cmake --preset release -B "$builds" "${options[@]}" &&
    cmake --build "$builds" -j "$(nproc)" --target entitled entitlectl entitle-server entitle_example_bot) >"$log" 2>&1; then
    grep -nE 'error|Error|FAILED' "$log" | head -n 20
    tail -n 20 "$log"
    exit 1
  fi
fi
PATH=$builds/daemon:$builds/client:$builds/client/cli:$builds/client/examples:$builds/server:$PATH
for program in entitled entitlectl entitle-server bot; do
  command -v $program >/dev/null || { echo "quickstart.sh: no $program below $builds" >&2; exit 1; }
done

# --- a private place, and its end ---------------------------------------------------------------------------------------
began=$(date +%s%N)
place=$(mktemp -d "${TMPDIR:-/tmp}/entitled.XXXXXX") || exit 1
chmod 700 "$place"
processes=()
leave() {
  local status=$?
  trap - EXIT INT TERM HUP
  # The shell's own remarks on the killed are kept quiet.
  exec 2>/dev/null
  [ ${#processes[@]} -eq 0 ] || kill -KILL "${processes[@]}"
  wait
  if $keep; then echo "Kept: $place"; else rm -rf "$place"; fi
  exit $status
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
cd "$place" || exit 1

# --- how a step is shown and checked ------------------------------------------------------------------------------------
step=0 output='' status=0
say() { step=$((step + 1)); printf '\n%d. %s\n' "$step" "$*"; }
note() { printf '   %s\n' "$*"; }
# show COMMAND...: prints the command as typed and its real output; keeps output and status for the checks.
show() {
  printf '   $ %s\n' "$*"
  output=$("$@" 2>&1)
  status=$?
  [ -z "$output" ] || printf '%s\n' "$output" | sed 's/^/     /'
}
wrong() {
  printf '\nNOT AS DESCRIBED (step %d): %s\n' "$step" "$1" >&2
  for log in daemon.log thief.log online.log serve.log btc-grid.log; do [ -f "$place/$log" ] && { echo "--- end of $log:"; tail -n 15 "$place/$log"; } >&2; done
  exit 1
}
expect_status() { [ "$status" -eq "$1" ] || wrong "exit status $status, expected $1"; }
expect() { grep -qE -- "$1" <<<"$output" || wrong "the output has no match for: $1"; }
# wait_for FILE PATTERN WHAT [TIMES]: until so many lines of FILE match. The log is followed, not polled.
wait_for() {
  local found
  : >>"$1"  # the program behind it may not have come to open it yet
  found=$(timeout 15 tail -n +1 -f "$1" 2>/dev/null | grep -E -m"${4:-1}" -- "$2" | wc -l)
  [ "$found" -eq "${4:-1}" ] || wrong "$3 did not happen within 15 s"
}
# crash PID: SIGKILL, and the shell's own remark on it is kept quiet.
crash() {
  printf '   $ kill -KILL %s\n' "$1"
  { kill -KILL "$1"; wait "$1"; } 2>/dev/null
}
# wait_until WHAT PATTERN COMMAND...: asks again until the answer matches.
wait_until() {
  local what=$1 pattern=$2 end=$((SECONDS + 15))
  shift 2
  until grep -qE -- "$pattern" <<<"$("$@" 2>&1)"; do
    [ $SECONDS -lt $end ] || { "$@"; wrong "$what did not happen within 15 s"; }
  done
}

# machine NAME SEED: a small tree that stands for a computer's hardware, different for each seed.
machine() {
  local dmi=$1/sys/class/dmi/id device=$1/sys/devices/pci0000:00/0000:00:1f.6 id
  mkdir -p "$dmi" "$device/net/eth0" "$1/sys/class/net" "$1/etc" "$1/proc/sys/kernel/random"
  id=$(printf 'entitled quick start %s' "$2" | md5sum | cut -c1-32)
  echo "${id:0:8}-${id:8:4}-4${id:13:3}-a${id:17:3}-${id:20:12}" >"$dmi/product_uuid"
  echo "BS-${id:0:12}" >"$dmi/board_serial"
  echo "Example Systems" >"$dmi/sys_vendor"
  echo "Workstation 7" >"$dmi/product_name"
  printf '%s%s\n' "${id:16:16}" "${id:0:16}" >"$1/etc/machine-id"
  echo "00:1b:21:${id:0:2}:${id:2:2}:${id:4:2}" >"$device/net/eth0/address"
  echo 0 >"$device/net/eth0/addr_assign_type"
  ln -s ../../../0000:00:1f.6 "$device/net/eth0/device"
  ln -s ../../devices/pci0000:00/0000:00:1f.6/net/eth0 "$1/sys/class/net/eth0"
}
# configuration FILE HARDWARE STATE RUN [AUTHORITY-URL]
configuration() {
  cat >"$1" <<TOML
state_dir = "$place/$3"
runtime_dir = "$place/$4"
[query]
path = "$place/$4/entitled.sock"
[admin]
path = "$place/$4-admin/admin.sock"
[development]
roots = "$place/roots.pub"
hardware_root = "$place/$2"
TOML
  [ $# -lt 5 ] || printf '[authority]\nurl = "%s"\n' "$5" >>"$1"
  mkdir -m 700 -p "$3" "$4" "$4-admin"
}
# start CONFIG LOG: the daemon, in the background, until it says that it answers.
start() {
  : >"$2"
  printf '   $ entitled --config %s &\n' "$1"
  # Without the variables for clients: they would override the configuration's paths.
  env -u ENTITLED_SOCKET -u ENTITLED_ADMIN_SOCKET entitled --config "$1" >>"$2" 2>&1 </dev/null 9>&- &
  daemon=$!
  processes+=("$daemon")
  wait_for "$2" 'ready' "the daemon's start"
}

# serve ADDRESS: the authority, in the background, until it says where it listens.
serve() {
  : >serve.log
  printf '   $ entitle-server serve --listen %s &\n' "$1"
  entitle-server serve --listen "$1" >>serve.log 2>&1 </dev/null 9>&- &
  server=$!
  processes+=("$server")
  wait_for serve.log 'serving authority' "the authority's start"
}
# post URL JSON [TOKEN]
post() {
  local bearer=()
  if [ -n "${3-}" ]; then bearer=(-H "Authorization: Bearer $3"); fi
  printf '   $ curl %s%s --json %s\n' "$1" "${3:+ -H 'Authorization: Bearer …'}" "'$2'"
  output=$(curl -sS --fail-with-body --noproxy '*' --max-time 15 "${bearer[@]}" -H 'Content-Type: application/json' -d "$2" "$1" 2>&1) ||
    wrong "$output"
  printf '     %s\n' "$output"
}
json_text() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" <<<"$output"; } # of a flat object in one line

note "Everything happens below $place."
note "These computers are make-believe: a development build reads hardware facts below a directory of our choice, here a"
note "small tree with DMI, machine-id and a network card, since containers and virtual machines have few of their own."
note "Such a build says 'development' in every answer, and programs believe it only when told to:"
export ENTITLED_SOCKET=$place/run/entitled.sock ENTITLED_ADMIN_SOCKET=$place/run-admin/admin.sock
export ENTITLED_ALLOW_DEVELOPMENT=1 ENTITLE_SERVER_DIR=$place/authority
for variable in ENTITLED_SOCKET ENTITLED_ADMIN_SOCKET ENTITLED_ALLOW_DEVELOPMENT ENTITLE_SERVER_DIR; do
  note "  export $variable=${!variable}"
done
machine hardware ours
configuration entitled.toml hardware state run

say "Start the daemon. No authority is known yet, and there is no license."
start entitled.toml daemon.log

say "Without a license there is demo mode: 3 bots, paper trading."
show entitlectl status
expect_status 0; expect '[Dd]emo'
show entitlectl quota bots
expect_status 0; expect '\b3\b'
show entitlectl check paper_trading
expect_status 0
show entitlectl check live_trading
expect_status 1; expect 'Upgrade to Basic'

say "Found an authority, its roots apart, and mint a pro license."
show entitle-server init --roots "$place/roots" --name quickstart
expect_status 0
show entitle-server license new --type pro --note 'quick start'
expect_status 0; expect 'CO-'
license=$(grep -oE 'lic_[a-z0-9]+' <<<"$output" | head -n 1)
key=$(grep -oE 'CO-[0-9A-Z-]+' <<<"$output" | head -n 1)
[ -n "$license" ] && [ -n "$key" ] || wrong "no license id and key were printed"

say "Give the authority's public roots to the daemon: a file and SIGHUP. A release has them compiled in."
show cp authority/roots.pub roots.pub
expect_status 0
show kill -HUP "$daemon"
wait_for daemon.log 'configuration was read again' "reading the configuration again"
show entitlectl doctor
expect_status 0; expect 'quickstart'

say "Carry a license by file: request on the machine, issue at the authority, import on the machine. No network."
show entitlectl request --out machine.request
expect_status 0
show entitle-server issue --license "$license" --request machine.request --out machine.license
expect_status 0
show entitlectl import machine.license
expect_status 0

say "The license is in force: active, its features, 100 bots."
show entitlectl status
expect_status 0; expect '[Aa]ctive'; expect 'pro'
show entitlectl features
expect_status 0; expect 'live_trading'
show entitlectl check live_trading
expect_status 0
show entitlectl quota bots
expect_status 0; expect '\b100\b'

say "Three bots take a slot each. They are small programs over the client library (client/examples/bot.cpp)."
mkfifo ticks
exec 9<>ticks # the bots work until this input ends
bots=()
for name in btc-grid eth-trend sol-dca; do
  printf '   $ bot %s &\n' "$name"
  bot "$name" <ticks >"$name.log" 2>&1 9>&- &
  bots+=($!)
  processes+=($!)
done
for name in btc-grid eth-trend sol-dca; do wait_for "$name.log" 'is held, license active' "a slot for $name"; done
show entitlectl slots
expect_status 0; expect btc-grid; expect eth-trend; expect sol-dca

say "Kill one without warning: its slot comes back at once."
crash "${bots[1]}"
wait_until "the return of the killed bot's slot" '"in_use": ?2\b' entitlectl quota bots --json
show entitlectl slots
expect_status 0; expect btc-grid; expect sol-dca
grep -q eth-trend <<<"$output" && wrong "the killed bot's slot is still there"

say "Kill the daemon, and start it again: the license and the two bots' slots are still there."
crash "$daemon"
for name in btc-grid sol-dca; do wait_for "$name.log" 'is reconnecting' "noticing the daemon's death in $name"; done
start entitled.toml daemon.log
for name in btc-grid sol-dca; do wait_for "$name.log" 'is held, license active' "taking the slot back in $name" 2; done
note "$ cat btc-grid.log"
sed 's/^/     /' btc-grid.log
show entitlectl quota bots
expect_status 0; expect '\b2\b'
show entitlectl slots
expect_status 0; expect btc-grid; expect sol-dca
show entitlectl status
expect_status 0; expect '[Aa]ctive'

say "Copy the whole state directory, device key included, to another machine: refused."
machine hardware-of-a-thief theirs
configuration thief.toml hardware-of-a-thief state-of-a-thief run-of-a-thief
show cp -a state/. state-of-a-thief/
expect_status 0
ours=$daemon
start thief.toml thief.log
thief=$daemon
show env ENTITLED_SOCKET="$place/run-of-a-thief/entitled.sock" entitlectl status
expect_status 0; expect '[Oo]ther hardware|[Ww]rong.device'
show env ENTITLED_SOCKET="$place/run-of-a-thief/entitled.sock" entitlectl check live_trading
expect_status 1
show entitlectl check live_trading
expect_status 0

say "Now online. The roots go on a stick and off this machine; a first administrator; and the authority serves."
show mv roots roots-on-a-stick
expect_status 0
cat >authority/server.toml <<'TOML'
# So that an outage need not last two weeks to be seen: documents are fresh for 3 seconds instead of 14 days.
[documents]
fresh_s = 3
check_s = 1
TOML
note '$ cat authority/server.toml'
sed 's/^/     /' authority/server.toml
printf 'correct horse battery staple\n' >admin-password && chmod 600 admin-password
note '$ entitle-server admin create admin@example.com < admin-password'
output=$(entitle-server admin create admin@example.com <admin-password 2>&1)
status=$?
sed 's/^/     /' <<<"$output"
expect_status 0
serve 127.0.0.1:0
url=$(sed -n 's/.*listening on \(http:[^ "]*\).*/\1/p' serve.log | tail -n 1)
[ -n "$url" ] || wrong "serve.log names no address"

say "A customer registers; the administrator logs in and sells a pro license. Any HTTP client does."
post "$url/v1/accounts" '{"email":"trader@example.com","password":"paper trading first"}'
customer=$(json_text user_id)
[ -n "$customer" ] || wrong "no user_id"
post "$url/v1/tokens" '{"email":"admin@example.com","password":"correct horse battery staple"}'
token=$(json_text token)
[ -n "$token" ] || wrong "no token"
post "$url/api/licensing/generate" "{\"user_id\":\"$customer\",\"license_type\":\"pro\"}" "$token"
expect '"license_key"'
key=$(json_text license_key)
license=$(json_text license_id)

say "Another machine, with an authority in its configuration: a key is all it needs."
machine hardware-online another
configuration online.toml hardware-online state-online run-online "$url"
export ENTITLED_SOCKET=$place/run-online/entitled.sock ENTITLED_ADMIN_SOCKET=$place/run-online-admin/admin.sock
note "$ export ENTITLED_SOCKET=$ENTITLED_SOCKET ENTITLED_ADMIN_SOCKET=$ENTITLED_ADMIN_SOCKET"
start online.toml online.log
online=$daemon
show entitlectl activate "${key%?}$([ "${key: -1}" = A ] && echo B || echo A)"
expect_status 2
show entitlectl activate "$key"
expect_status 0
show entitlectl check live_trading
expect_status 0
note "$ bot ada-arb &"
bot ada-arb <ticks >ada-arb.log 2>&1 9>&- &
online_bot=$!
processes+=("$online_bot")
wait_for ada-arb.log 'is held, license active' "a slot for ada-arb"

say "The authority is gone. Grace begins, with its exact deadline, and everything goes on."
show kill -TERM "$server"
wait "$server" || wrong "the authority ended with status $?"
wait_until "grace" '"standing": ?"grace"' entitlectl status --json
show entitlectl status
expect_status 0; expect '[Gg]race'
show entitlectl check live_trading
expect_status 0
show entitlectl slots
expect_status 0; expect ada-arb

say "The authority is back: healed, here at once since we ask; by itself the daemon tries again and again."
serve "${url#http://}"
show entitlectl refresh
expect_status 0
show entitlectl check live_trading
expect_status 0
wait_until "the end of grace" '"standing": ?"active"' entitlectl status --json

say "The administrator revokes. A program that listens hears it at once, held bots get time to close their positions."
note "$ entitlectl watch &"
entitlectl watch >watch.log 2>&1 9>&- &
watcher=$!
processes+=("$watcher")
wait_for watch.log 'active' "the watching program's first news"
asked=$(date +%s%N)
post "$url/v1/admin/licenses/$license/revoke" '{}' "$token"
wait_for watch.log '[Rr]evoked' "hearing of the revocation"
note "heard $((($(date +%s%N) - asked) / 1000000)) ms after it was asked for, curl's start included"
note '$ cat watch.log'
sed 's/^/     /' watch.log
show entitlectl check live_trading
expect_status 1; expect '[Rr]evoked'
show entitlectl status
expect '[Rr]evoked'
show entitlectl slots
expect_status 0; expect ada-arb

say "The log of it all, and whether anybody touched it."
show entitlectl audit --verify
expect_status 0
export ENTITLED_SOCKET=$place/run/entitled.sock ENTITLED_ADMIN_SOCKET=$place/run-admin/admin.sock
show env ENTITLED_ADMIN_SOCKET="$ENTITLED_ADMIN_SOCKET" entitlectl audit --verify
expect_status 0

say "Stop everything."
{ kill "$watcher"; wait "$watcher"; } 2>/dev/null
exec 9>&- # the bots' input ends, and so do they
for bot in "${bots[0]}" "${bots[2]}" "$online_bot"; do wait "$bot" || wrong "a bot ended with status $?"; done
wait_until "the return of the last slots" '"in_use": ?0\b' entitlectl quota bots --json
show kill -TERM "$ours" "$thief" "$online" "$server"
for pid in "$ours" "$thief" "$online" "$server"; do wait "$pid" || wrong "a daemon ended with status $?"; done
processes=()

printf '\nAll %d steps went as described, in %d.%d s.\n' "$step" $((($(date +%s%N) - began) / 1000000000)) \
  $((($(date +%s%N) - began) / 100000000 % 10))
