// What all certificates that a VO's CA issues have in common, be they of members or of nodes.
//
// Owns: the CA's readiness to issue, the common fields, the verification of one against the CA.
// Process: making in the authority; verify_leaf() wherever such a certificate is believed.
// Trusts: the CA certificate handed in; a leaf is hostile.
#pragma once

#include <chrono>
#include <span>
#include <string_view>

#include "common/credential/certificate.h"
#include "common/credential/signing_key.h"
#include "common/failure.h"

namespace xos {

struct IssuingCa {
    X509Ptr certificate;
    std::chrono::sys_seconds not_after;
};

// Errc::denied: the CA of vo has ended at now. Errc::conflict: key is not the CA's.
Outcome<IssuingCa> open_issuing_ca(std::span<const uint8_t> ca_certificate, const SigningKey& key,
                                   std::string_view vo, std::chrono::sys_seconds now);

struct LeafFields {
    const X509_NAME* subject = nullptr;
    EVP_PKEY* key = nullptr;
    std::chrono::sys_seconds not_before, not_after;
    const char* usages = "";  // extended ones, as in x509v3_config(5)
};

// Version, random serial, names, key, dates; CA:FALSE and digitalSignature, critical; usages; key
// identifiers. What is particular comes after, then the signature. false: OpenSSL's queue says why.
bool fill_leaf(X509* leaf, X509* ca, const LeafFields& fields);

// The words for a leaf that does not verify: OpenSSL's error, where in the chain (0: the leaf), and which
// one.
using ExplainFault = std::unexpected<Failure> (*)(int error, int depth, const X509* at,
                                                  std::chrono::sys_seconds now);

// Signatures, dates and purpose (X509_PURPOSE_...) of leaf against that one CA, strictly (RFC 5280), with 112
// bits of strength at least. others may be null.
Outcome<void> verify_leaf(X509* leaf, STACK_OF(X509) * others, X509* ca, int purpose,
                          std::chrono::sys_seconds now, ExplainFault explain);

}  // namespace xos
