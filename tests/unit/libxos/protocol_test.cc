#include "libxos/protocol.h"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>
#include <vector>

using namespace xos;

namespace {

std::vector<std::byte> bytes(const auto& message, auto encode) {
    std::vector<std::byte> buffer(kRequestMax + kReplyMax);
    const auto size = encode(message, std::span(buffer));
    REQUIRE(size);
    buffer.resize(*size);
    return buffer;
}
std::vector<std::byte> request(const auto& message) {
    return bytes(message, [](auto& m, auto b) { return encode_request(m, b); });
}
std::vector<std::byte> reply(const auto& message) {
    return bytes(message, [](auto& m, auto b) { return encode_reply(m, b); });
}
bool refused(const auto& message) {
    std::vector<std::byte> buffer(kRequestMax + kReplyMax);
    const auto size = [&] {
        if constexpr (requires { message.answer; })
            return encode_reply(message, buffer);
        else
            return encode_request(message, buffer);
    }();
    return !size && size.error().code == Errc::invalid;
}

const std::string kBigKey(kKeyBlobMax, 'A');
const KeysQuery kQuery{"user1@physics", 0x70000001, "ssh-ed25519-cert-v01@openssh.com",
                       "AAAA+/9=", "2001:db8::1"};
const OpenSession kOpen{"user1@physics", "sshd", "2001:db8::1", "/dev/pts/3", "publickey ssh-ed25519 AAAA"};
const SessionReply kSession{{Verdict::permit, ""},
                            7,
                            "-----BEGIN CERTIFICATE-----\nAA==\n",
                            1'900'000'000,
                            "/home/xos/user1",
                            "physics",
                            "user1",
                            1ull << 33,
                            200};
const AuthenticateQuery kAuthenticate{"user1@physics", "sudo", "", "-----BEGIN CERTIFICATE-----\nAA==\n"};

}  // namespace

TEST_CASE("every request comes back as it went") {
    const auto query_bytes = request(kQuery);
    const auto decoded = decode_request(query_bytes);
    REQUIRE(decoded);
    const auto* query = std::get_if<KeysQuery>(&*decoded);
    REQUIRE(query);
    CHECK(query->login == kQuery.login);
    CHECK(query->uid == kQuery.uid);
    CHECK(query->key_type == kQuery.key_type);
    CHECK(query->key == kQuery.key);
    CHECK(query->remote_host == "2001:db8::1");

    const auto open_bytes = request(kOpen);
    const auto opened = decode_request(open_bytes);
    REQUIRE(opened);
    const auto* open = std::get_if<OpenSession>(&*opened);
    REQUIRE(open);
    CHECK(open->service == "sshd");
    CHECK(open->remote_host == "2001:db8::1");
    CHECK(open->tty == "/dev/pts/3");
    CHECK(open->auth_info == kOpen.auth_info);

    const auto account_bytes = request(AccountQuery{"user1@physics", "su-l"});
    const auto account = decode_request(account_bytes);
    REQUIRE((account && std::get_if<AccountQuery>(&*account)));
    CHECK(std::get_if<AccountQuery>(&*account)->service == "su-l");
    const auto close_bytes = request(CloseSession{0xfedcba9876543210});
    const auto close = decode_request(close_bytes);
    REQUIRE((close && std::get_if<CloseSession>(&*close)));
    CHECK(std::get_if<CloseSession>(&*close)->session == 0xfedcba9876543210);

    const auto authenticate_bytes = request(kAuthenticate);
    const auto authenticate = decode_request(authenticate_bytes);
    REQUIRE((authenticate && std::get_if<AuthenticateQuery>(&*authenticate)));
    CHECK(std::get_if<AuthenticateQuery>(&*authenticate)->service == "sudo");
    CHECK(std::get_if<AuthenticateQuery>(&*authenticate)->chain == kAuthenticate.chain);
    const auto note_bytes = request(NoteKeys{7, 0x7fffffff, 5});
    const auto note = decode_request(note_bytes);
    REQUIRE((note && std::get_if<NoteKeys>(&*note)));
    CHECK(std::get_if<NoteKeys>(&*note)->keyring == 0x7fffffff);
    CHECK(std::get_if<NoteKeys>(&*note)->credential == 5);
}

