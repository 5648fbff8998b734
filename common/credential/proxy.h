// Proxy certificates (RFC 3820) of XOS-Certs: a fresh key speaks for a member for some hours, and cannot pass
// that on.
//
// Owns: the profile, making one for a signer that is elsewhere (the member's ssh agent), verifying one.
// Process: xosd makes; programs verify. Trusts: the verified credential that the proxy is drafted for; a
// proxy that is read is hostile until it is verified.
//
// Profile: Ed25519; issuer = the credential's subject, subject = that and CN=<serial, decimal>; exactly two
// extensions, both critical: keyUsage digitalSignature, and proxyCertInfo with path length 0 and the policy
// language of limited proxies; within the credential's own life, at most 12 h.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/credential/signing_key.h"
#include "common/credential/xos_cert.h"
#include "common/encoding.h"
#include "common/failure.h"

namespace xos {

// Limited proxies of the Globus toolkit, which jobs carry: good for all but starting another job elsewhere.
inline constexpr char kLimitedLanguage[] = "1.3.6.1.4.1.3536.1.1.1.9";
inline constexpr std::chrono::hours kProxyLifetimeMax{12};
inline constexpr std::chrono::minutes kProxyLifetimeMin{1};

struct ProxyDraft {
    Bytes to_be_signed;  // DER of the TBSCertificate: what the credential's key signs
    std::string serial;  // lower-case hex
    std::chrono::sys_seconds not_before, not_after;
};

// For key, on behalf of parent. lifetime is kProxyLifetimeMin..kProxyLifetimeMax; the end is cut to the
// parent's. denied: the parent has ended, or its key is not Ed25519.
Outcome<ProxyDraft> draft_proxy(const VerifiedCredential& parent, const SigningKey& key,
                                std::chrono::seconds lifetime, std::chrono::sys_seconds now);

// The chain (PEM: proxy, then credential), once signature proves to be the parent's over the draft; denied
// otherwise.
Outcome<std::string> seal_proxy(const ProxyDraft& draft, const VerifiedCredential& parent,
                                std::string_view signature);

struct VerifiedProxy {
    VerifiedCredential parent;
    std::string serial, fingerprint;  // as in VerifiedCredential
    std::chrono::sys_seconds not_before, not_after;
    Bytes public_key;  // 32 bytes, Ed25519
};

// Whether the first certificate of a PEM chain claims to be a proxy; false where it cannot be read.
bool is_proxy_chain(std::string_view chain_pem);

// Verifies proxy and credential against that VO's CA, as verify_chain() does. A proxy of a proxy is denied.
Outcome<VerifiedProxy> verify_proxy(std::string_view chain_pem, std::span<const uint8_t> ca_certificate,
                                    std::string_view expected_vo, std::chrono::sys_seconds now);

}  // namespace xos
