#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. Then, as far as tools and time allow, what a build cannot see
# by itself: sanitizers, fuzzing, another compiler, speed, format. What is left out is printed with its reason.
#
#   packaging/test.sh [--ci] [--no-install] [--list] [STAGE...]
#
#   dev      build with g++, warnings are errors; all tests             (this one always counts)
#   format   every source as clang-format 14 writes it
#   asan     all tests under AddressSanitizer and UBSan
#   tsan     the tests of the code that has threads, under ThreadSanitizer
#   fuzz     each parser and the RPC stream under libFuzzer, a short time each
#   bench    the benchmarks in short: do they run, do the figures hold
#   clang    build with clang, warnings are errors
#   packages the Debian packages of both suites: lintian, installed, upgraded, purged; built again, the same bytes
#   booted   the packages in booted systems of Debian 12 and 13 (root, systemd-nspawn)
#   faults   the campaigns that the other stages take samples of, at length: faults all along each message, a kill at every step,
#            ten thousand daemons at once, years of simulated machines; on SQLite and on PostgreSQL
#   arm64    unit tests cross-built for 64-bit ARM, under qemu (by name only: it takes long)
#   tidy     clang-tidy over every source (by name only: it takes long)
#
#   --ci          keep to half an hour on two cores: stages that do not fit are skipped and say so
#   --no-install  do not touch packages
#   --list        only print the stages
#
# ENTITLE_CACHE (~/.cache/entitled): compiler cache, fuzzing corpora and how long each stage took, outside the tree, safe
# to delete.
# What the campaigns of `faults` go by, for one of them by hand (each test says more):
#   ENTITLE_FAULT_OFFSETS=N|all   online_test: the network cut at so many bytes of each message, or at every one (an hour
#                                 and more a database); the daemon killed at every step. The stage: 40
#   ENTITLE_TEST_DATABASE=postgresql  online_test: the authority on PostgreSQL
#   ENTITLE_TEST_EVERY_STEP=1     serve_process_test: the server killed at every step
#   ENTITLE_TEST_RESTARTS=N       serve_process_test: PostgreSQL restarted so often under load
#   ENTITLE_TEST_DAEMONS=N        serve_return_test: so many daemons come back at once
#   ENTITLE_SIMULATION_RUNS=N, ENTITLE_SIMULATION_DAYS=N, ENTITLE_SIMULATION_SEED=N, ENTITLE_SIMULATION_ALOUD=1
#                                 simulation_test: so many new histories, of so many days; one again; event by event
# Ends with "N passed, N failed" over all stages; exit 1 if anything failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

all_stages=(dev format packages booted asan tsan fuzz bench clang faults)
ci=false install=true stages=()
for argument in "$@"; do
  case $argument in
    --ci) ci=true ;;
    --no-install) install=false ;;
    --list) printf '%s\n' "${all_stages[@]}" arm64 tidy; exit 0 ;;
    dev | format | packages | booted | asan | tsan | fuzz | bench | clang | faults | arm64 | tidy) stages+=("$argument") ;;
    -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | head -n -1; exit 0 ;;
    *) echo "test.sh: unknown argument '$argument'; --help lists them" >&2; exit 2 ;;
  esac