TEST_CASE("replies come back as they went; without permit nothing is granted") {
    const auto session_bytes = reply(kSession);
    const auto session = decode_session_reply(session_bytes);
    REQUIRE(session);
    CHECK(session->session == 7);
    CHECK(session->chain == kSession.chain);
    CHECK(session->expires == kSession.expires);
    CHECK(session->home == kSession.home);
    CHECK(session->vo == "physics");
    CHECK(session->user == "user1");
    CHECK(session->memory == 1ull << 33);
    CHECK(session->processes == 200);

    SessionReply denied = kSession;
    denied.answer = {Verdict::deny, "the node policy denies login"};
    const auto denied_bytes = reply(denied);
    const auto refusal = decode_session_reply(denied_bytes);
    REQUIRE(refusal);
    CHECK(refusal->answer.verdict == Verdict::deny);
    CHECK(refusal->answer.reason == "the node policy denies login");
    CHECK(refusal->session == 0);
    CHECK(refusal->chain.empty());

    const auto keys_bytes =
        reply(KeysReply{{Verdict::permit, ""}, "cert-authority,restrict ssh-ed25519 AAAA"});
    const auto keys = decode_keys_reply(keys_bytes);
    REQUIRE(keys);
    CHECK(keys->line == "cert-authority,restrict ssh-ed25519 AAAA");
    const auto account_bytes = reply(AccountReply{{Verdict::expired, "the membership ended"}});
    const auto account = decode_account_reply(account_bytes);
    REQUIRE(account);
    CHECK(account->answer.verdict == Verdict::expired);
    const auto close_bytes = reply(CloseReply{{Verdict::permit, ""}});
    CHECK(decode_close_reply(close_bytes));
    const auto note_bytes = reply(NoteReply{{Verdict::permit, ""}});
    CHECK(decode_note_reply(note_bytes));
    const auto authenticated_bytes = reply(AuthenticateReply{{Verdict::deny, "the credential has expired"}});
    const auto authenticated = decode_authenticate_reply(authenticated_bytes);
    REQUIRE(authenticated);
    CHECK(authenticated->answer.verdict == Verdict::deny);
}

TEST_CASE("a reply to another question is none") {
    const auto account_bytes = reply(AccountReply{{Verdict::permit, ""}});
    CHECK(decode_account_reply(account_bytes));
    CHECK_FALSE(decode_close_reply(account_bytes));
    CHECK_FALSE(decode_keys_reply(account_bytes));
    CHECK_FALSE(decode_session_reply(account_bytes));
    CHECK_FALSE(decode_authenticate_reply(account_bytes));
    CHECK_FALSE(decode_note_reply(account_bytes));
}

TEST_CASE("every cut, every trailing byte and every foreign header is refused") {
    for (const auto& whole : {request(kQuery), request(kOpen), request(CloseSession{1}),
                              request(kAuthenticate), request(NoteKeys{1, 2, 3})}) {
        for (size_t size = 0; size < whole.size(); size++)
            CHECK_FALSE(decode_request(std::span(whole).first(size)));
        auto longer = whole;
        longer.push_back(std::byte{0});
        CHECK_FALSE(decode_request(longer));
        for (size_t at = 0; at < 6; at++) {  // magic and version
            auto other = whole;
            other[at] ^= std::byte{1};
            CHECK_FALSE(decode_request(other));
        }
    }
    const auto session = reply(kSession);
    for (size_t size = 0; size < session.size(); size++)
        CHECK_FALSE(decode_session_reply(std::span(session).first(size)));
    auto longer = session;
    longer.push_back(std::byte{0});
    CHECK_FALSE(decode_session_reply(longer));
}

TEST_CASE("a length that points past the end is refused") {
    auto message = request(AccountQuery{"user1@physics", "sshd"});
    for (const uint32_t length : {14u, 1000u, 0x7fffffffu, 0xffffffffu}) {
        std::memcpy(message.data() + 8, &length, sizeof length);
        CHECK_FALSE(decode_request(message));
    }
}

