// Is this login ours, and whose is it?
//
// Owns: the decision whether a name belongs to an accepted VO. Process: any that uses PAM.
// Trusts: the accounts file, which only root can write; not the name, not other sources of accounts.
#pragma once

#include <security/pam_modules.h>
#include <sys/types.h>

#include "libxos/result.h"

namespace xos {

struct VoAccount {
    const char* login;  // PAM_USER; belongs to pamh, valid until PAM_USER changes
    uid_t uid;
    gid_t gid;
};

// The account of pamh's user. Asks nobody but the accounts file until the name's VO is known to be accepted;
// then the caller's own account look-up must give the same uid, or the session would be made for one and run
// as another. Errors: not_found (not a name of an accepted VO: leave it to other modules), unavailable (it
// may be one, but there is no sound accounts file), denied (of an accepted VO, but no account there),
// conflict (another source gives the name another uid).
[[nodiscard]] Result<VoAccount> find_vo_account(pam_handle_t* pamh);

}  // namespace xos
