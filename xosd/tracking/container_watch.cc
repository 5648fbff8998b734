#include "xosd/tracking/container_watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "common/log.h"
#include "xosd/tracking/cgroup_file.h"

namespace xos {
namespace {

constexpr size_t kWatchesMax = 4096;
constexpr size_t kNamesMax = 65536;            // cgroups in one directory that are looked at
constexpr size_t kEventsPerRound = 16 * 1024;  // bytes: other sources of the loop get their turn
constexpr uint32_t kEvents = IN_CREATE | IN_DELETE | IN_ONLYDIR;

std::string parent_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

std::string child_of(const std::string& path, const std::string& name) {
    return (path == "/" ? "" : path) + "/" + name;
}

}  // namespace

Outcome<std::unique_ptr<ContainerWatch>> ContainerWatch::start(EventLoop& loop, const CgroupTop& top,
                                                               Listener listener) {
    std::unique_ptr<ContainerWatch> watch(new ContainerWatch(top, std::move(listener)));
    watch->inotify_.reset(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!watch->inotify_)
        return failure_errno(errno, "cannot watch the cgroup tree; see fs.inotify in sysctl(8)");
    auto source = loop.watch_fd(watch->inotify_.get(), EPOLLIN,
                                [self = watch.get()](uint32_t) { self->read_events(); });
    if (!source) return std::unexpected(source.error());
    watch->on_events_ = *std::move(source);
    return watch;
}

void ContainerWatch::read_events() {
    alignas(inotify_event) std::array<char, kEventsPerRound> buffer;
    const ssize_t size = read(inotify_.get(), buffer.data(), buffer.size());
    bool overflow = false;
    for (ssize_t at = 0; at < size;) {
        inotify_event event{};
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const char* const name = buffer.data() + at + sizeof event;
        at += static_cast<ssize_t>(sizeof event + event.len);
        if ((event.mask & IN_Q_OVERFLOW) != 0)
            overflow = true;
        else
            handle(event.wd, event.mask, std::string(name, strnlen(name, event.len)));
    }
    if (overflow) listener_.overflowed();
}

void ContainerWatch::handle(int number, uint32_t mask, const std::string& name) {
    const auto found = directories_.find(number);
    if (found == directories_.end()) return;  // the last events of a watch that was dropped
    const std::string path = found->second.path;
    if ((mask & IN_IGNORED) != 0) return forget(path);
    if ((mask & IN_ISDIR) == 0) return;
    const std::string child = child_of(path, name);
    if ((mask & IN_DELETE) != 0) {
        forget(child);
        return listener_.removed(child);
    }
    if (found->second.look == 0) return;
    std::vector<std::string> names = split_cgroup_path(path);
    consider(path, name, names);
}

void ContainerWatch::look() {
    ++look_;
    short_told_ = false;
    if (!patterns_.empty()) {
        const auto top = top_.open("/");
        std::vector<std::string> names;
        if (top)
            visit(top->get(), "/", names);
        else
            log(Level::error, "containers not looked for", {{"reason", top.error().message}});
    }
    forget_idle();
}

// Watched first, then listed: what is made in between is met twice, and never missed.
void ContainerWatch::visit(int directory, const std::string& path, std::vector<std::string>& names) {
    const auto watched = watch(directory, path);
    if (watched)
        (*watched)->look = look_;
    else if (!std::exchange(short_told_, true))
        log(Level::error, "new containers will be missed",
            {{"cgroup", path}, {"reason", watched.error().message}});
    const auto children = list_cgroups(directory, kNamesMax);
    if (!children) return;
    if (children->size() == kNamesMax)
        log(Level::warning, "cgroup has more than are looked at",
            {{"cgroup", path}, {"most", std::to_string(kNamesMax)}});
    for (const std::string& name : *children) consider(path, name, names);
}

void ContainerWatch::consider(const std::string& parent, const std::string& name,
                              std::vector<std::string>& names) {
    names.push_back(name);
    const std::string path = child_of(parent, name);
    const auto match = std::ranges::find_if(patterns_, [&](const auto& one) { return one.matches(names); });
    if (match != patterns_.end()) listener_.found(path, *match);
    if (std::ranges::any_of(patterns_, [&](const auto& one) { return one.leads_through(names); }))
        if (const auto child = top_.open(path)) visit(child->get(), path, names);
    names.pop_back();
}

Outcome<ContainerWatch::Directory*> ContainerWatch::watch(int directory, const std::string& path) {
    const auto known = numbers_.find(path);
    if (known == numbers_.end() && directories_.size() >= kWatchesMax)
        return failure(Errc::unavailable,
                       "{} directories of the cgroup tree are watched already: take narrower patterns",
                       kWatchesMax);
    const int number =
        inotify_add_watch(inotify_.get(), compose("/proc/self/fd/{}", directory).c_str(), kEvents);
    if (number < 0) {
        auto why = failure_errno(errno, "cannot watch the cgroup {} (fs.inotify.max_user_watches)", path);
        why.error().code = Errc::unavailable;
        return why;
    }
    // met again, or another directory has that path by now: who is followed in it stays
    Directory entry{.path = path};
    if (known != numbers_.end()) {
        entry = directories_.at(known->second);
        if (known->second != number) forget(path);
    }
    numbers_[path] = number;
    return &(directories_[number] = std::move(entry));
}

Outcome<void> ContainerWatch::follow(const std::string& path) {
    const std::string parent = parent_of(path);
    const auto directory = top_.open(parent);
    if (!directory) return std::unexpected(directory.error());
    const auto watched = watch(directory->get(), parent);
    if (!watched) return std::unexpected(watched.error());
    ++(*watched)->followed;
    return {};
}

void ContainerWatch::unfollow(const std::string& path) {
    const auto known = numbers_.find(parent_of(path));
    if (known == numbers_.end()) return;  // it went with what was in it
    Directory& directory = directories_.at(known->second);
    if (directory.followed > 0) --directory.followed;
    if (directory.followed == 0 && directory.look == 0) forget(known->first);
}

void ContainerWatch::forget(const std::string& path) {
    const auto known = numbers_.find(path);
    if (known == numbers_.end()) return;
    inotify_rm_watch(inotify_.get(), known->second);
    directories_.erase(known->second);
    numbers_.erase(known);
}

// After a look: directories through which no pattern leads any more.
void ContainerWatch::forget_idle() {
    std::vector<std::string> idle;
    for (auto& [number, directory] : directories_) {
        if (directory.look != look_) directory.look = 0;
        if (directory.look == 0 && directory.followed == 0) idle.push_back(directory.path);
    }
    for (const std::string& path : idle) forget(path);
}

}  // namespace xos
