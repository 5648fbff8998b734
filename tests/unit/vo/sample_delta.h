// A difference that touches every sort of record, over SampleVo. Process: tests only.
#pragma once

#include "common/vo/bundle_delta.h"
#include "tests/unit/vo/sample_vo.h"

namespace xos {

// What sample becomes: one member new, one changed, one gone, a group, a node, revocations, policy.
inline Bundle next_content(Bundle bundle) {
    bundle.serial += 3;
    bundle.issued += std::chrono::minutes(5);
    bundle.not_after = bundle.issued + std::chrono::hours(24);
    bundle.members = {{"user1", 1, "aaaaaaaa-0000-4000-8000-000000000001", {"analysis", "ops"}, {}, false},
                      {"user3", 3, "aaaaaaaa-0000-4000-8000-000000000003", {"ops"}, {"operator"}, false}};
    bundle.groups = {{"analysis", 1}, {kMembersGroup, 0}, {"ops", 2}};
    bundle.revoked_serials = {"4a0002"};
    bundle.revoked_identities = {{"/O=CA", "/O=Grid/CN=user2"}};
    bundle.nodes = {{.name = "node1.example.org",
                     .id = "bbbbbbbb-0000-4000-8000-000000000001",
                     .fingerprint = "SHA256:Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU",
                     .attributes = {.site = "site1", .tags = {"gpu"}, .cpus = 4, .memory = 1024}}};
    bundle.policy = R"([{"effect":"deny"}])";
    return bundle;
}

// The difference between SampleVo's content and next, which next_content() made of it.
inline BundleDelta delta_to(const Bundle& base, const Bundle& next) {
    return {.vo = next.vo,
            .since = base.serial,
            .serial = next.serial,
            .issued = next.issued,
            .not_after = next.not_after,
            .digest = must(digest_content(next)),
            .members = next.members,
            .members_gone = {"user2"},
            .groups = {{"ops", 2}},
            .nodes = next.nodes,
            .revoked = {"4a0002"},
            .revoked_gone = {"4a0001"},
            .identities = next.revoked_identities,
            .policy = next.policy};
}

inline std::string seal(const SampleVo& sample, const BundleDelta& delta) {
    const std::string statement = must(sign_vo_record(delta.vo, sample.vo_key));
    return must(seal_delta(delta, statement, sample.vo_key.public_bytes(), sample.registrar_key));
}

// A renewal: nothing but the dates.
inline BundleDelta renewal_of(const Bundle& bundle, std::chrono::seconds later) {
    return {.vo = bundle.vo,
            .since = bundle.serial,
            .serial = bundle.serial,
            .issued = bundle.issued + later,
            .not_after = bundle.not_after + later,
            .digest = must(digest_content(bundle))};
}

}  // namespace xos
