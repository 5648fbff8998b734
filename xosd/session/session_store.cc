#include "xosd/session/session_store.h"

#include <sys/epoll.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "common/log.h"
#include "xosd/container/operation.h"

namespace xos {
namespace {

constexpr const char* kSchema[] = {
    "CREATE TABLE session (id INTEGER PRIMARY KEY AUTOINCREMENT, login TEXT NOT NULL, uid INTEGER NOT NULL,"
    " service TEXT NOT NULL, remote TEXT NOT NULL, serial TEXT NOT NULL, opened INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, pid INTEGER NOT NULL, start_time INTEGER NOT NULL, chain TEXT NOT NULL) "
    "STRICT;",
    "ALTER TABLE session ADD COLUMN credential_key INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE session ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE session ADD COLUMN issuer TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE session ADD COLUMN subject TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE session ADD COLUMN grid_serials TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE session ADD COLUMN cgroup TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE session ADD COLUMN ending TEXT NOT NULL DEFAULT '';",
};

int64_t seconds(std::chrono::sys_seconds time) {
    return time.time_since_epoch().count();
}
std::chrono::sys_seconds time_of(int64_t seconds) {
    return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

// Serial numbers are hexadecimal: a blank parts them.
std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}
std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> words;
    for (const auto word : std::views::split(text, ' '))
        if (!word.empty()) words.emplace_back(std::string_view(word));
    return words;
}

LoginSession read_session(const Statement& row) {
    LoginSession session;
    session.id = static_cast<uint64_t>(row.number(0));
    session.login = row.text(1);
    session.uid = static_cast<uint32_t>(row.number(2));
    session.service = row.text(3);
    session.remote = row.text(4);
    session.serial = row.text(5);
    session.opened = time_of(row.number(6));
    session.expires = time_of(row.number(7));
    session.pid = static_cast<pid_t>(row.number(8));
    session.start_time = static_cast<uint64_t>(row.number(9));
    session.chain = row.text(10);
    session.credential_key = static_cast<int32_t>(row.number(11));
    session.fingerprint = row.text(12);
    session.identity = {std::string(row.text(13)), std::string(row.text(14))};
    session.grid_serials = split(row.text(15));
    session.cgroup = row.text(16);
    session.ending = row.text(17);
    return session;
}

}  // namespace

Outcome<void> SessionStore::load() {
    if (auto migrated = database_->migrate("session", kSchema); !migrated) return migrated;
    if (auto loaded = visits_.load(); !loaded) return loaded;
    auto select = database_->prepare(
        "SELECT id, login, uid, service, remote, serial, opened, expires, pid, start_time, chain,"
        " credential_key, fingerprint, issuer, subject, grid_serials, cgroup, ending FROM session");
    if (!select) return std::unexpected(select.error());
    if (auto bound = select->bind(); !bound) return bound;
    std::vector<LoginSession> found;
    while (true) {
        auto row = select->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) break;
        found.push_back(read_session(*select));
    }
    for (LoginSession& session : found) {
        const uint64_t id = session.id;
        auto process = open_process(session.pid, session.start_time);
        sessions_.emplace(id, std::move(session));
        if (!process)
            gone_.push_back(id);
        else if (auto watched = watch(id, std::move(process->pidfd)); !watched)
            return watched;
    }
    return {};
}

void SessionStore::listen(Listener listener) {
    listener_ = std::move(listener);
    for (const uint64_t id : std::exchange(gone_, {})) {
        close(id, "its process ended while xosd was away");
        exit(id);
    }
}

Outcome<uint64_t> SessionStore::open(LoginSession session, pid_t pid, UniqueFd pidfd) {
    const auto start_time = read_start_time(pid);
    if (!pidfd || !start_time)
        return failure(Errc::unavailable, "the process that opens the session has gone");
    session.pid = pid;
    session.start_time = *start_time;
    if (auto stored = store(session); !stored) return std::unexpected(stored.error());
    const uint64_t id = session.id;
    sessions_.emplace(id, std::move(session));
    if (auto watched = watch(id, std::move(pidfd)); !watched) {
        close(id, "it cannot be watched");
        forget(id);
        return std::unexpected(watched.error());
    }
    stir_(sessions_.at(id).uid);
    return id;
}

