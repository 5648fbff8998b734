#include "common/policy/rule_index.h"

#include <algorithm>
#include <bit>
#include <compare>
#include <unordered_map>

#include "libxos/accounts_layout.h"

namespace xos {
namespace {

// What a name of a rule is asked of: "user1" and "user1@physics" are two kinds.
enum Kind : uint32_t {
    kAny,
    kUser,
    kFullUser,
    kRole,
    kFullRole,
    kGroup,
    kFullGroup,
    kNode,
    kDomain,
    kTag,
    kSite,
    kVo
};

uint64_t hash(std::string_view text) {
    return layout::hash_bytes(text.data(), text.size(), 0);
}

// vo: 0 for kinds without one.
uint64_t make_key(Kind kind, uint64_t name, uint64_t vo) {
    return layout::fold_multiply(name ^ 0x9e3779b97f4a7c15ull * (kind + 1), vo ^ 0xd1b54a32d192ed03ull);
}
uint64_t add_action(uint64_t key, unsigned action) {
    return key ^ 0xff51afd7ed558ccdull * (action + 1);
}

struct Name {
    Kind kind;
    uint64_t key;
};

Name name_of(std::string_view text, Kind plain, Kind full) {
    const size_t at = text.find('@');
    if (at == std::string_view::npos) return {plain, make_key(plain, hash(text), 0)};
    return {full, make_key(full, hash(text.substr(0, at)), hash(text.substr(at + 1)))};
}

Name node_of(std::string_view pattern) {
    if (!pattern.starts_with('*')) return {kNode, make_key(kNode, hash(pattern), 0)};
    return {kDomain, make_key(kDomain, hash(pattern.substr(1)), 0)};
}

// The lists of a rule as keys; those it does not have are left out.
std::vector<std::vector<Name>> list_names(const Rule& rule) {
    std::vector<std::vector<Name>> lists;
    const auto add = [&](const std::vector<std::string>& names, auto make) {
        if (names.empty()) return;
        std::vector<Name>& list = lists.emplace_back();
        for (const std::string& name : names) list.push_back(make(name));
    };
    add(rule.users, [](std::string_view name) { return name_of(name, kUser, kFullUser); });
    add(rule.roles, [](std::string_view name) { return name_of(name, kRole, kFullRole); });
    add(rule.groups, [](std::string_view name) { return name_of(name, kGroup, kFullGroup); });
    add(rule.nodes, node_of);
    add(rule.tags, [](std::string_view name) { return Name{kTag, make_key(kTag, hash(name), 0)}; });
    add(rule.sites, [](std::string_view name) { return Name{kSite, make_key(kSite, hash(name), 0)}; });
    add(rule.vos, [](std::string_view name) { return Name{kVo, make_key(kVo, hash(name), 0)}; });
    if (lists.empty()) lists.push_back({{kAny, make_key(kAny, 0, 0)}});
    return lists;
}

// The list under whose commonest name fewest rules stand.
const std::vector<Name>& find_rarest(const std::vector<std::vector<Name>>& lists,
                                     const std::unordered_map<uint64_t, uint32_t>& uses) {
    return *std::ranges::min_element(lists, {}, [&](const std::vector<Name>& names) {
        uint32_t most = 0;
        for (const Name& name : names) most = std::max(most, uses.at(name.key));
        return most;
    });
}

struct Entry {
    uint64_t key;
    bool allow;
    uint32_t rule;
    auto operator<=>(const Entry&) const = default;
};

}  // namespace

RuleIndex::RuleIndex(std::span<const Rule> rules) {
    std::vector<std::vector<std::vector<Name>>> names;
    std::unordered_map<uint64_t, uint32_t> uses;
    for (const Rule& rule : rules) {
        names.push_back(list_names(rule));
        for (const auto& list : names.back())
            for (const Name& name : list) ++uses[name.key];
    }
    std::vector<Entry> entries;
    for (uint32_t i = 0; i < rules.size(); ++i)
        for (const Name& name : find_rarest(names[i], uses))
            for (unsigned action = 0; action < kActionNames.size(); ++action) {
                if ((rules[i].actions & 1u << action) == 0) continue;
                kinds_[action] |= 1u << name.kind;
                entries.push_back({add_action(name.key, action), rules[i].allow, i});
            }
    std::ranges::sort(entries);
    size_t keys = 0;
    for (size_t i = 0; i < entries.size(); ++i) keys += i == 0 || entries[i].key != entries[i - 1].key;
    slots_.resize(std::bit_ceil(2 * keys + 1));
    for (const Entry& entry : entries) {
        entries_.push_back(entry.rule);
        size_t at = entry.key & (slots_.size() - 1);
        while (slots_[at].end != 0 && slots_[at].key != entry.key) at = (at + 1) & (slots_.size() - 1);
        Slot& slot = slots_[at];
        const auto end = static_cast<uint32_t>(entries_.size());
        if (slot.end == 0) slot = {entry.key, end - 1, end - 1, end};
        slot.end = end;
        if (!entry.allow) slot.allows = end;
    }
}

const RuleIndex::Slot* RuleIndex::find_slot(uint64_t key) const {
    for (size_t at = key & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
        const Slot& slot = slots_[at];
        if (slot.end == 0) return nullptr;
        if (slot.key == key) return &slot;
    }
}

// One question on its way through the index.
class RuleSearch {
  public:
    RuleSearch(const RuleIndex& index, std::span<const Rule> rules, const Subject& subject, Action action,
               const Circumstances& circumstances)
        : index_(index),
          rules_(rules),
          subject_(subject),
          action_(action),
          circumstances_(circumstances),
          kinds_(index.kinds_[static_cast<size_t>(action)]) {}

