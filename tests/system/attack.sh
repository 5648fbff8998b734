# shellcheck shell=bash disable=SC2034  # what tests that source it use
# Attacks of system tests: credentials that the VO's own CA has signed but never would have, and what must become of
# them. Sourced after vo.sh; the desk is the authority.
#
#   attacked_vo                         vo_up node with members user1 to user3; user1's genuine credential, the CA's key and
#                                       keys of the attacker's own in the desk's /root/attack; has checked that what is
#                                       forged with nothing spoilt logs in. $NOTHING is what traces says before any attack
#   at_desk CMD..                       runs CMD in that folder
#   forge [FIELD=VALUE..]               the SSH certificate "forged" made by forge.pl
#   forged_ssh [OPTION..] [CMD]         ssh to the node as $VICTIM with it and the key $ATTACK_KEY; CMD is true if absent
#   login NAME                          that logs in
#   check_refused_and_said NAME REASON CMD..   CMD is refused by sshd, the node's log has REASON since then, the audit log
#                                       has a refusal where one is due (REASON is one of xosd's), and nothing is left
#   attack NAME REASON [FIELD=VALUE..]  forges and checks that
VICTIM=user1@$VO
REFUSED="login refused user=$VICTIM service=sshd"
ATTACK_KEY=own.pem
NOTHING=''

at_desk() { on desk sh -c 'mkdir -p -m 700 /root/attack; cd /root/attack && exec "$@"' sh "$@"; }
attacked_vo() {
  vo_up node
  members user1 user2 user3
  bundle first
  node_trusts first
  node_policy <<<$'policy:\n  - allow: [login, pty, su]\n    vo: '"$VO"
  certify user1 "user1@$VO" "user1@$VO.cred"
  give desk /root/forge.pl <"$TESTS_TOP/tests/system/forge.pl"
  # shellcheck disable=SC2016  # expands at the desk
  at_desk sh -c 'umask 077; cat "/home/user1/$1.cred" >genuine.pem
    openssl pkey -in "$(echo /var/lib/xos-cda/keys/*/ca.pem)" -passin file:/etc/xos/cda.key -out ca.key
    for key in own thief other; do openssl genpkey -algorithm ed25519 -out $key.pem; ssh-keygen -y -f $key.pem >$key.pem.pub; done' sh "user1@$VO"
  forge
  login "a credential in which nothing is spoilt logs in"
  NOTHING=$(settled_traces)
}
forge() {
  # shellcheck disable=SC2016
  at_desk sh -c 'perl /root/forge.pl template=genuine.pem key=own.pem ca-key=ca.key "principals=$0" "$@" >forged' "$VICTIM" "$@" ||
    _fail "forge.pl $*" "it failed"
}
forged_ssh() {
  local options=()
  while [[ ${1:-} = -* ]]; do case $1 in -N) options+=("$1"); shift;; *) options+=("$1" "$2"); shift 2;; esac; done
  at_desk ssh -o BatchMode=yes -o LogLevel=ERROR -o IdentitiesOnly=yes -o IdentityAgent=none -o CertificateFile=forged \
    -i "$ATTACK_KEY" "${options[@]}" -l "$VICTIM" "$NODE" "${@:-true}"
}
login() { check_output "$1" "^$VICTIM\$" forged_ssh id -un; } # with what was forged last
audit_mark() { AUDIT_AT=$(on node sh -c 'cat /var/log/xos/audit.log 2>/dev/null | wc -l'); }
check_audited() { # NAME ; one refusal has been recorded since audit_mark, by a node that keeps records
  on node test -e /var/log/xos/audit.log || return 0
  on node tail -n "+$((AUDIT_AT + 1))" /var/log/xos/audit.log >"$TEST_DIR/audit"
  check "$1" test "$(grep -c '"decision":"refuse"' "$TEST_DIR/audit")" = 1
}
check_refused_and_said() {
  local name=$1 reason=$2
  shift 2
  log_mark
  audit_mark
  check_refused "$name: refused" 'Permission denied' "$@"
  check_logged "$name: the log says why" "$reason"
  case $reason in "login refused"*|"session refused"*) check_audited "$name: it is recorded once";; esac
  check_same_traces "$name: nothing is left" "$NOTHING"
}
attack() {
  local name=$1 reason=$2
  shift 2
  forge "$@" && check_refused_and_said "$name" "$reason" forged_ssh
}
