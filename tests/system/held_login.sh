# shellcheck shell=bash
# Logins that are held at a step while something is done to xosd. Sourced after attack.sh.
#
#   can_hold                 attacked_vo, and from then on a login can be held at: asked (before the keys command asks),
#                            answered (after), account, open (before PAM's session), opened (after), close
#   hold_at STEP CMD         a login in the background that waits there; CMD -N is none
#   go_on                    it does | ended   waits for its end: "STATUS what it said" in $TEST_DIR/ended
#   was_refused WHEN (and the log says so) | was_right WHEN | local_login WHEN
#   nothing_left WHEN        what is there is what was there before, and members log in
#   signal_xosd SIGNAL
can_hold() {
  attacked_vo
  authorize_key node local1
  # a step is held while /run/hold/STEP is there
  on node sh -c 'install -d -m 1777 /run/hold
  cat >/usr/local/sbin/hold <<"END"
#!/bin/sh
[ -e "/run/hold/$1" ] || exit 0
: >"/run/hold/$1.reached"
while [ -e "/run/hold/$1" ]; do sleep 0.05; done
END
  mv /usr/libexec/xos/xos-ssh-keys /usr/libexec/xos/xos-ssh-keys.asked
  cat >/usr/libexec/xos/xos-ssh-keys <<"END"
#!/bin/sh
case $3 in *-cert-*) hold() { /usr/local/sbin/hold "$1"; };; *) hold() { :; };; esac
hold asked
/usr/libexec/xos/xos-ssh-keys.asked "$@"
status=$?
hold answered
exit $status
END
  chmod 755 /usr/local/sbin/hold /usr/libexec/xos/xos-ssh-keys
  at() { echo "$1 optional pam_exec.so quiet $2/usr/local/sbin/hold $3"; }
  { sed "/@include common-account/,\$d" /etc/pam.d/sshd; at account "" account
    sed -n "/@include common-account/,\$p" /etc/pam.d/sshd | sed "/@include common-session/,\$d"
    at session "type=open_session " open; at session "type=close_session " close
    sed -n "/@include common-session/p" /etc/pam.d/sshd; at session "type=open_session " opened
    sed "1,/@include common-session/d" /etc/pam.d/sshd; } >/root/sshd.pam && cp /root/sshd.pam /etc/pam.d/sshd'
  check_output "the login can be held" '^6$' on node sh -c 'cat /etc/pam.d/sshd /usr/libexec/xos/xos-ssh-keys | grep -cE "sbin/hold [aoc]|^hold a"'
  login "and goes on when it is not"
  NOTHING=$(settled_traces)
}
hold_at() {
  STEP=$1
  log_mark
  on node sh -c 'touch "/run/hold/$1"; rm -f /run/hold/*.reached' sh "$STEP"
  forged_ssh "$2" >"$TEST_DIR/held" 2>&1 </dev/null &
  LOGIN=$!
  wait_for 30 on node test -e "/run/hold/$STEP.reached" || _fail "the login comes to $STEP" "it did not" "$TEST_DIR/held"
}
go_on() { on node rm "/run/hold/$STEP"; }
local_login() { check_output "$1: a local user logs in" '^local1$' ssh_to node local1 id -un; }
ended() { local rc=0; wait "$LOGIN" || rc=$?; echo "$rc $(tr '\n' ' ' <"$TEST_DIR/held")" >"$TEST_DIR/ended"; }
was_refused() {
  check_output "$1: the login is refused" '^(254|255) ' cat "$TEST_DIR/ended"
  check_fails "$1: and ran nothing" grep 'uid=' "$TEST_DIR/ended"
  check_logged "$1: the log says why" "(login|account|session) refused:? user=$VICTIM .*reason=\"(xosd does not answer|.*xosd)"
}
was_right() { check_output "$1" "^0 uid=[0-9]+\\($VICTIM\\)" cat "$TEST_DIR/ended"; }
nothing_left() {
  check_same_traces "$1: nothing is left" "$NOTHING"
  login "$1: then members log in"
}
signal_xosd() {
  # shellcheck disable=SC2016
  on node sh -c 'kill -"$1" "$(cut -d" " -f1 /run/node/xosd.pid)"' sh "$1"
}
