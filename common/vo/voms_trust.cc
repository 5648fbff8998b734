#include "common/vo/voms_trust.h"

#include <algorithm>

#include "common/credential/grid_claims.h"
#include "common/first_failure.h"

namespace xos {
namespace {

// The grammar that VOMS itself keeps for names of VOs: those of hosts and a little more.
bool is_voms_name(std::string_view text) {
    return !text.empty() && text.size() <= kVomsNameMax && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == '_';
    });
}

}  // namespace

Json write_der_list(const std::vector<Bytes>& values) {
    JsonArray list;
    for (const Bytes& value : values) list.add(Json::string(encode_base64url(value)));
    return list.build();
}

Outcome<std::vector<Bytes>> read_der_list(const JsonNode& record, const char* key, size_t max,
                                          size_t max_bytes) {
    std::vector<Bytes> values;
    const auto list = record.find(key);
    if (!list) return values;
    const auto count = list->array(max);
    if (!count) return std::unexpected(count.error());
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = list->at(i);
        const auto text = element.text(max_bytes * 4 / 3 + 4);
        if (!text) return std::unexpected(text.error());
        auto bytes = decode_base64url(*text);
        if (!bytes || bytes->empty() || bytes->size() > max_bytes)
            return element.invalid("expected base64url without padding");
        values.push_back(std::move(*bytes));
    }
    return values;
}

Json write_voms_trust(const VomsTrust& trust) {
    return JsonObject()
        .set("vo", Json::string(trust.vo))
        .set("anchors", write_der_list(trust.anchors))
        .set("servers", write_der_list(trust.servers))
        .build();
}

Outcome<VomsTrust> read_voms_trust(const JsonNode& node) {
    VomsTrust trust;
    FirstFailure first;
    first.check(node.object({"vo", "anchors", "servers"}));
    first.take(trust.vo, node.string("vo", kVomsNameMax));
    first.take(trust.anchors, read_der_list(node, "anchors", kVomsAnchorsMax, kVomsCertificateMax));
    first.take(trust.servers, read_der_list(node, "servers", kVomsServersMax, kVomsCertificateMax));
    if (first) return first.get();
    if (!is_voms_name(trust.vo)) return node.invalid("vo: expected the name of a VO of VOMS");
    if (trust.anchors.empty() || trust.servers.empty())
        return node.invalid("expected at least one anchor and one server");
    return trust;
}

}  // namespace xos
