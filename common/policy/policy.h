// Policy: who may do what, decided by two rule lists, the VO's and the node's.
//
// Owns: the compiled rules and the decision. Pure and total: no I/O, no clock, no failure; decide() allocates
// nothing. Process: xosd decides; the authority and the xos command only check and explain.
// Trusts: its arguments; text is parsed by policy_file.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/policy/rule.h"

namespace xos {

// What one policy says. Default deny; a matching deny wins over every allow; of several that match, the first
// in the file decides, and its limits are those that count.
struct Decision {
    static constexpr uint32_t kNoRule = UINT32_MAX;
    bool permit = false;
    uint32_t rule = kNoRule;  // into Policy::rules(); kNoRule: none allows it
    Limits limits;            // of the rule that allows it
};

// Immutable once made, and cheap to copy: copies share it.
class Policy {
  public:
    explicit Policy(std::string source = "policy", std::vector<Rule> rules = {});
    // no moves, which would leave one that holds nothing
    Policy(const Policy&) = default;
    Policy& operator=(const Policy&) = default;

    const std::string& source() const;  // named in reasons: "node policy", "policy of VO physics"
    const std::vector<Rule>& rules() const;

    // What it costs depends on the names that the subject has and on the rules that name them, not on the
    // number of rules or of members.
    Decision decide(const Subject& subject, Action action, const Circumstances& circumstances) const;
    // The same by looking at every rule: what decide() is tested and measured against.
    Decision scan(const Subject& subject, Action action, const Circumstances& circumstances) const;

    // The rules that match, in the order of the file, as indexes into rules().
    std::vector<uint32_t> find_matching(const Subject& subject, Action action,
                                        const Circumstances& circumstances) const;
    // "node policy line 4 denies login: maintenance".
    std::string reason(const Decision& decision, Action action) const;

  private:
    struct Compiled;
    std::shared_ptr<const Compiled> compiled_;
};

// VO policy AND node policy.
struct JointDecision {
    Decision vo, node;  // each as if it were asked alone

    bool permit() const { return vo.permit && node.permit; }
    Limits limits() const { return tighter(vo.limits, node.limits); }  // where permit()
};
JointDecision decide(const Policy& vo_policy, const Policy& node_policy, const Subject& subject,
                     Action action, const Circumstances& circumstances);
// The node's reason on permit, the first refusing one's otherwise.
std::string reason(const Policy& vo_policy, const Policy& node_policy, const JointDecision& decision,
                   Action action);

}  // namespace xos
