#include "cli/authority_client.h"

#include "cli/credential_view.h"
#include "cli/https_call.h"
#include "common/clock.h"
#include "common/credential/xos_cert.h"
#include "common/first_failure.h"
#include "common/vo/member_request.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr JsonLimits kAnswerLimits{.bytes = 512 * 1024, .depth = 4};

std::string_view vo_of(std::string_view login) {
    return login.substr(login.find('@') + 1);
}

std::string user_of(std::string_view login) {
    return std::string(login.substr(0, login.find('@')));
}

std::string join_url(std::string_view url, std::string_view vo, std::string_view word) {
    while (url.ends_with('/')) url.remove_suffix(1);
    return compose("{}/v1/{}/{}", url, vo, word);
}

// A terminal gets no control characters from whoever answers.
std::string printable(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
    return text;
}

std::unexpected<Failure> refusal(const HttpsCall& call, const HttpsAnswer& answer) {
    const auto json = Json::parse(answer.body, kAnswerLimits, "answer");
    std::string message;
    if (json) {
        const JsonNode root = json->root();
        if (auto text = root.string("message", 4096)) message = printable(std::move(*text));
    }
    if (message.empty()) message = compose("HTTP status {}", answer.status);
    const bool busy = answer.status == 429 || answer.status >= 500;
    return failure(busy ? Errc::unavailable : Errc::denied, "the authority at {} {}: {}", call.url,
                   busy ? "cannot answer now" : "refuses", message);
}

Outcome<Json> ask(const HttpsCall& call) {
    const auto answer = call_https(call);
    if (!answer) return std::unexpected(answer.error());
    if (answer->status != 200) return refusal(call, *answer);
    auto json = Json::parse(answer->body, kAnswerLimits, "answer");
    if (!json)
        return failure(Errc::invalid, "{} does not answer as an authority: {}", call.url,
                       json.error().message);
    return json;
}

Outcome<IssuedAnswer> read_issued(const Json& json, std::string_view login) {
    const JsonNode root = json.root();
    IssuedAnswer answer;
    std::string answered;
    uint64_t time = 0;
    FirstFailure first;
    first.take(answered, root.string("login", kLoginNameMax));
    first.take(answer.chain_pem, root.string("chain", kCredentialMax));
    first.take(time, root.integer("time", 0, kSerialMax));
    if (first) return first.get();
    if (answered != login)
        return failure(Errc::denied, "the authority answers for {}, not for {}", answered, login);
    auto record = read_signed_record(root, vo_of(login));
    if (!record) return std::unexpected(record.error());
    answer.record = std::move(*record);
    answer.clock_ahead = current_time() - std::chrono::sys_seconds(std::chrono::seconds(time));
    return answer;
}

}  // namespace

Outcome<EnrolmentCode> read_code(std::string_view text) {
    const auto refuse = [] {
        return failure(
            Errc::invalid,
            "this is no enrolment code: expected user1@physics:…:… as the manager of the VO hands it out");
    };
    const size_t first = text.find(':'), second = text.find(':', first == text.npos ? first : first + 1);
    if (second == text.npos) return refuse();
    EnrolmentCode code{std::string(text.substr(0, first)),
                       std::string(text.substr(first + 1, second - first - 1)), ""};
    const auto pin = decode_base64url(text.substr(second + 1));
    const auto secret = decode_base64url(code.secret);
    if (!parse_login_name(code.login) || !pin || pin->size() != 32 || !secret || secret->size() != 16)
        return refuse();
    code.pin = "SHA256:" + encode_base64_unpadded(*pin);
    return code;
}

Outcome<SignedVoRecord> ask_enrolment(std::string_view url, const EnrolmentCode& code,
                                      const SigningKey& key) {
    const auto request = make_request(user_of(code.login), key);
    if (!request) return std::unexpected(request.error());
    const std::string body = JsonObject()
                                 .set("login", Json::string(code.login))
                                 .set("code", Json::string(code.secret))
                                 .set("request", Json::string(*request))
                                 .build()
                                 .format();
    const std::string_view vo = vo_of(code.login);
    const auto answer = ask({join_url(url, vo, "enroll"), code.pin, body});
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    auto record = read_signed_record(root, vo);
    if (!record) return record;
    if (record->record.authority_pin != code.pin)
        return failure(Errc::denied,
                       "the signed record of {} pins another authority than the code: ask the manager of the "
                       "VO for a new code",
                       vo);
    return record;
}

Outcome<IssuedAnswer> ask_credential(const KnownAuthority& authority, std::string_view login,
                                     const SigningKey& key) {
    const auto request = make_request(user_of(login), key);
    if (!request) return std::unexpected(request.error());
    const auto body = sign_member_request(MemberAction::credential,
                                          {std::string(login), current_time(), "", *request}, key);
    if (!body) return std::unexpected(body.error());
    const auto answer = ask({join_url(authority.url, vo_of(login), "credential"), authority.pin, *body});
    if (!answer) return std::unexpected(answer.error());
    return read_issued(*answer, login);
}

Outcome<void> ask_leave(const KnownAuthority& authority, std::string_view login, const SigningKey& key) {
    const auto body =
        sign_member_request(MemberAction::leave, {std::string(login), current_time(), "", ""}, key);
    if (!body) return std::unexpected(body.error());
    const auto answer = ask({join_url(authority.url, vo_of(login), "leave"), authority.pin, *body});
    if (!answer) return std::unexpected(answer.error());
    return {};
}

Outcome<std::string> ask_token_login(const KnownAuthority& authority, std::string_view vo,
                                     std::string_view token) {
    const std::string body = JsonObject().set("token", Json::string(token)).build().format();
    const auto answer = ask({join_url(authority.url, vo, "token"), authority.pin, body});
    if (!answer) return std::unexpected(answer.error());
    const JsonNode root = answer->root();
    auto login = root.string("login", kLoginNameMax);
    if (login && (!parse_login_name(*login) || vo_of(*login) != vo))
        return failure(Errc::invalid, "the authority answers with a name that is none of {}", vo);
    return login;
}

Outcome<IssuedAnswer> ask_token_credential(const KnownAuthority& authority, std::string_view login,
                                           std::string_view token, const SigningKey& key) {
    const auto request = make_request(user_of(login), key);
    if (!request) return std::unexpected(request.error());
    const std::string body = JsonObject()
                                 .set("token", Json::string(token))
                                 .set("request", Json::string(*request))
                                 .build()
                                 .format();
    const auto answer = ask({join_url(authority.url, vo_of(login), "token"), authority.pin, body});
    if (!answer) return std::unexpected(answer.error());
    return read_issued(*answer, login);
}

}  // namespace xos
