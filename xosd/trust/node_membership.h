// What makes this machine a node of a VO: the files that `xos resource install` left.
//
// Owns: reading them. Process: xosd; a small file of root's is read where it is needed, so that it may change
// at any time. Trusts: /var/lib/xos, which only root can write; contents are checked all the same.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "libxos/resource_files.h"
#include "xosd/trust/trusted_vo.h"

namespace xos {

// The id under which this machine is a node of vo; nothing where it is none, or its record cannot be read.
std::optional<std::string> read_node_id(std::string_view vo, const std::string& directory = kResourceDir);

// Denied where vo's bundle says that this node drains.
Outcome<void> check_takes_jobs(const TrustedVo& vo, const std::string& directory = kResourceDir);

// The file with the SSH host certificate that sshd is to show, of the first of vos that has one; empty where
// none has. sshd shows one certificate for a host key, whatever it is told (sshd_config(5): HostCertificate).
std::string find_host_certificate(const std::vector<std::string>& vos,
                                  const std::string& directory = kResourceDir);

}  // namespace xos
