// Which cgroups the owner wants tracked: glob patterns of paths in the v2 tree.
//
// Owns: their grammar. Pure. Process: xosd. Trusts: nothing of a path: whoever may make a cgroup names it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xos {

inline constexpr size_t kPatternsMax = 64;
inline constexpr size_t kPatternSizeMax = 256;

// The names between the slashes of an absolute path; "/" has none.
std::vector<std::string> split_cgroup_path(std::string_view path);
// Absolute, without trailing slash, empty name, "." or "..", of printable ASCII, at most kCgroupPathMax.
bool is_cgroup_path(std::string_view path);

class CgroupPattern {
  public:
    // A pattern of fnmatch(3), in which '*', '?' and '[' match within a name and not a leading period.
    static bool is_valid(std::string_view text);
    // text is valid.
    explicit CgroupPattern(std::string text);

    const std::string& text() const { return text_; }
    bool matches(const std::vector<std::string>& names) const;
    // Whether below this cgroup, at any depth, there may be a match.
    bool leads_through(const std::vector<std::string>& names) const;
    // How many names stand before the first that is not literal, at most all but the last.
    size_t literal_names() const;

  private:
    bool matches_first(const std::vector<std::string>& names) const;
    std::string text_;
    std::vector<std::string> parts_;
};

}  // namespace xos
