// The text of a policy as a small tree, whether it was written as YAML or as JSON.
//
// Owns: the tree and the messages about a place in it. Pure. Process: programs only. Trusts: nothing; what
// is converted has been capped in size and depth by the readers of YAML and JSON.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "common/json.h"

namespace YAML {
class Node;
}

namespace xos {

struct PolicyText {
    enum class Kind : uint8_t { word, list, map };
    Kind kind = Kind::list;
    std::string word;
    std::vector<PolicyText> items;  // of a list; of a map key, value, key, value; none where nothing is said
    int line = 0, column = 0;       // 1-based; 0: JSON

    bool empty() const { return kind == Kind::list && items.empty(); }
    const PolicyText* find(std::string_view key) const;  // of a map; null where it has none
};

PolicyText convert(const YAML::Node& node);
Outcome<PolicyText> convert(const JsonNode& node);  // strings, arrays and objects only

// Where a message points to: "node.yaml:3:5", or "policy of VO physics: rule 3" where there are no lines.
struct PolicyPlace {
    std::string_view source;
    size_t rule = 0;  // 1-based; 0: the whole

    std::unexpected<Failure> expected(const PolicyText& at, std::string_view what) const;
};

// at must be a map whose keys are all in known, none twice.
Outcome<void> check_keys(const PolicyPlace& place, const PolicyText& at,
                         std::initializer_list<std::string_view> known);
// The words of a word or of a list of them; what says the grammar where there is none or another thing.
Outcome<std::vector<const PolicyText*>> read_words(const PolicyPlace& place, const PolicyText& at,
                                                   std::string_view what);

}  // namespace xos
