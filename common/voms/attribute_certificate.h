// The attribute certificate (RFC 5755) in which a VOMS server says what a member is.
//
// Owns: finding it in a proxy, decoding it and its profile. Decoded by OpenSSL, so that what is believed is
// read from the very bytes whose signature is checked. Process: the verifier; the xos command, to show it.
// Trusts: nothing. Its signature, its holder and its dates are the verifier's to check.
#pragma once

#include <openssl/x509_acert.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/credential/openssl_ptr.h"
#include "common/encoding.h"
#include "common/failure.h"

namespace xos {

using AcertPtr = std::unique_ptr<X509_ACERT, OpensslFree<X509_ACERT_free>>;

inline constexpr char kVomsExtension[] = "1.3.6.1.4.1.8005.100.100.5";  // SEQUENCE OF SEQUENCE OF AC
inline constexpr char kFqanAttribute[] = "1.3.6.1.4.1.8005.100.100.4";  // IetfAttrSyntax
inline constexpr size_t kAttributeCertificateMax = 16 * 1024;           // bytes of DER

struct AttributeCertificate {
    AcertPtr acert;
    std::string vo;                  // before "://" of the policy authority
    std::vector<std::string> fqans;  // 1..kFqansMax, each is_fqan() and of vo
    std::chrono::sys_seconds not_before, not_after;
};

// How many extensions of that kind certificate has.
int count_voms_extensions(const X509* certificate);

// The one attribute certificate in the one extension of certificate. Errc::invalid, with the reason: none,
// several, not DER, bytes left over, another profile than VOMS's; Errc::denied: restricted to targets, or a
// critical extension that is not known.
Outcome<AttributeCertificate> read_attribute_certificate(const X509* certificate);

}  // namespace xos
