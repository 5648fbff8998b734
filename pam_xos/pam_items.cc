#include "pam_xos/pam_items.h"

#include <algorithm>

#include "libxos/protocol.h"

namespace xos {
namespace {

// not substr(): it can throw, which drags libstdc++ into the module
std::string_view cut(std::string_view text, size_t from, size_t to) {
    return {text.data() + from, to - from};
}

std::string_view find_item(pam_handle_t* pamh, int type, size_t most) {
    const void* item = nullptr;
    if (pam_get_item(pamh, type, &item) != PAM_SUCCESS || item == nullptr) return {};
    const std::string_view text = static_cast<const char*>(item);
    const bool fit =
        text.size() <= most && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
    return fit ? text : std::string_view{};
}

}  // namespace

std::string_view find_service(pam_handle_t* pamh) {
    const std::string_view service = find_item(pamh, PAM_SERVICE, kServiceMax);
    return service.empty() ? "unknown" : service;
}

std::string_view find_remote_host(pam_handle_t* pamh) {
    return find_item(pamh, PAM_RHOST, kRemoteHostMax);
}

std::string_view find_tty(pam_handle_t* pamh) {
    return find_item(pamh, PAM_TTY, kTtyMax);
}

std::string_view find_public_key_line(std::string_view auth_info) {
    constexpr std::string_view kMethod = "publickey ";
    std::string_view plain;
    for (size_t at = 0; at < auth_info.size();) {
        const size_t end = std::min(auth_info.find('\n', at), auth_info.size());
        const std::string_view line = cut(auth_info, at, end);
        at = end + 1;
        if (!line.starts_with(kMethod)) continue;
        const std::string_view key = cut(line, kMethod.size(), line.size());
        const std::string_view type = cut(key, 0, std::min(key.find(' '), key.size()));
        if (type.ends_with("-cert-v01@openssh.com")) return line;
        if (plain.empty()) plain = line;
    }
    return plain;
}

std::string_view find_auth_info(pam_handle_t* pamh) {
    const char* text = pam_getenv(pamh, "SSH_AUTH_INFO_0");
    return text == nullptr ? std::string_view{} : find_public_key_line(text);
}

}  // namespace xos
