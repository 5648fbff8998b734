#include "cda/network_service.h"

#include "cda/audit.h"
#include "cda/token_exchange.h"
#include "common/vo/member_request.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr unsigned kTooMany = 429;

Json seconds(std::chrono::sys_seconds time) {
    return Json::integer(static_cast<uint64_t>(time.time_since_epoch().count()));
}

HttpResponse json_response(const Json& body) {
    return {.body = body.format()};
}

Outcome<Json> record_of(const VoIdentity& identity) {
    return Json::parse(identity.statement, {.bytes = kRegistryValueMax, .depth = 2}, "VO record");
}

struct Kind {
    unsigned status;
    const char* code;
};

Kind kind_of(Errc code) {
    switch (code) {
        case Errc::not_found:
            return {404, "not_found"};
        case Errc::denied:
            return {403, "denied"};
        case Errc::invalid:
        case Errc::too_small:
            return {400, "invalid"};
        case Errc::exists:
            return {409, "exists"};
        case Errc::conflict:
        case Errc::timeout:
        case Errc::unavailable:
            return {503, "unavailable"};
        case Errc::system:
            break;
    }
    return {500, "internal"};
}

HttpResponse error_response(Kind kind, std::string_view message, std::chrono::sys_seconds now) {
    HttpResponse response = json_response(JsonObject()
                                              .set("code", Json::string(kind.code))
                                              .set("message", Json::string(message))
                                              .set("time", seconds(now))
                                              .build());
    response.status = kind.status;
    if (kind.status == kTooMany) response.retry_after = 60;
    return response;
}

HttpResponse too_many(std::chrono::sys_seconds now) {
    return error_response({kTooMany, "too_many"}, "too many requests: wait a while, then try again", now);
}

const char* verb_of(Endpoint endpoint) {
    switch (endpoint) {
        case Endpoint::show:
            return "show";
        case Endpoint::bundle:
            return "bundle";
        case Endpoint::enroll:
            return "enroll";
        case Endpoint::credential:
            return "credential";
        case Endpoint::leave:
            return "leave";
        case Endpoint::token:
            return "token";
    }
    return "";
}

}  // namespace

NetworkService::NetworkService(Authority& authority, Registry& registry, const NetworkLimits& limits)
    : authority_(authority),
      vos_(registry),
      enrolment_(registry),
      publisher_(authority),
      requests_(limits.requests, limits.request_interval),
      credentials_(limits.credentials, limits.credential_interval),
      wrong_codes_(limits.wrong_codes, limits.wrong_code_interval),
      wrong_codes_of_member_(limits.wrong_codes_of_member, limits.wrong_code_of_member_interval) {}

HttpResponse NetworkService::answer(const HttpRequest& request, std::chrono::sys_seconds now,
                                    RateLimit::Time tick) {
    Asked asked{request, {}, now, tick, limit_name(request.address), {}};
    if (!requests_.take(asked.from, tick)) return too_many(now);
    auto found = read_route(request.method, request.path);
    if (!found && found.error().code == Errc::invalid)
        return error_response({405, "method"}, found.error().message, now);
    if (!found) return error_response({404, "not_found"}, found.error().message, now);
    asked.vo = std::move(found->vo);
    auto answered = route(asked, found->endpoint);
    if (!answered) return refuse(asked, answered.error(), found->endpoint);
    return std::move(*answered);
}

Outcome<HttpResponse> NetworkService::route(Asked& asked, Endpoint endpoint) {
    switch (endpoint) {
        case Endpoint::show:
            return show(asked);
        case Endpoint::bundle:
            return send_bundle(asked);
        case Endpoint::enroll:
            return enroll(asked);
        case Endpoint::credential:
            return issue(asked);
        case Endpoint::leave:
            return leave(asked);
        case Endpoint::token:
            return exchange(asked);
    }
    return failure(Errc::not_found, "there is nothing at this address");
}

HttpResponse NetworkService::refuse(const Asked& asked, const Failure& failure, Endpoint endpoint) {
    const Kind kind = kind_of(failure.code);
    if (endpoint != Endpoint::show && endpoint != Endpoint::bundle)
        audit_refusal(verb_of(endpoint), {asked.vo, asked.login, asked.http.address}, failure.message);
    else if (kind.status == 500)
        audit_refusal(verb_of(endpoint), {asked.vo, "", asked.http.address}, failure.message);
    // what went wrong inside is for the log
    if (kind.status == 500)
        return error_response(kind, "the authority cannot do this now: its log says why", asked.now);
    // the registry tells its manager what to do next; this is a stranger
    if (failure.code == Errc::not_found)
        if (const auto known = vos_.read_vo(asked.vo); !known && known.error().code == Errc::not_found)
            return error_response(kind, compose("there is no VO {} at this authority", asked.vo), asked.now);
    return error_response(kind, failure.message, asked.now);
}

Outcome<HttpResponse> NetworkService::show(const Asked& asked) {
    const auto identity = vos_.read_vo(asked.vo);
    if (!identity) return std::unexpected(identity.error());
    const auto record = record_of(*identity);
    if (!record) return std::unexpected(record.error());
    return json_response(JsonObject()
                             .set("vo_key", Json::string(encode_base64url(identity->vo_key)))
                             .set("record", *record)
                             .set("time", seconds(asked.now))
                             .build());
}

