#include "xosd/tracking/cgroup_pattern.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "common/tracking/agent_protocol.h"
#include "common/tracking/filter_layout.h"

namespace xos {
namespace {

bool is_printable(char c) {
    return c >= ' ' && c <= '~';
}

// fnmatch(3) knows no match for a pattern whose escape has nothing to escape
bool ends_in_escape(std::string_view part) {
    const size_t last = part.find_last_not_of('\\');
    const size_t escapes = last == std::string_view::npos ? part.size() : part.size() - last - 1;
    return escapes % 2 != 0;
}

}  // namespace

std::vector<std::string> split_cgroup_path(std::string_view path) {
    std::vector<std::string> names;
    while (!path.empty()) {
        path.remove_prefix(1);  // the slash
        const size_t end = std::min(path.find('/'), path.size());
        if (end != 0) names.emplace_back(path.substr(0, end));
        path.remove_prefix(end);
    }
    return names;
}

bool is_cgroup_path(std::string_view path) {
    if (path.size() < 2 || path.size() > kCgroupPathMax || path.front() != '/' || path.back() == '/')
        return false;
    return std::ranges::all_of(path, is_printable) && !path.contains("//") && !path.contains("/./") &&
           !path.contains("/../") && !path.ends_with("/.") && !path.ends_with("/..");
}

bool CgroupPattern::is_valid(std::string_view text) {
    if (text.size() > kPatternSizeMax || !is_cgroup_path(text)) return false;
    const auto parts = split_cgroup_path(text);
    return parts.size() <= XOS_CGROUP_DEPTH_MAX && std::ranges::none_of(parts, ends_in_escape);
}

CgroupPattern::CgroupPattern(std::string text) : text_(std::move(text)), parts_(split_cgroup_path(text_)) {}

// Both ends at the shorter one's.
bool CgroupPattern::matches_first(const std::vector<std::string>& names) const {
    for (size_t i = 0; i < std::min(names.size(), parts_.size()); ++i)
        if (fnmatch(parts_[i].c_str(), names[i].c_str(), FNM_PERIOD) != 0) return false;
    return true;
}

bool CgroupPattern::matches(const std::vector<std::string>& names) const {
    return names.size() == parts_.size() && matches_first(names);
}

bool CgroupPattern::leads_through(const std::vector<std::string>& names) const {
    return names.size() < parts_.size() && matches_first(names);
}

size_t CgroupPattern::literal_names() const {
    size_t count = 0;
    while (count + 1 < parts_.size() && parts_[count].find_first_of("*?[\\") == std::string::npos) ++count;
    return count;
}

}  // namespace xos
