// keyctl(2) and add_key(2), for a module that every login on the machine loads.
//
// Owns: nothing. Process: any that uses PAM. Trusts: the kernel. Not libkeyutils: finding and relocating one
// more library is most of what the module costs who never uses it (docs/measurements.md). Each answers what
// the system call does; -1 with errno on errors.
#pragma once

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace xos {

using key_serial_t = int32_t;
using key_perm_t = uint32_t;

// keyctl_setperm(3): what the possessor and the owner may do; the masks are in no header of the kernel.
inline constexpr key_perm_t kPosView = 0x01000000, kPosRead = 0x02000000, kPosWrite = 0x04000000,
                            kPosSearch = 0x08000000;
inline constexpr key_perm_t kUsrView = 0x00010000, kUsrRead = 0x00020000, kUsrAll = 0x003f0000;

inline key_serial_t add_user_key(const char* description, const void* payload, size_t size,
                                 key_serial_t keyring) {
    return static_cast<key_serial_t>(syscall(SYS_add_key, "user", description, payload, size, keyring));
}
inline key_serial_t join_new_session_keyring() {
    return static_cast<key_serial_t>(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr));
}
inline key_serial_t get_keyring_id(key_serial_t keyring, bool create) {
    return static_cast<key_serial_t>(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, keyring, create ? 1 : 0));
}
inline key_serial_t search_user_key(key_serial_t keyring, const char* description) {
    return static_cast<key_serial_t>(syscall(SYS_keyctl, KEYCTL_SEARCH, keyring, "user", description, 0));
}
// The size that all of it needs, as far as it fits in buffer; with the NUL of a description.
inline long describe_key(key_serial_t key, char* buffer, size_t size) {
    return syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, buffer, size);
}
inline long read_key(key_serial_t key, char* buffer, size_t size) {
    return syscall(SYS_keyctl, KEYCTL_READ, key, buffer, size);
}
inline long set_key_timeout(key_serial_t key, unsigned seconds) {
    return syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, key, seconds);
}
inline long chown_key(key_serial_t key, uid_t uid, gid_t gid) {
    return syscall(SYS_keyctl, KEYCTL_CHOWN, key, uid, gid);
}
inline long set_key_perm(key_serial_t key, key_perm_t perm) {
    return syscall(SYS_keyctl, KEYCTL_SETPERM, key, perm);
}
inline long revoke_key(key_serial_t key) {
    return syscall(SYS_keyctl, KEYCTL_REVOKE, key);
}

}  // namespace xos
