// How a node keeps its bundles current: the section "bundles" of node.yaml, xos-node.yaml(5).
//
// Owns: the parsed, checked section. Process: xosd. Trusts: nothing. Pure.
#pragma once

#include <chrono>
#include <string_view>

#include "common/failure.h"

namespace YAML {
class Node;
}

namespace xos {

struct FollowingConfig {
    std::chrono::seconds interval{
        30};                          // between two questions to a server; 1 s .. 1 day, jittered by a fifth
    std::chrono::seconds grace{600};  // for how long after its end a bundle is borne; 0 .. 30 days
    std::chrono::seconds deadline{300};  // of one fetch; 1 s .. 1 hour
};

// A time from min to max, as parse_period() reads it; an absent node leaves into as it is.
// what says in the message what is expected.
Outcome<void> read_duration(std::string_view file, const YAML::Node& node, std::chrono::seconds min,
                            std::chrono::seconds max, std::string_view what, std::chrono::seconds& into);

// section may be absent: the defaults.
Outcome<FollowingConfig> read_following_config(std::string_view file, const YAML::Node& section);

}  // namespace xos
