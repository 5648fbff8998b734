// The kernel key of a session's credential, as xosd sees it from outside.
//
// Owns: nothing; pam_xos makes the key. Process: xosd. Trusts: the kernel; a serial number only together
// with what the key is: the kernel may have given it to another one since.
#pragma once

#include <cstdint>
#include <string_view>

namespace xos {

// Revokes the key with that serial number, where it is a credential of root's that holds chain. False: it is
// not, or is gone already.
bool revoke_credential_key(int32_t serial, std::string_view chain);

}  // namespace xos
