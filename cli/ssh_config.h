// ~/.config/xos/ssh_config: makes ssh offer a VO login its certificate and nothing else.
//
// Owns: that file. Process: the xos command at the user's desk. Trusts: the user's own folder; names in it
// are parsed.
#pragma once

#include <string>
#include <vector>

#include "common/failure.h"

namespace xos {

// The text for these login names, each user1@physics with its file <vo>/<user>-cert.pub below folder, and for
// each VO of known_vos its file <vo>/known_hosts, beside the user's own. A server counts each key that is
// offered (MaxAuthTries): hence IdentitiesOnly.
std::string ssh_config_text(const std::string& folder, const std::vector<std::string>& logins,
                            const std::vector<std::string>& known_vos = {});

// Writes the file anew from the certificates that lie in the user's folder. Answers its path.
Outcome<std::string> update_ssh_config();

// The line for ~/.ssh/config that makes ssh read path, or nothing where ~/.ssh/config has it already.
std::string missing_include_line(const std::string& path);

}  // namespace xos
