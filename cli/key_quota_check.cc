#include "cli/key_quota_check.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "cli/sshd_settings.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr uint64_t kStandingKeys = 2;   // a user's own keyring and default session keyring (keyrings(7))
constexpr uint64_t kKeyringBytes = 32;  // the name, and links
constexpr uint64_t kChainBytes = 4096;  // a credential; one of a VOMS proxy is twice that
constexpr uint64_t kSessionsMin = 32;
constexpr uint64_t kRootSessionsMin = 200;

std::optional<uint64_t> read_number(std::string_view text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

struct Share {
    uint64_t used = 0, limit = 0;
};

// "2/200"
std::optional<Share> read_share(std::string_view text) {
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto used = read_number(text.substr(0, slash)), limit = read_number(text.substr(slash + 1));
    if (!used || !limit) return std::nullopt;
    return Share{*used, *limit};
}

struct KeyUser {
    uint32_t uid = 0;
    Share keys, bytes;
};

// "    0:    19 18/18 13/1000000 3314/25000000"
std::optional<KeyUser> read_user(const std::string& line) {
    const auto words = split_words(line);
    if (words.size() != 5 || !words[0].ends_with(':')) return std::nullopt;
    const auto uid = read_number(words[0].substr(0, words[0].size() - 1));
    const auto keys = read_share(words[3]), bytes = read_share(words[4]);
    if (!uid || *uid > UINT32_MAX || !keys || !bytes) return std::nullopt;
    return KeyUser{static_cast<uint32_t>(*uid), *keys, *bytes};
}

uint64_t room(const Share& share) {
    return share.limit - std::min(share.used, share.limit);
}

uint64_t sessions_of(uint64_t keys, uint64_t bytes) {
    return std::min(keys, bytes / kKeyringBytes);
}

void check_root(const KeyUser& root, Findings& findings) {
    const uint64_t sessions = std::min(room(root.keys), room(root.bytes) / kChainBytes);
    if (sessions >= kRootSessionsMin)
        return good(findings,
                    compose("the kernel has room for the credentials of {} more sessions", sessions));
    wrong(findings,
          compose("root has {} of {} keys and {} of {} bytes: room for the credentials of {} more sessions",
                  root.keys.used, root.keys.limit, root.bytes.used, root.bytes.limit, sessions),
          "sysctl kernel.keys.root_maxkeys=1000000 kernel.keys.root_maxbytes=25000000, and the same in "
          "/etc/sysctl.d; /proc/keys shows what uses them");
}

void check_member(const KeyUser& user, Findings& findings) {
    if (user.uid < kUidMin || user.uid > kUidMax) return;
    if (sessions_of(room(user.keys), room(user.bytes)) > 1) return;
    wrong(findings,
          compose("uid {} has {} of {} keys and {} of {} bytes: the next session of it fails", user.uid,
                  user.keys.used, user.keys.limit, user.bytes.used, user.bytes.limit),
          "xos session list shows the sessions; more for everybody: sysctl kernel.keys.maxkeys, "
          "kernel.keys.maxbytes");
}

}  // namespace

void check_key_quotas(const KeyLimits& limits, std::string_view key_users, Findings& findings) {
    const uint64_t keys = limits.keys - std::min(kStandingKeys, limits.keys);
    const uint64_t sessions = sessions_of(keys, limits.bytes);
    if (limits.keys == 0 || limits.bytes == 0)
        note(findings, "the kernel's limits of keys could not be read", "see /proc/sys/kernel/keys");
    else if (sessions < kSessionsMin)
        wrong(findings,
              compose(
                  "one member can have {} sessions at the same time: kernel.keys.maxkeys is {}, maxbytes {}",
                  sessions, limits.keys, limits.bytes),
              "sysctl kernel.keys.maxkeys=200 kernel.keys.maxbytes=20000, and the same in /etc/sysctl.d");
    else
        good(findings, compose("one member can have {} sessions at the same time", sessions));
    KeyUser root{0, {0, limits.root_keys}, {0, limits.root_bytes}};
    for (const std::string& line : split_lines(key_users)) {
        const auto user = read_user(line);
        if (user && user->uid == 0) root = *user;
        if (user) check_member(*user, findings);
    }
    if (root.keys.limit != 0) check_root(root, findings);
}

}  // namespace xos
