// The login session of a VO user: opened with xosd's consent, closed with or without it.
//
// Owns: what pamh remembers between open and close. Process: any that uses PAM, as root.
// Trusts: xosd's verdict, once its reply has passed the codec.
#pragma once

#include <security/pam_modules.h>

#include "libxos/result.h"
#include "pam_xos/vo_account.h"

namespace xos {

// Why a session was not opened; text for the log, printable, at most kReasonMax characters.
struct Refusal {
    char reason[512 + 1];
};

// Joins a new session keyring, whatever follows; asks xosd; puts the credential into the keyring and XOS_VO
// and XOS_USER into the session's environment. After a refusal nothing of the session is left, neither here
// nor at xosd.
[[nodiscard]] std::expected<void, Refusal> open_login_session(pam_handle_t* pamh, const VoAccount& account);

// Revokes the keys of the session that pamh opened, if the calling thread is still in them, and tells xosd.
// Answers whether there was one.
bool close_login_session(pam_handle_t* pamh);

}  // namespace xos
