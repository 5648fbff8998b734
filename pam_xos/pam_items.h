// What the PAM application says about a login, fit to be sent to xosd.
//
// Process: any that uses PAM. Trusts: nothing; what breaks a field's grammar is left out, for it is told by
// the other side of the network and decides nothing.
#pragma once

#include <security/pam_modules.h>

#include <string_view>

namespace xos {

// PAM_SERVICE; "unknown" where it is not a word of at most kServiceMax characters. Views into pamh, as all
// here.
std::string_view find_service(pam_handle_t* pamh);
// PAM_RHOST and PAM_TTY; empty where unset or unfit.
std::string_view find_remote_host(pam_handle_t* pamh);
std::string_view find_tty(pam_handle_t* pamh);

// The line "publickey TYPE BASE64" of SSH_AUTH_INFO_0 (sshd_config(5), ExposeAuthInfo), empty where there is
// none. sshd sets it for open_session; in the account phase of a public key login it is still empty.
std::string_view find_auth_info(pam_handle_t* pamh);

// The same for the text of the variable: the first line of a certificate, else the first of a key.
std::string_view find_public_key_line(std::string_view auth_info);

}  // namespace xos
