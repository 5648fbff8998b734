#include "common/voms/fqan.h"

#include <algorithm>
#include <optional>

#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr size_t kPathMax = 8;
constexpr std::string_view kRole = "Role=";
constexpr std::string_view kCapability = "Capability=";
constexpr std::string_view kNone = "NULL";

bool is_element(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '_' || c == '-';
    });
}

struct Fqan {
    std::vector<std::string_view> path;  // the VO first
    std::string_view role;               // empty: none
};

std::optional<Fqan> parse(std::string_view text) {
    if (text.empty() || text.size() > kFqanMax || text[0] != '/') return std::nullopt;
    Fqan fqan;
    enum { path, role, capability } last = path;
    while (!text.empty()) {
        text.remove_prefix(1);  // the slash
        std::string_view element = text.substr(0, text.find('/'));
        text.remove_prefix(element.size());
        if (last == path && !fqan.path.empty() && element.starts_with(kRole)) {
            fqan.role = element.substr(kRole.size());
            if (!is_element(fqan.role)) return std::nullopt;
            last = role;
        } else if (last != capability && !fqan.path.empty() && element.starts_with(kCapability)) {
            if (element.substr(kCapability.size()) != kNone) return std::nullopt;
            last = capability;
        } else if (last == path && fqan.path.size() < kPathMax && is_element(element)) {
            fqan.path.push_back(element);
        } else {
            return std::nullopt;
        }
    }
    if (fqan.role == kNone) fqan.role = {};
    return fqan;
}

void add(std::vector<std::string>& names, std::string name) {
    if (is_user_name(name) && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
}

}  // namespace

bool is_fqan(std::string_view text) {
    return parse(text).has_value();
}

std::string_view fqan_vo(std::string_view text) {
    const auto fqan = parse(text);
    return fqan ? fqan->path.front() : std::string_view();
}

FqanNames map_fqans(std::span<const std::string> fqans) {
    FqanNames names;
    for (const std::string& text : fqans) {
        const auto fqan = parse(text);
        if (!fqan) continue;
        std::string group;
        for (size_t i = 1; i < fqan->path.size(); ++i) {
            if (i > 1) group += ".";
            group += fqan->path[i];
        }
        if (!group.empty()) add(names.groups, std::move(group));
        if (!fqan->role.empty()) add(names.roles, std::string(fqan->role));
    }
    return names;
}

}  // namespace xos
