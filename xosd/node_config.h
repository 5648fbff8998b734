// The node owner's configuration, /etc/xos/node.yaml: xos-node.yaml(5).
//
// Owns: the parsed, checked configuration, and what the machine says where the owner does not. Process: xosd.
// Trusts: the file's content only after its checks; the file must be root's and not writable by others.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "common/policy/policy.h"
#include "common/vo/node_record.h"
#include "xosd/session/session_config.h"
#include "xosd/trust/following_config.h"

namespace xos {

// Whom getent shows without a name: those with a session or job here, all members, or nobody.
enum class Enumerate : uint8_t { active, all, none };

struct NodeConfig {
    Policy policy{"node policy", {}};
    std::string home_root = "/home/xos";  // a member's home is HOME_ROOT/VO/USER
    std::string shell = "/bin/bash";
    FollowingConfig bundles;
    SessionConfig sessions;
    Enumerate enumerate = Enumerate::all;
    bool local_blocks = false;  // a VO whose proposed uids are taken gets others, of this node alone
    bool manage_sshd = true;    // write the sshd block of the accepted VOs and reload sshd
    std::string name;           // is_host_name(), as policies and members name this node; empty: none can
    NodeAttributes attributes;
    std::vector<std::string> track;         // CgroupPattern: whose containers are tracked as they appear
    std::vector<std::string> voms_accept;   // VOs whose members may log in by VOMS proxy
    std::chrono::seconds voms_crl_grace{};  // how long beyond its end a CA's revocation list still holds
};

// What the text says, and nothing of the machine: name may be empty, cpus and memory 0.
Outcome<NodeConfig> parse_node_config(std::string_view text, std::string_view path);

// An absent file is the default configuration: no VO user is allowed anything. Name, cpus and memory are the
// machine's where the file does not say them.
Outcome<NodeConfig> load_node_config(const std::string& path);

}  // namespace xos
