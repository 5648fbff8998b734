#include "common/registry/registry.h"

namespace xos {

Outcome<uint64_t> Registry::put(std::string_view key, std::string_view value, uint64_t revision) {
    const RegistryChange change{std::string(key), revision, std::string(value)};
    return commit({&change, 1});
}

Outcome<uint64_t> Registry::erase(std::string_view key, uint64_t revision) {
    const RegistryChange change{std::string(key), revision, std::nullopt};
    return commit({&change, 1});
}

Outcome<void> check_registry_changes(std::span<const RegistryChange> changes) {
    if (changes.empty() || changes.size() > kRegistryCommitMax)
        return failure(Errc::invalid, "registry: {} changes at once, expected 1..{}", changes.size(),
                       kRegistryCommitMax);
    for (size_t i = 0; i < changes.size(); ++i) {
        const RegistryChange& change = changes[i];
        if (change.key.empty() || change.key.size() > kRegistryKeyMax || change.key.contains('\0'))
            return failure(Errc::invalid, "registry: a key must have 1..{} bytes and no NUL",
                           kRegistryKeyMax);
        if (change.value && change.value->size() > kRegistryValueMax)
            return failure(Errc::invalid, "registry: the value of {} has {} bytes, {} are allowed",
                           change.key, change.value->size(), kRegistryValueMax);
        if (!change.value && change.revision == 0)
            return failure(Errc::invalid, "registry: {} cannot be erased without its revision", change.key);
        for (size_t j = 0; j < i; ++j)
            if (changes[j].key == change.key)
                return failure(Errc::invalid, "registry: {} is changed twice at once", change.key);
    }
    return {};
}

}  // namespace xos
