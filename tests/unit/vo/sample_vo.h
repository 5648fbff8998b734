// A small VO with real keys, for tests.
#pragma once

#include "common/credential/xos_cert.h"
#include "common/vo/bundle.h"

namespace xos {

inline constexpr std::chrono::sys_seconds kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 5);

// The value of an outcome that cannot fail here; a failure ends the test with its message.
template <typename T>
T must(Outcome<T> outcome) {
    if (!outcome) throw std::runtime_error(outcome.error().message);
    return std::move(*outcome);
}

struct SampleVo {
    SigningKey vo_key = must(SigningKey::generate());
    SigningKey ca_key = must(SigningKey::generate());
    SigningKey registrar_key = must(SigningKey::generate());
    Bundle bundle;

    explicit SampleVo(const char* name = "physics") {
        VoRecord& vo = bundle.vo;
        vo.name = name;
        vo.id = "11111111-2222-4333-8444-555555555555";
        vo.serial = 1;
        vo.not_before = kNow;
        vo.not_after = kNow + std::chrono::days(365);
        vo.uid_base = kUidMin;
        vo.ca_certificate = must(create_ca(name, ca_key, vo.not_before, vo.not_after));
        vo.registrar_key = registrar_key.public_bytes();
        bundle.serial = 7;
        bundle.issued = kNow;
        bundle.not_after = kNow + std::chrono::hours(24);
        bundle.groups = {{kMembersGroup, 0}, {"analysis", 1}};
        bundle.members = {
            {"user1", 1, "aaaaaaaa-0000-4000-8000-000000000001", {"analysis"}, {"operator"}, false},
            {"user2", 2, "aaaaaaaa-0000-4000-8000-000000000002", {}, {}, true}};
        bundle.revoked_serials = {"4a0001"};
        bundle.policy = R"([{"effect":"allow"}])";
    }

    std::string fingerprint() const { return key_fingerprint(vo_key.public_bytes()); }
    std::string statement() const { return must(sign_vo_record(bundle.vo, vo_key)); }
    std::string seal() const {
        return must(seal_bundle(bundle, statement(), vo_key.public_bytes(), registrar_key));
    }
    Outcome<Bundle> open(std::string_view bytes) const { return open_bundle(bytes, fingerprint(), kNow); }
};

}  // namespace xos
