// The VOs that a node follows, as its xosd tells them: read, judged by their age, formatted.
//
// Process: the xos command. Trusts: the daemon.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/failure.h"
#include "common/json.h"

namespace xos {

// Times are 0 where there is none.
struct TrustedView {
    std::string vo, fingerprint;
    uint64_t serial = 0, members = 0, uid_base = 0;
    bool uids_local = false;  // not those that the VO proposes
    std::chrono::sys_seconds ends, issued, stale;
    std::chrono::seconds grace{0};
    std::string url, source;  // empty: it is not followed by a URL; no server has answered yet
    std::chrono::sys_seconds asked, failing_since;
    std::string failure;
};

Outcome<TrustedView> read_trusted(const JsonNode& node);
// Asks the node.
Outcome<std::vector<TrustedView>> list_trusted_vos();

// What its owner should know; empty where all is well.
std::vector<std::string> warnings_of(const TrustedView& vo, std::chrono::sys_seconds now);
// Several lines, warnings among them.
std::string format_trusted(const TrustedView& vo, std::chrono::sys_seconds now);
// "3 h 5 min", "40 s"
std::string format_age(std::chrono::seconds age);

}  // namespace xos
