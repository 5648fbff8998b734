// Every well-known string, id range and limit of the project, once.
//
// Process: any, modules included. Trusts: nothing; constants only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace xos {

inline constexpr char kVersion[] = "0.1.0";  // meson.build has the same

// Paths. All under root-owned 0755 directories unless said otherwise.
inline constexpr char kRunDir[] = "/run/xos";
inline constexpr char kAccountsFile[] = "/run/xos/accounts";          // mapped by every process
inline constexpr char kAccountsBootFile[] = "/var/lib/xos/accounts";  // serves before xosd has started
inline constexpr char kPamSocket[] = "/run/xos/pam";                  // root and the keys command only
inline constexpr char kControlSocket[] = "/run/xos/control";          // varlink, everybody
inline constexpr char kAgentSocket[] = "/run/xos/agent";              // xosd to its connector agent
inline constexpr char kStateDir[] = "/var/lib/xos";  // 0711: jobs' layers are reached through it
inline constexpr char kStateDatabase[] = "/var/lib/xos/state.sqlite";  // 0600
inline constexpr char kJobDir[] = "/var/lib/xos/jobs";                 // 0711
inline constexpr char kCheckpointDir[] = "/var/lib/xos/checkpoints";   // 0700
inline constexpr char kEventsDir[] = "/var/lib/xos/events";            // 0700
inline constexpr char kNodeConfig[] = "/etc/xos/node.yaml";
inline constexpr char kSshdConfig[] = "/etc/ssh/sshd_config.d/50-xos.conf";
inline constexpr char kSshdUntold[] = "/run/xos/sshd-untold";  // sshd may not have read kSshdConfig as it is
inline constexpr char kAuditLog[] = "/var/log/xos/audit.log";  // 0640 root:adm; where there is no journal
inline constexpr char kJournalSocket[] = "/run/systemd/journal/socket";  // systemd-journald.service(8)
inline constexpr char kLibexecDir[] = "/usr/libexec/xos";
inline constexpr char kAuthorityDir[] = "/var/lib/xos-cda";  // 0700, owned by kAuthorityUser

// System users, made by the packages.
inline constexpr char kKeysUser[] = "_xos-keys";          // AuthorizedKeysCommandUser
inline constexpr char kVerifierUser[] = "_xos-verifier";  // the sandboxed parser of certificates
inline constexpr char kAgentUser[] = "_xos-agent";        // the connector agent
inline constexpr char kAuthorityUser[] = "_xos-cda";      // the VO's authority

// The kernel key that holds a session's public credential chain (keyctl(2), type "user").
inline constexpr char kCredentialKey[] = "xos:credential";

// uids and gids: 0x70000000-0x7FFDFFFF is free in systemd's plan (systemd: UIDS-GIDS.md).
inline constexpr uint32_t kUidMin = 0x70000000;
inline constexpr uint32_t kUidMax = 0x7FFDFFFF;
inline constexpr uint32_t kBlockSize = 1u << 20;  // a VO's block by default; a power of two
inline constexpr uint32_t kBlockSizeMax = 1u << 24;

// Names: user@vo. user and group: [a-z][a-z0-9._-]{0,30}; VO: a DNS-style name of at most 63.
inline constexpr size_t kUserNameMax = 31;
inline constexpr size_t kVoNameMax = 63;
inline constexpr size_t kLoginNameMax = kUserNameMax + 1 + kVoNameMax;

// Limits on what comes from outside.
inline constexpr size_t kCredentialMax = 64 * 1024;      // a chain or certificate, decoded
inline constexpr size_t kBundleMax = 512 * 1024 * 1024;  // a bundle, bytes
inline constexpr size_t kGroupsPerMemberMax = 128;
inline constexpr size_t kRolesPerMemberMax = 32;

// Within a block the upper quarter is groups: group number n has gid base + 3/4 size + n.
// Number 0 of members is reserved; group number 0 is "members", which holds everybody.
constexpr uint32_t first_group_offset(uint32_t block_size) {
    return block_size - block_size / 4;
}

}  // namespace xos
