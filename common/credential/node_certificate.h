// The X.509 certificate of a VO's node, from the same CA as its members' credentials.
//
// Owns: the profile and the extension with what the node's owner says of it. Process: issuing in the
// authority, reading in the xos command of the node's owner. Trusts: the CA certificate handed in. No
// credential of a member passes for one, nor it for a credential: each profile asks for its own extension and
// key usage.
//
// Profile: Ed25519; subject O=<vo>, CN=<node id>; subjectAltName DNS:<name>; CA:FALSE and digitalSignature
// critical; EKU serverAuth and clientAuth; one extension kNodeOid:
//     SEQUENCE { version INTEGER (1), vo UTF8String, nodeId UTF8String, name UTF8String, site UTF8String,
//                tags SEQUENCE OF UTF8String, cpus INTEGER, memory INTEGER }     site empty, 0: not told;
//                memory in MiB
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/credential/xos_cert.h"

namespace xos {

// 2.25.<UUID as an integer>: ITU-T X.667; the UUID was drawn once for this extension.
inline constexpr char kNodeOid[] = "2.25.297080725412673723740305491769554192935";
inline constexpr size_t kNodeExtensionMax = 4096;  // bytes of DER
inline constexpr std::chrono::days kNodeLifetime{366};

// Its grammar is that of a NodeRecord (common/vo/node_record.h); the caller has checked it.
struct CertifiedNode {
    std::string vo;
    std::string id;    // UUID, lower case
    std::string name;  // host name
    std::string site;
    std::vector<std::string> tags;
    uint32_t cpus = 0;
    uint64_t memory = 0;

    bool operator==(const CertifiedNode&) const = default;
};

struct VerifiedNode {
    CertifiedNode node;
    std::string serial;  // lower-case hex
    std::chrono::sys_seconds not_before, not_after;
    std::array<uint8_t, 32> public_key{};
};

// A PEM certificate for public_key (Ed25519), kNodeLifetime long but not beyond the CA's end.
Outcome<std::string> issue_node_certificate(std::span<const uint8_t, 32> public_key,
                                            const CertifiedNode& node,
                                            std::span<const uint8_t> ca_certificate, const SigningKey& ca_key,
                                            std::chrono::sys_seconds now);

// Errc::invalid: not of this profile; Errc::denied: not of that CA or VO, or not valid now.
Outcome<VerifiedNode> verify_node_certificate(std::string_view pem, std::span<const uint8_t> ca_certificate,
                                              std::string_view expected_vo, std::chrono::sys_seconds now);

}  // namespace xos
