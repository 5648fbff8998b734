// A login session as xosd tells of it, for people.
//
// Owns: the reading of org.xtreemos.Session replies and their text. Pure. Process: the xos command.
// Trusts: nothing of a name or a host: what is not printable is not printed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/failure.h"
#include "common/json.h"

namespace xos {

struct SessionView {
    uint64_t session = 0;
    int64_t uid = 0, pid = 0, opened = 0, expires = 0;  // seconds since 1970; expires 0: no credential
    std::string login, service, remote, serial, fingerprint, cgroup, ending;
};

Outcome<SessionView> read_session_view(const JsonNode& node);
std::string format_sessions(const std::vector<SessionView>& sessions);
std::string format_session(const SessionView& session);

}  // namespace xos
