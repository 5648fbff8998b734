// A node of a VO, as its members know it.
//
// Owns: the type, its grammar and its JSON form. Pure. Process: programs only. Trusts: nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "common/json.h"

namespace xos {

inline constexpr size_t kHostNameMax = 253;  // RFC 1035, section 2.3.4
inline constexpr size_t kNodesMax = 100000;
inline constexpr size_t kTagsMax = 32;

// What the owner of a node says of it; policies and placement ask for these.
struct NodeAttributes {
    std::string site;               // is_label(), or empty
    std::vector<std::string> tags;  // each is_label(), all different
    uint32_t cpus = 0;              // 0: not told
    uint64_t memory = 0;            // MiB; 0: not told

    bool operator==(const NodeAttributes&) const = default;
};

struct NodeRecord {
    std::string name;         // is_host_name(): what users give to ssh
    std::string id;           // UUID, lower case
    std::string fingerprint;  // of the node's key, key_fingerprint()
    NodeAttributes attributes;
    bool draining = false;  // takes no new jobs

    bool operator==(const NodeRecord&) const = default;
};

bool is_host_name(std::string_view text);  // RFC 1123 labels, lower case
bool is_label(std::string_view text);      // [a-z0-9][a-z0-9._-]{0,62}

// Sets or clears the fields of the attributes in object.
void write_node_attributes(JsonObject& object, const NodeAttributes& attributes);
// Fields site, tags, cpus, memory of node, each optional.
Outcome<NodeAttributes> read_node_attributes(const JsonNode& node);
// The rules of one record; a message names the field and what was expected.
Outcome<void> check_node(const NodeRecord& record);
Json write_node(const NodeRecord& record);
Outcome<NodeRecord> read_node(const JsonNode& node);

}  // namespace xos
