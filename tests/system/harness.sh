# shellcheck shell=bash
# What a system test sources: checks that print "ok NAME" or "not ok NAME", and nodes that go when the test ends.
#
#   check NAME CMD..                  CMD succeeds
#   check_fails NAME CMD..            CMD fails by itself (not by a signal, and the command exists)
#   check_output NAME PATTERN CMD..   CMD succeeds and its output has a line that matches the extended regex
#   check_refused NAME PATTERN CMD..  CMD fails, and what it says has a line that matches: the reason is part of it
#   wait_for SECONDS CMD..            retries CMD until it succeeds
#   node_up NAME [ARG..]              scripts/node up; the node is brought down at the end
#   on NODE CMD.. | on_as NODE USER CMD..   runs CMD in the node
#   ssh_to NODE [OPT..] LOGIN CMD..   stock ssh from this machine, with $SSH_KEY; batch mode
#   note TEXT..                       a line for the reader
#   skip REASON                       ends the test as skipped; with XOS_TESTS_MUST_RUN=1 as failed
# The test's own files go to $TEST_DIR. Node names get a suffix of their own: node names are the machine's.
set -uo pipefail
TESTS_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TEST_NAME=$(basename "$0" .test)
TEST_DIR=$(mktemp -d "/tmp/xos-test-$TEST_NAME.XXXXXX")
SSH_KEY=$TEST_DIR/key
PASSED=0 FAILED=0 NODES_UP=()

_end() {
  local rc=$? name
  trap - EXIT INT TERM
  for name in "${NODES_UP[@]}"; do
    if [ $rc != 0 ] || [ $FAILED != 0 ]; then _show_logs "$name"; fi
    "$TESTS_TOP/scripts/node" down "$name" || FAILED=$((FAILED + 1))
  done
  rm -rf "$TEST_DIR"
  if [ $rc != 0 ] && [ $rc != 77 ]; then _fail "$TEST_NAME ran to its end" "exit status $rc"; fi
  echo "# $TEST_NAME: passed=$PASSED failed=$FAILED"
  [ $rc = 77 ] && exit 77
  [ $FAILED = 0 ] || exit 1
  [ $PASSED != 0 ] || { echo "# $TEST_NAME checked nothing"; exit 1; }
  exit 0
}
trap _end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

_show_logs() {
  echo "# the end of $1's logs:"
  "$TESTS_TOP/scripts/node" exec "$1" -- tail -n 15 /var/log/syslog /var/log/xosd.log 2>&1 | sed 's/^/#   /'
}
_pass() { PASSED=$((PASSED + 1)); echo "ok $1"; }
_fail() { # NAME REASON [OUTPUT_FILE]
  FAILED=$((FAILED + 1))
  echo "not ok $1"
  echo "#   $2"
  if [ -n "${3:-}" ]; then tail -n 20 "$3" | sed 's/^/#   | /'; fi
  return 1
}
_run() { # CMD.. ; sets RC, leaves what it said in $TEST_DIR/output
  "$@" >"$TEST_DIR/output" 2>&1 </dev/null
  RC=$?
}

check() {
  local name=$1; shift
  _run "$@"
  if [ $RC = 0 ]; then _pass "$name"; else _fail "$name" "exit status $RC: $*" "$TEST_DIR/output"; fi
}
check_fails() {
  local name=$1; shift
  _run "$@"
  case $RC in
    0) _fail "$name" "succeeded: $*" "$TEST_DIR/output";;
    126|127|12[89]|1[3-9]?) _fail "$name" "did not fail by itself (exit status $RC): $*" "$TEST_DIR/output";;
    *) _pass "$name";;
  esac
}
check_output() {
  local name=$1 pattern=$2; shift 2
  _run "$@"
  if [ $RC != 0 ]; then _fail "$name" "exit status $RC: $*" "$TEST_DIR/output"
  elif grep -Eq -- "$pattern" "$TEST_DIR/output"; then _pass "$name"
  else _fail "$name" "no line matches '$pattern': $*" "$TEST_DIR/output"; fi
}
check_refused() {
  local name=$1 pattern=$2; shift 2
  _run "$@"
  if [ $RC = 0 ]; then _fail "$name" "succeeded: $*" "$TEST_DIR/output"
  elif grep -Eq -- "$pattern" "$TEST_DIR/output"; then _pass "$name"
  else _fail "$name" "failed ($RC), but no line matches '$pattern': $*" "$TEST_DIR/output"; fi
}
wait_for() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}
note() { echo "# $*"; }
skip() {
  if [ "${XOS_TESTS_MUST_RUN:-}" = 1 ]; then
    _fail "$TEST_NAME can run here" "$*" || true
    exit 1
  fi
  echo "ok $TEST_NAME # SKIP $*"
  exit 77
}

node_name() { echo "$1-$$"; }
node_up() {
  local name
  name=$(node_name "$1"); shift
  "$TESTS_TOP/scripts/node" up "$name" "$@" || { _fail "node $name comes up" "scripts/node failed"; exit 1; }
  NODES_UP+=("$name")
}
node_down() {
  local name kept=() other
  name=$(node_name "$1")
  for other in "${NODES_UP[@]}"; do [ "$other" = "$name" ] || kept+=("$other"); done
  NODES_UP=("${kept[@]}")
  "$TESTS_TOP/scripts/node" down "$name"
}
on() { local name; name=$(node_name "$1"); shift; "$TESTS_TOP/scripts/node" exec "$name" -- "$@"; }
on_as() { local name user=$2; name=$(node_name "$1"); shift 2; "$TESTS_TOP/scripts/node" exec "$name" --user "$user" -- "$@"; }
service() { local name; name=$(node_name "$1"); shift; "$TESTS_TOP/scripts/node" service "$name" "$@"; }
node_port() { "$TESTS_TOP/scripts/node" port "$(node_name "$1")"; }
authorize_key() { # NODE USER ; $SSH_KEY, made on first use, opens the local user's account
  local home
  [ -e "$SSH_KEY" ] || ssh-keygen -q -t ed25519 -N '' -f "$SSH_KEY"
  home=$(on "$1" getent passwd "$2" | cut -d: -f6)
  # shellcheck disable=SC2016  # expands in the node
  on "$1" sh -c 'install -d -m 700 -o "$1" "$2/.ssh"; cat >"$2/.ssh/authorized_keys"; chown "$1" "$2/.ssh/authorized_keys"' \
    sh "$2" "$home" <"$SSH_KEY.pub"
}
ssh_to() { # NODE [-o OPT].. LOGIN CMD..
  local port options=()
  port=$(node_port "$1"); shift
  while [ "$1" = -o ]; do options+=("$1" "$2"); shift 2; done
  local login=$1; shift
  ssh -F none -p "$port" -i "$SSH_KEY" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "${options[@]}" -l "$login" 127.0.0.1 "$@"
}
