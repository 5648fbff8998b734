// Which credential a session has that sshd did not hand over: by the PAM service that opens it.
//
// Owns: which service is which, and who has authenticated a moment ago. Process: xosd. Trusts: the name of
// the service, which a process of root says: who could lie in it can open any session.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace xos {

enum class SessionSource : uint8_t {
    key,        // sshd: the certificate that the client has proved
    delegated,  // cron, at: nobody is there; what the member has delegated to this node
    session,    // the systemd user manager: a session of the member's is the reason for it
    caller,     // su, sudo, login, all others: what the caller authenticated with, or nothing
};
SessionSource source_of(std::string_view service);

// What a credential is here, wherever it comes from.
struct SessionCredential {
    std::string chain;  // PEM, public
    std::string serial;
    std::string fingerprint;
    std::chrono::sys_seconds expires;
};

// A process that has authenticated as a member by a session's credential, and may open a session with it.
// pam_xos(8) keeps nothing between its phases: applications fork there.
class Authentications {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds kLifetime{120};  // a stack asks people other things meanwhile
    static constexpr size_t kMost = 256;

    void note(pid_t pid, uint64_t start_time, std::string login, SessionCredential credential, Time now);
    // Once: it is taken out.
    std::optional<SessionCredential> take(pid_t pid, uint64_t start_time, std::string_view login, Time now);

  private:
    struct Entry {
        uint64_t start_time;
        std::string login;
        SessionCredential credential;
        Time until;
    };
    std::map<pid_t, Entry> entries_;
};

}  // namespace xos
