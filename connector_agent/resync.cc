#include "connector_agent/resync.h"

#include "connector_agent/cgroup_members.h"

namespace xos {
namespace {

constexpr int kReadsMax = 8;

// Reads until two readings agree; a job that never stops forking is taken as the last reading shows it, and
// its events bring the rest.
std::vector<ObservedProcess> observe_members(int cgroup, const ProcessFiles& files, bool& removed) {
    std::vector<ObservedProcess> observed;
    std::vector<int32_t> before;
    for (int reading = 0; reading < kReadsMax; ++reading) {
        auto pids = read_cgroup_members(cgroup);
        if (!pids) {
            removed = pids.error().code == Errc::not_found;
            return removed ? std::vector<ObservedProcess>{} : observed;
        }
        if (reading > 0 && *pids == before) break;
        before = std::move(*pids);
        observed.clear();
        for (const int32_t pid : before)
            if (auto process = files.observe(pid)) observed.push_back(std::move(*process));
    }
    return observed;
}

enum class Whereabouts { gone, inside, outside };

Whereabouts find_whereabouts(const TrackedProcess& process, std::string_view cgroup,
                             const ProcessFiles& files) {
    const auto seen = files.observe(process.pid);
    if (!seen) return Whereabouts::gone;
    constexpr uint64_t kSameStartNs = 2'000'000'000;
    const bool later = process.started_ns != 0 && seen->started_ns > process.started_ns + kSameStartNs;
    if (later) return Whereabouts::gone;  // the pid has a new owner
    const auto path = files.cgroup_path(process.pid);
    if (!path) return Whereabouts::gone;
    return is_inside(*path, cgroup) ? Whereabouts::inside : Whereabouts::outside;
}

}  // namespace

bool is_inside(std::string_view path, std::string_view cgroup) {
    while (cgroup.ends_with('/')) cgroup.remove_suffix(1);
    if (!path.starts_with(cgroup)) return false;
    return path.size() == cgroup.size() || path[cgroup.size()] == '/';
}

ResyncReport resync(Binding& binding, const ProcessFiles& files, uint64_t now_ns,
                    ProcessTree::Changes& changes) {
    ResyncReport report;
    ProcessTree& tree = binding.tree();
    const auto members = observe_members(binding.cgroup(), files, report.cgroup_removed);
    tree.observe(members, now_ns, changes);
    std::vector<int32_t> gone;
    for (const auto& [pid, process] : tree.processes()) {
        if (process.missing_since_ns == 0) {
            ++report.alive;
            continue;
        }
        const Whereabouts where = find_whereabouts(process, binding.request().path, files);
        if (where == Whereabouts::outside && !process.escaped) report.escaped.push_back(pid);
        if (where != Whereabouts::gone) continue;
        if (now_ns - process.missing_since_ns >= kExitEventGraceNs)
            gone.push_back(pid);
        else
            ++report.undecided;
    }
    for (const int32_t pid : report.escaped) tree.mark_escaped(pid);
    for (const int32_t pid : gone) tree.end_unknown(pid, changes);
    report.ended_unknown = static_cast<uint32_t>(gone.size());
    return report;
}

}  // namespace xos
