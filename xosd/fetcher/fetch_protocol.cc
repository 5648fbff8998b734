#include "xosd/fetcher/fetch_protocol.h"

#include <algorithm>

#include "common/first_failure.h"
#include "common/json.h"
#include "common/vo/records.h"
#include "common/vo/signed_record.h"
#include "libxos/names.h"

namespace xos {
namespace {

constexpr uint64_t kDeadlineMax = 3600;  // seconds
constexpr size_t kMessageMax = 1024;

struct CodeName {
    Errc code;
    std::string_view name;
};
constexpr CodeName kCodes[] = {{Errc::unavailable, "unavailable"},
                               {Errc::denied, "denied"},
                               {Errc::timeout, "timeout"},
                               {Errc::invalid, "invalid"}};
constexpr std::string_view kTlsNames[] = {"ordinary", "pinned", "none"};  // by TlsCheck

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, kMessageMax)) out += c >= ' ' && c <= '~' ? c : '?';
    return out;
}

Outcome<void> check_request(const FetchRequest& request) {
    if (!is_web_url(request.url)) return failure(Errc::invalid, "'{}' is no URL", printable(request.url));
    if ((!request.etag.empty() && !is_etag(request.etag)) ||
        (!request.modified.empty() && !is_http_date(request.modified)))
        return failure(Errc::invalid, "a condition of the request is malformed");
    if ((request.tls == TlsCheck::pinned) != is_key_fingerprint(request.pin) ||
        (request.tls == TlsCheck::pinned && !is_https_url(request.url)))
        return failure(Errc::invalid, "a pin belongs to an https:// URL, and to pinned ones only");
    return {};
}

}  // namespace

bool is_etag(std::string_view text) {
    if (text.size() > kEtagMax) return false;
    if (text.starts_with("W/")) text.remove_prefix(2);
    return text.size() >= 2 && text.front() == '"' && text.back() == '"' &&
           std::ranges::all_of(text.substr(1, text.size() - 2),
                               [](char c) { return c > ' ' && c <= '~' && c != '"'; });
}

bool is_http_date(std::string_view text) {
    return !text.empty() && text.size() <= kHttpDateMax && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == ' ' ||
               c == ',' || c == ':';
    });
}

std::string encode_fetch_request(const FetchRequest& request) {
    return JsonObject()
        .set("url", Json::string(request.url))
        .set("etag", Json::string(request.etag))
        .set("modified", Json::string(request.modified))
        .set("tls", Json::string(kTlsNames[static_cast<size_t>(request.tls)]))
        .set("pin", Json::string(request.pin))
        .set("max", Json::integer(request.max))
        .set("deadline", Json::integer(static_cast<uint64_t>(request.deadline.count())))
        .build()
        .format();
}

Outcome<FetchRequest> decode_fetch_request(std::string_view packet) {
    const auto json = Json::parse(packet, {.bytes = kFetchPacketMax, .depth = 1}, "fetch request");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    FetchRequest request;
    std::string tls;
    uint64_t deadline = 0;
    FirstFailure first;
    first.check(root.object({"url", "etag", "modified", "tls", "pin", "max", "deadline"}));
    first.take(request.url, root.string("url", kUrlMax));
    first.take(request.etag, root.string("etag", kEtagMax));
    first.take(request.modified, root.string("modified", kHttpDateMax));
    first.take(tls, root.string("tls", 16));
    first.take(request.pin, root.string("pin", 64));
    first.take(request.max, root.integer("max", 1, kBundleMax));
    first.take(deadline, root.integer("deadline", 1, kDeadlineMax));
    if (first) return first.get();
    const auto found = std::ranges::find(kTlsNames, tls);
    if (found == std::end(kTlsNames)) return root.invalid("tls: expected ordinary, pinned or none");
    request.tls = static_cast<TlsCheck>(found - std::begin(kTlsNames));
    request.deadline = std::chrono::seconds(deadline);
    if (auto good = check_request(request); !good) return std::unexpected(good.error());
    return request;
}

std::string encode_fetch_answer(const Outcome<FetchAnswer>& answer) {
    JsonObject object;
    if (answer) {
        object.set("unchanged", Json::boolean(answer->unchanged))
            .set("bytes", Json::integer(answer->bytes))
            .set("etag", Json::string(answer->etag))
            .set("modified", Json::string(answer->modified));
    } else {
        std::string_view name = kCodes[0].name;
        for (const CodeName& code : kCodes)
            if (code.code == answer.error().code) name = code.name;
        object.set("code", Json::string(name))
            .set("message", Json::string(printable(answer.error().message)));
    }
    return object.build().format();
}

Outcome<FetchAnswer> decode_fetch_answer(std::string_view packet) {
    const auto malformed = [](const Failure& failed) {
        return failure(Errc::unavailable, "the fetcher answered nonsense ({})", failed.message);
    };
    const auto json = Json::parse(packet, {.bytes = kFetchPacketMax, .depth = 1}, "fetch answer");
    if (!json) return malformed(json.error());
    const JsonNode root = json->root();
    FirstFailure first;
    if (root.find("code")) {
        std::string code, message;
        first.check(root.object({"code", "message"}));
        first.take(code, root.string("code", 32));
        first.take(message, root.string("message", kMessageMax));
        if (first) return malformed(first.get().error());
        for (const CodeName& known : kCodes)
            if (known.name == code) return std::unexpected(Failure{known.code, printable(message)});
        return malformed(Failure{Errc::invalid, "an unknown code"});
    }
    FetchAnswer answer;
    first.check(root.object({"unchanged", "bytes", "etag", "modified"}));
    first.take(answer.unchanged, root.boolean("unchanged"));
    first.take(answer.bytes, root.integer("bytes", 0, kBundleMax));
    first.take(answer.etag, root.string("etag", kEtagMax));
    first.take(answer.modified, root.string("modified", kHttpDateMax));
    if (first) return malformed(first.get().error());
    if ((!answer.etag.empty() && !is_etag(answer.etag)) ||
        (!answer.modified.empty() && !is_http_date(answer.modified)))
        return malformed(Failure{Errc::invalid, "etag or modified"});
    return answer;
}

}  // namespace xos
