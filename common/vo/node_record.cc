#include "common/vo/node_record.h"

#include <algorithm>

#include "common/first_failure.h"
#include "common/uuid.h"
#include "common/vo/signed_record.h"

namespace xos {
namespace {

constexpr size_t kLabelMax = 63;
constexpr uint32_t kCpusMax = 1 << 20;
constexpr uint64_t kMemoryMax = 1ull << 32;  // MiB

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

Outcome<std::vector<std::string>> read_tags(const JsonNode& node) {
    std::vector<std::string> tags;
    const auto list = node.find("tags");
    if (!list) return tags;
    const auto count = list->array(kTagsMax);
    if (!count) return std::unexpected(count.error());
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = list->at(i);
        auto tag = element.string(kLabelMax);
        if (!tag) return std::unexpected(tag.error());
        if (!is_label(*tag) || std::ranges::contains(tags, *tag))
            return element.invalid("expected a tag, [a-z0-9][a-z0-9._-]*, once");
        tags.push_back(std::move(*tag));
    }
    return tags;
}

const char* fault_of(const NodeRecord& record) {
    if (!is_host_name(record.name)) return "name: expected a host name in lower case";
    if (!is_uuid(record.id)) return "id: expected a UUID";
    if (!is_key_fingerprint(record.fingerprint)) return "fingerprint: expected SHA256:…";
    return nullptr;
}

}  // namespace

bool is_label(std::string_view text) {
    return !text.empty() && text.size() <= kLabelMax && is_word(text.front()) &&
           std::ranges::all_of(text, [](char c) { return is_word(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > kHostNameMax) return false;
    char before = '.';
    size_t label = 0;
    for (const char c : text) {
        if (!is_word(c) && c != '-' && c != '.') return false;
        if (c == '-' && before == '.') return false;
        if (c == '.' && (before == '.' || before == '-')) return false;
        label = c == '.' ? 0 : label + 1;
        if (label > kLabelMax) return false;
        before = c;
    }
    return before != '.' && before != '-';
}

void write_node_attributes(JsonObject& object, const NodeAttributes& attributes) {
    if (!attributes.site.empty()) object.set("site", Json::string(attributes.site));
    if (!attributes.tags.empty()) object.set("tags", Json::strings(attributes.tags));
    if (attributes.cpus != 0) object.set("cpus", Json::integer(attributes.cpus));
    if (attributes.memory != 0) object.set("memory", Json::integer(attributes.memory));
}

Outcome<NodeAttributes> read_node_attributes(const JsonNode& node) {
    NodeAttributes attributes;
    FirstFailure first;
    if (node.find("site")) first.take(attributes.site, node.string("site", kLabelMax));
    first.take(attributes.tags, read_tags(node));
    if (node.find("cpus")) first.take(attributes.cpus, node.integer("cpus", 1, kCpusMax));
    if (node.find("memory")) first.take(attributes.memory, node.integer("memory", 1, kMemoryMax));
    if (first) return first.get();
    if (!attributes.site.empty() && !is_label(attributes.site))
        return node.invalid("site: expected [a-z0-9][a-z0-9._-]*");
    return attributes;
}

Outcome<void> check_node(const NodeRecord& record) {
    const bool sound = is_host_name(record.name);
    if (const char* fault = fault_of(record))
        return failure(Errc::invalid, "node {}: {}", sound ? record.name : "(bad name)", fault);
    return {};
}

Json write_node(const NodeRecord& record) {
    JsonObject object;
    object.set("name", Json::string(record.name));
    object.set("id", Json::string(record.id));
    object.set("fingerprint", Json::string(record.fingerprint));
    write_node_attributes(object, record.attributes);
    if (record.draining) object.set("draining", Json::boolean(true));
    return object.build();
}

Outcome<NodeRecord> read_node(const JsonNode& node) {
    NodeRecord record;
    FirstFailure first;
    first.check(node.object({"name", "id", "fingerprint", "site", "tags", "cpus", "memory", "draining"}));
    first.take(record.name, node.string("name", kHostNameMax));
    first.take(record.id, node.string("id", 36));
    first.take(record.fingerprint, node.string("fingerprint", 50));
    first.take(record.attributes, read_node_attributes(node));
    if (const auto draining = node.find("draining")) first.take(record.draining, draining->boolean());
    if (first) return first.get();
    if (const char* fault = fault_of(record)) return node.invalid(fault);
    return record;
}

}  // namespace xos
