#include "xosd/tracking/container_service.h"

#include <algorithm>
#include <utility>

#include "common/clock.h"
#include "common/log.h"
#include "xosd/tracking/cgroup_file.h"
#include "xosd/tracking/container_name.h"
#include "xosd/tracking/container_place.h"

namespace xos {
namespace {

constexpr std::chrono::seconds kSearchDeadline{10};
constexpr std::chrono::milliseconds kLookPause{200};  // events that were dropped are looked for this often
constexpr char kGone[] = "its cgroup was removed";

struct OpenCgroup {
    UniqueFd directory;
    uint64_t id = 0;
};

Outcome<OpenCgroup> open_with_id(const CgroupTop& top, const std::string& path) {
    auto directory = top.open(path);
    if (!directory) return std::unexpected(directory.error());
    const auto id = cgroup_id(directory->get());
    if (!id) return std::unexpected(id.error());
    return OpenCgroup{*std::move(directory), *id};
}

bool is_of_others(const std::string& binding) {  // of jobs and sessions
    return binding.starts_with("job-") || binding.starts_with("session-");
}

}  // namespace

Outcome<std::unique_ptr<ContainerService>> ContainerService::start(Parts parts,
                                                                   const std::vector<std::string>& patterns) {
    auto top = CgroupTop::find();
    if (!top) return std::unexpected(top.error());
    std::unique_ptr<ContainerService> service(new ContainerService(std::move(parts), *std::move(top)));
    if (auto recovered = service->recover(); !recovered) return std::unexpected(recovered.error());
    service->set_patterns(patterns);
    return service;
}

bool ContainerService::is_there(const TrackedContainer& container) const {
    const auto cgroup = open_with_id(top_, container.cgroup);
    return cgroup && cgroup->id == container.cgroup_id;
}

Outcome<void> ContainerService::need_watch() {
    if (watch_) return {};
    auto watch = ContainerWatch::start(
        parts_.loop, top_,
        {.found = [this](const std::string& path, const CgroupPattern& pattern) { found(path, pattern); },
         .removed = [this](const std::string& path) { removed(path); },
         .overflowed = [this] { look_later(); }});
    if (!watch) return std::unexpected(watch.error());
    watch_ = *std::move(watch);
    watch_->set_patterns(patterns_);
    return {};
}

Outcome<void> ContainerService::recover() {
    auto records = store_.load();
    if (!records) return std::unexpected(records.error());
    const auto bound = parts_.agent.bound_jobs();
    for (const TrackedContainer& container : *records) recover_one(container, bound);
    for (const std::string& name : bound)
        if (!is_of_others(name) && !containers_.contains(name)) (void)parts_.agent.unbind(name);
    return {};
}

void ContainerService::recover_one(const TrackedContainer& container, const std::vector<std::string>& bound) {
    const auto forget = [&](const std::string& why) {
        log(Level::notice, "container no longer tracked",
            {{"container", container.name}, {"cgroup", container.cgroup}, {"reason", why}});
        if (auto gone = store_.remove(container.name); !gone)
            log(Level::error, "record of a container not removed", {{"reason", gone.error().message}});
    };
    if (auto ready = need_watch(); !ready) return forget(ready.error().message);
    if (auto followed = watch_->follow(container.cgroup); !followed) return forget(followed.error().message);
    const auto cgroup = open_with_id(top_, container.cgroup);
    const bool same = cgroup && cgroup->id == container.cgroup_id;
    const auto begun = same && !std::ranges::contains(bound, container.name)
                           ? parts_.agent.bind(container.name, cgroup->directory.get(), container.cgroup)
                           : Outcome<void>();
    if (same && begun) return keep(container);
    watch_->unfollow(container.cgroup);
    forget(same ? begun.error().message : kGone);
}

void ContainerService::set_patterns(const std::vector<std::string>& patterns) {
    patterns_.clear();
    for (const std::string& text : patterns) patterns_.emplace_back(text);
    if (watch_) watch_->set_patterns(patterns_);
    look();
}

const CgroupPattern* ContainerService::match(const std::string& path) const {
    const auto names = split_cgroup_path(path);
    const auto found = std::ranges::find_if(patterns_, [&](const auto& one) { return one.matches(names); });
    return found == patterns_.end() ? nullptr : &*found;
}

// At the start, after a change of the configuration, and where events were dropped.
void ContainerService::look() {
    full_ = false;
    std::vector<std::pair<std::string, const char*>> over;
    for (auto& [name, container] : containers_) {
        const CgroupPattern* const pattern = match(container.cgroup);
        if (!is_there(container))
            over.emplace_back(name, kGone);
        else if (!container.pattern.empty() && pattern == nullptr)
            over.emplace_back(name, "no pattern of the configuration matches it any more");
        else if (!container.pattern.empty())
            container.pattern = pattern->text();
    }
    for (const auto& [name, why] : over) release(name, why);
    if (!watch_ && patterns_.empty()) return;
    if (auto ready = need_watch(); !ready)
        return log(Level::error, "containers not looked for", {{"reason", ready.error().message}});
    watch_->look();
    full_told_ = full_;
}

void ContainerService::look_later() {
    if (on_look_) return;
    auto timer = parts_.loop.after(kLookPause, [this] {
        on_look_ = {};
        look();
    });
    if (timer)
        on_look_ = *std::move(timer);
    else
        log(Level::error, "containers not looked for", {{"reason", timer.error().message}});
}

void ContainerService::found(const std::string& path, const CgroupPattern& pattern) {
    if (names_.contains(path)) return;
    if (containers_.size() >= kContainersMax) {
        full_ = true;
        if (!std::exchange(full_told_, true))
            log(Level::warning, "container not tracked, and no further one",
                {{"cgroup", path}, {"most", std::to_string(kContainersMax)}});
        return;
    }
    const auto tracked = track({.name = {}, .cgroup = path, .pattern = pattern.text(), .since = {}});
    if (!tracked && tracked.error().code != Errc::not_found)  // gone again
        log(Level::notice, "container not tracked", {{"cgroup", path}, {"reason", tracked.error().message}});
}

void ContainerService::removed(const std::string& path) {
    const auto found = names_.find(path);
    if (found != names_.end() && !is_there(containers_.at(found->second)))
        release(std::string(found->second), kGone);
}

Outcome<TrackedContainer> ContainerService::add(const std::string& cgroup, const std::string& name) {
    if (!name.empty() && !is_container_name(name))
        return failure(Errc::invalid, "'{}' cannot name a container: {}", name, kContainerNameRule);
    if (containers_.contains(name))
        return failure(Errc::conflict, "{} is the name of {}: take another", name,
                       containers_.at(name).cgroup);
    if (containers_.size() >= kContainersMax)
        return failure(Errc::unavailable, "{} containers are tracked, which is the most: remove one first",
                       kContainersMax);
    return track({.name = name, .cgroup = cgroup, .pattern = {}, .since = {}});
}

void ContainerService::add_by_id(const std::string& id, const std::string& name, OnAdded done) {
    if (!is_container_id(id)) return done(failure(Errc::invalid, "'{}' is no id of a container", id));
    operations_.run(
        "the search for container " + id, kSearchDeadline, [id] { return find_containers(id); },
        [this, id, name, done](Outcome<std::string> paths) {
            if (!paths) return done(std::unexpected(paths.error()));
            if (paths->empty())
                return done(failure(Errc::not_found,
                                    "no cgroup is that of a container {}: give its path by --cgroup", id));
            if (!paths->contains('\n')) return done(add(*paths, name));
            std::ranges::replace(*paths, '\n', ' ');
            done(failure(Errc::conflict, "several cgroups may be container {}'s: {}: give one by --cgroup",
                         id, *paths));
        });
}

Outcome<void> ContainerService::remove(const std::string& name) {
    const auto container = find(name);
    if (!container) return std::unexpected(container.error());
    if (const CgroupPattern* pattern = match(container->cgroup))
        return failure(Errc::conflict,
                       "{} is tracked because of the pattern {} in node.yaml: take that out and reload", name,
                       pattern->text());
    release(name, "removed by root");
    return {};
}

Outcome<TrackedContainer> ContainerService::find(const std::string& name) const {
    const auto found = containers_.find(name);
    if (found == containers_.end())
        return failure(Errc::not_found, "there is no tracked container {}: 'xos track list' shows them",
                       name);
    return found->second;
}

Outcome<void> ContainerService::snapshot(const std::string& name, AgentClient::OnSnapshot done) {
    if (auto container = find(name); !container) return std::unexpected(container.error());
    return parts_.agent.snapshot(name, std::move(done));
}

// The kernel's filter takes the outermost bound cgroup for the one that an event is of: a binding within
// another would never see an event, one around others would take theirs.
Outcome<void> ContainerService::check_place(const std::string& path) const {
    if (auto right = check_container_place(path, parts_.base); !right) return right;
    const auto check = [&](const std::string& name, const std::string& other) -> Outcome<void> {
        if (path == other) return failure(Errc::exists, "{} is tracked already, as {}", path, name);
        if (is_inside(path, other))
            return failure(Errc::conflict, "{} is inside {}, which is tracked as {} with all below it", path,
                           other, name);
        if (is_inside(other, path))
            return failure(Errc::conflict, "{} is inside {}: remove {} first, or leave its processes to it",
                           other, path, name);
        return {};
    };
    for (const auto& [other, name] : names_)
        if (auto apart = check(name, other); !apart) return apart;
    for (const BoundCgroup& other : parts_.others())
        if (auto apart = check(other.name, other.cgroup); !apart) return apart;
    return {};
}

// Followed before it is opened: a removal in between is told later.
Outcome<TrackedContainer> ContainerService::track(TrackedContainer wanted) {
    if (auto free = check_place(wanted.cgroup); !free) return std::unexpected(free.error());
    if (auto ready = need_watch(); !ready) return std::unexpected(ready.error());
    if (auto followed = watch_->follow(wanted.cgroup); !followed) return std::unexpected(followed.error());
    auto cgroup = open_with_id(top_, wanted.cgroup);
    if (wanted.name.empty()) {
        const auto names = split_cgroup_path(wanted.cgroup);
        const CgroupPattern* const pattern = wanted.pattern.empty() ? nullptr : match(wanted.cgroup);
        wanted.name =
            derive_container_name(names, pattern == nullptr ? names.size() - 1 : pattern->literal_names(),
                                  [this](const std::string& name) { return containers_.contains(name); });
    }
    wanted.since = current_time();
    wanted.cgroup_id = cgroup ? cgroup->id : 0;
    const auto begun = cgroup ? begin(wanted, cgroup->directory.get()) : std::unexpected(cgroup.error());
    if (!begun) {
        watch_->unfollow(wanted.cgroup);
        return std::unexpected(begun.error());
    }
    keep(wanted);
    log(Level::info, "container tracked", {{"container", wanted.name}, {"cgroup", wanted.cgroup}});
    return wanted;
}

// Recorded first: a binding without a record is undone by the next start.
Outcome<void> ContainerService::begin(const TrackedContainer& container, int cgroup) {
    if (auto stored = store_.add(container); !stored) return stored;
    auto bound = parts_.agent.bind(container.name, cgroup, container.cgroup);
    if (bound) return bound;
    if (auto gone = store_.remove(container.name); !gone)
        log(Level::error, "record of a container not removed", {{"reason", gone.error().message}});
    return bound;
}

void ContainerService::keep(const TrackedContainer& container) {
    names_[container.cgroup] = container.name;
    containers_[container.name] = container;
}

void ContainerService::release(const std::string& name, const char* why) {
    const TrackedContainer container = containers_.at(name);
    if (auto gone = store_.remove(name); !gone)
        log(Level::error, "record of a container not removed", {{"reason", gone.error().message}});
    if (auto unbound = parts_.agent.unbind(name); !unbound)
        log(Level::error, "container not unbound",
            {{"container", name}, {"reason", unbound.error().message}});
    watch_->unfollow(container.cgroup);
    names_.erase(container.cgroup);
    containers_.erase(container.name);
    log(Level::info, "container no longer tracked",
        {{"container", container.name}, {"cgroup", container.cgroup}, {"reason", why}});
    if (full_) look_later();
}

}  // namespace xos
