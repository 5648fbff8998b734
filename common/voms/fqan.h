// What VOMS says of a member: fully qualified attribute names, and what they are in a VO here.
//
// Owns: their grammar and the mapping to groups and roles. Pure. Process: programs only. Trusts: nothing.
//
//     /physics                                     member of physics
//     /physics/higgs/analysis                      group higgs.analysis
//     /physics/analysis/Role=production            group analysis, role production
//
// The first element is the VO as VOMS names it. The path below it, joined by dots, is the group: the last
// element alone would let the manager of one group make a subgroup that is called like another group.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/credential/grid_claims.h"

namespace xos {

// A path of 1..8 elements of [A-Za-z0-9._-], then nothing or "/Role=NAME", then nothing or
// "/Capability=NULL"; Role=NULL is no role. At most kFqanMax bytes.
bool is_fqan(std::string_view text);
// The VO as VOMS names it: the first element. text must be is_fqan().
std::string_view fqan_vo(std::string_view text);

struct FqanNames {
    std::vector<std::string> groups;  // all different, is_user_name(), without "members"
    std::vector<std::string> roles;   // likewise
};

// What is said by fqans, each is_fqan(). A group or role whose name could not be one here is left out.
FqanNames map_fqans(std::span<const std::string> fqans);

}  // namespace xos
