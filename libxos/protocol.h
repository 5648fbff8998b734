// The messages between xosd and those who ask it at a login: pam_xos and xos-ssh-keys.
//
// Owns: layout, limits and grammar of every message on kPamSocket, both directions.
// Process: any, modules included (no allocation, no exception). Trusts: nothing; bytes from either side are
// hostile.
//
// kPamSocket is SOCK_SEQPACKET: one connection carries one request and one reply, one packet each.
// A message is: magic u32, version u16, kind u16, then the fields of its struct in the order of the
// declaration; integers little-endian, strings as length u32 and bytes. A reply repeats the kind of its
// request, then verdict u8 and reason; what is granted follows only where the verdict is permit. Nothing may
// follow the last field.
//
// A reply that can no longer be sent (the asker has gone at its deadline) grants nothing: xosd takes back
// what it made.
//
// The views in a decoded message point into the buffer that was decoded and live as long as it does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "libxos/names.h"
#include "libxos/result.h"

namespace xos {

inline constexpr uint16_t kProtocolVersion = 2;

// Limits of single fields, in bytes.
inline constexpr size_t kKeyBlobMax =
    128 * 1024;  // base64; sshd can pass no longer argument (MAX_ARG_STRLEN)
inline constexpr size_t kKeyTypeMax = 64;
inline constexpr size_t kServiceMax = 64;
inline constexpr size_t kRemoteHostMax = 255;
inline constexpr size_t kTtyMax = 64;
inline constexpr size_t kAuthInfoMax = kKeyBlobMax + kKeyTypeMax + 16;
inline constexpr size_t kReasonMax = 512;
inline constexpr size_t kAuthorizedKeyMax = 16 * 1024;
inline constexpr size_t kChainMax = 32767;  // the most that a key of type "user" holds (keyrings(7))
inline constexpr size_t kHomeMax = 4095;

// Buffers of these sizes hold every request and every reply.
inline constexpr size_t kRequestMax = kAuthInfoMax + 1024;
inline constexpr size_t kReplyMax = kChainMax + kHomeMax + kReasonMax + 1024;

// Requests. login is user@vo in the grammar of login_name.h; text fields are printable ASCII without blanks
// unless said otherwise, and may be empty only where said.

// May this key log in? Asked by sshd's AuthorizedKeysCommand, before possession of the key is proved.
struct KeysQuery {
    std::string_view login;
    uint32_t uid = 0;                   // what sshd holds for the login name: it must be the certified one
    std::string_view key_type;          // as in an authorized_keys line
    std::string_view key;               // the public key or certificate, base64
    std::string_view remote_host = {};  // the client's address, as sshd says; may be empty
};

// Does this account exist, and may it use this service at all?
struct AccountQuery {
    std::string_view login;
    std::string_view service;  // PAM_SERVICE
};

struct OpenSession {
    std::string_view login;
    std::string_view service;
    std::string_view remote_host;  // PAM_RHOST; may be empty; what the service says, not a proof
    std::string_view tty;          // PAM_TTY; may be empty
    std::string_view
        auth_info;  // sshd's line "publickey TYPE BASE64", with blanks; empty where no key was used
};

struct CloseSession {
    uint64_t session = 0;
};

// Is the caller, in whose session keyring this credential lies, the member? Asked by su(1) and sudo(8) in the
// place of a password. A session that the same process opens for login afterwards has that credential.
struct AuthenticateQuery {
    std::string_view login;
    std::string_view service;
    std::string_view remote_host;  // PAM_RHOST; may be empty
    std::string_view chain;        // what the key holds: PEM
};

// The keys of a session that was granted: its end revokes the credential, whoever ends it.
struct NoteKeys {
    uint64_t session = 0;
    int32_t keyring = 0;     // serial numbers (keyrings(7))
    int32_t credential = 0;  // 0: the session has none
};

using Request = std::variant<KeysQuery, AccountQuery, OpenSession, CloseSession, AuthenticateQuery, NoteKeys>;

// Replies. reason is for the log: printable ASCII with blanks; empty with permit only.
enum class Verdict : uint8_t {
    permit = 1,
    deny,
    expired,      // the account or credential was good once
    unavailable,  // xosd cannot decide now
};

struct Answer {
    Verdict verdict = Verdict::unavailable;
    std::string_view reason;
};

struct KeysReply {
    Answer answer;
    std::string_view line;  // with permit: one authorized_keys line, printable, without its newline
};

struct AccountReply {
    Answer answer;
};

// With permit all but the credential is set.
struct SessionReply {
    Answer answer;
    uint64_t session = 0;    // names the session in CloseSession; not 0
    std::string_view chain;  // PEM, public; empty where the login brought no credential (su from root)
    int64_t expires = 0;     // seconds since 1970; 0 = never, not with a chain
    std::string_view home;   // absolute
    std::string_view vo;     // the two halves of the login name
    std::string_view user;
    uint64_t memory = 0;     // the session's limits: bytes
    uint64_t processes = 0;  // threads counted; 0 = none, both
};

struct CloseReply {
    Answer answer;
};

struct AuthenticateReply {
    Answer answer;
};

struct NoteReply {
    Answer answer;
};

// Each encoder answers the length of the message it wrote at the start of buffer; invalid where a field
// breaks its grammar or limit, too_small where buffer ends first.
[[nodiscard]] Result<size_t> encode_request(const KeysQuery& query, std::span<std::byte> buffer);
[[nodiscard]] Result<size_t> encode_request(const AccountQuery& query, std::span<std::byte> buffer);
[[nodiscard]] Result<size_t> encode_request(const OpenSession& open, std::span<std::byte> buffer);
[[nodiscard]] Result<size_t> encode_request(const CloseSession& close, std::span<std::byte> buffer);
[[nodiscard]] Result<size_t> encode_request(const AuthenticateQuery& query, std::span<std::byte> buffer);
[[nodiscard]] Result<size_t> encode_request(const NoteKeys& keys, std::span<std::byte> buffer);

[[nodiscard]] Result<size_t> encode_reply(const KeysReply& reply, std::span<std::byte> buffer);
[[nodiscard]] Result<size_t> encode_reply(const AccountReply& reply, std::span<std::byte> buffer);
[[nodiscard]] Result<size_t> encode_reply(const SessionReply& reply, std::span<std::byte> buffer);
[[nodiscard]] Result<size_t> encode_reply(const CloseReply& reply, std::span<std::byte> buffer);
[[nodiscard]] Result<size_t> encode_reply(const AuthenticateReply& reply, std::span<std::byte> buffer);
[[nodiscard]] Result<size_t> encode_reply(const NoteReply& reply, std::span<std::byte> buffer);

// The decoders answer invalid for everything that the encoders cannot have written.
[[nodiscard]] Result<Request> decode_request(std::span<const std::byte> message);

// A reply to a request of another kind is invalid.
[[nodiscard]] Result<KeysReply> decode_keys_reply(std::span<const std::byte> message);
[[nodiscard]] Result<AccountReply> decode_account_reply(std::span<const std::byte> message);
[[nodiscard]] Result<SessionReply> decode_session_reply(std::span<const std::byte> message);
[[nodiscard]] Result<CloseReply> decode_close_reply(std::span<const std::byte> message);
[[nodiscard]] Result<AuthenticateReply> decode_authenticate_reply(std::span<const std::byte> message);
[[nodiscard]] Result<NoteReply> decode_note_reply(std::span<const std::byte> message);

// Makes text fit to be a reason: cut at kReasonMax, every byte that is not printable ASCII replaced by '?';
// "no reason given" where nothing is left. Answers the view of what was written into buffer.
std::string_view make_reason(std::string_view text, std::span<char, kReasonMax> buffer);

}  // namespace xos
