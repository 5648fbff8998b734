// Strict reading of YAML: every key is known, every error has a line and a column.
//
// Owns: the only use of yaml-cpp and the conversion of its exceptions. Process: programs only.
// Trusts: nothing; text is capped in size and at 32 levels before the library sees it, aliases and a second
// document are refused.
#pragma once

#include <yaml-cpp/yaml.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"

namespace xos {

inline constexpr size_t kYamlMax = 256 * 1024;  // bytes; yaml-cpp takes some microseconds for each

// source names the text in messages: a path, or "policy of VO physics".
Outcome<YAML::Node> parse_yaml(std::string_view text, std::string_view source, size_t max = kYamlMax);

// "SOURCE:LINE:COLUMN: expected ..." for a node of a parsed text.
std::unexpected<Failure> yaml_failure(std::string_view source, const YAML::Node& node,
                                      std::string_view expected);

// node must be a map whose keys are all in known, none twice.
Outcome<void> check_keys(std::string_view source, const YAML::Node& node,
                         std::initializer_list<std::string_view> known);

// A scalar, or a sequence of scalars; absent gives an empty list.
Outcome<std::vector<std::string>> read_strings(std::string_view source, const YAML::Node& node);
Outcome<std::string> read_string(std::string_view source, const YAML::Node& node);

}  // namespace xos
