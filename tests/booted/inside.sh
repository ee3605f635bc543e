# Runs a case inside a booted system, and gives it words to speak in. Sourced by nobody: the case is sourced by this.
#
#   check NAME COMMAND...      the command succeeds: "ok NAME", else "FAILED NAME" and what it printed
#   refused NAME COMMAND...    it fails
#   says NAME TEXT COMMAND...  it prints TEXT, whatever its status
#   skip NAME WORDS            it cannot be checked here
#   figure NAME VALUE
set -uo pipefail
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 SYSTEMD_PAGER='' SYSTEMD_COLORS=0
# The packages under test may be a development build, which a program has to ask for.
export ENTITLED_ALLOW_DEVELOPMENT=1

result() { printf '%s\n' "$*" >>/out/results; echo "== $*"; }
run() { echo "\$ $*"; "$@"; }
check() {
  local name=$1
  shift
  if run "$@" 2>&1; then result "ok $name"; else result "FAILED $name"; fi
}
refused() {
  local name=$1
  shift
  if run "$@" 2>&1; then result "FAILED $name (it was not refused)"; else result "ok $name"; fi
}
says() {
  local name=$1 text=$2 output
  shift 2
  output=$(run "$@" 2>&1)
  printf '%s\n' "$output"
  if [[ $output == *"$text"* ]]; then result "ok $name"; else result "FAILED $name (it does not say: $text)"; fi
}
skip() { result "skipped $1: $2"; }
figure() { result "figure $1: $2"; }

# eventually COMMAND...: asks again and again until it succeeds, for ten seconds.
eventually() {
  local end=$((SECONDS + 10))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "never: $*"; return 1; }
    sleep 0.05
  done
}
# as USER COMMAND...: with that user's groups as they are now.
as() {
  local user=$1
  shift
  setpriv --reuid="$user" --regid="$user" --init-groups --reset-env -- \
    env ENTITLED_ALLOW_DEVELOPMENT=1 LC_ALL=C.UTF-8 PATH="$PATH" "$@"
}
install_packages() { dpkg --install /payload/packages/*.deb; }
daemon_pid() { systemctl show --property=MainPID --value entitled.service; }
daemon_is_another_than() {
  local pid
  pid=$(daemon_pid)
  [ "$pid" -gt 0 ] && [ "$pid" -ne "$1" ] && systemctl --quiet is-active entitled.service
}
# drop_in UNIT TEXT: from now on.
drop_in() {
  mkdir -p "/etc/systemd/system/$1.d"
  printf '%s\n' "$2" >>"/etc/systemd/system/$1.d/booted-test.conf"
  systemctl daemon-reload
}

echo "== ${CASE:?}"
# shellcheck disable=SC1090
. "/payload/cases/$CASE.sh"
echo 'done' >>/out/results
if grep -q '^FAILED' /out/results; then
  systemctl --failed --no-legend
  journalctl --no-pager --output=short-monotonic --unit='entitle*' | tail -n 50
fi
exit 0
