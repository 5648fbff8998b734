#include "common/vo/node_request.h"

#include <algorithm>

#include "common/first_failure.h"
#include "common/vo/signed_record.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr uint64_t kFormat = 1;
constexpr char kRequestType[] = "xos-node-request+json";
constexpr JsonLimits kLimits{.bytes = kNodeRequestMax, .depth = 4};

Outcome<NodeRequest> read_claims(std::string_view payload) {
    const auto json = Json::parse(payload, kLimits, "node's request");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    NodeRequest request;
    FirstFailure first;
    first.check(root.object({"vo", "name", "host_key", "site", "tags", "cpus", "memory"}));
    first.take(request.vo, root.string("vo", kVoNameMax));
    first.take(request.name, root.string("name", kHostNameMax));
    first.take(request.host_key, read_32_bytes(root, "host_key"));
    first.take(request.attributes, read_node_attributes(root));
    if (first) return first.get();
    if (!is_vo_name(request.vo)) return root.invalid("vo: expected the name of a VO");
    if (!is_host_name(request.name)) return root.invalid("name: expected a host name in lower case");
    return request;
}

}  // namespace

Outcome<std::string> sign_node_request(const NodeRequest& request, const SigningKey& node_key) {
    JsonObject claims;
    claims.set("vo", Json::string(request.vo));
    claims.set("name", Json::string(request.name));
    claims.set("host_key", Json::string(encode_base64url(request.host_key)));
    write_node_attributes(claims, request.attributes);
    const std::string payload = claims.build().format();
    // what the authority would refuse is told here
    if (auto good = read_claims(payload); !good) return std::unexpected(good.error());
    const auto statement = sign_statement(payload, kRequestType, node_key);
    if (!statement) return std::unexpected(statement.error());
    return JsonObject()
        .set("xos-node-request", Json::integer(kFormat))
        .set("node_key", Json::string(encode_base64url(node_key.public_bytes())))
        .set("request", *statement)
        .build()
        .format_pretty();
}

Outcome<NodeRequest> open_node_request(std::string_view text) {
    const auto json = Json::parse(text, kLimits, "node's request");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    if (auto good = root.object({"xos-node-request", "node_key", "request"}); !good)
        return std::unexpected(good.error());
    if (auto format = root.integer("xos-node-request", kFormat, kFormat); !format)
        return std::unexpected(format.error());
    const auto key = read_32_bytes(root, "node_key");
    if (!key) return std::unexpected(key.error());
    const auto statement = root.field("request");
    if (!statement) return std::unexpected(statement.error());
    const auto payload = open_statement(*statement, kRequestType, *key, kNodeRequestMax);
    if (!payload) return std::unexpected(payload.error());
    auto request = read_claims(*payload);
    if (request) request->node_key = *key;
    return request;
}

std::string format_node_answer(const NodeAnswer& answer) {
    return JsonObject()
        .set("xos-node-answer", Json::integer(kFormat))
        .set("vo_key", Json::string(encode_base64url(answer.vo_key)))
        .set("vo", Json::string(answer.vo_statement))
        .set("node", write_node(answer.node))
        .set("certificate", Json::string(answer.certificate))
        .set("host_certificate", Json::string(answer.host_certificate))
        .build()
        .format_pretty();
}

Outcome<NodeAnswer> read_node_answer(std::string_view text) {
    const auto json = Json::parse(text, kLimits, "answer to a node");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    NodeAnswer answer;
    FirstFailure first;
    first.check(root.object({"xos-node-answer", "vo_key", "vo", "node", "certificate", "host_certificate"}));
    first.check(root.integer("xos-node-answer", kFormat, kFormat).transform([](uint64_t) {}));
    first.take(answer.vo_key, read_32_bytes(root, "vo_key"));
    first.take(answer.vo_statement, root.string("vo", kNodeRequestMax));
    first.take(answer.certificate, root.string("certificate", kNodeRequestMax));
    first.take(answer.host_certificate, root.string("host_certificate", kNodeRequestMax));
    if (first) return first.get();
    const auto node = root.field("node");
    if (!node) return std::unexpected(node.error());
    auto record = read_node(*node);
    if (!record) return std::unexpected(record.error());
    answer.node = std::move(*record);
    return answer;
}

}  // namespace xos
