// What the verifier found, kept for the moments between sshd's questions about one key.
//
// Owns: the credentials of certificates that were verified a moment ago. Process: xosd. Trusts: the
// verifier's answer for exactly the bytes that it was asked about: the same request, but for the time.
//
// sshd asks about a key when the client offers it, when the client has signed, and once more through PAM: the
// same certificate, checked against the same anchors. Only that the chain is sound is kept. Its dates, the
// member's record, revocations and policy are looked at each time (check_login()).
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/credential/xos_cert.h"
#include "xosd/verifier/verifier_protocol.h"

namespace xos {

inline constexpr std::chrono::seconds kVerdictLifetime{15};
inline constexpr size_t kVerdictsMax = 256;

class VerdictCache {
  public:
    using Time = std::chrono::steady_clock::time_point;

    // SHA-256 over all of the request but its time. Errc::invalid: the request is too large for the verifier.
    static Outcome<std::string> digest_of(const VerifyRequest& request);

    // The credential of a request with this digest that was put less than kVerdictLifetime before now, or
    // null. Until the next call.
    const VerifiedCredential* find(const std::string& digest, Time now);
    // Sound ones only. The oldest goes where there are kVerdictsMax.
    void put(const std::string& digest, VerifiedCredential credential, Time now);
    size_t size() const { return order_.size(); }

  private:
    struct Entry {
        std::string digest;
        VerifiedCredential credential;
        Time until;
    };
    void drop_old(Time now);

    std::list<Entry> order_;  // the oldest first: all live as long
    std::unordered_map<std::string, std::list<Entry>::iterator> entries_;
};

}  // namespace xos
