// What a VOMS proxy says of its holder, once it has been verified.
//
// Owns: the type and its limits. Pure. Process: programs only. Trusts: nothing by itself; who made it says
// whether it was verified (the verifier) or only read (the xos command).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace xos {

inline constexpr size_t kFqansMax = 128;
inline constexpr size_t kFqanMax = 256;      // bytes
inline constexpr size_t kVomsNameMax = 255;  // bytes of the VO's name in an attribute certificate

struct GridClaims {
    // Of the end entity's certificate, "/DC=org/CN=...": is_distinguished_name().
    std::string issuer, subject;
    std::string vo;                    // as the attribute certificate names it
    std::vector<std::string> fqans;    // "/physics/analysis/Role=production", is_fqan(); in the order of VOMS
    std::vector<std::string> serials;  // of each certificate from the leaf to the end entity, lower-case hex

    bool operator==(const GridClaims&) const = default;
};

}  // namespace xos