done
[ ${#stages[@]} -gt 0 ] || stages=("${all_stages[@]}")

cache=${ENTITLE_CACHE:-${HOME:-/tmp}/.cache/entitled}
logs=$PWD/build/log
mkdir -p "$logs" || { echo "test.sh: $PWD/build cannot be written; clone the repository where you may write" >&2; exit 1; }
cores=$(nproc)
passed=0 failed=0 skipped=()

if $install; then
  packaging/dependencies.sh build test || { echo "0 passed, 1 failed"; exit 1; }
  # Tools of the heavy stages are a convenience: without them those stages are skipped, by name.
  if $ci && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then packaging/dependencies.sh heavy package || true; fi
fi
if command -v ccache >/dev/null && mkdir -p "$cache/ccache" 2>/dev/null; then
  export CCACHE_DIR=$cache/ccache CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=3G
  export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi

# --- time -------------------------------------------------------------------------------------------------------------
budget=$((28 * 60))
remaining() { echo $((budget - SECONDS)); }
# Seconds a stage takes: what it took here last time, and a third more; else what it takes on two cores with a cold
# compiler cache, measured and rounded up.
estimate() {
  local last
  if last=$(cat "$cache/seconds/$1" 2>/dev/null) && [[ $last =~ ^[0-9]+$ ]]; then echo $((last * 4 / 3 + 10)); return; fi
  case $1 in faults) echo 1800 ;; asan) echo 1400 ;; packages) echo 1000 ;; reproducible) echo 500 ;; tsan | bench | clang | fuzz | booted) echo 400 ;; *) echo 30 ;; esac
}
took() { mkdir -p "$cache/seconds" 2>/dev/null && echo "$2" >"$cache/seconds/$1"; }
skip() { skipped+=("$1"); echo "SKIPPED: $1: $2"; }
fits() {
  $ci || return 0
  # A whole second compilation; by hand first, so that CI never is who finds out how long it takes.
  if [ "$1" = reproducible ] && [ ! -f "$cache/seconds/reproducible" ]; then
    skip "$1" "it has not passed on this machine yet; by hand, which lets CI take it from then on: packaging/test.sh packages"
    return 1
  fi
  local needs
  needs=$(estimate "$1")
  [ "$(remaining)" -ge "$needs" ] && return 0
  skip "$1" "$((SECONDS / 60)) of $((budget / 60)) minutes are used and it needs about $(((needs + 59) / 60)); by hand: packaging/test.sh ${1/reproducible/packages}"
  return 1
}
have() {  # have STAGE TOOL...
  local stage=$1 tool
  shift
  for tool in "$@"; do
    command -v "$tool" >/dev/null || { skip "$stage" "$tool is not installed (packaging/dependencies.sh heavy)"; return 1; }
  done
}

# --- steps ------------------------------------------------------------------------------------------------------------
fail() { failed=$((failed + 1)); echo "FAILED: $1"; }

# run LOG COMMAND...: quiet; on failure the end of its output, which names the fault.
run() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null && return 0
  local status=$?
  echo "\$ $*"
  grep -nE 'error:|error |Error|FAILED:|undefined reference|SUMMARY:' "$log" | cut -c1-300 | head -n 30
  echo "... end of $log:"
  tail -n 25 "$log" | cut -c1-300
  return $status
}

