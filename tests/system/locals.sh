# shellcheck shell=bash
# Local people on $NODE, sourced after vo.sh: root, local1 and local2 come in by every way, a member does or does not.
#
#   locals_up                 after vo_up and node_policy: keys, local2, sudo; a credential for user1
#   check_locals STATE        root and local users: ssh by key, with a terminal, su, su -, sudo, as cron runs a command
#   member_comes_in           user1 of $VO by ssh
#   member_in_time            the same, ended after a minute
#   check_member_refused STATE
locals_up() {
  credential_of user1 "user1@$VO"
  authorize_key node root
  authorize_key node local1
  on node useradd -m -s /bin/bash local2
  on node sh -c 'echo "local1 ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/local1; chmod 440 /etc/sudoers.d/local1'
  PORT=$(node_port node)
  member_ssh="$(declare -f vo_ssh desk_ssh desk); on_as() { shift; $TESTS_TOP/scripts/node exec $(node_name desk) --user \"\$1\" -- \"\${@:2}\"; }
    NODE=$NODE; vo_ssh user1@$VO true"
}

# The limit is no measurement: it ends a login that waits for something.
in_time() { timeout 20 bash -c "$(declare -p TESTS_TOP SSH_KEY PORT NODE); $(declare -f "$1"); \"\$@\"" bash "$@"; }
local_ssh() {
  ssh -F none -p "$PORT" -i "$SSH_KEY" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"
}
in_node() { "$TESTS_TOP/scripts/node" exec "$NODE" -- "$@"; }
check_locals() { # STATE
  check_output "$1: root logs in by key" '^root 0 ' in_time local_ssh root@127.0.0.1 'echo $(id -un) $(id -u) $(id -Gn)'
  check_output "$1: a local user logs in by key, with a terminal" '^local1 /home/local1 /dev/pts/' \
    in_time local_ssh -tt local1@127.0.0.1 'echo $(id -un) $PWD $(tty)'
  check_output "$1: su" '^local1$' in_time in_node su local1 -c 'id -un'
  check_output "$1: su -" '^local1 /home/local1$' in_time in_node su - local1 -c 'echo $(id -un) $PWD'
  check_output "$1: sudo" '^local2$' in_time local_ssh local1@127.0.0.1 'sudo -n -u local2 id -un'
  check_output "$1: sudo -i to root" '^root /root$' in_time local_ssh local1@127.0.0.1 'sudo -n -i sh -c "echo \$(id -un) \$PWD"'
  check_output "$1: a command without a terminal, as cron runs it" '^local2 ' \
    in_time in_node env -i PATH=/usr/bin:/bin setsid su local2 -s /bin/sh -c 'echo $(id -un) $(id -Gn)'
  check_output "$1: names are found" '^local1:x:' in_time in_node getent passwd local1
  check_fails "$1: and the absence of others too" in_time in_node getent passwd nobody-has-this-name
}
member_comes_in() { [ "$(vo_ssh "user1@$VO" id -un 2>&1)" = "user1@$VO" ]; }
member_in_time() { timeout 60 bash -c "$member_ssh"; }
check_member_refused() { check_refused "$1: a member is refused" 'Permission denied|Connection closed' member_in_time; }
