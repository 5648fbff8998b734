// The session keyring of a login, and in it the credential.
//
// Owns: the keyring from the line that joins it until it is handed to the session; the layout and permissions
// of both. Process: any that uses PAM, as root. Trusts: the kernel.
//
// A session always gets a keyring of its own. Without it the session would inherit and possess the caller's,
// and as root with none the mere look at KEY_SPEC_SESSION_KEYRING installs root's own
// (user-session-keyring(7)).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <span>
#include <string_view>

#include "libxos/names.h"
#include "libxos/result.h"
#include "pam_xos/kernel_keys.h"

namespace xos {

// The key of the credential is root's: its possessor may view, read and find it, and nothing else. With
// SETATTR he could extend its time, with WRITE replace it, with LINK take it beyond the session.
inline constexpr key_perm_t kCredentialPerm = kPosView | kPosRead | kPosSearch | kUsrAll;
// The keyring is the user's, to hold keys of his own; it cannot be opened to others or linked elsewhere.
inline constexpr key_perm_t kSessionKeyringPerm =
    kPosView | kPosRead | kPosWrite | kPosSearch | kUsrView | kUsrRead;

struct SessionKeys {
    key_serial_t keyring = 0;
    key_serial_t credential = 0;  // 0: there is none
};

class SessionKeyring {
  public:
    // Puts the calling thread into a new, empty session keyring. What it was in before is left for good.
    [[nodiscard]] static Result<SessionKeyring> join();

    SessionKeyring(SessionKeyring&& other) noexcept;
    SessionKeyring& operator=(SessionKeyring&&) = delete;
    SessionKeyring(const SessionKeyring&) = delete;
    SessionKeyring& operator=(const SessionKeyring&) = delete;
    ~SessionKeyring();  // revokes what was not released

    // Adds the credential, to vanish after lifetime (above 0). Once, before hand_over().
    [[nodiscard]] Result<void> add_credential(std::string_view chain, std::chrono::seconds lifetime);
    // Makes the keyring the user's, and checks that keyring and credential are as they shall be.
    [[nodiscard]] Result<void> hand_over(uid_t uid, gid_t gid);
    SessionKeys keys() const { return keys_; }
    // Ends the ownership: the keyring lives on with the session.
    [[nodiscard]] SessionKeys release();

  private:
    explicit SessionKeyring(key_serial_t keyring) { keys_.keyring = keyring; }
    [[nodiscard]] Result<void> check(uid_t uid, gid_t gid) const;

    SessionKeys keys_;
};

// The chain of the credential in the session keyring of the calling thread, copied into buffer. Believed only
// where the kernel says that root made the key, with kCredentialPerm: a user may add keys of any name.
// Errc::not_found: there is none such; too_small.
[[nodiscard]] Result<std::string_view> read_session_credential(std::span<char> buffer);

// Revokes keys if their keyring is the session keyring of the calling thread, and nothing otherwise; answers
// which. The thread is then in a new, empty one: in a revoked one every later look-up of a key would fail.
bool revoke_session_keys(const SessionKeys& keys);

}  // namespace xos
