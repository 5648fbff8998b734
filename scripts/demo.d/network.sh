# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # node, log, agent and failed are the story teller's: scripts/demo
# Step 9: the authority on the network. A code in place of request files, a node that follows. Sourced by scripts/demo.

heading "9. The authority on the network: one code, then one word a day"
port_of_cda=$(($("$node" port authority) + 10000))
url=https://127.0.0.1:$port_of_cda
must root@authority "echo 'listen: \"127.0.0.1:$port_of_cda\"' > /etc/xos/cda.yaml"
show root@authority "start xos-cda"
"$node" service authority start xos-cda >>"$log" 2>&1 || { failed=1; echo '!! xos-cda did not start'; }
must root@authority "xos vo serve physics $url"
must root@authority "xos member add user4@physics --group analysis --invite" | tee "$XOS_CACHE/demo.invitation"
code=$(sed -n 's/^ *xos enroll [^ ]* \(.*\)$/\1/p' "$XOS_CACHE/demo.invitation")
rm -f "$XOS_CACHE/demo.invitation"
must root@node "xos vo trust $url/v1/physics/bundle"

must root@desk 'useradd -m -s /bin/bash user4'
user4="export SSH_AUTH_SOCK=/tmp/user4.agent"
show user4@desk "eval \$(ssh-agent -a /tmp/user4.agent)"
"$node" exec desk --user user4 -- ssh-agent -a /tmp/user4.agent >>"$log"
as_user4() { # LINE
  show user4@desk "$1"
  "$node" exec desk --user user4 -- bash -c "$user4; $1" 2>&1
}
as_user4 "xos enroll $url $code" || { failed=1; echo '!! the command above was expected to succeed'; }
as_user4 "xos login" || { failed=1; echo '!! the command above was expected to succeed'; }
as_user4 "ssh user4@physics@node id -un" || { failed=1; echo '!! the command above was expected to succeed'; }
must root@authority 'xos member suspend user4@physics'
must root@node 'xos vo refresh physics; xos vo trusted'
if as_user4 "ssh user4@physics@node id -un"; then failed=1; echo '!! the command above was expected to be refused'; fi
node_log
if as_user4 "xos login --renew"; then failed=1; echo '!! the command above was expected to be refused'; fi
