#include "xosd/trust/trust_store.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "common/json.h"
#include "common/log.h"
#include "common/policy/policy_file.h"
#include "common/vo/bundle.h"
#include "libxos/login_name.h"
#include "xosd/session/home_directory.h"
#include "xosd/sshd/sshd_config.h"

namespace xos {
namespace {

constexpr const char* kSchema[] = {
    "CREATE TABLE trusted_vo (vo TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, bundle BLOB NOT NULL) STRICT;"
    // outlives trusted_vo: a VO that is trusted again cannot be rolled back to an older bundle
    "CREATE TABLE seen_serial (vo_id TEXT PRIMARY KEY, vo_serial INTEGER NOT NULL, serial INTEGER NOT NULL,"
    " issued INTEGER NOT NULL) STRICT;",
};

constexpr auto kPublishDeadline = std::chrono::seconds(60);
// A stored bundle was in date when it was taken; that it is stale now is said at each login, not at the
// start.
constexpr auto kStoredGrace = std::chrono::hours(24 * 365 * 20);

std::chrono::sys_seconds now_seconds() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace

std::optional<std::string> peek_vo_name(std::string_view bundle) {
    const auto json = Json::parse(bundle, {.bytes = kBundleMax, .depth = 8}, "bundle");
    if (!json) return std::nullopt;
    const JsonNode root = json->root();
    const auto statement = root.find("vo");
    if (!statement) return std::nullopt;
    const auto payload = statement->text("payload", 1024 * 1024);
    if (!payload) return std::nullopt;
    const auto bytes = decode_base64url(*payload);
    if (!bytes) return std::nullopt;
    const auto record = Json::parse(as_text(*bytes), {.bytes = 1024 * 1024, .depth = 8}, "VO record");
    if (!record) return std::nullopt;
    const auto name = record->root().string("name", kVoNameMax);
    if (!name || !is_vo_name(*name)) return std::nullopt;
    return *name;
}

Outcome<std::unique_ptr<TrustedVo>> TrustStore::open(std::string_view bytes, std::string_view fingerprint,
                                                     std::chrono::seconds grace) const {
    auto bundle = open_bundle(bytes, fingerprint, now_seconds(), grace);
    if (!bundle) return std::unexpected(bundle.error());
    auto vo = std::make_unique<TrustedVo>();
    vo->fingerprint = fingerprint;
    vo->bundle = *std::move(bundle);
    auto policy = parse_compact_policy(vo->bundle.policy, "policy of VO " + vo->bundle.vo.name);
    if (!policy) return std::unexpected(policy.error());
    vo->policy = *std::move(policy);
    for (const Member& member : vo->bundle.members) vo->members.emplace(member.name, &member);
    return vo;
}

Outcome<void> TrustStore::load() {
    if (auto migrated = database_.migrate("trust", kSchema); !migrated) return migrated;
    auto select = database_.prepare("SELECT vo, fingerprint, bundle FROM trusted_vo");
    if (!select) return std::unexpected(select.error());
    while (true) {
        auto row = select->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return {};
        const std::string name(select->text(0));
        auto vo = open(as_text(select->blob(2)), select->text(1), kStoredGrace);
        if (vo) {
            auto block = ledger_.find_block((*vo)->bundle.vo.id);
            if (block)
                (*vo)->base = block->base;
            else
                vo = std::unexpected(block.error());
        }
        if (!vo) {
            log(Level::error, "VO left out", {{"vo", name}, {"reason", vo.error().message}});
            continue;
        }
        vos_[name] = *std::move(vo);
    }
}

const TrustedVo* TrustStore::find(std::string_view vo) const {
    const auto found = vos_.find(vo);
    return found == vos_.end() ? nullptr : found->second.get();
}

std::pair<const TrustedVo*, const Member*> TrustStore::find_uid(uint32_t uid) const {
    for (const auto& [name, vo] : vos_) {
        if (uid < vo->base || uid - vo->base >= vo->bundle.vo.block_size) continue;
        for (const Member& member : vo->bundle.members)
            if (vo->uid_of(member) == uid) return {vo.get(), &member};
    }
    return {nullptr, nullptr};
}

Outcome<void> TrustStore::check_newer(const TrustedVo& next) const {
    auto select = database_.prepare("SELECT vo_serial, serial, issued FROM seen_serial WHERE vo_id = ?1");
    if (!select) return std::unexpected(select.error());
    if (auto bound = select->bind(next.bundle.vo.id); !bound) return bound;
    auto row = select->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    const auto vo_serial = static_cast<uint64_t>(select->number(0)),
               serial = static_cast<uint64_t>(select->number(1));
    if (next.bundle.vo.serial < vo_serial)
        return failure(Errc::conflict,
                       "the VO record of {} has serial {}, this node has seen {}: get a newer bundle",
                       next.bundle.vo.name, next.bundle.vo.serial, vo_serial);
    if (next.bundle.serial < serial ||
        (next.bundle.serial == serial && next.bundle.issued.time_since_epoch().count() < select->number(2)))
        return failure(Errc::conflict,
                       "the bundle of VO {} has serial {}, this node has seen {}: get a newer one",
                       next.bundle.vo.name, next.bundle.serial, serial);
    return {};
}

// Inside the caller's transaction: either the whole bundle gets its ids, or nothing is recorded.
Outcome<void> TrustStore::reserve_ids(TrustedVo& next) {
    const auto local = read_local_ids();
    if (!local) return std::unexpected(local.error());
    const VoRecord& vo = next.bundle.vo;
    const auto base = ledger_.reserve_block(vo.name, vo.id, vo.uid_base, vo.block_size, *local);
    if (!base) return std::unexpected(base.error());
    next.base = *base;
    for (const Member& member : next.bundle.members) {
        const LedgerMember record{vo.id, member.number, member.id, login_name(member, next)};
        if (auto recorded = ledger_.record(next.uid_of(member), record, *local); !recorded) return recorded;
    }
    return {};
}

Outcome<void> TrustStore::store(TrustedVo& next, std::string_view bundle) {
    const Bundle& content = next.bundle;
    auto transaction = Transaction::begin(database_);
    if (!transaction) return std::unexpected(transaction.error());
    if (auto reserved = reserve_ids(next); !reserved) return reserved;
    auto vo = database_.prepare(
        "INSERT INTO trusted_vo (vo, fingerprint, bundle) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (vo) DO UPDATE SET fingerprint = ?2, bundle = ?3");
    if (!vo) return std::unexpected(vo.error());
    if (auto done = vo->run(content.vo.name, next.fingerprint, as_bytes(bundle)); !done) return done;
    auto seen = database_.prepare(
        "INSERT INTO seen_serial (vo_id, vo_serial, serial, issued) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (vo_id) DO UPDATE SET vo_serial = ?2, serial = ?3, issued = ?4");
    if (!seen) return std::unexpected(seen.error());
    if (auto done =
            seen->run(content.vo.id, static_cast<int64_t>(content.vo.serial),
                      static_cast<int64_t>(content.serial), content.issued.time_since_epoch().count());
        !done)
        return done;
    return transaction->commit();
}

Outcome<const TrustedVo*> TrustStore::apply(std::string_view bundle, std::string_view fingerprint) {
    const auto name = peek_vo_name(bundle);
    if (!name)
        return failure(Errc::invalid, "this is no bundle of a VO: a bundle is made by 'xos vo export'");
    const TrustedVo* followed = find(*name);
    std::string pin(fingerprint);
    if (followed != nullptr && pin.empty()) pin = followed->fingerprint;
    if (pin.empty())
        return failure(Errc::denied,
                       "VO {} is not trusted here yet: give its key's fingerprint (--fingerprint), as its "
                       "manager tells it",
                       *name);
    if (followed != nullptr && pin != followed->fingerprint)
        return failure(Errc::conflict, "VO {} is pinned to {}: untrust it first if its key has changed",
                       *name, followed->fingerprint);
    auto next = open(bundle, pin, std::chrono::seconds(0));
    if (!next) return std::unexpected(next.error());
    if (auto newer = check_newer(**next); !newer) return std::unexpected(newer.error());
    if (auto stored = store(**next, bundle); !stored) return std::unexpected(stored.error());
    log(Level::notice, "bundle taken",
        {{"vo", *name}, {"serial", std::to_string((*next)->bundle.serial)}, {"fingerprint", pin}});
    const TrustedVo* taken = next->get();
    vos_[*name] = *std::move(next);
    return taken;
}

Outcome<void> TrustStore::remove(std::string_view vo) {
    const auto found = vos_.find(vo);
    if (found == vos_.end()) return failure(Errc::not_found, "VO {} is not trusted here", vo);
    auto remove = database_.prepare("DELETE FROM trusted_vo WHERE vo = ?1");
    if (!remove) return std::unexpected(remove.error());
    if (auto done = remove->run(std::string(vo)); !done) return done;
    log(Level::notice, "VO no longer trusted", {{"vo", std::string(vo)}});
    vos_.erase(found);
    return {};
}

AccountsSnapshot TrustStore::make_snapshot(const TrustedVo& vo, const Member& member) const {
    const std::string& name = vo.bundle.vo.name;
    const uint32_t group_base = vo.base + first_group_offset(vo.bundle.vo.block_size);
    const std::string login = login_name(member, vo);
    AccountsSnapshot snapshot;
    snapshot.vos.push_back({name, vo.base, vo.bundle.vo.block_size});
    const Home home{config_.home_root, name, member.name, 0, 0};
    const uint32_t uid = vo.uid_of(member);
    snapshot.accounts.push_back({login, uid, uid, "VO member " + login, home_path(home), config_.shell});
    for (const Group& group : vo.bundle.groups)
        if (group.number == 0 || std::ranges::find(member.groups, group.name) != member.groups.end())
            snapshot.groups.push_back({group.name + "@" + name, group_base + group.number, {login}});
    return snapshot;
}

AccountsSnapshot TrustStore::make_snapshot() const {
    AccountsSnapshot all;
    for (const auto& [name, vo] : vos_) {
        const uint32_t group_base = vo->base + first_group_offset(vo->bundle.vo.block_size);
        all.vos.push_back({name, vo->base, vo->bundle.vo.block_size});
        std::map<std::string_view, GroupEntry> groups;
        for (const Group& group : vo->bundle.groups)
            groups[group.name] = {group.name + "@" + name, group_base + group.number, {}};
        for (const Member& member : vo->bundle.members) {
            const AccountsSnapshot one = make_snapshot(*vo, member);
            all.accounts.push_back(one.accounts.front());
            groups[kMembersGroup].members.push_back(one.accounts.front().name);
            for (const std::string& group : member.groups)
                groups[group].members.push_back(one.accounts.front().name);
        }
        for (auto& [group, entry] : groups) all.groups.push_back(std::move(entry));
    }
    return all;
}

void TrustStore::publish(std::function<void(Outcome<void>)> done) {
    waiting_.push_back(std::move(done));
    if (!publishing_) start_publishing();
}

void TrustStore::start_publishing() {
    current_ = std::exchange(waiting_, {});
    std::vector<std::string> names;
    for (const auto& [name, vo] : vos_) names.push_back(name);
    const bool sshd = config_.manage_sshd;
    publishing_ = true;
    operations_.run(
        "accounts file and sshd block", kPublishDeadline,
        [this, names, sshd, daemon = getpid()]() -> Outcome<std::string> {
            // one that outlived its daemon would put old accounts in the place of the next daemon's
            if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != daemon)
                return failure(Errc::unavailable, "xosd has ended");
            auto writer = AccountsWriter::open(kAccountsFile, kAccountsBootFile);
            if (!writer) return std::unexpected(writer.error());
            if (auto written = writer->replace(make_snapshot()); !written)
                return std::unexpected(written.error());
            return sshd ? install_sshd_config(make_sshd_config(names)) : Outcome<std::string>("");
        },
        [this](Outcome<std::string> answer) {
            publishing_ = false;
            if (!answer) log(Level::error, "accounts not published", {{"reason", answer.error().message}});
            for (const auto& done : std::exchange(current_, {}))
                done(answer ? Outcome<void>() : std::unexpected(answer.error()));
            if (!waiting_.empty() && !publishing_) start_publishing();
        });
}

}  // namespace xos
