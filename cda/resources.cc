// Authority: the nodes of a VO.
#include <algorithm>

#include "cda/authority.h"
#include "common/credential/node_certificate.h"
#include "common/ssh/host_cert.h"
#include "common/uuid.h"

namespace xos {
namespace {

std::unexpected<Failure> no_node(std::string_view vo, std::string_view name) {
    return failure(Errc::not_found, "{} is no node of {}: `resource list {}` names those there are", name, vo,
                   vo);
}

CertifiedNode certify(const VoRecord& vo, const NodeRecord& node) {
    return {vo.name,
            node.id,
            node.name,
            node.attributes.site,
            node.attributes.tags,
            node.attributes.cpus,
            node.attributes.memory};
}

// The node's SSH host key, vouched for to the VO's members under the node's name.
Outcome<std::string> certify_host(const VoRecord& vo, const NodeRecord& node, const Ed25519Public& host_key,
                                  const SigningKey& host_ca, std::chrono::sys_seconds now) {
    const auto seconds = [](std::chrono::sys_seconds time) {
        return static_cast<uint64_t>(time.time_since_epoch().count());
    };
    HostCert cert;
    cert.public_key = as_text(host_key);
    cert.serial = seconds(now);
    cert.key_id = compose("{} of {}", node.name, vo.name).substr(0, 255);
    cert.principals = {node.name};
    cert.valid_after = seconds(now - kCredentialBackdate);
    cert.valid_before = seconds(std::min<std::chrono::sys_seconds>(now + kNodeLifetime, vo.not_after));
    return sign_host_cert(cert, host_ca);
}

}  // namespace

// The record of the node that asks: the one there is under its name and key, or a new one.
Outcome<Kept<NodeRecord>> Authority::find_node(const VoRecord& vo, const NodeRequest& request) {
    auto node = records_.read_node(vo.name, request.name);
    if (!node) return node;
    const std::string fingerprint = key_fingerprint(request.node_key);
    if (node->revision != 0 && node->value.fingerprint != fingerprint)
        return failure(
            Errc::exists,
            "{} is a node of {} with another key, {}: if that one is gone, `resource leave {} {}` first",
            request.name, vo.name, node->value.fingerprint, vo.name, request.name);
    const auto others = records_.list_nodes(vo.name);
    if (!others) return std::unexpected(others.error());
    for (const NodeRecord& other : *others)
        if (other.fingerprint == fingerprint && other.name != request.name)
            return failure(Errc::exists, "the key of {} is that of the node {} already", request.name,
                           other.name);
    if (node->revision == 0 && others->size() >= kNodesMax)
        return failure(Errc::unavailable, "the VO {} has {} nodes, which is the most", vo.name, kNodesMax);
    if (node->revision == 0) {
        node->value.name = request.name;
        node->value.id = make_uuid();
        node->value.fingerprint = fingerprint;
    }
    node->value.attributes = request.attributes;
    return node;
}

Outcome<NodeAnswer> Authority::join_node(std::string_view vo, std::string_view request_text,
                                         std::chrono::sys_seconds now) {
    const auto request = open_node_request(request_text);
    if (!request) return std::unexpected(request.error());
    if (request->vo != vo)
        return failure(Errc::denied, "the request is for the VO {}, not for {}", request->vo, vo);
    return repeat_on_conflict([&]() -> Outcome<NodeAnswer> {
        const auto identity = read_living_vo(vo);
        if (!identity) return std::unexpected(identity.error());
        const VoRecord& record = identity->record;
        if (now >= record.not_after)
            return failure(Errc::denied, "the VO {} ended at {}: renew it first", vo,
                           format_time(record.not_after));
        if (!record.host_ca)
            return failure(Errc::denied, "the VO {} has no host CA yet: `vo renew` or `vo set` makes it", vo);
        const auto head = records_.read_head(vo);
        if (!head) return std::unexpected(head.error());
        const auto node = find_node(record, *request);
        if (!node) return std::unexpected(node.error());
        const auto ca = keys_.load(record.id, KeyRole::ca), host_ca = keys_.load(record.id, KeyRole::host);
        if (!ca || !host_ca) return std::unexpected((ca ? host_ca : ca).error());
        auto certificate = issue_node_certificate(request->node_key, certify(record, node->value),
                                                  record.ca_certificate, *ca, now);
        if (!certificate) return std::unexpected(certificate.error());
        auto host = certify_host(record, node->value, request->host_key, *host_ca, now);
        if (!host) return std::unexpected(host.error());
        if (auto done = records_.commit(vo, *head, {VoRegistry::change_node(vo, *node)}); !done)
            return std::unexpected(done.error());
        return NodeAnswer{identity->vo_key, identity->statement, node->value, std::move(*certificate),
                          std::move(*host)};
    });
}

Outcome<void> Authority::leave_node(std::string_view vo, std::string_view name) {
    return change_content(vo, [&](const VoRecord&) -> Outcome<std::vector<RegistryChange>> {
        const auto node = records_.read_node(vo, name);
        if (!node) return std::unexpected(node.error());
        if (node->revision == 0) return no_node(vo, name);
        return std::vector{VoRegistry::erase_node(vo, *node)};
    });
}

Outcome<void> Authority::set_draining(std::string_view vo, std::string_view name, bool draining) {
    return change_content(vo, [&](const VoRecord&) -> Outcome<std::vector<RegistryChange>> {
        auto node = records_.read_node(vo, name);
        if (!node) return std::unexpected(node.error());
        if (node->revision == 0) return no_node(vo, name);
        if (node->value.draining == draining)
            return failure(Errc::exists, "{} {} already", name, draining ? "drains" : "takes jobs");
        node->value.draining = draining;
        return std::vector{VoRegistry::change_node(vo, *node)};
    });
}

Outcome<NodeRecord> Authority::show_node(std::string_view vo, std::string_view name) {
    if (const auto identity = records_.read_vo(vo); !identity) return std::unexpected(identity.error());
    auto node = records_.read_node(vo, name);
    if (!node) return std::unexpected(node.error());
    if (node->revision == 0) return no_node(vo, name);
    return std::move(node->value);
}

Outcome<std::vector<NodeRecord>> Authority::list_nodes(std::string_view vo) {
    if (const auto identity = records_.read_vo(vo); !identity) return std::unexpected(identity.error());
    return records_.list_nodes(vo);
}

}  // namespace xos
