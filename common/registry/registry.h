// The Registry: what a VO's authority (and later a grid) keeps, as keys with revisions.
//
// Owns: the interface that every store answers in the same way; one conformance test runs against each.
// Process: programs only. Trusts: the store is as private as its file; values are the caller's to check.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"

namespace xos {

inline constexpr size_t kRegistryKeyMax = 512;            // bytes, no NUL
inline constexpr size_t kRegistryValueMax = 1024 * 1024;  // bytes; what etcd takes by default, with room
inline constexpr size_t kRegistryChangesMax = 100;        // of one caller in one commit
inline constexpr size_t kRegistryCommitMax = 108;         // with what lies around them; etcd's default is 128

struct RegistryEntry {
    std::string key;
    std::string value;
    uint64_t revision = 0;  // of the change that wrote it; grows over the whole store, never 0
};

struct RegistryChange {
    std::string key;
    uint64_t revision = 0;             // the key's present revision; 0: the key must not exist
    std::optional<std::string> value;  // nothing: erase
};

class Registry {
  public:
    virtual ~Registry() = default;

    virtual Outcome<std::optional<RegistryEntry>> get(std::string_view key) = 0;
    // Entries whose key begins with prefix, by key in byte order.
    virtual Outcome<std::vector<RegistryEntry>> list(std::string_view prefix) = 0;
    // All changes or none, durable when it answers; the revision they share. Errc::conflict: a key has moved
    // on.
    virtual Outcome<uint64_t> commit(std::span<const RegistryChange> changes) = 0;

    // commit() of one change.
    Outcome<uint64_t> put(std::string_view key, std::string_view value, uint64_t revision);
    Outcome<uint64_t> erase(std::string_view key, uint64_t revision);
};

// For stores: the rules that hold for every one. No key twice, caps kept, an erasure has a revision.
Outcome<void> check_registry_changes(std::span<const RegistryChange> changes);

}  // namespace xos
