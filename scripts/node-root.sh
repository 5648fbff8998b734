#!/bin/bash
# The inner half of scripts/node: runs in a new mount and UTS namespace, makes the node's root and pivots into it.
#   node-root.sh install PACKAGE..   installs into the root as apt does, and ends
#   node-root.sh hold                becomes the process that holds the node's namespaces
# From the environment: NODE_NAME, NODE_DIR (root/, the mount point; upper/, work/; state/, debs/),
# NODE_LOWER (overlay layers, or empty: root/ is a plain copy), NODE_CGROUP, NODE_PEERS, NODE_PORT, NODE_FILES.
set -euo pipefail
SOURCE=xos-node-$NODE_NAME # by this name in mountinfo, down finds the node's processes

mount_root() {
  local root=$NODE_DIR/root
  if [ -n "$NODE_LOWER" ]; then
    mount -t overlay -o "lowerdir=$NODE_LOWER,upperdir=$NODE_DIR/upper,workdir=$NODE_DIR/work" "$SOURCE" "$root"
  else
    mount --bind "$root" "$root"
  fi
  cd "$root"
  mount -t tmpfs -o mode=755,nosuid "$SOURCE" run
  mount -t tmpfs -o mode=1777,nosuid,nodev "$SOURCE" tmp
  mkdir -m 1777 run/lock
  mkdir -m 755 run/node
  mount --rbind /proc proc
  mount --rbind /sys sys
  make_devices dev
}

make_devices() { # DIR ; no device of the machine but those that a container has, and FUSE
  local node
  mount -t tmpfs -o mode=755,nosuid "$SOURCE" "$1"
  for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 fuse:10:229; do
    # shellcheck disable=SC2046  # major and minor
    mknod -m 666 "$1/${node%%:*}" c $(tr : ' ' <<<"${node#*:}")
  done
  ln -s /proc/self/fd "$1/fd"
  ln -s fd/0 "$1/stdin"
  ln -s fd/1 "$1/stdout"
  ln -s fd/2 "$1/stderr"
  ln -s pts/ptmx "$1/ptmx"
  mkdir -m 755 "$1/pts"
  mkdir -m 1777 "$1/shm"
  mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666,nosuid,noexec devpts "$1/pts"
  mount -t tmpfs -o mode=1777,nosuid,nodev "$SOURCE" "$1/shm"
}

pivot() { # never chroot: CRIU wants the root of a process to be a mount point
  mkdir -p old-root
  cp -L /etc/resolv.conf etc/resolv.conf 2>/dev/null || true
  pivot_root . old-root
  umount -l /old-root
  rmdir /old-root
  cd /
}

name_host() {
  hostname "$NODE_NAME"
  echo "$NODE_NAME" >/etc/hostname
  printf '127.0.0.1\tlocalhost %s\n::1\tlocalhost\n' "$NODE_NAME" >/etc/hosts
}

install_packages() {
  mount -t tmpfs -o mode=755 "$SOURCE" "$NODE_DIR/root/mnt"
  mkdir mnt/debs mnt/files
  mount --bind "$NODE_DIR/debs" mnt/debs
  mount --bind "$NODE_FILES" mnt/files
  pivot
  name_host
  install -m 755 /mnt/files/policy-rc.d /usr/sbin/policy-rc.d
  install -m 755 /mnt/files/node-{service,notify,log} /usr/local/sbin/
  touch /etc/default/locale
  echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/node
  export DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  cd /mnt/debs
  apt-get install -y --no-install-recommends --download-only "$@" || apt-get update
  apt-get install -y --no-install-recommends "$@"
}

hold() { # what differs from node to node, then the log, for ever
  local mode target
  echo 0 >"$NODE_CGROUP/holder/cgroup.procs"
  for target in var/lib/xos var/tmp; do
    mode=755
    if [ $target = var/tmp ]; then mode=1777; fi
    mkdir -p "$target" "$NODE_DIR/state/$target"
    if [ -n "$NODE_LOWER" ]; then # jobs stack an overlay of their own here: its upper must not be on an overlay
      chmod $mode "$NODE_DIR/state/$target"
      mount --bind "$NODE_DIR/state/$target" "$target"
    else
      mount -t tmpfs -o mode=$mode "$SOURCE" "$target"
    fi
  done
  mkdir run/peers
  mount --bind "$NODE_PEERS" run/peers
  mount -o remount,bind,ro run/peers
  mkdir run/old
  mount --bind "$NODE_DIR" run/old
  pivot
  name_host
  echo "$NODE_CGROUP" >/run/node/cgroup
  rm -f /etc/ssh/ssh_host_*
  ssh-keygen -q -t ed25519 -N '' -C "root@$NODE_NAME" -f /etc/ssh/ssh_host_ed25519_key
  cp /etc/ssh/ssh_host_ed25519_key.pub /run/old/hostkey.pub
  # Every login of a test comes from one address: sshd's penalty for failures (sshd_config(5)) would refuse the next.
  printf 'Port %s\nListenAddress 127.0.0.1\nPerSourcePenaltyExemptList 127.0.0.1\n' "$NODE_PORT" >/etc/ssh/sshd_config.d/00-node.conf
  printf 'Include /run/peers/ssh_config\n' >/etc/ssh/ssh_config.d/00-node.conf
  umount /run/old
  rmdir /run/old
  exec env -i PATH=/usr/sbin:/usr/bin LANG=C.UTF-8 keyctl session - \
    perl /usr/local/sbin/node-log /dev/log /var/log/syslog /run/node/ready
}

verb=$1
shift
mount_root
case $verb in
  install) install_packages "$@";;
  hold) hold;;
esac
