#include "cli/https_call.h"

#include <curl/curl.h>

#include <memory>
#include <string_view>

namespace xos {
namespace {

constexpr long kConnectSeconds = 8, kWholeSeconds = 20;
constexpr size_t kAnswerMax = 512 * 1024;  // bytes; a VO record may have many mirrors and certificates

struct CurlEnd {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct ListEnd {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

size_t take_bytes(char* bytes, size_t, size_t count, void* into) {
    auto& body = *static_cast<std::string*>(into);
    if (body.size() + count > kAnswerMax) return 0;
    body.append(bytes, count);
    return count;
}

// "SHA256:abc" as CURLOPT_PINNEDPUBLICKEY(3) wants it; 32 bytes end in one '='.
std::string curl_pin(std::string_view pin) {
    return "sha256//" + std::string(pin.substr(std::string_view("SHA256:").size())) + "=";
}

std::unexpected<Failure> describe(CURLcode code, const HttpsCall& call, const char* detail) {
    switch (code) {
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            return failure(
                Errc::denied,
                "whoever answers at {} is not the VO's authority: its key is not the one pinned ({}); "
                "nothing was sent. Ask the manager of the VO",
                call.url, call.pin);
        case CURLE_SSL_CONNECT_ERROR:
            return failure(Errc::denied, "{} does not speak TLS 1.3 as the VO's authority does: {}", call.url,
                           detail);
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_OPERATION_TIMEDOUT:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_GOT_NOTHING:
            return failure(Errc::unavailable, "the authority at {} cannot be reached: {}", call.url, detail);
        case CURLE_WRITE_ERROR:
            return failure(Errc::invalid, "{} answers more than an authority would", call.url);
        default:
            return failure(Errc::invalid, "asking {} failed: {}", call.url, detail);
    }
}

}  // namespace

Outcome<HttpsAnswer> call_https(const HttpsCall& call) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    const std::unique_ptr<CURL, CurlEnd> curl(ready == CURLE_OK ? curl_easy_init() : nullptr);
    if (!curl) return failure(Errc::system, "cannot start libcurl");
    CURL* const handle = curl.get();
    HttpsAnswer answer;
    const std::string pin = curl_pin(call.pin);
    char detail[CURL_ERROR_SIZE] = "";
    std::unique_ptr<curl_slist, ListEnd> headers(
        curl_slist_append(nullptr, "Content-Type: application/json"));
    headers.reset(curl_slist_append(headers.release(), "Expect:"));
    bool set = headers != nullptr;
    const auto option = [&](CURLoption name, auto value) {
        set = set && curl_easy_setopt(handle, name, value) == CURLE_OK;
    };
    option(CURLOPT_URL, call.url.c_str());
    option(CURLOPT_PROTOCOLS_STR, "https");
    option(CURLOPT_PINNEDPUBLICKEY, pin.c_str());
    // the pin is the identity: names and CAs have no say, and libcurl checks the pin all the same
    option(CURLOPT_SSL_VERIFYPEER, 0L);
    option(CURLOPT_SSL_VERIFYHOST, 0L);
    option(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_3));
    option(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    option(CURLOPT_TIMEOUT, kWholeSeconds);
    option(CURLOPT_NOSIGNAL, 1L);
    option(CURLOPT_FOLLOWLOCATION, 0L);
    option(CURLOPT_WRITEFUNCTION, &take_bytes);
    option(CURLOPT_WRITEDATA, &answer.body);
    option(CURLOPT_ERRORBUFFER, detail);
    option(CURLOPT_HTTPHEADER, headers.get());
    if (!call.body.empty()) {
        option(CURLOPT_POSTFIELDSIZE, static_cast<long>(call.body.size()));
        option(CURLOPT_POSTFIELDS, call.body.c_str());
    }
    if (!set) return failure(Errc::system, "this libcurl lacks what asking an authority needs");
    const CURLcode code = curl_easy_perform(handle);
    if (code != CURLE_OK) return describe(code, call, *detail ? detail : curl_easy_strerror(code));
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
    return answer;
}

}  // namespace xos
