// A VO with its CA, and users whose SSH certificates are right or wrong in one way. Process: tests only.
#pragma once

#include <chrono>
#include <string>

#include "common/credential/xos_cert.h"
#include "common/encoding.h"
#include "common/ssh/ssh_cert.h"
#include "common/ssh/wrapped_credential.h"
#include "xosd/verifier/verifier_protocol.h"

namespace xos::test {

using namespace std::chrono_literals;

inline std::chrono::sys_seconds test_now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

struct TestVo {
    explicit TestVo(std::string vo_name) : name(std::move(vo_name)), key(*SigningKey::generate()) {
        certificate = *create_ca(name, key, test_now() - 1h, test_now() + 1000h);
    }
    XosAttributes user(const std::string& login) const {
        return {.vo = name,
                .user_id = "6f1c9a52-3a55-4c7e-9f43-0a5c3a1b2c3d",
                .login = login,
                .number = 7,
                .groups = {"analysis"},
                .roles = {"production"}};
    }
    std::string issue(const std::string& login, const SigningKey& user_key,
                      std::chrono::sys_seconds at = test_now()) const {
        return issue_credential(*make_request(login, user_key), user(login), certificate, key, at, 1h)
            ->chain_pem;
    }

    std::string name;
    SigningKey key;
    Bytes certificate;
};

// The SSH certificate around chain, for and by key, whatever the chain says: what an attacker can make.
inline std::string wrap_any(const std::string& chain, const SigningKey& key) {
    const SshCert cert{.public_key = std::string(as_text(key.public_bytes())),
                       .serial = 1,
                       .key_id = "user1@physics",
                       .principals = {"user1@physics"},
                       .valid_after = 0,
                       .valid_before = UINT64_MAX,
                       .chain_pem = chain};
    return *encode_ssh_cert(cert, [&](std::string_view bytes) -> Outcome<std::string> {
        return std::string(as_text(*key.sign(as_bytes(bytes))));
    });
}

inline VerifyRequest make_verify_request(const TestVo& vo, const std::string& blob) {
    return {.ssh_key = "publickey " + std::string(kSshCertType) + " " + encode_base64(as_bytes(blob)),
            .ca_certificate = vo.certificate,
            .vo = vo.name,
            .now = test_now()};
}

}  // namespace xos::test