    RuleIndex::Found run() {
        look(kAny, 0, 0);
        const uint64_t vo = hash(subject_.vo);
        look(kVo, vo, 0);
        look_both(kUser, kFullUser, subject_.user, vo);
        look_both(kGroup, kFullGroup, "members", vo);
        for (const std::string& group : subject_.groups) look_both(kGroup, kFullGroup, group, vo);
        for (const std::string& role : subject_.roles) look_both(kRole, kFullRole, role, vo);
        look_place();
        look_up();
        return found_;
    }

  private:
    static constexpr size_t kBatch = 32;

    bool in_use(Kind kind) const { return (kinds_ & 1u << kind) != 0; }

    void look_both(Kind plain, Kind full, std::string_view name, uint64_t vo) {
        if (!in_use(plain) && !in_use(full)) return;
        const uint64_t hashed = hash(name);
        look(plain, hashed, 0);
        look(full, hashed, vo);
    }

    void look_place() {
        if (in_use(kNode)) look(kNode, hash(circumstances_.node), 0);
        if (in_use(kSite)) look(kSite, hash(circumstances_.site), 0);
        if (in_use(kTag))
            for (const std::string& tag : circumstances_.tags) look(kTag, hash(tag), 0);
        if (!in_use(kDomain)) return;
        const std::string_view node = circumstances_.node;
        for (size_t dot = node.find('.'); dot != std::string_view::npos; dot = node.find('.', dot + 1))
            look(kDomain, hash(node.substr(dot)), 0);
    }

    void look(Kind kind, uint64_t name, uint64_t vo) {
        if (!in_use(kind)) return;
        if (waiting_ == keys_.size()) look_up();
        const uint64_t key = add_action(make_key(kind, name, vo), static_cast<unsigned>(action_));
        index_.prefetch(key);
        keys_[waiting_++] = key;
    }

    // All keys together: the memory that they need is on its way at once, not one after the other.
    void look_up() {
        std::array<const RuleIndex::Slot*, kBatch> slots;
        size_t found = 0;
        for (size_t i = 0; i < waiting_; ++i) {
            const RuleIndex::Slot* slot = index_.find_slot(keys_[i]);
            if (slot == nullptr) continue;
            __builtin_prefetch(&index_.entries_[slot->first]);
            slots[found++] = slot;
        }
        waiting_ = 0;
        for (size_t i = 0; i < found; ++i) __builtin_prefetch(&rules_[index_.entries_[slots[i]->first]]);
        for (size_t i = 0; i < found; ++i) try_rules(slots[i]->first, slots[i]->allows, found_.deny);
        // where something denies it, what allows it does not matter
        for (size_t i = 0; i < found && found_.deny == UINT32_MAX; ++i)
            try_rules(slots[i]->allows, slots[i]->end, found_.allow);
    }

    void try_rules(uint32_t from, uint32_t to, uint32_t& best) const {
        for (uint32_t i = from; i < to && index_.entries_[i] < best; ++i)
            if (matches(rules_[index_.entries_[i]], subject_, action_, circumstances_))
                best = index_.entries_[i];
    }

    const RuleIndex& index_;
    const std::span<const Rule> rules_;
    const Subject& subject_;
    const Action action_;
    const Circumstances& circumstances_;
    const uint32_t kinds_;
    std::array<uint64_t, kBatch> keys_;  // the first waiting_ of them
    size_t waiting_ = 0;
    RuleIndex::Found found_{UINT32_MAX, UINT32_MAX};
};

RuleIndex::Found RuleIndex::find(std::span<const Rule> rules, const Subject& subject, Action action,
                                 const Circumstances& circumstances) const {
    return RuleSearch(*this, rules, subject, action, circumstances).run();
}

}  // namespace xos
