#include "common/vo/member_request.h"

#include <openssl/rand.h>

#include "common/credential/openssl_failure.h"
#include "common/encoding.h"
#include "common/first_failure.h"
#include "common/vo/signed_record.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr size_t kNonceMin = 16;

const char* type_of(MemberAction action) {
    switch (action) {
        case MemberAction::credential:
            return "xos-credential-request+json";
        case MemberAction::leave:
            return "xos-leave-request+json";
    }
    return "";
}

uint64_t seconds_of(std::chrono::sys_seconds time) {
    return static_cast<uint64_t>(std::max<int64_t>(time.time_since_epoch().count(), 0));
}

Outcome<MemberRequest> read_payload(std::string_view payload, MemberAction action) {
    const auto json = Json::parse(payload, {.bytes = kMemberRequestMax, .depth = 2}, "signed request");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    MemberRequest request;
    uint64_t seconds = 0;
    FirstFailure first;
    if (action == MemberAction::credential) {
        first.check(root.object({"login", "time", "nonce", "request"}));
        first.take(request.request_pem, root.string("request", kRequestPemMax));
    } else {
        first.check(root.object({"login", "time", "nonce"}));
    }
    first.take(request.login, root.string("login", kLoginNameMax));
    first.take(seconds, root.integer("time", 0, kSerialMax));
    first.take(request.nonce, root.string("nonce", kNonceMax));
    if (first) return first.get();
    if (request.nonce.size() < kNonceMin)
        return root.invalid(compose("nonce: expected at least {} characters", kNonceMin));
    request.time = std::chrono::sys_seconds(std::chrono::seconds(seconds));
    return request;
}

}  // namespace

Outcome<std::string> sign_member_request(MemberAction action, MemberRequest request, const SigningKey& key) {
    std::array<uint8_t, 16> nonce;
    if (RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) != 1)
        return openssl_failure(Errc::system, "there are no random bytes");
    JsonObject payload;
    payload.set("login", Json::string(request.login))
        .set("time", Json::integer(seconds_of(request.time)))
        .set("nonce", Json::string(encode_base64url(nonce)));
    if (action == MemberAction::credential) payload.set("request", Json::string(request.request_pem));
    const auto statement = sign_statement(payload.build().format(), type_of(action), key);
    if (!statement) return std::unexpected(statement.error());
    return JsonObject()
        .set("login", Json::string(request.login))
        .set("statement", *statement)
        .build()
        .format();
}

Outcome<std::string> read_asking_login(const JsonNode& body) {
    if (auto known = body.object({"login", "statement"}); !known) return std::unexpected(known.error());
    auto login = body.string("login", kLoginNameMax);
    if (!login) return login;
    if (!parse_login_name(*login)) return body.invalid("login: expected one such as user1@physics");
    return login;
}

Outcome<MemberRequest> open_member_request(const JsonNode& body, MemberAction action,
                                           std::span<const uint8_t, 32> key, std::chrono::sys_seconds now) {
    const auto login = read_asking_login(body);
    if (!login) return std::unexpected(login.error());
    const auto statement = body.field("statement");
    if (!statement) return std::unexpected(statement.error());
    const auto payload = open_statement(*statement, type_of(action), key, kMemberRequestMax);
    if (!payload)
        return failure(Errc::denied, "the request is not signed by the key of {}: {}", *login,
                       payload.error().message);
    auto request = read_payload(*payload, action);
    if (!request) return request;
    if (request->login != *login)
        return failure(Errc::denied, "the request is signed for {}, not for {}", request->login, *login);
    const std::chrono::seconds ahead = request->time - now;
    if (std::chrono::abs(ahead) > kClockSkew)
        return failure(Errc::denied, "the clock of the asking machine is {} s {} the authority's: set it",
                       std::chrono::abs(ahead).count(), ahead.count() > 0 ? "ahead of" : "behind");
    return request;
}

}  // namespace xos
