// May this credential log in as this name, here and now? The one place that decides it.
//
// Owns: the comparison of a verified credential with the VO's bundle and both policies. Pure: the time is
// told. Process: xosd. Trusts: the verifier's VerifiedCredential as far as the certificate chain goes,
// nothing in it that the bundle contradicts.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/credential/xos_cert.h"
#include "common/failure.h"
#include "common/policy/policy.h"
#include "xosd/node_config.h"
#include "xosd/trust/trusted_vo.h"

namespace xos {

struct LoginGrant {
    const Member* member = nullptr;  // in the TrustedVo that was passed
    uint32_t uid = 0;
    std::chrono::sys_seconds expires;
    bool pty = false;
    bool agent_forwarding = false;
    bool port_forwarding = false;
    Limits limits;  // sessions; the rest is of jobs
};

// What both policies say together.
struct PolicyAnswer {
    bool permit = false;
    std::string reason;  // names the rule that decided, or that none allowed it
    Limits limits;       // what both leave, where permit
};

// When the authority issued it: it lets credentials begin kCredentialBackdate earlier, for nodes whose clocks
// are behind. Member::credentials_from is compared with this, so that a credential issued right after a
// revocation is good.
std::chrono::sys_seconds issuing_time(const VerifiedCredential& credential);

// The VO and its member behind a login name, where the VO is alive and its bundle fresh enough.
// Errc::denied with the reason for the log otherwise.
Outcome<const Member*> check_member(const TrustedVo& vo, std::string_view user, std::chrono::sys_seconds now);

// The policy question for one action on this node at that time.
PolicyAnswer check_policy(const TrustedVo& vo, const NodeConfig& node, const Member& member, Action action,
                          std::chrono::sys_seconds now);
Subject subject_of(const TrustedVo& vo, const Member& member);
Circumstances circumstances_of(const NodeConfig& node, std::chrono::sys_seconds now);

// uid is what sshd holds for the name. Everything must agree: name, number and person of the credential with
// the bundle's record (of a VOMS proxy: issuer and subject with the record's identities, see grid_login.h),
// uid with the node's block; the credential is in date and not revoked; both policies allow login.
Outcome<LoginGrant> check_login(const TrustedVo& vo, const NodeConfig& node, std::string_view user,
                                uint32_t uid, const VerifiedCredential& credential,
                                std::chrono::sys_seconds now);

// May a member that has count sessions here open another one?
Outcome<void> check_sessions(std::string_view login, size_t count, const Limits& limits);

// The authorized_keys line for sshd: the certified key as the only authority for the login name.
Outcome<std::string> make_authorized_key(const LoginGrant& grant, std::string_view login,
                                         const VerifiedCredential& credential);

}  // namespace xos
