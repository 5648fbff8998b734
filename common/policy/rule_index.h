// Which rules can match at all: by action and one name that the subject or the node must have.
//
// Owns: the index, made once. Pure. Process: programs only. Trusts: nothing: it only leaves out rules that
// cannot match, and matches() has the last word on every other, so that a collision of hashes costs time and
// nothing else.
//
// A rule stands under one of its lists, the one whose names are rarest among all rules; under each name of
// it, and for each of its actions. A question looks up the names that its subject and node have.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/policy/rule.h"

namespace xos {

class RuleIndex {
  public:
    explicit RuleIndex(std::span<const Rule> rules);

    struct Found {
        uint32_t deny, allow;  // the first of each kind that matches; UINT32_MAX: none
    };
    Found find(std::span<const Rule> rules, const Subject& subject, Action action,
               const Circumstances& circumstances) const;

  private:
    friend class RuleSearch;
    // Ascending rule numbers: denies [first, allows), allows [allows, end) of entries_.
    struct Slot {
        uint64_t key = 0;
        uint32_t first = 0, allows = 0, end = 0;  // end == 0: the slot is free
    };
    const Slot* find_slot(uint64_t key) const;
    void prefetch(uint64_t key) const { __builtin_prefetch(&slots_[key & (slots_.size() - 1)]); }

    std::vector<Slot> slots_;  // open addressing; a power of two
    std::vector<uint32_t> entries_;
    std::array<uint32_t, kActionNames.size()> kinds_{};  // which kinds of name are in use, for each action
};

}  // namespace xos
