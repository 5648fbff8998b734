#include "xosd/session/session_supervisor.h"

#include <sys/epoll.h>

#include <algorithm>

#include "common/clock.h"
#include "common/log.h"
#include "common/time_text.h"
#include "xosd/container/pidfd.h"
#include "xosd/session/session_place.h"
#include "xosd/session/session_standing.h"
#include "xosd/session/session_terminals.h"
#include "xosd/session/stray_connections.h"

namespace xos {
namespace {

constexpr auto kLongestPause = std::chrono::seconds(60);  // the clock may be set meanwhile

}  // namespace

SessionSupervisor::SessionSupervisor(Parts parts) : parts_(parts) {
    recover();  // first: the store tells of sessions that ended meanwhile
    parts_.sessions.listen(
        {.closed = [this](const LoginSession& session, std::string_view how) { closed(session, how); },
         .exited = [this](const LoginSession& session) { exited(session); }});
    sweep();
    end_strays();
}

// Sessions that ended while xosd was away have been told of: what sshd still holds was refused.
void SessionSupervisor::end_strays() const {
    if (parts_.cgroups == nullptr) return;
    const auto is_member = [this](uint32_t uid) { return parts_.trust.find_uid(uid).second != nullptr; };
    const auto is_session = [this](const std::string& cgroup) {
        return std::ranges::any_of(places_, [&](const auto& entry) {
            return entry.second.cgroup && is_inside(cgroup, entry.second.cgroup->path());
        });
    };
    for (const StrayConnection& stray : find_stray_connections(is_member, is_session)) {
        pidfd_send_signal(stray.pidfd.get(), SIGTERM, nullptr, 0);
        log(Level::notice, "connection without a session ended",
            {{"uid", std::to_string(stray.uid)}, {"pid", std::to_string(stray.pid)}});
    }
}

SessionSupervisor::~SessionSupervisor() {
    parts_.sessions.listen({});
}

bool SessionSupervisor::is_renewed(const LoginSession& session, std::chrono::sys_seconds now) const {
    const auto [vo, member] = parts_.trust.find_uid(session.uid);
    if (member == nullptr) return false;
    if (parts_.sessions.find_valid(session.uid, now, vo->bundle.revoked_serials, member->credentials_from))
        return true;
    return parts_.delegations != nullptr && parts_.delegations->find_valid(session.uid, now) != nullptr;
}

bool SessionSupervisor::is_expired(const LoginSession& session, std::chrono::sys_seconds now) const {
    return session.expires != std::chrono::sys_seconds{} && now >= session.expires &&
           !is_renewed(session, now);
}

void SessionSupervisor::sweep() {
    const auto now = current_time();
    std::vector<std::pair<uint64_t, std::string>> over;
    for (const auto& [id, session] : parts_.sessions.all()) {
        const auto [vo, member] = parts_.trust.find_uid(session.uid);
        if (!session.ending.empty())
            over.emplace_back(id, session.ending);
        else if (auto objection = find_objection(session, vo, member))
            over.emplace_back(id, *std::move(objection));
        else if (is_expired(session, now) && parts_.config.sessions.at_expiry == AtExpiry::end)
            over.emplace_back(id, compose("its credential ended at {}", format_time(session.expires)));
        else
            warn(session, now);
    }
    for (const auto& [id, reason] : over) end(id, reason);
    parts_.audit.tell_left_out();
    schedule(now);
}

// At the next moment that matters: a warning, or an end.
void SessionSupervisor::schedule(std::chrono::sys_seconds now) {
    auto next = now + kLongestPause;
    for (const auto& [id, session] : parts_.sessions.all()) {
        if (session.expires == std::chrono::sys_seconds{}) continue;
        for (const auto moment : {session.expires - parts_.config.sessions.warn, session.expires})
            if (moment > now) next = std::min(next, moment);
    }
    if (auto timer = parts_.loop.after(next - now, [this] { sweep(); }); timer)
        timer_ = *std::move(timer);
    else
        log(Level::error, "sessions are not watched", {{"reason", timer.error().message}});
}

// Once a session: who renews the credential in time is not told.
void SessionSupervisor::warn(const LoginSession& session, std::chrono::sys_seconds now) {
    const SessionConfig& config = parts_.config.sessions;
    if (config.warn == std::chrono::seconds(0) || session.expires == std::chrono::sys_seconds{}) return;
    if (now < session.expires - config.warn || now >= session.expires) return;
    const auto found = places_.find(session.id);
    if (found == places_.end() || found->second.warned) return;
    if (is_renewed(session, session.expires)) return;
    found->second.warned = true;
    const auto minutes = std::chrono::ceil<std::chrono::minutes>(session.expires - now).count();
    const std::string what = config.at_expiry == AtExpiry::end         ? "this session ends then"
                             : config.at_expiry == AtExpiry::stop_jobs ? "no new job can be started then"
                                                                       : "this session goes on";
    const size_t terminals = write_to_terminals(
        processes_of(session.id), session.uid,
        compose("XtreemOS: the credential of {} ends in {} min; {}. To go on: 'xos login' at your desk, and "
                "connect once more.",
                session.login, minutes, what));
    log(Level::info, "credential about to end",
        {{"user", session.login},
         {"session", std::to_string(session.id)},
         {"expires", format_time(session.expires)},
         {"terminals", std::to_string(terminals)}});
}

void SessionSupervisor::end(uint64_t id, const std::string& reason) {
    const LoginSession* session = parts_.sessions.find(id);
    const auto found = places_.find(id);
    if (session == nullptr || (found != places_.end() && found->second.ending)) return;
    // an end that is not recorded goes on all the same, and is found again by the next sweep where it can be
    if (auto noted = parts_.sessions.note_ending(id, reason); !noted)
        log(Level::error, "end of a session not recorded", {{"reason", noted.error().message}});
    log(Level::notice, "session is ended",
        {{"user", session->login}, {"session", std::to_string(id)}, {"reason", reason}});
    places_.try_emplace(id);
    revoke_key_of(*session);
    write_to_terminals(processes_of(id), session->uid, "XtreemOS: this session is ended: " + reason);
    terminate(id);
}

void SessionSupervisor::terminate(uint64_t id) {
    Place& place = places_.at(id);
    place.ending = true;
    signal_all(id, SIGTERM);
    if (auto timer = parts_.loop.after(kSessionGrace, [this, id] { kill_rest(id); }); timer)
        place.timer = *std::move(timer);
    else
        kill_rest(id);
}

void SessionSupervisor::kill_rest(uint64_t id) {
    const auto found = places_.find(id);
    if (found == places_.end()) return;
    signal_holder(id, SIGKILL);
    if (!found->second.cgroup) return;
    if (auto killed = found->second.cgroup->kill(); !killed)
        log(Level::error, "session not killed",
            {{"session", std::to_string(id)}, {"reason", killed.error().message}});
}

void SessionSupervisor::signal_holder(uint64_t id, int signal) {
    if (const int pidfd = parts_.sessions.pidfd(id); pidfd >= 0) pidfd_send_signal(pidfd, signal, nullptr, 0);
}

// Who forks meanwhile, or does not listen, is met by kill_rest().
void SessionSupervisor::signal_all(uint64_t id, int signal) {
    signal_holder(id, signal);
    const std::string path = cgroup_of(id);
    for (const pid_t pid : processes_of(id)) {
        const UniqueFd process(pidfd_open(pid, 0));
        // asked after the pidfd is held: the number may be another process's since
        if (process && is_inside(read_cgroup_of(pid).value_or(""), path))
            pidfd_send_signal(process.get(), signal, nullptr, 0);
    }
}

void SessionSupervisor::closed(const LoginSession& session, std::string_view how) {
    revoke_key_of(session);
    AuditRecord record = audit_record_of(session, AuditEvent::session_end);
    record.permit = true;
    record.reason = session.ending.empty() ? std::string(how) : session.ending;
    parts_.audit.record(record);
    if (!parts_.audit.is_in_journal())
        log(Level::info, "session closed",
            {{"user", session.login}, {"session", std::to_string(session.id)}, {"reason", record.reason}});
    const uint64_t id = session.id;
    Place& place = places_[id];
    if (place.ending || session.service != "sshd") return;
    // a connection whose session the PAM stack refused after us would stay open, without a shell
    if (auto timer = parts_.loop.after(kSessionGrace, [this, id] { signal_holder(id, SIGTERM); }); timer)
        place.timer = *std::move(timer);
}

// The process that held the session is gone: what is in the cgroup now was left behind.
void SessionSupervisor::exited(const LoginSession& session) {
    Place& place = places_[session.id];
    place.held = false;
    const auto alive = place.cgroup ? place.cgroup->populated() : Outcome<bool>(false);
    if (!alive || !*alive) {
        release(session.id);
        return parts_.sessions.forget(session.id);
    }
    if (place.ending) return;  // kill_rest() is on its way
    place.timer = {};          // closed()'s
    if (parts_.config.sessions.leftovers == Leftovers::end) return terminate(session.id);
    const bool loud = parts_.config.sessions.leftovers == Leftovers::warn;
    log(loud ? Level::warning : Level::info, "processes outlive their session",
        {{"user", session.login},
         {"uid", std::to_string(session.uid)},
         {"session", std::to_string(session.id)},
         {"processes", std::to_string(place.cgroup->members(kListedProcessesMax).size())}});
    parts_.sessions.forget(session.id);
}

}  // namespace xos
