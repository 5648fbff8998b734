# shellcheck shell=bash
# Our packages on $NODE by dpkg, which may be killed half way. Sourced after locals.sh.
#
#   machine_without_ours      vo_up with a node that has none of our packages, but what they need; in its /root/old
#                             they are, in /root/new the same as a next version. $CLEAN: its login files
#   install_ours old|new      dpkg -i
#   dpkg_in_node ARG..
#   trust                     xosd starts, trusts the VO, members may log in
#   login_files               of /etc: what packages and xosd change so that people log in
#   check_people STATE        root and local users come in, in fewer checks than check_locals
#   killed_in PACKAGE SCRIPT START|END ARG..  runs dpkg ARG..; the package's script kills it where it begins or ends
#   check_well STATE          dpkg has nothing left to do, xosd runs, a member comes in
OURS=(libnss-xos libpam-xos xosd xos-client)
CLEAN=''
machine_without_ours() {
  local name
  NODE_PACKAGES='' vo_up node less
  members user1
  bundle first
  locals_up
  on node mkdir -p /root/old /root/new
  for name in "${OURS[@]}"; do on node sh -c 'cat >"/root/old/$1.deb"' sh "$name" < <(cat "$TESTS_TOP/build-deb/${name}"_*.deb); done
  # The next version: the same with another number.
  check "the next version is made" on node sh -ec 'cd /root/new; for deb in ../old/*.deb; do rm -rf tree; dpkg-deb -R $deb tree
    sed -i -E "s/^(Version: .*)/\1+next/; s/[(](= [^)]*)[)]/(\1+next)/g" tree/DEBIAN/control; dpkg-deb -b tree "$(basename $deb)" >/dev/null; done; rm -rf tree'
  CLEAN=$(login_files)
  check "our packages come with all that they need" on node env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get install -y -qq /root/old/*.deb'
  check "and go" dpkg_in_node --purge "${OURS[@]}"
  check "without a trace" is_clean
}
login_files() { on node sh -c 'cd /etc && sha256sum nsswitch.conf pam.d/common-* ssh/sshd_config && ls ssh/sshd_config.d'; }
is_clean() { diff <(echo "$CLEAN") <(login_files); }
dpkg_in_node() { on node env DEBIAN_FRONTEND=noninteractive dpkg "$@"; }
install_ours() { on node env DEBIAN_FRONTEND=noninteractive sh -c 'dpkg -i "/root/$1"/*.deb' sh "$1"; } # old|new
trust() {
  service node start xosd
  node_trusts first
  node_policy <<END
policy:
  - allow: [login, pty, su]
    vo: $VO
END
}
everybody='echo $(id -un) $(id -Gn); sudo -n -u local2 id -un; sudo -n -i id -un; sudo -n su local1 -c "id -un"; sudo -n su - local2 -c "id -un"'
check_people() { # STATE ; in short
  check_output "$1: root comes in" '^root root$' in_time local_ssh root@127.0.0.1 'echo $(id -un) $(id -Gn)'
  check "$1: a local user, sudo, su, su -" diff <(printf '%s\n' 'local1 local1' local2 root local1 local2) \
    <(in_time local_ssh local1@127.0.0.1 "$everybody" 2>&1)
}
killed_in() { # PACKAGE SCRIPT START|END ARG.. ; dpkg ARG.. is killed by the package's script, when that begins or ends
  local package=$1 script=$2 place=$3
  shift 3
  on node sh -ec 'file=/var/lib/dpkg/info/$1.$2; [ -e "$file" ] || file=/var/lib/dpkg/info/$1:amd64.$2
    cp -p "$file" /root/script; rm -f /root/was-killed
    kill="touch /root/was-killed; kill -KILL \$PPID; exit 1"
    if [ "$3" = START ]; then sed -i "2i $kill" "$file"; else echo "$kill" >>"$file"; fi' sh "$package" "$script" "$place"
  dpkg_in_node "$@" >"$TEST_DIR/dpkg" 2>&1
  on node sh -c 'test -e /root/was-killed; rc=$?; for file in /var/lib/dpkg/info/$1.$2 /var/lib/dpkg/info/$1:*.$2; do
    if grep -qs was-killed "$file"; then cp -p /root/script "$file"; fi; done; exit $rc' sh "$package" "$script"
}
check_well() { # STATE ; everything configured, xosd runs, a member comes in
  check "$1: dpkg --configure -a puts it right" dpkg_in_node --configure -a
  check "$1: nothing is left half done" on node sh -c 'left=$(dpkg --audit); echo "$left"; [ -z "$left" ]'
  on node sh -c 'node-service status xosd >/dev/null || node-service start xosd' >/dev/null
  check "$1: a member comes in" wait_for 20 member_comes_in
}
