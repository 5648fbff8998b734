#include "common/vo/grid_identity.h"

#include <algorithm>

#include "common/first_failure.h"

namespace xos {

bool is_distinguished_name(std::string_view text) {
    if (text.size() < 4 || text.size() > kDnMax || text.front() != '/') return false;
    if (!std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; })) return false;
    // a value may hold slashes ("CN=host/node.example.org"), so only the first part must have a name
    const size_t equals = text.find('=');
    return equals != std::string_view::npos && equals > 1 && equals + 1 < text.size() &&
           text.substr(1, equals - 1).find_first_of("/ ") == std::string_view::npos;
}

Json write_identity(const GridIdentity& identity) {
    return JsonObject()
        .set("issuer", Json::string(identity.issuer))
        .set("subject", Json::string(identity.subject))
        .build();
}

Outcome<GridIdentity> read_identity(const JsonNode& node) {
    GridIdentity identity;
    FirstFailure first;
    first.check(node.object({"issuer", "subject"}));
    first.take(identity.issuer, node.string("issuer", kDnMax));
    first.take(identity.subject, node.string("subject", kDnMax));
    if (first) return first.get();
    if (!is_distinguished_name(identity.issuer) || !is_distinguished_name(identity.subject))
        return node.invalid("expected distinguished names such as /DC=org/CN=User One");
    return identity;
}

Json write_identities(const std::vector<GridIdentity>& identities) {
    JsonArray list;
    for (const GridIdentity& identity : identities) list.add(write_identity(identity));
    return list.build();
}

Outcome<std::vector<GridIdentity>> read_identities(const JsonNode& record, const char* key, size_t max) {
    std::vector<GridIdentity> identities;
    const auto list = record.find(key);
    if (!list) return identities;
    const auto count = list->array(max);
    if (!count) return std::unexpected(count.error());
    for (size_t i = 0; i < *count; ++i) {
        const JsonNode element = list->at(i);
        auto identity = read_identity(element);
        if (!identity) return std::unexpected(identity.error());
        identities.push_back(std::move(*identity));
    }
    return identities;
}

}  // namespace xos
