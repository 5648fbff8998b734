// A credential as it is shown to people: read, not verified.
//
// Owns: reading the fields of an XOS-Cert and their form on a terminal and in JSON. Process: the xos command.
// Trusts: nothing; what it shows is what the credential claims. Only a node's verifier decides whether that
// holds.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/credential/xos_cert.h"
#include "common/failure.h"
#include "common/json.h"

namespace xos {

// The proxy in front of a credential (RFC 3820): it speaks for the member, for less time.
struct ProxyView {
    std::string serial;
    std::chrono::sys_seconds not_before, not_after;
};

struct CredentialView {
    XosAttributes attributes;
    std::string serial;
    std::string fingerprint;
    std::chrono::sys_seconds not_before, not_after;
    std::optional<ProxyView> proxy = std::nullopt;
    std::string chain_pem = {};                     // all that was read; public
    std::optional<GridClaims> grid = std::nullopt;  // of a VOMS proxy: shown by grid_view.h

    // Of the proxy, where there is one.
    std::chrono::sys_seconds begins() const { return proxy ? proxy->not_before : not_before; }
    std::chrono::sys_seconds ends() const { return proxy ? proxy->not_after : not_after; }
};

// The first certificate of a PEM chain; the second, where the first is a proxy of it.
Outcome<CredentialView> read_credential(std::string_view chain_pem);

// "2026-11-05 20:00:00 CET", in the time zone of the caller.
std::string local_time(std::chrono::sys_seconds time);
// "11 h 58 min", "43 min", "12 s"; the amount without its sign.
std::string duration_text(std::chrono::seconds duration);
// "2026-11-05 20:00:00 CET (11 h 58 min left)", "... (expired 3 min ago)", "... (valid in 2 min)".
std::string expiry_text(const CredentialView& credential, std::chrono::sys_seconds now);

// Several lines, the last one ended. held_by says where it lies ("ssh agent").
std::string credential_text(const CredentialView& credential, std::string_view held_by,
                            std::chrono::sys_seconds now);
Json credential_json(const CredentialView& credential, std::string_view held_by,
                     std::chrono::sys_seconds now);

}  // namespace xos
