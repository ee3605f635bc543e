#!/usr/bin/env bash
# Boots real systems (systemd-nspawn, a fresh overlay each time) with the packages of this commit in them, and runs the
# scripts of cases/ there as root. What one of them checks is named by its `check` lines.
#
#   tests/booted/run.sh [--suite SUITE]... [--packages DIR] [--only CASE]... [--idle SECONDS] [--keep]
#
#   --suite SUITE     bookworm or trixie; may stand several times           (both)
#   --packages DIR    packages to install: DIR/SUITE/*.deb, for this system's own suite also DIR/host/*.deb, as
#                     packaging/deb/build.sh makes them                     (build/packages)
#   --only CASE       only this script of cases/, without its .sh; may stand several times
#   --idle SECONDS    how long the idle daemon is watched                      (10)
#   --keep            keep the work directory, and print where it is
#
# ENTITLE_CACHE (~/.cache/entitled): trees made by mmdebstrap, once; safe to delete. ENTITLE_MIRROR: another Debian mirror.
# Prints a line for each check, then "N passed, N failed, N skipped". Exit 0; 1 something failed; 77 this machine cannot
# boot such a system, with the reason.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)

suites=() only=() packages=$tree/build/packages idle=10 keep=false
while [ $# -gt 0 ]; do
  case $1 in
    --suite) suites+=("${2:?--suite needs a name}"); shift ;;
    --packages) packages=$(realpath -m -- "${2:?--packages needs a directory}"); shift ;;
    --only) only+=("${2:?--only needs a name}"); shift ;;
    --idle) idle=${2:?--idle needs seconds}; shift ;;
    --keep) keep=true ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | head -n -1; exit 0 ;;
    *) echo "run.sh: unknown argument '$1'; --help lists them" >&2; exit 2 ;;
  esac
  shift
