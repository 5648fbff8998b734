// A chain that ends in proxy certificates (RFC 3820): user's certificate, proxies, attribute certificate.
//
// Owns: its form and its limits. Process: the verifier; the xos command, to show it and to log in.
// Trusts: nothing. What is read here has the right form; the verifier says whether it is true.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/credential/grid_claims.h"
#include "common/voms/attribute_certificate.h"

namespace xos {

inline constexpr size_t kProxyChainTextMax = 32000;  // of PEM: what a session can keep (kChainMax)
inline constexpr size_t kProxiesMax = 4;

struct ProxyChain {
    std::vector<X509Ptr> certificates;  // the leaf first; behind the end entity at most CAs
    std::vector<Bytes> ders;            // of each
    size_t end_entity = 0;              // its place, 1..kProxiesMax: before it are proxies
    AttributeCertificate attributes;    // of the proxy that holds one
    GridClaims claims;
    std::chrono::sys_seconds not_before, not_after;  // what proxies, end entity and attributes have in common
    std::string pem;                                 // leaf to end entity

    X509* leaf() const { return certificates.front().get(); }
    X509* user() const { return certificates[end_entity].get(); }
};

// Whether the first certificate of pem says that it is a proxy, or carries attributes of VOMS: then
// read_proxy_chain() and nothing else is to judge it. False for what cannot be read.
bool is_grid_chain(std::string_view pem);

// Whether any certificate of pem carries attributes of VOMS: what tells a VOMS proxy from one of an XOS-Cert.
bool is_voms_chain(std::string_view pem);

// Errc::invalid or denied with the reason; also where there is not exactly one attribute certificate.
Outcome<ProxyChain> read_proxy_chain(std::string_view pem);

}  // namespace xos
