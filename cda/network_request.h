// A request of the network, from bytes to what it asks for.
//
// Owns: the paths of the authority's API and the JSON of its bodies. Pure. Process: xos-cda serve. Trusts:
// nothing.
//
//     GET  /v1/VO                    the VO key and the VO's signed record
//     GET  /v1/VO/bundle[?since=N]   the bundle
//     POST /v1/VO/enroll             {"login":…,"code":SECRET,"request":PKCS#10 PEM}
//     POST /v1/VO/credential         common/vo/member_request.h
//     POST /v1/VO/leave              the same
//     POST /v1/VO/token              {"token":JWT[,"request":PKCS#10 PEM]}; without request: whom it speaks
//     for
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/failure.h"
#include "common/json.h"

namespace xos {

// As the HTTP server hands it over: sizes are capped there, nothing else was looked at.
struct HttpRequest {
    std::string method, path;
    std::optional<std::string> since;  // the query of that name
    std::string if_none_match, accept_encoding;
    std::string address;  // of the other side, as text
    std::string body;
};

enum class Endpoint { show, bundle, enroll, credential, leave, token };

struct Route {
    Endpoint endpoint;
    std::string vo;  // is_vo_name()
};

// Errc::not_found: no such path; Errc::invalid: a path of ours with another method.
Outcome<Route> read_route(std::string_view method, std::string_view path);

struct EnrollBody {
    std::string login, code, request_pem;
};
struct TokenBody {
    std::string token, request_pem;  // request_pem: empty where only the name is asked for
};

Outcome<Json> parse_body(std::string_view body);
Outcome<EnrollBody> read_enroll_body(const JsonNode& body);
Outcome<TokenBody> read_token_body(const JsonNode& body);
// A decimal serial; nothing for anything else.
std::optional<uint64_t> read_since(std::string_view text);
// Whether an Accept-Encoding header takes this coding: named, and not with q=0.
bool accepts_encoding(std::string_view header, std::string_view coding);

}  // namespace xos