done
[ ${#suites[@]} -gt 0 ] || suites=(bookworm trixie)
cache=${ENTITLE_CACHE:-${HOME:-/tmp}/.cache/entitled}
cannot() { echo "SKIPPED: booted: $*"; exit 77; }

[ "$(id -u)" -eq 0 ] || cannot "booting a system takes root"
for tool in systemd-nspawn mmdebstrap unshare; do
  command -v "$tool" >/dev/null || cannot "$tool is not installed (packaging/dependencies.sh heavy)"
done

work=$(mktemp -d /var/tmp/entitled-booted.XXXXXX)
group=''
finish() {
  local each
  if [ -n "$group" ]; then
    echo $$ >"${group%/*}/cgroup.procs" 2>/dev/null
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
  fi
  for each in /run/systemd/nspawn/propagate/entitled-$$-*; do [ ! -d "$each" ] || rmdir "$each" 2>/dev/null; done
  if mountpoint -q "$work/cgroup" 2>/dev/null; then umount "$work/cgroup"; fi
  if $keep; then echo "kept: $work"; else rm -rf --one-file-system "$work"; fi
}
trap finish EXIT

# A system of its own wants a cgroup of its own, of version 2. Nothing of the host's is touched but for that one group.
cgroup=$(findmnt -t cgroup2 -n -o TARGET 2>/dev/null | head -n 1)
if [ -z "$cgroup" ]; then
  cgroup=$work/cgroup
  mkdir "$cgroup"
  mount -t cgroup2 cgroup2 "$cgroup" 2>/dev/null || cannot "there is no cgroup of version 2, and none can be mounted"
fi
group=$cgroup/entitled-booted-$$
mkdir "$group" 2>/dev/null || { group=''; cannot "no cgroup can be made below $cgroup"; }
unshare --mount --propagation private mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null ||
  cannot "this machine allows no mounts of its own (a container without CAP_SYS_ADMIN?)"

# nspawn NAME TREE OPTION...: never a bare unshare, which would boot into the host's /dev and cgroups.
nspawn() {
  local name=$1 root=$2
  shift 2
  (
    echo "$BASHPID" >"$group/cgroup.procs" || exit 1
    exec unshare --mount --propagation private bash -c '
      mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 1
      exec timeout --kill-after=10 180 systemd-nspawn "$@"' - --quiet --register=no --keep-unit --private-network --machine="entitled-$$-$name" \
      --system-call-filter=bpf --capability=CAP_BPF,CAP_PERFMON --console=pipe -D "$root" "$@"
  ) </dev/null
}

# packages_of SUITE: the directory with its packages; nothing if there are none.
packages_of() {
  local place
  for place in "$packages/$1" "$([ "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" != "$1" ] || echo "$packages/host")"; do
    if ls "$place"/entitled_*.deb >/dev/null 2>&1; then echo "$place"; return; fi
  done
}

# What the packages depend on and are not themselves, as mmdebstrap takes it: the first of each alternative.
needed_by() {
  local each
  for each; do dpkg-deb --show --showformat='${Pre-Depends},${Depends},' "$each"; done | tr ',' '\n' | sed 's/|.*//; s/(.*//; s/:any//; s/ //g' |
    grep -vE '^(|entitle.*|libentitle.*)$' | sort -u
}

# base SUITE: the path of a tree that boots, with everything but our packages; made once for a list of packages.
base() {
  local suite=$1 list key place making
  list=$({
    printf '%s\n' systemd systemd-sysv dbus polkitd libnss-systemd libpam-systemd udev iproute2 procps util-linux \
      login passwd ca-certificates openssl xz-utils
    needed_by "$work/$suite/payload/packages"/*.deb
  } | sort -u | paste -s -d,)
  key=$(printf '%s' "$suite $list" | sha256sum | cut -c1-12)
  place=$cache/trees/booted-$suite-$key
  mkdir -p "$cache/trees"
  exec 9>"$cache/trees/booted-$suite.lock"
  flock 9
  if [ ! -d "$place" ]; then
    echo "making a tree of $suite that boots, once: about a minute and 300 MB in $place" >&2
    rm -rf --one-file-system "$cache/trees/booted-$suite-"*
    making=$(mktemp -d "$cache/trees/making.XXXXXX")
    if ! mmdebstrap --mode=root --variant=apt --quiet --include="$list" --aptopt='APT::Install-Recommends "false"' \
      --aptopt='Acquire::Retries "3"' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/entitle*' \
      --customize-hook='chroot "$1" useradd --create-home alice' --customize-hook='chroot "$1" useradd --create-home bob' \
      --customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*' \
      "$suite" "$making/tree" ${ENTITLE_MIRROR:+"$ENTITLE_MIRROR"} >"$making/log" 2>&1 </dev/null; then
      tail -n 20 "$making/log" >&2
      rm -rf --one-file-system "$making"
      return 1
    fi
    mv "$making/tree" "$place"
    rm -rf "$making"
  fi
  echo "$place"
}

# installed SUITE BASE: a copy with the packages in it, put there while no systemd runs, as in an image.
installed() {
  local suite=$1 place=$work/$1/installed
  mkdir -p "$work/$suite/log"
  cp -a --reflink=auto "$2" "$place" || return 1
  nspawn "$suite-image" "$place" --bind-ro="$work/$suite/payload:/payload" \
    sh -c 'dpkg --install /payload/packages/*.deb' >"$work/$suite/log/image.log" 2>&1 || {
    tail -n 20 "$work/$suite/log/image.log" >&2
    return 1
  }
  echo "$place"
}

passed=0 failed=0 skipped=0 boots=0
tell() {
  case $1 in
    passed) passed=$((passed + 1)) ;;
    failed) failed=$((failed + 1)) ;;
    skipped) skipped=$((skipped + 1)) ;;
  esac
  printf '%s: %s\n' "$2" "$3"
}

# boot SUITE CASE TREE: its checks are told as they come back.
boot() {
  local suite=$1 name=$2 root=$3 out=$work/$1/out-$2 started=$EPOCHREALTIME status word rest seen=0 more=()
  mkdir -p "$out"
  boots=$((boots + 1))
  # A case says in its head what its machine has beside a plain one: "# nspawn: --bind=…", with @ for its own directory.
  mapfile -t more < <(sed -n 's/^# nspawn: //p' "$here/cases/$name.sh" | sed "s|@|$out|g")
  local prepare
  prepare=$(sed -n 's/^# before: //p' "$here/cases/$name.sh")
  [ -z "$prepare" ] || (cd "$out" && bash -euc "$prepare") || { tell failed "$suite/$name" "FAILED: it could not be prepared"; return; }
  nspawn "$suite-$name" "$root" --boot --volatile=overlay --bind-ro="$work/$suite/payload:/payload" --bind="$out:/out" \
    --bind-ro="$here/booted.service:/etc/systemd/system/booted.service" ${more[@]+"${more[@]}"} \
    systemd.unit=multi-user.target systemd.wants=booted.service "systemd.setenv=CASE=$name" "systemd.setenv=IDLE_SECONDS=$idle" >"$out/console" 2>&1
  status=$?
  while read -r word rest; do
    case $word in
      ok) seen=$((seen + 1)); tell passed "$suite/$name" "ok $rest" ;;
      FAILED) seen=$((seen + 1)); tell failed "$suite/$name" "FAILED $rest" ;;
      skipped) seen=$((seen + 1)); tell skipped "$suite/$name" "skipped $rest" ;;
      figure) echo "$suite/$name: figure $rest" ;;
    esac
  done < <(cat "$out/results" 2>/dev/null)
  if [ $seen -eq 0 ] || ! grep -qx 'done' "$out/results"; then
    tell failed "$suite/$name" "FAILED: the system ended with status $status before the case did"
    tail -n 20 "$out/console"
  fi
  if grep -q '^FAILED' "$out/results" 2>/dev/null || ! grep -qx 'done' "$out/results" 2>/dev/null; then
    sed 's/^/    /' "$out/log" 2>/dev/null | tail -n 60
    rm -rf "$tree/build/log/booted-$suite-$name"
    mkdir -p "$tree/build/log" && cp -r "$out" "$tree/build/log/booted-$suite-$name" 2>/dev/null
  fi
  awk -v a="$started" -v b="$EPOCHREALTIME" -v n="$suite/$name" 'BEGIN { printf "%s: %.1f s\n", n, b - a }'
}

for suite in "${suites[@]}"; do
  from=$(packages_of "$suite")
  [ -n "$from" ] || { tell skipped "$suite" "skipped: there are no packages of it in $packages (packaging/deb/build.sh --suite $suite)"; continue; }
  mkdir -p "$work/$suite/payload/packages" "$work/$suite/log"
  for each in "$from"/*.deb; do case $each in *-dbgsym_*) ;; *) cp "$each" "$work/$suite/payload/packages" ;; esac; done
  cp -r "$here/cases" "$here/inside.sh" "$work/$suite/payload"
  bare=$(base "$suite") || { tell skipped "$suite" "skipped: mmdebstrap could not make a tree of it; is there a network?"; continue; }
  image=$(installed "$suite" "$bare") || { tell failed "$suite" "FAILED: the packages cannot be installed into an image"; continue; }
  for script in "$here"/cases/*.sh; do
    name=$(basename "$script" .sh)
    if [ ${#only[@]} -gt 0 ] && ! printf '%s\n' "${only[@]}" | grep -qx "$name"; then continue; fi
    case $(sed -n 's/^# system: //p' "$script") in
      bare) boot "$suite" "$name" "$bare" ;;
      *) boot "$suite" "$name" "$image" ;;
    esac
  done
  rm -rf --one-file-system "$image"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] || exit 1
[ "$boots" -gt 0 ] || cannot "nothing was there to boot"
