// One rule from its text, and back.
//
// Owns: the grammar of a rule. Pure. Process: programs only. Trusts: nothing.
#pragma once

#include "common/failure.h"
#include "common/json.h"
#include "common/policy/policy_text.h"
#include "common/policy/rule.h"

namespace xos {

Outcome<Rule> read_rule(const PolicyPlace& place, const PolicyText& text);
Json write_rule(const Rule& rule);
size_t count_names(const Rule& rule);

}  // namespace xos
