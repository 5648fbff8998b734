// /etc/xos/cda.yaml: how the authority serves the network (xos-cda(8)).
//
// Owns: its grammar and what holds where it says nothing. Process: xos-cda serve. Trusts: the file's owner,
// not its form.
#pragma once

#include <string>
#include <string_view>

#include "cda/https_server.h"
#include "common/failure.h"

namespace xos {

inline constexpr char kServeConfig[] = "/etc/xos/cda.yaml";

struct ServeConfig {
    ListenAddress listen{"::", 8443};
    std::string public_url;                 // empty, or is_https_url()
    unsigned connections = 512;             // 1..10000
    unsigned connections_per_address = 32;  // 1..10000
};

Outcome<ServeConfig> parse_serve_config(std::string_view text, std::string_view source);
// The file; what holds without one where it is absent.
Outcome<ServeConfig> read_serve_config(const std::string& path);

}  // namespace xos
