// Are the mapped accounts there, sound, and what xosd says?
//
// Owns: the checks of the two accounts files. Process: the xos command. Trusts: nothing in the files.
#pragma once

#include <optional>

#include "cli/finding.h"
#include "cli/trusted_view.h"
#include "libxos/accounts_source.h"

namespace xos {

// Nothing where it cannot be used; findings say why. advice is for one that is absent or damaged.
std::optional<PinnedAccounts> check_accounts_file(const std::string& path, const std::string& advice,
                                                  Findings& findings);
// The one that serves before xosd has started, beside the one that serves now.
void check_boot_copy(const PinnedAccounts* current, const std::string& path, Findings& findings);

// What xosd says of itself.
struct NodeView {
    uint64_t accounts = 0;
    std::vector<TrustedView> vos;
};
void compare_with_node(const PinnedAccounts& accounts, const NodeView& node, Findings& findings);

// The blocks of the VOs in the file, by uid.
std::vector<VoBlock> list_blocks(const PinnedAccounts& accounts);

}  // namespace xos
