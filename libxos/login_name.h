// The grammar of VO names: user1@physics, analysis@physics.
//
// Owns: the one parser of login and group names. Process: any, modules included.
// Trusts: nothing; names come from the network before authentication.
#pragma once

#include <optional>
#include <string_view>

#include "libxos/names.h"

namespace xos {

struct LoginName {
    std::string_view user;  // or group; [a-z][a-z0-9._-]{0,30}
    std::string_view vo;    // labels of [a-z0-9-] joined by dots, at most 63 characters
};

constexpr bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

constexpr bool is_user_name(std::string_view s) {
    if (s.empty() || s.size() > kUserNameMax || !is_lower(s[0])) return false;
    for (char c : s)
        if (!is_lower(c) && !is_digit(c) && c != '.' && c != '_' && c != '-') return false;
    return true;
}

constexpr bool is_vo_name(std::string_view s) {
    if (s.empty() || s.size() > kVoNameMax || !is_lower(s[0])) return false;
    char before = '.';
    for (char c : s) {
        if (!is_lower(c) && !is_digit(c) && c != '-' && c != '.') return false;
        const bool edge = before == '.' || c == '.';
        if (edge && (c == '-' || before == '-' || (c == '.' && before == '.'))) return false;
        before = c;
    }
    return before != '.' && before != '-';
}

// The two halves of name, as views into it; nothing where the grammar is not met.
constexpr std::optional<LoginName> parse_login_name(std::string_view name) {
    if (name.size() > kLoginNameMax) return std::nullopt;
    const size_t at = name.find('@');
    if (at == std::string_view::npos) return std::nullopt;
    // not substr(): it can throw, which drags libstdc++ into the modules
    const std::string_view user(name.data(), at);
    const std::string_view vo(name.data() + at + 1, name.size() - at - 1);
    if (!is_user_name(user) || !is_vo_name(vo)) return std::nullopt;
    return LoginName{user, vo};
}

}  // namespace xos
