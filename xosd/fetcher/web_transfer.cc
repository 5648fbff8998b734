#include "xosd/fetcher/web_transfer.h"

#include <curl/curl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "libxos/names.h"
#include "xosd/fetcher/response.h"

namespace xos {
namespace {

constexpr int kRedirectsMax = 3;
constexpr size_t kPageMax = 256 * 1024;  // of an error's or redirect's page
constexpr long kConnectSeconds = 10;
// slower than this for so long is no transfer
constexpr long kSlowBytes = 1024, kSlowSeconds = 20;

struct CurlFree {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
    void operator()(addrinfo* list) const { freeaddrinfo(list); }
    void operator()(char* text) const { curl_free(text); }
};
using Curl = std::unique_ptr<CURL, CurlFree>;
using CurlList = std::unique_ptr<curl_slist, CurlFree>;
using CurlUrl = std::unique_ptr<CURLU, CurlFree>;

struct Place {
    std::string url, scheme, host, port;
};

std::string part_of(CURLU* url, CURLUPart part) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
    const std::unique_ptr<char, CurlFree> owner(text);
    return text;
}

// text, or text relative to base.
Outcome<Place> find_place(const std::string& base, const std::string& text) {
    const CurlUrl url(curl_url());
    if (!url || (!base.empty() && curl_url_set(url.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK) ||
        curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK)
        return failure(Errc::invalid, "'{}' is no URL", text);
    Place place{part_of(url.get(), CURLUPART_URL), part_of(url.get(), CURLUPART_SCHEME),
                part_of(url.get(), CURLUPART_HOST), part_of(url.get(), CURLUPART_PORT)};
    if (place.host.empty() || (place.scheme != "http" && place.scheme != "https"))
        return failure(Errc::invalid, "'{}' is no http:// or https:// URL", text);
    return place;
}

// "HOST:PORT:ADDRESS,…" for libcurl, whose own resolver would need a thread; empty for an address.
Outcome<std::string> resolve(const Place& place) {
    if (place.host.front() == '[') return "";
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* raw = nullptr;
    if (const int error = getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &raw); error != 0)
        return failure(Errc::unavailable, "{}: the name {} is not found ({})", place.url, place.host,
                       gai_strerror(error));
    const std::unique_ptr<addrinfo, CurlFree> list(raw);
    std::string entry = compose("{}:{}:", place.host, place.port);
    const size_t before = entry.size();
    for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
        char text[NI_MAXHOST];
        if (getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0)
            continue;
        if (entry.size() != before) entry += ',';
        entry += at->ai_family == AF_INET6 ? compose("[{}]", std::string_view(text)) : std::string(text);
    }
    return entry;
}

struct Transfer {
    ResponseHeader header;
    ResponseBody body;
    std::optional<Failure> failed;
    size_t ignored = 0;  // bytes of an error's page
};

size_t take_header(char* data, size_t size, size_t count, void* self) {
    Transfer& transfer = *static_cast<Transfer*>(self);
    if (transfer.header.add({data, size * count})) return size * count;
    transfer.failed =
        Failure{Errc::invalid, compose("its header has more than {} bytes", kResponseHeaderMax)};
    return 0;
}

size_t take_body(char* data, size_t size, size_t count, void* self) {
    Transfer& transfer = *static_cast<Transfer*>(self);
    if (transfer.header.status != 200) {
        transfer.ignored += size * count;
        if (transfer.ignored <= kPageMax) return size * count;
        transfer.failed = Failure{Errc::unavailable, compose("it answers with status {} and an endless page",
                                                             transfer.header.status)};
        return 0;
    }
    if (!transfer.header.encoding.empty() && transfer.header.encoding != "zstd" &&
        transfer.header.encoding != "identity") {
        transfer.failed = Failure{Errc::invalid, "it is encoded in a way that was not asked for"};
        return 0;
    }
    if (auto added = transfer.body.add({data, size * count}); !added) {
        transfer.failed = added.error();
        return 0;
    }
    return size * count;
}

Outcome<void> write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failure_errno(errno, "cannot keep the answer");
        bytes.remove_prefix(static_cast<size_t>(count));
    }
    return {};
}

CurlList make_headers(const FetchRequest& request) {
    CurlList list(curl_slist_append(nullptr, "Accept-Encoding: zstd"));
    const auto add = [&](const std::string& line) {
        list.reset(curl_slist_append(list.release(), line.c_str()));
    };
    if (!request.etag.empty()) add("If-None-Match: " + request.etag);
    if (!request.modified.empty()) add("If-Modified-Since: " + request.modified);
    return list;
}