Outcome<HttpResponse> NetworkService::send_bundle(const Asked& asked) {
    BundleRequest request{
        .vo = asked.vo, .since = {}, .if_none_match = asked.http.if_none_match, .zstd = false};
    if (asked.http.since) {
        request.since = read_since(*asked.http.since);
        if (!request.since) return failure(Errc::invalid, "since: expected the serial of a bundle");
    }
    request.zstd = accepts_encoding(asked.http.accept_encoding, "zstd");
    auto made = publisher_.answer(request, asked.now);
    if (!made) return std::unexpected(made.error());
    HttpResponse response{.status = made->not_modified ? 304u : 200u, .body = std::move(made->body)};
    response.etag = std::move(made->etag);
    if (made->zstd) response.content_encoding = "zstd";
    return response;
}

Outcome<HttpResponse> NetworkService::enroll(Asked& asked) {
    const auto json = parse_body(asked.http.body);
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    const auto body = read_enroll_body(root);
    if (!body) return std::unexpected(body.error());
    asked.login = body->login;
    if (parse_login_name(body->login)->vo != asked.vo)
        return failure(Errc::denied, "{} is no member of the VO {}", body->login, asked.vo);
    if (!wrong_codes_.has(asked.from, asked.tick) || !wrong_codes_of_member_.has(body->login, asked.tick)) {
        audit_refusal("enroll", {asked.vo, asked.login, asked.http.address}, "too many wrong codes");
        return too_many(asked.now);
    }
    bool wrong_code = false;
    const auto enrolled =
        enrolment_.enrol(body->login, body->code, body->request_pem, asked.now, &wrong_code);
    if (wrong_code) {
        wrong_codes_.take(asked.from, asked.tick);
        wrong_codes_of_member_.take(body->login, asked.tick);
    }
    if (!enrolled) return std::unexpected(enrolled.error());
    const auto record = record_of(enrolled->identity);
    if (!record) return std::unexpected(record.error());
    audit_grant("member enrolled", {asked.vo, asked.login, asked.http.address}, {});
    return json_response(JsonObject()
                             .set("login", Json::string(asked.login))
                             .set("vo_key", Json::string(encode_base64url(enrolled->identity.vo_key)))
                             .set("record", *record)
                             .set("time", seconds(asked.now))
                             .build());
}

// The PKCS#10 request in a statement that is fresh and signed by the enrolled key of a member who may act.
Outcome<std::string> NetworkService::open_signed(Asked& asked, MemberAction action, const JsonNode& body) {
    auto login = read_asking_login(body);
    if (!login) return login;
    asked.login = std::move(*login);
    if (parse_login_name(asked.login)->vo != asked.vo)
        return failure(Errc::denied, "{} is no member of the VO {}", asked.login, asked.vo);
    const auto key = enrolment_.key_of(asked.login, asked.now);
    if (!key) return std::unexpected(key.error());
    auto request = open_member_request(body, action, *key, asked.now);
    if (!request) return std::unexpected(request.error());
    if (!taken_.take(asked.login + " " + request->nonce, asked.now))
        return failure(Errc::denied, "this request was made before: a request counts once");
    return std::move(request->request_pem);
}

Outcome<HttpResponse> NetworkService::issue(Asked& asked) {
    const auto json = parse_body(asked.http.body);
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    const auto request = open_signed(asked, MemberAction::credential, root);
    if (!request) return std::unexpected(request.error());
    return issue_to(asked, asked.login, *request);
}

Outcome<HttpResponse> NetworkService::issue_to(const Asked& asked, const std::string& login,
                                               std::string_view request_pem) {
    const AuditWho who{asked.vo, login, asked.http.address};
    if (!credentials_.take(login, asked.tick)) {
        audit_refusal("credential", who, "too many credentials");
        return too_many(asked.now);
    }
    const auto active = enrolment_.read_active(login, asked.now);
    if (!active) return std::unexpected(active.error());
    const auto issued = authority_.issue(login, request_pem, kCredentialLifetime, asked.now);
    if (!issued) return std::unexpected(issued.error());
    const auto record = record_of(active->identity);
    if (!record) return std::unexpected(record.error());
    audit_grant("credential issued", who, {issued->serial, issued->fingerprint});
    return json_response(JsonObject()
                             .set("login", Json::string(login))
                             .set("chain", Json::string(issued->chain_pem))
                             .set("vo_key", Json::string(encode_base64url(active->identity.vo_key)))
                             .set("record", *record)
                             .set("time", seconds(asked.now))
                             .build());
}

Outcome<HttpResponse> NetworkService::leave(Asked& asked) {
    const auto json = parse_body(asked.http.body);
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    if (const auto request = open_signed(asked, MemberAction::leave, root); !request)
        return std::unexpected(request.error());
    if (auto removed = authority_.remove_member(asked.login); !removed)
        return std::unexpected(removed.error());
    audit_grant("member left", {asked.vo, asked.login, asked.http.address}, {});
    return json_response(
        JsonObject().set("login", Json::string(asked.login)).set("time", seconds(asked.now)).build());
}

Outcome<HttpResponse> NetworkService::exchange(Asked& asked) {
    const auto json = parse_body(asked.http.body);
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    const auto body = read_token_body(root);
    if (!body) return std::unexpected(body.error());
    auto login = check_token(authority_, asked.vo, body->token, asked.now);
    if (!login) return std::unexpected(login.error());
    asked.login = std::move(*login);
    if (!body->request_pem.empty()) return issue_to(asked, asked.login, body->request_pem);
    return json_response(
        JsonObject().set("login", Json::string(asked.login)).set("time", seconds(asked.now)).build());
}

}  // namespace xos
