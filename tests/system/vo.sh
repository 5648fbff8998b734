# shellcheck shell=bash
# A VO for system tests: its authority, a desk with its users, and a node that trusts it. Sourced after harness.sh.
#
#   vo_up [node [PACKAGES]]   $VO, its authority, the desk (users user1, user2, thief) and the node; with "node" given,
#                             authority and desk are one machine. The node has the local user local1.
#                             PACKAGES, with commas, are Debian's that node and desk have besides; $NODE_PACKAGES, ours
#                             that the node has: empty for a node without.
#   members USER..            become members of $VO, in the group analysis
#   bundle NAME               the VO's bundle of now: $TEST_DIR/NAME, on the node /root/NAME
#   node_trusts NAME          takes that bundle for the first time, with the fingerprint
#   node_policy               the node's policy from standard input, then reload
#   certify DESK_USER LOGIN FILE [OPTION..]   request, issue, carry back: ~DESK_USER/FILE
#   credential_of DESK_USER LOGIN             the same, then xos login into an agent of its own
#   desk USER CMD..           as that user at the desk, with the agent
#   vo_ssh [OPTION..] LOGIN [CMD]             user1's ssh from the desk to the node
#   log_mark | check_logged NAME REGEX        what the node's logs said since the mark
#   traces                    all that a login leaves on the node: sessions, homes, keys, processes
#   settled_traces            the same, once nothing ends any more | check_same_traces NAME TRACES
# $NODE is the node's host name, $FINGERPRINT the VO key's, $UIDS the first and last uid of the VO, in hexadecimal.
# Bodies for "on" are in single quotes: they expand in the node.
AUTHORITY=authority
VO=physics-$$
NODE=$(node_name node)
FINGERPRINT='' UIDS=''

vo_up() {
  local user more=${2:+,$2}
  if [ "${1:-}" = node ]; then
    AUTHORITY=desk
    node_up desk --packages "xos-cda,xos-client,openssh-client$more"
  else
    node_up authority --packages xos-cda,xos-client
    node_up desk --packages "xos-client,openssh-client$more"
  fi
  local ours=${NODE_PACKAGES-xosd,libnss-xos,libpam-xos,xos-client}$more
  node_up node --packages "${ours#,}"
  for user in user1 user2 thief; do on desk useradd -m -s /bin/bash $user; done
  on node useradd -m -s /bin/bash local1
  on "$AUTHORITY" xos vo create "$VO" >"$TEST_DIR/vo" || { _fail "the VO $VO is made" "xos vo create failed"; exit 1; }
  FINGERPRINT=$(grep -o 'SHA256:[A-Za-z0-9+/]*' "$TEST_DIR/vo")
  UIDS=$(sed -n 's/^uids: *0x\([0-9a-f]*\)-0x\([0-9a-f]*\)$/\1 \2/p' "$TEST_DIR/vo")
}
members() { local user; for user; do on "$AUTHORITY" xos member add "$user@$VO" --group analysis >/dev/null; done; }
bundle() {
  on "$AUTHORITY" sh -c 'xos vo export "$1" -o /root/bundle >/dev/null && cat /root/bundle' sh "${2:-$VO}" >"$TEST_DIR/$1"
  give node "/root/$1" <"$TEST_DIR/$1"
}
give() { on "$1" sh -c 'cat >"$1"; chmod 644 "$1"' sh "$2"; } # MACHINE PATH, from standard input
node_trusts() { on node xos vo trust "/root/$1" --fingerprint "$FINGERPRINT" >/dev/null; }
node_policy() { on node sh -c 'cat >/etc/xos/node.yaml && xos node reload' >/dev/null; }

certify() {
  local user=$1 login=$2 file=$3
  shift 3
  desk "$user" sh -c 'xos credential request "$1" -o ~/request >/dev/null && cat ~/request && rm ~/request' sh "$login" |
    on "$AUTHORITY" sh -c 'login=$1; shift; cat >/root/request && xos credential issue "$login" /root/request "$@" -o /root/issued >/dev/null &&
      cat /root/issued; rm -f /root/issued' sh "$login" "$@" | give desk "/home/$user/$file"
}
credential_of() {
  certify "$1" "$2" "$2.cred"
  desk "$1" xos login "$2" --credential "$2.cred" >/dev/null
}
desk() {
  local user=$1
  shift
  on_as desk "$user" bash -c 'export SSH_AUTH_SOCK=/tmp/$USER.agent
    [ -S "$SSH_AUTH_SOCK" ] || ssh-agent -a "$SSH_AUTH_SOCK" >/dev/null; exec "$@"' bash "$@"
}
desk_ssh() { # USER [OPTION..] DESTINATION [CMD]
  local user=$1
  shift
  desk "$user" ssh -o BatchMode=yes -o LogLevel=ERROR "$@"
}
vo_ssh() {
  local options=()
  while [[ $1 = -* ]]; do case $1 in -o) options+=("$1" "$2"); shift 2;; *) options+=("$1"); shift;; esac; done
  local login=$1
  shift
  desk_ssh user1 "${options[@]}" "$login@$NODE" "$@"
}

log_mark() { LOG_AT=$(on node sh -c 'for f in xosd.log syslog; do wc -l <"/var/log/$f"; done'); }
since_mark() {
  # shellcheck disable=SC2086  # two numbers
  on node sh -c 'tail -n "+$(($1 + 1))" /var/log/xosd.log; tail -n "+$(($2 + 1))" /var/log/syslog' sh $LOG_AT
}
_logged() { since_mark | grep -E -- "$1" >/dev/null; } # not -q: it would end the pipe early
check_logged() {
  if wait_for 5 _logged "$2"; then _pass "$1"; return; fi
  since_mark >"$TEST_DIR/output"
  _fail "$1" "no line of the log matches '$2'" "$TEST_DIR/output"
}
traces() {
  # shellcheck disable=SC2086  # two numbers
  on node bash -c 'xos session list | tail -n +2
    ls -A /home/xos/* 2>/dev/null
    first=$((16#$1)) last=$((16#$2))
    # a uid keeps two keyrings until the machine restarts, both empty: pam_keyinit(8) makes the kernel make them
    while IFS=" :/" read -r uid _ keys _; do ((uid < first || uid > last || keys <= 2)) || echo "keys of $uid: $keys"; done </proc/key-users
    while read -r uid; do ((uid < first || uid > last)) || echo "process of $uid"; done < <(find /proc -maxdepth 1 -name "[0-9]*" -printf "%U\n" 2>/dev/null)' bash $UIDS
}
settled_traces() { # when what is ending has ended
  local before='' now
  now=$(traces)
  until [ "$now" = "$before" ]; do before=$now; sleep 0.2; now=$(traces); done
  echo "$now"
}
check_same_traces() { # NAME TRACES
  local end=$((SECONDS + 10))
  until [ "$(traces)" = "$2" ]; do
    [ $SECONDS -lt $end ] || { diff <(echo "$2") <(traces) >"$TEST_DIR/output"; _fail "$1" "other traces than before" "$TEST_DIR/output"; return; }
    sleep 0.2
  done
  _pass "$1"
}
