// One GET over HTTP or HTTPS, conditional, with caps on everything.
//
// Owns: the transfer (libcurl), its redirects and its TLS rules. Process: xos-fetch, behind its walls; tests.
// Trusts: the CA certificates that it is given, for TlsCheck::ordinary only; nothing that a server sends.
#pragma once

#include <string>

#include "common/failure.h"
#include "xosd/fetcher/fetch_protocol.h"

namespace xos {

struct WebCertificates {
    std::string pem;  // of all CAs, concatenated
};

// Reads what FetchRequest asks for; its body goes to the descriptor body, from where that stands. Follows 3
// redirects, to the same scheme only. Failures as encode_fetch_answer() knows them; the message names the
// URL.
Outcome<FetchAnswer> fetch(const FetchRequest& request, const WebCertificates& certificates, int body);

}  // namespace xos
