#include "xosd/session/session_store.h"

#include <sys/epoll.h>

#include <algorithm>

#include "common/log.h"
#include "xosd/container/operation.h"

namespace xos {
namespace {

constexpr const char* kSchema[] = {
    "CREATE TABLE session (id INTEGER PRIMARY KEY AUTOINCREMENT, login TEXT NOT NULL, uid INTEGER NOT NULL,"
    " service TEXT NOT NULL, remote TEXT NOT NULL, serial TEXT NOT NULL, opened INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, pid INTEGER NOT NULL, start_time INTEGER NOT NULL, chain TEXT NOT NULL) "
    "STRICT;",
};

int64_t seconds(std::chrono::sys_seconds time) {
    return time.time_since_epoch().count();
}
std::chrono::sys_seconds time_of(int64_t seconds) {
    return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

}  // namespace

Outcome<void> SessionStore::load() {
    if (auto migrated = database_->migrate("session", kSchema); !migrated) return migrated;
    if (auto loaded = visits_.load(); !loaded) return loaded;
    auto select = database_->prepare(
        "SELECT id, login, uid, service, remote, serial, opened, expires, pid, start_time, chain FROM "
        "session");
    if (!select) return std::unexpected(select.error());
    if (auto bound = select->bind(); !bound) return bound;
    std::vector<std::pair<LoginSession, uint64_t>> found;
    while (true) {
        auto row = select->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) break;
        LoginSession session;
        session.id = static_cast<uint64_t>(select->number(0));
        session.login = select->text(1);
        session.uid = static_cast<uint32_t>(select->number(2));
        session.service = select->text(3);
        session.remote = select->text(4);
        session.serial = select->text(5);
        session.opened = time_of(select->number(6));
        session.expires = time_of(select->number(7));
        session.pid = static_cast<pid_t>(select->number(8));
        session.chain = select->text(10);
        found.emplace_back(std::move(session), static_cast<uint64_t>(select->number(9)));
    }
    for (auto& [session, start_time] : found) {
        const uint64_t id = session.id;
        auto process = open_process(session.pid, start_time);
        sessions_.emplace(id, std::move(session));
        if (!process)
            close(id, "its process ended while xosd was away");
        else if (auto watched = watch(id, std::move(process->pidfd)); !watched)
            return watched;
    }
    return {};
}

Outcome<uint64_t> SessionStore::open(LoginSession session, pid_t pid, UniqueFd pidfd) {
    const auto start_time = read_start_time(pid);
    if (!pidfd || !start_time)
        return failure(Errc::unavailable, "the process that opens the session has gone");
    session.pid = pid;
    if (auto stored = store(session, *start_time); !stored) return std::unexpected(stored.error());
    const uint64_t id = session.id;
    sessions_.emplace(id, std::move(session));
    if (auto watched = watch(id, std::move(pidfd)); !watched) {
        close(id, "it cannot be watched");
        return std::unexpected(watched.error());
    }
    stir_(sessions_.at(id).uid);
    return id;
}

// The visit in the same commit: a home that was made is known as long as it may be there.
Outcome<void> SessionStore::store(LoginSession& session, uint64_t start_time) {
    auto transaction = Transaction::begin(*database_);
    if (!transaction) return std::unexpected(transaction.error());
    auto insert = database_->prepare(
        "INSERT INTO session (login, uid, service, remote, serial, opened, expires, pid, start_time, chain)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    if (!insert) return std::unexpected(insert.error());
    if (auto done = insert->run(session.login, session.uid, session.service, session.remote, session.serial,
                                seconds(session.opened), seconds(session.expires), int64_t{session.pid},
                                static_cast<int64_t>(start_time), session.chain);
        !done)
        return done;
    session.id = static_cast<uint64_t>(database_->last_row_id());
    if (auto noted = visits_.note(session.uid, session.home, session.opened); !noted) return noted;
    return transaction->commit();
}

Outcome<void> SessionStore::watch(uint64_t id, UniqueFd pidfd) {
    auto source =
        loop_->watch_fd(pidfd.get(), EPOLLIN, [this, id](uint32_t) { close(id, "its process ended"); });
    if (!source) return std::unexpected(source.error());
    watches_.emplace(id, Watch{std::move(pidfd), *std::move(source)});
    return {};
}

void SessionStore::close(uint64_t id, std::string_view how) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return;
    if (auto remove = database_->prepare("DELETE FROM session WHERE id = ?1"); remove) {
        // a record that stays because the disk is full is ended at the next start
        if (auto done = remove->run(static_cast<int64_t>(id)); !done)
            log(Level::error, "session record not removed", {{"reason", done.error().message}});
    }
    log(Level::info, "session closed",
        {{"user", found->second.login}, {"session", std::to_string(id)}, {"reason", std::string(how)}});
    const uint32_t uid = found->second.uid;
    sessions_.erase(found);
    watches_.erase(id);
    stir_(uid);
}

size_t SessionStore::count(uint32_t uid) const {
    return static_cast<size_t>(
        std::ranges::count_if(sessions_, [uid](const auto& entry) { return entry.second.uid == uid; }));
}

const LoginSession* SessionStore::find_valid(uint32_t uid, std::chrono::sys_seconds now,
                                             std::span<const std::string> revoked,
                                             std::chrono::sys_seconds since) const {
    const LoginSession* best = nullptr;
    for (const auto& [id, session] : sessions_) {
        if (session.uid != uid || session.expires <= now || session.opened < since) continue;
        if (std::ranges::binary_search(revoked, session.serial)) continue;
        if (best == nullptr || session.expires > best->expires) best = &session;
    }
    return best;
}

}  // namespace xos
