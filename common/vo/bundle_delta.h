// The difference between two contents of a VO, as a signed statement: what changed since a serial.
//
// Owns: the file format, its signatures and how a difference is applied. Pure apart from OpenSSL. Process:
// programs only. Trusts: the VO key whose fingerprint the caller pins, and nothing else; what comes out of
// applying it must have the digest that the registrar signed, so a difference fits one base and leads to one
// content.
//
//     {"xos-bundle-delta":1, "vo_key":base64url, "vo":JWS by the VO key, "delta":JWS by the registrar key}
//
// A delta whose serial is the one it starts from changes nothing but the dates: a bundle's renewal.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/vo/bundle.h"
#include "common/vo/content_digest.h"

namespace xos {

// One larger than this is no gain over the whole: authorities do not make it, nodes do not take it.
inline constexpr size_t kDeltaMax = 8 * 1024 * 1024;
inline constexpr size_t kDeltaRecordsMax = 20000;  // changed or gone, of one sort

// Records replace those of the same name; what is gone is named.
struct BundleDelta {
    VoRecord vo;
    uint64_t since = 0;   // serial of the content that it starts from
    uint64_t serial = 0;  // of the content that it leads to; at least since
    std::chrono::sys_seconds issued{}, not_after{};
    ContentDigest digest{};  // of the content that it leads to
    std::vector<Member> members = {};
    std::vector<std::string> members_gone = {};
    std::vector<Group> groups = {};
    std::vector<std::string> groups_gone = {};
    std::vector<NodeRecord> nodes = {};
    std::vector<std::string> nodes_gone = {};
    std::vector<std::string> revoked = {};
    std::vector<std::string> revoked_gone = {};
    std::vector<GridIdentity> identities = {};  // revoked ones
    std::vector<GridIdentity> identities_gone = {};
    // Each whole, where it changed.
    std::optional<std::string> policy = std::nullopt;
    std::optional<std::optional<VomsTrust>> voms = std::nullopt;
    std::optional<std::vector<Bytes>> crls = std::nullopt;

    bool operator==(const BundleDelta&) const = default;
};

// Whether bytes are a delta's, from how they begin: no check.
bool is_delta(std::string_view bytes);

Outcome<std::string> seal_delta(const BundleDelta& delta, std::string_view vo_statement,
                                std::span<const uint8_t, 32> vo_key, const SigningKey& registrar_key);
// As open_bundle().
Outcome<BundleDelta> open_delta(std::string_view bytes, std::string_view pinned_fingerprint,
                                std::chrono::sys_seconds now,
                                std::chrono::seconds grace = std::chrono::seconds{0});

// base with the changes of delta, lists sorted by name: no check at all. For who makes deltas.
Bundle merge_delta(Bundle base, const BundleDelta& delta);

// The bundle that delta makes of base, every rule of check_bundle() kept, lists sorted by name.
// Errc::conflict: base is of another serial or another VO, or what comes out has not the signed digest.
Outcome<Bundle> apply_delta(Bundle base, const BundleDelta& delta);

// A bundle's or a delta's file, over base, which may be null. Errc::conflict: a delta that does not start
// from base.
Outcome<Bundle> open_update(std::string_view bytes, std::string_view pinned_fingerprint, const Bundle* base,
                            std::chrono::sys_seconds now);

}  // namespace xos