TEST_CASE("fields keep their grammar in both directions") {
    auto query = kQuery;
    query.key = kBigKey;
    CHECK(decode_request(request(query)));
    const std::string too_big(kKeyBlobMax + 1, 'A');
    for (const std::string_view bad :
         {std::string_view(too_big), std::string_view(""), std::string_view("AA AA"),
          std::string_view("AA\nAA"), std::string_view("AA\0A", 4)}) {
        query.key = bad;
        CHECK(refused(query));
    }
    for (const char* login : {"", "root", "user1@", "User1@physics", "user1@physics "}) {
        CHECK(refused(KeysQuery{login, 1, "ssh-rsa", "AAAA"}));
        CHECK(refused(AccountQuery{login, "sshd"}));
        CHECK(refused(OpenSession{login, "sshd", "", "", ""}));
    }
    CHECK(refused(AccountQuery{"user1@physics", ""}));
    CHECK(refused(AccountQuery{"user1@physics", "ss hd"}));
    CHECK(refused(OpenSession{"user1@physics", "sshd", "host\n", "", ""}));
    CHECK(refused(OpenSession{"user1@physics", "sshd", "", "pts/1\x1b", ""}));
    CHECK(refused(OpenSession{"user1@physics", "sshd", "", "", "publickey a b\npublickey c d"}));
    CHECK(refused(CloseSession{0}));
    CHECK(refused(NoteKeys{0, 1, 1}));
    CHECK(refused(NoteKeys{1, 0, 1}));
    CHECK(refused(NoteKeys{1, -3, 1}));  // a name of a keyring, not a serial number
    CHECK(refused(NoteKeys{1, 1, -1}));
    CHECK(refused(KeysQuery{"user1@physics", 1, "ssh-rsa", "AAAA", "192.0.2.1 22"}));
    CHECK(refused(AuthenticateQuery{"user1@physics", "su", "", ""}));
    CHECK(refused(AuthenticateQuery{"user1", "su", "", "PEM"}));
    CHECK(refused(AuthenticateQuery{"user1@physics", "su", "", "PEM\x01"}));
    CHECK(refused(KeysReply{{Verdict::permit, ""}, "one\ntwo"}));
    CHECK(refused(KeysReply{{Verdict::permit, ""}, ""}));
    CHECK(refused(AccountReply{{Verdict::deny, ""}}));
    CHECK(refused(AccountReply{{Verdict::deny, "forged\nline"}}));
    CHECK(refused(AccountReply{{static_cast<Verdict>(9), "what"}}));
}

TEST_CASE("a session is granted whole or not at all") {
    const auto with = [](auto change) {
        SessionReply r = kSession;
        change(r);
        return r;
    };
    CHECK(decode_session_reply(reply(with([](auto& r) { r.chain = "", r.expires = 0; }))));
    const std::string longest(kChainMax, 'x');
    CHECK(decode_session_reply(reply(with([&](auto& r) { r.chain = longest; }))));
    const std::string too_long(kChainMax + 1, 'x');
    CHECK(refused(with([&](auto& r) { r.chain = too_long; })));
    CHECK(refused(with([](auto& r) { r.expires = 0; })));  // a credential that never expires
    CHECK(refused(with([](auto& r) { r.expires = -1; })));
    CHECK(refused(with([](auto& r) { r.session = 0; })));
    CHECK(refused(with([](auto& r) { r.home = "home"; })));
    CHECK(refused(with([](auto& r) { r.vo = "Physics"; })));
    CHECK(refused(with([](auto& r) { r.user = "../root"; })));
    CHECK(refused(with([](auto& r) { r.chain = "a\x01b"; })));
}

TEST_CASE("a buffer that is too small is said") {
    std::array<std::byte, 40> buffer;
    for (size_t size = 0; size < buffer.size(); size++) {
        const auto written = encode_request(kOpen, std::span(buffer).first(size));
        REQUIRE_FALSE(written);
        CHECK(written.error().code == Errc::too_small);
    }
}

TEST_CASE("the largest messages fit in the buffers that callers are told to use") {
    std::vector<std::byte> buffer(kRequestMax);
    const std::string login = std::string(kUserNameMax, 'u') + "@" + std::string(kVoNameMax, 'v');
    const std::string word(kRemoteHostMax, 'w');
    const std::string_view w = word;
    const std::string info(kAuthInfoMax, 'i');
    CHECK(
        encode_request(OpenSession{login, w.substr(0, kServiceMax), w, w.substr(0, kTtyMax), info}, buffer));
    CHECK(encode_request(KeysQuery{login, ~0u, w.substr(0, kKeyTypeMax), kBigKey, w}, buffer));
    const std::string chain(kChainMax, 'c');
    CHECK(encode_request(AuthenticateQuery{login, w.substr(0, kServiceMax), w, chain}, buffer));
    buffer.resize(kReplyMax);
    const std::string home = "/" + std::string(kHomeMax - 1, 'h');
    const std::string reason(kReasonMax, 'r');
    CHECK(encode_reply(SessionReply{{Verdict::permit, reason}, ~0ull, chain, 1, home, login.substr(32), "u"},
                       buffer));
    CHECK(encode_reply(KeysReply{{Verdict::permit, reason}, std::string(kAuthorizedKeyMax, 'k')}, buffer));
}

TEST_CASE("a reason is made printable and short") {
    std::array<char, kReasonMax> buffer;
    CHECK(make_reason("expired on Monday", buffer) == "expired on Monday");
    CHECK(make_reason("a\nb\x1b[31m\xc3\xa4", buffer) == "a?b?[31m??");
    CHECK(make_reason("", buffer) == "no reason given");
    CHECK(make_reason(std::string(1000, 'x'), buffer).size() == kReasonMax);
}
