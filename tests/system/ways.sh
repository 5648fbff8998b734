# shellcheck shell=bash
# What sessions of a member see, by whichever way they begin. Sourced after vo.sh.
#
#   ways_up                   after vo_up: puts into the node
#                               probe                     prints what the session that runs it is and sees
#                               with-secrets RING CMD..   CMD as root with secrets in all keyrings and the environment
#   forget_secrets            ends what with-secrets made
#   fetch FILE..              /run/ways/FILE of the node to $TEST_DIR
#   hides_root FILE [REGEX]   what probe said there is whole, and shows neither root's keys nor what matches (environment)
#   check_session NAME FILE   what probe said in it is of a session of $MEMBER, with a keyring of its own
# RING is a session keyring for keyctl-session(1): "-" is a new one; _uid_ses.0 is what a process of root has that was
# started without any (keyrings(7)).
MEMBER=user1@$VO

ways_up() {
  on node install -d -m 1777 /run/ways
  give_probe
  give_secrets
  on node sh -c 'chmod 755 /usr/local/bin/*; : >/run/root-keys; chmod 644 /run/root-keys'
  MEMBER_UID=$(on node id -u "$MEMBER")
}
give_probe() {
  give node /usr/local/bin/probe <<'END'
#!/bin/bash
# a session: who, what of its keyrings, what of its environment; /run/root-keys lists keys of root
export PATH=/usr/bin:/bin
echo "who=$(id -un) $(id -u) $(id -g)"
echo "groups=$(id -Gn | tr ' ' '\n' | sort | tr '\n' ' ')"
echo "home=$HOME $PWD $(stat -c '%a %U' "$HOME")"
echo "vo=$XOS_VO $XOS_USER"
echo "keyring=$(keyctl rdescribe @s)"
key=$(keyctl search @s user xos:credential 2>/dev/null) && echo "chain=$(keyctl pipe $key | grep -c 'BEGIN CERT') $(keyctl rdescribe $key)"
while read -r key name; do
    keyctl print "$key" 2>&1
    for ring in @s @u @us; do keyctl search $ring user "$name" >/dev/null 2>&1 && echo "found=$name in $ring"; done
done </run/root-keys
grep -F secret-of-root /proc/keys
keyctl show @s
env | sed 's/^/env=/'
echo whole
END
}
give_secrets() {
  give node /usr/local/bin/with-secrets <<'END'
#!/bin/bash
# with-secrets RING CMD..: root with secrets in all its keyrings and its environment, and the session keyring RING
# (- is one of its own), runs CMD
exec keyctl session "$1" bash -c 'in=@s; [ "$1" = - ] || in=@us
    shift
    keyctl link @u @s 2>/dev/null
    : >/run/root-keys
    for ring in @u $in; do
        name=secret-of-root-$$-$ring
        key=$(keyctl add user $name ofroot $ring) && keyctl timeout $key 240 &&
            keyctl setperm $key 0x3f210000 && # any process of root may revoke it
            echo "$key $name" >>/run/root-keys
    done
    export ROOTS_VARIABLE=ofroot
    exec "$@"' bash "$@" 2>/dev/null
END
}
# those in a session keyring went with it
forget_secrets() { on node sh -c 'while read -r key name; do keyctl revoke $key 2>/dev/null; done </run/root-keys'; }
fetch() { on node tar -C /run/ways -c "$@" | tar -x -C "$TEST_DIR"; }
hides_root() { # FILE [REGEX]
  grep -q '^whole' "$TEST_DIR/$1" || return 1
  ! grep -aE "${2:-ofroot}|^ofroot|secret-of-root|_uid(_ses)?\.0" "$TEST_DIR/$1"
}
check_session() { # NAME FILE ; it is a member's, and his alone
  check_output "$1: a session of the member" "^who=$MEMBER $MEMBER_UID $MEMBER_UID" cat "$TEST_DIR/$2"
  check_output "$1: with his groups" "^groups=analysis@$VO members@$VO $MEMBER" cat "$TEST_DIR/$2"
  check_output "$1: which says of which VO" "^vo=$VO user1" cat "$TEST_DIR/$2"
  check_output "$1: with a keyring of its own" "^keyring=keyring;$MEMBER_UID;$MEMBER_UID;[0-9a-f]+;_ses" cat "$TEST_DIR/$2"
  check_output "$1: to its end" '^whole' cat "$TEST_DIR/$2"
}
