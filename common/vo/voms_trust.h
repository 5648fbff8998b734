// What a VO says of the VOMS service that speaks for it: whom its nodes believe when a VOMS proxy is shown.
//
// Owns: the type, its limits and its JSON form. Pure; certificates are bytes here, the verifier reads them.
// Process: programs only. Trusts: nothing; that it is the VO's word is known from the signed content it lies
// in.
#pragma once

#include <string>
#include <vector>

#include "common/encoding.h"
#include "common/failure.h"
#include "common/json.h"

namespace xos {

inline constexpr size_t kVomsAnchorsMax = 16;
inline constexpr size_t kVomsServersMax = 8;
inline constexpr size_t kVomsCertificateMax = 8 * 1024;  // bytes of DER
inline constexpr size_t kCrlMax = 64 * 1024;             // bytes of DER
inline constexpr size_t kCrlsMax = kVomsAnchorsMax;      // one a CA

struct VomsTrust {
    std::string vo;              // the name in attribute certificates; it need not be the VO's name here
    std::vector<Bytes> anchors;  // DER: the CAs of users' and servers' certificates
    std::vector<Bytes> servers;  // DER: the certificates whose keys sign attribute certificates

    bool operator==(const VomsTrust&) const = default;
};

Json write_voms_trust(const VomsTrust& trust);
Outcome<VomsTrust> read_voms_trust(const JsonNode& node);

// DER values under key of record: at most max of at most max_bytes each; empty where there is no such key.
Outcome<std::vector<Bytes>> read_der_list(const JsonNode& record, const char* key, size_t max,
                                          size_t max_bytes);
Json write_der_list(const std::vector<Bytes>& values);

}  // namespace xos
