#include "xosd/container/session_keyring.h"

#include <keyutils.h>

#include "libxos/names.h"

namespace xos {

Outcome<void> join_session_keyring(const std::optional<JobCredential>& credential) {
    if (keyctl_join_session_keyring(nullptr) < 0)
        return failure_errno(errno, "cannot make a session keyring");
    if (!credential) return {};
    if (credential->lifetime.count() < 1 || credential->pem.size() > kCredentialMax)
        return failure(Errc::invalid, "the job's credential has expired or is too large");
    const key_serial_t key = add_key("user", kCredentialKey, credential->pem.data(), credential->pem.size(),
                                     KEY_SPEC_SESSION_KEYRING);
    if (key < 0) return failure_errno(errno, "cannot put the credential into the session keyring");
    if (keyctl_set_timeout(key, static_cast<unsigned int>(credential->lifetime.count())) < 0 ||
        keyctl_setperm(key, KEY_POS_VIEW | KEY_POS_READ | KEY_POS_SEARCH) < 0 ||
        keyctl_setperm(KEY_SPEC_SESSION_KEYRING, KEY_POS_VIEW | KEY_POS_READ | KEY_POS_SEARCH) < 0)
        return failure_errno(errno, "cannot protect the credential in the session keyring");
    return {};
}

}  // namespace xos
