#include "connector_agent/resync.h"

#include <poll.h>

#include <algorithm>
#include <vector>

#include "connector_agent/cgroup_members.h"

namespace xos {
namespace {

constexpr int kReadsMax = 8;

// Reads until two readings agree; a job that never stops forking is taken as the last reading shows it, and
// its events bring the rest.
std::vector<int32_t> read_members(int cgroup) {
    std::vector<int32_t> before;
    for (int reading = 0; reading < kReadsMax; ++reading) {
        auto pids = read_cgroup_members(cgroup);
        if (!pids) return pids.error().code == Errc::not_found ? std::vector<int32_t>{} : before;
        if (reading > 0 && *pids == before) break;
        before = std::move(*pids);
    }
    return before;
}

// Of those that are held, who is over: sorted pids, by one system call.
std::vector<int32_t> find_over(const ProcessTree& tree) {
    std::vector<pollfd> polls;
    std::vector<int32_t> pids, over;
    for (const auto& [pid, process] : tree.processes()) {
        if (!process.pidfd) continue;
        polls.push_back({.fd = process.pidfd.get(), .events = POLLIN});
        pids.push_back(pid);
    }
    if (poll(polls.data(), polls.size(), 0) > 0)
        for (size_t i = 0; i < polls.size(); ++i)
            if (polls[i].revents != 0) over.push_back(pids[i]);
    std::ranges::sort(over);
    return over;
}

enum class Whereabouts { gone, inside, outside };

Whereabouts find_whereabouts(const TrackedProcess& process, std::string_view cgroup,
                             const ProcessFiles& files) {
    if (process.pidfd) {
        if (is_over(process.pidfd.get())) return Whereabouts::gone;
    } else {
        const auto seen = files.observe(process.pid);
        if (!seen || !is_same(process, *seen)) return Whereabouts::gone;  // the pid may have a new owner
    }
    const auto path = files.cgroup_path(process.pid);
    if (!path) return Whereabouts::gone;
    return is_inside(*path, cgroup) ? Whereabouts::inside : Whereabouts::outside;
}

// By its pidfd; else by the last thread of which an event came, where it cannot be that the leader's is
// missing.
std::optional<int32_t> find_status(const TrackedProcess& process) {
    if (process.pidfd)
        if (const auto status = ask_exit_status(process.pidfd.get())) return status;
    return process.leader_alive ? std::nullopt : process.last_status;
}

}  // namespace

bool is_inside(std::string_view path, std::string_view cgroup) {
    while (cgroup.ends_with('/')) cgroup.remove_suffix(1);
    if (!path.starts_with(cgroup)) return false;
    return path.size() == cgroup.size() || path[cgroup.size()] == '/';
}

uint32_t resync(Binding& binding, const ProcessFiles& files, uint64_t now_ns, bool doubt,
                ProcessTree::Changes& changes) {
    uint32_t undecided = 0;
    ProcessTree& tree = binding.tree();
    const std::vector<int32_t> members = read_members(binding.cgroup());
    tree.begin_reading(now_ns);
    const std::vector<int32_t> over = find_over(tree);
    for (const int32_t pid : members) {
        const TrackedProcess* known = tree.find(pid);
        if (known != nullptr && known->pidfd && !std::ranges::binary_search(over, pid))
            tree.see(pid, doubt, changes);
        else if (auto seen = files.observe(pid))
            tree.observe(std::move(*seen), doubt, changes);
    }
    std::vector<int32_t> gone, inside, escaped;
    for (const auto& [pid, process] : tree.processes()) {
        if (process.missing_since_ns == 0) continue;
        const Whereabouts where = find_whereabouts(process, binding.request().path, files);
        if (where == Whereabouts::inside) inside.push_back(pid);
        if (where == Whereabouts::outside) escaped.push_back(pid);
        if (where != Whereabouts::gone) continue;
        if (now_ns - process.missing_since_ns >= kExitEventGraceNs)
            gone.push_back(pid);
        else
            ++undecided;
    }
    for (const int32_t pid : inside) tree.see(pid, doubt, changes);
    for (const int32_t pid : escaped) tree.mark_escaped(pid, changes);
    for (const int32_t pid : gone) tree.end(pid, find_status(*tree.find(pid)), changes);
    return undecided;
}

bool settle_unsure(Binding& binding, const ProcessFiles& files, uint64_t now_ns) {
    ProcessTree& tree = binding.tree();
    bool gone = false;
    for (const int32_t pid : tree.take_unsure()) {
        const TrackedProcess* process = tree.find(pid);
        if (process == nullptr) continue;
        const auto seen = files.observe(pid);
        if (seen && is_same(*process, *seen)) {
            tree.correct_threads(*seen);
            continue;
        }
        tree.miss(pid, now_ns);
        gone = true;
    }
    return gone;
}

}  // namespace xos
