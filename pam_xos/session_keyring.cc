#include "pam_xos/session_keyring.h"

#include <stdio.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace xos {
namespace {

// Whether the kernel describes key as "type;uid;gid;perm;description" (keyctl_describe(3)).
bool is_described(key_serial_t key, const char* type, uid_t uid, gid_t gid, key_perm_t perm,
                  const char* name) {
    char expected[128];
    char found[128];
    const int length = snprintf(expected, sizeof expected, "%s;%d;%d;%08x;%s", type, static_cast<int>(uid),
                                static_cast<int>(gid), perm, name);
    const long size = describe_key(key, found, sizeof found);  // counts the NUL
    if (size != length + 1 || size > static_cast<long>(sizeof found)) return false;
    return std::string_view(found) == std::string_view(expected);
}

// "Create", or the look alone would install the caller's user-session keyring where there is no session
// keyring, as root root's own; with it the kernel joins a new, empty one.
key_serial_t find_session_keyring() {
    return get_keyring_id(KEY_SPEC_SESSION_KEYRING, true);
}

}  // namespace

Result<SessionKeyring> SessionKeyring::join() {
    const key_serial_t keyring = join_new_session_keyring();
    if (keyring < 0) return fail_errno("join a new session keyring");
    return SessionKeyring(keyring);
}

SessionKeyring::SessionKeyring(SessionKeyring&& other) noexcept : keys_(std::exchange(other.keys_, {})) {}

SessionKeyring::~SessionKeyring() {
    if (keys_.keyring != 0) revoke_session_keys(keys_);
}

Result<void> SessionKeyring::add_credential(std::string_view chain, std::chrono::seconds lifetime) {
    keys_.credential = add_user_key(kCredentialKey, chain.data(), chain.size(), keys_.keyring);
    if (keys_.credential < 0) {
        keys_.credential = 0;
        return fail_errno("add the credential to the session keyring");
    }
    constexpr std::chrono::seconds::rep kLongest = std::numeric_limits<int32_t>::max();
    const auto timeout = static_cast<unsigned>(std::min(lifetime.count(), kLongest));
    if (set_key_timeout(keys_.credential, timeout) != 0) return fail_errno("set the credential's expiry");
    // in a set-uid program like su the group is still the caller's
    if (chown_key(keys_.credential, 0, 0) != 0) return fail_errno("make the credential root's");
    if (set_key_perm(keys_.credential, kCredentialPerm) != 0) return fail_errno("protect the credential");
    return {};
}

Result<void> SessionKeyring::hand_over(uid_t uid, gid_t gid) {
    // the owner first: without SETATTR he could not be changed any more
    if (chown_key(keys_.keyring, uid, gid) != 0) return fail_errno("give the session keyring to the user");
    if (set_key_perm(keys_.keyring, kSessionKeyringPerm) != 0)
        return fail_errno("protect the session keyring");
    return check(uid, gid);
}

Result<void> SessionKeyring::check(uid_t uid, gid_t gid) const {
    if (find_session_keyring() != keys_.keyring)
        return fail(Errc::conflict, "the session keyring was replaced");
    if (!is_described(keys_.keyring, "keyring", uid, gid, kSessionKeyringPerm, "_ses"))
        return fail(Errc::conflict, "the session keyring is not as it was made");
    key_serial_t content[2] = {};
    const long size = read_key(keys_.keyring, reinterpret_cast<char*>(content), sizeof content);
    const long expected = keys_.credential != 0 ? static_cast<long>(sizeof content[0]) : 0;
    if (size != expected || content[0] != keys_.credential)
        return fail(Errc::conflict, "the session keyring holds something else");
    if (keys_.credential != 0 &&
        !is_described(keys_.credential, "user", 0, 0, kCredentialPerm, kCredentialKey))
        return fail(Errc::conflict, "the credential is not as it was made");
    return {};
}

SessionKeys SessionKeyring::release() {
    return std::exchange(keys_, {});
}

Result<std::string_view> read_session_credential(std::span<char> buffer) {
    const key_serial_t keyring = find_session_keyring();
    if (keyring < 0) return fail(Errc::not_found, "no session keyring");
    const key_serial_t key = search_user_key(keyring, kCredentialKey);
    if (key < 0) return fail(Errc::not_found, "no credential in the session keyring");
    if (!is_described(key, "user", 0, 0, kCredentialPerm, kCredentialKey))
        return fail(Errc::not_found, "the credential was not made by the node");
    const long size = read_key(key, buffer.data(), buffer.size());
    if (size <= 0) return fail(Errc::not_found, "the credential cannot be read");
    if (static_cast<size_t>(size) > buffer.size()) return fail(Errc::too_small, "credential");
    return std::string_view(buffer.data(), static_cast<size_t>(size));
}

bool revoke_session_keys(const SessionKeys& keys) {
    if (find_session_keyring() != keys.keyring) return false;
    if (keys.credential != 0) revoke_key(keys.credential);
    revoke_key(keys.keyring);
    join_new_session_keyring();
    return true;
}

}  // namespace xos
