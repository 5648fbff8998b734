#include "libxos/protocol.h"

#include <algorithm>
#include <optional>
#include <type_traits>

#include "libxos/field_stream.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr uint32_t kMagic = 0x50534f58;  // "XOSP" on the wire

enum class Kind : uint16_t {
    keys_query = 1,
    account = 2,
    open_session = 3,
    close_session = 4,
    authenticate = 5,
    note_keys = 6
};

static_assert(kReplyMax >= kAuthorizedKeyMax + kReasonMax + 64, "every reply fits in a buffer of kReplyMax");

// What of a text field may be what. Blanks: a space, never a tab or a line end.
bool is_printable(std::string_view text, size_t most, bool blanks) {
    if (text.size() > most) return false;
    return std::ranges::all_of(text, [&](char c) { return c > 0x20 ? c < 0x7f : (blanks && c == ' '); });
}

bool is_word(std::string_view text, size_t most) {
    return !text.empty() && is_printable(text, most, false);
}

bool is_base64(std::string_view text) {
    return !text.empty() && text.size() <= kKeyBlobMax && std::ranges::all_of(text, [](char c) {
        return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '+' || c == '/' || c == '=';
    });
}

// PEM: lines of printable ASCII. What they say is the verifier's business.
bool is_chain(std::string_view text) {
    return text.size() <= kChainMax &&
           std::ranges::all_of(text, [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n'; });
}

bool is_valid(const KeysQuery& q) {
    return parse_login_name(q.login) && is_word(q.key_type, kKeyTypeMax) && is_base64(q.key) &&
           is_printable(q.remote_host, kRemoteHostMax, false);
}
bool is_valid(const AccountQuery& q) {
    return parse_login_name(q.login) && is_word(q.service, kServiceMax);
}
bool is_valid(const OpenSession& o) {
    return parse_login_name(o.login) && is_word(o.service, kServiceMax) &&
           is_printable(o.remote_host, kRemoteHostMax, false) && is_printable(o.tty, kTtyMax, false) &&
           is_printable(o.auth_info, kAuthInfoMax, true);
}
bool is_valid(const CloseSession& c) {
    return c.session != 0;
}

bool is_valid(const AuthenticateQuery& q) {
    return parse_login_name(q.login) && is_word(q.service, kServiceMax) &&
           is_printable(q.remote_host, kRemoteHostMax, false) && !q.chain.empty() && is_chain(q.chain);
}
bool is_valid(const NoteKeys& k) {
    return k.session != 0 && k.keyring > 0 && k.credential >= 0;
}

bool is_valid(const Answer& a) {
    switch (a.verdict) {
        case Verdict::permit:
            return is_printable(a.reason, kReasonMax, true);
        case Verdict::deny:
        case Verdict::expired:
        case Verdict::unavailable:
            return !a.reason.empty() && is_printable(a.reason, kReasonMax, true);
    }
    return false;
}
bool is_permit(const Answer& a) {
    return a.verdict == Verdict::permit;
}

// Of a reply without permit only the answer counts: nothing else of it is written or read.
bool is_valid(const KeysReply& r) {
    if (!is_valid(r.answer)) return false;
    return !is_permit(r.answer) || (!r.line.empty() && is_printable(r.line, kAuthorizedKeyMax, true));
}
template <typename Reply>
    requires(sizeof(Reply) == sizeof(Answer))  // nothing but the answer
bool is_valid(const Reply& r) {
    return is_valid(r.answer);
}
bool is_valid(const SessionReply& r) {
    if (!is_valid(r.answer)) return false;
    if (!is_permit(r.answer)) return true;
    const bool bounded = r.chain.empty() ? r.expires >= 0 : r.expires > 0;
    return r.session != 0 && bounded && is_chain(r.chain) && r.home.starts_with('/') &&
           is_printable(r.home, kHomeMax, true) && is_vo_name(r.vo) && is_user_name(r.user);
}

// The fields of each message, once for both directions.
template <typename Stream, typename Message>
void fields(Stream& s, Message& m) {
    using M = std::remove_const_t<Message>;
    if constexpr (std::is_same_v<M, KeysQuery>) {
        s.field(m.login), s.field(m.uid), s.field(m.key_type), s.field(m.key), s.field(m.remote_host);
    } else if constexpr (std::is_same_v<M, AccountQuery>) {
        s.field(m.login), s.field(m.service);
    } else if constexpr (std::is_same_v<M, OpenSession>) {
        s.field(m.login), s.field(m.service), s.field(m.remote_host), s.field(m.tty), s.field(m.auth_info);
    } else if constexpr (std::is_same_v<M, CloseSession>) {
        s.field(m.session);
    } else if constexpr (std::is_same_v<M, AuthenticateQuery>) {
        s.field(m.login), s.field(m.service), s.field(m.remote_host), s.field(m.chain);
    } else if constexpr (std::is_same_v<M, NoteKeys>) {
        s.field(m.session), s.field(m.keyring), s.field(m.credential);
    } else {
        s.field(m.answer.verdict), s.field(m.answer.reason);
        if (!is_permit(m.answer)) return;
        if constexpr (std::is_same_v<M, KeysReply>) s.field(m.line);
        if constexpr (std::is_same_v<M, SessionReply>)
            s.field(m.session), s.field(m.chain), s.field(m.expires), s.field(m.home), s.field(m.vo),
                s.field(m.user), s.field(m.memory), s.field(m.processes);
    }
}

template <typename Message>
Result<size_t> encode(Kind kind, const Message& message, std::span<std::byte> buffer) {
    if (!is_valid(message)) return fail(Errc::invalid, "message field");
    FieldWriter writer(buffer);
    writer.field(kMagic), writer.field(kProtocolVersion), writer.field(static_cast<uint16_t>(kind));
    fields(writer, message);
    return writer.end();
}

// The kind in the header of a message, whose fields follow; nothing where it is no message of ours.
std::optional<Kind> read_header(FieldReader& reader) {
    uint32_t magic = 0;
    uint16_t version = 0;
    uint16_t kind = 0;
    reader.field(magic), reader.field(version), reader.field(kind);
    const bool known =
        kind >= static_cast<uint16_t>(Kind::keys_query) && kind <= static_cast<uint16_t>(Kind::note_keys);
    if (magic != kMagic || version != kProtocolVersion || !known) return std::nullopt;
    return static_cast<Kind>(kind);
}

template <typename Message>
Result<Message> read_message(FieldReader& reader) {
    Message message;
    fields(reader, message);
    if (!reader.ended_well() || !is_valid(message)) return fail(Errc::invalid, "message field");
    return message;
}

template <typename Message>
Result<Message> decode_reply(Kind kind, std::span<const std::byte> bytes) {
    FieldReader reader(bytes);
    if (read_header(reader) != kind) return fail(Errc::invalid, "message header");
    return read_message<Message>(reader);
}

}  // namespace

Result<size_t> encode_request(const KeysQuery& query, std::span<std::byte> buffer) {
    return encode(Kind::keys_query, query, buffer);
}
Result<size_t> encode_request(const AccountQuery& query, std::span<std::byte> buffer) {
    return encode(Kind::account, query, buffer);
}
Result<size_t> encode_request(const OpenSession& open, std::span<std::byte> buffer) {
    return encode(Kind::open_session, open, buffer);
}
Result<size_t> encode_request(const CloseSession& close, std::span<std::byte> buffer) {
    return encode(Kind::close_session, close, buffer);
}
Result<size_t> encode_request(const AuthenticateQuery& query, std::span<std::byte> buffer) {
    return encode(Kind::authenticate, query, buffer);
}
Result<size_t> encode_request(const NoteKeys& keys, std::span<std::byte> buffer) {
    return encode(Kind::note_keys, keys, buffer);
}

Result<size_t> encode_reply(const KeysReply& reply, std::span<std::byte> buffer) {
    return encode(Kind::keys_query, reply, buffer);
}
Result<size_t> encode_reply(const AccountReply& reply, std::span<std::byte> buffer) {
    return encode(Kind::account, reply, buffer);
}
Result<size_t> encode_reply(const SessionReply& reply, std::span<std::byte> buffer) {
    return encode(Kind::open_session, reply, buffer);
}
Result<size_t> encode_reply(const CloseReply& reply, std::span<std::byte> buffer) {
    return encode(Kind::close_session, reply, buffer);
}
Result<size_t> encode_reply(const AuthenticateReply& reply, std::span<std::byte> buffer) {
    return encode(Kind::authenticate, reply, buffer);
}
Result<size_t> encode_reply(const NoteReply& reply, std::span<std::byte> buffer) {
    return encode(Kind::note_keys, reply, buffer);
}

Result<Request> decode_request(std::span<const std::byte> message) {
    FieldReader reader(message);
    const auto kind = read_header(reader);
    if (!kind) return fail(Errc::invalid, "message header");
    switch (*kind) {
        case Kind::keys_query:
            return read_message<KeysQuery>(reader);
        case Kind::account:
            return read_message<AccountQuery>(reader);
        case Kind::open_session:
            return read_message<OpenSession>(reader);
        case Kind::close_session:
            return read_message<CloseSession>(reader);
        case Kind::authenticate:
            return read_message<AuthenticateQuery>(reader);
        case Kind::note_keys:
            return read_message<NoteKeys>(reader);
    }
    return fail(Errc::invalid, "message header");
}

Result<KeysReply> decode_keys_reply(std::span<const std::byte> message) {
    return decode_reply<KeysReply>(Kind::keys_query, message);
}
Result<AccountReply> decode_account_reply(std::span<const std::byte> message) {
    return decode_reply<AccountReply>(Kind::account, message);
}
Result<SessionReply> decode_session_reply(std::span<const std::byte> message) {
    return decode_reply<SessionReply>(Kind::open_session, message);
}
Result<CloseReply> decode_close_reply(std::span<const std::byte> message) {
    return decode_reply<CloseReply>(Kind::close_session, message);
}
Result<AuthenticateReply> decode_authenticate_reply(std::span<const std::byte> message) {
    return decode_reply<AuthenticateReply>(Kind::authenticate, message);
}
Result<NoteReply> decode_note_reply(std::span<const std::byte> message) {
    return decode_reply<NoteReply>(Kind::note_keys, message);
}

std::string_view make_reason(std::string_view text, std::span<char, kReasonMax> buffer) {
    if (text.empty()) text = "no reason given";
    const size_t size = std::min(text.size(), buffer.size());
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        buffer.data()[i] = c >= 0x20 && c < 0x7f ? c : '?';
    }
    return {buffer.data(), size};
}

}  // namespace xos
