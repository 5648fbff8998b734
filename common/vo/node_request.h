// How a node joins a VO: what its owner asks for, and what the authority answers, as files.
//
// Owns: both forms. Pure apart from OpenSSL. Process: the xos command on the node, the authority. Trusts:
// nothing: a request is signed by the node key that it names, so nobody asks in another key's name; what it
// claims of itself is for the VO's manager to judge. An answer is believed as far as the pinned VO key
// reaches.
#pragma once

#include <string>
#include <string_view>

#include "common/credential/signing_key.h"
#include "common/failure.h"
#include "common/vo/records.h"

namespace xos {

inline constexpr size_t kNodeRequestMax = 64 * 1024;  // bytes of either file

struct NodeRequest {
    std::string vo;
    std::string name;  // is_host_name(): what users give to ssh
    NodeAttributes attributes;
    Ed25519Public node_key{};
    Ed25519Public host_key{};  // the node's SSH host key

    bool operator==(const NodeRequest&) const = default;
};

// request.node_key is that of node_key.
Outcome<std::string> sign_node_request(const NodeRequest& request, const SigningKey& node_key);
Outcome<NodeRequest> open_node_request(std::string_view text);

struct NodeAnswer {
    Ed25519Public vo_key{};
    std::string vo_statement;      // the VO record, signed by vo_key
    NodeRecord node;               // as members' nodes know it
    std::string certificate;       // PEM, common/credential/node_certificate.h
    std::string host_certificate;  // one line, common/ssh/host_cert.h
};

std::string format_node_answer(const NodeAnswer& answer);
// The form only: the caller compares vo_key with its pin and verifies what hangs on it.
Outcome<NodeAnswer> read_node_answer(std::string_view text);

}  // namespace xos