// "SHA256:" and unpadded base64 is ours, sha256// and padded libcurl's.
std::string curl_pin(const std::string& fingerprint) {
    return "sha256//" + fingerprint.substr(fingerprint.find(':') + 1) + "=";
}

void set_tls(CURL* curl, const FetchRequest& request, const WebCertificates& certificates) {
    const bool ordinary = request.tls == TlsCheck::ordinary;
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, ordinary ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, ordinary ? 2L : 0L);
    if (request.tls == TlsCheck::pinned)
        curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, curl_pin(request.pin).c_str());
    curl_blob blob{const_cast<char*>(certificates.pem.data()), certificates.pem.size(), CURL_BLOB_NOCOPY};
    if (ordinary) curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
}

void set_caps(CURL* curl, std::chrono::milliseconds left, uint64_t max) {
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, kSlowBytes);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kSlowSeconds);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(max));
}

std::unexpected<Failure> failure_of(CURLcode code, const std::string& url, const Transfer& transfer,
                                    const char* text) {
    if (transfer.failed) return failure(transfer.failed->code, "{}: {}", url, transfer.failed->message);
    const std::string why = *text ? text : curl_easy_strerror(code);
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
            return failure(Errc::timeout, "{}: the server is too slow ({})", url, why);
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            return failure(Errc::denied, "{}: the server's key is not the one that the VO names", url);
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CONNECT_ERROR:
            return failure(Errc::denied, "{}: TLS: {}", url, why);
        case CURLE_FILESIZE_EXCEEDED:
            return failure(Errc::invalid, "{}: the answer is longer than allowed", url);
        default:
            return failure(Errc::unavailable, "{}: {}", url, why);
    }
}

// One request; its answer is in transfer.
Outcome<void> get(const Place& place, const FetchRequest& request, const WebCertificates& certificates,
                  std::chrono::milliseconds left, Transfer& transfer) {
    const auto address = resolve(place);
    if (!address) return std::unexpected(address.error());
    const Curl owner(curl_easy_init());
    if (!owner) return failure(Errc::system, "cannot make a transfer");
    CURL* const curl = owner.get();
    const CurlList headers = make_headers(request);
    const CurlList known(address->empty() ? nullptr : curl_slist_append(nullptr, address->c_str()));
    char text[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl, CURLOPT_URL, place.url.c_str());
    curl_easy_setopt(curl, CURLOPT_RESOLVE, known.get());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_USERAGENT, compose("xos-fetch/{}", kVersion).c_str());
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    set_caps(curl, left, request.max);
    set_tls(curl, request, certificates);
    if (const CURLcode code = curl_easy_perform(curl); code != CURLE_OK)
        return failure_of(code, place.url, transfer, text);
    return {};
}

}  // namespace

Outcome<FetchAnswer> fetch(const FetchRequest& request, const WebCertificates& certificates, int body) {
    using namespace std::chrono;
    const auto end = steady_clock::now() + request.deadline;
    auto place = find_place("", request.url);
    if (!place) return std::unexpected(place.error());
    for (int redirects = 0;; ++redirects) {
        Transfer transfer{
            {},
            ResponseBody(request.max, [body](std::string_view bytes) { return write_all(body, bytes); }),
            {},
            0};
        const auto left = duration_cast<milliseconds>(end - steady_clock::now());
        if (left.count() <= 0) return failure(Errc::timeout, "{}: the server is too slow", place->url);
        if (auto done = get(*place, request, certificates, left, transfer); !done)
            return std::unexpected(done.error());
        const ResponseHeader& header = transfer.header;
        if (header.status == 200 || header.status == 304) {
            if (auto whole = transfer.body.finish(); !whole)
                return failure(whole.error().code, "{}: {}", place->url, whole.error().message);
            return FetchAnswer{header.status == 304, transfer.body.size(), header.etag, header.modified};
        }
        if (header.status < 300 || header.status > 399 || header.location.empty())
            return failure(Errc::unavailable, "{}: the server answers with status {}", place->url,
                           header.status);
        if (redirects == kRedirectsMax)
            return failure(Errc::unavailable, "{}: more than {} redirects", request.url, kRedirectsMax);
        auto next = find_place(place->url, header.location);
        if (!next || next->scheme != place->scheme)
            return failure(Errc::denied, "{}: it redirects to another scheme, which is not followed",
                           place->url);
        place = std::move(next);
    }
}

}  // namespace xos
