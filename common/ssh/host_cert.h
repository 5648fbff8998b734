// OpenSSH host certificates (OpenSSH, PROTOCOL.certkeys): by them the ssh of a VO's member knows a node.
//
// Owns: encoding, reading back, and the line of a known_hosts file that believes their signer. Process: the
// authority signs; the xos command of the node's owner reads. Trusts: nothing that it reads.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/credential/signing_key.h"
#include "common/failure.h"

namespace xos {

struct HostCert {
    std::string public_key;  // 32 bytes, Ed25519: the node's SSH host key
    uint64_t serial = 0;
    std::string key_id;
    std::vector<std::string> principals;  // host names, at least one
    uint64_t valid_after = 0;             // seconds since 1970
    uint64_t valid_before = 0;            // the first second in which it is not valid
};

// The 32 bytes of the key in "ssh-ed25519 BASE64 [comment]", one line.
Outcome<std::string> read_host_key(std::string_view line);

// "TYPE BASE64 comment", one line with its end, as HostCertificate of sshd_config(5) wants it.
Outcome<std::string> sign_host_cert(const HostCert& cert, const SigningKey& host_ca);
// What such a line says, if host_ca signed it.
Outcome<HostCert> open_host_cert(std::string_view line, std::span<const uint8_t, 32> host_ca);

// "ssh-ed25519 BASE64": a public key as OpenSSH writes it.
std::string host_ca_line(std::span<const uint8_t, 32> host_ca);

// "@cert-authority PATTERN ssh-ed25519 BASE64 comment", sshd(8): SSH_KNOWN_HOSTS FILE FORMAT.
std::string known_hosts_line(std::string_view pattern, std::span<const uint8_t, 32> host_ca,
                             std::string_view comment);

}  // namespace xos
