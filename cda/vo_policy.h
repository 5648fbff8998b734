// A VO's policy as the authority keeps it. Process: xos-cda. Trusts: nothing that is handed in.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

// What a new VO begins with; compact JSON, as common/policy reads it.
inline constexpr char kDefaultPolicy[] =
    R"([{"effect":"allow","who":[{"group":"members"}],"actions":["login","pty","submit","checkpoint"]}])";

// Turns what the manager hands in into the compact JSON that goes into the bundle, or says what is wrong with
// it.
using PolicyCompiler = std::function<Outcome<std::string>(std::string_view text)>;

// The compiler for rules that are JSON already: an array within the caps of a bundle.
Outcome<std::string> compile_json_policy(std::string_view text);

}  // namespace xos
