#include "cda/network_request.h"

#include <charconv>

#include "common/first_failure.h"
#include "common/vo/member_request.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr std::string_view kPrefix = "/v1/";

struct Word {
    std::string_view word;
    Endpoint endpoint;
    std::string_view method;
};

constexpr Word kWords[] = {{"", Endpoint::show, "GET"},          {"bundle", Endpoint::bundle, "GET"},
                           {"enroll", Endpoint::enroll, "POST"}, {"credential", Endpoint::credential, "POST"},
                           {"leave", Endpoint::leave, "POST"},   {"token", Endpoint::token, "POST"}};

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// q=0, q=0.0, q=0.000 (RFC 9110, section 12.4.2).
bool is_refusal(std::string_view parameter) {
    if (!parameter.starts_with("q=0")) return false;
    parameter.remove_prefix(3);
    if (parameter.starts_with('.')) parameter.remove_prefix(1);
    return parameter.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

Outcome<Route> read_route(std::string_view method, std::string_view path) {
    const auto absent = [] { return failure(Errc::not_found, "there is nothing at this address"); };
    if (!path.starts_with(kPrefix)) return absent();
    path.remove_prefix(kPrefix.size());
    const size_t slash = path.find('/');
    const std::string_view vo = path.substr(0, slash);
    const std::string_view word = slash == std::string_view::npos ? "" : path.substr(slash + 1);
    if (!is_vo_name(vo) || (slash != std::string_view::npos && word.empty())) return absent();
    for (const Word& known : kWords) {
        if (known.word != word) continue;
        if (known.method != method) return failure(Errc::invalid, "this address takes {} only", known.method);
        return Route{known.endpoint, std::string(vo)};
    }
    return absent();
}

Outcome<Json> parse_body(std::string_view body) {
    return Json::parse(body, {.bytes = kMemberRequestMax, .depth = 4}, "request");
}

Outcome<EnrollBody> read_enroll_body(const JsonNode& body) {
    EnrollBody read;
    FirstFailure first;
    first.check(body.object({"login", "code", "request"}));
    first.take(read.login, body.string("login", kLoginNameMax));
    first.take(read.code, body.string("code", 64));
    first.take(read.request_pem, body.string("request", kRequestPemMax));
    if (first) return first.get();
    if (!parse_login_name(read.login)) return body.invalid("login: expected one such as user1@physics");
    return read;
}

Outcome<TokenBody> read_token_body(const JsonNode& body) {
    TokenBody read;
    FirstFailure first;
    first.check(body.object({"token", "request"}));
    first.take(read.token, body.string("token", kTokenTextMax));
    if (body.find("request")) first.take(read.request_pem, body.string("request", kRequestPemMax));
    if (first) return first.get();
    return read;
}

std::optional<uint64_t> read_since(std::string_view text) {
    uint64_t serial = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), serial);
    if (error != std::errc() || end != text.data() + text.size() || text.empty() || serial > kSerialMax)
        return std::nullopt;
    return serial;
}

bool accepts_encoding(std::string_view header, std::string_view coding) {
    while (!header.empty()) {
        const size_t comma = header.find(',');
        const std::string_view part = trim(header.substr(0, comma));
        const size_t semicolon = part.find(';');
        if (trim(part.substr(0, semicolon)) == coding)
            return semicolon == std::string_view::npos || !is_refusal(trim(part.substr(semicolon + 1)));
        if (comma == std::string_view::npos) break;
        header.remove_prefix(comma + 1);
    }
    return false;
}

}  // namespace xos
