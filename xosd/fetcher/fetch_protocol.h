// What xosd and its fetcher say to each other: one request, one answer, each one packet; the body goes into a
// memory file that xosd made.
//
// Owns: the encoding in both directions and the limits. Pure. Process: xosd and xos-fetch. Trusts: nothing.
// xosd reads what a fetcher that was taken over may have sent.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/failure.h"

namespace xos {

inline constexpr int kFetchSocket = 3;  // where xos-fetch finds its end of the SOCK_SEQPACKET pair
inline constexpr int kFetchBody = 4;    // and the memory file
inline constexpr size_t kFetchPacketMax = 16 * 1024;
inline constexpr size_t kEtagMax = 256;     // bytes
inline constexpr size_t kHttpDateMax = 64;  // bytes

enum class TlsCheck {
    ordinary,  // the machine's CA certificates and the name in the URL
    pinned,    // the server's key is the one of FetchRequest::pin, whatever its certificate says
    none,      // what comes is signed and will be checked; who serves it is not
};

struct FetchRequest {
    std::string url;  // is_web_url()
    // of what the asker has: If-None-Match, If-Modified-Since; may be empty
    std::string etag = {}, modified = {};
    TlsCheck tls = TlsCheck::ordinary;
    std::string pin = {};               // key_fingerprint() form, of the server's SPKI
    uint64_t max = 0;                   // bytes of the body, decompressed
    std::chrono::seconds deadline{60};  // for all of it

    bool operator==(const FetchRequest&) const = default;
};

struct FetchAnswer {
    bool unchanged = false;  // 304: no body
    uint64_t bytes = 0;      // of the body
    // as the server gave them; empty where it gave none, or none that is fit to be sent back
    std::string etag = {}, modified = {};

    bool operator==(const FetchAnswer&) const = default;
};

std::string encode_fetch_request(const FetchRequest& request);
Outcome<FetchRequest> decode_fetch_request(std::string_view packet);

// A failure's code: unavailable (server away, wrong status), denied (TLS), timeout, invalid (what came is no
// good).
std::string encode_fetch_answer(const Outcome<FetchAnswer>& answer);
// A malformed packet is Errc::unavailable, too.
Outcome<FetchAnswer> decode_fetch_answer(std::string_view packet);

// Printable ASCII in double quotes, perhaps behind W/: RFC 9110, section 8.8.3.
bool is_etag(std::string_view text);
// What may be sent back in If-Modified-Since: letters, digits, spaces, commas and colons.
bool is_http_date(std::string_view text);

}  // namespace xos
