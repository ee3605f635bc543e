#!/usr/bin/env bash
# Asks systemd-analyze about the units that a build made. No running systemd is needed, nor anything installed.
#   units.sh DIRECTORY accepted                         no unit has a line that systemd would warn about
#   units.sh DIRECTORY exposed UNIT TENTHS [DROP-IN...] `systemd-analyze security` gives at most that
set -euo pipefail

units=$1 what=$2
shift 2
command -v systemd-analyze >/dev/null || { echo "SKIPPED: there is no systemd-analyze here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# As installed, but for the programs: they need not be where the units will look for them.
for unit in "$units"/*.service "$units"/*.socket "$units"/*.timer; do
  sed -E 's|^(Exec[A-Za-z]+=)/[^ ]*entitle[^ ]*|\1/bin/true|' "$unit" >"$work/${unit##*/}"
done

case $what in
  accepted)
    cd "$work"
    words=$(systemd-analyze verify --man=no ./*.service ./*.socket ./*.timer 2>&1) || { echo "$words"; exit 1; }
    # Of units that are not ours it may complain; a warning about one of ours names it.
    if grep -E 'entitle[a-z-]*\.(service|socket|timer)' <<<"$words"; then exit 1; fi
    ;;
  exposed)
    unit=$1 tenths=$2
    shift 2
    if [ $# -gt 0 ]; then
      # A drop-in beside a file that is named by path is not looked for: what it says stands at the end instead.
      for each in "$@"; do { echo; grep -v '^#' "$each"; } >>"$work/$unit"; done
    fi
    systemd-analyze security --offline=true --threshold="$tenths" "$work/$unit" >"$work/said" && status=0 || status=$?
    [ $status -eq 0 ] || grep -v '✓' "$work/said"
    tail -n 1 "$work/said"
    exit $status
    ;;
  *) echo "units.sh: $what?" >&2; exit 2 ;;
esac
