#!/usr/bin/env bash
# Installs what is missing, builds, and runs the main job of `entitled` for real: a daemon, an authority, a license carried
# by file, bots that hold slots, crashes and a thief. In a private directory, without root; nothing is left running.
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
    --build-dir) builds=${2:?--build-dir needs a directory}; shift ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | head -n -1; exit 0 ;;
    *) echo "quickstart.sh: unknown argument '$1'; --help lists them" >&2; exit 2 ;;
  esac
  shift
done

# --- build ------------------------------------------------------------------------------------------------------------
if $install && $build; then "$root/packaging/dependencies.sh" build || exit 1; fi
if $build; then
  tests=()
  # The tests need more packages. A build directory that has them already keeps them.
  [ -f "$builds/CMakeCache.txt" ] || tests=(-DBUILD_TESTING=OFF)
  log=$builds/quickstart.log
  mkdir -p "$builds" || { echo "quickstart.sh: cannot write $builds; name another place with --build-dir" >&2; exit 1; }
  echo "\$ cmake --preset release && cmake --build $builds        (cold: several minutes; log in $log)"
  if ! (cd "$root" && cmake --preset release -B "$builds" "${tests[@]}" &&
    cmake --build "$builds" --target entitled entitlectl entitle-server entitle_example_bot) >"$log" 2>&1; then
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
  [ ${#processes[@]} -eq 0 ] || kill -KILL "${processes[@]}" 2>/dev/null
  wait 2>/dev/null
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
  for log in daemon.log thief.log; do [ -f "$place/$log" ] && { echo "--- end of $log:"; tail -n 15 "$place/$log"; } >&2; done
  exit 1
}
expect_status() { [ "$status" -eq "$1" ] || wrong "exit status $status, expected $1"; }
expect() { grep -qE -- "$1" <<<"$output" || wrong "the output has no match for: $1"; }
# wait_for FILE PATTERN WHAT: until a line of FILE matches. The log is followed, not polled.
wait_for() {
  (set +o pipefail; timeout 15 tail -n +1 -f "$1" 2>/dev/null | grep -qE -m1 -- "$2") || wrong "$3 did not happen within 15 s"
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
# configuration FILE HARDWARE STATE RUN
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
  mkdir -m 700 -p "$3" "$4" "$4-admin"
}
# start CONFIG LOG: the daemon, in the background, until it says that it answers.
start() {
  : >"$2"
  printf '   $ entitled --config %s &\n' "$1"
  entitled --config "$1" >>"$2" 2>&1 </dev/null &
  daemon=$!
  processes+=("$daemon")
  wait_for "$2" 'ready' "the daemon's start"
}
