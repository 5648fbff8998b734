#include "xosd/tracking/agent_client.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "xosd/tracking/cgroup_file.h"

namespace xos {
namespace {

constexpr int kEndDeadlineMs = 2000;

}  // namespace

AgentClient::AgentClient(sd_event* event, AgentOptions options, AgentCallbacks callbacks)
    : event_(sd_event_ref(event)), options_(std::move(options)), callbacks_(std::move(callbacks)) {}

AgentClient::~AgentClient() {
    sd_event_source_disable_unref(io_);
    sd_event_source_disable_unref(end_);
    sd_event_source_disable_unref(timer_);
    sd_event_source_disable_unref(adopted_source_);
    sd_event_unref(event_);
}

void AgentClient::queue_bind(const Binding& binding, Bind request) {
    std::vector<std::shared_ptr<const UniqueFd>> fds{binding.cgroup};
    if (binding.journal) fds.push_back(binding.journal);
    queue(std::move(request), std::move(fds));
}

std::vector<std::string> AgentClient::bound_jobs() const {
    std::vector<std::string> jobs;
    for (const auto& [job, binding] : bindings_) jobs.push_back(job);
    return jobs;
}

Outcome<uint32_t> AgentClient::find_free_slot() {
    for (uint32_t tried = 1; tried < XOS_BINDINGS_MAX; ++tried) {
        last_slot_ = last_slot_ + 1 < XOS_BINDINGS_MAX ? last_slot_ + 1 : 1;  // slot 0 is the heartbeat's
        if (!slots_[last_slot_]) return last_slot_;
    }
    return failure(Errc::unavailable, "{} jobs are tracked already; end some first", XOS_BINDINGS_MAX - 1);
}

Outcome<void> AgentClient::bind(const std::string& job, int cgroup, const std::string& path, Extras extras) {
    if (job.empty() || job.size() > kJobNameMax || !path.starts_with('/') || path.size() > kCgroupPathMax)
        return failure(Errc::invalid, "job {} or its cgroup {} is not named as tracking needs it", job, path);
    if (find(job) != nullptr) return failure(Errc::exists, "job {} is tracked already", job);
    const auto id = cgroup_id(cgroup);
    if (!id) return std::unexpected(id.error());
    Binding binding{.cgroup = std::make_shared<const UniqueFd>(fcntl(cgroup, F_DUPFD_CLOEXEC, 0))};
    if (!*binding.cgroup) return failure_errno(errno, "cannot keep the cgroup of job {}", job);
    if (extras.journal) binding.journal = std::make_shared<const UniqueFd>(std::move(extras.journal));
    binding.request = {.cgroup_id = *id, .restored = extras.restored, .job = job, .path = path};
    Bind& request = binding.request;
    // what the kernel has bound already was an earlier xosd's binding of this very cgroup
    if (const auto before = resuming_ ? resources_.filter->find(*id) : std::nullopt;
        before && before->slot < XOS_BINDINGS_MAX) {
        request.slot = before->slot;
        request.serial = before->serial;
        request.resume = true;
        queue_bind(binding, request);
    } else if (auto bound = bind_anew(binding); !bound) {
        return bound;
    }
    slots_[request.slot] = true;
    jobs_[request.serial] = job;
    bindings_[job] = std::move(binding);
    return {};
}

Outcome<void> AgentClient::bind_anew(Binding& binding) {
    const auto slot = find_free_slot();
    if (!slot) return std::unexpected(slot.error());
    binding.request.slot = *slot;
    binding.request.serial = ++last_serial_;
    // before the filter: the agent must find the request when it meets the first event
    queue_bind(binding, binding.request);
    if (!resources_.filter) return {};
    auto bound = resources_.filter->bind(binding.request.cgroup_id, *slot, binding.request.serial);
    if (!bound) queue(Unbind{.serial = binding.request.serial});
    return bound;
}

void AgentClient::keep_journal(const std::string& job, UniqueFd journal) {
    if (Binding* binding = find(job)) binding->journal = std::make_shared<const UniqueFd>(std::move(journal));
}

Outcome<void> AgentClient::watch_main(const std::string& job, pid_t pid) {
    Binding* binding = find(job);
    if (binding == nullptr) return failure(Errc::not_found, "job {} is not tracked", job);
    if (pid <= 0) return failure(Errc::invalid, "{} is no process", pid);
    binding->request.main_pid = pid;
    queue(WatchMain{.serial = binding->request.serial, .pid = pid});
    return {};
}

Outcome<void> AgentClient::unbind(const std::string& job) {
    Binding* binding = find(job);
    if (binding == nullptr) return failure(Errc::not_found, "job {} is not tracked", job);
    const Bind request = binding->request;
    slots_[request.slot] = false;
    jobs_.erase(request.serial);
    bindings_.erase(job);
    queue(Unbind{.serial = request.serial});
    if (resources_.filter) return resources_.filter->unbind(request.cgroup_id);
    return {};
}

Outcome<void> AgentClient::snapshot(const std::string& job, OnSnapshot callback) {
    const Binding* binding = find(job);
    if (binding == nullptr) return failure(Errc::not_found, "job {} is not tracked", job);
    if (!socket_) return failure(Errc::unavailable, "the connector agent is being restarted; ask again");
    const uint32_t request = ++last_request_;
    snapshots_[request] = {.callback = std::move(callback)};
    queue(SnapshotRequest{.serial = binding->request.serial, .request = request});
    return {};
}

void AgentClient::stop() {
    timer_ = sd_event_source_disable_unref(timer_);
    io_ = sd_event_source_disable_unref(io_);
    end_ = sd_event_source_disable_unref(end_);
    socket_.reset();
    if (process_) {
        process_->kill();
        process_->wait(kEndDeadlineMs);
        process_.reset();
    }
    if (options_.keep) options_.keep({}, true);
    fail_snapshots();
    if (resources_.netlink) ignore_proc_connector(resources_.netlink.get());
    unlink(options_.socket_path.c_str());
    resources_ = {};
}

pid_t AgentClient::agent_pid() const {
    return process_ ? process_->pid() : 0;
}

AgentClient::Binding* AgentClient::find(const std::string& job) {
    const auto found = bindings_.find(job);
    return found == bindings_.end() ? nullptr : &found->second;
}

std::string AgentClient::job_of(uint32_t serial) const {
    const auto found = jobs_.find(serial);
    return found == jobs_.end() ? std::string() : found->second;
}

}  // namespace xos
