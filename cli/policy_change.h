// What a new policy changes: who gains and who loses which actions.
//
// Owns: the comparison. Pure. Process: the xos command. Trusts: nothing.
// All members at all times on all nodes are too many to ask for. The subjects are those that the rules of
// both policies tell apart, the situations those in which their conditions begin or end to hold: where the
// policies differ for anybody, that shows for one of them, but for conditions of several rules that only
// hold together.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/policy_input.h"

namespace xos {

inline constexpr size_t kQuestionsMax = 4'000'000;  // subjects times situations

// The subjects that rules of either policy tell apart: what one rule names together of VO, user, group and
// role, and in each VO a member whom no rule names. Errc::invalid where one rule names more together than can
// be compared.
Outcome<std::set<PolicySubject>> name_subjects(const Policy& before, const Policy& after);
// The nodes and times that rules of either policy tell apart, base among them. With fixed_node there is no
// other node than base's, with fixed_time no other time. Errc::invalid likewise, and above kQuestionsMax.
Outcome<std::set<Situation>> name_situations(const Policy& before, const Policy& after, const Situation& base,
                                             bool fixed_node, bool fixed_time);

struct PolicyChange {
    enum class Kind : uint8_t { gains, loses, limits };
    std::string subject;
    Action action = Action::login;
    Kind kind = Kind::gains;
    std::string situation;  // one in which it is so; empty: in all
    std::string detail;     // of limits: "from jobs 2 to jobs 4"
};
std::string describe(const PolicyChange& change);

std::vector<PolicyChange> compare(const Policy& before, const Policy& after,
                                  const std::set<PolicySubject>& subjects,
                                  const std::set<Situation>& situations);

}  // namespace xos
