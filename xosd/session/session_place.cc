#include "xosd/session/session_place.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "common/log.h"
#include "xosd/job/job_limits.h"
#include "xosd/tracking/cgroup_file.h"

namespace xos {
namespace {

constexpr std::string_view kNamePrefix = "session-";

// A scope that logind made for a session: .../session-3.scope, session-c1.scope (systemd:
// org.freedesktop.login1).
bool is_session_scope(std::string_view path) {
    const std::string_view name = path.substr(path.rfind('/') + 1);
    return name.starts_with(kNamePrefix) && name.ends_with(".scope");
}

Outcome<JobCgroup> open_path(const std::string& path) {
    const size_t slash = path.rfind('/');
    const auto parent = open_cgroup(slash == 0 ? "/" : path.substr(0, slash));
    if (!parent) return std::unexpected(parent.error());
    return JobCgroup::open(CgroupParent{parent->get(), path.substr(0, slash)}, path.substr(slash + 1));
}

}  // namespace

std::optional<uint64_t> parse_session_name(std::string_view name) {
    if (!name.starts_with(kNamePrefix)) return std::nullopt;
    name.remove_prefix(kNamePrefix.size());
    uint64_t id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc{} || end != name.data() + name.size() || id == 0) return std::nullopt;
    return id;
}

AuditRecord audit_record_of(const LoginSession& session, AuditEvent event) {
    return {.event = event,
            .login = session.login,
            .uid = session.uid,
            .serial = session.serial,
            .fingerprint = session.fingerprint,
            .remote = session.remote,
            .service = session.service,
            .session = session.id};
}

Outcome<void> SessionSupervisor::check_limits(const Limits& limits) const {
    if (parts_.cgroups == nullptr) return {};
    return can_hold(limits, parts_.cgroups->controllers);
}

// Whether path lies in the cgroup of another open session of the same user.
bool SessionSupervisor::is_nested(const LoginSession& session, const std::string& path) const {
    return std::ranges::any_of(places_, [&](const auto& entry) {
        const LoginSession* other = parts_.sessions.find(entry.first);
        return other != nullptr && other->uid == session.uid && entry.second.cgroup &&
               is_inside(path, entry.second.cgroup->path());
    });
}

Outcome<void> SessionSupervisor::admit(uint64_t id, const Limits& limits) {
    const LoginSession* session = parts_.sessions.find(id);
    if (session == nullptr) return failure(Errc::not_found, "there is no session {}", id);
    places_.try_emplace(id);
    schedule(session->opened);
    // the user manager's processes are systemd's, in user@UID.service
    if (parts_.cgroups == nullptr || session->service == kUserManagerService) return {};
    const auto path = read_cgroup_of(session->pid);
    if (!path) return std::unexpected(path.error());
    if (is_nested(*session, *path)) return {};
    auto made = JobCgroup::make(parts_.cgroups->sessions_parent(), session_name(id));
    if (!made) return std::unexpected(made.error());
    auto cgroup = std::make_unique<JobCgroup>(*std::move(made));
    const JobCgroup& taken = *cgroup;
    // first of all, so that it is removed with the session whatever fails
    if (auto done = take_cgroup(id, std::move(cgroup), true, true); !done) return done;
    if (auto held = hold_limits(taken, limits); !held) return held;
    return taken.add(session->pid);
}

Outcome<void> SessionSupervisor::take_cgroup(uint64_t id, std::unique_ptr<JobCgroup> cgroup, bool own,
                                             bool must_bind) {
    Place& place = places_[id];
    if (parts_.agent != nullptr && must_bind) {
        if (place.bound) (void)parts_.agent->unbind(session_name(id));
        const auto bound = parts_.agent->bind(session_name(id), cgroup->fd(), cgroup->path());
        place.bound = bound.has_value();
        if (!bound)
            log(Level::error, "session not tracked",
                {{"session", std::to_string(id)}, {"reason", bound.error().message}});
    }
    place.cgroup = std::move(cgroup);
    place.own = own;
    place.on_change = {};
    place.events.reset(openat(place.cgroup->fd(), "cgroup.events", O_RDONLY | O_CLOEXEC));
    if (!place.events) return failure_errno(errno, "cannot watch the cgroup {}", place.cgroup->path());
    auto source = parts_.loop.watch_fd(place.events.get(), EPOLLPRI | EPOLLET,
                                       [this, id](uint32_t) { cgroup_changed(id); });
    if (!source) return std::unexpected(source.error());
    place.on_change = *std::move(source);
    char text[256];
    (void)!pread(place.events.get(), text, sizeof text, 0);  // arms it (kernfs)
    return {};
}

