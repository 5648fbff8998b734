# shellcheck shell=bash
# Debian 13 roots: made once, cached, entered in a mount namespace of their own.
# Sourced by scripts/dev, scripts/node and scripts/check; defines functions and variables only.
#
# A root is entered by pivot_root, never by chroot: CRIU refuses processes whose root is not a mount point.

XOS_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
XOS_CACHE=${XOS_CACHE:-$XOS_TOP/.cache}

# shellcheck disable=SC2034  # read through its name, by make_root
BUILD_PACKAGES=(
  build-essential meson ninja-build pkgconf git ca-certificates clang clang-format clang-tidy
  libclang-rt-dev llvm bpftool libpam0g-dev libnl-3-dev libnl-genl-3-dev libssl-dev libkeyutils-dev
  libyaml-cpp-dev catch2 libsystemd-dev libcriu-dev libprotobuf-c-dev libseccomp-dev libcap-dev libbpf-dev
  libsqlite3-dev libcli11-dev libncurses-dev libzstd-dev libcurl4-openssl-dev libmicrohttpd-dev libscitokens-dev debhelper dh-sequence-installsysusers lintian
  criu systemd openssh-server keyutils iproute2 nftables iptables procps psmisc strace gdb man-db mandoc ccache
  shellcheck fakeroot libarchive-tools sudo pamtester acl voms-clients curl busybox openssl
)
# What bench/accounts and bench/tracking run in: the peers of nss_xos and of the connector agent, the libraries of our
# programs, and nothing that building needs.
# shellcheck disable=SC2034
BENCH_PACKAGES=(
  libstdc++6 libnss-extrausers libnss-systemd libnss-sss sssd-common sssd-proxy
  bpftrace forkstat libbpf1 libnl-3-200 libseccomp2 libcap2 libsystemd0
)
# What a plain Debian server has, and nothing that our packages must pull in by themselves.
# Those are downloaded into the root's package cache, so that a node comes up without a network.
# shellcheck disable=SC2034
NODE_PACKAGES=(
  openssh-server openssh-client sudo procps psmisc iproute2 keyutils ca-certificates less bc gawk
  passwd login util-linux systemd dbus cron strace tmux
)
# shellcheck disable=SC2034
NODE_CACHED_PACKAGES=(
  criu libcriu2 iptables nftables libyaml-cpp0.8 libnl-3-200 libkeyutils1 libssl3t64 libseccomp2 libcap2 libbpf1
  libsqlite3-0 libsystemd0 libpam0g libpam-runtime libzstd1 libpugixml1v5 adduser
  libcurl4t64 libmicrohttpd12t64 voms-clients curl busybox openssl systemd-userdbd
)

# The packages and build/ are compiled with the same flags: what one has compiled the other takes from ccache.
export CCACHE_NOHASHDIR=1 CCACHE_IGNOREOPTIONS='-Werror -ffile-prefix-map=*' CCACHE_SLOPPINESS=locale

die() { echo "${0##*/}: $*" >&2; exit 1; }
say() { echo "${0##*/}: $*" >&2; }

need_root() { # re-runs the calling script through sudo where the caller is not root
  [ "$(id -u)" = 0 ] && return
  command -v sudo >/dev/null || die "root is needed and sudo is not installed: run this as root"
  exec sudo --preserve-env=XOS_CACHE,XOS_TESTS_MUST_RUN,XOS_QUICK,CI "$0" "$@"
}

install_host_packages() { # COMMAND:PACKAGE ... ; installs the packages whose commands are absent
  local pair missing=()
  for pair; do command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}"); done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "installing ${missing[*]}"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
    >"$XOS_CACHE/host-packages.log" 2>&1 || die "apt-get failed, see $XOS_CACHE/host-packages.log"
}

close_odd_fds() { # what a job runner left open (3 and up) would stay open in daemons and stop checkpoints
  local fd
  for fd in "/proc/$BASHPID/fd/"*; do
    fd=${fd##*/}
    if [ "$fd" -gt 2 ] && [ "$fd" -ne 255 ]; then eval "exec $fd>&-"; fi # 255 is bash's own, closed on exec
  done
}

host_mirror() { # the mirror this machine already uses, so that proxies and local mirrors are honoured
  local m
  m=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n1)
  [ -n "$m" ] || m=$(awk '/^deb /{for(i=2;i<=NF;i++) if ($i ~ /^[a-z+]+:\/\//) {print $i; exit}}' /etc/apt/sources.list 2>/dev/null)
  echo "$m"
}

make_root() { # NAME PACKAGE_ARRAY [CACHED_ARRAY] ; leaves $XOS_CACHE/root-NAME, made anew when the lists change
  local name=$1 dir=$XOS_CACHE/root-$1 list cached stamp
  local -n packages=$2
  cached=
  if [ $# -ge 3 ]; then local -n _cached=$3; cached="${_cached[*]}"; fi
  list=$(IFS=,; echo "${packages[*]}")
  stamp="$list / $cached / $(dpkg --print-architecture)"
  mkdir -p "$XOS_CACHE"
  exec 9>"$XOS_CACHE/.lock-root-$name"
  flock 9
  if [ "$(cat "$dir.stamp" 2>/dev/null)" != "$stamp" ]; then
    install_host_packages mmdebstrap:mmdebstrap
    say "making a Debian 13 root for $name (a minute or two, once)"
    rm -rf --one-file-system "$dir" "$dir.stamp"
    local hook=(--customize-hook="echo root-$name > \"\$1\"/etc/hostname")
    [ -n "$cached" ] && hook+=(--customize-hook="chroot \"\$1\" apt-get install -y --download-only --no-install-recommends $cached"
      --skip=cleanup/apt/cache --skip=cleanup/apt/lists)
    # shellcheck disable=SC2046  # an empty mirror must vanish
    mmdebstrap --variant=apt --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
      --aptopt='Binary::apt::APT::Keep-Downloaded-Packages "true"' --dpkgopt='force-unsafe-io' --include="$list" "${hook[@]}" \
      trixie "$dir" $(host_mirror) >"$dir.log" 2>&1 || { tail -n 20 "$dir.log" >&2; die "mmdebstrap failed, see $dir.log"; }
    rm -f "$dir"/usr/sbin/policy-rc.d
    echo "$stamp" >"$dir.stamp"
  fi
  exec 9>&-
}

on_debian13() { [ "$(. /etc/os-release && echo "$ID $VERSION_ID")" = "debian 13" ]; }

# Runs CMD in a fresh copy-on-write view of root NAME that vanishes with it: the checkout is at /src,
# the pid, user and network namespaces are the machine's own (the proc connector is silent elsewhere).
enter_root() { # NAME CMD...
  local name=$1; shift
  mkdir -p "$XOS_CACHE/ccache"
  XOS_STAGE=$(mktemp -d /tmp/xos-root.XXXXXX)
  local rc=0
  env XOS_ROOT="$XOS_CACHE/root-$name" XOS_STAGE="$XOS_STAGE" XOS_TOP="$XOS_TOP" XOS_CACHE="$XOS_CACHE" \
    unshare --mount --uts --propagation private -- bash "$XOS_TOP/scripts/root-enter.sh" "$@" || rc=$?
  rmdir "$XOS_STAGE"
  return $rc
}