// The visit in the same commit: a home that was made is known as long as it may be there, so the first one
// waits for the disk. A session ends with the machine: its record does not.
Outcome<void> SessionStore::store(LoginSession& session) {
    const auto known = visits_.knows(session.uid, session.home);
    if (!known) return std::unexpected(known.error());
    auto transaction = *known ? Transaction::begin_unsynced(*database_) : Transaction::begin(*database_);
    if (!transaction) return std::unexpected(transaction.error());
    auto insert = database_->prepare(
        "INSERT INTO session (login, uid, service, remote, serial, opened, expires, pid, start_time, chain,"
        " fingerprint, issuer, subject, grid_serials)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)");
    if (!insert) return std::unexpected(insert.error());
    if (auto done =
            insert->run(session.login, session.uid, session.service, session.remote, session.serial,
                        seconds(session.opened), seconds(session.expires), int64_t{session.pid},
                        static_cast<int64_t>(session.start_time), session.chain, session.fingerprint,
                        session.identity.issuer, session.identity.subject, joined(session.grid_serials));
        !done)
        return done;
    session.id = static_cast<uint64_t>(database_->last_row_id());
    if (auto noted = visits_.note(session.uid, session.home, session.opened); !noted) return noted;
    return transaction->commit();
}

Outcome<void> SessionStore::watch(uint64_t id, UniqueFd pidfd) {
    auto source = loop_->watch_fd(pidfd.get(), EPOLLIN, [this, id](uint32_t) { process_ended(id); });
    if (!source) return std::unexpected(source.error());
    watches_.emplace(id, Watch{std::move(pidfd), *std::move(source)});
    return {};
}

void SessionStore::process_ended(uint64_t id) {
    close(id, "its process ended");
    exit(id);
}

// The pidfd goes with the watch: from here on nobody signals that process.
void SessionStore::exit(uint64_t id) {
    watches_.erase(id);
    const auto found = closed_.find(id);
    if (found == closed_.end()) return;
    if (listener_.exited)
        listener_.exited(LoginSession(found->second));  // may forget it
    else
        forget(id);
}

void SessionStore::close(uint64_t id, std::string_view how) {
    auto session = sessions_.extract(id);
    if (!session) return;
    const LoginSession copy = session.mapped();
    closed_.insert(std::move(session));
    if (listener_.closed) listener_.closed(copy, how);
    stir_(copy.uid);
}

void SessionStore::forget(uint64_t id) {
    closed_.erase(id);
    // a record that stays because the disk is full is ended at the next start
    if (auto done = run_unsynced(*database_, "DELETE FROM session WHERE id = ?1", static_cast<int64_t>(id));
        !done)
        log(Level::error, "session record not removed", {{"reason", done.error().message}});
}

Outcome<LoginSession*> SessionStore::update(uint64_t id, const char* sql, auto value) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) return failure(Errc::not_found, "there is no session {}", id);
    if (auto done = run_unsynced(*database_, sql, static_cast<int64_t>(id), value); !done)
        return std::unexpected(done.error());
    return &found->second;
}

Outcome<void> SessionStore::note_key(uint64_t id, int32_t credential_key) {
    return update(id, "UPDATE session SET credential_key = ?2 WHERE id = ?1", int64_t{credential_key})
        .transform([&](LoginSession* session) { session->credential_key = credential_key; });
}

Outcome<void> SessionStore::note_cgroup(uint64_t id, const std::string& path) {
    return update(id, "UPDATE session SET cgroup = ?2 WHERE id = ?1", path)
        .transform([&](LoginSession* session) { session->cgroup = path; });
}

Outcome<void> SessionStore::note_ending(uint64_t id, const std::string& reason) {
    return update(id, "UPDATE session SET ending = ?2 WHERE id = ?1", reason)
        .transform([&](LoginSession* session) { session->ending = reason; });
}

int SessionStore::pidfd(uint64_t id) const {
    const auto found = watches_.find(id);
    return found == watches_.end() ? -1 : found->second.pidfd.get();
}

const LoginSession* SessionStore::find(uint64_t id) const {
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : &found->second;
}

const LoginSession* SessionStore::find_chain(uint32_t uid, std::string_view chain) const {
    for (const auto& [id, session] : sessions_)
        if (session.uid == uid && !session.chain.empty() && session.chain == chain) return &session;
    return nullptr;
}

size_t SessionStore::count(uint32_t uid) const {
    return static_cast<size_t>(std::ranges::count_if(sessions_, [uid](const auto& entry) {
        return entry.second.uid == uid && entry.second.service != kUserManagerService;
    }));
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
