// Whom a certificate of a grid names: issuer and subject, in the slash form of grid-mapfiles and VOMS.
//
// Owns: the type, its grammar and its JSON form. Pure. Process: programs only. Trusts: nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "common/json.h"

namespace xos {

inline constexpr size_t kDnMax = 512;  // bytes of one distinguished name
inline constexpr size_t kIdentitiesPerMemberMax = 16;

// "/DC=org/DC=example/CN=User One": what X509_NAME_oneline(3) and VOMS write.
struct GridIdentity {
    std::string issuer;   // of the end entity's certificate, never of a proxy
    std::string subject;  // of the end entity's certificate, without the CN of proxies

    bool operator==(const GridIdentity&) const = default;
};

// A slash, then parts NAME=VALUE joined by slashes; printable ASCII, at most kDnMax bytes.
bool is_distinguished_name(std::string_view text);

Json write_identity(const GridIdentity& identity);
Outcome<GridIdentity> read_identity(const JsonNode& node);
Json write_identities(const std::vector<GridIdentity>& identities);
// The array under key, empty where there is none; at most max elements.
Outcome<std::vector<GridIdentity>> read_identities(const JsonNode& record, const char* key, size_t max);

}  // namespace xos
