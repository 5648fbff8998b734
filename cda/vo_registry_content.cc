// VoRegistry: what the content of a VO says besides members: revoked identities, VOMS, nodes.
#include "cda/vo_registry.h"
#include "common/credential/fingerprint.h"
#include "common/first_failure.h"

namespace xos {
namespace {

constexpr std::string_view kIssuedPrefix = "issued/";

std::string identities_prefix(std::string_view vo) {
    return compose("vo/{}/revoked-identity/", vo);
}
// a digest, since two distinguished names are longer than a key may be
std::string identity_key(std::string_view vo, const GridIdentity& identity) {
    return identities_prefix(vo) + sha256_fingerprint(as_bytes(identity.issuer + '\n' + identity.subject));
}
std::string voms_key(std::string_view vo) {
    return compose("vo/{}/voms", vo);
}
std::string crls_prefix(std::string_view vo) {
    return compose("vo/{}/crl/", vo);
}
std::string nodes_prefix(std::string_view vo) {
    return compose("vo/{}/node/", vo);
}

Outcome<Json> parse(const RegistryEntry& entry) {
    return Json::parse(entry.value, {.bytes = kRegistryValueMax}, "authority's record");
}

template <typename Record>
Outcome<std::vector<Record>> read_entries(Registry& registry, const std::string& prefix,
                                          Outcome<Record> (*read)(const JsonNode&)) {
    const auto entries = registry.list(prefix);
    if (!entries) return std::unexpected(entries.error());
    std::vector<Record> records;
    for (const RegistryEntry& entry : *entries) {
        const auto json = parse(entry);
        if (!json) return std::unexpected(json.error());
        const JsonNode root = json->root();
        auto record = read(root);
        if (!record) return std::unexpected(record.error());
        records.push_back(std::move(*record));
    }
    return records;
}

template <typename Record>
Outcome<Kept<Record>> read_kept(Registry& registry, const std::string& key,
                                Outcome<Record> (*read)(const JsonNode&)) {
    const auto entry = registry.get(key);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return Kept<Record>{};
    const auto json = parse(**entry);
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    auto record = read(root);
    if (!record) return std::unexpected(record.error());
    return Kept<Record>{std::move(*record), (*entry)->revision};
}

Outcome<Bytes> read_crl_entry(const JsonNode& node) {
    const auto text = node.text("der", kCrlMax * 4 / 3 + 4);
    if (!text) return std::unexpected(text.error());
    auto der = decode_base64url(*text);
    if (!der) return node.invalid("der: expected base64url without padding");
    return std::move(*der);
}

}  // namespace

Outcome<std::vector<GridIdentity>> VoRegistry::list_revoked_identities(std::string_view vo) {
    return read_entries<GridIdentity>(registry_, identities_prefix(vo), xos::read_identity);
}

Outcome<std::vector<std::string>> VoRegistry::list_issued(std::string_view vo,
                                                          std::chrono::sys_seconds since) {
    const auto entries = registry_.list(kIssuedPrefix);
    if (!entries) return std::unexpected(entries.error());
    std::vector<std::string> serials;
    for (const RegistryEntry& entry : *entries) {
        const std::string serial = entry.key.substr(kIssuedPrefix.size());
        const auto record = read_issued(serial);
        if (!record) return std::unexpected(record.error());
        if (record->vo == vo && record->not_after >= since) serials.push_back(serial);
    }
    return serials;
}

Outcome<Kept<VomsTrust>> VoRegistry::read_voms(std::string_view vo) {
    return read_kept<VomsTrust>(registry_, voms_key(vo), read_voms_trust);
}

Outcome<std::vector<Bytes>> VoRegistry::list_crls(std::string_view vo) {
    return read_entries<Bytes>(registry_, crls_prefix(vo), read_crl_entry);
}

Outcome<Kept<Bytes>> VoRegistry::read_crl(std::string_view vo, std::string_view issuer) {
    return read_kept<Bytes>(registry_, crls_prefix(vo) + std::string(issuer), read_crl_entry);
}

Outcome<std::vector<NodeRecord>> VoRegistry::list_nodes(std::string_view vo) {
    return read_entries<NodeRecord>(registry_, nodes_prefix(vo), xos::read_node);
}

Outcome<Kept<NodeRecord>> VoRegistry::read_node(std::string_view vo, std::string_view node) {
    return read_kept<NodeRecord>(registry_, nodes_prefix(vo) + std::string(node), xos::read_node);
}

RegistryChange VoRegistry::add_revoked_identity(std::string_view vo, const GridIdentity& identity) {
    return {identity_key(vo, identity), 0, write_identity(identity).format()};
}

RegistryChange VoRegistry::change_voms(std::string_view vo, const Kept<VomsTrust>& trust) {
    return {voms_key(vo), trust.revision, write_voms_trust(trust.value).format()};
}

RegistryChange VoRegistry::change_crl(std::string_view vo, std::string_view issuer, const Kept<Bytes>& crl) {
    return {crls_prefix(vo) + std::string(issuer), crl.revision,
            JsonObject().set("der", Json::string(encode_base64url(crl.value))).build().format()};
}

RegistryChange VoRegistry::erase_crl(std::string_view vo, std::string_view issuer, const Kept<Bytes>& crl) {
    return {crls_prefix(vo) + std::string(issuer), crl.revision, std::nullopt};
}

RegistryChange VoRegistry::change_node(std::string_view vo, const Kept<NodeRecord>& node) {
    return {nodes_prefix(vo) + node.value.name, node.revision, write_node(node.value).format()};
}

RegistryChange VoRegistry::erase_node(std::string_view vo, const Kept<NodeRecord>& node) {
    return {nodes_prefix(vo) + node.value.name, node.revision, std::nullopt};
}

}  // namespace xos
