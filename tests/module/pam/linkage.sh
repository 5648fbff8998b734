#!/bin/sh
# What the login modules need and offer: pam_xos.so is loaded into other people's processes, xos-ssh-keys starts up to
# three times a login. Arguments: pam_xos.so xos-ssh-keys
set -eu
failed=0
expect() { # WHAT FOUND EXPECTED
    [ "$2" = "$3" ] && return
    echo "$1: found '$2', expected '$3'"
    failed=1
}
needed() { readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort | tr '\n' ' '; }
dynamic_flags() { readelf -dW "$1" | sed -n 's/.*(FLAGS_1) *Flags: //p'; }

expect "libraries of pam_xos.so" "$(needed "$1")" "libc.so.6 libpam.so.0 "
expect "libraries of xos-ssh-keys, which is static" "$(needed "$2")" ""
expect "symbols that pam_xos.so exports" \
    "$(nm -D --defined-only --format=posix "$1" | cut -d' ' -f1 | sort | tr '\n' ' ')" \
    "pam_sm_acct_mgmt pam_sm_authenticate pam_sm_close_session pam_sm_open_session pam_sm_setcred "
expect "flags of pam_xos.so" "$(dynamic_flags "$1")" "NOW NODELETE"
exit $failed
