#include "xosd/trust/trust_store.h"

#include <algorithm>

#include "common/clock.h"
#include "common/log.h"
#include "libxos/login_name.h"

namespace xos {
namespace {

constexpr auto kOpenDeadline = std::chrono::seconds(300);
constexpr size_t kSlice = 2000;  // members whose uids are recorded in one turn of the loop: some 20 ms

}  // namespace

struct TrustStore::Task {
    Bytes bytes;
    UpdateTerms terms;
    std::string url;
    Taken taken;
    // what the thread makes of it
    BundleUpdate update;
    // what the loop is about
    std::optional<LocalIds> local;
    size_t recorded = 0;  // of update.difference.fresh
};

Outcome<void> TrustStore::load() {
    if (auto opened = archive_.open(); !opened) return opened;
    const auto stored = archive_.list();
    if (!stored) return std::unexpected(stored.error());
    for (const ArchivedVo& one : *stored)
        if (auto vo = open_archived(one); !vo) {
            log(Level::error, "VO left out", {{"vo", one.vo}, {"reason", vo.error().message}});
            left_out_[one.vo] = {one.fingerprint, nullptr};
        }
    return {};
}

Outcome<void> TrustStore::open_archived(const ArchivedVo& one) {
    auto vo = archive_.read(one).and_then(
        [&](Bundle bundle) { return make_trusted(std::move(bundle), one.fingerprint); });
    if (!vo) return std::unexpected(vo.error());
    const auto block = ledger_.find_block((*vo)->bundle.vo.id);
    if (!block) return std::unexpected(block.error());
    (*vo)->base = block->base;
    (*vo)->grace = grace_;
    vos_[one.vo] = *std::move(vo);
    return {};
}

bool TrustStore::reopen() {
    if (left_out_.empty() || busy_) return false;
    const auto stored = archive_.list();
    if (!stored) return false;
    bool any = false;
    for (const ArchivedVo& one : *stored) {
        if (!left_out_.contains(one.vo) || !open_archived(one)) continue;
        log(Level::notice, "VO taken in again", {{"vo", one.vo}});
        left_out_.erase(one.vo);
        any = true;
    }
    if (!any) return false;
    publication_.note_all();
    stir_();
    return true;
}

const TrustedVo* TrustStore::find(std::string_view vo) const {
    const auto found = vos_.find(vo);
    return found == vos_.end() ? nullptr : found->second.get();
}

std::pair<const TrustedVo*, const Member*> TrustStore::find_uid(uint32_t uid) const {
    for (const auto& [name, vo] : vos_) {
        if (uid < vo->base || uid - vo->base >= vo->bundle.vo.block_size) continue;
        if (const Member* member = vo->find_number(uid - vo->base)) return {vo.get(), member};
    }
    return {nullptr, nullptr};
}

void TrustStore::set_grace(std::chrono::seconds grace) {
    grace_ = grace;
    for (const auto& [name, vo] : vos_) vo->grace = grace;
}

std::optional<uint64_t> TrustStore::since_of(const std::string& vo) {
    const TrustedVo* const followed = find(vo);
    if (followed == nullptr || archive_.wants_whole(vo).value_or(true)) return std::nullopt;
    return followed->bundle.serial;
}

UpdateRequest TrustStore::make_request(UpdateTerms terms) const {
    UpdateRequest request{std::move(terms), archive_.directory(), left_out_};
    for (const auto& [name, followed] : vos_) request.pinned[name] = {followed->fingerprint, followed};
    return request;
}

void TrustStore::take(Bytes bytes, UpdateTerms terms, std::string url, Taken taken) {
    auto task = std::make_shared<Task>(std::move(bytes), std::move(terms), std::move(url), std::move(taken));
    tasks_.push_back(std::move(task));
    if (!busy_) start_next();
}

void TrustStore::start_next() {
    busy_ = true;
    const std::shared_ptr<Task> task = tasks_.front();
    auto made = std::make_shared<BundleUpdate>();
    auto work = [made, bytes = task->bytes, request = make_request(task->terms),
                 now = current_time()]() mutable -> Outcome<void> {
        auto update = prepare_update(bytes.text, request, now);
        request.pinned.clear();
        if (!update) return std::unexpected(update.error());
        *made = *std::move(update);
        return {};
    };
    background_.run("the opening of a bundle", kOpenDeadline, std::move(work),
                    [this, task, made](Outcome<void> opened) {
                        if (!opened) return end_task(task, std::unexpected(opened.error()));
                        task->update = std::move(*made);
                        if (task->update.unchanged) return end_task(task, finish(*task));
                        if (auto begun = begin(*task); !begun)
                            return end_task(task, std::unexpected(begun.error()));
                        go_on(task);
                    });
}

void TrustStore::go_on(const std::shared_ptr<Task>& task) {
    const auto done = advance(*task);
    if (!done) return end_task(task, std::unexpected(done.error()));
    if (*done) return end_task(task, finish(*task));
    auto next = loop_.after(std::chrono::microseconds(0), [this, task] { go_on(task); });
    if (!next) return end_task(task, std::unexpected(next.error()));
    on_next_ = *std::move(next);
}

void TrustStore::end_task(const std::shared_ptr<Task>& task, Outcome<TakenBundle> outcome) {
    tasks_.pop_front();
    task->taken(std::move(outcome));
    background_.drop(std::move(task->update.base));
    background_.drop(std::move(task->update.vo));
    busy_ = false;
    if (!tasks_.empty()) start_next();
}

Outcome<const TrustedVo*> TrustStore::apply(std::string_view bytes, std::string_view fingerprint) {
    auto update = prepare_update(bytes, make_request({std::string(fingerprint), ""}), current_time());
    if (!update) return std::unexpected(update.error());
    Task task;
    task.update = *std::move(update);
    if (!task.update.unchanged) {
        if (auto begun = begin(task); !begun) return std::unexpected(begun.error());
        for (;;) {
            const auto done = advance(task);
            if (!done) return std::unexpected(done.error());
            if (*done) break;
        }
    }
    return finish(task).transform([](const TakenBundle& taken) { return taken.vo; });
}

Outcome<void> TrustStore::check_base(const BundleUpdate& update) const {
    const auto found = vos_.find(update.name);
    const std::shared_ptr<const TrustedVo> now = found == vos_.end() ? nullptr : found->second;
    if (now == update.base) return {};
    return failure(Errc::conflict, "VO {} has changed here while its bundle was opened: try again",
                   update.name);
}

Outcome<void> TrustStore::check_newer(const TrustedVo& next) {
    const Bundle& content = next.bundle;
    const auto seen = archive_.seen(content.vo.id);
    if (!seen) return std::unexpected(seen.error());
    if (content.vo.serial < seen->vo_serial)
        return failure(Errc::conflict,
                       "the VO record of {} has serial {}, this node has seen {}: get a newer bundle",
                       content.vo.name, content.vo.serial, seen->vo_serial);
    if (content.serial < seen->serial ||
        (content.serial == seen->serial && content.issued.time_since_epoch().count() < seen->issued))
        return failure(Errc::conflict,
                       "the bundle of VO {} has serial {}, this node has seen {}: get a newer one",
                       content.vo.name, content.serial, seen->serial);
    return {};
}

// The loop's checks: what the thread did not know may have changed meanwhile.
Outcome<void> TrustStore::begin(Task& task) {
    if (auto same = check_base(task.update); !same) return same;
    if (auto newer = check_newer(*task.update.vo); !newer) return newer;
    auto local = read_local_ids();
    if (!local) return std::unexpected(local.error());
    task.local = *std::move(local);
    if (task.update.base) return {};
    const std::string& name = task.update.vo->bundle.vo.name;
    const std::string server = task.local->find_server_of(name);
    if (server.empty()) return {};
    return failure(
        Errc::conflict,
        "names user@{} belong to {} on this machine, which would lose its logins: a VO of that name "
        "cannot be trusted here",
        name, server);
}

Outcome<void> TrustStore::record_slice(Task& task) {
    TrustedVo& next = *task.update.vo;
    const VoRecord& vo = next.bundle.vo;
    auto base = ledger_.reserve_block(vo.name, vo.id, vo.uid_base, vo.block_size, *task.local);
    if (!base && base.error().code == Errc::conflict && config_.local_blocks)
        base = ledger_.reserve_local_block(vo.name, vo.id, vo.block_size, *task.local);
    if (!base) return std::unexpected(base.error());
    next.base = *base;
    const size_t end = std::min(task.update.difference.fresh.size(), task.recorded + kSlice);
    for (; task.recorded < end; ++task.recorded) {
        const Member& member = next.bundle.members[task.update.difference.fresh[task.recorded]];
        const LedgerMember record{vo.id, member.number, member.id, login_name(member, next)};
        if (auto recorded = ledger_.record(next.uid_of(member), record, *task.local); !recorded)
            return recorded;
    }
    return {};
}

// A bundle of up to kSlice new members gets its ids and is stored in one transaction. Of a larger one that is
// refused in the end, ids of its first members stay recorded: they are what the VO's registrar signed, and no
// other's.
Outcome<bool> TrustStore::advance(Task& task) {
    if (auto same = check_base(task.update); !same) return std::unexpected(same.error());
    auto transaction = Transaction::begin(database_);
    if (!transaction) return std::unexpected(transaction.error());
    if (auto recorded = record_slice(task); !recorded) return std::unexpected(recorded.error());
    const bool last = task.recorded == task.update.difference.fresh.size();
    if (last)
        if (auto stored = store(task); !stored) return std::unexpected(stored.error());
    if (auto committed = transaction->commit(); !committed) return std::unexpected(committed.error());
    return last;
}

Outcome<void> TrustStore::store(const Task& task) {
    const BundleUpdate& update = task.update;
    const Bundle& content = update.vo->bundle;
    const bool renewal = update.base && update.base->bundle.serial == content.serial;
    if (auto put = update.is_delta
                       ? archive_.add_delta(update.name, update.bytes, content.serial, renewal)
                       : archive_.put_whole(update.name, update.fingerprint, update.bytes, update.file);
        !put)
        return put;
    if (!task.url.empty())
        if (auto noted = archive_.set_url(update.name, task.url); !noted) return noted;
    return archive_.note_seen(content);
}

Outcome<TakenBundle> TrustStore::finish(Task& task) {
    BundleUpdate& update = task.update;
    if (update.unchanged) {
        if (auto same = check_base(update); !same) return std::unexpected(same.error());
        if (!task.url.empty())
            if (auto noted = archive_.set_url(update.name, task.url); !noted)
                return std::unexpected(noted.error());
        if (!update.digest.empty()) vos_[update.name]->source_digest = update.digest;
        return TakenBundle{update.base.get(), false};
    }
    log(Level::notice, "bundle taken",
        {{"vo", update.name},
         {"serial", std::to_string(update.vo->bundle.serial)},
         {"fingerprint", update.fingerprint}});
    update.vo->grace = grace_;
    const bool accounts_changed = !update.base || update.difference.changes_accounts();
    if (!update.base)
        publication_.note_all();
    else if (accounts_changed)
        publication_.note(*update.vo, update.difference);
    vos_[update.name] = std::move(update.vo);
    left_out_.erase(update.name);
    if (!update.is_delta) archive_.remove_orphans();
    stir_();
    return TakenBundle{vos_[update.name].get(), accounts_changed};
}

Outcome<void> TrustStore::remove(std::string_view vo) {
    const auto found = vos_.find(vo);
    if (found == vos_.end() && !left_out_.contains(vo))
        return failure(Errc::not_found, "VO {} is not trusted here", vo);
    auto transaction = Transaction::begin(database_);
    if (!transaction) return std::unexpected(transaction.error());
    if (auto done = archive_.remove(std::string(vo)); !done) return done;
    if (auto committed = transaction->commit(); !committed) return committed;
    log(Level::notice, "VO no longer trusted", {{"vo", std::string(vo)}});
    publication_.note_all();
    if (found != vos_.end()) {
        background_.drop(std::move(found->second));
        vos_.erase(found);
        stir_();
    }
    if (const auto out = left_out_.find(vo); out != left_out_.end()) left_out_.erase(out);
    if (!busy_) archive_.remove_orphans();  // a file that is being written has no row yet
    return {};
}

}  // namespace xos
