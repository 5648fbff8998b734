// Does anybody else use the ids of a VO, or the names?
//
// Owns: the checks of the machine's own files of users and ranges, and of what the C library answers.
// Process: the xos command. Trusts: nothing. Formats: passwd(5), group(5), subuid(5), login.defs(5).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/finding.h"
#include "libxos/accounts_file.h"

namespace xos {

// passwd, group, subuid, subgid and login.defs in the directory etc.
void check_local_ids(const std::string& etc, const std::vector<VoBlock>& blocks, Findings& findings);

// The C library's answers; nothing: there is none. They may take as long as the slowest source.
struct NameLookups {
    std::function<std::optional<std::string>(uint32_t uid)> name_of;
    std::function<std::optional<uint32_t>(const std::string& name)> uid_of;
};
NameLookups system_lookups();
// For each VO a member, by number and by name, and the number that is nobody's: what other sources say of it.
void check_other_sources(const AccountsFile& accounts, const NameLookups& lookups, Findings& findings);

}  // namespace xos