// The process that opened the session has left our cgroup: for a scope of logind's, or it is root's doing.
void SessionSupervisor::find_scope(uint64_t id) {
    const LoginSession* session = parts_.sessions.find(id);
    const auto found = places_.find(id);
    if (session == nullptr || found == places_.end() || !found->second.own) return;
    const auto path = read_cgroup_of(session->pid);
    if (!path || !is_session_scope(*path)) return;
    auto scope = open_path(*path);
    if (!scope) return;
    std::unique_ptr<JobCgroup> old = std::move(found->second.cgroup);
    if (auto taken = take_cgroup(id, std::make_unique<JobCgroup>(*std::move(scope)), false, true); !taken)
        log(Level::error, "scope of a session not watched",
            {{"session", std::to_string(id)}, {"reason", taken.error().message}});
    if (auto noted = parts_.sessions.note_cgroup(id, *path); !noted)
        log(Level::error, "scope of a session not recorded", {{"reason", noted.error().message}});
    (void)old->remove();
}

void SessionSupervisor::cgroup_changed(uint64_t id) {
    const auto found = places_.find(id);
    if (found == places_.end() || !found->second.cgroup) return;
    char text[256];
    (void)!pread(found->second.events.get(), text, sizeof text, 0);
    const auto alive = found->second.cgroup->populated();
    if (alive && *alive) return;
    if (found->second.held) return find_scope(id);
    release(id);
    parts_.sessions.forget(id);
}

// Nothing of it is left, or what is left is not ours to watch.
void SessionSupervisor::release(uint64_t id) {
    auto node = places_.extract(id);
    if (!node) return;
    Place& place = node.mapped();
    if (place.bound && parts_.agent != nullptr) (void)parts_.agent->unbind(session_name(id));
    if (!place.cgroup || !place.own) return;
    if (auto removed = place.cgroup->remove(); !removed)
        log(Level::warning, "cgroup of a session not removed",
            {{"session", std::to_string(id)}, {"reason", removed.error().message}});
}

// After a restart: sessions that go on, and what ended ones left behind.
void SessionSupervisor::recover() {
    if (parts_.cgroups == nullptr) return;
    const auto bound = parts_.agent != nullptr ? parts_.agent->bound_jobs() : std::vector<std::string>();
    const auto is_bound = [&](uint64_t id) { return std::ranges::contains(bound, session_name(id)); };
    const auto adopt = [&](uint64_t id, Outcome<JobCgroup> cgroup, bool own) {
        Place& place = places_[id];
        place.bound = is_bound(id);
        if (!cgroup) return;
        (void)take_cgroup(id, std::make_unique<JobCgroup>(*std::move(cgroup)), own, !place.bound);
    };
    for (const auto& [id, session] : parts_.sessions.all()) {
        if (!session.cgroup.empty())
            adopt(id, open_path(session.cgroup), false);
        else
            adopt(id, JobCgroup::open(parts_.cgroups->sessions_parent(), session_name(id)), true);
        cgroup_changed(id);
    }
    const auto left = list_cgroups(parts_.cgroups->sessions.get());
    if (!left) log(Level::error, "left-over sessions not looked for", {{"reason", left.error().message}});
    for (const std::string& name : left.value_or(std::vector<std::string>())) {
        const auto id = parse_session_name(name);
        if (!id || places_.contains(*id)) continue;
        adopt(*id, JobCgroup::open(parts_.cgroups->sessions_parent(), name), true);
        places_.at(*id).held = false;
        cgroup_changed(*id);
    }
    for (const std::string& name : bound)
        if (const auto id = parse_session_name(name); id && !places_.contains(*id))
            (void)parts_.agent->unbind(name);
}

std::string SessionSupervisor::cgroup_of(uint64_t id) const {
    const auto found = places_.find(id);
    return found == places_.end() || !found->second.cgroup ? "" : found->second.cgroup->path();
}

std::vector<pid_t> SessionSupervisor::processes_of(uint64_t id) const {
    const auto found = places_.find(id);
    if (found == places_.end() || !found->second.cgroup) return {};
    return found->second.cgroup->members(kListedProcessesMax);
}

Outcome<void> SessionSupervisor::snapshot(uint64_t id, AgentClient::OnSnapshot done) {
    const auto found = places_.find(id);
    if (found == places_.end() || !found->second.bound)
        return failure(Errc::not_found, "session {} has no cgroup of its own", id);
    return parts_.agent->snapshot(session_name(id), std::move(done));
}

}  // namespace xos
