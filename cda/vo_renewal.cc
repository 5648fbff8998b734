// Authority: what changes a VO's signed record. Each of these needs the VO key.
#include "cda/authority.h"

namespace xos {
namespace {

// The key that signs: the one handed in, if it is the VO's, or the one that is kept here, which own then
// holds.
Outcome<const SigningKey*> choose_key(const KeyDirectory& keys, const VoIdentity& identity,
                                      const SigningKey* given, std::optional<SigningKey>& own) {
    if (given == nullptr) {
        auto kept = keys.load(identity.record.id, KeyRole::vo);
        if (!kept && kept.error().code == Errc::not_found)
            return failure(Errc::not_found,
                           "the VO key of {} is not kept at this authority: give it with --key FILE",
                           identity.record.name);
        if (!kept) return std::unexpected(kept.error());
        own = std::move(*kept);
        return &*own;
    }
    if (given->public_bytes() != identity.vo_key)
        return failure(Errc::denied, "the key that was given is {}, and the VO key of {} is {}",
                       key_fingerprint(given->public_bytes()), identity.record.name,
                       key_fingerprint(identity.vo_key));
    return given;
}

}  // namespace

Outcome<void> Authority::change_record(std::string_view vo, const SigningKey* vo_key,
                                       const std::function<Outcome<void>(VoRecord&)>& edit) {
    const auto attempt = [&]() -> Outcome<void> {
        auto identity = read_living_vo(vo);
        if (!identity) return std::unexpected(identity.error());
        const auto head = records_.read_head(vo);
        if (!head) return std::unexpected(head.error());
        std::optional<SigningKey> own;
        const auto key = choose_key(keys_, *identity, vo_key, own);
        if (!key) return std::unexpected(key.error());
        VoRecord& record = identity->record;
        if (auto edited = edit(record); !edited) return edited;
        // VOs that were made before there were host certificates get their key now
        const auto host = keys_.load_or_make(record.id, KeyRole::host);
        if (!host) return std::unexpected(host.error());
        record.host_ca = host->public_bytes();
        ++record.serial;
        auto statement = sign_vo_record(record, **key);
        if (!statement) return std::unexpected(statement.error());
        identity->statement = std::move(*statement);
        return records_.commit(vo, *head, {VoRegistry::change_vo(*identity)});
    };
    return repeat_on_conflict(attempt);
}

Outcome<VoSummary> Authority::renew_vo(std::string_view name, std::chrono::days lifetime,
                                       const SigningKey* vo_key, std::chrono::sys_seconds now) {
    if (auto good = check_lifetime(lifetime); !good) return std::unexpected(good.error());
    const auto renew = [&](VoRecord& record) -> Outcome<void> {
        record.not_after = now + lifetime;
        if (record.not_after <= record.not_before)
            return failure(Errc::invalid, "the VO {} begins at {}: it cannot end before", name,
                           format_time(record.not_before));
        const auto ca_key = keys_.load(record.id, KeyRole::ca);
        if (!ca_key) return std::unexpected(ca_key.error());
        // of the same key and name, and from the VO's beginning on: credentials that are out go on to verify
        auto ca = create_ca(record.name, *ca_key, record.not_before, record.not_after);
        if (!ca) return std::unexpected(ca.error());
        record.ca_certificate = std::move(*ca);
        return {};
    };
    if (auto done = change_record(name, vo_key, renew); !done) return std::unexpected(done.error());
    return show_vo(name);
}

Outcome<void> Authority::dissolve_vo(std::string_view name, const SigningKey* vo_key) {
    return change_record(name, vo_key, [](VoRecord& record) -> Outcome<void> {
        record.dissolved = true;
        return {};
    });
}

Outcome<VoSummary> Authority::set_vo(std::string_view name, const VoSettings& settings,
                                     const SigningKey* vo_key) {
    const auto set = [&](VoRecord& record) -> Outcome<void> {
        const VoRecord before = record;
        if (settings.authority) record.authority = *settings.authority;
        if (settings.authority_pin) record.authority_pin = *settings.authority_pin;
        if (settings.mirrors) record.mirrors = *settings.mirrors;
        if (settings.bundle_lifetime) record.bundle_lifetime = *settings.bundle_lifetime;
        if (record == before && record.host_ca)
            return failure(Errc::exists, "nothing of the record of {} would change", name);
        return check_vo_record(record);
    };
    if (auto done = change_record(name, vo_key, set); !done) return std::unexpected(done.error());
    return show_vo(name);
}

Outcome<void> Authority::detach_vo_key(std::string_view name,
                                       const std::function<Outcome<void>(const SigningKey&)>& keep) {
    const auto identity = records_.read_vo(name);
    if (!identity) return std::unexpected(identity.error());
    std::optional<SigningKey> own;
    const auto key = choose_key(keys_, *identity, nullptr, own);
    if (!key) return std::unexpected(key.error());
    if (auto kept = keep(**key); !kept) return kept;
    return keys_.remove(identity->record.id, KeyRole::vo);
}

}  // namespace xos
