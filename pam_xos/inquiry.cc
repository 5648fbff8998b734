#include "pam_xos/inquiry.h"

#include <chrono>

#include "libxos/client.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

using std::chrono::seconds;

// sshd's LoginGraceTime is 120 s, and a person waits. To open a session xosd verifies and mounts; at the end
// of one nobody is interested in its answer.
constexpr seconds kAccountBudget{5};
constexpr seconds kOpenBudget{15};
constexpr seconds kCloseBudget{1};

}  // namespace

template <typename Message>
Result<std::span<const std::byte>> Inquiry::exchange(const Message& message,
                                                     std::chrono::milliseconds budget) {
    if (!request_) request_.reset(static_cast<std::byte*>(std::malloc(kRequestMax)));
    if (!reply_) reply_.reset(static_cast<std::byte*>(std::malloc(kReplyMax)));
    if (!request_ || !reply_) return fail(Errc::unavailable, "no memory");
    const auto size = encode_request(message, std::span(request_.get(), kRequestMax));
    if (!size) return std::unexpected(size.error());
    const auto received = ask_xosd({request_.get(), *size}, {reply_.get(), kReplyMax}, budget);
    if (!received) return std::unexpected(received.error());
    return std::span<const std::byte>(reply_.get(), *received);
}

Result<AccountReply> Inquiry::ask(const AccountQuery& query) {
    const auto bytes = exchange(query, kAccountBudget);
    if (!bytes) return std::unexpected(bytes.error());
    return decode_account_reply(*bytes);
}

Result<SessionReply> Inquiry::ask(const OpenSession& open) {
    const auto bytes = exchange(open, kOpenBudget);
    if (!bytes) return std::unexpected(bytes.error());
    auto reply = decode_session_reply(*bytes);
    if (!reply || reply->answer.verdict != Verdict::permit) return reply;
    const auto name = parse_login_name(open.login);
    if (!name || reply->user != name->user || reply->vo != name->vo)
        return fail(Errc::invalid, "the reply is for another name");
    return reply;
}

Result<CloseReply> Inquiry::ask(const CloseSession& close) {
    const auto bytes = exchange(close, kCloseBudget);
    if (!bytes) return std::unexpected(bytes.error());
    return decode_close_reply(*bytes);
}

Result<AuthenticateReply> Inquiry::ask(const AuthenticateQuery& query) {
    const auto bytes = exchange(query, kAccountBudget);
    if (!bytes) return std::unexpected(bytes.error());
    return decode_authenticate_reply(*bytes);
}

Result<NoteReply> Inquiry::ask(const NoteKeys& keys) {
    const auto bytes = exchange(keys, kAccountBudget);
    if (!bytes) return std::unexpected(bytes.error());
    return decode_note_reply(*bytes);
}

}  // namespace xos
