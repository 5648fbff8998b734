# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034  # node, log, agent and failed are the story teller's: scripts/demo
# Steps 1 to 5: from nothing to a session of a user who has no account. Sourced by scripts/demo.

heading "1. The manager makes a VO; the owner of the node decides to trust it"
must root@authority 'xos vo create physics'
must root@authority 'xos member add user1@physics --group analysis'
must root@authority 'xos member add user2@physics'
must root@authority 'xos vo export physics -o physics.bundle'
fingerprint=$("$node" exec authority -- xos vo show physics | grep -o 'SHA256:[A-Za-z0-9+/]*' | head -n1)
copy authority:/root/physics.bundle node:/root/physics.bundle
refused root@node "xos vo trust physics.bundle"
must root@node "xos vo trust physics.bundle --fingerprint $fingerprint"
show root@node "cat /etc/xos/node.yaml"
"$node" exec node -- tee /etc/xos/node.yaml <<'EOF'
policy:
  - allow: [login, pty, su, submit, checkpoint]
    vo: physics
  - deny: login
    user: user2@physics
    reason: not on this node
EOF
must root@node 'xos node reload'

heading "2. The user makes a key, has it certified, and logs in for the day"
must user1@desk 'xos credential request user1@physics -o user1.req'
copy desk:/home/user1/user1.req authority:/root/user1.req
must root@authority 'xos credential issue user1@physics user1.req -o user1.cred'
copy authority:/root/user1.cred desk:/home/user1/user1.cred
show user1@desk "eval \$(ssh-agent -a $agent)"
"$node" exec desk --user user1 -- ssh-agent -a "$agent" >>"$log"
must user1@desk "xos login user1@physics --credential user1.cred"
must user1@desk "xos whoami"

heading "3. No account on the node, yet a name, a session, a home"
refused root@node 'grep user1 /etc/passwd'
must root@node 'getent passwd user1@physics'
must root@node 'getent group analysis@physics members@physics'
must root@node 'id user1@physics'
must user1@desk "ssh user1@physics@node 'id; keyctl show @s; grep xos:credential /proc/keys; ls -ld ~; ls -la ~'"
must user1@desk "ssh -tt user1@physics@node 'tty; echo \$XOS_USER of \$XOS_VO'"

heading "4. Who is refused, and what the node's log says of it"
node_log nothing
# a user of another VO, with a credential as good as any
must root@authority 'xos vo create bio >/dev/null; xos member add user1@bio'
must user1@desk 'xos credential request user1@bio -o bio.req'
copy desk:/home/user1/bio.req authority:/root/bio.req
must root@authority 'xos credential issue user1@bio bio.req -o bio.cred'
copy authority:/root/bio.cred desk:/home/user1/bio.cred
must user1@desk "xos login user1@bio --credential bio.cred"
refused user1@desk "ssh user1@bio@node id"
node_log
must user1@desk "xos logout user1@bio"

# an expired credential: its key file offered by hand, since the agent has dropped it
must user1@desk 'xos credential request user1@physics -o user1.req'
copy desk:/home/user1/user1.req authority:/root/user1.req
must root@authority 'xos credential issue user1@physics user1.req --lifetime 3s -o short.cred'
copy authority:/root/short.cred desk:/home/user1/short.cred
must user1@desk "xos login user1@physics --credential short.cred; sleep 4"
refused user1@desk "ssh -o IdentityAgent=none -i ~/.config/xos/physics/user1.key -o CertificateFile=~/.config/xos/physics/user1-cert.pub user1@physics@node id"
node_log
must user1@desk "xos login user1@physics --credential user1.cred"

# user1's public credential, wrapped by a thief around a key of his own
copy desk:/home/user1/user1.cred desk:/tmp/stolen.cred
must thief@desk 'ssh-keygen -q -t ed25519 -N "" -f k
ssh-keygen -q -s k -I theft -n user1@physics -O "extension:xos-cert@xtreemos.org=$(cat /tmp/stolen.cred)
" k.pub'
refused thief@desk 'ssh -i k user1@physics@node id'
node_log

# a user whom the node's own policy denies
must root@desk 'useradd -m -s /bin/bash user2'
must user2@desk 'xos credential request user2@physics -o user2.req'
copy desk:/home/user2/user2.req authority:/root/user2.req
must root@authority 'xos credential issue user2@physics user2.req -o user2.cred'
copy authority:/root/user2.cred desk:/home/user2/user2.cred
refused user2@desk 'eval $(ssh-agent) >/dev/null; xos login user2@physics --credential user2.cred; ssh user2@physics@node id; rc=$?; ssh-agent -k >/dev/null; exit $rc'
node_log

# a member removed by a newer bundle
must root@authority 'xos member add user3@physics; xos vo export physics -o physics.bundle'
copy authority:/root/physics.bundle node:/root/with-user3.bundle
must root@node 'xos vo trust with-user3.bundle; getent passwd user3@physics'
must root@authority 'xos member remove user3@physics; xos vo export physics -o physics.bundle'
copy authority:/root/physics.bundle node:/root/physics.bundle
must root@node 'xos vo trust physics.bundle'
refused root@node 'getent passwd user3@physics'
refused root@node 'xos vo trust with-user3.bundle'

# root and a local user come in as ever
must root@desk 'ssh-keygen -q -t ed25519 -N "" -f .ssh/id_ed25519'
for who in root local1; do
  home=$("$node" exec node -- getent passwd $who | cut -d: -f6)
  "$node" exec desk -- cat /root/.ssh/id_ed25519.pub | "$node" exec node --user $who -- bash -c "mkdir -p -m 700 $home/.ssh; cat >> $home/.ssh/authorized_keys"
  must root@desk "ssh $who@node id"
done

heading "5. su from root; xosd killed in the middle of a session"
must root@node "su - user1@physics -c 'id; keyctl show @s; pwd'"
show user1@desk "ssh user1@physics@node 'sleep 8; echo the session went on: \$(id -un)' &"
"$node" exec desk --user user1 -- bash -c "export SSH_AUTH_SOCK=$agent; ssh user1@physics@node 'sleep 8; echo the session went on: \$(id -un)'" &
session=$!
sleep 2
must root@node 'node-service kill xosd; node-service status xosd || echo "xosd is gone"'
must root@node 'getent passwd user1@physics'
refused user1@desk "time ssh user1@physics@node id"
node_log 'xosd does not answer'
must root@desk 'ssh local1@node id -un'
wait $session || { failed=1; echo '!! the session did not go on'; }
show root@node "start xosd again"
"$node" service node start xosd >>"$log" 2>&1
must user1@desk "ssh user1@physics@node id -un"
