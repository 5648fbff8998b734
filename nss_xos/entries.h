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
#include <string_view>

#include "libxos/accounts_file.h"
#include "libxos/names.h"
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

// name as a view where it can be one of ours at a glance: no longer than they get, with an '@'. Everything
// else, which is every local name, is answered without a look at any file. Empty (data() == nullptr) where it
// is not.
[[nodiscard]] std::string_view at_a_glance(const char* name);
// The error for a name that was looked for in vain: one that breaks the grammar of login names is nobody,
// even where the accounts file cannot be read. (The grammar is asked last: most look-ups are hits and need
// not pay for it.)
[[nodiscard]] Error settle(std::string_view name, const Error& error);
[[nodiscard]] inline bool is_our_id(uint32_t id) {
    return id >= kUidMin && id <= kUidMax;
}

}  // namespace xos
