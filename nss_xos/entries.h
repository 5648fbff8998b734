// Look-ups that end in the caller's structures: what the entry points of nss_xos.cc are made of.
//
// Owns: the filling of passwd and group entries. Process: any that looks up a name.
// Trusts: nothing of the name or id asked for.
// Errors: not_found, too_small (nothing was written but to the buffer), unavailable.
#pragma once

#include <grp.h>
#include <pwd.h>

#include <cstddef>
#include <cstdint>

#include "libxos/accounts_file.h"
#include "libxos/result.h"

namespace xos {

[[nodiscard]] Result<void> get_passwd(const char* name, passwd* entry, char* buffer, size_t size);
[[nodiscard]] Result<void> get_passwd(uint32_t uid, passwd* entry, char* buffer, size_t size);
// The cursor moves on only where the entry was given.
[[nodiscard]] Result<void> get_next_passwd(AccountsCursor& cursor, passwd* entry, char* buffer, size_t size);

[[nodiscard]] Result<void> get_group(const char* name, group* entry, char* buffer, size_t size);
[[nodiscard]] Result<void> get_group(uint32_t gid, group* entry, char* buffer, size_t size);
[[nodiscard]] Result<void> get_next_group(AccountsCursor& cursor, group* entry, char* buffer, size_t size);
// Appends the groups of user, but not skip, to the array *groups (from malloc) of *size with *used taken; it
// grows to at most limit entries (no limit where that is not positive), what is over the limit is dropped.
[[nodiscard]] Result<void> append_groups(const char* user, gid_t skip, long* used, long* size, gid_t** groups,
                                         long limit);

// Only these can be ours: everything else is answered without a look at any file.
[[nodiscard]] bool can_be_ours(const char* name);
[[nodiscard]] bool can_be_ours(uint32_t id);

}  // namespace xos
