// A VO's policy as the authority keeps it. Process: xos-cda. Trusts: nothing that is handed in.
#pragma once

#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

// What a new VO begins with; compact JSON, as it goes into the bundle.
inline constexpr char kDefaultPolicy[] =
    R"([{"allow":["login","pty","su","submit","checkpoint"],"group":["members"]}])";

// The compact JSON of the rules in text, which a manager wrote in the language of xos-policy(5); a mistake
// is told with its line and column.
Outcome<std::string> compile_policy(std::string_view text);

}  // namespace xos
