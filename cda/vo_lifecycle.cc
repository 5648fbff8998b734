// Authority: making, showing and exporting VOs.
#include <algorithm>
#include <set>

#include "cda/authority.h"
#include "common/uuid.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr std::chrono::days kLifetimeMax{20 * 366};
// Where the search for a free block begins: spread by name, so that VOs of different authorities seldom clash
// (FNV-1a).
uint32_t first_block(std::string_view name, uint32_t blocks) {
    uint32_t hash = 2166136261u;
    for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
    return hash % blocks;
}

}  // namespace

Outcome<void> check_lifetime(std::chrono::days lifetime) {
    if (lifetime >= std::chrono::days(1) && lifetime <= kLifetimeMax) return {};
    return failure(Errc::invalid, "a VO lives 1 to {} days", kLifetimeMax.count());
}

Outcome<uint32_t> Authority::choose_uid_base(std::string_view name) {
    constexpr uint32_t kBlocks = (kUidMax - kUidMin + 1) / kBlockSize;
    const auto names = records_.list_vos();
    if (!names) return std::unexpected(names.error());
    std::set<uint32_t> taken;
    for (const std::string& other : *names) {
        const auto vo = records_.read_vo(other);
        if (!vo) return std::unexpected(vo.error());
        for (uint32_t offset = 0; offset < vo->record.block_size; offset += kBlockSize)
            taken.insert(vo->record.uid_base + offset);
    }
    const uint32_t first = first_block(name, kBlocks);
    for (uint32_t i = 0; i < kBlocks; ++i) {
        const uint32_t base = kUidMin + (first + i) % kBlocks * kBlockSize;
        if (!taken.contains(base)) return base;
    }
    return failure(Errc::exists, "every block of uids is given to a VO here: choose one with --uid-base");
}

Outcome<VoSummary> Authority::create_vo(std::string_view name, const VoOptions& options,
                                        std::chrono::sys_seconds now) {
    if (!is_vo_name(name))
        return failure(Errc::invalid, "\"{}\" is no VO name: expected one such as physics or bio.example.org",
                       name);
    if (auto good = check_lifetime(options.lifetime); !good) return std::unexpected(good.error());
    if (const auto there = records_.read_vo(name); there || there.error().code != Errc::not_found)
        return there ? failure(Errc::exists, "the VO {} exists already", name)
                     : std::unexpected(there.error());

    VoIdentity identity;
    VoRecord& record = identity.record;
    record.name = name;
    record.id = make_uuid();
    record.serial = 1;
    record.not_before = now;
    record.not_after = now + options.lifetime;
    const auto base = options.uid_base ? Outcome<uint32_t>(*options.uid_base) : choose_uid_base(name);
    if (!base) return std::unexpected(base.error());
    record.uid_base = *base;
    const auto keys = keys_.create(record.id, !options.keep_vo_key);
    if (!keys) return std::unexpected(keys.error());

    const auto finish = [&]() -> Outcome<void> {
        if (options.keep_vo_key)
            if (auto kept = options.keep_vo_key(keys->vo); !kept) return kept;
        auto ca = create_ca(name, keys->ca, record.not_before, record.not_after);
        if (!ca) return std::unexpected(ca.error());
        record.ca_certificate = std::move(*ca);
        record.registrar_key = keys->registrar.public_bytes();
        record.host_ca = keys->host.public_bytes();
        identity.vo_key = keys->vo.public_bytes();
        auto statement = sign_vo_record(record, keys->vo);
        if (!statement) return std::unexpected(statement.error());
        identity.statement = std::move(*statement);
        return records_.add_vo(identity, kDefaultPolicy);
    };
    if (auto done = finish(); !done) {
        keys_.discard(record.id);
        return std::unexpected(done.error());
    }
    return show_vo(name);
}

Outcome<VoIdentity> Authority::read_living_vo(std::string_view vo) {
    auto identity = records_.read_vo(vo);
    if (identity && identity->record.dissolved)
        return failure(Errc::denied, "the VO {} was dissolved: nothing of it changes any more", vo);
    return identity;
}

Outcome<VoSummary> Authority::show_vo(std::string_view name) {
    auto identity = records_.read_vo(name);
    if (!identity) return std::unexpected(identity.error());
    const auto head = records_.read_head(name);
    if (!head) return std::unexpected(head.error());
    const auto members = records_.list_members(identity->record);
    if (!members) return std::unexpected(members.error());
    std::string fingerprint = key_fingerprint(identity->vo_key);
    const auto here = keys_.has(identity->record.id, KeyRole::vo);
    if (!here) return std::unexpected(here.error());
    return VoSummary{std::move(*identity), std::move(fingerprint), head->value.serial, members->size(),
                     *here};
}

Outcome<void> Authority::change_content(
    std::string_view vo, const std::function<Outcome<std::vector<RegistryChange>>(const VoRecord&)>& make) {
    return repeat_on_conflict([&]() -> Outcome<void> {
        const auto identity = read_living_vo(vo);
        if (!identity) return std::unexpected(identity.error());
        // before what make reads: a change in between is a conflict
        const auto head = records_.read_head(vo);
        if (!head) return std::unexpected(head.error());
        auto changes = make(identity->record);
        if (!changes) return std::unexpected(changes.error());
        if (changes->empty()) return {};
        return records_.commit(vo, *head, *std::move(changes));
    });
}

Outcome<void> Authority::set_policy(std::string_view vo, std::string_view text) {
    const auto policy = compile_policy(text);
    if (!policy) return std::unexpected(policy.error());
    return change_content(vo, [&](const VoRecord&) -> Outcome<std::vector<RegistryChange>> {
        auto kept = records_.read_policy(vo);
        if (!kept) return std::unexpected(kept.error());
        kept->value = *policy;
        return std::vector{VoRegistry::change_policy(vo, *kept)};
    });
}

}  // namespace xos
