#!/bin/bash
# The inner half of enter_root: runs in a new mount namespace, becomes CMD with the root pivoted.
set -eu
mount -t tmpfs -o mode=755 tmpfs "$XOS_STAGE"
mkdir "$XOS_STAGE/upper" "$XOS_STAGE/work" "$XOS_STAGE/root"
mount -t overlay -o "lowerdir=$XOS_ROOT,upperdir=$XOS_STAGE/upper,workdir=$XOS_STAGE/work" overlay "$XOS_STAGE/root"
cd "$XOS_STAGE/root"
mount --rbind /proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p src ccache run/lock old-root
cp -L /etc/resolv.conf etc/resolv.conf
mount --rbind "$XOS_TOP" src
mkdir -p src/.cache
mount --bind "$XOS_CACHE/ccache" ccache
pivot_root . old-root
umount -l /old-root
rmdir /old-root
cd /src
exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  TERM="${TERM:-dumb}" CCACHE_DIR=/ccache CCACHE_NOHASHDIR="${CCACHE_NOHASHDIR:-}" CCACHE_IGNOREOPTIONS="${CCACHE_IGNOREOPTIONS:-}" \
  CCACHE_SLOPPINESS="${CCACHE_SLOPPINESS:-}" \
  CI="${CI:-}" XOS_TESTS_MUST_RUN="${XOS_TESTS_MUST_RUN:-}" XOS_QUICK="${XOS_QUICK:-}" \
  XOS_IN_ROOT=1 "$@"