# build STAGE PRESET [TARGET...]: configure and build.
build() {
  local stage=$1 preset=$2 started=$SECONDS options=()
  shift 2
  # A build directory of a tree that has moved since is configured afresh.
  local cached=build/$preset/CMakeCache.txt fresh=()
  if [ -f "$cached" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$cached"; then fresh=(--fresh); fi
  run "$logs/$stage-configure.log" cmake ${fresh[@]+"${fresh[@]}"} --preset "$preset" -DBUILD_TESTING=ON || { fail "$stage: configure"; return 1; }
  [ $# -eq 0 ] || options=(--target "$@")
  run "$logs/$stage-build.log" cmake --build "build/$preset" -j "$cores" ${options[@]+"${options[@]}"} ||
    { fail "$stage: build"; return 1; }
  echo "built in $((SECONDS - started)) s"
}

# ctest_in STAGE PRESET [ARGUMENT...]: runs, prints ctest's closing lines, adds to the totals.
ctest_in() {
  local stage=$1 preset=$2 started=$SECONDS log=$logs/$1-ctest.log junit=$logs/$1-ctest.xml
  shift 2
  rm -f "$junit"
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j "$cores" --output-junit "$junit" "$@" \
    >"$log" 2>&1 </dev/null
  local status=$?
  if [ ! -f "$junit" ]; then tail -n 20 "$log"; fail "$stage: ctest wrote no result"; return 1; fi
  local tests failures skips
  counted() { sed -n "s/^[[:space:]]*$1=\"\([0-9]*\)\".*/\1/p" "$junit" | head -n 1; }
  tests=$(counted tests) failures=$(counted failures) skips=$(counted skipped)
  passed=$((passed + tests - failures - skips)) failed=$((failed + failures))
  if [ $status -ne 0 ]; then
    grep -E '^ *[0-9]+/[0-9]+ Test.*(Failed|Timeout|Exception|Not Run)|Failure$|SUMMARY:|Expected|Actual|Which is|terminate called' "$log" |
      cut -c1-240 | head -n 80
    sed -n '/^The following tests FAILED/,/^Errors while/p' "$log" | head -n 60
    [ "$failures" -gt 0 ] || fail "$stage: ctest ended with status $status"
    echo "whole output: $log"
  elif [ "$skips" -gt 0 ]; then
    # GoogleTest's reason stands on the line after "Skipped".
    echo "$skips tests skipped themselves:"
    sed -n 's/^[[:space:]]*\([0-9]* - .*(Skipped)\)/  \1/p' "$log" | head -n 20
  fi
  grep -E '% tests passed' "$log"
  echo "ran in $((SECONDS - started)) s"
  return $status
}

# --- stages -----------------------------------------------------------------------------------------------------------
stage_dev() {
  build dev dev && ctest_in dev dev
  [ "$(id -u)" -ne 0 ] || { without_root daemon/daemon_platform_test 'Hardware.IdentifiersWeMayNotRead*:Store.AReadOnlyDirectory*' &&
    without_root client/client_test 'Identity.OurOwnDaemonIsNotTheSystems'; }
}
# without_root PROGRAM FILTER: the tests that root skips, as nobody.
without_root() {
  local program=$PWD/build/dev/tests/$1 log=$logs/without-root-${1#*/}.log another=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
  if ! "${another[@]}" test -x "$program"; then skip "$2" "user 65534 cannot reach $program"; return 0; fi
  if run "$log" env -C / HOME=/ "${another[@]}" "$program" --gtest_filter="$2" && ! grep -q '^\[  SKIPPED \]' "$log"; then
    passed=$((passed + $(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log")))
  else
    fail "without root: $2: $log"
  fi
}

stage_format() {
  have format clang-format || return 0
  local version
  version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
  [ "$version" = 14 ] || { skip format "the tree is formatted by clang-format 14, this is $version"; return 0; }
  find license proto daemon client server tests \( -name '*.h' -o -name '*.cpp' \) -print0 >"$logs/format.list"
  if run "$logs/format.log" xargs -0 -a "$logs/format.list" clang-format --dry-run -Werror --ferror-limit=1; then
    passed=$((passed + 1))
  else
    fail "format: clang-format -i FILE puts it right"
  fi
}

# Suppressions and switches of the sanitizers stand here and nowhere else.
stage_asan() {
  export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
  export UBSAN_OPTIONS=print_stacktrace=1
  build asan asan && ctest_in asan asan
}
# What has threads: the client, the wire, the HTTP server, the daemon's way to the authority, and files handed to it.
stage_tsan() {
  build tsan tsan client_test client_daemon_test proto_test http_test daemon_contact_test daemon_handed_file_test entitled entitlectl &&
    TSAN_OPTIONS=halt_on_error=1 ctest_in tsan tsan -L '^(client|proto)' &&
    TSAN_OPTIONS=halt_on_error=1 ctest_in tsan-threads tsan -L threads  # apart: each must find tests
}

stage_fuzz() {
  have fuzz clang++ || return 0
  build fuzz fuzz fuzz || return 1
  local target name seconds=${ENTITLE_FUZZ_SECONDS:-12} corpus
  for target in build/fuzz/tests/fuzz/*_fuzz; do
    [ -x "$target" ] || continue
    name=$(basename "$target")
    corpus=$cache/corpus/$name
    mkdir -p "$corpus" "$logs/fuzz"
    seeds=()
    [ -d "tests/fuzz/corpus/${name%_fuzz}" ] && seeds=("tests/fuzz/corpus/${name%_fuzz}")
    if run "$logs/$name.log" "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$logs/fuzz/$name-" "$corpus" ${seeds[@]+"${seeds[@]}"}; then
      echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$name.log") inputs in $seconds s, no finding"
      passed=$((passed + 1))
    else
      fail "$name: the input is in $logs/fuzz"
    fi
  done
}

stage_bench() {
  build bench release entitle_bench entitle_server_bench entitled entitlectl entitle-server || return 1
  local each
  # A missed mark is told, and fails nothing: only what does not work does.
  for each in entitle_bench entitle_server_bench; do
    if run "$logs/$each.log" build/release/tests/bench/$each --quick --json "$logs/$each.json"; then
      passed=$((passed + 1))
      cat "$logs/$each.log"
    else
      fail "$each"
    fi
  done
  echo "(in short, on a machine that was busy a moment ago; for figures: cmake --build build/release --target bench)"
}

stage_clang() {
  have clang clang++ || return 0
  build clang clang && passed=$((passed + 1))
}

# Both suites, each built inside a tree of its own; without root, this system's own suite alone and installed nowhere.
stage_packages() {
  command -v dpkg-buildpackage >/dev/null && command -v lintian >/dev/null ||
    { skip packages "the tools are not installed (packaging/dependencies.sh package)"; return 0; }
  local suites=(bookworm trixie) suite log status
  if [ "$(id -u)" -ne 0 ] || ! command -v mmdebstrap >/dev/null; then
    skip "packages of both suites" "a tree of another suite takes root and mmdebstrap; this system's own are built"
    suites=(host)
  fi
  for suite in "${suites[@]}"; do
    log=$logs/packages-$suite.log
    packaging/deb/build.sh --suite "$suite" --reuse >"$log" 2>&1 </dev/null
    status=$?
    if [ $status -eq 77 ]; then skip "packages for $suite" "$(tail -n 1 "$log")"; continue; fi
    cat "$log"
    if [ $status -ne 0 ]; then fail "packages for $suite"; continue; fi
    passed=$((passed + 1))
    [ "$suite" != host ] || continue
    if tests/packaging/installed.sh . "build/packages/$suite" "$suite" >"$log" 2>&1 </dev/null; then
      passed=$((passed + 1))
    else
      fail "packages installed on $suite"
    fi
    cat "$log"
  done
  # The second build compiles everything again where the compiler cache does not know it.
  fits reproducible || return 0
  local started=$SECONDS
  if run "$logs/reproducible.log" packaging/deb/reproduce.sh --suite "${suites[0]}"; then
    passed=$((passed + 1))
    tail -n 1 "$logs/reproducible.log"
    took reproducible $((SECONDS - started))
  else
    fail "packages: built twice, other bytes"
  fi
}

stage_arm64() {
  local status
  packaging/arm64.sh --junit "$logs/arm64.xml" >"$logs/arm64.log" 2>&1 </dev/null
  status=$?
  if [ $status -eq 77 ]; then skip arm64 "$(tail -n 1 "$logs/arm64.log")"; return 0; fi
  grep -E '% tests passed|tests failed out of' "$logs/arm64.log"
  if [ $status -eq 0 ]; then passed=$((passed + 1)); return 0; fi
  grep -nE 'error:|Failed|FAILED' "$logs/arm64.log" | cut -c1-300 | head -n 30
  tail -n 20 "$logs/arm64.log"
  fail "arm64: whole output in $logs/arm64.log"
}

# What the stage before has built from this very source is taken as it is.
stage_booted() {
  local suite log status
  for suite in bookworm trixie; do
    log=$logs/booted-$suite-packages.log
    if $ci && ! ls "build/packages/$suite"/*.deb >/dev/null 2>&1; then
      skip "booted on $suite" "its packages are not built; by hand: packaging/test.sh booted"
      continue
    fi
    packaging/deb/build.sh --suite "$suite" --reuse --no-lintian >"$log" 2>&1 </dev/null
    status=$?
    if [ $status -eq 77 ]; then skip "booted on $suite" "$(tail -n 1 "$log")"; continue; fi
    if [ $status -ne 0 ]; then cat "$log"; fail "booted on $suite: its packages"; continue; fi
    log=$logs/booted-$suite.log
    tests/booted/run.sh --suite "$suite" >"$log" 2>&1 </dev/null
    status=$?
    if [ $status -eq 77 ]; then skip "booted on $suite" "$(tail -n 1 "$log" | sed 's/^SKIPPED: booted: //')"; continue; fi
    grep -vE '^[^ ]*: (ok|skipped) ' "$log"
    sed -n 's/^\([^ ]*\): skipped /SKIPPED: \1: /p' "$log"
    passed=$((passed + $(grep -cE '^[^ ]*: ok ' "$log"))) failed=$((failed + $(grep -cE '^[^ ]*: FAILED' "$log")))
    [ $status -eq 0 ] || grep -qE '^[^ ]*: FAILED' "$log" || fail "booted on $suite: see $log"
  done
}

# campaign NAME PROGRAM FILTER [NAME=VALUE...]: one whole campaign, and its figures.
campaign() {
  local name=$1 program=build/dev/tests/$2 filter=$3 started=$SECONDS log=$logs/faults-$1.log each count
  shift 3
  if run "$log" env "$@" "$program" --gtest_filter="$filter" --gtest_output="xml:$logs/faults-$name.xml"; then
    count=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log")
    passed=$((passed + ${count:-0}))
    grep -q '^\[ RUN ' "$log" || fail "faults/$name: nothing is called $filter"
    if grep -q '^\[  SKIPPED \]' "$log"; then skip "faults/$name" "$(grep -m 1 -A 1 'Skipped$' "$log" | tail -n 1)"; fi
  else
    fail "faults/$name: $log"
  fi
  echo "$name: $((SECONDS - started)) s"
  # What a test tells of itself: lines of its own, and properties.
  grep -vE '^\[|^Note: |^Running main|^$|^[^ ]*: Skipped' "$log" | head -n 20 | sed 's/^/  /'
  for each in $(sed -n 's/.*<property name="\([a-z]*\)" value="\([0-9]*\)".*/\1=\2/p' "$logs/faults-$name.xml" 2>/dev/null); do echo "  $each"; done
}

stage_faults() {
  build faults dev online_test serve_process_test serve_return_test simulation_test store_contract_test || return 1
  local database
  for database in sqlite postgresql; do
    campaign "network-$database" e2e/online_test 'Faults.*:Killed.*' ENTITLE_FAULT_OFFSETS="${ENTITLE_FAULT_OFFSETS:-40}" ENTITLE_TEST_DATABASE=$database
  done
  campaign server-killed server/serve_process_test '*KilledAtAnyStep*' ENTITLE_TEST_EVERY_STEP=1
  campaign database-restarted server/serve_process_test '*RestartedUnderLoad*' ENTITLE_TEST_RESTARTS=10
  campaign database-lost server/store_contract_test 'Failover.*:*FaultTest*:*PostgresqlTest*'
  campaign all-at-once server/serve_return_test '*' ENTITLE_TEST_DAEMONS=10000
  campaign years simulation/simulation_test 'Simulation.NoHistoryBreaksAPromise' ENTITLE_SIMULATION_RUNS=20
  campaign a-year simulation/simulation_test 'Simulation.NoHistoryBreaksAPromise' ENTITLE_SIMULATION_RUNS=1 ENTITLE_SIMULATION_DAYS=400
}

stage_tidy() {
  have tidy clang-tidy run-clang-tidy || return 0
  build tidy clang || return 1
  if run "$logs/tidy.log" run-clang-tidy -quiet -p build/clang -j "$cores" "$PWD/(license|proto|daemon|client|server)/.*"; then
    passed=$((passed + 1))
  else
    fail "tidy: see $logs/tidy.log"
  fi
}

for stage in "${stages[@]}"; do
  echo "== $stage"
  fits "$stage" || continue
  started=$SECONDS before=$failed skips=${#skipped[@]}
  "stage_$stage"
  # Only what ran whole tells how long it takes.
  [ "$failed" -ne "$before" ] || [ ${#skipped[@]} -ne "$skips" ] || took "$stage" $((SECONDS - started))
  echo "$stage: $((SECONDS - started)) s"
done
[ ${#skipped[@]} -eq 0 ] || echo "skipped stages: ${skipped[*]}"
echo "all stages: $SECONDS s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
