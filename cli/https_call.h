// One request to a VO's authority.
//
// Owns: libcurl, its caps and deadlines. Process: the xos command. Trusts: the server whose TLS key has the
// pin and no other; no list of CAs is asked. TLS 1.3, no redirect, no proxy of the environment is believed
// with plain text.
#pragma once

#include <string>

#include "common/failure.h"

namespace xos {

struct HttpsCall {
    std::string url;
    std::string pin;   // key_fingerprint() form: SHA-256 of the server's key (SPKI, DER)
    std::string body;  // JSON to POST; empty: GET
};

struct HttpsAnswer {
    long status = 0;
    std::string body;
};

// Errc::unavailable: the server cannot be reached, or is busy beyond the deadline (20 s); Errc::denied:
// whoever answers there has another key than the pinned one, or no TLS 1.3.
Outcome<HttpsAnswer> call_https(const HttpsCall& call);

}  // namespace xos
