// xos-ssh-keys LOGIN UID KEY-TYPE KEY [ENDPOINTS]: sshd's AuthorizedKeysCommand for VO users; see
// sshd_config(5), tokens %u %U %t %k %C.
//
// Owns: nothing; hands the offered certificate to xosd, which judges it, and prints the line that xosd
// answers. Process: its own, as the user of the keys command, before anybody has proved anything; started by
// sshd up to three times a login, so it links neither OpenSSL nor libstdc++. Trusts: xosd. Nothing printed
// means "no key": sshd then refuses. The reason is in the log of xosd, or in the system's log where xosd does
// not answer; on stderr it would only be repeated by sshd.

#include <stdint.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

#include "libxos/client.h"
#include "libxos/login_name.h"
#include "libxos/protocol.h"

namespace xos {
namespace {

// Both are used once and are too large for a stack.
std::byte request_buffer[kRequestMax];
std::byte reply_buffer[kReplyMax];

constexpr std::chrono::seconds kBudget{5};

std::optional<uint32_t> parse_uid(std::string_view text) {
    uint32_t uid = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return uid;
}

// A plain key carries no credential: with -i sshd offers it first, and it is answered without a word.
bool is_certificate(std::string_view key_type) {
    return key_type.ends_with("-cert-v01@openssh.com");
}

// The first of sshd's "client-address client-port server-address server-port". Empty where it is none: it is
// for the log, and decides nothing.
std::string_view client_address(std::string_view endpoints) {
    const std::string_view address(endpoints.data(), std::min(endpoints.find(' '), endpoints.size()));
    const bool fit = address.size() <= kRemoteHostMax &&
                     std::ranges::all_of(address, [](char c) { return c > 0x20 && c < 0x7f; });
    return fit ? address : std::string_view{};
}

// Whether text and its newline were written; a reader that has gone away changes nothing.
bool print_line(std::string_view text) {
    for (const std::string_view part : {text, std::string_view("\n")})
        for (size_t at = 0; at < part.size();) {
            const ssize_t written = write(STDOUT_FILENO, part.data() + at, part.size() - at);
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return false;
            at += static_cast<size_t>(written);
        }
    return true;
}

// No answer, no login: the owner of the node finds here why. login has passed its grammar.
void log_unanswered(std::string_view login, const Error& error) {
    // it hangs up where its share for this program is taken, and where it ends
    const bool hung_up = std::string_view(error.step) == kHungUp;
    openlog("xos-ssh-keys", LOG_PID, LOG_AUTHPRIV);
    syslog(LOG_NOTICE, "login refused user=%.*s service=sshd reason=\"%s (%s%s%s)%s\"",
           static_cast<int>(login.size()), login.data(),
           hung_up ? "xosd is busy with other logins" : "xosd does not answer", error.step,
           error.sys != 0 ? ": " : "", error.sys != 0 ? strerror(error.sys) : "",
           hung_up ? ", or was ended: try again in half a minute" : ": start it with: systemctl start xosd");
}

// The line to print; nothing where xosd does not permit or cannot be asked.
std::optional<std::string_view> find_line(const KeysQuery& query) {
    const auto size = encode_request(query, request_buffer);
    if (!size) return std::nullopt;
    const auto received = ask_xosd({request_buffer, *size}, reply_buffer, kBudget);
    if (!received) {
        log_unanswered(query.login, received.error());
        return std::nullopt;
    }
    const auto reply = decode_keys_reply({reply_buffer, *received});
    if (!reply || reply->answer.verdict != Verdict::permit) return std::nullopt;
    return reply->line;
}

int answer(int argc, char** argv) {
    if (argc != 5 && argc != 6) {
        constexpr std::string_view kUsage =
            "usage: xos-ssh-keys LOGIN UID KEY-TYPE KEY [ENDPOINTS] (sshd's %u %U %t %k %C)\n";
        (void)!write(STDERR_FILENO, kUsage.data(), kUsage.size());
        return 2;
    }
    const std::string_view login = argv[1];
    const std::string_view key_type = argv[3];
    if (!is_certificate(key_type) || !parse_login_name(login)) return 0;
    const auto uid = parse_uid(argv[2]);
    if (!uid) return 0;
    const auto line = find_line({.login = login,
                                 .uid = *uid,
                                 .key_type = key_type,
                                 .key = argv[4],
                                 .remote_host = argc == 6 ? client_address(argv[5]) : ""});
    return !line || print_line(*line) ? 0 : 1;
}

}  // namespace
}  // namespace xos

int main(int argc, char** argv) {
    return xos::answer(argc, argv);
}
